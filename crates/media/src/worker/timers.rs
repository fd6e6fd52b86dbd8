//! The next call each peer and room wants, in one heap.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

use crate::room::Timer;

#[derive(Debug, Default)]
pub(super) struct Timers {
    heap: BinaryHeap<Reverse<(Instant, Timer)>>,
}

impl Timers {
    pub(super) fn add(&mut self, at: Instant, timer: Timer) {
        self.heap.push(Reverse((at, timer)));
    }

    /// When the next one is due.
    pub(super) fn next(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((at, _))| *at)
    }

    /// Takes the next one, if it is due.
    pub(super) fn due(&mut self, now: Instant) -> Option<(Instant, Timer)> {
        self.next().filter(|at| *at <= now)?;
        self.heap.pop().map(|Reverse(entry)| entry)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::keys::RoomKey;

    #[test]
    fn timers_come_in_their_order_and_not_before() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let room = |key| Timer::Room(RoomKey(key));
        let mut timers = Timers::default();
        assert_eq!(timers.due(at(100)), None);
        for (ms, key) in [(20, 2), (10, 1), (30, 3)] {
            timers.add(at(ms), room(key));
        }
        assert_eq!(timers.next(), Some(at(10)));
        assert_eq!(timers.due(at(9)), None);
        assert_eq!(timers.due(at(25)), Some((at(10), room(1))));
        assert_eq!(timers.due(at(25)), Some((at(20), room(2))));
        assert_eq!(timers.due(at(25)), None);
    }
}
