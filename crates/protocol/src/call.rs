//! A call as devices see it.

use bellwire_core::{
    Call, CallId, Cause, DeviceId, Kind, Label, Media, Mode, Note, Outcome, Participant, Phase,
    Reason, RingMode, RoomId, RoomMedia, State, Timestamp, Uid, UserId,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Cursor, Forbids, Open, media::IceServer};

/// A whole call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CallInfo {
    /// Its id.
    pub id: CallId,
    /// What it is for.
    pub mode: Open<Mode>,
    /// How many it is between.
    pub kind: Open<Kind>,
    /// What it carries.
    pub media: Media,
    /// Where it stands.
    pub phase: Open<Phase>,
    /// The position of the last event in its log.
    pub seq: u64,
    /// The cursor of that event.
    pub cursor: Option<Cursor>,
    /// The caller.
    pub caller: UserId,
    /// The app's group.
    pub group: Option<Label>,
    /// The app's channel.
    pub channel: Option<Label>,
    /// The content of the start.
    #[serde(default)]
    pub content: String,
    /// The number of the start.
    #[serde(default)]
    pub param: i32,
    /// The app's own code of the start.
    #[serde(default)]
    pub app_code: u32,
    /// The app's own bits of the start.
    #[serde(default)]
    pub app_flags: u32,
    /// What may not be sent.
    #[serde(default)]
    pub forbid: Forbids,
    /// Everybody in it, the caller first.
    pub participants: Vec<ParticipantInfo>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When ringing ends: the viewer's own, else the last of all.
    pub ring_until: Option<Timestamp>,
    /// Milliseconds until `ring_until`, for devices whose clock is wrong.
    pub ring_left_ms: Option<u64>,
    /// When it became active.
    pub started_at: Option<Timestamp>,
    /// When it ends at the latest.
    pub ends_by: Option<Timestamp>,
    /// Where the media flows; only for those who may enter.
    pub room: Option<RoomInfo>,
    /// How it ended.
    pub ended: Option<Ended>,
}

impl CallInfo {
    /// `call` as `viewer` sees it at `now`. The room is shown as given: the caller of this
    /// function decides who may enter.
    pub fn of(
        call: &Call,
        viewer: Option<&UserId>,
        now: Timestamp,
        room: Option<RoomInfo>,
    ) -> Self {
        let rings = |p: &&Participant| p.is_waited_for();
        let own = viewer.and_then(|user| call.participant(user)).filter(rings);
        let ring_until = own
            .map(|p| p.ring_until)
            .or_else(|| call.participants.iter().filter(rings).map(|p| p.ring_until).max());
        Self {
            id: call.id,
            mode: call.mode.into(),
            kind: call.kind.into(),
            media: call.media,
            phase: call.phase.into(),
            seq: call.seq,
            cursor: Some(Cursor::of(call.seq)),
            caller: call.caller.clone(),
            group: call.group.clone(),
            channel: call.channel.clone(),
            content: call.note.content.as_deref().unwrap_or_default().to_owned(),
            param: call.note.param.unwrap_or_default(),
            app_code: call.note.app_code.unwrap_or_default(),
            app_flags: call.note.app_flags.unwrap_or_default(),
            forbid: call.forbid.into(),
            participants: ParticipantInfo::all(call),
            created_at: call.created_at,
            ring_until,
            ring_left_ms: ring_until.map(|until| until.since_ms(now)),
            started_at: call.started_at,
            ends_by: call.ends_by(),
            room,
            ended: call.ended.as_ref().map(|outcome| {
                let told = Ended::all(outcome, call.duration_ms(now));
                if viewer.is_some() {
                    told
                } else {
                    Ended { cause: outcome.cause.map(Open::from), ..told }
                }
            }),
        }
    }

    /// The participant `user` is, if any.
    pub fn participant(&self, user: &str) -> Option<&ParticipantInfo> {
        self.participants.iter().find(|p| p.user.as_str() == user)
    }
}

