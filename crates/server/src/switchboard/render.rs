//! An entry of a log as one device is told it.

use std::sync::Arc;

use bellwire_core::{
    Call, Cause, Entry, Event, Leaving, Link, Note, Notice, Reason, Scope as Reach, Tell,
    Timestamp, UserId,
};
use bellwire_protocol::{
    CallEvent, CallInfo, Change, Cursor, Ended, ParticipantInfo, RoomInfo, Scope, ServerEvent,
    event as wire,
};

use crate::media::Media;

/// The frame for `notice` of `entry`, which left the call as `after`.
pub(super) fn render(
    media: &Media,
    notice: &Notice,
    entry: &Entry,
    after: &Call,
    now: Timestamp,
) -> Arc<str> {
    let change = change(media, notice, entry, after, now);
    let event = CallEvent {
        change,
        call: after.id,
        seq: entry.seq,
        at: entry.at,
        cursor: Cursor::of(entry.seq),
        participants: concerned(&entry.event, after),
    };
    ServerEvent::Call(Box::new(event)).to_frame()
}

/// Whether its frame is the same whoever gets it: it shows nothing of the one who is told.
pub(super) fn says_the_same_to_all(tell: &Tell) -> bool {
    !matches!(tell, Tell::Invited | Tell::Started | Tell::Ended(Reach::You, _))
}

fn change(media: &Media, notice: &Notice, entry: &Entry, after: &Call, now: Timestamp) -> Change {
    let event = &entry.event;
    let moving = || wire::Moving::new(subject(event, after).clone(), device(event, after));
    match &notice.tell {
        Tell::Invited => Change::Invited(wire::Invited {
            from: inviter(event, after, &notice.user),
            note: note(event, after),
            info: Box::new(CallInfo::of(after, Some(&notice.user), now, None)),
        }),
        Tell::Ringing | Tell::Accepted => answered(&notice.tell, event, after),
        Tell::Rejected => rejected(event, after),
        Tell::Started => Change::Started(wire::Started {
            room: room_of(media, after, &notice.user, now),
            started_at: after.started_at.unwrap_or(entry.at),
        }),
        Tell::Added => added(event),
        Tell::Joined => Change::Joined(moving()),
        Tell::Entered => Change::Entered(moving()),
        Tell::Left => Change::Left(left(event, after)),
        Tell::Dropped => {
            let cause = lost_media(event).then_some(Cause::Media.into());
            Change::Dropped(wire::Moving { cause, ..moving() })
        }
        Tell::Restored => Change::Restored(moving()),
        Tell::Moved => Change::Moved(moving()),
        Tell::Edited => Change::Edited(wire::Edited::of(after)),
        Tell::MediaProposed => Change::MediaProposed(media_event(event, after)),
        Tell::MediaChanged => Change::MediaChanged(media_event(event, after)),
        Tell::MediaRefused => Change::MediaRefused(media_event(event, after)),
        Tell::Canceled(reason) => Change::Canceled(wire::Canceled {
            reason: (*reason).into(),
            code: canceled_code(event, *reason),
            note: note(event, after),
        }),
        Tell::Elsewhere(how) => {
            let how = match how {
                bellwire_core::How::Accepted => wire::How::Accepted,
                bellwire_core::How::Rejected => wire::How::Rejected,
                bellwire_core::How::Moved => wire::How::Moved,
            };
            let device = device(event, after);
            Change::Elsewhere(wire::Elsewhere { how: how.into(), device })
        }
        Tell::Ended(scope, reason) => {
            let ended = ended(*scope, *reason, entry, after, &notice.user);
            Change::Ended(wire::EndedEvent { ended })
        }
    }
}

/// The room as the device is told of it that is in the call.
fn room_of(media: &Media, after: &Call, user: &UserId, now: Timestamp) -> Option<RoomInfo> {
    let device = after.participant(user)?.device.as_ref()?;
    media.room_for(after, user, device, now)
}

fn lost_media(event: &Event) -> bool {
    matches!(event, Event::Dropped { link: Link::Media, .. })
}

fn answered(tell: &Tell, event: &Event, after: &Call) -> Change {
    match (tell, event) {
        (Tell::Accepted, Event::Accepted { user, device, media, note }) => {
            Change::Accepted(wire::Accepted {
                user: user.clone(),
                device: device.clone(),
                media: *media,
                note: note.clone(),
            })
        }
        (_, Event::Ringing { user, device }) => {
            Change::Ringing(wire::CalleeRinging { user: user.clone(), device: device.clone() })
        }
        // The audience tells of ringing and accepting by these two events alone.
        _ => Change::Entered(wire::Moving::new(subject(event, after).clone(), None)),
    }
}

fn rejected(event: &Event, after: &Call) -> Change {
    let Event::Rejected { user, reason, code, cause, note, .. } = event else {
        return Change::Left(left(event, after));
    };
    Change::Rejected(wire::Rejected {
        user: user.clone(),
        reason: (*reason).into(),
        code: *code,
        cause: cause.filter(|cause| !cause.is_private()).map(Into::into),
        note: note.clone(),
    })
}

fn added(event: &Event) -> Change {
    let (by, users, note) = match event {
        Event::Added { by, users, note, .. } => {
            (by.clone(), users.iter().map(|u| u.user.clone()).collect(), note.clone())
        }
        _ => (None, Vec::new(), Note::default()),
    };
    Change::Added(wire::Added { users, by, note })
}

