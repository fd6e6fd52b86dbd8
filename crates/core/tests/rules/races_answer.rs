//! Who wins when answers, refusals and endings cross: R1 to R3, R12, R13.

use bellwire_core::{Cause, Event, How, Order, Reason, Refusal, State, Tell};

use super::support::*;

#[test]
fn r01_two_devices_accept_first_wins() {
    let mut w = World::of(&["alice", "bob"]);
    let call = w.call("alice.1", &["bob"]);
    w.accept("bob.1", call).unwrap();
    let late = w.accept("bob.2", call);
    assert_eq!(late, Err(Refusal::AnsweredElsewhere(device("bob.1"))));
    assert_eq!(w.told("bob.2", call), [Tell::Invited, elsewhere(How::Accepted)]);
    assert_eq!(w.told("bob.1", call), [Tell::Invited, Tell::Started]);
    assert_eq!(w.told("alice.1", call), [Tell::Accepted, Tell::Started]);
    assert_eq!(w.part(call, "bob").device, Some(device("bob.1")));
}

#[test]
fn r01_the_same_device_accepting_again_is_told_so() {
    let mut w = World::of(&["alice", "bob"]);
    let call = w.talking("alice.1", "bob.1");
    assert_eq!(w.accept("bob.1", call), Err(Refusal::AlreadyAccepted));
}

#[test]
fn r01_an_answered_invitation_names_the_device_although_it_is_over() {
    let mut w = World::of(&["alice", "bob"]);
    let call = w.invitation("alice.1", "bob");
    w.accept("bob.1", call).unwrap();
    assert_eq!(w.accept("bob.2", call), Err(Refusal::AnsweredElsewhere(device("bob.1"))));
}

#[test]
fn r02_accept_against_cancel_first_wins() {
    let mut w = World::of(&["alice", "bob"]);
    let call = w.call("alice.1", &["bob"]);
    w.accept("bob.1", call).unwrap();
    assert_eq!(w.cancel("alice.1", call), Err(Refusal::AlreadyAccepted));
    assert_eq!(w.reason(call), None, "a late cancel ends nothing");

    let mut w = World::of(&["alice", "bob"]);
    let call = w.call("alice.1", &["bob"]);
    w.cancel("alice.1", call).unwrap();
    assert_over(w.accept("bob.1", call), Reason::Canceled);
    assert_eq!(w.told("alice.1", call), [over(Reason::Canceled)]);
    for bob in ["bob.1", "bob.2"] {
        assert_eq!(w.told(bob, call), [Tell::Invited, Tell::Canceled(Reason::Canceled)]);
    }
}

#[test]
fn r02_accept_against_time_out_first_wins() {
    let mut w = World::of(&["alice", "bob"]);
    let call = w.call("alice.1", &["bob"]);
    w.ringing("bob.1", call).unwrap();
    w.pass_ms(59_999);
    w.accept("bob.1", call).unwrap();
    w.pass_s(60);
    assert_eq!(w.reason(call), None, "no time-out follows an answer");

    let mut w = World::of(&["alice", "bob"]);
    let call = w.call("alice.1", &["bob"]);
    w.ringing("bob.1", call).unwrap();
    w.pass_s(60);
    assert_over(w.accept("bob.1", call), Reason::Timeout);
    assert_eq!(w.told("alice.1", call)[1..], [Tell::Rejected, over(Reason::Timeout)]);
    assert_eq!(w.last("bob.1", call), Some(Tell::Canceled(Reason::Timeout)));
}

#[test]
fn r02_accept_against_kill_first_wins() {
    let mut w = World::of(&["alice", "bob"]);
    let call = w.call("alice.1", &["bob"]);
    w.kill(call, 7).unwrap();
    assert_over(w.accept("bob.1", call), Reason::Killed);
    assert_over(w.cancel("alice.1", call), Reason::Killed);
    assert_eq!(w.last("bob.1", call), Some(Tell::Canceled(Reason::Killed)));
    assert_eq!(w.last("alice.1", call), Some(over(Reason::Killed)));
    assert_over(w.kill(call, 8), Reason::Killed);

    let call = w.talking("alice.1", "bob.1");
    w.kill(call, 7).unwrap();
    for name in ["alice.1", "bob.1"] {
        assert_eq!(w.last(name, call), Some(over(Reason::Killed)));
    }
}

#[test]
fn r02_a_late_cancel_of_an_answered_invitation_is_told_so() {
    let mut w = World::of(&["alice", "bob"]);
    let call = w.invitation("alice.1", "bob");
    w.accept("bob.1", call).unwrap();
    assert_eq!(w.cancel("alice.1", call), Err(Refusal::AlreadyAccepted));
}

