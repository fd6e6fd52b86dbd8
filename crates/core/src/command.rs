//! What is asked of a call, and how it is refused.

use std::sync::Arc;

use crate::{
    availability::Unavailable,
    call::{Kind, Media, Mode, Origin, Reach, Reason, RingMode},
    event::{Edit, MediaReport},
    hook::Asked,
    id::{AppKey, CallId, DeviceId, Label, RoomId, Timestamp, Uid, UserId},
    note::Note,
    push::{PushWish, Pushed},
    settings::{Forbid, Settings},
};

/// A user acting through a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// Who.
    pub user: UserId,
    /// With which device; none when the business server acts for them.
    pub device: Option<DeviceId>,
}

/// A callee as asked for, with what the switchboard found about them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Callee {
    /// Who.
    pub user: UserId,
    /// Their number.
    pub uid: Option<Uid>,
    /// How to tell them.
    pub ring: RingMode,
    /// Their own ring time, in milliseconds.
    pub ring_ms: Option<u64>,
    /// The call that claims them.
    pub claimed: Option<CallId>,
    /// What can be reached of them.
    pub reach: Reach,
    /// Their unanswered `invite` calls.
    pub pending_invites: usize,
    /// That they do not want to be rung by the caller now.
    pub unavailable: Option<Unavailable>,
}

/// What the business server said of a start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The call may proceed, with these changes.
    Allow(Box<Changes>),
    /// The call may not proceed.
    Deny {
        /// The number the caller is told.
        code: u32,
        /// The text the caller is told.
        text: String,
    },
}

/// What an allowing verdict changes; what is none stays as asked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Changes {
    /// What may not be sent.
    pub forbid: Option<Forbid>,
    /// The ring time, in milliseconds.
    pub ring_ms: Option<u64>,
    /// The longest time, in milliseconds.
    pub max_ms: Option<u64>,
    /// The callees.
    pub callees: Option<Vec<Callee>>,
    /// The note's content.
    pub content: Option<Arc<str>>,
}

/// A call that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// The app.
    pub app: AppKey,
    /// The new call's id.
    pub call: CallId,
    /// Its room, should it get one.
    pub room: RoomId,
    /// Who asks.
    pub origin: Origin,
    /// The caller; with a device when `origin` is a user.
    pub caller: Actor,
    /// The caller's number.
    pub uid: Option<Uid>,
    /// What can be reached of the caller; matters when the server starts the call.
    pub reach: Reach,
    /// The caller's unanswered `invite` calls.
    pub pending_invites: usize,
    /// What it is for.
    pub mode: Mode,
    /// Direct or group; by the number of callees where none.
    pub kind: Option<Kind>,
    /// What it carries.
    pub media: Media,
    /// The callees.
    pub callees: Vec<Callee>,
    /// The caller's note.
    pub note: Note,
    /// What may not be sent.
    pub forbid: Forbid,
    /// Times and policy.
    pub settings: Settings,
    /// The app's group.
    pub group: Option<Label>,
    /// The app's channel.
    pub channel: Option<Label>,
    /// What the business server said.
    pub verdict: Verdict,
    /// How it was asked, if it was.
    pub asked: Option<Asked>,
    /// How sleeping devices are woken.
    pub push: Option<Arc<PushWish>>,
}

/// How a callee refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusing {
    /// Does not want to.
    Rejected,
    /// Is busy.
    Busy,
}

