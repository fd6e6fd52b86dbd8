//! What a device reads of what it is sent: as much of each frame as it acts on.

use std::borrow::Cow;

use bellwire_core::{CallId, DeviceId, RingMode, SessionId, State, UserId};
use bellwire_protocol::{Cursor, Open};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::connect::Room;

/// Any frame.
#[derive(Deserialize)]
pub(super) struct Frame<'a> {
    pub(super) id: Option<u64>,
    #[serde(borrow)]
    pub(super) ev: Option<Cow<'a, str>>,
    pub(super) call: Option<CallId>,
    pub(super) seq: Option<u64>,
    pub(super) cursor: Option<Cursor>,
    pub(super) room: Option<Room>,
    #[serde(borrow)]
    pub(super) ok: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) error: Option<&'a RawValue>,
}

/// The answer to a hello.
#[derive(Deserialize)]
pub(super) struct Welcome {
    pub(super) session: SessionId,
    pub(super) resumed: bool,
    pub(super) calls: Vec<Glance>,
}

/// An answer that may show a call.
#[derive(Default, Deserialize)]
pub(super) struct Entered {
    pub(super) call: Option<CallId>,
    pub(super) info: Option<Info>,
}

/// The call in it.
#[derive(Deserialize)]
pub(super) struct Info {
    pub(super) id: CallId,
    pub(super) room: Option<Room>,
}

/// A call in the answer to a hello.
#[derive(Deserialize)]
pub(super) struct Glance {
    pub(super) id: CallId,
    pub(super) participants: Vec<Part>,
    pub(super) room: Option<Room>,
}

/// One of its participants.
#[derive(Deserialize)]
pub(super) struct Part {
    pub(super) user: UserId,
    pub(super) state: Open<State>,
    pub(super) device: Option<DeviceId>,
    pub(super) ring: Option<Open<RingMode>>,
}
