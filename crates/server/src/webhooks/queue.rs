//! What is delivered when: the order within each call, tries and pauses, and what is given up. It
//! does no I/O, and time is handed in.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use bellwire_core::{CallId, Timestamp};
use serde::{Deserialize, Serialize};

/// Events that were read and are neither delivered nor parked. More are not read: the feed is the
/// queue of a receiver that is down.
const OPEN_MAX: usize = 256;
/// Events that may be parked. With so many the receiver is waited for as if it were down.
const PARKED_MAX: usize = 1_000;
/// Dead deliveries that are kept; the oldest go.
pub(super) const DEAD_MAX: usize = 1_000;
/// Posts at a time.
const AT_ONCE: usize = 32;
/// Failures in a row after which the receiver counts as down, and is tried with one event at a
/// time.
const DOWN: u32 = 5;
/// Tries after which an event is parked if others get through, so that it holds up only its call.
const PARK: u32 = 3;
/// Older events that fail are given up, in milliseconds.
const GIVE_UP_MS: u64 = 24 * 3_600 * 1_000;
/// Pauses after the first tries, in milliseconds; the last for all others.
const PAUSES_MS: [u64; 8] = [1_000, 5_000, 15_000, 60_000, 300_000, 600_000, 1_800_000, 3_600_000];

/// An event on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) position: u64,
    pub(super) call: CallId,
    pub(super) seq: u64,
    pub(super) at: Timestamp,
    /// What is posted.
    pub(super) body: std::sync::Arc<str>,
}

/// An event that is dealt with.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Done {
    pub(super) call: CallId,
    pub(super) seq: u64,
    /// Whether it was given up.
    pub(super) is_dead: bool,
}

/// A delivery that was given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Dead {
    pub(super) position: u64,
    pub(super) call: CallId,
    pub(super) seq: u64,
    /// When it was given up.
    pub(super) at: Timestamp,
    /// What the last try met.
    pub(super) why: String,
}

/// An event that waits beside the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Parked {
    pub(super) position: u64,
    pub(super) tries: u32,
}

/// What outlasts the process.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Kept {
    /// Everything up to here is delivered, dead, or parked.
    pub(super) cursor: u64,
    pub(super) parked: Vec<Parked>,
    pub(super) dead: VecDeque<Dead>,
}

/// The events of one call that are not delivered, the oldest first.
#[derive(Debug, Default)]
struct Line {
    items: VecDeque<Item>,
    /// Tries of the first.
    tries: u32,
    /// Deliveries to this receiver when the first try of the first failed.
    delivered_then: u64,
    is_parked: bool,
}

/// The deliveries of one receiver.
#[derive(Debug)]
pub(super) struct Queue {
    read: u64,
    lines: HashMap<CallId, Line>,
    /// Calls whose first event may be posted.
    ready: VecDeque<CallId>,
    /// Calls whose first event waits for its next try, by when.
    waiting: BTreeMap<(u64, u64), CallId>,
    open: BTreeSet<u64>,
    parked: BTreeSet<u64>,
    dead: VecDeque<Dead>,
    posting: usize,
    failures: u32,
    /// Nothing is posted before, in Unix milliseconds.
    rests_until: u64,
    delivered: u64,
}

impl Queue {
    pub(super) fn new(kept: &Kept) -> Self {
        Self {
            read: kept.cursor,
            lines: HashMap::new(),
            ready: VecDeque::new(),
            waiting: BTreeMap::new(),
            open: BTreeSet::new(),
            parked: BTreeSet::new(),
            dead: kept.dead.clone(),
            posting: 0,
            failures: 0,
            rests_until: 0,
            delivered: 0,
        }
    }

    /// How far the feed has been read.
    pub(super) fn read(&self) -> u64 {
        self.read
    }

    /// How many more events may be offered.
    pub(super) fn room(&self) -> usize {
        if self.parked.len() >= PARKED_MAX {
            return 0;
        }
        OPEN_MAX.saturating_sub(self.open.len())
    }

    /// Everything up to here has been read; what was not offered is of no interest.
    pub(super) fn read_to(&mut self, position: u64) {
        self.read = self.read.max(position);
    }

    /// Takes an event from the feed.
    pub(super) fn offer(&mut self, item: Item) {
        self.read_to(item.position);
        let (call, position) = (item.call, item.position);
        let line = self.lines.entry(call).or_default();
        line.items.push_back(item);
        if line.is_parked {
            self.parked.insert(position);
        } else {
            self.open.insert(position);
        }
        if self.lines[&call].items.len() == 1 {
            self.ready.push_back(call);
        }
    }

    /// Takes back an event that was parked when the process ended, or that was dead.
    pub(super) fn put_back(&mut self, item: Item, tries: u32) {
        let (call, position) = (item.call, item.position);
        self.dead.retain(|dead| dead.position != position);
        let line = self.lines.entry(call).or_default();
        if line.items.is_empty() {
            line.is_parked = true;
            line.tries = tries;
            self.ready.push_back(call);
        }
        line.items.push_back(item);
        if line.is_parked {
            self.parked.insert(position);
        } else {
            self.open.insert(position);
        }
    }

