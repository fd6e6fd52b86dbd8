//! Callees who do not want to be rung: nothing rings, nothing claims them, and the caller sees what
//! the app sets.

use bellwire_core::{CallId, Cause, Event, Order, Reason, Refused, ShownAs, State, Unavailable};

use super::support::*;

fn unavailable(w: &mut World, name: &str, shown_as: ShownAs) {
    w.unavailable.insert(user(name), Unavailable { shown_as, blocked: false });
}

fn silent(w: &World, call: CallId, devices: &[&str]) {
    for device in devices {
        assert_eq!(w.told(device, call), [], "{device} hears nothing");
    }
}

#[test]
fn shown_as_busy_it_ends_at_once() {
    let mut w = World::of(&["alice", "bob"]);
    unavailable(&mut w, "bob", ShownAs::Busy);
    let call = w.call("alice.1", &["bob"]);
    assert_eq!((w.reason(call), w.cause(call)), (Some(Reason::Busy), Some(Cause::Policy)));
    assert_eq!(
        (w.state(call, "bob"), w.part(call, "bob").cause),
        (State::Busy, Some(Cause::Policy))
    );
    silent(&w, call, &["bob.1", "bob.2"]);
}

#[test]
fn shown_as_no_answer_it_lasts_the_ring_time() {
    let mut w = World::of(&["alice", "bob", "carol"]);
    unavailable(&mut w, "bob", ShownAs::NoAnswer);
    let call = w.call("alice.1", &["bob"]);
    w.pass_ms(59_999);
    assert_eq!(w.reason(call), None);
    w.unavailable.clear();
    let other = w.call("carol.1", &["bob"]);
    assert_eq!(w.state(other, "bob"), State::Invited, "nothing claims them meanwhile");
    w.accept("bob.1", other).unwrap();
    w.pass_ms(1);
    assert_eq!((w.reason(call), w.cause(call)), (Some(Reason::Timeout), Some(Cause::Policy)));
    assert_eq!(w.reason(other), None, "their own call goes on");
    silent(&w, call, &["bob.1", "bob.2"]);
}

/// Who is not to ring somebody is not to learn from it whether they are there.
#[test]
fn it_shows_nothing_of_where_they_are() {
    for shown_as in [ShownAs::Busy, ShownAs::NoAnswer] {
        let outcome = |prepare: &dyn Fn(&mut World)| {
            let mut w = World::of(&["alice", "bob", "carol"]);
            unavailable(&mut w, "bob", shown_as);
            prepare(&mut w);
            let call = w.call("alice.1", &["bob"]);
            let begun = w.now;
            w.pass_ms(60_000);
            let ended = w.at(call).ended.clone().expect("over");
            (ended.reason, ended.at.since_ms(begun))
        };
        let at_home = outcome(&|_| ());
        let away = outcome(&|w| ["bob.1", "bob.2"].into_iter().for_each(|d| w.gone(d)));
        let talking = outcome(&|w| {
            w.unavailable.clear();
            w.talking("carol.1", "bob.1");
            unavailable(w, "bob", shown_as);
        });
        assert_eq!((at_home, away), (at_home, talking), "{shown_as:?}");
    }
}

#[test]
fn in_a_group_the_others_ring() {
    let mut w = World::of(&["alice", "bob", "carol", "dave"]);
    unavailable(&mut w, "bob", ShownAs::Busy);
    unavailable(&mut w, "dave", ShownAs::NoAnswer);
    let call = w.call("alice.1", &["bob", "carol"]);
    assert_eq!((w.state(call, "bob"), w.state(call, "carol")), (State::Busy, State::Invited));
    w.accept("carol.1", call).unwrap();
    w.invite("alice.1", call, &["dave"]).unwrap();
    assert_eq!(w.state(call, "dave"), State::Invited);
    w.pass_ms(60_000);
    assert_eq!((w.state(call, "dave"), w.reason(call)), (State::TimedOut, None));
    w.invite("alice.1", call, &["bob"]).unwrap();
    let refused = |event: &&Event| matches!(event, Event::Rejected { reason: Refused::Busy, .. });
    assert_eq!(w.events(call, 0).into_iter().filter(refused).count(), 2, "asked again, as before");
    silent(&w, call, &["bob.1", "dave.1"]);
}

#[test]
fn a_server_started_call_does_not_ring_them_either() {
    let mut w = World::of(&["alice", "bob"]);
    unavailable(&mut w, "bob", ShownAs::NoAnswer);
    unavailable(&mut w, "alice", ShownAs::Busy);
    let ask = w.ask("alice", &["bob"]);
    let call = w.start(ask).unwrap();
    assert_eq!(w.told("alice.1", call).len(), 1, "the caller is not asked whom they want");
    w.accept("alice.1", call).unwrap();
    silent(&w, call, &["bob.1", "bob.2"]);
    w.pass_ms(60_000);
    assert_eq!(w.reason(call), Some(Reason::Timeout));
}

/// What is not known of cannot be answered, nor be met by a call back.
#[test]
fn a_call_that_is_not_heard_of_cannot_be_answered() {
    let mut w = World::of(&["alice", "bob"]);
    unavailable(&mut w, "bob", ShownAs::NoAnswer);
    let call = w.call("alice.1", &["bob"]);
    assert_unknown(w.order("bob.1", call, Order::Ringing));
    assert_unknown(w.accept("bob.1", call));
    assert_unknown(w.reject("bob.1", call));
    let back = w.call("bob.1", &["alice"]);
    assert_eq!((w.reason(back), w.reason(call)), (Some(Reason::Busy), None));
}
