//! Events: what the server tells a device unasked.

use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use bellwire_core::{
    CallId, Cause, DeviceId, Leaving, Media, Note, Reason, Refused, Timestamp, UserId,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Availability, Body, CallInfo, Cursor, Ended, Open, ParticipantInfo, Record, RecordCursor,
    RoomInfo, frame,
    media::{MediaClosedEvent, SpeakersEvent, TracksEvent},
    reply::{Presence, ReadOk},
};

pub use crate::call::Edited;

/// An event of a call's log, as one device is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CallEvent {
    /// What happened.
    #[serde(flatten)]
    pub change: Change,
    /// The call.
    pub call: CallId,
    /// Its position in the call's log. It rises strictly for each device, with gaps.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// What a device returns to resume after this event.
    pub cursor: Cursor,
    /// Where those it concerns stand now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub participants: Vec<ParticipantInfo>,
}

/// What happened in a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "ev")]
pub enum Change {
    /// To the callee's devices: ring. Answer with `call.ringing`.
    #[serde(rename = "call.invited")]
    Invited(Invited),
    /// To the caller and those in the call: a callee's device has acknowledged.
    #[serde(rename = "call.ringing")]
    Ringing(CalleeRinging),
    /// To the others in the call: a participant answered.
    #[serde(rename = "call.accepted")]
    Accepted(Accepted),
    /// To the others in the call: an invitation ended without joining.
    #[serde(rename = "call.rejected")]
    Rejected(Rejected),
    /// To everyone joined, once: the call is active. Who joins later finds `room` in the reply.
    #[serde(rename = "call.started")]
    Started(Started),
    /// To the others joined: a participant's media is connected; where it is the app's own, the
    /// first `call.state` says so.
    #[serde(rename = "call.entered")]
    Entered(Moving),
    /// To the others joined: a participant entered a call that was active. Who did so by answering
    /// an invitation causes `call.accepted` first.
    #[serde(rename = "call.joined")]
    Joined(Moving),
    /// To the others joined: a participant left and the call goes on.
    #[serde(rename = "call.left")]
    Left(Moving),
    /// To the others joined: a participant's connection was lost.
    #[serde(rename = "call.dropped")]
    Dropped(Moving),
    /// To the others joined: a dropped participant is back.
    #[serde(rename = "call.restored")]
    Restored(Moving),
    /// To the others joined: a participant's other device took over.
    #[serde(rename = "call.moved")]
    Moved(Moving),
    /// To everyone in the call: the app changed what may be sent, or when it ends at the latest.
    #[serde(rename = "call.edited")]
    Edited(Edited),
    /// To the callee's ringing devices: stop ringing. Terminal; answer with `ack`.
    #[serde(rename = "call.canceled")]
    Canceled(Canceled),
    /// To the user's other devices: stop, another device has it. Terminal; answer with `ack`.
    #[serde(rename = "call.elsewhere")]
    Elsewhere(Elsewhere),
    /// To the other: raising the media is proposed.
    #[serde(rename = "call.media_proposed")]
    MediaProposed(MediaEvent),
    /// To both: the media changed.
    #[serde(rename = "call.media_changed")]
    MediaChanged(MediaEvent),
    /// To the proposer: the proposal was refused, lapsed, or was withdrawn.
    #[serde(rename = "call.media_refused")]
    MediaRefused(MediaEvent),
    /// To everyone joined: more people were invited.
    #[serde(rename = "call.added")]
    Added(Added),
    /// To every device whose stay is not over: it is now. Terminal.
    #[serde(rename = "call.ended")]
    Ended(EndedEvent),
}

impl Change {
    /// Whether it ends the device's stay in the call.
    pub fn is_terminal(&self) -> bool {
        match self {
            Self::Canceled(_) | Self::Elsewhere(_) | Self::Ended(_) => true,
            Self::Invited(_)
            | Self::Ringing(_)
            | Self::Accepted(_)
            | Self::Rejected(_)
            | Self::Started(_)
            | Self::Entered(_)
            | Self::Joined(_)
            | Self::Left(_)
            | Self::Dropped(_)
            | Self::Restored(_)
            | Self::Moved(_)
            | Self::Edited(_)
            | Self::MediaProposed(_)
            | Self::MediaChanged(_)
            | Self::MediaRefused(_)
            | Self::Added(_) => false,
        }
    }

    /// Whether the device confirms it with `ack`: it tells the app to stop ringing.
    pub fn wants_ack(&self) -> bool {
        matches!(self, Self::Canceled(_) | Self::Elsewhere(_))
    }
}

