//! What is made durable: one type for each kind of row.

use std::sync::Arc;

use bellwire_core::{
    AppKey, CallId, DeviceId, Entry, Reason, SessionId, State, Timestamp, Uid, UserId,
};
use bellwire_protocol::Secret;

/// One thing to make durable. Rows submitted together become durable together.
#[derive(Debug, Clone)]
pub enum Row {
    /// New entries of a call's log.
    Log(LogRow),
    /// The answer to a changing command.
    Answer(AnswerRow),
    /// A session that began or changed.
    Session(SessionRow),
    /// A session that is over; its answers go with it.
    SessionGone(SessionId),
    /// A user who is new or changed.
    User(UserRow),
    /// The record of a finished call.
    Record(Box<RecordRow>),
    /// How far the deliveries to a webhook have come.
    Webhook(WebhookRow),
    /// Where a sleeping device is woken.
    PushToken(PushTokenRow),
}

/// How far the deliveries to one of an app's webhooks have come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookRow {
    /// The app.
    pub app: AppKey,
    /// The webhook's name.
    pub name: String,
    /// The state, given back verbatim.
    pub state: Arc<str>,
}

/// A way to wake a device, or that there is none any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushTokenRow {
    /// The app.
    pub app: AppKey,
    /// The user.
    pub user: UserId,
    /// The device.
    pub device: DeviceId,
    /// Which of its ways it is.
    pub slot: String,
    /// What the provider needs, given back verbatim; none where the way is gone.
    pub state: Option<Secret>,
}

/// Entries appended to a call's log at once.
#[derive(Debug, Clone)]
pub struct LogRow {
    /// The app.
    pub app: AppKey,
    /// The call.
    pub call: CallId,
    /// What was appended, in order; not empty. The first entry of a call has `seq` 1.
    pub entries: Vec<Entry>,
    /// Whether the call is over after these.
    pub ended: bool,
    /// The place of the first of them in the app's feed, from 1; 0 if they are not in it.
    pub position: u64,
}

/// The answer a request got, for when it is repeated (R14).
#[derive(Debug, Clone)]
pub struct AnswerRow {
    /// The session.
    pub session: SessionId,
    /// The request's id, rising within the session.
    pub request: u64,
    /// The answer as it was sent.
    pub body: Arc<str>,
}

/// A device's login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// Its id.
    pub id: SessionId,
    /// The app.
    pub app: AppKey,
    /// The user.
    pub user: UserId,
    /// The device.
    pub device: DeviceId,
    /// What the device calls itself.
    pub name: Option<String>,
    /// What the device is.
    pub platform: Option<String>,
    /// When it began.
    pub at: Timestamp,
}

/// A user of an app. That no two share a uid is kept by the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRow {
    /// The app.
    pub app: AppKey,
    /// The user.
    pub user: UserId,
    /// Their number.
    pub uid: Uid,
    /// Their name.
    pub name: Option<String>,
    /// When they were first seen or last changed.
    pub at: Timestamp,
}

/// What is kept of a finished call.
#[derive(Debug, Clone)]
pub struct RecordRow {
    /// The app.
    pub app: AppKey,
    /// The call.
    pub call: CallId,
    /// Its position among the app's records, rising; the order of the history.
    pub serial: u64,
    /// When the call was asked for.
    pub created_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
    /// Why it ended.
    pub reason: Reason,
    /// The record as JSON, given back verbatim.
    pub body: Arc<str>,
    /// Everybody in the call, each user once.
    pub legs: Vec<LegRow>,
}

/// How a finished call went for one user.
#[derive(Debug, Clone)]
pub struct LegRow {
    /// Who.
    pub user: UserId,
    /// How their part ended.
    pub outcome: State,
    /// Whether they missed the call; the record says what that means.
    pub missed: bool,
}
