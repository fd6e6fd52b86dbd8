//! What happens when someone who is already claimed starts a call (R4, R5, R6), in one place.

use crate::{
    call::{Call, Kind, Mode, Origin, Phase, State},
    command::Start,
};

/// How a start meets the call that claims its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Collision {
    /// Nothing claims the caller.
    None,
    /// The callee is already calling the caller: the start answers that call (R4).
    Glare,
    /// The old call to the same party has lost a side: the new one replaces it (R5).
    Recall,
    /// The caller is taken (R6).
    Busy,
}

/// Decides how `start` meets `claim`, the call that claims its caller.
pub fn collide(start: &Start, claim: Option<&Call>) -> Collision {
    let Some(claim) = claim else { return Collision::None };
    let taken = match start.mode {
        Mode::Call => Collision::Busy,
        // An invitation claims nobody; only crossing the callee's own call is a mismatch.
        Mode::Invite => Collision::None,
    };
    let direct = start.origin == Origin::User && start.kind != Some(Kind::Group);
    let [callee] = start.callees.as_slice() else { return taken };
    if !direct || !claim.is_direct() || claim.participant(&callee.user).is_none() {
        return taken;
    }
    let me = claim.participant(&start.caller.user);
    if claim.origin == Origin::User
        && claim.phase == Phase::Inviting
        && claim.caller == callee.user
        && me.is_some_and(crate::Participant::may_answer)
    {
        return match start.mode {
            Mode::Call if start.group == claim.group => Collision::Glare,
            Mode::Call | Mode::Invite => Collision::Busy,
        };
    }
    match start.mode {
        Mode::Call => {}
        Mode::Invite => return Collision::None,
    }
    if claim.participants.iter().any(|p| p.state == State::Dropped) {
        return Collision::Recall;
    }
    Collision::Busy
}
