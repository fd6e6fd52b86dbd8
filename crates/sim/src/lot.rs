//! Draws by lot: the same for the same seed, on every machine and with every release.

/// A source of numbers (`SplitMix64`). Our own, as a library may change its numbers, and every seed
/// that was ever written down would mean another history.
#[derive(Debug, Clone)]
pub(crate) struct Lot(u64);

impl Lot {
    /// Draws that follow from `seed`.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed ^ 0x5bd1_e995_9e37_79b9)
    }

    /// Draws for one thing among many of the same seed, which do not shift when others are drawn
    /// or left out.
    pub(crate) fn of(seed: u64, what: &[u64]) -> Self {
        let mut lot = Self::new(seed);
        for part in what {
            lot.0 = lot.next() ^ part.wrapping_mul(0xff51_afd7_ed55_8ccd);
        }
        lot
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n`, which is not 0.
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        // The bias of a remainder is far below what a simulation could notice.
        self.next() % n.max(1)
    }

    /// A number from `low` to `high`, both included.
    pub(crate) fn within(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low) + 1)
    }

    /// True `percent` times in a hundred.
    pub(crate) fn happens(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// An index of a list of `length`.
    pub(crate) fn index(&mut self, length: usize) -> usize {
        // Lists are short.
        usize::try_from(self.below(length as u64)).unwrap_or(0)
    }

    /// One of a list that is not empty.
    pub(crate) fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.index(of.len())]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_draws_the_same() {
        let mut lot = Lot::new(1);
        assert_eq!([lot.next(), lot.next()], {
            let mut again = Lot::new(1);
            [again.next(), again.next()]
        });
        assert_ne!(Lot::of(1, &[2]).next(), Lot::of(1, &[3]).next());
        assert!((0..100).all(|_| (3..=5).contains(&lot.within(3, 5))));
    }
}
