//! What went wrong, counted by kind.

use std::collections::BTreeMap;

/// Kinds kept apart; more than this many count as one, so that a wild server fills no memory.
const KINDS: usize = 64;

/// Faults by kind.
#[derive(Debug, Clone, Default)]
pub(crate) struct Faults(BTreeMap<String, u64>);

impl Faults {
    /// Counts one.
    pub(crate) fn note(&mut self, kind: impl Into<String>) {
        let kind = kind.into();
        let known = self.0.len() < KINDS || self.0.contains_key(&kind);
        let kind = if known { kind } else { "more kinds of faults".to_owned() };
        *self.0.entry(kind).or_default() += 1;
    }

    /// Adds those of another part of the run.
    pub(crate) fn add(&mut self, other: &Self) {
        for (kind, count) in &other.0 {
            *self.0.entry(kind.clone()).or_default() += count;
        }
    }

    /// All of them.
    pub(crate) fn count(&self) -> u64 {
        self.0.values().sum()
    }

    /// A line for each kind.
    pub(crate) fn text(&self) -> String {
        let lines = self.0.iter().map(|(kind, count)| format!("  {count} × {kind}\n"));
        lines.collect::<Vec<_>>().concat()
    }

    /// How many of each kind.
    pub(crate) fn by_kind(&self) -> &BTreeMap<String, u64> {
        &self.0
    }
}
