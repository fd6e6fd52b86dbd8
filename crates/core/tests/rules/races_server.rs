//! Calls the business server starts: R20.

use bellwire_core::{Cause, How, Origin, Reason, Start, State, Tell};

use super::support::*;

#[test]
fn r20_the_caller_is_invited_first_and_the_callee_rings_once_the_caller_accepts() {
    let mut w = World::of(&["alice", "bob"]);
    let call = w.call("alice", &["bob"]);
    assert_eq!(w.told("alice.1", call), [Tell::Invited]);
    assert_eq!(w.told("bob.1", call), [], "held back");
    assert_unknown(w.accept("bob.1", call));
    w.ringing("alice.1", call).unwrap();
    w.pass_s(50);
    w.accept("alice.1", call).unwrap();
    assert_eq!(w.last("alice.2", call), Some(elsewhere(How::Accepted)));
    assert_eq!(w.told("bob.1", call), [Tell::Invited]);
    w.ringing("bob.1", call).unwrap();
    w.pass_s(50);
    assert_eq!(w.reason(call), None, "the ring time of the callee runs from the release");
    w.accept("bob.1", call).unwrap();
    assert_eq!(w.last("alice.1", call), Some(Tell::Started));
    assert_eq!(w.last("bob.1", call), Some(Tell::Started));
}

#[test]
fn r20_by_option_both_ring_at_once() {
    for first in ["alice.1", "bob.1"] {
        let mut w = World::of(&["alice", "bob"]);
        let ask = Start { origin: Origin::ServerBoth, ..w.ask("alice", &["bob"]) };
        let call = w.start(ask).unwrap();
        assert_eq!(w.told("alice.1", call), [Tell::Invited]);
        assert_eq!(w.told("bob.1", call), [Tell::Invited]);
        w.accept(first, call).unwrap();
        assert_eq!(w.at(call).started_at, None, "one alone is no conversation");
        let second = if first == "alice.1" { "bob.1" } else { "alice.1" };
        w.accept(second, call).unwrap();
        assert!(w.at(call).started_at.is_some());
        for name in [first, second] {
            assert_eq!(w.last(name, call), Some(Tell::Started));
        }
    }
}

#[test]
fn r20_a_caller_who_refuses_or_does_not_answer_ends_it_unheard_by_the_callee() {
    let mut w = World::of(&["alice", "bob"]);
    let call = w.call("alice", &["bob"]);
    w.reject("alice.1", call).unwrap();
    assert_eq!(w.reason(call), Some(Reason::Rejected));
    assert_eq!(w.told("alice.1", call), [Tell::Invited, over(Reason::Rejected)]);
    assert_eq!(w.told("alice.2", call), [Tell::Invited, elsewhere(How::Rejected)]);
    assert_eq!(w.told("bob.1", call), []);

    let call = w.call("alice", &["bob"]);
    w.ringing("alice.1", call).unwrap();
    w.pass_s(60);
    assert_eq!(w.reason(call), Some(Reason::Timeout));
    assert_eq!(w.told("bob.1", call), []);
    assert_eq!(w.state(call, "bob"), State::Canceled);
}

#[test]
fn r20_an_absent_caller_or_a_busy_callee_ends_it_before_anything_rings() {
    for origin in [Origin::Server, Origin::ServerBoth] {
        let mut w = World::of(&["alice", "bob", "carol", "dave"]);
        w.gone("alice.1");
        w.gone("alice.2");
        let ask = Start { origin, ..w.ask("alice", &["bob"]) };
        let call = w.start(ask).unwrap();
        assert_eq!((w.reason(call), w.cause(call)), (Some(Reason::Offline), Some(Cause::Absent)));
        assert_eq!(w.told("bob.1", call), []);

        w.talking("carol.1", "dave.1");
        let ask = Start { origin, ..w.ask("bob", &["carol"]) };
        let call = w.start(ask).unwrap();
        assert_eq!(w.reason(call), Some(Reason::Busy));
        assert_eq!(w.told("bob.1", call), []);
    }
}

#[test]
fn r20_both_are_claimed_from_the_start() {
    let mut w = World::of(&["alice", "bob", "carol"]);
    let call = w.call("alice", &["bob"]);
    assert_eq!(w.claim(&user("alice")), Some(call));
    assert_eq!(w.claim(&user("bob")), Some(call));
    let other = w.call("carol.1", &["bob"]);
    assert_eq!(w.reason(other), Some(Reason::Busy));
}
