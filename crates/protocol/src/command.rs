//! What a device may ask. One struct per command; the table of the wire names them by `do`.
//!
//! Optional fields are `None` where absent or `null`: the app's settings decide then.

use bellwire_core::{
    CallId, DeviceId, Kind, Label, Media, Mode, Note, REACH_TIME_MAX_S, RING_TIME_S,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Body, Forbids, Recipients, Target, UserRef, limits};
pub use crate::{
    availability::SetAvailability,
    hello::{DeviceInfo, Hello, Login, Platform, RenewToken, Resume},
    media::{MediaClose, MediaOffer, MediaReceive, MediaReport},
    policy::PolicyAsk,
    proposal::{ChangeMedia, MediaAnswer},
    push::{Push, PushClear, PushKind, PushSet},
    record::{ListRecords, ReadRecords},
    user::PresenceOf,
};

/// A command with its fields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "do")]
pub enum Command {
    /// Log in.
    #[serde(rename = "hello")]
    Hello(Box<Hello>),
    /// Start a call.
    #[serde(rename = "call.start")]
    Start(Box<Start>),
    /// The invitation has reached the app.
    #[serde(rename = "call.ringing")]
    Ringing(Ringing),
    /// Answer.
    #[serde(rename = "call.accept")]
    Accept(Accept),
    /// Refuse.
    #[serde(rename = "call.reject")]
    Reject(Reject),
    /// Take the invitation back before an answer.
    #[serde(rename = "call.cancel")]
    Cancel(Cancel),
    /// Leave; ends a direct call.
    #[serde(rename = "call.hangup")]
    Hangup(Hangup),
    /// End the call for all.
    #[serde(rename = "call.end")]
    End(End),
    /// Invite more people into a live call.
    #[serde(rename = "call.invite")]
    Invite(Box<Invite>),
    /// Enter a live group call.
    #[serde(rename = "call.join")]
    Join(Join),
    /// Take over from another device of the user.
    #[serde(rename = "call.move")]
    Move(Move),
    /// Propose another media.
    #[serde(rename = "call.media")]
    Media(ChangeMedia),
    /// Answer a proposal.
    #[serde(rename = "call.media_answer")]
    MediaAnswer(MediaAnswer),
    /// Confirm that the device stopped ringing.
    #[serde(rename = "ack")]
    Ack(Ack),
    /// Tell what this device publishes.
    #[serde(rename = "call.state")]
    State(SetState),
    /// Send a message inside a call.
    #[serde(rename = "call.send")]
    Send(Send),
    /// Look at a call and its log.
    #[serde(rename = "call.get")]
    Get(Get),
    /// Send a message to a user.
    #[serde(rename = "message.send")]
    SendMessage(SendMessage),
    /// Ask who is there.
    #[serde(rename = "presence.get")]
    PresenceGet(PresenceOf),
    /// Be told from now on who is there.
    #[serde(rename = "presence.watch")]
    PresenceWatch(PresenceOf),
    /// Be told no longer.
    #[serde(rename = "presence.unwatch")]
    PresenceUnwatch(PresenceOf),
    /// Ask when and by whom the user wants to be rung.
    #[serde(rename = "availability.get")]
    GetAvailability,
    /// Change it.
    #[serde(rename = "availability.set")]
    SetAvailability(Box<SetAvailability>),
    /// List the user's own records, newest first.
    #[serde(rename = "record.list")]
    ListRecords(ListRecords),
    /// Say that missed calls have been seen.
    #[serde(rename = "record.read")]
    ReadRecords(ReadRecords),
    /// Tell where to wake this device.
    #[serde(rename = "push.set")]
    PushSet(Box<PushSet>),
    /// Wake this device no longer.
    #[serde(rename = "push.clear")]
    PushClear(PushClear),
    /// Connect this device's media.
    #[serde(rename = "media.offer")]
    MediaOffer(Box<MediaOffer>),
    /// Choose what is received.
    #[serde(rename = "media.receive")]
    MediaReceive(MediaReceive),
    /// End this device's media connection.
    #[serde(rename = "media.close")]
    MediaClose(MediaClose),
    /// Tell how the media came up.
    #[serde(rename = "media.report")]
    MediaReport(MediaReport),
    /// Replace a token that is about to run out.
    #[serde(rename = "token.renew")]
    RenewToken(RenewToken),
    /// Ask for an answer; for clients that cannot see WebSocket pings.
    #[serde(rename = "ping")]
    Ping,
    /// End the session; the device leaves its calls.
    #[serde(rename = "logout")]
    Logout,
}

