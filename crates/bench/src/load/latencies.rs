//! How long things took.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

/// The longest time told apart, in nanoseconds: a minute. What takes longer counts as this.
const LONGEST_NS: u64 = 60_000_000_000;

/// The times of one stage of a call life.
#[derive(Debug, Clone)]
pub(crate) struct Stage(Histogram<u64>);

/// The times of a call life.
#[derive(Debug, Clone, Default)]
pub(crate) struct Latencies {
    /// From the start to `call.invited` at the callee.
    pub(crate) invited: Stage,
    /// From the start to `call.ringing` at the caller.
    pub(crate) ringing: Stage,
    /// From the accept to `call.started` at both.
    pub(crate) started: Stage,
    /// From the hang-up to `call.ended` at both.
    pub(crate) ended: Stage,
}

/// A stage in numbers, all in milliseconds.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(crate) struct StageMs {
    pub(crate) p50: f64,
    pub(crate) p90: f64,
    pub(crate) p99: f64,
    pub(crate) max: f64,
}

/// The stages in numbers.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(crate) struct LatencyMs {
    pub(crate) invited: StageMs,
    pub(crate) ringing: StageMs,
    pub(crate) started: StageMs,
    pub(crate) ended: StageMs,
}

impl Default for Stage {
    fn default() -> Self {
        // Three digits: at 1 ms, steps of a microsecond.
        let bounded = Histogram::new_with_bounds(1_000, LONGEST_NS, 3);
        Self(bounded.expect("the bounds are constants that hdrhistogram takes"))
    }
}

impl Stage {
    /// Counts one.
    pub(crate) fn record(&mut self, took: Duration) {
        self.0.saturating_record(u64::try_from(took.as_nanos()).unwrap_or(LONGEST_NS));
    }

    /// The time that a part of all (0 to 1) did not exceed, in milliseconds.
    pub(crate) fn at(&self, part: f64) -> f64 {
        ms(self.0.value_at_quantile(part))
    }

    /// In numbers.
    pub(crate) fn in_ms(&self) -> StageMs {
        let max = if self.0.is_empty() { 0.0 } else { ms(self.0.max()) };
        StageMs { p50: self.at(0.5), p90: self.at(0.9), p99: self.at(0.99), max }
    }

    /// Adds those of another.
    pub(crate) fn add(&mut self, other: &Self) {
        // Both have the bounds above, so nothing can be out of range.
        let _ = self.0.add(&other.0);
    }
}

impl Latencies {
    /// Adds the times of another round.
    pub(crate) fn add(&mut self, other: &Self) {
        self.invited.add(&other.invited);
        self.ringing.add(&other.ringing);
        self.started.add(&other.started);
        self.ended.add(&other.ended);
    }

    /// The times of all four stages as if they were one.
    pub(crate) fn all(&self) -> Stage {
        let mut all = self.invited.clone();
        for stage in [&self.ringing, &self.started, &self.ended] {
            all.add(stage);
        }
        all
    }

    /// All in numbers.
    pub(crate) fn in_ms(&self) -> LatencyMs {
        LatencyMs {
            invited: self.invited.in_ms(),
            ringing: self.ringing.in_ms(),
            started: self.started.in_ms(),
            ended: self.ended.in_ms(),
        }
    }
}

impl LatencyMs {
    /// The stages with the names that people read.
    pub(crate) fn named(&self) -> [(&'static str, StageMs); 4] {
        [
            ("start → invited", self.invited),
            ("start → ringing told", self.ringing),
            ("accept → started", self.started),
            ("hang-up → ended", self.ended),
        ]
    }
}

#[expect(clippy::cast_precision_loss, reason = "a minute of nanoseconds is below 2^53")]
fn ms(ns: u64) -> f64 {
    ns as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_what_was_counted() {
        let mut stage = Stage::default();
        for us in 1..=1_000 {
            stage.record(Duration::from_micros(us));
        }
        let StageMs { p50, p90, p99, max } = stage.in_ms();
        for (seen, wanted) in [(p50, 0.5), (p90, 0.9), (p99, 0.99), (max, 1.0)] {
            assert!((seen - wanted).abs() < 0.002, "{seen} for {wanted}");
        }
    }

    #[test]
    fn rounds_add_up_and_what_is_too_long_is_the_longest() {
        let (mut all, mut round) = (Latencies::default(), Latencies::default());
        all.ended.record(Duration::from_millis(1));
        round.ended.record(Duration::from_hours(1));
        all.add(&round);
        let told = all.in_ms();
        assert!((told.ended.p50 - 1.0).abs() < 0.01);
        assert!((told.ended.max - 60_000.0).abs() < 100.0);
        assert_eq!(told.invited.max.to_bits(), 0.0_f64.to_bits(), "nothing counted is no time");
    }
}
