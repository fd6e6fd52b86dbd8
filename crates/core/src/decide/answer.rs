//! How a callee answers: ringing, accept, reject, and what is said to those who come late.

use super::{device, is_active, over};
use crate::{
    call::{Call, Media, Mode, Origin, Phase, Reason, State},
    command::{Actor, Over, Refusal, Refusing},
    draft::{Draft, Ending},
    event::{Event, Refused},
    id::{CallId, Timestamp},
    note::Note,
    start::check_note,
};

pub(super) fn ringing(draft: &mut Draft, by: &Actor) -> Result<(), Refusal> {
    let Some(me) = draft.call.participant(&by.user).filter(|p| p.may_answer()) else {
        return Err(late(&draft.call, by));
    };
    let device = device(by)?;
    if me.state == State::Invited && !me.silenced.contains(&device) {
        draft.push(Event::Ringing { user: by.user.clone(), device });
    }
    Ok(())
}

pub(super) fn accept(
    draft: &mut Draft,
    by: &Actor,
    media: Option<Media>,
    claimed: Option<CallId>,
    note: &Note,
) -> Result<(), Refusal> {
    check_note(note)?;
    let Some(me) = draft.call.participant(&by.user).filter(|p| p.may_answer()) else {
        return Err(late(&draft.call, by));
    };
    let device = device(by)?;
    if me.silenced.contains(&device) {
        return Err(Refusal::NotInCall(Some(refused_here(draft.now))));
    }
    unclaimed(&draft.call, claimed)?;
    let was_active = is_active(&draft.call);
    let user = by.user.clone();
    draft.push(Event::Accepted {
        user: user.clone(),
        device: device.clone(),
        media: media.map_or(draft.call.media, |m| m.min(draft.call.media)),
        note: note.clone(),
    });
    if was_active {
        draft.push(Event::Joined { user, device });
    } else if is_active(&draft.call) {
        draft.push(Event::Started);
    } else if draft.call.mode == Mode::Invite && draft.call.inside().count() > 1 {
        draft.close(Ending::new(Reason::Completed).by(&user).note(note));
    } else {
        release(draft, &user);
    }
    Ok(())
}

/// R20: once the caller of a server-started call has accepted, the callees ring.
fn release(draft: &mut Draft, user: &str) {
    if user != draft.call.caller.as_str() || draft.call.origin != Origin::Server {
        return;
    }
    let held = draft.call.participants.iter().filter(|p| p.held && p.state.is_pending());
    let users: Vec<_> = held.map(|p| p.user.clone()).collect();
    if !users.is_empty() {
        draft.push(Event::Released { users });
    }
}

/// Whoever enters a call must be free or claimed by this very call.
pub(super) fn unclaimed(call: &Call, claimed: Option<CallId>) -> Result<(), Refusal> {
    match claimed {
        Some(other) if call.mode == Mode::Call && other != call.id => Err(Refusal::BusySelf(other)),
        Some(_) | None => Ok(()),
    }
}

pub(super) fn reject(
    draft: &mut Draft,
    by: &Actor,
    how: Refusing,
    only_me: bool,
    note: &Note,
) -> Result<(), Refusal> {
    check_note(note)?;
    let Some(me) = draft.call.participant(&by.user).filter(|p| p.may_answer()) else {
        return Err(late(&draft.call, by));
    };
    if by.device.as_ref().is_some_and(|d| me.silenced.contains(d)) {
        return Err(Refusal::NotInCall(Some(refused_here(draft.now))));
    }
    let user = by.user.clone();
    if only_me {
        draft.push(Event::Silenced { user, device: device(by)? });
        return Ok(());
    }
    let (reason, code) = match how {
        Refusing::Rejected => (Refused::Rejected, Reason::Rejected.code()),
        Refusing::Busy => (Refused::Busy, Reason::Busy.code()),
    };
    let device = by.device.clone();
    draft.push(Event::Rejected { user, device, reason, code, cause: None, note: note.clone() });
    draft.settle(note);
    Ok(())
}

pub(super) fn acknowledge(draft: &mut Draft, by: &Actor, seq: u64) -> Result<(), Refusal> {
    let device = device(by)?;
    if seq == 0 || seq > draft.call.seq {
        return Err(Refusal::invalid("seq", "this call has no such event"));
    }
    let me = draft.call.participant(&by.user);
    if me.is_some_and(|p| !p.acknowledged.contains(&(device.clone(), seq))) {
        draft.push(Event::Acknowledged { user: by.user.clone(), device, seq });
    }
    Ok(())
}

/// What an answer is told that comes when the invitation is no longer open (R1, R2, R3, R13).
pub(super) fn late(call: &Call, by: &Actor) -> Refusal {
    let Some(me) = call.participant(&by.user) else { return Refusal::NotInCall(None) };
    // An accepted invitation ends its call at once; its other devices still learn who answered.
    let answered = me.state.is_in()
        || (call.mode == Mode::Invite && call.phase == Phase::Ended && me.state == State::Left);
    let refused = matches!(me.state, State::Rejected | State::Busy);
    match &me.device {
        Some(d) if answered && by.device.as_ref() == Some(d) => Refusal::AlreadyAccepted,
        Some(d) if answered => Refusal::AnsweredElsewhere(d.clone()),
        Some(d) if refused && by.device.as_ref() != Some(d) => {
            Refusal::RejectedElsewhere(d.clone())
        }
        Some(_) | None => Refusal::NotInCall(over(call, by)),
    }
}

fn refused_here(at: Timestamp) -> Over {
    Over { reason: Reason::Rejected, code: Reason::Rejected.code(), at }
}
