//! How long to wait before the next attempt to connect.

use std::time::Duration;

/// Doubling waits with jitter: many devices that lost one server must not return in step.
#[derive(Debug, Clone)]
pub(crate) struct Backoff {
    least: Duration,
    most: Duration,
    attempts: u32,
}

impl Backoff {
    pub(crate) fn new(least: Duration, most: Duration) -> Self {
        Self { least, most: most.max(least), attempts: 0 }
    }

    /// The attempts made since the last success.
    pub(crate) fn attempts(&self) -> u32 {
        self.attempts
    }

    /// The next wait: between half and the whole of the doubled one. `chance` is 0 to 1.
    pub(crate) fn next(&mut self, chance: f64) -> Duration {
        let doubled = self.least.saturating_mul(1 << self.attempts.min(16)).min(self.most);
        self.attempts = self.attempts.saturating_add(1);
        doubled.mul_f64(0.5 + chance.clamp(0.0, 1.0) / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Backoff;

    #[test]
    fn waits_double_up_to_the_most() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_millis(500));
        let waits: Vec<u128> = (0..5).map(|_| backoff.next(1.0).as_millis()).collect();
        assert_eq!(waits, [100, 200, 400, 500, 500]);
        assert_eq!(backoff.next(0.0).as_millis(), 250);
        for _ in 0..100 {
            assert!(backoff.next(0.5) <= Duration::from_millis(500));
        }
    }
}
