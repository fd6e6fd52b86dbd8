//! Media that the server routes: one WebRTC connection per device and call. The device offers, the
//! server answers.

use std::collections::BTreeMap;

use bellwire_core::{CallId, Label, UserId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Open, Secret, limits};

/// What a track shows or plays.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// A microphone.
    Mic,
    /// A camera.
    Camera,
    /// A screen or window.
    Screen,
    /// What the screen or window plays.
    ScreenAudio,
}

/// The `mid` of an m-line (RFC 9143).
pub type Mid = String;

/// What a receiving m-line is to carry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Want {
    /// Whose.
    pub user: UserId,
    /// Which of theirs.
    pub source: Source,
    /// How wide it is shown, in pixels of the device; with `height` it bounds the layer that is
    /// sent. 0: it is not shown, and nothing is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// How high it is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
}

/// `media.offer`: connects this device's media, or changes the connection.
///
/// The offer has one m-line for each track the device sends, named in `send`, and one for each it
/// can receive at the same time; what a receiving m-line carries is said by `receive`, here or
/// later, and may change without another offer. All candidates of the server are in its answer, and
/// it needs none from the device (ICE-lite, RFC 8445). An offer with another DTLS fingerprint or
/// from a new session makes a new connection, which takes the place of the old one; new ICE
/// credentials restart ICE.
///
/// For the device in the call, once it is active. Errors: `unauthorized` (the room's token),
/// `invalid` (`sdp`, `send` or `receive`), `unavailable` (the server does not route this call's
/// media).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MediaOffer {
    /// The call.
    pub call: CallId,
    /// The token of its room.
    pub token: Secret,
    /// The offer (RFC 8866).
    pub sdp: String,
    /// What is sent, by m-line.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = limits::MEDIA_LINES))]
    pub send: BTreeMap<Mid, Source>,
    /// What is to be received, by m-line.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = limits::MEDIA_LINES))]
    pub receive: BTreeMap<Mid, Want>,
}

/// `media.receive`: changes what receiving m-lines carry.
///
/// Those not named stay as they are. What is not there yet flows when it comes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MediaReceive {
    /// The call.
    pub call: CallId,
    /// By m-line; `null` empties one.
    #[schemars(extend("maxProperties" = limits::MEDIA_LINES))]
    pub receive: BTreeMap<Mid, Option<Want>>,
}

/// `media.close`: ends this device's media connection, not its part in the call.
///
/// The others see it as one whose media is lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MediaClose {
    /// The call.
    pub call: CallId,
}

/// `media.report`: what only the device can know of its media. Each is logged once in a stay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MediaReport {
    /// The call.
    pub call: CallId,
    /// From the answer to its offer until ICE was connected, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connected_ms: Option<u32>,
    /// From the answer to its offer until the first remote picture was shown, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_frame_ms: Option<u32>,
    /// Why it failed, in at most 64 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<Label>,
}

/// `media.offer`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MediaOfferOk {
    /// The answer.
    pub sdp: String,
}

/// A TURN or STUN server, as browsers take it (W3C `RTCIceServer`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct IceServer {
    /// Where it is, as `turn:turn.example.com:3478?transport=tcp`.
    pub urls: Vec<String>,
    /// Who uses it, and until when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// What proves it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<Secret>,
}

/// `media.tracks`: what the others send. The whole list; the latest wins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TracksEvent {
    /// The call.
    pub call: CallId,
    /// One for each track.
    pub tracks: Vec<Track>,
}

/// A track somebody sends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Track {
    /// Whose.
    pub user: UserId,
    /// Which of theirs.
    pub source: Open<Source>,
    /// Whether it is forwarded: not while it is muted or forbidden, whatever is sent.
    pub on: bool,
}

/// `media.speakers`: who speaks, the loudest first. At most five times a second; the latest wins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SpeakersEvent {
    /// The call.
    pub call: CallId,
    /// Nobody where empty.
    pub speakers: Vec<Speaker>,
}

/// Somebody who speaks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Speaker {
    /// Who.
    pub user: UserId,
    /// How loud, in dBov: 0 is loudest, -127 silence (RFC 6464).
    pub level: i8,
}

/// Why the server ended a media connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MediaEnd {
    /// Another device of the user took over.
    Moved,
    /// A newer connection took its place.
    Replaced,
    /// It could not be connected, or was lost for good.
    Failed,
    /// The user is no longer in the call.
    Left,
}

/// `media.closed`: the server ended this device's media connection. While it is in the call it may
/// offer again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MediaClosedEvent {
    /// The call.
    pub call: CallId,
    /// Why.
    pub reason: Open<MediaEnd>,
}
