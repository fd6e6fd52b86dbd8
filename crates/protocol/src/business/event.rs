//! What happened in an app's calls, as the business server reads it.

use bellwire_core::{AppKey, CallId, Entry};
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

impl FeedEvent {
    /// The wire form of `entry` of `call`. What the feed and a webhook's body say themselves is
    /// left out of the entry: a name stands in an object once (RFC 8259, section 4).
    pub fn of(cursor: FeedCursor, call: CallId, entry: &Entry) -> Self {
        let mut entry = LogEntry::of(entry);
        entry.event.retain(|name, _| name != "call" && name != "app");
        Self { cursor, call, entry }
    }
}

/// What is posted to a webhook (Standard Webhooks: `type`, `timestamp`, `data`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WebhookBody {
    /// `call.` and the type of the log entry, such as `call.ended`.
    #[serde(rename = "type")]
    pub kind: String,
    /// When it happened, in UTC (RFC 3339).
    pub timestamp: String,
    /// What happened.
    pub data: WebhookData,
}

/// The event, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WebhookData {
    /// The app.
    pub app: AppKey,
    /// The event, as in the feed.
    #[serde(flatten)]
    pub event: FeedEvent,
}

impl WebhookBody {
    /// The form in which an event of `app` is posted; `timestamp` is its time as text.
    pub fn of(app: &AppKey, event: FeedEvent, timestamp: String) -> Self {
        let kind = format!("call.{}", event.entry.kind());
        Self { kind, timestamp, data: WebhookData { app: app.clone(), event } }
    }
}