#[test]
fn r02_a_cancel_after_the_end_learns_the_end() {
    let mut w = World::of(&["alice", "bob"]);
    let call = w.talking("alice.1", "bob.1");
    w.hang_up("bob.1", call).unwrap();
    assert_over(w.cancel("alice.1", call), Reason::Completed);
}

#[test]
fn r03_reject_against_accept_first_wins() {
    let mut w = World::of(&["alice", "bob"]);
    let call = w.call("alice.1", &["bob"]);
    w.reject("bob.1", call).unwrap();
    assert_eq!(w.accept("bob.2", call), Err(Refusal::RejectedElsewhere(device("bob.1"))));
    assert_eq!(w.told("bob.1", call), [Tell::Invited, over(Reason::Rejected)]);
    assert_eq!(w.told("bob.2", call), [Tell::Invited, elsewhere(How::Rejected)]);
    assert_eq!(w.told("alice.1", call), [Tell::Rejected, over(Reason::Rejected)]);
    assert_eq!(w.ended_by(call), Some("bob"));

    let call = w.call("alice.1", &["bob"]);
    w.accept("bob.2", call).unwrap();
    assert_eq!(w.reject("bob.1", call), Err(Refusal::AnsweredElsewhere(device("bob.2"))));
    assert_eq!(w.reason(call), None);
}

#[test]
fn r03_a_device_that_rejects_in_a_group_is_out_and_the_call_goes_on() {
    let mut w = World::of(&["alice", "bob", "carol"]);
    let call = w.group("alice.1", &["bob", "carol"]);
    w.reject("bob.1", call).unwrap();
    assert_eq!(w.last("bob.1", call), Some(out(Reason::Rejected)));
    assert_eq!(w.last("bob.2", call), Some(elsewhere(How::Rejected)));
    assert_eq!(w.told("alice.1", call), [Tell::Rejected]);
    assert_eq!(w.told("carol.1", call), [Tell::Invited], "the ringing hear nothing of others");
}

#[test]
fn r03_reject_only_me_silences_one_device() {
    let mut w = World::of(&["alice", "bob"]);
    let call = w.call("alice.1", &["bob"]);
    w.silence("bob.1", call).unwrap();
    assert_eq!(w.told("bob.1", call), [Tell::Invited, out(Reason::Rejected)]);
    assert_eq!(w.told("bob.2", call), [Tell::Invited]);
    assert_eq!(w.told("alice.1", call), [], "nobody else hears of it");
    assert_over(w.accept("bob.1", call), Reason::Rejected);
    assert_over(w.silence("bob.1", call), Reason::Rejected);
    w.accept("bob.2", call).unwrap();
    w.hang_up("alice.1", call).unwrap();
    assert_eq!(w.told("bob.1", call).len(), 2, "its stay was over");
    assert_eq!(w.last("bob.2", call), Some(over(Reason::Completed)));
}

#[test]
fn r03_a_call_silenced_on_every_device_still_times_out() {
    let mut w = World::of(&["alice", "bob"]);
    let call = w.call("alice.1", &["bob"]);
    w.ringing("bob.1", call).unwrap();
    w.silence("bob.1", call).unwrap();
    w.silence("bob.2", call).unwrap();
    assert_eq!(w.reason(call), None);
    w.pass_s(60);
    assert_eq!(w.reason(call), Some(Reason::Timeout));
    assert_eq!(w.told("bob.2", call).len(), 2);
}

#[test]
fn r12_hang_up_of_a_ringing_callee_is_a_reject() {
    let mut w = World::of(&["alice", "bob"]);
    let call = w.call("alice.1", &["bob"]);
    w.hang_up("bob.2", call).unwrap();
    assert_eq!(w.reason(call), Some(Reason::Rejected));
    assert_eq!(w.state(call, "bob"), State::Rejected);
    assert_eq!(w.last("bob.1", call), Some(elsewhere(How::Rejected)));
}

#[test]
fn r12_hang_up_of_a_caller_before_an_answer_is_a_cancel() {
    let mut w = World::of(&["alice", "bob", "carol"]);
    for to in [&["bob"][..], &["bob", "carol"]] {
        let call = w.call("alice.1", to);
        w.hang_up("alice.1", call).unwrap();
        assert_eq!(w.reason(call), Some(Reason::Canceled));
        assert_eq!(w.last("bob.1", call), Some(Tell::Canceled(Reason::Canceled)));
    }
}

