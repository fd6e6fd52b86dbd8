//! A callee's own wish not to be rung: do-not-disturb, a block, somebody not on their list.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::call::Cause;

/// What the caller sees of a callee who does not want to be rung.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ShownAs {
    /// `busy`, at once.
    #[default]
    Busy,
    /// That nobody answers: the ring time passes, and nothing rings.
    NoAnswer,
}

/// That a callee does not want to be rung by this caller now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unavailable {
    /// What the caller sees.
    pub shown_as: ShownAs,
    /// Whether the caller is blocked: who blocks somebody has not missed their call.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub blocked: bool,
}

impl Cause {
    /// Whether it is the callee's own affair, which others in the call are not told.
    pub fn is_private(self) -> bool {
        self == Self::Policy
    }
}
