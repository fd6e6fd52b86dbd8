//! What receivers got of what was sent.

use std::collections::BTreeMap;

use super::content::Mark;
use crate::load::latencies::Stage;

/// What has come of the streams of a window.
#[derive(Debug, Default)]
pub(super) struct Tally {
    window: u32,
    came: BTreeMap<(usize, u32), Came>,
    /// From the moment a packet was written until it was read and decrypted.
    pub(super) delays: Stage,
    pub(super) packets: u64,
    /// Of their payloads.
    pub(super) bytes: u64,
}

/// Which packets of a stream came to one receiver: a bit each.
#[derive(Debug, Default)]
struct Came {
    bits: Vec<u64>,
    count: u64,
}

impl Tally {
    /// Of a window, before anything has come.
    pub(super) fn of(window: u32) -> Self {
        Self { window, ..Self::default() }
    }

    /// Counts a packet that came to `receiver`; one that came twice counts once.
    pub(super) fn note(&mut self, receiver: usize, mark: Mark, bytes: usize, now_ns: u64) {
        if mark.window != self.window || self.window == 0 {
            return;
        }
        let came = self.came.entry((receiver, mark.stream)).or_default();
        let (word, bit) = (mark.number as usize / 64, 1 << (mark.number % 64));
        if came.bits.len() <= word {
            came.bits.resize(word + 1, 0);
        }
        if came.bits[word] & bit != 0 {
            return;
        }
        came.bits[word] |= bit;
        came.count += 1;
        self.packets += 1;
        self.bytes += bytes as u64;
        let took = now_ns.saturating_sub(mark.at_ns);
        self.delays.record(std::time::Duration::from_nanos(took));
    }

    /// How many of `sent` packets of a stream did not come to a receiver.
    pub(super) fn lost(&self, receiver: usize, stream: u32, sent: u32) -> u64 {
        let came = self.came.get(&(receiver, stream)).map_or(0, |came| came.count);
        u64::from(sent).saturating_sub(came)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_is_counted_once_and_what_did_not_is_lost() {
        let mut tally = Tally::of(2);
        let mark = |number, window| Mark { at_ns: 10, stream: 4, number, window };
        for (number, window) in [(0, 2), (70, 2), (70, 2), (1, 1), (3, 0)] {
            tally.note(1, mark(number, window), 100, 1_010);
        }
        assert_eq!((tally.packets, tally.bytes), (2, 200));
        assert_eq!(tally.lost(1, 4, 71), 69);
        assert_eq!(tally.lost(2, 4, 5), 5, "nothing came there");
    }
}
