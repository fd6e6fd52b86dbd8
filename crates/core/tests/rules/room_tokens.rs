//! Users for whom the app has no token for the room.

use bellwire_core::{Cause, Event, Phase, Reason, Refused, State, Tell};

use super::support::*;

#[test]
fn a_call_of_two_is_over_for_both_whoever_gets_no_token() {
    for who in ["alice", "bob"] {
        let mut w = World::of(&["alice", "bob"]);
        let call = w.call("alice.1", &["bob"]);
        w.barred(call, who).unwrap();
        assert_eq!((w.reason(call), w.cause(call)), (Some(Reason::Denied), Some(Cause::Token)));
        assert_eq!(w.last("bob.1", call), Some(Tell::Canceled(Reason::Denied)));
    }
}

#[test]
fn of_a_group_only_who_gets_none_stays_out() {
    let mut w = World::of(&["alice", "bob", "carol"]);
    let call = w.call("alice.1", &["bob", "carol"]);
    w.barred(call, "bob").unwrap();
    assert_eq!(w.at(call).phase, Phase::Inviting);
    let bob = w.at(call).participant("bob").unwrap();
    assert_eq!((bob.state, bob.cause), (State::Denied, Some(Cause::Token)));
    let denied =
        |e: &&Event| matches!(e, Event::Rejected { reason: Refused::Denied, code: 403, .. });
    assert!(w.events(call, 0).iter().any(denied));
    w.accept("carol.1", call).unwrap();
    w.barred(call, "bob").unwrap();
    assert_eq!(w.at(call).phase, Phase::Active, "bob is out already");
    w.barred(call, "carol").unwrap();
    assert_eq!(w.reason(call), Some(Reason::Completed), "nobody is left to talk to");
}

#[test]
fn a_caller_without_one_takes_an_unanswered_group_call_along() {
    let mut w = World::of(&["alice", "bob", "carol"]);
    let call = w.call("alice.1", &["bob", "carol"]);
    w.barred(call, "alice").unwrap();
    assert_eq!((w.reason(call), w.cause(call)), (Some(Reason::Denied), Some(Cause::Token)));
    w.barred(call, "alice").unwrap();
    assert_eq!(w.last("carol.1", call), Some(Tell::Canceled(Reason::Denied)));
}
