//! How a call, or one's part in it, is ended on purpose.

use super::{answer, inside, is_active, over, over_for_all, taking_part};
use crate::{
    call::{Call, Cause, Mode, Participant, Phase, Reason, State},
    command::{Actor, Refusal, Refusing},
    draft::{Draft, Ending},
    event::{Event, Leaving, Refused},
    id::UserId,
    note::Note,
    settings::Who,
    start::check_note,
};

pub(super) fn cancel(
    draft: &mut Draft,
    by: &Actor,
    to: Option<&[UserId]>,
    note: &Note,
) -> Result<(), Refusal> {
    check_note(note)?;
    if by.user != draft.call.caller {
        return Err(Refusal::Forbidden("only the caller cancels; reject or hang up instead"));
    }
    if draft.call.participant(&by.user).is_some_and(Participant::may_answer) {
        return answer::reject(draft, by, Refusing::Rejected, false, note);
    }
    inside(&draft.call, by)?;
    match to {
        None => {
            if answered(&draft.call) {
                return Err(Refusal::AlreadyAccepted);
            }
            draft.close(Ending::new(Reason::Canceled).by(&by.user).note(note));
        }
        Some(users) => {
            let users = pending(&draft.call, users)?;
            let reason = Reason::Canceled;
            draft.push(Event::Canceled { users, reason, code: reason.code(), note: note.clone() });
            draft.settle(note);
        }
    }
    Ok(())
}

/// Whether a callee has ever been in the call.
fn answered(call: &Call) -> bool {
    call.phase != Phase::Inviting || call.inside().any(|p| p.user != call.caller)
}

fn pending(call: &Call, users: &[UserId]) -> Result<Vec<UserId>, Refusal> {
    if users.is_empty() {
        return Err(Refusal::invalid("to", "name at least one user, or leave it out for all"));
    }
    let mut named = Vec::with_capacity(users.len());
    for (i, user) in users.iter().enumerate() {
        match call.participant(user).filter(|p| p.user != call.caller) {
            Some(p) if p.state.is_in() => return Err(Refusal::AlreadyAccepted),
            Some(p) if p.state.is_pending() => {
                if !named.contains(user) {
                    named.push(user.clone());
                }
            }
            Some(_) | None => {
                return Err(Refusal::invalid(format!("to[{i}]"), "is not being invited"));
            }
        }
    }
    Ok(named)
}

/// R2: a cancel that comes after an answer is told so, also when the answer ended the call.
pub(super) fn late_cancel(call: &Call, by: &Actor) -> Refusal {
    let completed = call.ended.as_ref().is_some_and(|o| o.reason == Reason::Completed);
    if call.mode == Mode::Invite && completed && by.user == call.caller {
        return Refusal::AlreadyAccepted;
    }
    Refusal::NotInCall(over(call, by))
}

/// R12: of a ringing callee a reject, of a caller nobody has answered a cancel, else a leave.
pub(super) fn hangup(draft: &mut Draft, by: &Actor, note: &Note) -> Result<(), Refusal> {
    check_note(note)?;
    if draft.call.participant(&by.user).is_some_and(Participant::may_answer) {
        return answer::reject(draft, by, Refusing::Rejected, false, note);
    }
    inside(&draft.call, by)?;
    go(draft, &by.user, None, note);
    Ok(())
}

/// A logout hangs up what the device is in; what rings goes on ringing (R9).
pub(super) fn logout(draft: &mut Draft, by: &Actor) {
    if inside(&draft.call, by).is_ok() {
        go(draft, &by.user, Some(Cause::Logout), &Note::default());
    }
}

fn go(draft: &mut Draft, user: &UserId, cause: Option<Cause>, note: &Note) {
    let mut ending = if is_active(&draft.call) {
        Ending::new(Reason::Completed)
    } else {
        Ending::new(Reason::Canceled)
    };
    ending.cause = cause;
    let unanswered = *user == draft.call.caller && !answered(&draft.call);
    if draft.call.is_direct() || unanswered {
        draft.close(ending.by(user).note(note));
        return;
    }
    let (user, how) = (user.clone(), Leaving::Left);
    draft.push(Event::Left { user, how, cause, code: 0, note: note.clone() });
    draft.settle(note);
}

