//! A rule that does not hold.

use std::fmt;

/// A rule that does not hold, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The rule, as it is called in the docs: `I1` to `I7`, `R1` to `R21`, or `panic`.
    pub rule: &'static str,
    /// What was seen.
    pub seen: String,
}

impl Violation {
    pub(crate) fn of(rule: &'static str, seen: impl Into<String>) -> Self {
        Self { rule, seen: seen.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule, self.seen)
    }
}
