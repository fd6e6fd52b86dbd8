//! Packets that are handled together, in one piece of memory.

use std::ops::Range;

/// Of the memory that a burst took, so much is kept for the next ones.
const KEPT_BYTES: usize = 1024 * 1024;
const KEPT_ENTRIES: usize = 4_096;

/// Some packets in their order, with what is to be known of each.
#[derive(Debug)]
pub(crate) struct Packed<T> {
    /// Each with where its bytes end; they begin where those of the one before do.
    entries: Vec<(T, usize)>,
    bytes: Vec<u8>,
}

impl<T> Default for Packed<T> {
    fn default() -> Self {
        Self { entries: Vec::new(), bytes: Vec::new() }
    }
}

impl<T: Copy> Packed<T> {
    pub(crate) fn push(&mut self, of: T, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        self.entries.push((of, self.bytes.len()));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        self.bytes.clear();
        self.entries.shrink_to(KEPT_ENTRIES);
        self.bytes.shrink_to(KEPT_BYTES);
    }

    /// Forgets so many of the first.
    pub(crate) fn drop_first(&mut self, count: usize) {
        if count == 0 {
            return;
        }
        let start = self.start(count);
        self.bytes.drain(..start);
        self.entries.drain(..count);
        for (_, end) in &mut self.entries {
            *end -= start;
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (T, &[u8])> {
        (0..self.len()).map(|at| (self.entries[at].0, self.bytes(at..at + 1)))
    }

    /// What is to be known of one.
    pub(crate) fn of(&self, at: usize) -> T {
        self.entries[at].0
    }

    /// The bytes of some, one after another.
    pub(crate) fn bytes(&self, range: Range<usize>) -> &[u8] {
        &self.bytes[self.start(range.start)..self.start(range.end)]
    }

    /// Where the bytes of one begin, and those of the one before it end.
    fn start(&self, at: usize) -> usize {
        at.checked_sub(1).map_or(0, |before| self.entries[before].1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_come_out_as_they_went_in() {
        let all: [(u8, &[u8]); 4] = [(1, b"one"), (2, b""), (1, b"three"), (3, b"four")];
        let mut packed = Packed::default();
        for _ in 0..2 {
            for (of, bytes) in all {
                packed.push(of, bytes);
            }
            assert!(packed.iter().eq(all));
            assert_eq!(packed.bytes(0..3), b"onethree");
            assert_eq!((packed.of(2), packed.bytes(2..3)), (1, &b"three"[..]));
            packed.drop_first(2);
            assert!(packed.iter().eq(all[2..].iter().copied()));
            assert_eq!(packed.bytes(0..2), b"threefour");
            packed.drop_first(0);
            assert_eq!(packed.len(), 2);
            packed.clear();
            assert!(packed.is_empty());
        }
    }
}
