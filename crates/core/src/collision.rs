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
    match start.mode {
        Mode::Call => {}
        Mode::Invite => return Collision::None,
    }
    let direct = start.origin == Origin::User && start.kind != Some(Kind::Group);
    let [callee] = start.callees.as_slice() else { return Collision::Busy };
    if !direct || !claim.is_direct() || claim.participant(&callee.user).is_none() {
        return Collision::Busy;
    }
    let me = claim.participant(&start.caller.user);
    if claim.origin == Origin::User
        && claim.phase == Phase::Inviting
        && claim.caller == callee.user
        && me.is_some_and(crate::Participant::may_answer)
    {
        return Collision::Glare;
    }
    if claim.participants.iter().any(|p| p.state == State::Dropped) {
        return Collision::Recall;
    }
    Collision::Busy
}
