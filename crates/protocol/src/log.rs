//! A call's log as parties and operators read it.

use bellwire_core::{Cause, Entry, Event, Timestamp, UserId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One entry: `{"seq":3,"at":…,"type":"accepted","user":"bob",…}`. Which request caused it is
/// left out, since a session's name is a secret of its device.
///
/// `type` is `created`, `released`, `reached`, `ringing`, `silenced`, `accepted`, `started`,
/// `rejected`, `canceled`, `added`, `joined`, `entered`, `left`, `dropped`, `restored`, `moved`,
/// `media_proposed`, `media_changed`, `media_refused`, `media_reported`, `acknowledged`, `asked`,
/// `pushed` or `ended`; the fields of each type stand beside it. In `acknowledged`, `confirms` is
/// the position of the event that was confirmed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LogEntry {
    /// Its position in the log, from 1 without gaps.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// What happened: `type`, and the fields of that type.
    #[serde(flatten)]
    pub event: Map<String, Value>,
}

impl LogEntry {
    /// The wire form of `entry`.
    pub fn of(entry: &Entry) -> Self {
        let mut event = match serde_json::to_value(&entry.event) {
            Ok(Value::Object(event)) => event,
            // An event is written as an object always; a bare entry is still a place in the log.
            Ok(_) | Err(_) => Map::new(),
        };
        // The one field of an event that an entry has too.
        if let Some(seq) = event.remove("seq") {
            event.insert("confirms".to_owned(), seq);
        }
        Self { seq: entry.seq, at: entry.at, event }
    }

    /// What a participant is told of `entry`: as [`LogEntry::of`], without what is the callee's
    /// own affair.
    pub fn told(entry: &Entry, user: &UserId) -> Self {
        let mut told = Self::of(entry);
        if told.event.get("user").is_none_or(|of| of != user.as_str()) {
            let is_private = |cause: &Value| Cause::deserialize(cause).is_ok_and(Cause::is_private);
            told.event.retain(|name, value| name != "cause" || !is_private(value));
        }
        for list in ["callees", "users"] {
            let listed = told.event.get_mut(list).and_then(Value::as_array_mut);
            for invitee in listed.into_iter().flatten().filter_map(Value::as_object_mut) {
                if invitee.get("user").is_none_or(|of| of != user.as_str()) {
                    invitee.remove("unavailable");
                }
            }
        }
        told
    }

    /// The event, if this version knows it.
    pub fn to_event(&self) -> Option<Event> {
        let mut event = self.event.clone();
        if let Some(seq) = event.remove("confirms") {
            event.insert("seq".to_owned(), seq);
        }
        serde_json::from_value(Value::Object(event)).ok()
    }

    /// What kind of thing happened, such as `accepted`.
    pub fn kind(&self) -> &str {
        self.event.get("type").and_then(Value::as_str).unwrap_or_default()
    }
}
