//! The time of day, as calls see it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bellwire_core::Timestamp;

/// Tells the time. It may jump, as clocks of machines do; waiting is done by the runtime's timers.
pub trait Clock: Send + Sync {
    /// Milliseconds since the Unix epoch.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct WallClock;

impl Clock for WallClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}

/// A moment as text, in UTC (RFC 3339).
pub(crate) fn rfc3339(at: Timestamp) -> String {
    let moment = i64::try_from(at.0).ok().map(jiff::Timestamp::from_millisecond);
    // A clock beyond the year 9999 is not worth a failure.
    moment.and_then(Result::ok).map(|moment| moment.to_string()).unwrap_or_default()
}
