//! What a device has to be told, made from the log alone.

use bellwire_core::{
    Call, Cause, Entry, Event, How, Leaving, Link, Note, Notice, Participant, Phase, Reason, Scope,
    Tell, UserId,
};
use bellwire_protocol::{
    CallInfo, Change, Ended, ParticipantInfo, RoomInfo, Scope as WireScope,
    event::{
        Accepted, Added, CalleeRinging, Canceled, Edited, Elsewhere, EndedEvent, How as WireHow,
        Invited, MediaEvent, Moving, Rejected, Started,
    },
};

/// What `notice` of `entry`, which left the call as `after`, says on the wire. None where the log
/// tells nothing of the kind.
pub(crate) fn change(notice: &Notice, entry: &Entry, after: &Call) -> Option<Change> {
    let event = &entry.event;
    Some(match &notice.tell {
        Tell::Invited => Change::Invited(invited(&notice.user, event, after)?),
        Tell::Ringing => {
            let Event::Ringing { user, device } = event else { return None };
            Change::Ringing(CalleeRinging { user: user.clone(), device: device.clone() })
        }
        Tell::Accepted => {
            let Event::Accepted { user, device, media, note } = event else { return None };
            let (user, device) = (user.clone(), device.clone());
            Change::Accepted(Accepted { user, device, media: *media, note: note.clone() })
        }
        Tell::Rejected => Change::Rejected(rejected(event)?),
        Tell::Started => Change::Started(Started {
            room: after.room.map(RoomInfo::external),
            started_at: after.started_at?,
        }),
        Tell::Added => {
            let Event::Added { by, users, note, .. } = event else { return None };
            let users = users.iter().map(|invitee| invitee.user.clone()).collect();
            Change::Added(Added { users, by: by.clone(), note: note.clone() })
        }
        Tell::Joined => Change::Joined(moving(event, after)?),
        Tell::Entered => Change::Entered(moving(event, after)?),
        Tell::Left => Change::Left(moving(event, after)?),
        Tell::Dropped => Change::Dropped(moving(event, after)?),
        Tell::Restored => Change::Restored(moving(event, after)?),
        Tell::Moved => Change::Moved(moving(event, after)?),
        Tell::Edited => Change::Edited(Edited::of(after)),
        Tell::MediaProposed => Change::MediaProposed(media(event)?),
        Tell::MediaChanged => Change::MediaChanged(media(event)?),
        Tell::MediaRefused => Change::MediaRefused(media(event)?),
        Tell::Canceled(reason) => Change::Canceled(canceled(*reason, event)),
        Tell::Elsewhere(how) => Change::Elsewhere(elsewhere(*how, event)),
        Tell::Ended(scope, reason) => {
            let ended = match scope {
                Scope::All => Ended::all(after.ended.as_ref()?, after.duration_ms(entry.at)),
                Scope::You => you(*reason, entry, after.participant(&notice.user)?),
            };
            Change::Ended(EndedEvent { ended })
        }
    })
}

/// A change without what cannot be read off the log: the room's access, and the time left.
pub(super) fn comparable(mut change: Change) -> Change {
    match &mut change {
        Change::Started(Started { room: Some(room), .. }) => *room = RoomInfo::external(room.id),
        Change::Invited(invited) => strip(&mut invited.info),
        _ => {}
    }
    change
}

/// The same of a call that was shown whole.
pub(super) fn strip(info: &mut CallInfo) {
    (info.ring_left_ms, info.room, info.cursor) = (None, None, None);
}

/// The call as `viewer` sees it, stripped.
pub(super) fn info(call: &Call, viewer: &UserId) -> CallInfo {
    let mut info = CallInfo::of(call, Some(viewer), call.at, None);
    strip(&mut info);
    info
}

/// Whether what an event says of participants is what they are.
pub(super) fn participants_agree(told: &[ParticipantInfo], after: &Call) -> bool {
    told.iter().all(|info| {
        after.participant(&info.user).is_some_and(|p| ParticipantInfo::of(after, p) == *info)
    })
}

