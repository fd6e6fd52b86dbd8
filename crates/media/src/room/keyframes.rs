//! When a sender is asked for a key frame.

use std::time::{Duration, Instant};

/// A stream is asked for a key frame at most so often. A key frame is several times as large as
/// another; many receivers that join or lose at once are all served by one.
pub(super) const KEY_FRAME_INTERVAL: Duration = Duration::from_millis(500);

/// Coalesces the requests of many receivers for the key frames of one stream.
#[derive(Debug, Default)]
pub(super) struct KeyFrames {
    asked_at: Option<Instant>,
    /// Somebody still needs one that the last request may not bring.
    is_needed: bool,
}

impl KeyFrames {
    /// Somebody needs a key frame: whether to ask now. If not, [`Self::is_due`] says so later,
    /// unless a key frame comes before.
    pub(super) fn ask(&mut self, now: Instant) -> bool {
        self.is_needed = true;
        self.is_due(now)
    }

    /// Whether to ask now for what was not asked before.
    pub(super) fn is_due(&mut self, now: Instant) -> bool {
        let may =
            self.asked_at.is_none_or(|at| now.saturating_duration_since(at) >= KEY_FRAME_INTERVAL);
        if !self.is_needed || !may {
            return false;
        }
        self.asked_at = Some(now);
        self.is_needed = false;
        true
    }

    /// A key frame came.
    pub(super) fn arrived(&mut self) {
        self.is_needed = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_coalesced() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut keys = KeyFrames::default();
        assert!(!keys.is_due(at(0)), "nobody asked");
        assert!(keys.ask(at(0)));
        assert!(!keys.ask(at(1)), "one is on its way");
        keys.arrived();
        assert!(!keys.is_due(at(600)), "that one served both");

        assert!(keys.ask(at(700)));
        keys.arrived();
        assert!(!keys.ask(at(800)), "lost, but too soon to ask again");
        assert!(!keys.is_due(at(1_199)));
        assert!(keys.is_due(at(1_200)), "asked when it may be");
        assert!(!keys.is_due(at(1_300)));
        assert!(!keys.ask(at(1_300)), "the request or the frame may be lost");
        assert!(keys.is_due(at(1_700)), "so it is asked for again");
    }
}