pub(super) fn end(draft: &mut Draft, by: &Actor, note: &Note) -> Result<(), Refusal> {
    check_note(note)?;
    allowed(&draft.call, by, draft.call.settings.policy.end)?;
    taking_part(&draft.call, by)?;
    let reason = if is_active(&draft.call) { Reason::Completed } else { Reason::Canceled };
    draft.close(Ending::new(reason).by(&by.user).note(note));
    Ok(())
}

/// Whether the call's policy lets the sender do what it names `who` for.
pub(super) fn allowed(call: &Call, by: &Actor, who: Who) -> Result<(), Refusal> {
    let me = call.participant(&by.user);
    let ok = by.user == call.caller
        || match who {
            Who::Caller => false,
            Who::Joined => me.is_some_and(|p| p.joined_at.is_some()),
            Who::Invited => me.is_some(),
        };
    if ok { Ok(()) } else { Err(Refusal::Forbidden("the call's policy leaves this to others")) }
}

pub(super) fn kill(draft: &mut Draft, code: u32, note: &Note) -> Result<(), Refusal> {
    check_note(note)?;
    over_for_all(&draft.call)?;
    draft.close(Ending::new(Reason::Killed).code(code).cause(Cause::Server).note(note));
    Ok(())
}

/// Whoever gets no token for the room stays out of it, and a call of two is over by that. Who is in
/// it already stays: they had one.
pub(super) fn barred(draft: &mut Draft, user: &UserId, code: u32) {
    let is_active = is_active(&draft.call);
    let outside = |p: &&Participant| p.state.is_pending() || (p.state.is_in() && !is_active);
    let Some(me) = draft.call.participant(user).filter(outside).filter(|_| !draft.is_over()) else {
        return;
    };
    let unanswered = *user == draft.call.caller && !answered(&draft.call);
    let (user, cause, note) = (user.clone(), Some(Cause::Token), Note::default());
    if draft.call.is_direct() || unanswered {
        draft.close(Ending::new(Reason::Denied).code(code).cause(Cause::Token));
    } else if me.state.is_pending() {
        let reason = Refused::Denied;
        draft.push(Event::Rejected { user, device: None, reason, code, cause, note });
    } else {
        draft.push(Event::Left { user, how: Leaving::Removed, cause, code, note });
    }
    draft.settle(&Note::default());
}

pub(super) fn remove(draft: &mut Draft, user: &UserId, note: &Note) -> Result<(), Refusal> {
    check_note(note)?;
    let by = Actor { user: user.clone(), device: None };
    let state = draft.call.participant(user).map(|p| p.state);
    let code = note.app_code.unwrap_or(0);
    match state {
        Some(State::Invited | State::Ringing | State::Joined | State::Dropped)
            if draft.call.is_direct() =>
        {
            kill(draft, code, note)
        }
        Some(State::Invited | State::Ringing) => {
            let (users, reason) = (vec![user.clone()], Reason::Killed);
            draft.push(Event::Canceled { users, reason, code, note: note.clone() });
            draft.settle(note);
            Ok(())
        }
        Some(State::Joined | State::Dropped) => {
            let (user, how, cause) = (user.clone(), Leaving::Removed, Some(Cause::Server));
            draft.push(Event::Left { user, how, cause, code, note: note.clone() });
            draft.settle(note);
            Ok(())
        }
        Some(
            State::Left
            | State::Rejected
            | State::Busy
            | State::Offline
            | State::TimedOut
            | State::Canceled
            | State::Denied
            | State::Lost,
        )
        | None => Err(Refusal::NotInCall(over(&draft.call, &by))),
    }
}