impl Command {
    /// Its name in `do`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Hello(_) => "hello",
            Self::Start(_) => "call.start",
            Self::Ringing(_) => "call.ringing",
            Self::Accept(_) => "call.accept",
            Self::Reject(_) => "call.reject",
            Self::Cancel(_) => "call.cancel",
            Self::Hangup(_) => "call.hangup",
            Self::End(_) => "call.end",
            Self::Invite(_) => "call.invite",
            Self::Join(_) => "call.join",
            Self::Move(_) => "call.move",
            Self::Media(_) => "call.media",
            Self::MediaAnswer(_) => "call.media_answer",
            Self::Ack(_) => "ack",
            Self::State(_) => "call.state",
            Self::Send(_) => "call.send",
            Self::Get(_) => "call.get",
            Self::SendMessage(_) => "message.send",
            Self::PresenceGet(_) => "presence.get",
            Self::PresenceWatch(_) => "presence.watch",
            Self::PresenceUnwatch(_) => "presence.unwatch",
            Self::GetAvailability => "availability.get",
            Self::SetAvailability(_) => "availability.set",
            Self::ReadRecords(_) => "record.read",
            Self::ListRecords(_) => "record.list",
            Self::PushSet(_) => "push.set",
            Self::PushClear(_) => "push.clear",
            Self::MediaOffer(_) => "media.offer",
            Self::MediaReceive(_) => "media.receive",
            Self::MediaClose(_) => "media.close",
            Self::MediaReport(_) => "media.report",
            Self::RenewToken(_) => "token.renew",
            Self::Ping => "ping",
            Self::Logout => "logout",
        }
    }

    /// Whether its answer is remembered, so that a repeated id gets the first answer and does
    /// nothing twice.
    pub fn is_changing(&self) -> bool {
        match self {
            Self::Start(_)
            | Self::Ringing(_)
            | Self::Accept(_)
            | Self::Reject(_)
            | Self::Cancel(_)
            | Self::Hangup(_)
            | Self::End(_)
            | Self::Invite(_)
            | Self::Join(_)
            | Self::Move(_)
            | Self::Media(_)
            | Self::MediaAnswer(_)
            | Self::Ack(_)
            | Self::Send(_)
            | Self::SendMessage(_)
            | Self::SetAvailability(_) => true,
            Self::Hello(_)
            | Self::State(_)
            | Self::Get(_)
            | Self::PresenceGet(_)
            | Self::PresenceWatch(_)
            | Self::PresenceUnwatch(_)
            | Self::GetAvailability
            | Self::ListRecords(_)
            | Self::ReadRecords(_)
            | Self::PushSet(_)
            | Self::PushClear(_)
            | Self::MediaOffer(_)
            | Self::MediaReceive(_)
            | Self::MediaClose(_)
            | Self::MediaReport(_)
            | Self::RenewToken(_)
            | Self::Ping
            | Self::Logout => false,
        }
    }
}

/// `call.start`: asks for a call.
///
/// The reply holds the call as it was made; that a callee is busy or offline comes as events after
/// it. Who starts a call to someone who is just calling them answers that call instead: the reply
/// names the earlier call, and the start counts as the acceptance.
///
/// Errors: `busy_self` (`call` names the other call), `invalid`, `rate_limited`, `overloaded`,
/// `denied`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Start {
    /// The callees; exactly one in a direct call and in `invite` mode.
    #[schemars(length(min = 1, max = limits::CALLEES))]
    pub to: Vec<Target>,
    /// What it carries; `video` where none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media: Option<Media>,
    /// What it is for; `call` where none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// Direct or group; by the number of callees where none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// The app's own words.
    #[serde(flatten)]
    pub note: Note,
    /// What may not be sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forbid: Option<Forbids>,
    /// How long callees are rung, in seconds; the app's setting where none.
    #[schemars(range(min = *RING_TIME_S.start(), max = *RING_TIME_S.end()))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ring_time: Option<u64>,
    /// How long an absent callee is waited for, in seconds; the app's setting where none.
    #[schemars(range(max = REACH_TIME_MAX_S))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reach_time: Option<u64>,
    /// How long the call may be active, in seconds; the app's setting where none.
    #[schemars(range(min = 1))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_time: Option<u64>,
    /// Who may do what in it; where nothing is said, the app's setting.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<PolicyAsk>,
    /// The app's group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<Label>,
    /// The app's channel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<Label>,
    /// How the callees' sleeping devices are woken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub push: Option<Push>,
}

/// `call.ringing`: the invitation has reached the app.
///
/// The device sends it as soon as it rings. The caller hears of a user's first one; a callee whose
/// devices never send it counts as `offline`, cause `silent`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Ringing {
    /// The call.
    pub call: CallId,
}

