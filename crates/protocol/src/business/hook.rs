//! Hooks: what the business server is asked before something happens, or told of at once.

use bellwire_core::{
    AppKey, CallId, DeviceId, Hook, Kind, Label, Media, Mode, Note, RingMode, RoomId, Timestamp,
    Uid, UserId,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Forbids, Record, Secret, Target, hello::DeviceInfo};

/// A hook, as it is sent: over HTTP as the body of a POST, over the WebSocket as a frame.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HookBody {
    /// Names the question; the same if it is sent again.
    pub id: Label,
    /// The app.
    pub app: AppKey,
    /// When it was asked.
    pub at: Timestamp,
    /// `hook` says what it is about, `data` has the rest.
    #[serde(flatten)]
    pub asking: Asking,
}

/// What the business server is asked or told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "hook", content = "data")]
pub enum Asking {
    /// Whether a device may log in by name, where the app's `login` is `hook`. The answer may
    /// give `user`, `uid` and `name`.
    #[serde(rename = "session.login")]
    Login(LoginAsk),
    /// Whether a call may begin. Nobody rings and nobody is claimed while this is asked. The answer
    /// may change `to`, `forbid`, `ring_time`, `max_time` and `content`.
    #[serde(rename = "call.request")]
    Request(Box<RequestAsk>),
    /// Whether somebody may enter a group call that runs, by `call.join`.
    #[serde(rename = "call.join")]
    Join(JoinAsk),
    /// A token for a device that is to enter a room whose media is the app's own
    /// (`room_media = "external"`), where the app's `hooks.ask` names it. The answer gives `token`,
    /// `url` and `expires_in`. Who is denied one, or gets no answer in time, stays out of the call;
    /// a direct call ends `denied`, cause `token`.
    #[serde(rename = "room.token")]
    Token(Box<TokenAsk>),
    /// A callee has answered or refused. The answer's body is not looked at.
    #[serde(rename = "call.answer")]
    Answer(Box<AnswerNews>),
    /// A call is over; this is its record. The answer's body is not looked at.
    #[serde(rename = "call.finish")]
    Finish(Box<Record>),
}

impl Asking {
    /// What it is about.
    pub fn hook(&self) -> Hook {
        match self {
            Self::Login(_) => Hook::Login,
            Self::Request(_) => Hook::Request,
            Self::Join(_) => Hook::Join,
            Self::Token(_) => Hook::Token,
            Self::Answer(_) => Hook::Answer,
            Self::Finish(_) => Hook::Finish,
        }
    }
}

/// A user as hooks name them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HookUser {
    /// The user.
    pub user: UserId,
    /// Their number; none for one who never logged in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<Uid>,
    /// Their device, where one acts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceId>,
}

/// A callee of a call that is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HookCallee {
    /// Who.
    #[serde(flatten)]
    pub who: HookUser,
    /// How they are to be told.
    pub ring: RingMode,
    /// Whether another call claims them: they would be busy.
    pub busy: bool,
    /// Whether they do not want to be rung by the caller now.
    #[serde(default)]
    pub unavailable: bool,
}

/// `session.login`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LoginAsk {
    /// Who they say they are.
    pub user: UserId,
    /// The password they gave.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<Secret>,
    /// With what.
    pub device: DeviceInfo,
}

/// `call.request`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RequestAsk {
    /// The id the call will have.
    pub call: CallId,
    /// The caller.
    pub from: HookUser,
    /// The callees.
    pub to: Vec<HookCallee>,
    /// What it is for.
    pub mode: Mode,
    /// How many it is between.
    pub kind: Kind,
    /// What it carries.
    pub media: Media,
    /// What may not be sent.
    pub forbid: Forbids,
    /// How long callees are rung, in seconds.
    pub ring_time: u64,
    /// The longest it may last, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_time: Option<u64>,
    /// The app's group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<Label>,
    /// The app's channel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<Label>,
    /// The caller's note.
    #[serde(flatten)]
    pub note: Note,
}

/// `call.join`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct JoinAsk {
    /// The call.
    pub call: CallId,
    /// Who wants to enter it.
    pub by: HookUser,
}

/// `room.token`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TokenAsk {
    /// The call.
    pub call: CallId,
    /// Its room.
    pub room: RoomId,
    /// Who is to enter it, with which device.
    pub by: HookUser,
    /// What the call carries.
    pub media: Media,
    /// What the device may send.
    pub allow: Vec<Media>,
}

/// `call.answer`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AnswerNews {
    /// The call.
    pub call: CallId,
    /// The callee.
    pub by: HookUser,
    /// Whether they answered; otherwise the invitation is over without.
    pub accepted: bool,
    /// 0 if they answered, else the number of the reason.
    pub code: u32,
    /// What the call carries from now on.
    pub media: Media,
    /// The callee's note.
    #[serde(flatten)]
    pub note: Note,
}

/// What the business server says: the body of a 2xx answer, or a frame with `answer` beside it. An
/// empty body allows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct HookAnswer {
    /// Whether it may be.
    pub allow: bool,
    /// A denial's number, which the caller is told; 0 where none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<u32>,
    /// A denial's text, which the caller is told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// `call.request`: these are called instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Vec<Target>>,
    /// `call.request`: what may not be sent, in place of what was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forbid: Option<Forbids>,
    /// `call.request`: how long callees are rung, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ring_time: Option<u64>,
    /// `call.request`: the longest the call may last, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_time: Option<u64>,
    /// `call.request`: the content of the caller's note.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// `session.login`: who they are, where that is not what they logged in as.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
    /// `session.login`: their number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<Uid>,
    /// `session.login`: their name for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Label>,
    /// `room.token`: what lets the device into the room, at most 8192 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 8192))]
    pub token: Option<Secret>,
    /// `room.token`: where the room is, at most 2048 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048))]
    pub url: Option<String>,
    /// `room.token`: how long the token is good for, in seconds; a device that asks for the room
    /// after that gets another. Without it, as long as the call lasts.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub expires_in: Option<u64>,
}

impl Default for HookAnswer {
    /// Allows, and changes nothing.
    fn default() -> Self {
        Self {
            allow: true,
            code: None,
            text: None,
            to: None,
            forbid: None,
            ring_time: None,
            max_time: None,
            content: None,
            user: None,
            uid: None,
            name: None,
            token: None,
            url: None,
            expires_in: None,
        }
    }
}

impl HookAnswer {
    /// Whether it changes anything about a call.
    pub fn changes(&self) -> bool {
        let Self { to, forbid, ring_time, max_time, content, .. } = self;
        to.is_some()
            || forbid.is_some()
            || ring_time.is_some()
            || max_time.is_some()
            || content.is_some()
    }
}
