//! When to ping, and when to give up: every 25 s, every 5 s while the device rings or is in a
//! call; a connection that misses two is dead.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use bellwire_protocol::limits::{PING_CALL_S, PING_IDLE_S, PINGS_MISSED};
use tokio::time::Instant;

/// The keep-alive of one connection.
#[derive(Debug)]
pub(super) struct KeepAlive {
    last_ping: Instant,
    missed: u32,
}

/// Whether anything was heard since the last ping.
#[derive(Debug, Default)]
pub(super) struct Heard(AtomicBool);

impl Heard {
    pub(super) fn note(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl KeepAlive {
    pub(super) fn new() -> Self {
        Self { last_ping: Instant::now(), missed: 0 }
    }

    /// When the next ping is due.
    pub(super) fn due(&self, busy: bool) -> Instant {
        let wait = if busy { PING_CALL_S } else { PING_IDLE_S };
        self.last_ping + Duration::from_secs(wait)
    }

    /// A ping is due now; false if the device has missed too many and the connection is dead.
    pub(super) fn ping(&mut self, heard: &Heard) -> bool {
        self.last_ping = Instant::now();
        if heard.0.swap(false, Ordering::Relaxed) {
            self.missed = 0;
        }
        self.missed += 1;
        self.missed <= PINGS_MISSED
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn two_missed_pings_are_a_loss_and_any_sign_of_life_counts() {
        let heard = Heard::default();
        let mut alive = KeepAlive::new();
        assert_eq!(alive.due(true) - alive.last_ping, Duration::from_secs(5));
        assert_eq!(alive.due(false) - alive.last_ping, Duration::from_secs(25));
        assert!(alive.ping(&heard));
        assert!(alive.ping(&heard));
        heard.note();
        assert!(alive.ping(&heard));
        assert!(alive.ping(&heard));
        assert!(!alive.ping(&heard));
    }
}
