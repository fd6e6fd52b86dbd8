//! What one address may take up: connections, sessions, and logins that fail.

use std::{
    collections::HashMap,
    num::NonZeroU32,
    sync::Arc,
    time::{Duration, Instant},
};

use governor::{
    DefaultDirectRateLimiter, Quota, RateLimiter,
    clock::{Clock as _, DefaultClock},
};
use parking_lot::Mutex;

use super::source::Source;
use crate::{config::Limits, metrics::Metrics};

/// How many addresses are remembered at most; one takes about 200 bytes. Whoever has more than
/// this is not held up by limits per address in any case.
const ADDRESSES_MAX: usize = 65_536;
/// An address with nothing open is forgotten after so long: by then its rates are whole again.
const FORGET_AFTER: Duration = Duration::from_mins(1);
/// How many seconds' worth of new connections an address may open at once: an office whose line
/// was down comes back in one go.
const BURST_S: NonZeroU32 = NonZeroU32::new(10).expect("ten is not zero");

/// What each address holds; one table for the whole server.
pub(crate) struct Addresses {
    limits: Limits,
    most: usize,
    metrics: Arc<Metrics>,
    table: Mutex<HashMap<Source, Entry>>,
}

struct Entry {
    connections: u32,
    sessions: u32,
    connects: Option<DefaultDirectRateLimiter>,
    failures: Option<DefaultDirectRateLimiter>,
    /// Until when nobody from here is let in.
    barred: Option<Instant>,
    touched: Instant,
}

/// A connection or session that is counted to an address until this is dropped.
pub(crate) struct Ticket {
    addresses: Arc<Addresses>,
    source: Source,
    what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Connection,
    Session,
}

/// Why an address gets no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Crowded {
    /// Too many connections are open.
    #[error("too many connections from this address; close some")]
    Connections,
    /// Too many connections came at once.
    #[error("too many new connections from this address; come back more slowly")]
    Connects,
    /// Too many sessions.
    #[error("too many sessions from this address; log some out")]
    Sessions,
}

impl Addresses {
    /// An empty table with those of `limits` that are per address.
    pub(crate) fn new(limits: Limits, metrics: Arc<Metrics>) -> Arc<Self> {
        Self::with_room(ADDRESSES_MAX, limits, metrics)
    }

    fn with_room(most: usize, limits: Limits, metrics: Arc<Metrics>) -> Arc<Self> {
        Arc::new(Self { limits, most, metrics, table: Mutex::default() })
    }

    /// Counts a new connection.
    pub(super) fn connect(self: &Arc<Self>, source: Source) -> Result<Ticket, Crowded> {
        let most = self.limits.connections_per_address;
        let taken = self.change(source, |entry| {
            if entry.connects.as_ref().is_some_and(|rate| rate.check().is_err()) {
                return Err(Crowded::Connects);
            }
            if most > 0 && entry.connections >= most {
                return Err(Crowded::Connections);
            }
            entry.connections += 1;
            Ok(())
        });
        self.ticket(source, What::Connection, taken)
    }

    /// Counts a new session.
    pub(super) fn log_in(self: &Arc<Self>, source: Source) -> Result<Ticket, Crowded> {
        let most = self.limits.sessions_per_address;
        let taken = self.change(source, |entry| {
            if most > 0 && entry.sessions >= most {
                return Err(Crowded::Sessions);
            }
            entry.sessions += 1;
            Ok(())
        });
        self.ticket(source, What::Session, taken)
    }

    fn ticket(
        self: &Arc<Self>,
        source: Source,
        what: What,
        taken: Result<(), Crowded>,
    ) -> Result<Ticket, Crowded> {
        match taken {
            Ok(()) => Ok(Ticket { addresses: self.clone(), source, what }),
            Err(crowded) => {
                self.metrics.turned_away(match crowded {
                    Crowded::Connections => "address_connections",
                    Crowded::Connects => "address_connects",
                    Crowded::Sessions => "address_sessions",
                });
                Err(crowded)
            }
        }
    }

    /// A token or key from `source` was none.
    pub(super) fn failed(&self, source: Source) {
        self.change(source, |entry| {
            if let Some(Err(until)) = entry.failures.as_ref().map(RateLimiter::check) {
                let wait = until.wait_time_from(DefaultClock::default().now());
                entry.barred = Some(Instant::now() + wait);
            }
        });
    }

    /// How long nobody from `source` is let in, if so.
    pub(super) fn barred(&self, source: Source) -> Option<Duration> {
        let until = self.table.lock().get(&source)?.barred?;
        let wait = until.checked_duration_since(Instant::now())?;
        self.metrics.turned_away("address_failures");
        Some(wait)
    }

