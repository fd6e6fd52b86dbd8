//! Who may do what in a call, as a start asks for it.

use bellwire_core::{Policy, Who};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The parts of a policy a call sets for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct PolicyAsk {
    /// Who may invite others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invite: Option<Who>,
    /// Who may join while it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub join: Option<Who>,
    /// Who may end it for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<Who>,
}

impl PolicyAsk {
    /// The policy of the call, where `app` is the app's.
    #[must_use]
    pub fn over(self, app: Policy) -> Policy {
        Policy {
            invite: self.invite.unwrap_or(app.invite),
            join: self.join.unwrap_or(app.join),
            end: self.end.unwrap_or(app.end),
        }
    }
}