/// What is asked of a call that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// A user's own request.
    User {
        /// Who asks.
        by: Actor,
        /// What.
        order: Order,
    },
    /// A device of the user logged in.
    Reached {
        /// Who.
        user: UserId,
    },
    /// The connection of a joined device was lost.
    Gone {
        /// Who.
        user: UserId,
        /// Which device.
        device: DeviceId,
    },
    /// The device of a dropped participant is back.
    Back {
        /// Who.
        user: UserId,
        /// Which device.
        device: DeviceId,
    },
    /// A joined participant says that their media, which the server does not route, is connected.
    Entered {
        /// Who.
        user: UserId,
    },
    /// Media that the server routes is connected, or is again.
    MediaUp {
        /// Whose.
        user: UserId,
        /// Of which device.
        device: DeviceId,
    },
    /// Media that the server routes was lost.
    MediaLost {
        /// Whose.
        user: UserId,
        /// Of which device.
        device: DeviceId,
    },
    /// The business server was asked about the call, or told of it.
    Asked(Asked),
    /// A sleeping device was told, or could not be.
    Pushed(Pushed),
    /// No device of a user who was thought to sleep can be woken.
    Unreached {
        /// Who.
        user: UserId,
    },
    /// The server restarted: nobody is connected, and grace counts from now.
    Restarted,
    /// A deadline may have passed.
    Tick,
    /// The business server or an operator ends the call.
    Kill {
        /// The number told.
        code: u32,
        /// The killer's note.
        note: Note,
    },
    /// No token for the call's room is to be had for a user who is to enter it.
    Barred {
        /// Who.
        user: UserId,
        /// The number told.
        code: u32,
    },
    /// The business server changes what may be sent, or the longest time.
    Edit(Edit),
    /// The business server takes a participant out.
    Remove {
        /// Whom.
        user: UserId,
        /// The remover's note.
        note: Note,
    },
}

/// What a participant asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// The invitation has reached the device.
    Ringing,
    /// Answer.
    Accept {
        /// May lower video to audio.
        media: Option<Media>,
        /// The call that claims the user now.
        claimed: Option<CallId>,
        /// The note.
        note: Note,
    },
    /// Refuse.
    Reject {
        /// How.
        how: Refusing,
        /// Only for this device.
        only_me: bool,
        /// The note.
        note: Note,
    },
    /// Take invitations back before an answer.
    Cancel {
        /// Only of these.
        to: Option<Vec<UserId>>,
        /// The note.
        note: Note,
    },
    /// Leave.
    Hangup {
        /// The note.
        note: Note,
    },
    /// Log out, which leaves every call of the device.
    Logout,
    /// End it for all.
    End {
        /// The note.
        note: Note,
    },
    /// Invite more people.
    Invite {
        /// Whom.
        to: Vec<Callee>,
        /// The note.
        note: Note,
        /// How their sleeping devices are woken.
        push: Option<Arc<PushWish>>,
    },
    /// Enter a running group call.
    Join {
        /// The call that claims the user now.
        claimed: Option<CallId>,
    },
    /// Take over from the user's other device.
    Move {
        /// The device it is on now.
        from: DeviceId,
    },
    /// Propose another media.
    Media {
        /// Which.
        media: Media,
    },
    /// Answer a proposal.
    MediaAnswer {
        /// Whether it is accepted.
        accept: bool,
    },
    /// Tell how the media came up.
    Report(MediaReport),
    /// Confirm that the device stopped ringing.
    Acknowledge {
        /// Which event is confirmed.
        seq: u64,
    },
}

/// A call that is over, as told to one who was in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Over {
    /// Why.
    pub reason: Reason,
    /// The number for it.
    pub code: u32,
    /// When.
    pub at: Timestamp,
}

/// Why a command was refused. Nothing was logged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The command names no live call the sender is in.
    #[error("{}", .0.map_or("you are in no such call".to_owned(), |o| format!("that call is over for you: {:?}", o.reason).to_lowercase()))]
    NotInCall(Option<Over>),
    /// Another device of the user answered.
    #[error("answered on your device {0}")]
    AnsweredElsewhere(DeviceId),
    /// Another device of the user refused.
    #[error("refused on your device {0}")]
    RejectedElsewhere(DeviceId),
    /// The call was answered before.
    #[error("the call is already answered; hang up instead")]
    AlreadyAccepted,
    /// The user is claimed by another call.
    #[error("you are in call {0}; finish it first")]
    BusySelf(CallId),
    /// The policy does not allow it.
    #[error("not allowed: {0}")]
    Forbidden(&'static str),
    /// A value is wrong.
    #[error("{field}: {text}")]
    Invalid {
        /// The field.
        field: String,
        /// What is wrong, and what to do.
        text: String,
    },
    /// A limit is reached that will pass.
    #[error("{0}")]
    Overloaded(&'static str),
    /// The business server vetoed it.
    #[error("{text}")]
    Denied {
        /// The number it gave.
        code: u32,
        /// The text it gave.
        text: String,
    },
}

impl Refusal {
    pub(crate) fn invalid(field: impl Into<String>, text: impl Into<String>) -> Self {
        Self::Invalid { field: field.into(), text: text.into() }
    }
}
