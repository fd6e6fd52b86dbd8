//! Whether a connection does anything: how long it may take for its first request, and be quiet
//! after one.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;

/// How long a connection may be open without a request in hand, after the first. Longer than the
/// pools of usual proxies and HTTP clients keep an unused connection, or than a slow reader needs
/// for an answer.
const QUIET: Duration = Duration::from_mins(2);

/// The requests of one connection.
#[derive(Debug)]
pub(super) struct Pace {
    header_wait: Duration,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    in_hand: usize,
    requested: bool,
    /// Since when nothing is in hand.
    since: Instant,
}

/// A request in hand.
#[derive(Debug)]
pub(super) struct InHand(Arc<Pace>);

/// Why a connection is closed by us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Overdue {
    /// No request came.
    Header,
    /// No further request came; nobody waits for an answer.
    Quiet,
}

impl Pace {
    /// The pace of a connection made now.
    pub(super) fn new(header_wait: Duration) -> Arc<Self> {
        let state = State { in_hand: 0, requested: false, since: Instant::now() };
        Arc::new(Self { header_wait, state: Mutex::new(state) })
    }

    /// A request has come.
    pub(super) fn take_in_hand(self: &Arc<Self>) -> InHand {
        let mut state = self.state.lock();
        state.in_hand += 1;
        state.requested = true;
        drop(state);
        InHand(self.clone())
    }

    /// Waits until the connection has been without a request for too long.
    pub(super) async fn overdue(&self) -> Overdue {
        loop {
            let (due, overdue) = {
                let state = self.state.lock();
                match (state.in_hand, state.requested) {
                    (0, false) => (state.since + self.header_wait, Overdue::Header),
                    (0, true) => (state.since + QUIET, Overdue::Quiet),
                    // Requests have time-outs of their own.
                    (_, _) => (Instant::now() + QUIET, Overdue::Quiet),
                }
            };
            if due <= Instant::now() {
                return overdue;
            }
            tokio::time::sleep_until(due.into()).await;
        }
    }
}

impl Drop for InHand {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        state.in_hand -= 1;
        state.since = Instant::now();
    }
}
