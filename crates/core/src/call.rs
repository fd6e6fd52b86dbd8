//! The state of a call: what its log adds up to.

use std::{collections::BTreeSet, sync::Arc};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    availability::Unavailable,
    event::Created,
    hook::Asked,
    id::{AppKey, CallId, DeviceId, Label, RoomId, Timestamp, Uid, UserId},
    link::{Links, Reported},
    note::Note,
    settings::{Forbid, Settings},
};

/// What a call is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Claims its users, gets a room, lives until it is finished.
    #[default]
    Call,
    /// Only the invitation; no claim, no room, ends at the answer.
    Invite,
}

/// How many a call is between.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// One caller, one callee.
    Direct,
    /// Asked for as a group, or made of a direct call by inviting a third.
    Group,
}

/// What a call carries.
///
/// `Audio < Video`.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Media {
    /// Sound only.
    Audio,
    /// Sound and picture.
    #[default]
    Video,
}

/// Where a call stands.
///
/// ```text
///   inviting ──first callee accepts──▶ active ──▶ ended
///       └──────────nobody is left to answer─────────▲
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Nobody has answered yet.
    Inviting,
    /// A callee has answered; the room is open.
    Active,
    /// Over, for a reason.
    Ended,
}

/// How a callee is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RingMode {
    /// Rings, claims, and holds an unanswered group call open.
    #[default]
    Ring,
    /// A quiet notice; claims when joined.
    Notify,
    /// Only listed; no event and no push.
    Silent,
}

/// Where a participant stands.
///
/// ```text
///   invited ──▶ ringing ──▶ joined ⇄ dropped
///      │           │           │        │
///      ▼           ▼           ▼        ▼
///   rejected busy offline timed_out   left lost
///   canceled denied
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Known to the server.
    Invited,
    /// A device of the user has acknowledged the invitation.
    Ringing,
    /// In the call.
    Joined,
    /// Joined, connection lost, may come back.
    Dropped,
    /// Went, or was in the call when it ended.
    Left,
    /// Refused.
    Rejected,
    /// Taken by another call, or said so.
    Busy,
    /// Could not be reached.
    Offline,
    /// Did not answer in the ring time.
    TimedOut,
    /// The invitation was taken back.
    Canceled,
    /// The business server vetoed the call.
    Denied,
    /// Stayed away past the grace.
    Lost,
}

impl State {
    /// Being invited or rung: may still answer.
    pub fn is_pending(self) -> bool {
        match self {
            Self::Invited | Self::Ringing => true,
            Self::Joined
            | Self::Dropped
            | Self::Left
            | Self::Rejected
            | Self::Busy
            | Self::Offline
            | Self::TimedOut
            | Self::Canceled
            | Self::Denied
            | Self::Lost => false,
        }
    }

    /// In the call: joined or dropped.
    pub fn is_in(self) -> bool {
        match self {
            Self::Joined | Self::Dropped => true,
            Self::Invited
            | Self::Ringing
            | Self::Left
            | Self::Rejected
            | Self::Busy
            | Self::Offline
            | Self::TimedOut
            | Self::Canceled
            | Self::Denied
            | Self::Lost => false,
        }
    }
}

/// What of a user could be reached when they were invited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// A device with an open connection.
    Online,
    /// Only a resumable session or a push token.
    Asleep,
    /// Nothing.
    Absent,
}

