//! Who is there and who is gone: R8 to R11, R17, R18.

use bellwire_core::{Cause, Command, Event, How, Reason, Refusal, State, Tell};

use super::support::*;

#[test]
fn r08_an_absent_callee_is_offline_at_once_without_a_reach_time() {
    let mut w = World::of(&["alice", "bob"]);
    w.gone("bob.1");
    w.gone("bob.2");
    let call = w.call("alice.1", &["bob"]);
    assert_eq!(w.reason(call), Some(Reason::Offline));
    assert_eq!(w.cause(call), Some(Cause::Absent));
    assert_eq!(w.told("alice.1", call), [Tell::Rejected, over(Reason::Offline)]);
    assert_eq!(w.told("bob.1", call), []);
}

#[test]
fn r08_a_callee_whose_last_way_is_dead_is_offline() {
    let mut w = World::of(&["alice", "bob"]);
    w.pushable.insert(user("bob"));
    w.gone("bob.1");
    w.gone("bob.2");
    let unreached = Command::Unreached { user: user("bob") };
    let call = w.call("alice.1", &["bob"]);
    assert_eq!(w.reason(call), None);
    w.command(call, unreached.clone()).unwrap();
    assert_eq!((w.reason(call), w.cause(call)), (Some(Reason::Offline), Some(Cause::Absent)));
    // Whoever has come by himself meanwhile is there.
    let call = w.call("alice.1", &["bob"]);
    w.back("bob.1");
    w.command(call, unreached).unwrap();
    assert_eq!(w.reason(call), None);
    w.accept("bob.1", call).unwrap();
    assert_eq!(w.state(call, "bob"), State::Joined);
}

#[test]
fn r08_an_absent_callee_is_offline_after_the_reach_time() {
    let mut w = World::of(&["alice", "bob"]);
    w.settings.reach_ms = 30_000;
    w.gone("bob.1");
    w.gone("bob.2");
    let call = w.call("alice.1", &["bob"]);
    w.pass_ms(29_999);
    assert_eq!(w.reason(call), None);
    w.pass_ms(1);
    assert_eq!((w.reason(call), w.cause(call)), (Some(Reason::Offline), Some(Cause::Absent)));
}

#[test]
fn r08_an_absent_callee_who_logs_in_rings_for_the_rest_of_the_ring_time() {
    let mut w = World::of(&["alice", "bob"]);
    w.settings.reach_ms = 30_000;
    w.gone("bob.1");
    w.gone("bob.2");
    let call = w.call("alice.1", &["bob"]);
    w.pass_s(20);
    w.back("bob.2");
    w.pass_s(20);
    w.ringing("bob.2", call).unwrap();
    assert_eq!(w.told("alice.1", call), [Tell::Ringing]);
    w.pass_ms(19_999);
    assert_eq!(w.reason(call), None);
    w.pass_ms(1);
    assert_eq!(w.reason(call), Some(Reason::Timeout));
}

#[test]
fn r08_with_push_or_a_resumable_session_it_rings() {
    let mut w = World::of(&["alice", "bob"]);
    w.pushable.insert(user("bob"));
    w.gone("bob.1");
    w.gone("bob.2");
    let call = w.call("alice.1", &["bob"]);
    w.pass_ms(59_999);
    assert_eq!(w.reason(call), None);
    w.pass_ms(1);
    assert_eq!((w.reason(call), w.cause(call)), (Some(Reason::Timeout), None));
}

#[test]
fn r09_a_callee_who_goes_away_while_ringing_keeps_ringing() {
    let mut w = World::of(&["alice", "bob"]);
    let call = w.call("alice.1", &["bob"]);
    w.ringing("bob.1", call).unwrap();
    w.gone("bob.1");
    w.gone("bob.2");
    w.pass_s(59);
    assert_eq!(w.state(call, "bob"), State::Ringing);
    w.pass_s(1);
    assert_eq!(w.reason(call), Some(Reason::Timeout));
}

#[test]
fn r09_a_login_while_ringing_may_answer_and_a_logout_does_not_refuse() {
    let mut w = World::of(&["alice", "bob"]);
    let call = w.call("alice.1", &["bob"]);
    w.ringing("bob.1", call).unwrap();
    w.order("bob.1", call, bellwire_core::Order::Logout).unwrap();
    w.gone("bob.1");
    w.gone("bob.2");
    w.pass_s(30);
    w.back("bob.2");
    w.accept("bob.2", call).unwrap();
    assert_eq!(w.last("bob.2", call), Some(Tell::Started));
}

