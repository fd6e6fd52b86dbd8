//! What happened: the entries of a call's log.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    availability::Unavailable,
    call::{Cause, Kind, Media, Mode, Origin, Reach, Reason, RingMode},
    hook::Asked,
    id::{AppKey, CallId, DeviceId, Label, RoomId, SessionId, Timestamp, Uid, UserId},
    link::Link,
    note::Note,
    push::{PushWish, Pushed},
    settings::{Forbid, Settings},
};

/// The version in which events are stored. A reader takes every version up to it.
pub const EVENT_VERSION: u32 = 1;

/// How a device's media came up, as the device saw it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MediaReport {
    /// From the answer to its offer until ICE was connected, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connected_ms: Option<u32>,
    /// From the answer to its offer until the first remote picture was shown, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_frame_ms: Option<u32>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<Label>,
}

/// One entry of a call's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// [`EVENT_VERSION`] when it was written.
    pub v: u32,
    /// Its position in the log, from 1 without gaps.
    pub seq: u64,
    /// When; never earlier than the entry before.
    pub at: Timestamp,
    /// The request that caused it; none for deadlines and the server's own doing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestRef>,
    /// What happened.
    pub event: Event,
}

/// A client's request: the session and the id it gave (R14).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RequestRef {
    /// The session.
    pub session: SessionId,
    /// The request's id, rising within the session.
    pub id: u64,
}

/// The caller as a call begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caller {
    /// Who.
    pub user: UserId,
    /// Their number.
    pub uid: Option<Uid>,
    /// The device that started the call; none when the server did.
    pub device: Option<DeviceId>,
    /// Whether a server-started call tells the caller's devices.
    pub told: bool,
    /// What could be reached of them.
    pub reach: Reach,
}

/// A callee as they are invited.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invitee {
    /// Who.
    pub user: UserId,
    /// Their number; none for a user never seen.
    pub uid: Option<Uid>,
    /// How they are told.
    pub ring: RingMode,
    /// How long they are rung, in milliseconds.
    pub ring_ms: u64,
    /// Whether their devices are told of it by this event.
    pub told: bool,
    /// Whether they wait for the caller of a server-started call.
    pub held: bool,
    /// What could be reached of them.
    pub reach: Reach,
    /// That they do not want to be rung by the caller now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unavailable: Option<Unavailable>,
}

/// How a call begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Created {
    /// The app.
    pub app: AppKey,
    /// The call.
    pub call: CallId,
    /// What it is for.
    pub mode: Mode,
    /// How many it is between.
    pub kind: Kind,
    /// What it carries.
    pub media: Media,
    /// Who started it.
    pub origin: Origin,
    /// The caller.
    pub caller: Caller,
    /// The callees.
    pub callees: Vec<Invitee>,
    /// The caller's note.
    pub note: Note,
    /// The app's group.
    pub group: Option<Label>,
    /// The app's channel.
    pub channel: Option<Label>,
    /// What may not be sent.
    pub forbid: Forbid,
    /// Its times and policy.
    pub settings: Settings,
    /// Its room; none in `invite` mode.
    pub room: Option<RoomId>,
    /// How sleeping devices are woken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub push: Option<Arc<PushWish>>,
}

/// How an invitation ended without an answer to join.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Refused {
    /// The callee refused.
    Rejected,
    /// The callee is claimed by another call, or said so.
    Busy,
    /// The callee could not be reached.
    Offline,
    /// The callee did not answer in time.
    Timeout,
    /// The business server vetoed it.
    Denied,
}

/// How a participant left a call that goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Leaving {
    /// Hung up.
    Left,
    /// Was removed by the server.
    Removed,
    /// Stayed away past the grace.
    Lost,
}

