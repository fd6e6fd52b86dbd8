//! Times, policies and prohibitions of a call: the app's defaults, or the call's own.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The shortest and longest ring time, in seconds.
pub const RING_TIME_S: std::ops::RangeInclusive<u64> = 5..=600;
/// The longest time an absent callee is waited for, in seconds.
pub const REACH_TIME_MAX_S: u64 = 600;
/// The longest time a call may be limited to, in seconds: a week.
pub const MAX_TIME_MAX_S: u64 = 7 * 24 * 3600;
/// The most participants of a group call an app may allow.
pub const GROUP_SIZE_MAX: usize = 1_000;
/// How long a proposal to raise the media waits for consent, in milliseconds (R19).
pub const CONSENT_MS: u64 = 30_000;
/// How often sessions and media of a call with anyone joined are asked, in milliseconds.
pub const AUDIT_MS: u64 = 20_000;
/// The most events a call's log may have.
pub const LOG_MAX: u64 = 4_096;
/// From this many events on, only what may lead to the end of the call is logged. The room above
/// it is enough for a hundred participants to drop or come back, and to leave.
pub const LOG_SOFT_MAX: u64 = LOG_MAX - 512;
/// A live call whose log would grow beyond this many events ends. The room above it is for the
/// end itself and for two acknowledgements from each of a hundred participants.
pub const LOG_LIVE_MAX: u64 = LOG_MAX - 256;
/// From this many events on, what became of pushes is no longer logged: a group of a thousand whose
/// phones all sleep must not fill the log that its calls to order need.
pub const LOG_PUSHED_MAX: u64 = LOG_MAX / 4;
/// The most unanswered invitations (`mode: invite`) a user may have each way.
pub const PENDING_INVITES_MAX: usize = 32;
/// A connection lost more often than this in [`FLAP_WINDOW_MS`] is logged by the audit only.
pub const FLAPS_MAX: u8 = 5;
/// The window in which losses of a connection are counted, in milliseconds.
pub const FLAP_WINDOW_MS: u64 = 60_000;

/// Who may do a thing in a running group call; each includes the ones before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Who {
    /// The caller alone.
    Caller,
    /// Whoever has joined.
    Joined,
    /// Whoever was invited.
    Invited,
}

/// Who may invite, join late, and end the call for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// Who may invite others.
    pub invite: Who,
    /// Who may join while it runs.
    pub join: Who,
    /// Who may end it for all.
    pub end: Who,
}

impl Default for Policy {
    fn default() -> Self {
        Self { invite: Who::Joined, join: Who::Invited, end: Who::Caller }
    }
}

/// What may not be sent, by side (`AnyChat`'s four forbids).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[allow(clippy::struct_excessive_bools)] // Four independent prohibitions, named as on the wire.
pub struct Forbid {
    /// The caller sends no audio.
    pub caller_audio: bool,
    /// The caller sends no video.
    pub caller_video: bool,
    /// The callees send no audio.
    pub callee_audio: bool,
    /// The callees send no video.
    pub callee_video: bool,
}

/// Who routes the media of a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RoomMedia {
    /// The server itself.
    Sfu,
    /// A `LiveKit` server.
    Livekit,
    /// The app's own.
    #[default]
    External,
}

impl RoomMedia {
    #[allow(clippy::trivially_copy_pass_by_ref)] // The form serde asks for.
    fn is_external(&self) -> bool {
        match self {
            Self::External => true,
            Self::Sfu | Self::Livekit => false,
        }
    }
}

/// Times and policy of one call, all in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Settings {
    /// How long a callee is rung.
    pub ring_ms: u64,
    /// How long an absent callee is waited for.
    pub reach_ms: u64,
    /// How long a connected callee has to acknowledge; the ring time where none.
    pub ack_ms: Option<u64>,
    /// How long a dropped participant may stay away.
    pub grace_ms: u64,
    /// How long the call may be active.
    pub max_ms: Option<u64>,
    /// The most participants, the caller included.
    pub group_size: usize,
    /// Who may do what.
    pub policy: Policy,
    /// Who routes its media.
    #[serde(default, skip_serializing_if = "RoomMedia::is_external")]
    pub room_media: RoomMedia,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            ring_ms: 60_000,
            reach_ms: 0,
            ack_ms: None,
            grace_ms: 15_000,
            max_ms: None,
            group_size: 100,
            policy: Policy::default(),
            room_media: RoomMedia::External,
        }
    }
}
