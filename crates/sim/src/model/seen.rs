//! The worlds that were met, each as 128 bits, and how they were reached.

use std::{
    collections::HashSet,
    hash::{BuildHasherDefault, DefaultHasher, Hash, Hasher},
};

/// The fingerprint of a world's bytes. Among a hundred million worlds two share one with a
/// probability of about 10^-23.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Print(u64, u64);

impl Print {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let half = |salt: u8| {
            let mut hasher = DefaultHasher::new();
            hasher.write_u8(salt);
            hasher.write(bytes);
            hasher.finish()
        };
        Self(half(1), half(2))
    }
}

impl Hash for Print {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0);
    }
}

/// Takes a number that is a hash already.
#[derive(Debug, Default)]
pub(crate) struct Plain(u64);

impl Hasher for Plain {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {}

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

/// The sets a world may be in, by its print. Many small ones grow one by one, where a large one
/// would need half as much again while it grows.
const SHARDS: usize = 64;

/// How a world was reached: from which one, and by which of its steps.
#[derive(Debug, Clone, Copy)]
struct Arrival {
    from: u32,
    step: u16,
}

/// All worlds met so far, numbered as they came.
#[derive(Debug)]
pub(crate) struct Seen {
    shards: Vec<HashSet<Print, BuildHasherDefault<Plain>>>,
    arrivals: Vec<Arrival>,
}

impl Seen {
    /// The beginning alone.
    pub(crate) fn new(beginning: Print) -> Self {
        let mut seen = Self { shards: vec![HashSet::default(); SHARDS], arrivals: Vec::new() };
        seen.insert(beginning, 0, 0);
        seen
    }

    /// Adds a world that was reached from number `from`; false if it was met before.
    pub(crate) fn insert(&mut self, print: Print, from: u32, step: u16) -> bool {
        let new = self.shards[shard(print)].insert(print);
        if new {
            self.arrivals.push(Arrival { from, step });
        }
        new
    }

    pub(crate) fn contains(&self, print: Print) -> bool {
        self.shards[shard(print)].contains(&print)
    }

    pub(crate) fn len(&self) -> u32 {
        u32::try_from(self.arrivals.len()).unwrap_or(u32::MAX)
    }

    /// The steps from the beginning to world number `to`.
    pub(crate) fn path(&self, to: u32) -> Vec<u16> {
        let mut path = Vec::new();
        let mut at = to;
        // The beginning is number 0.
        while at != 0 {
            let Some(arrival) = self.arrivals.get(at as usize) else { break };
            path.push(arrival.step);
            at = arrival.from;
        }
        path.reverse();
        path
    }
}

/// Sets use the upper and the lowest bits of the first half; this uses the second.
fn shard(print: Print) -> usize {
    usize::try_from(print.1 % SHARDS as u64).unwrap_or(0)
}
