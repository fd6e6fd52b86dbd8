//! What a start must lead to where it meets another call, said anew and apart from the rules: the
//! rows of the table of races that are about starts.

use bellwire_core::{Call, Event, Kind, Mode, Opening, Origin, Phase, Refused, RingMode, State};

use super::{
    cast::{By, UserNo},
    step::Ask,
    violation::Violation,
    world::World,
};

/// R4, R5 and R7 of a start that was not refused.
pub(crate) fn opened(
    world: &World<'_>,
    by: By,
    ask: Ask,
    opening: &Opening,
) -> Result<(), Violation> {
    let meets = |rule, call: Option<&Call>, found: Option<_>| {
        if call.map(|call| call.id) == found {
            return Ok(());
        }
        Err(Violation::of(rule, format!("{by} meets {found:?} instead of {call:?}")))
    };
    let (glare, recall) = match opening {
        Opening::Glare { call, .. } => (Some(*call), None),
        Opening::Recall { old, .. } => (None, Some(*old)),
        Opening::New(_) | Opening::Denied { .. } => (None, None),
    };
    let crossing = crossing(world, by, ask);
    meets("R4", crossing, glare)?;
    let lost = lost(world, by, ask).filter(|_| crossing.is_none() && !ask.denied);
    meets("R5", lost, recall)?;
    match opening {
        Opening::New(events) => busy(world, ask, events, None),
        Opening::Recall { events, .. } => busy(world, ask, events, lost),
        Opening::Glare { .. } | Opening::Denied { .. } => Ok(()),
    }
}

/// R4: the callee's own direct call to the caller, which is not answered yet.
pub(crate) fn crossing<'w>(world: &'w World<'_>, by: By, ask: Ask) -> Option<&'w Call> {
    direct(world, by, ask).find(|call| {
        let me = call.participant(world.cast.user(by.user));
        call.origin == Origin::User
            && call.phase == Phase::Inviting
            && call.caller == *world.cast.user(ask.to.0)
            // One who is not asked to ring is not claimed, and meets a caller who is.
            && me.is_some_and(|p| p.state.is_pending() && p.ring == RingMode::Ring)
    })
}

/// R5: the call between the two in which a side has lost its connection.
fn lost<'w>(world: &'w World<'_>, by: By, ask: Ask) -> Option<&'w Call> {
    let claimed = |call: &&Call| world.claim(by.user).is_some_and(|claim| claim.id == call.id);
    let dropped = |call: &&Call| call.participants.iter().any(|p| p.state == State::Dropped);
    direct(world, by, ask).filter(claimed).find(dropped)
}

/// The direct calls between the caller and the callee of a device's direct start.
fn direct<'w>(world: &'w World<'_>, by: By, ask: Ask) -> impl Iterator<Item = &'w Call> {
    let is_direct = ask.mode == Mode::Call
        && ask.origin == Origin::User
        && ask.kind != Some(Kind::Group)
        && ask.to.1.is_none();
    let both = [world.cast.user(by.user), world.cast.user(ask.to.0)];
    world.calls.iter().filter(move |call| {
        is_direct
            && call.mode == Mode::Call
            && call.is_direct()
            && both.iter().all(|user| call.participant(user).is_some())
    })
}

/// R7: whoever is claimed by another call is busy at once.
fn busy(
    world: &World<'_>,
    ask: Ask,
    events: &[Event],
    replaced: Option<&Call>,
) -> Result<(), Violation> {
    let claimed = |user: UserNo| {
        let claim = world.claim(user);
        claim.is_some_and(|claim| replaced.is_none_or(|old| old.id != claim.id))
    };
    for callee in [Some(ask.to.0), ask.to.1].into_iter().flatten() {
        let name = world.cast.user(callee);
        let is_busy = events.iter().any(|event| match event {
            Event::Rejected { user, reason: Refused::Busy, .. } => user == name,
            _ => false,
        });
        if is_busy != (ask.mode == Mode::Call && claimed(callee)) {
            let seen = format!("{callee}, who is claimed or not, is taken the other way");
            return Err(Violation::of("R7", seen));
        }
    }
    Ok(())
}