#[test]
fn r10_a_caller_who_goes_away_while_ringing_cancels_after_the_grace() {
    let mut w = World::of(&["alice", "bob", "carol"]);
    for to in [&["bob"][..], &["bob", "carol"]] {
        let call = w.call("alice.1", to);
        w.gone("alice.1");
        w.pass_ms(14_999);
        assert_eq!(w.reason(call), None);
        w.pass_ms(1);
        assert_eq!(w.reason(call), Some(Reason::Canceled));
        assert_eq!(w.cause(call), Some(Cause::Disconnected));
        assert_eq!(w.last("bob.1", call), Some(Tell::Canceled(Reason::Canceled)));
        assert_eq!(w.last("alice.1", call), Some(over(Reason::Canceled)));
        w.back("alice.1");
    }
}

#[test]
fn r10_a_caller_back_within_the_grace_goes_on_ringing() {
    let mut w = World::of(&["alice", "bob"]);
    let call = w.call("alice.1", &["bob"]);
    w.gone("alice.1");
    w.pass_s(14);
    w.back("alice.1");
    w.pass_s(14);
    assert_eq!(w.state(call, "alice"), State::Joined);
    assert_eq!(w.reason(call), None);
}

#[test]
fn r11_a_lost_participant_is_dropped_at_once_and_lost_after_the_grace() {
    let mut w = World::of(&["alice", "bob", "carol"]);
    let call = w.group("alice.1", &["bob", "carol"]);
    w.accept("bob.1", call).unwrap();
    w.accept("carol.1", call).unwrap();
    w.gone("bob.1");
    assert_eq!(w.last("alice.1", call), Some(Tell::Dropped));
    assert_eq!(w.last("carol.1", call), Some(Tell::Dropped));
    w.pass_ms(14_999);
    assert_eq!(w.state(call, "bob"), State::Dropped);
    w.pass_ms(1);
    assert_eq!(w.state(call, "bob"), State::Lost);
    assert_eq!(w.last("alice.1", call), Some(Tell::Left));
    assert_eq!(w.last("bob.1", call), Some(out(Reason::Disconnected)));
    assert_eq!(w.reason(call), None, "two remain");
    assert_over(w.hang_up("bob.1", call), Reason::Disconnected);
    assert_eq!(w.claim(&user("bob")), None);
}

#[test]
fn r11_a_direct_call_ends_disconnected() {
    let mut w = World::of(&["alice", "bob"]);
    let call = w.talking("alice.1", "bob.1");
    w.gone("bob.1");
    w.pass_s(15);
    assert_eq!(w.reason(call), Some(Reason::Disconnected));
    assert_eq!(w.ended_by(call), Some("bob"));
    assert_eq!(w.state(call, "bob"), State::Lost);
    assert_eq!(w.state(call, "alice"), State::Left);
    for name in ["alice.1", "bob.1"] {
        assert_eq!(w.last(name, call), Some(over(Reason::Disconnected)));
    }
}

#[test]
fn r11_back_within_the_grace_is_restored_and_no_event_is_lost() {
    let mut w = World::of(&["alice", "bob", "carol"]);
    let call = w.talking("alice.1", "bob.1");
    w.gone("bob.1");
    w.invite("alice.1", call, &["carol"]).unwrap();
    w.pass_s(10);
    w.back("bob.1");
    assert_eq!(w.state(call, "bob"), State::Joined);
    assert_eq!(w.last("alice.1", call), Some(Tell::Restored));
    assert_eq!(w.last("bob.1", call), Some(Tell::Added), "told while away");
    w.pass_s(30);
    assert_eq!(w.state(call, "bob"), State::Joined, "the grace is over with the return");
}

#[test]
fn r11_only_the_joined_device_counts() {
    let mut w = World::of(&["alice", "bob"]);
    let call = w.talking("alice.1", "bob.1");
    w.gone("bob.2");
    assert_eq!(w.state(call, "bob"), State::Joined);
    w.gone("bob.1");
    w.back("bob.2");
    assert_eq!(w.state(call, "bob"), State::Dropped, "another device does not restore");
}

