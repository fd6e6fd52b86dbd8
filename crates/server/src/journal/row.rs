//! What is made durable: one type for each kind of row.

use std::{fmt, sync::Arc};

use bellwire_core::{
    AppKey, CallId, DeviceId, Entry, Reason, SessionId, State, Timestamp, Uid, UserId,
};

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
    /// A value of a bucket that is new, changed or gone.
    KeyValue(KeyValueRow),
}

/// What kind of values an app's keys have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bucket {
    /// How far the deliveries to a webhook have come, by its name.
    Webhook,
    /// When and by whom a user wants to be rung, by user.
    Availability,
    /// The newest record whose missed calls a user has seen, by user.
    RecordsRead,
    /// What a request with an `Idempotency-Key` was answered, by that key.
    Idempotency,
    /// Where a sleeping device is woken, by user, device and way.
    PushToken,
    /// The highest number ever given to a user, where that user is erased; under `highest`.
    Uid,
    /// From which running calls somebody is still to be erased, by what stands for them.
    Erasure,
}

impl Bucket {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Webhook,
        Self::Availability,
        Self::RecordsRead,
        Self::Idempotency,
        Self::PushToken,
        Self::Uid,
        Self::Erasure,
    ];

    /// Its name, as stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Availability => "availability",
            Self::RecordsRead => "records_read",
            Self::Idempotency => "idempotency",
            Self::PushToken => "push_token",
            Self::Uid => "uid",
            Self::Erasure => "erasure",
        }
    }

    /// The one that is stored under `name`.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|bucket| bucket.as_str() == name)
    }
}

/// A value of an app; the last one under its key counts.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyValueRow {
    /// The app.
    pub app: AppKey,
    /// What it is.
    pub bucket: Bucket,
    /// What it belongs to.
    pub key: String,
    /// The value, given back verbatim; none removes it.
    pub value: Option<Arc<str>>,
}

impl fmt::Debug for KeyValueRow {
    /// Without key and value: some are secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (app, bucket) = (&self.app, &self.bucket);
        f.debug_struct("KeyValueRow")
            .field("app", app)
            .field("bucket", bucket)
            .finish_non_exhaustive()
    }
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
