//! What a command leads to: every rule of a call that exists, by the kind of command.

mod answer;
mod edit;
mod group;
mod leave;
mod liveness;
mod media;

use crate::{
    call::{Call, Cause, Participant, Phase, Reason, State},
    command::{Actor, Command, Order, Over, Refusal},
    draft::{Draft, Ending},
    event::Event,
    id::{DeviceId, Timestamp},
    link::Link,
    settings::{LOG_LIVE_MAX, LOG_MAX, LOG_PUSHED_MAX, LOG_SOFT_MAX},
};

const LOG_FULL: Refusal =
    Refusal::Overloaded("the log of this call is nearly full; start a new call");

/// Decides what `command` leads to. No events means that it changes nothing and is no mistake.
pub fn decide(call: &Call, command: &Command, now: Timestamp) -> Result<Vec<Event>, Refusal> {
    let mut draft = Draft::new(call, now);
    if bound(&draft, command)? {
        match command {
            Command::User { by, order } => user(&mut draft, by, order)?,
            Command::Reached { user } => liveness::reached(&mut draft, user),
            Command::Gone { user, device } => {
                liveness::gone(&mut draft, user, device, Link::Signalling);
            }
            Command::MediaLost { user, device } => {
                liveness::gone(&mut draft, user, device, Link::Media);
            }
            Command::Back { user, device } => liveness::back(&mut draft, user, device),
            Command::Entered { user } => liveness::entered(&mut draft, user),
            Command::MediaUp { user, device } => liveness::media_up(&mut draft, user, device),
            // A receipt may come when the log no longer knows the user, who was erased.
            Command::Asked(asked) => {
                if asked.user.as_ref().is_none_or(|user| draft.call.participant(user).is_some()) {
                    draft.push(Event::Asked(asked.clone()));
                }
            }
            Command::Pushed(pushed) => {
                if draft.call.participant(&pushed.user).is_some() {
                    draft.push(Event::Pushed(pushed.clone()));
                }
            }
            Command::Unreached { user } => liveness::unreached(&mut draft, user),
            Command::Restarted => liveness::restarted(&mut draft),
            Command::Tick => liveness::tick(&mut draft),
            Command::Kill { code, note } => leave::kill(&mut draft, *code, note)?,
            Command::Barred { user, code } => leave::barred(&mut draft, user, *code),
            Command::Edit(wanted) => edit::edit(&mut draft, *wanted)?,
            Command::Remove { user, note } => leave::remove(&mut draft, user, note)?,
        }
    }
    within(draft, call, command).map(Draft::done)
}

fn user(draft: &mut Draft, by: &Actor, order: &Order) -> Result<(), Refusal> {
    let Some(me) = draft.call.participant(&by.user) else {
        return Err(Refusal::NotInCall(None));
    };
    if me.held {
        return Err(Refusal::NotInCall(None));
    }
    if draft.is_over() {
        return after_the_end(draft, by, order);
    }
    match order {
        Order::Ringing => answer::ringing(draft, by),
        Order::Accept { media, claimed, note } => answer::accept(draft, by, *media, *claimed, note),
        Order::Reject { how, only_me, note } => answer::reject(draft, by, *how, *only_me, note),
        Order::Cancel { to, note } => leave::cancel(draft, by, to.as_deref(), note),
        Order::Hangup { note } => leave::hangup(draft, by, note),
        Order::Logout => {
            leave::logout(draft, by);
            Ok(())
        }
        Order::End { note } => leave::end(draft, by, note),
        Order::Invite { to, note, push } => group::invite(draft, by, to, note, push.as_ref()),
        Order::Join { claimed } => group::join(draft, by, *claimed),
        Order::Move { from } => group::move_here(draft, by, from),
        Order::Media { media } => media::propose(draft, by, *media),
        Order::MediaAnswer { accept } => media::answer(draft, by, *accept),
        Order::Report(report) => media::report(draft, by, report),
        Order::Acknowledge { seq } => answer::acknowledge(draft, by, *seq),
    }
}

/// Refuses what the business server asks of a call that is over.
fn over_for_all(call: &Call) -> Result<(), Refusal> {
    let Some(ended) = &call.ended else { return Ok(()) };
    let over = crate::Over { reason: ended.reason, code: ended.code, at: ended.at };
    Err(Refusal::NotInCall(Some(over)))
}

/// A call that is over can only be confirmed to be over; everything else is told so (R13).
fn after_the_end(draft: &mut Draft, by: &Actor, order: &Order) -> Result<(), Refusal> {
    match order {
        Order::Acknowledge { seq } => answer::acknowledge(draft, by, *seq),
        Order::Accept { .. } | Order::Ringing | Order::Reject { .. } => {
            Err(answer::late(&draft.call, by))
        }
        Order::Cancel { .. } => Err(leave::late_cancel(&draft.call, by)),
        Order::Logout => Ok(()),
        Order::Hangup { .. }
        | Order::End { .. }
        | Order::Invite { .. }
        | Order::Join { .. }
        | Order::Move { .. }
        | Order::Media { .. }
        | Order::MediaAnswer { .. }
        | Order::Report(_) => Err(Refusal::NotInCall(over(&draft.call, by))),
    }
}

