//! Server-started calls beyond two people.

use bellwire_core::{Kind, Mode, Origin, Reason, Start, State, Tell};

use super::support::*;

#[test]
fn a_busy_callee_of_a_server_started_group_does_not_hide_the_call_from_its_caller() {
    for origin in [Origin::Server, Origin::ServerBoth] {
        let mut w = World::of(&["alice", "bob", "carol", "dave"]);
        w.talking("carol.1", "dave.1");
        let ask = Start { origin, ..w.ask("alice", &["bob", "carol"]) };
        let call = w.start(ask).unwrap();
        assert_eq!(w.told("alice.1", call), [Tell::Invited]);
        w.accept("alice.1", call).unwrap();
        w.accept("bob.1", call).unwrap();
        assert_eq!(w.last("alice.1", call), Some(Tell::Started));
    }
}

#[test]
fn answers_before_the_callers_wait_for_the_caller() {
    let mut w = World::of(&["alice", "bob", "carol"]);
    let ask = Start { origin: Origin::ServerBoth, ..w.ask("alice", &["bob", "carol"]) };
    let call = w.start(ask).unwrap();
    w.accept("bob.1", call).unwrap();
    w.accept("carol.1", call).unwrap();
    assert_eq!(w.last("bob.1", call), Some(Tell::Accepted));
    assert_eq!(w.at(call).started_at, None);
    w.accept("alice.1", call).unwrap();
    for name in ["alice.1", "bob.1", "carol.1"] {
        assert_eq!(w.last(name, call), Some(Tell::Started), "{name}");
    }
}

#[test]
fn a_caller_who_refuses_ends_it_for_those_who_wait() {
    let mut w = World::of(&["alice", "bob", "carol"]);
    let ask = Start { origin: Origin::ServerBoth, ..w.ask("alice", &["bob", "carol"]) };
    let call = w.start(ask).unwrap();
    w.accept("bob.1", call).unwrap();
    w.reject("alice.1", call).unwrap();
    assert_eq!(w.reason(call), Some(Reason::Rejected));
    assert_eq!(w.last("alice.1", call), Some(out(Reason::Rejected)));
    assert_eq!(w.last("bob.1", call), Some(over(Reason::Rejected)));
    assert_eq!(w.last("carol.1", call), Some(Tell::Canceled(Reason::Canceled)));
}

#[test]
fn one_who_waits_for_the_caller_may_hang_up() {
    let mut w = World::of(&["alice", "bob"]);
    for kind in [Kind::Direct, Kind::Group] {
        let ask =
            Start { origin: Origin::ServerBoth, kind: Some(kind), ..w.ask("alice", &["bob"]) };
        let call = w.start(ask).unwrap();
        w.accept("bob.1", call).unwrap();
        w.hang_up("bob.1", call).unwrap();
        assert_eq!(w.reason(call), Some(Reason::Canceled), "it was never active");
        assert_eq!(w.ended_by(call), Some("bob"));
        assert_eq!(w.last("alice.1", call), Some(Tell::Canceled(Reason::Canceled)));
    }
}

#[test]
fn an_absent_callee_of_a_held_call_is_waited_for_from_the_release() {
    let mut w = World::of(&["alice", "bob"]);
    w.settings.reach_ms = 30_000;
    w.gone("bob.1");
    w.gone("bob.2");
    let call = w.call("alice", &["bob"]);
    w.pass_s(40);
    w.accept("alice.1", call).unwrap();
    w.pass_ms(29_999);
    assert_eq!(w.state(call, "bob"), State::Invited);
    w.pass_ms(1);
    assert_eq!(w.reason(call), Some(Reason::Offline));
}

#[test]
fn a_server_sent_invitation_is_answered_when_both_have_accepted() {
    for order in [["alice.1", "bob.1"], ["bob.1", "alice.1"]] {
        let mut w = World::of(&["alice", "bob"]);
        let origin = Origin::ServerBoth;
        let ask = Start { mode: Mode::Invite, origin, ..w.ask("alice", &["bob"]) };
        let call = w.start(ask).unwrap();
        w.accept(order[0], call).unwrap();
        assert_eq!(w.reason(call), None);
        w.accept(order[1], call).unwrap();
        assert_eq!(w.reason(call), Some(Reason::Completed));
        for name in order {
            assert_eq!(w.last(name, call), Some(over(Reason::Completed)));
        }
    }
}
