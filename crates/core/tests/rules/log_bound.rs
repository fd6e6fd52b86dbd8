//! The bound of a log, and the damping of a connection that comes and goes.

use bellwire_core::{
    Cause, Command, DeviceId, Event, FLAPS_MAX, LOG_LIVE_MAX, LOG_MAX, LOG_PUSHED_MAX,
    LOG_SOFT_MAX, Media, Order, PushNews, PushOutcome, PushProvider, Pushed, Reason, Refusal,
    State,
};

use super::support::*;

/// Talks about the media until the log has `length` events.
fn chatter(w: &mut World, call: bellwire_core::CallId, length: u64) {
    while w.at(call).seq < length {
        w.propose("alice.1", call, Media::Video).unwrap();
        if w.at(call).seq < length {
            w.consent("bob.1", call, false).unwrap();
        }
    }
}

fn sound_call(w: &mut World) -> bellwire_core::CallId {
    let call = w.talking("alice.1", "bob.1");
    w.propose("alice.1", call, Media::Audio).unwrap();
    call
}

#[test]
fn near_the_bound_only_what_leads_to_the_end_is_taken() {
    let mut w = World::of(&["alice", "bob", "carol"]);
    let call = sound_call(&mut w);
    chatter(&mut w, call, LOG_SOFT_MAX);
    let full = |answer| assert!(matches!(answer, Err(Refusal::Overloaded(_))), "{answer:?}");
    full(w.propose("alice.1", call, Media::Video));
    full(w.invite("alice.1", call, &["carol"]));
    full(w.move_here("alice.2", call, "alice.1"));
    w.gone("bob.1");
    w.back("bob.1");
    assert_eq!(w.state(call, "bob"), State::Joined, "losses are still logged");
    w.hang_up("alice.1", call).unwrap();
    assert_eq!(w.reason(call), Some(Reason::Completed));
}

#[test]
fn what_became_of_pushes_does_not_fill_the_log() {
    let mut w = World::of(&["alice", "bob"]);
    let call = sound_call(&mut w);
    let pushed = Command::Pushed(Pushed {
        user: user("bob"),
        device: DeviceId::parse("phone").unwrap(),
        provider: PushProvider::Fcm,
        news: PushNews::Invite,
        outcome: PushOutcome::Sent,
        status: Some(200),
        why: None,
        ms: 80,
    });
    for _ in 0..LOG_MAX {
        w.command(call, pushed.clone()).unwrap();
    }
    assert_eq!(w.at(call).seq, LOG_PUSHED_MAX);
    w.hang_up("alice.1", call).unwrap();
    assert_eq!(w.reason(call), Some(Reason::Completed));
}

#[test]
fn at_the_bound_the_call_ends_and_says_why() {
    let mut w = World::of(&["alice", "bob"]);
    let call = sound_call(&mut w);
    chatter(&mut w, call, LOG_SOFT_MAX);
    while w.reason(call).is_none() {
        w.gone("bob.1");
        w.back("bob.1");
        w.pass_s(20);
        assert!(w.at(call).seq <= LOG_LIVE_MAX || w.reason(call).is_some());
    }
    assert_eq!((w.reason(call), w.cause(call)), (Some(Reason::Disconnected), Some(Cause::LogFull)));
    for seq in 1..=LOG_MAX {
        let _ = w.order("bob.1", call, Order::Acknowledge { seq: seq.min(w.at(call).seq) });
    }
    assert_eq!(w.at(call).seq, LOG_MAX, "acknowledgements stop at the bound");
}

#[test]
fn no_single_command_outgrows_the_log() {
    let users: Vec<String> = (0..600).map(|n| format!("u{n}")).collect();
    let names: Vec<&str> = users.iter().map(|u| &**u).collect();
    let mut w = World::of(&["alice", "bob"]);
    w.settings.group_size = 1_000;
    w.settings.reach_ms = 60_000;
    let call = sound_call(&mut w);
    chatter(&mut w, call, LOG_SOFT_MAX - 700);
    w.invite("alice.1", call, &names).unwrap();
    for name in names.iter().take(100) {
        w.accept(&format!("{name}.1"), call).unwrap();
    }
    assert!(w.at(call).seq > LOG_SOFT_MAX - 520);
    // All pending invitations lapse at once, and everybody in it is gone.
    w.jump_ms(600_000);
    w.restart();
    w.jump_ms(600_000);
    assert!(w.reason(call).is_some());
    assert!(w.at(call).seq <= LOG_MAX);
}

#[test]
fn an_invite_that_does_not_fit_into_the_log_is_refused() {
    let users: Vec<String> = (0..600).map(|n| format!("u{n}")).collect();
    let names: Vec<&str> = users.iter().map(|u| &**u).collect();
    let mut w = World::of(&["alice", "bob"]);
    w.settings.group_size = 1_000;
    let call = sound_call(&mut w);
    chatter(&mut w, call, LOG_SOFT_MAX - 1);
    // All of them are absent: each would be one more event.
    let answer = w.invite("alice.1", call, &names);
    assert!(matches!(answer, Err(Refusal::Overloaded(_))));
    assert_eq!(w.reason(call), None);
}

#[test]
fn a_flapping_connection_is_damped() {
    let mut w = World::of(&["alice", "bob"]);
    let call = w.talking("alice.1", "bob.1");
    let before = w.calls[&call].log.len();
    for _ in 0..50 {
        w.gone("bob.1");
        w.back("bob.1");
    }
    let dropped = w.events(call, before).into_iter();
    let dropped = dropped.filter(|e| matches!(e, Event::Dropped { .. })).count();
    assert_eq!(dropped, usize::from(FLAPS_MAX));
    assert_eq!(w.state(call, "bob"), State::Joined);
    // A damped loss that lasts is found by the audit, and the call still ends.
    w.gone("bob.1");
    assert_eq!(w.state(call, "bob"), State::Joined);
    w.pass_s(60 + 20 + 15);
    assert_eq!(w.reason(call), Some(Reason::Disconnected));
}

#[test]
fn a_restart_of_a_full_call_keeps_within_the_bound() {
    let mut w = World::of(&["alice", "bob"]);
    let call = sound_call(&mut w);
    chatter(&mut w, call, LOG_SOFT_MAX);
    for _ in 0..300 {
        w.restart();
        w.back("alice.1");
        w.back("bob.1");
    }
    assert_eq!((w.reason(call), w.cause(call)), (Some(Reason::Disconnected), Some(Cause::LogFull)));
    assert!(w.at(call).seq <= LOG_MAX);
    w.command(call, Command::Tick).unwrap();
}
