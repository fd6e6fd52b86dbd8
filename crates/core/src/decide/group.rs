//! How people come into a running call: invited, joining late, or with another device.

use std::sync::Arc;

use super::{answer, device, is_active, leave::allowed, over, taking_part};
use crate::{
    call::{Call, Cause, Mode, Participant, Reach, Reason},
    command::{Actor, Callee, Refusal},
    draft::Draft,
    event::{Event, Refused},
    id::{CallId, DeviceId},
    note::Note,
    push::PushWish,
    start::{check_callees, check_note, invitee, refused_by_policy},
};

/// R16: those already in the call are passed over; the reply names them.
pub(super) fn invite(
    draft: &mut Draft,
    by: &Actor,
    to: &[Callee],
    note: &Note,
    push: Option<&Arc<PushWish>>,
) -> Result<(), Refusal> {
    check_note(note)?;
    taking_part(&draft.call, by)?;
    allowed(&draft.call, by, draft.call.settings.policy.invite)?;
    if draft.call.mode == Mode::Invite {
        return Err(Refusal::invalid("call", "an invitation has one callee"));
    }
    check_callees(to, &by.user)?;
    let wanted: Vec<&Callee> = to.iter().filter(|c| !present(&draft.call, c)).collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let most = draft.call.settings.group_size;
    if size(&draft.call) + wanted.len() > most {
        return Err(Refusal::invalid("to", format!("at most {most} participants at once")));
    }
    let refused = |c: &Callee| {
        if let Some(unavailable) = c.unavailable {
            return refused_by_policy(unavailable);
        }
        if c.claimed.is_some_and(|other| other != draft.call.id) {
            return Some((Refused::Busy, Reason::Busy.code(), None));
        }
        let gone = c.reach == Reach::Absent && draft.call.settings.reach_ms == 0;
        gone.then_some((Refused::Offline, Reason::Offline.code(), Some(Cause::Absent)))
    };
    let out: Vec<_> =
        wanted.iter().filter_map(|c| refused(c).map(|why| (c.user.clone(), why))).collect();
    let ring_ms = draft.call.settings.ring_ms;
    let users = wanted.into_iter().map(|c| {
        let reachable = !out.iter().any(|(user, _)| *user == c.user);
        invitee(c.clone(), ring_ms, false, reachable)
    });
    let (users, by) = (users.collect(), Some(by.user.clone()));
    draft.push(Event::Added { by, users, note: note.clone(), push: push.cloned() });
    for (user, (reason, code, cause)) in out {
        let note = Note::default();
        draft.push(Event::Rejected { user, device: None, reason, code, cause, note });
    }
    Ok(())
}

/// How many are in the call or on their way into it.
fn size(call: &Call) -> usize {
    call.inside().count() + call.pending().count()
}

fn present(call: &Call, callee: &Callee) -> bool {
    call.participant(&callee.user).is_some_and(|p| p.state.is_in() || p.state.is_pending())
}

pub(super) fn join(draft: &mut Draft, by: &Actor, claimed: Option<CallId>) -> Result<(), Refusal> {
    let Some(me) = draft.call.participant(&by.user) else { return Err(Refusal::NotInCall(None)) };
    if draft.call.is_direct() {
        return Err(Refusal::Forbidden("only a group call can be joined; accept instead"));
    }
    if me.may_answer() {
        return answer::accept(draft, by, None, claimed, &Note::default());
    }
    if me.state.is_in() {
        return Err(answer::late(&draft.call, by));
    }
    if !is_active(&draft.call) {
        return Err(Refusal::NotInCall(over(&draft.call, by)));
    }
    if me.cause == Some(Cause::Server) {
        return Err(Refusal::Forbidden("you were removed from this call"));
    }
    allowed(&draft.call, by, draft.call.settings.policy.join)?;
    if size(&draft.call) >= draft.call.settings.group_size {
        return Err(Refusal::Overloaded("the call is full; try again when somebody has left"));
    }
    answer::unclaimed(&draft.call, claimed)?;
    let device = device(by)?;
    draft.push(Event::Joined { user: by.user.clone(), device });
    Ok(())
}

/// R18: compare and set on the device the user is in the call with.
pub(super) fn move_here(draft: &mut Draft, by: &Actor, from: &DeviceId) -> Result<(), Refusal> {
    let to = device(by)?;
    let me: Option<&Participant> = draft.call.participant(&by.user);
    let Some(me) = me.filter(|p| p.state.is_in()) else {
        return Err(Refusal::NotInCall(over(&draft.call, by)));
    };
    if to == *from {
        return Err(Refusal::invalid("from", "name the device the call is on now"));
    }
    match &me.device {
        Some(now) if now == from => {
            draft.push(Event::Moved { user: by.user.clone(), from: from.clone(), to });
            Ok(())
        }
        Some(now) if *now == to => Err(Refusal::AlreadyAccepted),
        Some(now) => Err(Refusal::AnsweredElsewhere(now.clone())),
        None => Err(Refusal::NotInCall(None)),
    }
}
