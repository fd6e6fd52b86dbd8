//! Frames, read only as far as each look needs. A history may have thousands, and most are looked
//! at for their place alone.

use std::{borrow::Cow, collections::BTreeMap};

use bellwire_core::{CallId, DeviceId, RingMode, SessionId, State, UserId};
use bellwire_protocol::{Cursor, Open};
use serde::Deserialize;
use serde_json::value::RawValue;

/// What the server sent.
#[derive(Debug)]
pub(crate) enum Received<'a> {
    /// A reply.
    Reply { id: u64, ok: Option<&'a RawValue> },
    /// An event of a call's log.
    Event { name: Name, call: CallId, seq: u64 },
    /// What goes on in the room of a call.
    Room { call: CallId },
    /// Any other event; of a call, if it names one.
    Other { call: Option<CallId> },
}

/// What kind of event it is, as far as the stay of a device goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Name {
    /// `call.invited`: a stay begins, or a rung one is told again.
    Invited,
    /// `call.ended`, which ends the stay and tells the outcome.
    Ended,
    /// `call.canceled` or `call.elsewhere`, which end the stay.
    Stopped,
    /// Any other.
    Within,
}

impl Name {
    fn of(ev: &str) -> Self {
        match ev {
            "call.invited" => Self::Invited,
            "call.ended" => Self::Ended,
            "call.canceled" | "call.elsewhere" => Self::Stopped,
            _ => Self::Within,
        }
    }

    pub(crate) fn is_terminal(self) -> bool {
        match self {
            Self::Ended | Self::Stopped => true,
            Self::Invited | Self::Within => false,
        }
    }
}

#[derive(Deserialize)]
struct Head<'a> {
    id: Option<u64>,
    #[serde(borrow)]
    ev: Option<Cow<'a, str>>,
    call: Option<CallId>,
    seq: Option<u64>,
    #[serde(borrow)]
    ok: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

impl<'a> Received<'a> {
    /// Reads a text frame; says what is wrong with one that breaks the form of the wire.
    pub(crate) fn read(text: &'a str) -> Result<Self, String> {
        let head: Head<'a> = serde_json::from_str(text).map_err(|error| error.to_string())?;
        match head {
            Head { id: Some(id), ev: None, ok, error, .. } => {
                if ok.is_some() == error.is_some() {
                    return Err("a reply says either `ok` or `error`".to_owned());
                }
                Ok(Self::Reply { id, ok })
            }
            Head { id: None, ev: Some(ev), call: Some(call), seq: Some(seq), .. } => {
                Ok(Self::Event { name: Name::of(&ev), call, seq })
            }
            Head { id: None, ev: Some(ev), call: Some(call), seq: None, .. }
                if ev.starts_with("media.") || ev == "call.quality" =>
            {
                Ok(Self::Room { call })
            }
            Head { id: None, ev: Some(_), call, seq: None, .. } => Ok(Self::Other { call }),
            Head { .. } => Err("neither a reply nor an event".to_owned()),
        }
    }
}

/// What a device asked, as far as its history goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Asked {
    /// `hello`, with the session and cursors it would go on with.
    Hello(Option<Resumed>),
    /// A command that may put the device into a call; `call.start` names none.
    Enter { call: Option<CallId>, whole: bool },
    /// `media.offer`.
    Offer { call: CallId },
    /// `logout`.
    Logout,
    /// Anything else whose answer is kept, of this call if of one.
    Changing { call: Option<CallId> },
    /// Anything else.
    Reading,
}

/// `resume` in a hello.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Resumed {
    pub(crate) session: SessionId,
    pub(crate) cursors: Option<BTreeMap<CallId, Cursor>>,
}

#[derive(Deserialize)]
struct Request<'a> {
    id: u64,
    #[serde(rename = "do", borrow)]
    name: Cow<'a, str>,
    call: Option<CallId>,
    resume: Option<Resumed>,
}

/// Reads a request; none for a text that is none, which the server answers by closing.
pub(crate) fn request(text: &str) -> Option<(u64, Asked)> {
    let Request { id, name, call, resume } = serde_json::from_str(text).ok()?;
    let asked = match &*name {
        "hello" => Asked::Hello(resume),
        "call.start" => Asked::Enter { call: None, whole: true },
        "call.accept" | "call.join" => Asked::Enter { call, whole: true },
        "call.move" => Asked::Enter { call, whole: false },
        "logout" => Asked::Logout,
        "media.offer" => call.map_or(Asked::Reading, |call| Asked::Offer { call }),
        "call.state" | "call.get" => Asked::Reading,
        "ack" | "message.send" => Asked::Changing { call },
        name if name.starts_with("call.") => Asked::Changing { call },
        _ => Asked::Reading,
    };
    Some((id, asked))
}

impl Asked {
    /// Whether the answer is kept, so that the same id gets it again (R14).
    pub(crate) fn is_changing(&self) -> bool {
        match self {
            Self::Enter { .. } | Self::Changing { .. } => true,
            Self::Hello(_) | Self::Offer { .. } | Self::Logout | Self::Reading => false,
        }
    }
}

#[derive(Deserialize)]
struct OfCall {
    call: Option<CallId>,
}

impl Asked {
    /// The call a request is about, as it says itself or as `ok` in its answer does.
    pub(crate) fn call_of(&self, ok: Option<&str>) -> Option<CallId> {
        let named = match self {
            Self::Enter { call, .. } | Self::Changing { call } => *call,
            Self::Hello(_) | Self::Offer { .. } | Self::Logout | Self::Reading => None,
        };
        named.or_else(|| serde_json::from_str::<OfCall>(ok?).ok()?.call)
    }
}

/// A call in a reply, as far as the stay of a device goes.
#[derive(Debug, Deserialize)]
pub(crate) struct Glance {
    pub(crate) id: CallId,
    pub(crate) seq: u64,
    participants: Vec<Seen>,
}

#[derive(Debug, Deserialize)]
struct Seen {
    user: UserId,
    state: Open<State>,
    device: Option<DeviceId>,
    ring: Option<Open<RingMode>>,
}

impl Glance {
    /// Whether the device is in the call or rung by it. One who is only listed has no stay.
    pub(crate) fn is_stay_of(&self, user: &UserId, device: &DeviceId) -> bool {
        let me = self.participants.iter().find(|seen| seen.user == *user);
        me.is_some_and(|me| match me.state.known() {
            Some(state) if state.is_in() => me.device.as_ref() == Some(device),
            Some(state) if state.is_pending() => {
                !me.ring.as_ref().is_some_and(|ring| *ring == RingMode::Silent)
            }
            Some(_) | None => false,
        })
    }
}

/// The part of a hello's answer that a history needs.
#[derive(Debug, Deserialize)]
pub(crate) struct Welcome {
    pub(crate) session: SessionId,
    pub(crate) resumed: bool,
    pub(crate) calls: Vec<Glance>,
}

/// The part of the answer to a start, an accept or a join that a history needs.
#[derive(Debug, Deserialize)]
pub(crate) struct Entered {
    pub(crate) info: Glance,
}

/// Whether a refusal asks to try again with the same id, which then is answered for the first time.
pub(crate) fn puts_off(text: &str) -> bool {
    [r#""code":"rate_limited""#, r#""code":"overloaded""#, r#""code":"unavailable""#]
        .iter()
        .any(|code| text.contains(code))
}