    fn change<T>(&self, source: Source, change: impl FnOnce(&mut Entry) -> T) -> T {
        let mut table = self.table.lock();
        let now = Instant::now();
        if table.len() >= self.most && !table.contains_key(&source) {
            table.retain(|_, entry| entry.holds() || now - entry.touched < FORGET_AFTER);
            if table.len() >= self.most {
                // More addresses in a minute than are remembered. What they tried is forgotten
                // rather than the table grown; what they have open stays counted.
                table.retain(|_, entry| entry.holds());
            }
        }
        let entry = table.entry(source).or_insert_with(|| self.entry(now));
        entry.touched = now;
        change(entry)
    }

    fn entry(&self, now: Instant) -> Entry {
        let per_s = NonZeroU32::new(self.limits.connects_per_address_s);
        let per_minute = NonZeroU32::new(self.limits.failures_per_address_minute);
        Entry {
            connections: 0,
            sessions: 0,
            connects: per_s.map(|rate| {
                let burst = rate.saturating_mul(BURST_S);
                RateLimiter::direct(Quota::per_second(rate).allow_burst(burst))
            }),
            failures: per_minute.map(|rate| RateLimiter::direct(Quota::per_minute(rate))),
            barred: None,
            touched: now,
        }
    }
}

impl Entry {
    fn holds(&self) -> bool {
        self.connections > 0 || self.sessions > 0
    }
}

impl Ticket {
    /// Whether it is counted to this address.
    pub(super) fn is_of(&self, source: Source) -> bool {
        self.source == source
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.addresses.change(self.source, |entry| {
            let held = match self.what {
                What::Connection => &mut entry.connections,
                What::Session => &mut entry.sessions,
            };
            debug_assert!(*held > 0, "an address that holds something is never forgotten");
            *held = held.saturating_sub(1);
        });
    }
}

impl std::fmt::Debug for Ticket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ticket").field("what", &self.what).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(most: usize, limits: &Limits) -> Arc<Addresses> {
        Addresses::with_room(most, limits.clone(), Arc::new(Metrics::new()))
    }

    fn host(n: u32) -> Source {
        Source::of(std::net::Ipv4Addr::from_bits(n).into())
    }

    fn few() -> Limits {
        Limits {
            connections_per_address: 2,
            sessions_per_address: 1,
            failures_per_address_minute: 3,
            ..Limits::default()
        }
    }

    #[test]
    fn what_is_dropped_can_be_had_again_and_others_have_their_own() {
        let table = table(8, &few());
        let first = table.connect(host(1)).expect("one");
        let _second = table.connect(host(1)).expect("two");
        assert_eq!(table.connect(host(1)).expect_err("three"), Crowded::Connections);
        drop(first);
        let _again = table.connect(host(1)).expect("two again");
        let _session = table.log_in(host(1)).expect("a session");
        assert_eq!(table.log_in(host(1)).expect_err("two"), Crowded::Sessions);
        let _other = table.connect(host(2)).expect("another address");
    }

    #[test]
    fn ten_seconds_worth_of_connections_may_come_at_once() {
        let limits =
            Limits { connects_per_address_s: 3, connections_per_address: 0, ..Limits::default() };
        let table = table(8, &limits);
        for _ in 0..30 {
            drop(table.connect(host(1)).expect("within the burst"));
        }
        assert_eq!(table.connect(host(1)).expect_err("too fast"), Crowded::Connects);
    }

    #[test]
    fn failures_bar_an_address_for_a_while() {
        let table = table(8, &few());
        for _ in 0..3 {
            table.failed(host(1));
            assert_eq!(table.barred(host(1)), None);
        }
        table.failed(host(1));
        let wait = table.barred(host(1)).expect("barred");
        assert!(wait <= Duration::from_secs(20), "{wait:?}");
        assert_eq!(table.barred(host(2)), None);
    }

    #[test]
    fn the_table_stays_bounded_and_keeps_what_is_open() {
        let table = table(4, &few());
        let _open = [table.connect(host(0)).expect("open"), table.connect(host(0)).expect("open")];
        for n in 1..100 {
            table.failed(host(n));
            assert!(table.table.lock().len() <= 4);
        }
        assert_eq!(table.connect(host(0)).expect_err("still counted"), Crowded::Connections);
    }

    #[test]
    fn zero_is_no_limit() {
        let limits = Limits {
            connections_per_address: 0,
            connects_per_address_s: 0,
            sessions_per_address: 0,
            failures_per_address_minute: 0,
            ..Limits::default()
        };
        let table = table(8, &limits);
        let open: Vec<_> = (0..3_000).map(|_| table.connect(host(1))).collect();
        assert!(open.iter().all(Result::is_ok));
        (0..3_000).for_each(|_| table.failed(host(1)));
        assert_eq!(table.barred(host(1)), None);
    }
}