/// `call.accept`: answers.
///
/// Legal from `invited` and `ringing`; the first answer wins. In the reply, `room` is set once the
/// call is active.
///
/// Errors: `answered_elsewhere`, `rejected_elsewhere`, `not_in_call` (with `reason`: what became of
/// the call), `busy_self`, `already_accepted`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Accept {
    /// The call.
    pub call: CallId,
    /// The app's own words.
    #[serde(flatten)]
    pub note: Note,
    /// May lower video to audio.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media: Option<Media>,
}

/// `call.reject`: refuses.
///
/// For all devices of the user, which get `call.elsewhere`; this one gets `call.ended`. With
/// `only_me` this device alone is silent and the others ring on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reject {
    /// The call.
    pub call: CallId,
    /// The app's own words.
    #[serde(flatten)]
    pub note: Note,
    /// How; `rejected` where none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<RejectReason>,
    /// Only this device stops ringing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub only_me: Option<bool>,
}

/// How a callee refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RejectReason {
    /// Does not want to.
    Rejected,
    /// Is busy.
    Busy,
}

impl From<RejectReason> for bellwire_core::Refusing {
    fn from(reason: RejectReason) -> Self {
        match reason {
            RejectReason::Rejected => Self::Rejected,
            RejectReason::Busy => Self::Busy,
        }
    }
}

/// `call.cancel`: takes invitations back before an answer.
///
/// For the caller alone. Without `to` the whole call ends. Once somebody has answered it is too
/// late: `already_accepted`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Cancel {
    /// The call.
    pub call: CallId,
    /// The app's own words.
    #[serde(flatten)]
    pub note: Note,
    /// Only these callees.
    #[schemars(length(max = limits::CALLEES))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Vec<UserRef>>,
}

/// `call.hangup`: leaves; ends a direct call.
///
/// A group call goes on while two remain, or one and somebody who is being rung. Before an answer
/// it is a cancel for the caller and a reject for a callee.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Hangup {
    /// The call.
    pub call: CallId,
    /// The app's own words.
    #[serde(flatten)]
    pub note: Note,
}

/// `call.end`: ends the call for all.
///
/// For whom the call's policy `end` names; `forbidden` for others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct End {
    /// The call.
    pub call: CallId,
    /// The app's own words.
    #[serde(flatten)]
    pub note: Note,
}

/// `call.invite`: asks more people into a live call.
///
/// For whom the call's policy `invite` names. It makes a group of a direct call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Invite {
    /// The call.
    pub call: CallId,
    /// Whom.
    #[schemars(length(min = 1, max = limits::CALLEES))]
    pub to: Vec<Target>,
    /// The app's own words.
    #[serde(flatten)]
    pub note: Note,
    /// How long they are rung, in seconds; the call's ring time where none.
    #[schemars(range(min = *RING_TIME_S.start(), max = *RING_TIME_S.end()))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ring_time: Option<u64>,
    /// How their sleeping devices are woken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub push: Option<Push>,
}

/// `call.join`: an invited or once joined user enters a live group call.
///
/// For whom the call's policy `join` names.
///
/// Errors: `forbidden`, `busy_self`, `overloaded` (the group is full).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Join {
    /// The call.
    pub call: CallId,
}

/// `call.move`: this device takes over.
///
/// It names the device it takes over from; if another has the call by then, the error is
/// `answered_elsewhere` and `device` says which.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Move {
    /// The call.
    pub call: CallId,
    /// The user's device that is in the call now.
    pub from: DeviceId,
}

/// `ack`: the app has been told to stop ringing.
///
/// For `call.canceled` and `call.elsewhere`. Without it they are sent again at the next resume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Ack {
    /// The call.
    pub call: CallId,
    /// The `seq` of the event that is confirmed.
    pub seq: u64,
}

/// `call.state`: what this device publishes. What is absent stays as it was.
///
/// For the device in the call. The first one of a stay also says that it has entered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SetState {
    /// The call.
    pub call: CallId,
    /// Sound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audio: Option<bool>,
    /// The camera.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub video: Option<bool>,
    /// The screen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub screen: Option<bool>,
}

/// `call.send`: a message inside a call.
///
/// For the device in the call; to the others in it, or to those named. Not kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Send {
    /// The call.
    pub call: CallId,
    /// Only these participants.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Recipients>,
    /// The message: any JSON, at most 32 KiB.
    pub body: Body,
}

/// `call.get`: a call and its log.
///
/// For whoever is or was in it, also when it is over. Page on with `after` = the last `seq`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Get {
    /// The call.
    pub call: CallId,
    /// The log after this position.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
    /// At most so many entries; 256 where none, which is also the most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
}

/// `message.send`: a message to a user.
///
/// To all their connected devices. Not kept: `received` says whether a device took it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SendMessage {
    /// Whom.
    pub to: UserRef,
    /// The message: any JSON, at most 32 KiB.
    pub body: Body,
}