/// A user in a call. One who comes back after an end is the same participant with a new state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Participant {
    /// Who.
    pub user: UserId,
    /// Their number; none for a user never seen.
    pub uid: Option<Uid>,
    /// Where they stand.
    pub state: State,
    /// How they are told.
    pub ring: RingMode,
    /// The device that joined, or that answered.
    pub device: Option<DeviceId>,
    /// Who invited them; none for the caller.
    pub by: Option<UserId>,
    /// Whether their devices were told of the invitation.
    pub told: bool,
    /// Waits for the caller of a server-started call to accept.
    pub held: bool,
    /// Devices that refused for themselves only.
    pub silenced: BTreeSet<DeviceId>,
    /// What could be reached of them.
    pub reach: Reach,
    /// That they do not want to be rung: their devices are told nothing, and nothing claims them
    /// until they join.
    pub unavailable: Option<Unavailable>,
    /// When one who was not connected at the invitation logged in.
    pub reached_at: Option<Timestamp>,
    /// When invited.
    pub invited_at: Timestamp,
    /// The ring time, in milliseconds.
    pub ring_ms: u64,
    /// When the ring time is over; meaningful while pending and not held.
    pub ring_until: Timestamp,
    /// When a device first acknowledged.
    pub ringing_at: Option<Timestamp>,
    /// When they last joined.
    pub joined_at: Option<Timestamp>,
    /// What ties their device to the call in the present stay, as far as the log says.
    pub links: Links,
    /// What their device reported of its media in the present stay.
    pub reported: Reported,
    /// Since when nothing of a dropped participant is there; the grace counts from then.
    pub gone_at: Option<Timestamp>,
    /// When their part was over.
    pub left_at: Option<Timestamp>,
    /// Milliseconds in the call over all earlier stays.
    pub talked_ms: u64,
    /// Whether their media is connected, in the present stay.
    pub entered: bool,
    /// Why their part ended, beyond the state.
    pub cause: Option<Cause>,
    /// Losses logged since `flaps_since`; damps a flapping connection.
    pub flaps: u8,
    /// When `flaps` began to count.
    pub flaps_since: Timestamp,
    /// Stop-ring events confirmed, by device.
    pub acknowledged: BTreeSet<(DeviceId, u64)>,
}

impl Participant {
    /// Whether their ring time runs: pending, and not held back.
    pub fn is_waited_for(&self) -> bool {
        self.state.is_pending() && !self.held
    }

    /// Whether the invitation may still be answered. Who does not want to be rung knows of none.
    pub fn may_answer(&self) -> bool {
        self.is_waited_for() && self.unavailable.is_none()
    }

    /// Whether their devices are told when they are invited.
    pub fn hears_invitations(&self) -> bool {
        self.ring != RingMode::Silent && self.unavailable.is_none()
    }

    /// Whether being rung claims them.
    fn is_claimed_by_ring(&self) -> bool {
        self.state.is_pending() && self.ring == RingMode::Ring && self.unavailable.is_none()
    }

    /// Whether a stay of the user's devices is open although none has joined.
    pub fn is_rung(&self) -> bool {
        self.may_answer() && self.told
    }
}

/// A proposal to raise the media, waiting for consent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// Who proposes.
    pub by: UserId,
    /// What.
    pub media: Media,
    /// When it lapses.
    pub until: Timestamp,
}

/// Why a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Hung up after it was active.
    Completed,
    /// The caller gave up before an answer.
    Canceled,
    /// No device of the callee could be reached.
    Offline,
    /// The callee is claimed by another call, or said so.
    Busy,
    /// The callee refused.
    Rejected,
    /// Nobody answered in the ring time.
    Timeout,
    /// A participant stayed lost past the grace.
    Disconnected,
    /// The business server vetoed it.
    Denied,
    /// The business server or an operator ended it.
    Killed,
    /// The cluster lost the call's log.
    Lost,
}

impl Reason {
    /// The number of the reason; `denied` and `killed` carry the decider's own instead.
    pub fn code(self) -> u32 {
        match self {
            Self::Completed => 0,
            Self::Canceled => 100_101,
            Self::Offline => 100_102,
            Self::Busy => 100_103,
            Self::Rejected => 100_104,
            Self::Timeout => 100_105,
            Self::Disconnected | Self::Lost => 100_106,
            Self::Denied | Self::Killed => 0,
        }
    }
}

/// What lies behind a reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// No socket, no resumable session, no push token.
    Absent,
    /// A connected callee whose devices never acknowledged.
    Silent,
    /// A connection was lost.
    Disconnected,
    /// The longest time was reached.
    MaxTime,
    /// Asked for by the business server or an operator.
    Server,
    /// The user logged out.
    Logout,
    /// Nobody answered in time.
    Timeout,
    /// The other side's connection dropped.
    Dropped,
    /// The call's log reached its bound.
    LogFull,
    /// The media was lost, where the server routes it.
    Media,
    /// The callee does not want to be rung: do-not-disturb, or a list of theirs. Callers are not
    /// told.
    Policy,
    /// The app gave no token for the room of the call.
    Token,
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Why.
    pub reason: Reason,
    /// The number for it.
    pub code: u32,
    /// Who ended it; none where a deadline or the server did.
    pub by: Option<UserId>,
    /// What lies behind the reason.
    pub cause: Option<Cause>,
    /// When.
    pub at: Timestamp,
    /// The note of who ended it.
    pub note: Note,
}