fn invited(user: &UserId, event: &Event, after: &Call) -> Option<Invited> {
    let caller = || (after.caller != *user).then(|| after.caller.clone());
    let (from, note) = match event {
        Event::Created(created) => (caller(), created.note.clone()),
        Event::Released { .. } => (caller(), after.note.clone()),
        Event::Added { by, note, .. } => (by.clone(), note.clone()),
        _ => return None,
    };
    Some(Invited { from, note, info: Box::new(info(after, user)) })
}

fn rejected(event: &Event) -> Option<Rejected> {
    let Event::Rejected { user, reason, code, cause, note, .. } = event else { return None };
    Some(Rejected {
        user: user.clone(),
        reason: (*reason).into(),
        code: *code,
        cause: cause.map(Into::into),
        note: note.clone(),
    })
}

fn moving(event: &Event, after: &Call) -> Option<Moving> {
    let (user, device) = match event {
        Event::Joined { user, device } => (user, Some(device.clone())),
        Event::Moved { user, to, .. } => (user, Some(to.clone())),
        Event::Entered { user, .. }
        | Event::Left { user, .. }
        | Event::Dropped { user, .. }
        | Event::Restored { user, .. } => (user, after.participant(user)?.device.clone()),
        _ => return None,
    };
    let mut moving = Moving::new(user.clone(), device);
    if let Event::Dropped { link: Link::Media, .. } = event {
        moving.cause = Some(Cause::Media.into());
    }
    if let Event::Left { how, cause, note, .. } = event {
        moving.reason = Some((*how).into());
        moving.cause = cause.map(Into::into);
        moving.note = note.clone();
    }
    Some(moving)
}

fn media(event: &Event) -> Option<MediaEvent> {
    let (user, media, cause) = match event {
        Event::MediaProposed { user, media } | Event::MediaChanged { user, media } => {
            (user, *media, None)
        }
        Event::MediaRefused { proposer, media, cause } => (proposer, *media, *cause),
        _ => return None,
    };
    Some(MediaEvent { user: user.clone(), media, cause: cause.map(Into::into) })
}

fn canceled(reason: Reason, event: &Event) -> Canceled {
    let (code, note) = match event {
        Event::Canceled { code, note, .. } => (*code, note.clone()),
        Event::Rejected { note, .. } => (reason.code(), note.clone()),
        _ => (reason.code(), Note::default()),
    };
    Canceled { reason: reason.into(), code, note }
}

fn elsewhere(how: How, event: &Event) -> Elsewhere {
    let device = match event {
        Event::Accepted { device, .. } | Event::Joined { device, .. } => Some(device.clone()),
        Event::Moved { to, .. } => Some(to.clone()),
        Event::Rejected { device, .. } => device.clone(),
        _ => None,
    };
    let how = match how {
        How::Accepted => WireHow::Accepted,
        How::Rejected => WireHow::Rejected,
        How::Moved => WireHow::Moved,
    };
    Elsewhere { how: how.into(), device }
}

/// The end of one participant's part in a call that goes on.
fn you(reason: Reason, entry: &Entry, me: &Participant) -> Ended {
    let own = Some(me.user.clone());
    let (by, code, cause, note) = match &entry.event {
        Event::Left { how, code, cause, note, .. } => {
            let by = if *how == Leaving::Left { own } else { None };
            (by, *code, *cause, note.clone())
        }
        Event::Rejected { code, cause, note, .. } => (own, *code, *cause, note.clone()),
        Event::Silenced { .. } => (own, reason.code(), None, Note::default()),
        _ => (None, reason.code(), None, Note::default()),
    };
    Ended {
        scope: WireScope::You.into(),
        reason: reason.into(),
        code,
        by,
        at: entry.at,
        duration_ms: me.talked_ms,
        cause: cause.map(Into::into),
        note,
    }
}

/// Whether the call is over.
pub(super) fn is_over(call: &Call) -> bool {
    match call.phase {
        Phase::Ended => true,
        Phase::Inviting | Phase::Active => false,
    }
}