#[test]
fn r11_after_a_restart_the_grace_counts_from_the_restart() {
    let mut w = World::of(&["alice", "bob"]);
    let call = w.talking("alice.1", "bob.1");
    w.gone("bob.1");
    w.pass_s(10);
    w.restart();
    assert_eq!(w.state(call, "alice"), State::Dropped);
    w.pass_s(14);
    w.back("alice.1");
    w.back("bob.1");
    assert_eq!(w.state(call, "bob"), State::Joined);
    w.restart();
    w.pass_s(15);
    assert_eq!(w.reason(call), Some(Reason::Disconnected), "nobody came back");
}

#[test]
fn r11_a_call_nobody_reports_lost_is_found_by_the_audit() {
    let mut w = World::of(&["alice", "bob"]);
    let call = w.talking("alice.1", "bob.1");
    w.online.clear();
    w.pass_s(20 + 15);
    assert_eq!(w.reason(call), Some(Reason::Disconnected));
}

#[test]
fn r17_a_device_that_logs_in_again_keeps_its_calls() {
    let mut w = World::of(&["alice", "bob", "carol"]);
    let call = w.talking("alice.1", "bob.1");
    let before = w.calls[&call].clone();
    // The newer session takes the place of the older one: the device was never away.
    w.back("bob.1");
    assert_eq!(w.calls[&call], before);
    w.invite("bob.1", call, &["carol"]).unwrap();
    assert_eq!(w.last("alice.1", call), Some(Tell::Added));
}

#[test]
fn r17_a_reloaded_page_is_restored_into_its_call() {
    let mut w = World::of(&["alice", "bob"]);
    let call = w.talking("alice.1", "bob.1");
    w.gone("bob.1");
    w.back("bob.1");
    let [Event::Dropped { .. }, Event::Restored { user: who, .. }] = w.events(call, 4)[..] else {
        panic!("dropped, then restored: {:?}", w.events(call, 4));
    };
    assert_eq!(*who, user("bob"));
}

#[test]
fn r18_a_move_takes_over_from_the_named_device() {
    let mut w = World::of(&["alice", "bob"]);
    let call = w.talking("alice.1", "bob.1");
    w.move_here("bob.2", call, "bob.1").unwrap();
    assert_eq!(w.last("bob.1", call), Some(elsewhere(How::Moved)));
    assert_eq!(w.last("alice.1", call), Some(Tell::Moved));
    assert_eq!(w.part(call, "bob").device, Some(device("bob.2")));
    assert_eq!(w.hang_up("bob.1", call), Err(Refusal::AnsweredElsewhere(device("bob.2"))));
    w.hang_up("alice.1", call).unwrap();
    assert_eq!(w.last("bob.2", call), Some(over(Reason::Completed)));
    assert_eq!(w.last("bob.1", call), Some(elsewhere(How::Moved)), "its stay was over");
}

#[test]
fn r18_a_move_compares_before_it_sets() {
    let mut w = World::of(&["alice", "bob"]);
    let call = w.call("alice.1", &["bob"]);
    assert!(w.move_here("bob.2", call, "bob.1").is_err(), "nobody has answered");
    w.accept("bob.1", call).unwrap();
    assert_eq!(
        w.move_here("bob.2", call, "bob.9"),
        Err(Refusal::AnsweredElsewhere(device("bob.1")))
    );
    assert_invalid(w.move_here("bob.2", call, "bob.2"), "from");
    w.move_here("bob.2", call, "bob.1").unwrap();
    assert_eq!(w.move_here("bob.2", call, "bob.1"), Err(Refusal::AlreadyAccepted), "told again");
}

#[test]
fn r18_a_dropped_call_can_be_moved_and_lives() {
    let mut w = World::of(&["alice", "bob"]);
    let call = w.talking("alice.1", "bob.1");
    w.gone("bob.1");
    w.move_here("bob.2", call, "bob.1").unwrap();
    w.pass_s(30);
    assert_eq!(w.state(call, "bob"), State::Joined);
    w.back("bob.1");
    assert_eq!(w.part(call, "bob").device, Some(device("bob.2")));
    w.move_here("bob.1", call, "bob.2").unwrap();
    assert_eq!(w.part(call, "bob").device, Some(device("bob.1")), "and back again");
}
