//! A circuit breaker: after some failures in a row a business server is left alone for a while, so
//! that calls do not wait for one that is down.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// Failures in a row that open it.
const FAILURES: u32 = 5;
/// How long it stays open; then one question at a time is tried.
const REST: Duration = Duration::from_secs(5);

#[derive(Debug, Default)]
pub(super) struct Breaker(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    failures: u32,
    rests_until: Option<Instant>,
    is_trying: bool,
}

/// Leave to ask; say what came of it, or it counts as a failure.
#[derive(Debug)]
pub(super) struct Leave<'a>(Option<&'a Breaker>);

impl Breaker {
    /// Leave to ask now; none while the business server is left alone.
    pub(super) fn enter(&self) -> Option<Leave<'_>> {
        let mut state = self.0.lock();
        if let Some(until) = state.rests_until {
            if state.is_trying || Instant::now() < until {
                return None;
            }
            state.is_trying = true;
        }
        Some(Leave(Some(self)))
    }

    /// The business server has shown that it is there.
    pub(super) fn reset(&self) {
        *self.0.lock() = State::default();
    }
}

impl Leave<'_> {
    /// Takes note of what came of it.
    pub(super) fn concluded<T, E>(mut self, result: Result<T, E>) -> Result<T, E> {
        if result.is_ok()
            && let Some(breaker) = self.0.take()
        {
            breaker.reset();
        }
        result
    }
}

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        let Some(breaker) = self.0 else { return };
        let mut state = breaker.0.lock();
        state.failures += 1;
        state.is_trying = false;
        if state.failures >= FAILURES {
            state.rests_until = Some(Instant::now() + REST);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_opens_tries_one_and_closes() {
        let breaker = Breaker::default();
        for _ in 0..FAILURES {
            drop(breaker.enter().expect("leave"));
        }
        assert!(breaker.enter().is_none());
        tokio::time::advance(REST).await;
        let one = breaker.enter().expect("one is tried");
        assert!(breaker.enter().is_none(), "one at a time");
        drop(one);
        assert!(breaker.enter().is_none(), "it rests again");
        tokio::time::advance(REST).await;
        let another = breaker.enter().expect("another is tried");
        another.concluded(Ok::<_, ()>(())).expect("what came of it");
        let (first, second) = (breaker.enter(), breaker.enter());
        assert!(first.is_some() && second.is_some());
    }
}