/// `call.edited`: as it is now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Edited {
    /// What may not be sent.
    #[serde(default)]
    pub forbid: Forbids,
    /// When the call ends at the latest; none where it has no bound, or is not active yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_by: Option<Timestamp>,
}

impl Edited {
    /// As `call` is.
    pub fn of(call: &Call) -> Self {
        Self { forbid: call.forbid.into(), ends_by: call.ends_by() }
    }
}

/// A user in a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ParticipantInfo {
    /// Who.
    pub user: UserId,
    /// Their number; none for a user never seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<Uid>,
    /// Where they stand.
    pub state: Open<State>,
    /// The device that joined, or that answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceId>,
    /// How they are told; none for a caller who started the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ring: Option<Open<RingMode>>,
    /// When their ring time is over, while they may answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ring_until: Option<Timestamp>,
}

impl ParticipantInfo {
    /// `participant` of `call`.
    pub fn of(call: &Call, participant: &Participant) -> Self {
        let p = participant;
        let is_rung = p.user != call.caller || p.state.is_pending();
        Self {
            user: p.user.clone(),
            uid: p.uid,
            state: p.state.into(),
            device: p.device.clone(),
            ring: is_rung.then(|| p.ring.into()),
            ring_until: p.is_waited_for().then_some(p.ring_until),
        }
    }

    /// Everybody in `call`.
    pub fn all(call: &Call) -> Vec<Self> {
        call.participants.iter().map(|p| Self::of(call, p)).collect()
    }

    /// Those of `users` who are in `call`.
    pub fn some<'a>(call: &Call, users: impl IntoIterator<Item = &'a UserId>) -> Vec<Self> {
        let found = users.into_iter().filter_map(|user| call.participant(user));
        found.map(|p| Self::of(call, p)).collect()
    }
}

/// Where the media of a call flows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RoomInfo {
    /// The room.
    pub id: RoomId,
    /// Who routes it.
    pub media: Open<RoomMedia>,
    /// What lets the device in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<crate::Secret>,
    /// Where it is, where the media is not this server's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Relays for a device that cannot reach the server, good for some hours.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ice_servers: Vec<IceServer>,
    /// What the device may send: `audio` is microphone and sound of the screen, `video` camera and
    /// screen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<Media>,
}

impl RoomInfo {
    /// A room whose media is the app's own affair.
    pub fn external(id: RoomId) -> Self {
        Self {
            id,
            media: RoomMedia::External.into(),
            token: None,
            url: None,
            ice_servers: Vec::new(),
            allow: Vec::new(),
        }
    }
}

/// For whom a call is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// For you; it goes on without you.
    You,
    /// For all.
    All,
}

/// How a call ended, for you or for all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Ended {
    /// For whom.
    pub scope: Open<Scope>,
    /// Why.
    pub reason: Open<Reason>,
    /// The number for it.
    pub code: u32,
    /// Who ended it; none where a deadline or the server did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<UserId>,
    /// When.
    pub at: Timestamp,
    /// How long the conversation was, in milliseconds; 0 for a call that was never active.
    pub duration_ms: u64,
    /// What lies behind the reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Open<Cause>>,
    /// The words of who ended it.
    #[serde(flatten)]
    pub note: Note,
}

impl Ended {
    /// The end of a call for all, as those in it are told.
    pub fn all(outcome: &Outcome, duration_ms: u64) -> Self {
        Self::new(Scope::All, outcome, duration_ms)
    }

    /// The end of a participant's part in a call that goes on.
    pub fn you(outcome: &Outcome, duration_ms: u64) -> Self {
        Self::new(Scope::You, outcome, duration_ms)
    }

    fn new(scope: Scope, outcome: &Outcome, duration_ms: u64) -> Self {
        Self {
            scope: scope.into(),
            reason: outcome.reason.into(),
            code: outcome.code,
            by: outcome.by.clone(),
            at: outcome.at,
            duration_ms,
            cause: outcome.cause.filter(|cause| !cause.is_private()).map(Open::from),
            note: outcome.note.clone(),
        }
    }
}
