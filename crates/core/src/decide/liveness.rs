//! What connections and time do to a call.

use crate::{
    call::{Call, Cause, Participant, Phase, Reach, Reason, State},
    draft::{Draft, Ending},
    event::{Event, Leaving, Refused},
    id::{DeviceId, Timestamp, UserId},
    link::{Link, MediaLink},
    note::Note,
    settings::{FLAP_WINDOW_MS, FLAPS_MAX},
};

pub(super) fn reached(draft: &mut Draft, user: &UserId) {
    let waiting = draft
        .call
        .participant(user)
        .is_some_and(|p| p.state.is_pending() && p.reach != Reach::Online);
    if waiting && !draft.is_over() {
        draft.push(Event::Reached { user: user.clone() });
    }
}

/// R8: whoever was thought to sleep and cannot be woken is as absent as one with nothing at all.
pub(super) fn unreached(draft: &mut Draft, user: &UserId) {
    let waits = draft
        .call
        .participant(user)
        .is_some_and(|p| p.may_answer() && p.state == State::Invited && p.reach == Reach::Asleep);
    if !waits || draft.is_over() {
        return;
    }
    draft.push(Event::Rejected {
        user: user.clone(),
        device: None,
        reason: Refused::Offline,
        code: Reason::Offline.code(),
        cause: Some(Cause::Absent),
        note: Note::default(),
    });
    draft.settle(&Note::default());
}

/// Losing one link makes a participant dropped at once; only who has lost both is lost after the
/// grace.
pub(super) fn gone(draft: &mut Draft, user: &UserId, device: &DeviceId, link: Link) {
    let now = draft.now;
    let damped =
        |p: &Participant| p.flaps >= FLAPS_MAX && now.since_ms(p.flaps_since) <= FLAP_WINDOW_MS;
    let lost = inside(draft, user, device).is_some_and(|p| {
        let had = match link {
            Link::Signalling => p.links.signalling,
            Link::Media => p.links.media == MediaLink::Up,
        };
        had && !(p.state == State::Joined && damped(p))
    });
    if lost {
        drop_out(draft, user.clone(), link);
    }
}

fn inside<'a>(draft: &'a Draft, user: &UserId, device: &DeviceId) -> Option<&'a Participant> {
    let p = draft.call.participant(user)?;
    (p.state.is_in() && p.device.as_ref() == Some(device) && !draft.is_over()).then_some(p)
}

/// A drop withdraws a proposal; a proposer who is still there is told so.
fn drop_out(draft: &mut Draft, user: UserId, link: Link) {
    if let Some(proposal) = draft.call.proposal.clone().filter(|p| p.by != user) {
        draft.push(Event::MediaRefused {
            proposer: proposal.by,
            media: proposal.media,
            cause: Some(Cause::Dropped),
        });
    }
    draft.push(Event::Dropped { user, link });
}

pub(super) fn back(draft: &mut Draft, user: &UserId, device: &DeviceId) {
    if inside(draft, user, device).is_some_and(|p| p.state == State::Dropped && !p.links.signalling)
    {
        draft.push(Event::Restored { user: user.clone(), link: Link::Signalling });
    }
}

pub(super) fn entered(draft: &mut Draft, user: &UserId) {
    let first =
        draft.call.participant(user).is_some_and(|p| p.state == State::Joined && !p.entered);
    if first && draft.call.phase == Phase::Active {
        draft.push(Event::Entered { user: user.clone(), routed: false });
    }
}

/// From here on the media counts, also of one who had entered without it.
pub(super) fn media_up(draft: &mut Draft, user: &UserId, device: &DeviceId) {
    if draft.call.phase != Phase::Active {
        return;
    }
    let user = user.clone();
    match inside(draft, &user, device).map(|p| p.links.media) {
        Some(MediaLink::Unknown) => draft.push(Event::Entered { user, routed: true }),
        Some(MediaLink::Lost) => draft.push(Event::Restored { user, link: Link::Media }),
        Some(MediaLink::Up) | None => {}
    }
}

/// Nobody is connected, and no media flows.
pub(super) fn restarted(draft: &mut Draft) {
    let users: Vec<_> =
        draft.call.inside().map(|p| (p.user.clone(), p.links.media == MediaLink::Up)).collect();
    for (user, flowing) in users {
        if flowing {
            drop_out(draft, user.clone(), Link::Media);
        }
        drop_out(draft, user, Link::Signalling);
    }
}

/// Everything that is due by now, one deadline after another, each in a call that the ones before
/// it have settled: so all hear the same of how it ended.
pub(super) fn tick(draft: &mut Draft) {
    while let Some(due) = draft.call.next_deadline().filter(|due| *due <= draft.now) {
        let before = draft.call.seq;
        fire(draft, due);
        if draft.call.seq == before {
            debug_assert!(false, "a deadline leads to an event");
            return;
        }
    }
}

fn fire(draft: &mut Draft, due: Timestamp) {
    if draft.call.ends_by().is_some_and(|at| at <= due) {
        draft.close(Ending::new(Reason::Completed).cause(Cause::MaxTime));
        return;
    }
    answers_due(draft, due);
    draft.settle(&Note::default());
    losses_due(draft, due);
    draft.settle(&Note::default());
    if let Some(lapsed) = draft.call.proposal.clone().filter(|p| p.until <= due) {
        draft.push(Event::MediaRefused {
            proposer: lapsed.by,
            media: lapsed.media,
            cause: Some(Cause::Timeout),
        });
    }
}

fn answers_due(draft: &mut Draft, until: Timestamp) {
    let due: Vec<_> = draft
        .call
        .pending()
        .filter(|p| draft.call.answer_due(p).is_some_and(|at| at <= until))
        .map(|p| (p.user.clone(), unanswered(&draft.call, p)))
        .collect();
    for (user, (reason, number, cause)) in due {
        draft.push(Event::Rejected {
            user,
            device: None,
            reason,
            code: number.code(),
            cause,
            note: Note::default(),
        });
    }
}

/// Why an invitation lapses: never reached, never acknowledged, or never answered.
fn unanswered(call: &Call, p: &Participant) -> (Refused, Reason, Option<Cause>) {
    if p.unavailable.is_some() {
        return (Refused::Timeout, Reason::Timeout, Some(Cause::Policy));
    }
    match p.reach {
        Reach::Absent => (Refused::Offline, Reason::Offline, Some(Cause::Absent)),
        Reach::Online if p.told && p.state == State::Invited => {
            debug_assert!(call.ack_until(p).is_some());
            (Refused::Offline, Reason::Offline, Some(Cause::Silent))
        }
        Reach::Online | Reach::Asleep => (Refused::Timeout, Reason::Timeout, None),
    }
}

fn losses_due(draft: &mut Draft, until: Timestamp) {
    let grace = draft.call.settings.grace_ms;
    let due: Vec<UserId> = draft
        .call
        .inside()
        .filter(|p| p.gone_at.is_some_and(|at| at.after_ms(grace) <= until))
        .map(|p| p.user.clone())
        .collect();
    for user in due {
        if draft.is_over() {
            return;
        }
        let unanswered = draft.call.phase == Phase::Inviting;
        if draft.call.is_direct() || (unanswered && user == draft.call.caller) {
            // R10: a caller who stays away takes the call back.
            let reason = if unanswered { Reason::Canceled } else { Reason::Disconnected };
            draft.close(Ending::new(reason).by(&user).cause(Cause::Disconnected));
        } else {
            draft.push(Event::Left {
                user,
                how: Leaving::Lost,
                cause: Some(Cause::Disconnected),
                code: Reason::Disconnected.code(),
                note: Note::default(),
            });
        }
    }
}