    /// The next event to post, if one may be posted now.
    pub(super) fn take(&mut self, now: Timestamp) -> Option<Item> {
        while let Some((&(due, position), &call)) = self.waiting.first_key_value() {
            if due > now.0 {
                break;
            }
            self.waiting.remove(&(due, position));
            self.ready.push_back(call);
        }
        if self.posting >= self.at_once() || now.0 < self.rests_until {
            return None;
        }
        let call = self.ready.pop_front()?;
        let item = self.lines.get(&call)?.items.front()?.clone();
        self.posting += 1;
        Some(item)
    }

    /// When something may be posted that may not be now.
    pub(super) fn due(&self) -> Option<Timestamp> {
        if self.posting >= self.at_once() {
            return None;
        }
        let waiting = self.waiting.first_key_value().map(|((due, _), _)| *due);
        let resting = (!self.ready.is_empty()).then_some(self.rests_until);
        let due = waiting.into_iter().chain(resting).min()?;
        Some(Timestamp(due.max(self.rests_until)))
    }

    fn at_once(&self) -> usize {
        if self.failures >= DOWN { 1 } else { AT_ONCE }
    }

    /// What became of the event of `call` that was posted; the event, if it is dealt with.
    pub(super) fn settle(
        &mut self,
        call: CallId,
        result: Result<(), String>,
        now: Timestamp,
    ) -> Option<Done> {
        self.posting = self.posting.saturating_sub(1);
        match result {
            Ok(()) => {
                self.failures = 0;
                self.rests_until = 0;
                self.delivered += 1;
                self.pop(call, false)
            }
            Err(why) => self.failed(call, why, now),
        }
    }

    fn failed(&mut self, call: CallId, why: String, now: Timestamp) -> Option<Done> {
        self.failures = self.failures.saturating_add(1);
        let delivered = self.delivered;
        let line = self.lines.get_mut(&call)?;
        let first = line.items.front()?;
        if self.failures >= DOWN {
            self.rests_until = now.0 + pause(self.failures - DOWN, first.position);
        }
        if now.since_ms(first.at) >= GIVE_UP_MS {
            let Item { position, call, seq, .. } = *first;
            self.dead.push_back(Dead { position, call, seq, at: now, why });
            while self.dead.len() > DEAD_MAX {
                self.dead.pop_front();
            }
            return self.pop(call, true);
        }
        if line.tries == 0 {
            line.delivered_then = delivered;
        }
        line.tries += 1;
        self.waiting.insert((now.0 + pause(line.tries - 1, first.position), first.position), call);
        if line.tries >= PARK && delivered > line.delivered_then && !line.is_parked {
            line.is_parked = true;
            for item in &line.items {
                self.open.remove(&item.position);
                self.parked.insert(item.position);
            }
        }
        None
    }

    /// The first event of the call is dealt with.
    fn pop(&mut self, call: CallId, is_dead: bool) -> Option<Done> {
        let line = self.lines.get_mut(&call)?;
        let item = line.items.pop_front();
        line.tries = 0;
        if line.items.is_empty() {
            self.lines.remove(&call);
        } else {
            self.ready.push_back(call);
        }
        let Item { position, seq, .. } = item?;
        self.open.remove(&position);
        self.parked.remove(&position);
        Some(Done { call, seq, is_dead })
    }

    /// What is to outlast the process.
    pub(super) fn kept(&self) -> Kept {
        let cursor = self.open.first().map_or(self.read, |first| first - 1);
        let tries = |position: u64| {
            let mut lines = self.lines.values();
            let line =
                lines.find(|line| line.items.front().is_some_and(|i| i.position == position));
            line.map_or(0, |line| line.tries)
        };
        let parked =
            self.parked.iter().map(|&position| Parked { position, tries: tries(position) });
        Kept { cursor, parked: parked.collect(), dead: self.dead.clone() }
    }

    /// The event of a call that is next.
    pub(super) fn waits(&self, call: CallId) -> Option<u64> {
        self.lines.get(&call)?.items.front().map(|item| item.seq)
    }

    /// Failures since the last delivery.
    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    pub(super) fn dead(&self) -> &VecDeque<Dead> {
        &self.dead
    }
}

/// The pause after so many tries, up to a fifth longer: what failed together is not tried again
/// together. How much longer follows from the place of the event, so that nothing here is random.
fn pause(tries: u32, position: u64) -> u64 {
    let nth = usize::try_from(tries).unwrap_or(usize::MAX).min(PAUSES_MS.len() - 1);
    // Fibonacci hashing: neighbours come to lie far apart.
    let spread = (position + u64::from(tries)).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 54;
    PAUSES_MS[nth] + PAUSES_MS[nth] / 5 * spread / 1024
}

#[cfg(test)]
#[path = "queue_tests.rs"]
mod tests;
