//! Deadlines: what time alone does, and when.

use bellwire_core::{AUDIT_MS, Cause, Command, Reason, Settings, Start, State, Tell};

use super::support::*;

#[test]
fn each_callee_has_their_own_ring_time() {
    let mut w = World::of(&["alice", "bob", "carol"]);
    let mut ask = w.ask("alice.1", &["bob", "carol"]);
    ask.callees[0].ring_ms = Some(10_000);
    let call = w.start(ask).unwrap();
    w.ringing("bob.1", call).unwrap();
    w.ringing("carol.1", call).unwrap();
    w.pass_s(10);
    assert_eq!(w.state(call, "bob"), State::TimedOut);
    assert_eq!(w.last("bob.2", call), Some(Tell::Canceled(Reason::Timeout)));
    assert_eq!(w.last("alice.1", call), Some(Tell::Rejected));
    assert_eq!(w.state(call, "carol"), State::Ringing);
    w.pass_s(50);
    assert_eq!(w.reason(call), Some(Reason::Timeout));
}

#[test]
fn the_acknowledge_time_ends_the_wait_for_silent_devices() {
    let mut w = World::of(&["alice", "bob"]);
    w.settings.ack_ms = Some(8_000);
    let call = w.call("alice.1", &["bob"]);
    w.pass_ms(7_999);
    assert_eq!(w.reason(call), None);
    w.pass_ms(1);
    assert_eq!((w.reason(call), w.cause(call)), (Some(Reason::Offline), Some(Cause::Silent)));

    let call = w.call("alice.1", &["bob"]);
    w.ringing("bob.1", call).unwrap();
    w.pass_s(59);
    assert_eq!(w.reason(call), None, "acknowledged in time");
}

#[test]
fn the_acknowledge_time_of_one_who_logs_in_runs_from_the_login() {
    for push in [false, true] {
        let mut w = World::of(&["alice", "bob"]);
        w.settings = Settings { reach_ms: 30_000, ack_ms: Some(8_000), ..Settings::default() };
        w.gone("bob.1");
        w.gone("bob.2");
        if push {
            w.pushable.insert(user("bob"));
        }
        let call = w.call("alice.1", &["bob"]);
        w.pass_s(20);
        w.back("bob.1");
        w.pass_ms(7_999);
        assert_eq!(w.reason(call), None);
        w.pass_ms(1);
        assert_eq!((w.reason(call), w.cause(call)), (Some(Reason::Offline), Some(Cause::Silent)));
    }
}

#[test]
fn only_the_first_acknowledgement_is_an_event() {
    let mut w = World::of(&["alice", "bob"]);
    let call = w.call("alice.1", &["bob"]);
    w.ringing("bob.2", call).unwrap();
    w.ringing("bob.1", call).unwrap();
    w.ringing("bob.2", call).unwrap();
    assert_eq!(w.told("alice.1", call), [Tell::Ringing]);
}

#[test]
fn overdue_deadlines_fire_after_a_standstill() {
    let mut w = World::of(&["alice", "bob", "carol"]);
    let call = w.group("alice.1", &["bob", "carol"]);
    w.ringing("bob.1", call).unwrap();
    w.gone("alice.1");
    w.jump_ms(3_600_000);
    assert_eq!(w.reason(call).map(|_| ()), Some(()), "nothing outlives its deadlines");
    assert_eq!(w.at(call).at, w.now);
}

#[test]
fn two_deadlines_of_one_instant_lead_to_one_story() {
    let mut w = World::of(&["alice", "bob"]);
    let call = w.call("alice.1", &["bob"]);
    w.ringing("bob.1", call).unwrap();
    w.pass_s(45);
    // The grace of the caller is over with the ring time.
    w.gone("alice.1");
    w.pass_s(15);
    assert_eq!((w.reason(call), w.cause(call)), (Some(Reason::Timeout), None));
    assert_eq!(w.last("alice.1", call), Some(over(Reason::Timeout)));
    assert_eq!(w.last("bob.1", call), Some(Tell::Canceled(Reason::Timeout)));
}

#[test]
fn deadlines_that_are_overdue_together_fire_in_their_order() {
    let mut w = World::of(&["alice", "bob"]);
    let call = w.call("alice.1", &["bob"]);
    w.ringing("bob.1", call).unwrap();
    w.gone("alice.1");
    w.jump_ms(3_600_000);
    let (reason, cause) = (w.reason(call), w.cause(call));
    assert_eq!((reason, cause), (Some(Reason::Canceled), Some(Cause::Disconnected)));
    assert_eq!(w.last("bob.1", call), Some(Tell::Canceled(Reason::Canceled)));
}

#[test]
fn a_clock_set_back_never_sets_a_log_back() {
    let mut w = World::of(&["alice", "bob"]);
    let call = w.call("alice.1", &["bob"]);
    w.now = bellwire_core::Timestamp(w.now.0 - 5_000);
    w.accept("bob.1", call).unwrap();
    let times: Vec<_> = w.calls[&call].log.iter().map(|e| e.at).collect();
    assert!(times.is_sorted());
    assert_eq!(w.at(call).duration_ms(w.now), 0);
}

#[test]
fn a_tick_before_its_time_changes_nothing() {
    let mut w = World::of(&["alice", "bob"]);
    let call = w.talking("alice.1", "bob.1");
    let before = w.calls[&call].clone();
    w.pass_ms(AUDIT_MS * 100);
    w.command(call, Command::Tick).unwrap();
    assert_eq!(w.calls[&call], before, "audits log only changes");
    assert_eq!(w.at(call).next_deadline(), None);
    assert!(w.at(call).needs_audit());
}

#[test]
fn the_longest_time_of_a_call_in_which_one_is_away() {
    let mut w = World::of(&["alice", "bob"]);
    let mut ask: Start = w.ask("alice.1", &["bob"]);
    ask.settings.max_ms = Some(5_000);
    let call = w.start(ask).unwrap();
    w.accept("bob.1", call).unwrap();
    w.gone("bob.1");
    w.pass_s(5);
    assert_eq!((w.reason(call), w.cause(call)), (Some(Reason::Completed), Some(Cause::MaxTime)));
    assert_eq!(w.state(call, "bob"), State::Left);
}

#[test]
fn media_that_is_connected_is_told_once_per_stay() {
    let mut w = World::of(&["alice", "bob"]);
    let call = w.call("alice.1", &["bob"]);
    let entered = |w: &mut World| w.command(call, Command::Entered { user: user("bob") }).unwrap();
    entered(&mut w);
    w.accept("bob.1", call).unwrap();
    entered(&mut w);
    entered(&mut w);
    assert_eq!(w.told("alice.1", call), [Tell::Accepted, Tell::Started, Tell::Entered]);
    w.move_here("bob.2", call, "bob.1").unwrap();
    entered(&mut w);
    assert_eq!(w.last("alice.1", call), Some(Tell::Entered));
}
