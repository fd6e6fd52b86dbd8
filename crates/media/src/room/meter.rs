//! How much a stream takes, and whether it flows.

use std::time::{Duration, Instant};

/// Rates are means over so long. Shorter windows see the size of single key frames.
const WINDOW: Duration = Duration::from_secs(1);

/// A layer from which nothing came for so long is taken as not sent: browsers stop layers for which
/// they lack bandwidth or CPU, without a word. Longer than the gap between two pictures at 2 fps.
const SILENT_AFTER: Duration = Duration::from_millis(1_500);

/// Counts the bytes of a stream.
#[derive(Debug, Default)]
pub(super) struct Meter {
    window: Option<(Instant, u64)>,
    bps: u64,
    last: Option<Instant>,
}

impl Meter {
    pub(super) fn count(&mut self, bytes: usize, now: Instant) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        if !self.is_flowing(now) {
            self.window = None;
        }
        self.last = Some(now);
        let (since, counted) = self.window.get_or_insert((now, 0));
        *counted += bytes;
        let passed = now.saturating_duration_since(*since);
        if passed >= WINDOW {
            let bits = u128::from(*counted) * 8 * 1_000_000;
            self.bps = u64::try_from(bits / passed.as_micros()).unwrap_or(u64::MAX);
            self.window = Some((now, 0));
        }
    }

    /// Bits per second of the last full second; of the first second, what has come so far.
    pub(super) fn bps(&self) -> u64 {
        if self.bps > 0 {
            return self.bps;
        }
        self.window.map_or(0, |(_, bytes)| bytes * 8)
    }

    pub(super) fn is_flowing(&self, now: Instant) -> bool {
        self.last.is_some_and(|last| now.saturating_duration_since(last) < SILENT_AFTER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_the_mean_of_a_second() {
        let start = Instant::now();
        let mut meter = Meter::default();
        assert!(!meter.is_flowing(start));
        for ms in (0..=1_000).step_by(10) {
            meter.count(1_250, start + Duration::from_millis(ms));
        }
        let bps = meter.bps();
        assert!((990_000..=1_010_000).contains(&bps), "{bps}");
        assert!(meter.is_flowing(start + Duration::from_millis(2_499)));
        assert!(!meter.is_flowing(start + Duration::from_millis(2_500)));
        // A stream that comes back is not measured across the silence.
        let back = start + Duration::from_secs(10);
        for ms in (0..=1_000).step_by(10) {
            meter.count(125, back + Duration::from_millis(ms));
        }
        let bps = meter.bps();
        assert!((99_000..=101_000).contains(&bps), "{bps}");
    }
}
