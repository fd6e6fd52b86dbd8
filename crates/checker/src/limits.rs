//! What a judge has to be told about the world the histories come from.

/// Bounds of the world, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How late a deadline may be acted on (I2): the timer's coarseness, and the longest time the
    /// server was down or its store away.
    pub slack_ms: u64,
    /// Whether the server's clock never ran backwards, so that the times of two logs can be
    /// compared: then the claims of a user may not overlap in time (I1).
    pub steady_clock: bool,
    /// Whether the ledger holds every call and record there has been, and nothing runs any more:
    /// then every call has ended, and serials begin with 1 and have no gap.
    pub complete: bool,
}

impl Default for Limits {
    /// A busy machine and a clock nobody touches, looked at when all is over.
    fn default() -> Self {
        Self { slack_ms: 5_000, steady_clock: true, complete: true }
    }
}