/// What happened in a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "type")]
pub enum Event {
    /// The call was asked for.
    Created(Box<Created>),
    /// Callees held back until the caller of a server-started call accepted are invited now.
    Released {
        /// Who.
        users: Vec<UserId>,
    },
    /// An absent callee has logged in.
    Reached {
        /// Who.
        user: UserId,
    },
    /// A device of the user acknowledged the invitation, the first to do so.
    Ringing {
        /// Who.
        user: UserId,
        /// With which device.
        device: DeviceId,
    },
    /// One device refused for itself only.
    Silenced {
        /// Who.
        user: UserId,
        /// With which device.
        device: DeviceId,
    },
    /// A participant answered.
    Accepted {
        /// Who.
        user: UserId,
        /// With which device.
        device: DeviceId,
        /// What the call carries from now on.
        media: Media,
        /// The answerer's note.
        note: Note,
    },
    /// The call became active.
    Started,
    /// An invitation ended without joining.
    Rejected {
        /// Whose.
        user: UserId,
        /// The device that refused; none where no device did.
        device: Option<DeviceId>,
        /// How.
        reason: Refused,
        /// The number for it.
        code: u32,
        /// What lies behind it.
        cause: Option<Cause>,
        /// The note of who refused.
        note: Note,
    },
    /// Invitations were taken back.
    Canceled {
        /// Whose.
        users: Vec<UserId>,
        /// Why: `canceled`, `killed` or `disconnected`.
        reason: Reason,
        /// The number for it.
        code: u32,
        /// The note of who took them back.
        note: Note,
    },
    /// More people were invited.
    Added {
        /// By whom.
        by: Option<UserId>,
        /// Whom.
        users: Vec<Invitee>,
        /// The inviter's note.
        note: Note,
        /// How sleeping devices are woken.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        push: Option<Arc<PushWish>>,
    },
    /// A participant entered a call that is already active.
    Joined {
        /// Who.
        user: UserId,
        /// With which device.
        device: DeviceId,
    },
    /// A participant's media is connected.
    Entered {
        /// Who.
        user: UserId,
        /// Whether the server routes it, so that it is known when it is lost.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        routed: bool,
    },
    /// A participant left and the call goes on.
    Left {
        /// Who.
        user: UserId,
        /// How.
        how: Leaving,
        /// What lies behind it.
        cause: Option<Cause>,
        /// The number for it.
        code: u32,
        /// The note of who left, or of who removed them.
        note: Note,
    },
    /// A participant lost a link; the first one makes them dropped.
    Dropped {
        /// Who.
        user: UserId,
        /// What they lost.
        #[serde(default, skip_serializing_if = "Link::is_signalling")]
        link: Link,
    },
    /// A lost link of a dropped participant is back; they are, when none is missing.
    Restored {
        /// Who.
        user: UserId,
        /// What is back.
        #[serde(default, skip_serializing_if = "Link::is_signalling")]
        link: Link,
    },
    /// A participant's other device took over.
    Moved {
        /// Who.
        user: UserId,
        /// From which device.
        from: DeviceId,
        /// To which device.
        to: DeviceId,
    },
    /// Raising the media was proposed.
    MediaProposed {
        /// By whom.
        user: UserId,
        /// To what.
        media: Media,
    },
    /// The media changed.
    MediaChanged {
        /// By whose act.
        user: UserId,
        /// To what.
        media: Media,
    },
    /// A proposal was refused, lapsed, or was withdrawn.
    MediaRefused {
        /// Whose proposal it was.
        proposer: UserId,
        /// What it was.
        media: Media,
        /// Why, unless the other refused.
        cause: Option<Cause>,
    },
    /// A device confirmed that it stopped ringing.
    Acknowledged {
        /// Who.
        user: UserId,
        /// With which device.
        device: DeviceId,
        /// Which event it confirms.
        seq: u64,
    },
    /// A device told how its media came up; kept for whoever reads the log.
    MediaReported {
        /// Who.
        user: UserId,
        /// With which device.
        device: DeviceId,
        /// What is told for the first time in the stay.
        #[serde(flatten)]
        report: MediaReport,
    },
    /// The business server was asked, or told; kept for whoever reads the log.
    Asked(Asked),
    /// A sleeping device was told, or could not be; kept for whoever reads the log.
    Pushed(Pushed),
    /// The call is over.
    Ended {
        /// Why.
        reason: Reason,
        /// The number for it.
        code: u32,
        /// Who ended it.
        by: Option<UserId>,
        /// What lies behind it.
        cause: Option<Cause>,
        /// The note of who ended it.
        note: Note,
    },
}
