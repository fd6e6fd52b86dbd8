//! What must hold of a world at rest, whatever led to it.

use bellwire_core::{Actor, Command, Event, Order, Timestamp, decide, evolve};

use super::{
    violation::Violation,
    world::{Presence, RING_UNITS, UNIT_MS, World},
};

/// How long a world may take to come to rest once everybody is gone: the ring time, and the grace
/// of one who has joined.
const REST_MS: u64 = (RING_UNITS + 1) * UNIT_MS;

/// Checks all of it.
pub(crate) fn check(world: &World<'_>) -> Result<(), Violation> {
    one_claim(world)?;
    for call in 0..world.calls.len() {
        waits_for_something(world, call)?;
        confirmed(world, call)?;
    }
    comes_to_rest(world)
}

/// I1: a user holds at most one claim, and is in the call that holds it.
pub(crate) fn one_claim(world: &World<'_>) -> Result<(), Violation> {
    for user in world.cast.users() {
        let name = world.cast.user(user);
        let claims = world.calls.iter().filter(|c| c.claims().any(|claimed| claimed == name));
        if claims.count() > 1 {
            return Err(Violation::of("I1", format!("{user} is claimed by two calls")));
        }
    }
    for (place, call) in world.calls.iter().enumerate() {
        let outsider = call.claims().find(|user| {
            call.participant(user).is_none_or(|p| !p.state.is_in() && !p.state.is_pending())
        });
        if let Some(user) = outsider {
            let seen = format!("{user} is claimed by call {place}, which they are not in");
            return Err(Violation::of("I1", seen));
        }
    }
    Ok(())
}

/// I2: a live call has a deadline, or someone in it who is looked after by the audit; and a tick
/// before the deadline does nothing.
fn waits_for_something(world: &World<'_>, place: usize) -> Result<(), Violation> {
    let call = &world.calls[place];
    if call.next_deadline().is_none() && !call.needs_audit() {
        return Err(Violation::of("I2", format!("nothing will ever end call {place}")));
    }
    if !world.is_due(place) && decide(call, &Command::Tick, world.now) != Ok(Vec::new()) {
        return Err(Violation::of("I2", format!("an early tick changes call {place}")));
    }
    Ok(())
}

/// A confirmation is logged once, and changes nothing that anybody could see.
fn confirmed(world: &World<'_>, place: usize) -> Result<(), Violation> {
    let call = &world.calls[place];
    let Some(p) = call.participants.last().filter(|p| !p.held) else { return Ok(()) };
    let user = world.cast.number(&p.user);
    let Some(device) = user.and_then(|user| world.cast.devices_of(user).next()) else {
        return Ok(());
    };
    let by = Actor { user: p.user.clone(), device: Some(world.cast.device(device).clone()) };
    let command = |seq| Command::User { by: by.clone(), order: Order::Acknowledge { seq } };
    let wrong = |seen: String| Err(Violation::of("I6", seen));
    if decide(call, &command(call.seq + 1), world.now).is_ok() {
        return wrong(format!("call {place} takes the confirmation of no event"));
    }
    let once = match decide(call, &command(call.seq), world.now) {
        Ok(events) => events,
        Err(refusal) => return wrong(format!("call {place} refuses a confirmation: {refusal:?}")),
    };
    let [event @ Event::Acknowledged { .. }] = once.as_slice() else {
        return wrong(format!("call {place} takes a confirmation as {once:?}"));
    };
    let mut after = evolve(call.clone(), event, world.now);
    if decide(&after, &command(call.seq), world.now) != Ok(Vec::new()) {
        return wrong(format!("call {place} logs a confirmation twice"));
    }
    (after.seq, after.at) = (call.seq, call.at);
    for (new, old) in after.participants.iter_mut().zip(&call.participants) {
        new.acknowledged.clone_from(&old.acknowledged);
    }
    if after != *call {
        return wrong(format!("a confirmation changes call {place}"));
    }
    Ok(())
}

/// I2: once everybody is gone, every call ends, and no later than its deadlines say.
fn comes_to_rest(world: &World<'_>) -> Result<(), Violation> {
    if world.calls.is_empty() {
        return Ok(());
    }
    let mut left = world.clone();
    left.presence.fill(Presence::Away);
    for call in 0..left.calls.len() {
        for device in world.cast.devices() {
            left.gone(call, device)?;
            left.silent(call, device)?;
        }
    }
    let until = world.now.after_ms(REST_MS);
    // Each deadline that fires ends something, and a call has few things to end.
    let bound = left.calls.len() * usize::from(world.cast.user_count()) * 4;
    for _ in 0..bound {
        let Some(due) = left.next_deadline() else { break };
        left.now = left.now.max(due);
        if left.now > until {
            return Err(overdue(left.now, until));
        }
        for call in 0..left.calls.len() {
            if left.is_due(call) {
                left.act(call, &Command::Tick)?;
            }
        }
        left.calls.retain(|call| call.ended.is_none());
    }
    if left.calls.is_empty() {
        return Ok(());
    }
    Err(Violation::of("I2", "everybody is gone, and a call never ends"))
}

fn overdue(at: Timestamp, until: Timestamp) -> Violation {
    let late = at.since_ms(until) / 1000;
    Violation::of("I2", format!("everybody is gone, and a call ends {late} s late"))
}
