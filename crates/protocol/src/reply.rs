//! Replies: exactly one per request.

use std::{collections::BTreeMap, sync::Arc};

use bellwire_core::{CallId, SessionId, Timestamp, Uid, UserId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Body, CallInfo, LogEntry, Record, RecordCursor, WireError, frame, limits};

/// A reply: the id of its request with either `ok` or `error`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reply {
    /// The request's id.
    pub id: u64,
    /// What was asked for; an object, of the command's own type below.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ok: Option<Body>,
    /// Why it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Box<WireError>>,
}

impl Reply {
    /// Says yes, with what was asked for.
    pub fn ok(id: u64, ok: &impl Serialize) -> Result<Self, serde_json::Error> {
        Body::new(ok).map(|ok| Self { id, ok: Some(ok), error: None })
    }

    /// Says no.
    pub fn refused(id: u64, error: WireError) -> Self {
        Self { id, ok: None, error: Some(Box::new(error)) }
    }

    /// The text frame.
    pub fn to_frame(&self) -> Arc<str> {
        frame::text(self)
    }

    /// What was asked for, or why it was refused. Without either it is an empty yes.
    pub fn into_body(self) -> Result<Body, Box<WireError>> {
        match (self.error, self.ok) {
            (Some(error), _) => Err(error),
            (None, Some(ok)) => Ok(ok),
            (None, None) => Ok(Body::empty()),
        }
    }
}

/// Nothing to say but yes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Empty {}

/// `hello`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HelloOk {
    /// The session, for the next resume.
    pub session: SessionId,
    /// Whether it is the session asked for; missed events follow in both cases.
    pub resumed: bool,
    /// Who logged in.
    pub user: UserId,
    /// Their number.
    pub uid: Uid,
    /// The server's clock.
    pub time: Timestamp,
    /// What server and device both can do beyond this edition of the wire.
    #[serde(default)]
    pub caps: Vec<String>,
    /// Every live call and pending invitation of the user.
    pub calls: Vec<CallInfo>,
    /// The sizes the server takes.
    pub limits: Limits,
    /// What a page subscribes with for Web Push (`applicationServerKey`), where the app has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub web_push_key: Option<String>,
}

/// The sizes the server takes, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Limits {
    /// Of a note's content.
    pub content: usize,
    /// Of a message's body.
    pub body: usize,
    /// Of a frame.
    pub frame: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            content: limits::CONTENT_BYTES,
            body: limits::BODY_BYTES,
            frame: limits::FRAME_BYTES,
        }
    }
}

/// `call.start`, `call.accept` and `call.join`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StartOk {
    /// The call; after a start that met the callee's own call to the caller, that earlier one.
    pub call: CallId,
    /// The whole of it.
    pub info: Box<CallInfo>,
}

/// `call.invite`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct InviteOk {
    /// Those who are in the call already.
    #[serde(default)]
    pub skipped: Vec<UserId>,
}

/// `call.get`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GetOk {
    /// The whole call.
    pub info: Box<CallInfo>,
    /// Its log after the position asked for, at most a page.
    pub log: Vec<LogEntry>,
    /// Whether the log goes on.
    #[serde(default)]
    pub more: bool,
}

/// `message.send`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Received {
    /// Whether a connected device took it.
    pub received: bool,
}

/// Whether a user can be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// A device is connected.
    Online,
    /// Only a device that sleeps or is away for a moment.
    Unreachable,
    /// No device.
    Offline,
    /// In a call.
    InCall,
}

/// `presence.get`, `presence.watch`, and `presence.unwatch`, which names nobody.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct PresenceOk {
    /// By user.
    #[serde(default)]
    pub users: BTreeMap<UserId, crate::Open<Presence>>,
}

/// `record.list`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct RecordsOk {
    /// Newest first; page on with `before` = the serial of the last.
    #[serde(default)]
    pub records: Vec<Record>,
    /// How many missed calls the user has not seen yet, in all.
    #[serde(default)]
    pub unread: u64,
}

/// `record.read`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReadOk {
    /// The newest record that counts as seen.
    pub upto: RecordCursor,
    /// How many missed calls the user has not seen yet.
    pub unread: u64,
}