/// `call.invited`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Invited {
    /// Who invites; none where the server does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<UserId>,
    /// The inviter's words.
    #[serde(flatten)]
    pub note: Note,
    /// The whole call.
    pub info: Box<CallInfo>,
}

/// `call.ringing`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CalleeRinging {
    /// Who.
    pub user: UserId,
    /// With which device.
    pub device: DeviceId,
}

/// `call.accepted`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Accepted {
    /// Who.
    pub user: UserId,
    /// With which device.
    pub device: DeviceId,
    /// What the call carries from now on.
    pub media: Media,
    /// The answerer's words.
    #[serde(flatten)]
    pub note: Note,
}

/// `call.rejected`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Rejected {
    /// Whose invitation.
    pub user: UserId,
    /// How it ended.
    pub reason: Open<Refused>,
    /// The number for it.
    pub code: u32,
    /// What lies behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Open<Cause>>,
    /// The words of who refused.
    #[serde(flatten)]
    pub note: Note,
}

/// `call.started`; the participants are in the event's own `participants`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Started {
    /// Where the media flows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room: Option<RoomInfo>,
    /// When the conversation began.
    pub started_at: Timestamp,
}

/// `call.entered`, `call.joined`, `call.left`, `call.dropped`, `call.restored`, `call.moved`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Moving {
    /// Who.
    pub user: UserId,
    /// Their device; in `call.moved` the one that took over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceId>,
    /// How they left; in `call.left` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Open<Leaving>>,
    /// What lies behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Open<Cause>>,
    /// The words of who left, or of who removed them.
    #[serde(flatten)]
    pub note: Note,
}

impl Moving {
    /// `user` with `device`, nothing more to say.
    pub fn new(user: UserId, device: Option<DeviceId>) -> Self {
        Self { user, device, reason: None, cause: None, note: Note::default() }
    }
}

/// `call.canceled`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Canceled {
    /// Why.
    pub reason: Open<Reason>,
    /// The number for it.
    pub code: u32,
    /// The words of who took the invitation back.
    #[serde(flatten)]
    pub note: Note,
}

/// What another device did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// Answered.
    Accepted,
    /// Refused.
    Rejected,
    /// Took over.
    Moved,
}

/// `call.elsewhere`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Elsewhere {
    /// What the other device did.
    pub how: Open<How>,
    /// Which device; none where no device did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceId>,
}

/// `call.media_proposed`, `call.media_changed`, `call.media_refused`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MediaEvent {
    /// By whom, or whose proposal.
    pub user: UserId,
    /// To what.
    pub media: Media,
    /// Why a proposal fell, unless the other refused; in `call.media_refused` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Open<Cause>>,
}

/// `call.added`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Added {
    /// Whom.
    pub users: Vec<UserId>,
    /// By whom; none where the server did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<UserId>,
    /// The inviter's words.
    #[serde(flatten)]
    pub note: Note,
}

/// `call.ended`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EndedEvent {
    /// How.
    pub ended: Ended,
}

/// An event of a device's connection.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(tag = "ev")]
pub enum ServerEvent {
    /// To the others in the call: what a participant's device publishes.
    #[serde(rename = "call.state")]
    State(StateEvent),
    /// To those in the call: how good the participants' connections are.
    #[serde(rename = "call.quality")]
    Quality(QualityEvent),
    /// To the others in the call, or to those it names: a message.
    #[serde(rename = "call.message")]
    CallMessage(CallMessage),
    /// To a device whose media the server routes: what the others send.
    #[serde(rename = "media.tracks")]
    Tracks(TracksEvent),
    /// To a device whose media the server routes: who speaks.
    #[serde(rename = "media.speakers")]
    Speakers(SpeakersEvent),
    /// To a device: the server ended its media connection.
    #[serde(rename = "media.closed")]
    MediaClosed(MediaClosedEvent),
    /// To every connected device of a user: a message.
    #[serde(rename = "message")]
    Message(Message),
    /// To whoever watches: users came or went.
    #[serde(rename = "presence")]
    Presence(PresenceEvent),
    /// To the user's other devices: when and by whom they want to be rung has changed.
    #[serde(rename = "availability")]
    Availability(Box<Availability>),
    /// To every party of a finished call: its record, kept for a device that is away.
    #[serde(rename = "record")]
    Record(RecordEvent),
    /// To the user's other devices: missed calls have been seen.
    #[serde(rename = "record.read")]
    RecordsRead(ReadOk),
    /// To a connection that closes now: the same device logged in on another.
    #[serde(rename = "session.replaced")]
    Replaced,
    /// To the device: its token runs out in 30 s; renew it.
    #[serde(rename = "session.token_expiring")]
    TokenExpiring(TokenExpiring),
    /// To every device: the server is going away; reconnect when it closes.
    #[serde(rename = "server.draining")]
    Draining,
    /// An event of a later server; not sent.
    #[serde(skip_serializing)]
    #[schemars(skip)]
    Unknown,
    /// An event of a call's log.
    #[serde(untagged)]
    Call(Box<CallEvent>),
}

