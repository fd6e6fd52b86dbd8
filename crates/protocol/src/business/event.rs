//! What happened in an app's calls, as the business server reads it.

use bellwire_core::CallId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{FeedCursor, LogEntry};

/// An entry of a call's log, and where it stands among those of all calls of the app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FeedEvent {
    /// Its place in the feed.
    pub cursor: FeedCursor,
    /// The call.
    pub call: CallId,
    /// What was logged.
    #[serde(flatten)]
    pub entry: LogEntry,
}