fn left(event: &Event, after: &Call) -> wire::Moving {
    let mut moving = wire::Moving::new(subject(event, after).clone(), device(event, after));
    if let Event::Left { how, cause, note, .. } = event {
        moving.reason = Some((*how).into());
        moving.cause = cause.map(Into::into);
        moving.note = note.clone();
    }
    moving
}

fn media_event(event: &Event, after: &Call) -> wire::MediaEvent {
    let (media, cause) = match event {
        Event::MediaProposed { media, .. } | Event::MediaChanged { media, .. } => (*media, None),
        Event::MediaRefused { media, cause, .. } => (*media, *cause),
        _ => (after.media, None),
    };
    wire::MediaEvent { user: subject(event, after).clone(), media, cause: cause.map(Into::into) }
}

fn ended(scope: Reach, reason: Reason, entry: &Entry, after: &Call, user: &UserId) -> Ended {
    match (scope, &after.ended) {
        (Reach::All, Some(outcome)) => Ended::all(outcome, after.duration_ms(entry.at)),
        (Reach::All | Reach::You, _) => {
            let by = match &entry.event {
                Event::Left { how: Leaving::Left, .. }
                | Event::Rejected { .. }
                | Event::Silenced { .. } => Some(user.clone()),
                _ => None,
            };
            let code = match &entry.event {
                Event::Left { code, .. } | Event::Rejected { code, .. } => *code,
                _ => reason.code(),
            };
            let cause = match &entry.event {
                Event::Left { cause, .. } | Event::Rejected { cause, .. } => *cause,
                _ => None,
            };
            Ended {
                scope: Scope::You.into(),
                reason: reason.into(),
                code,
                by,
                at: entry.at,
                duration_ms: after.participant(user).map_or(0, |p| p.talked_ms),
                cause: cause.map(Into::into),
                note: note(&entry.event, after),
            }
        }
    }
}

/// Who an invitation comes from; nobody where the server calls the caller first.
fn inviter(event: &Event, after: &Call, invited: &UserId) -> Option<UserId> {
    match event {
        Event::Added { by, .. } => by.clone(),
        _ => (after.caller != *invited).then(|| after.caller.clone()),
    }
}

fn canceled_code(event: &Event, reason: Reason) -> u32 {
    match event {
        Event::Canceled { code, .. } => *code,
        _ => reason.code(),
    }
}

fn note(event: &Event, after: &Call) -> Note {
    match event {
        Event::Created(created) => created.note.clone(),
        Event::Released { .. } => after.note.clone(),
        Event::Accepted { note, .. }
        | Event::Rejected { note, .. }
        | Event::Canceled { note, .. }
        | Event::Added { note, .. }
        | Event::Left { note, .. }
        | Event::Ended { note, .. } => note.clone(),
        Event::Reached { .. }
        | Event::Ringing { .. }
        | Event::Silenced { .. }
        | Event::Started
        | Event::Joined { .. }
        | Event::Entered { .. }
        | Event::Dropped { .. }
        | Event::Restored { .. }
        | Event::Moved { .. }
        | Event::Edited(_)
        | Event::MediaProposed { .. }
        | Event::MediaChanged { .. }
        | Event::MediaRefused { .. }
        | Event::MediaReported { .. }
        | Event::Acknowledged { .. }
        | Event::Asked(_)
        | Event::Pushed(_) => Note::default(),
    }
}

/// The user an event is about; the caller where it is about all.
fn subject<'a>(event: &'a Event, after: &'a Call) -> &'a UserId {
    match event {
        Event::Reached { user }
        | Event::Ringing { user, .. }
        | Event::Silenced { user, .. }
        | Event::Accepted { user, .. }
        | Event::Rejected { user, .. }
        | Event::Joined { user, .. }
        | Event::Entered { user, .. }
        | Event::Left { user, .. }
        | Event::Dropped { user, .. }
        | Event::Restored { user, .. }
        | Event::Moved { user, .. }
        | Event::MediaProposed { user, .. }
        | Event::MediaChanged { user, .. }
        | Event::MediaReported { user, .. }
        | Event::Acknowledged { user, .. } => user,
        Event::Pushed(pushed) => &pushed.user,
        Event::MediaRefused { proposer, .. } => proposer,
        Event::Created(_)
        | Event::Released { .. }
        | Event::Started
        | Event::Edited(_)
        | Event::Canceled { .. }
        | Event::Added { .. }
        | Event::Asked(_)
        | Event::Ended { .. } => &after.caller,
    }
}

fn device(event: &Event, after: &Call) -> Option<bellwire_core::DeviceId> {
    match event {
        Event::Moved { to, .. } => Some(to.clone()),
        Event::Rejected { device, .. } => device.clone(),
        Event::Accepted { device, .. } | Event::Joined { device, .. } => Some(device.clone()),
        _ => after.participant(subject(event, after)).and_then(|p| p.device.clone()),
    }
}

/// The absolute state of those an event concerns.
fn concerned(event: &Event, after: &Call) -> Vec<ParticipantInfo> {
    match event {
        Event::Created(_) | Event::Started | Event::Ended { .. } => ParticipantInfo::all(after),
        Event::Released { users } | Event::Canceled { users, .. } => {
            ParticipantInfo::some(after, users)
        }
        Event::Added { users, .. } => ParticipantInfo::some(after, users.iter().map(|u| &u.user)),
        _ => ParticipantInfo::some(after, [subject(event, after)]),
    }
}