#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow)]
    ev: Cow<'a, str>,
}

impl ServerEvent {
    /// Reads a text frame. An event this version does not know is [`ServerEvent::Unknown`].
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        let head: Head<'_> = serde_json::from_str(text)?;
        Ok(match &*head.ev {
            "call.state" => Self::State(serde_json::from_str(text)?),
            "call.quality" => Self::Quality(serde_json::from_str(text)?),
            "call.message" => Self::CallMessage(serde_json::from_str(text)?),
            "media.tracks" => Self::Tracks(serde_json::from_str(text)?),
            "media.speakers" => Self::Speakers(serde_json::from_str(text)?),
            "media.closed" => Self::MediaClosed(serde_json::from_str(text)?),
            "message" => Self::Message(serde_json::from_str(text)?),
            "presence" => Self::Presence(serde_json::from_str(text)?),
            "availability" => Self::Availability(serde_json::from_str(text)?),
            "record" => Self::Record(serde_json::from_str(text)?),
            "record.read" => Self::RecordsRead(serde_json::from_str(text)?),
            "session.replaced" => Self::Replaced,
            "session.token_expiring" => Self::TokenExpiring(serde_json::from_str(text)?),
            "server.draining" => Self::Draining,
            name if CALL_EVENTS.contains(&name) => Self::Call(serde_json::from_str(text)?),
            _ => Self::Unknown,
        })
    }

    /// The text frame.
    pub fn to_frame(&self) -> Arc<str> {
        // Only `Unknown` cannot be written, and nobody makes one to send it.
        frame::text(self)
    }
}

/// The names of the events of a call's log.
pub const CALL_EVENTS: [&str; 19] = [
    "call.invited",
    "call.ringing",
    "call.accepted",
    "call.rejected",
    "call.started",
    "call.entered",
    "call.joined",
    "call.left",
    "call.dropped",
    "call.restored",
    "call.moved",
    "call.edited",
    "call.canceled",
    "call.elsewhere",
    "call.media_proposed",
    "call.media_changed",
    "call.media_refused",
    "call.added",
    "call.ended",
];

/// `call.state`: the latest wins; what is absent stays as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StateEvent {
    /// The call.
    pub call: CallId,
    /// Whose.
    pub user: UserId,
    /// Sound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audio: Option<bool>,
    /// The camera.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub video: Option<bool>,
    /// The screen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub screen: Option<bool>,
}

/// `call.quality`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct QualityEvent {
    /// The call.
    pub call: CallId,
    /// By user.
    pub users: BTreeMap<UserId, Quality>,
}

/// How good a participant's connection is.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Quality {
    /// From them to the server: 0 unknown, 1 excellent, 2 good, 3 fair, 4 poor, 5 bad.
    pub up: u8,
    /// From the server to them, likewise.
    pub down: u8,
    /// There and back, in milliseconds.
    pub rtt_ms: u32,
    /// The part of packets lost, 0 to 1.
    pub loss: f32,
    /// Variation of delay, in milliseconds.
    pub jitter_ms: u32,
}

/// `call.message`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CallMessage {
    /// The call.
    pub call: CallId,
    /// From whom.
    pub from: UserId,
    /// The message.
    pub body: Body,
    /// When.
    pub at: Timestamp,
}

/// `message`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Message {
    /// From whom.
    pub from: UserId,
    /// The message.
    pub body: Body,
    /// When.
    pub at: Timestamp,
}

/// `presence`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PresenceEvent {
    /// By user.
    pub users: BTreeMap<UserId, Open<Presence>>,
}

/// `record`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RecordEvent {
    /// The record.
    pub record: Box<Record>,
    /// What a device returns to get the records after this one.
    pub cursor: RecordCursor,
}

/// `session.token_expiring`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TokenExpiring {
    /// When the token runs out.
    pub expires_at: Timestamp,
}
