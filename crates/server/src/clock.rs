//! The server's clock, which no other file reads.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bellwire_core::Timestamp;

/// Tells the time.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Clock;

impl Clock {
    /// Milliseconds since the Unix epoch.
    #[allow(clippy::unused_self)] // Whoever holds a clock can be given another one.
    pub(crate) fn now(self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}
