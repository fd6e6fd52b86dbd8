//! What the business server was asked about a call, and what it said, as the log keeps it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::{Label, UserId};

/// What the business server is asked or told.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub enum Hook {
    /// Whether somebody may log in by name; in the log of no call.
    #[serde(rename = "session.login")]
    Login,
    /// Whether a call may begin, and how.
    #[serde(rename = "call.request")]
    Request,
    /// Whether somebody may enter a group call that runs.
    #[serde(rename = "call.join")]
    Join,
    /// A token for a room that the app's own media server routes.
    #[serde(rename = "room.token")]
    Token,
    /// Word of an answer.
    #[serde(rename = "call.answer")]
    Answer,
    /// Word of the end.
    #[serde(rename = "call.finish")]
    Finish,
}

impl Hook {
    /// Its name, as on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Login => "session.login",
            Self::Request => "call.request",
            Self::Join => "call.join",
            Self::Token => "room.token",
            Self::Answer => "call.answer",
            Self::Finish => "call.finish",
        }
    }
}

/// What came of asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HookOutcome {
    /// It may be.
    Allowed,
    /// It may be, otherwise than asked for.
    Changed,
    /// It may not.
    Denied,
    /// Word was taken.
    Told,
    /// Nobody answered, or not as agreed; the app's setting decided, or word was lost.
    Absent,
}

/// One question to the business server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// What it was about.
    pub hook: Hook,
    /// Whose act it was about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
    /// What came of it.
    pub outcome: HookOutcome,
    /// The number of a denial.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<u32>,
    /// Why nobody answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<Label>,
    /// How long it took, in milliseconds.
    pub ms: u32,
}
