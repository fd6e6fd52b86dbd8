//! Users for whom the app has no token for the room.

use bellwire_core::{
    Asked, Cause, Command, Event, Hook, HookOutcome, Phase, Reason, Refused, State, Tell,
};

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
    for user in ["alice", "carol"] {
        w.barred(call, user).unwrap();
        assert!(w.at(call).participant(user).unwrap().state.is_in(), "{user} has entered");
    }
}

#[test]
fn what_comes_late_of_somebody_who_is_erased_is_not_logged() {
    let mut w = World::of(&["alice", "bob"]);
    let call = w.call("alice.1", &["bob"]);
    w.kill(call, 9).unwrap();
    let asked = |who: &str| Asked {
        hook: Hook::Finish,
        user: Some(user(who)),
        outcome: HookOutcome::Told,
        code: None,
        why: None,
        ms: 1,
    };
    let seq = w.at(call).seq;
    w.command(call, Command::Asked(asked("zoe"))).unwrap();
    assert_eq!(w.at(call).seq, seq);
    w.command(call, Command::Asked(asked("bob"))).unwrap();
    assert_eq!(w.at(call).seq, seq + 1);
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