#[test]
fn r12_hang_up_of_a_caller_after_an_answer_is_a_leave() {
    let mut w = World::of(&["alice", "bob", "carol"]);
    let call = w.group("alice.1", &["bob", "carol"]);
    w.accept("bob.1", call).unwrap();
    w.hang_up("alice.1", call).unwrap();
    assert_eq!(w.reason(call), None, "bob is in it and carol rings");
    assert_eq!(w.last("alice.1", call), Some(out(Reason::Completed)));
    assert_eq!(w.last("bob.1", call), Some(Tell::Left));
}

#[test]
fn r13_a_stranger_learns_nothing() {
    let mut w = World::of(&["alice", "bob", "carol"]);
    let call = w.talking("alice.1", "bob.1");
    for order in every_order() {
        let log = w.calls[&call].clone();
        assert_unknown(w.order("carol.1", call, order));
        assert_eq!(w.calls[&call], log, "nothing is logged");
    }
    w.hang_up("alice.1", call).unwrap();
    for order in every_order() {
        assert_unknown(w.order("carol.1", call, order));
    }
}

#[test]
fn r13_after_the_end_every_command_learns_the_end() {
    let mut w = World::of(&["alice", "bob"]);
    let call = w.talking("alice.1", "bob.1");
    w.pass_s(3);
    w.hang_up("alice.1", call).unwrap();
    let ended = w.now;
    let other = w.call("alice.1", &["bob"]);
    let before = w.calls[&other].clone();
    w.pass_s(1);
    for order in every_order() {
        if matches!(order, Order::Logout | Order::Acknowledge { .. }) {
            continue;
        }
        match w.order("bob.1", call, order) {
            Err(Refusal::NotInCall(Some(over))) => {
                assert_eq!((over.reason, over.at), (Reason::Completed, ended));
            }
            answer => panic!("expected not_in_call, got {answer:?}"),
        }
    }
    assert_eq!(w.calls[&other], before, "the next call is untouched");
}

#[test]
fn r13_whoever_is_out_of_a_running_group_learns_how() {
    let mut w = World::of(&["alice", "bob", "carol", "dave"]);
    let call = w.group("alice.1", &["bob", "carol", "dave"]);
    w.accept("bob.1", call).unwrap();
    w.reject("carol.1", call).unwrap();
    w.cancel_some("alice.1", call, &["dave"]).unwrap();
    assert_over(w.hang_up("carol.1", call), Reason::Rejected);
    assert_over(w.accept("dave.1", call), Reason::Canceled);
    assert_over(w.move_here("carol.2", call, "carol.1"), Reason::Rejected);
    w.hang_up("bob.1", call).unwrap();
    assert_over(w.hang_up("bob.1", call), Reason::Completed);
}

#[test]
fn r13_another_device_of_someone_in_the_call_cannot_act_for_it() {
    let mut w = World::of(&["alice", "bob"]);
    let call = w.talking("alice.1", "bob.1");
    let elsewhere = Err(Refusal::AnsweredElsewhere(device("bob.1")));
    assert_eq!(w.hang_up("bob.2", call), elsewhere);
    assert_eq!(w.propose("bob.2", call, bellwire_core::Media::Audio), elsewhere);
    w.order("bob.2", call, Order::Logout).unwrap();
    assert_eq!(w.reason(call), None, "logging out the other device leaves the call alone");
}

#[test]
fn a_stop_ring_is_acknowledged_once_and_also_after_the_end() {
    let mut w = World::of(&["alice", "bob"]);
    let call = w.call("alice.1", &["bob"]);
    w.cancel("alice.1", call).unwrap();
    let seq = w.at(call).seq - 1;
    let length = w.calls[&call].log.len();
    for _ in 0..2 {
        w.order("bob.1", call, Order::Acknowledge { seq }).unwrap();
    }
    let logged = w.events(call, length);
    assert!(matches!(logged[..], [Event::Acknowledged { seq: of, .. }] if *of == seq));
    assert_invalid(w.order("bob.1", call, Order::Acknowledge { seq: 99 }), "seq");
}

#[test]
fn r02_taking_one_side_out_of_a_direct_call_kills_it_answered_or_not() {
    for (name, answered) in [("alice", false), ("bob", false), ("alice", true), ("bob", true)] {
        let mut w = World::of(&["alice", "bob"]);
        let call = w.call("alice.1", &["bob"]);
        if answered {
            w.accept("bob.1", call).unwrap();
        }
        w.remove(call, name).unwrap();
        assert_eq!((w.reason(call), w.cause(call)), (Some(Reason::Killed), Some(Cause::Server)));
        assert_eq!(w.last("alice.1", call), Some(over(Reason::Killed)));
        let bob = if answered { over(Reason::Killed) } else { Tell::Canceled(Reason::Killed) };
        assert_eq!(w.last("bob.1", call), Some(bob));
    }
}