/// Who started a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The caller's device.
    User,
    /// The business server; the callees wait until the caller has accepted.
    Server,
    /// The business server; caller and callees ring at once.
    ServerBoth,
}

/// A call, as its log adds up to now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The app it belongs to.
    pub app: AppKey,
    /// Its id.
    pub id: CallId,
    /// The position of the last event in its log, from 1.
    pub seq: u64,
    /// When the last event was logged.
    pub at: Timestamp,
    /// What it is for.
    pub mode: Mode,
    /// How many it is between.
    pub kind: Kind,
    /// What it carries.
    pub media: Media,
    /// Where it stands.
    pub phase: Phase,
    /// Who started it.
    pub origin: Origin,
    /// The caller.
    pub caller: UserId,
    /// Everybody in it, the caller first.
    pub participants: Vec<Participant>,
    /// The note of the start.
    pub note: Note,
    /// The app's group.
    pub group: Option<Label>,
    /// The app's channel.
    pub channel: Option<Label>,
    /// What may not be sent.
    pub forbid: Forbid,
    /// Its times and policy.
    pub settings: Settings,
    /// Its room, given at the start and shown from `active` on; none in `invite` mode.
    pub room: Option<RoomId>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it became active.
    pub started_at: Option<Timestamp>,
    /// A proposal waiting for consent.
    pub proposal: Option<Proposal>,
    /// What the business server said of the start, if it was asked.
    pub asked: Option<Arc<Asked>>,
    /// How it ended.
    pub ended: Option<Outcome>,
}

impl Call {
    /// Whether a participant may send `media` now: it must be what the call carries, and nothing
    /// may forbid it to their side.
    pub fn may_send(&self, user: &UserId, media: Media) -> bool {
        let forbidden = match (*user == self.caller, media) {
            (true, Media::Audio) => self.forbid.caller_audio,
            (true, Media::Video) => self.forbid.caller_video,
            (false, Media::Audio) => self.forbid.callee_audio,
            (false, Media::Video) => self.forbid.callee_video,
        };
        let inside = self.participant(user).is_some_and(|p| p.state.is_in());
        inside && self.phase == Phase::Active && media <= self.media && !forbidden
    }

    /// The participant `user` is, if any.
    pub fn participant(&self, user: &str) -> Option<&Participant> {
        self.participants.iter().find(|p| p.user.as_str() == user)
    }

    /// Those joined or dropped.
    pub fn inside(&self) -> impl Iterator<Item = &Participant> {
        self.participants.iter().filter(|p| p.state.is_in())
    }

    /// Those who may still answer, held ones included.
    pub fn pending(&self) -> impl Iterator<Item = &Participant> {
        self.participants.iter().filter(|p| p.state.is_pending())
    }

    /// Users this call holds a claim on: everyone in it, and those it rings.
    pub fn claims(&self) -> impl Iterator<Item = &UserId> {
        let exclusive = self.mode == Mode::Call && self.phase != Phase::Ended;
        self.participants
            .iter()
            .filter(move |p| exclusive && (p.state.is_in() || p.is_claimed_by_ring()))
            .map(|p| &p.user)
    }

    /// Milliseconds from the start of the conversation to its end, or to `now`.
    pub fn duration_ms(&self, now: Timestamp) -> u64 {
        let end = self.ended.as_ref().map_or(now, |o| o.at);
        self.started_at.map_or(0, |at| end.since_ms(at))
    }

    /// Whether it is a direct call.
    pub fn is_direct(&self) -> bool {
        match self.kind {
            Kind::Direct => true,
            Kind::Group => false,
        }
    }

    /// The call `created` begins, before anybody is in it.
    pub(crate) fn blank(created: &Created, at: Timestamp) -> Self {
        Self {
            app: created.app.clone(),
            id: created.call,
            seq: 1,
            at,
            mode: created.mode,
            kind: created.kind,
            media: created.media,
            phase: Phase::Inviting,
            origin: created.origin,
            caller: created.caller.user.clone(),
            participants: Vec::with_capacity(created.callees.len() + 1),
            note: created.note.clone(),
            group: created.group.clone(),
            channel: created.channel.clone(),
            forbid: created.forbid,
            settings: created.settings.clone(),
            room: created.room,
            created_at: at,
            started_at: None,
            proposal: None,
            asked: None,
            ended: None,
        }
    }
}