/// Near the bound of the log only what may lead to the end of the call is taken. Returns whether
/// the command is to be decided at all.
fn bound(draft: &Draft, command: &Command) -> Result<bool, Refusal> {
    if let Command::Pushed(_) = command {
        return Ok(draft.call.seq < LOG_PUSHED_MAX);
    }
    if draft.call.seq < LOG_SOFT_MAX || draft.is_over() && draft.call.seq < LOG_MAX {
        return Ok(true);
    }
    if let Command::User { by, .. } = command
        && draft.call.participant(&by.user).is_none()
    {
        // Told that they are in no such call, like anybody else.
        return Ok(true);
    }
    let needless = match command {
        Command::User { order, .. } => match order {
            Order::Ringing
            | Order::Invite { .. }
            | Order::Join { .. }
            | Order::Move { .. }
            | Order::Media { .. }
            | Order::MediaAnswer { .. }
            | Order::Report(_)
            | Order::Acknowledge { .. } => true,
            Order::Accept { .. }
            | Order::Reject { .. }
            | Order::Cancel { .. }
            | Order::Hangup { .. }
            | Order::Logout
            | Order::End { .. } => false,
        },
        Command::Reached { .. } | Command::Entered { .. } | Command::Asked(_) => return Ok(false),
        Command::Pushed(_) => return Ok(false),
        Command::Edit(_) => true,
        Command::Gone { .. }
        | Command::Back { .. }
        | Command::MediaLost { .. }
        | Command::MediaUp { .. }
        | Command::Unreached { .. }
        | Command::Restarted
        | Command::Tick
        | Command::Kill { .. }
        | Command::Barred { .. }
        | Command::Remove { .. } => false,
    };
    if needless {
        return Err(LOG_FULL);
    }
    Ok(true)
}

/// Keeps the log within its bound however much one command says: a decision that leads beyond it
/// ends the call instead, and one that only adds people is refused.
fn within(draft: Draft, call: &Call, command: &Command) -> Result<Draft, Refusal> {
    let most = if draft.is_over() { LOG_MAX } else { LOG_LIVE_MAX };
    if draft.call.seq <= most {
        return Ok(draft);
    }
    if let Command::User { order: Order::Accept { .. } | Order::Invite { .. }, .. } = command {
        return Err(LOG_FULL);
    }
    let mut full = Draft::new(call, draft.now);
    full.close(Ending::new(Reason::Disconnected).cause(Cause::LogFull));
    Ok(full)
}

/// How the call, or their part of it, is over for the sender.
fn over(call: &Call, by: &Actor) -> Option<Over> {
    if let Some(outcome) = &call.ended {
        return Some(Over { reason: outcome.reason, code: outcome.code, at: outcome.at });
    }
    let me = call.participant(&by.user)?;
    let reason = match me.state {
        State::Invited | State::Ringing | State::Joined | State::Dropped => return None,
        State::Left => Reason::Completed,
        State::Rejected => Reason::Rejected,
        State::Busy => Reason::Busy,
        State::Offline => Reason::Offline,
        State::TimedOut => Reason::Timeout,
        State::Canceled => Reason::Canceled,
        State::Denied => Reason::Denied,
        State::Lost => Reason::Disconnected,
    };
    Some(Over { reason, code: reason.code(), at: me.left_at.unwrap_or(call.at) })
}

/// The sender, who must be in the call with the very device that asks.
fn inside<'a>(call: &'a Call, by: &Actor) -> Result<&'a Participant, Refusal> {
    let Some(me) = call.participant(&by.user) else { return Err(Refusal::NotInCall(None)) };
    if !me.state.is_in() {
        return Err(Refusal::NotInCall(over(call, by)));
    }
    match (&me.device, &by.device) {
        (Some(joined), Some(asking)) if joined != asking => {
            Err(Refusal::AnsweredElsewhere(joined.clone()))
        }
        (Some(_) | None, _) => Ok(me),
    }
}

/// The sender must be in the call, with the very device that asks, or still invited to it.
fn taking_part(call: &Call, by: &Actor) -> Result<(), Refusal> {
    match call.participant(&by.user) {
        Some(me) if me.may_answer() => Ok(()),
        Some(_) | None => inside(call, by).map(drop),
    }
}

fn device(by: &Actor) -> Result<DeviceId, Refusal> {
    by.device.clone().ok_or_else(|| Refusal::invalid("device", "name the device that answers"))
}

fn is_active(call: &Call) -> bool {
    match call.phase {
        Phase::Active => true,
        Phase::Inviting | Phase::Ended => false,
    }
}
