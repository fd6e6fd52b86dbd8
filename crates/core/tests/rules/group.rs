//! Group calls: ring modes, joining and leaving, and who may do what.

use bellwire_core::{Cause, Kind, Policy, Reason, Refusal, State, Tell, Who};

use super::support::*;

#[test]
fn ring_modes_say_who_is_told_and_claimed() {
    let mut w = World::of(&["alice", "bob", "carol", "dave"]);
    let call = w.group("alice.1", &["bob", "carol?", "dave-"]);
    assert_eq!(w.told("bob.1", call), [Tell::Invited]);
    assert_eq!(w.told("carol.1", call), [Tell::Invited]);
    assert_eq!(w.told("dave.1", call), [], "only listed");
    let claims: Vec<_> = w.at(call).claims().map(bellwire_core::UserId::as_str).collect();
    assert_eq!(claims, ["alice", "bob"]);
    w.accept("carol.1", call).unwrap();
    w.join("dave.1", call).unwrap();
    assert_eq!(w.claim(&user("carol")), Some(call));
    assert_eq!(w.claim(&user("dave")), Some(call));
    assert_eq!(w.last("alice.1", call), Some(Tell::Joined));
    assert_eq!(w.told("dave.2", call), [], "its other device never had a stay");
    w.end("alice.1", call).unwrap();
    assert_eq!(w.last("dave.1", call), Some(over(Reason::Completed)));
    assert_eq!(w.last("bob.1", call), Some(Tell::Canceled(Reason::Canceled)));
}

#[test]
fn a_silent_callee_has_no_stay_and_so_is_told_of_no_end() {
    let mut w = World::of(&["alice", "bob", "carol"]);
    // Held back by a server-started call and released, silent stays silent.
    for by in ["alice.1", "alice"] {
        let call = w.group(by, &["bob-", "carol-"]);
        if by == "alice" {
            w.accept("alice.1", call).unwrap();
        }
        w.silence("bob.1", call).unwrap();
        w.reject("bob.2", call).unwrap();
        w.cancel("alice.1", call).unwrap();
        for name in ["bob.1", "bob.2", "carol.1"] {
            assert_eq!(w.told(name, call), [], "{name}");
        }
    }
}

#[test]
fn only_ringing_callees_hold_an_unanswered_group_open() {
    let mut w = World::of(&["alice", "bob", "carol"]);
    let call = w.group("alice.1", &["bob", "carol?"]);
    w.reject("bob.1", call).unwrap();
    assert_eq!(w.reason(call), Some(Reason::Rejected));
    assert_eq!(w.last("carol.1", call), Some(Tell::Canceled(Reason::Canceled)));
}

#[test]
fn a_group_of_quiet_callees_waits_for_them() {
    let mut w = World::of(&["alice", "bob", "carol"]);
    let call = w.group("alice.1", &["bob?", "carol-"]);
    w.pass_s(59);
    assert_eq!(w.reason(call), None);
    w.pass_s(1);
    assert_eq!(w.reason(call), Some(Reason::Timeout));
    assert_eq!(w.told("carol.1", call), []);
}

#[test]
fn a_call_that_is_over_at_once_notifies_nobody() {
    let mut w = World::of(&["alice", "bob", "carol"]);
    let call = w.group("alice.1", &["nobody", "bob?"]);
    assert_eq!(w.reason(call), Some(Reason::Offline));
    assert_eq!(w.told("bob.1", call), []);
}

#[test]
fn whoever_is_claimed_elsewhere_cannot_join() {
    let mut w = World::of(&["alice", "bob", "carol", "dave"]);
    let group = w.group("alice.1", &["bob", "carol?"]);
    w.accept("bob.1", group).unwrap();
    let other = w.talking("carol.1", "dave.1");
    assert_eq!(w.accept("carol.2", group), Err(Refusal::BusySelf(other)));
    w.pass_s(60);
    assert_eq!(w.join("carol.2", group), Err(Refusal::BusySelf(other)));
    w.hang_up("carol.1", other).unwrap();
    w.join("carol.2", group).unwrap();
}

#[test]
fn a_third_makes_a_group_of_a_direct_call() {
    let mut w = World::of(&["alice", "bob", "carol"]);
    let call = w.talking("alice.1", "bob.1");
    w.invite("bob.1", call, &["carol"]).unwrap();
    assert_eq!(w.at(call).kind, Kind::Group);
    assert_eq!(w.last("alice.1", call), Some(Tell::Added));
    assert_eq!(w.told("carol.1", call), [Tell::Invited]);
    assert_eq!(w.part(call, "carol").by, Some(user("bob")));
    w.accept("carol.1", call).unwrap();
    assert_eq!(w.told("carol.1", call), [Tell::Invited], "the reply has the room");
    let heard = w.told("alice.1", call);
    assert_eq!(heard[heard.len() - 2..], [Tell::Accepted, Tell::Joined]);
    w.hang_up("bob.1", call).unwrap();
    assert_eq!(w.reason(call), None);
    w.hang_up("alice.1", call).unwrap();
    assert_eq!(w.reason(call), Some(Reason::Completed));
    assert_eq!(w.last("carol.1", call), Some(over(Reason::Completed)));
    assert_eq!(w.last("alice.1", call), Some(out(Reason::Completed)));
}

#[test]
fn a_group_ends_when_fewer_than_two_remain_and_nobody_is_rung() {
    let mut w = World::of(&["alice", "bob", "carol"]);
    let call = w.group("alice.1", &["bob", "carol"]);
    w.accept("bob.1", call).unwrap();
    w.hang_up("bob.1", call).unwrap();
    assert_eq!(w.reason(call), None, "carol is being rung");
    w.ringing("carol.1", call).unwrap();
    w.pass_s(60);
    assert_eq!(w.reason(call), Some(Reason::Completed), "it was active");
    assert_eq!(w.state(call, "carol"), State::TimedOut);
}

#[test]
fn a_caller_who_left_and_was_invited_again_is_rung_like_anybody() {
    let mut w = World::of(&["alice", "bob", "carol"]);
    let call = w.group("alice.1", &["bob", "carol"]);
    w.accept("bob.1", call).unwrap();
    w.accept("carol.1", call).unwrap();
    w.hang_up("alice.1", call).unwrap();
    w.invite("bob.1", call, &["alice"]).unwrap();
    w.hang_up("carol.1", call).unwrap();
    assert_eq!(w.reason(call), None, "alice is being rung");
    w.accept("alice.2", call).unwrap();
    assert_eq!(w.told("alice.2", call), [Tell::Invited]);
    assert_eq!(w.last("alice.1", call), Some(elsewhere(bellwire_core::How::Accepted)));
}

#[test]
fn one_who_left_or_refused_may_join_later_and_begins_a_new_stay() {
    let mut w = World::of(&["alice", "bob", "carol"]);
    let call = w.group("alice.1", &["bob", "carol"]);
    w.accept("bob.1", call).unwrap();
    w.reject("carol.1", call).unwrap();
    w.join("carol.2", call).unwrap();
    w.pass_s(5);
    w.hang_up("carol.2", call).unwrap();
    w.pass_s(5);
    w.join("carol.1", call).unwrap();
    w.pass_s(5);
    w.end("alice.1", call).unwrap();
    assert_eq!(w.last("carol.2", call), Some(out(Reason::Completed)));
    assert_eq!(w.last("carol.1", call), Some(over(Reason::Completed)));
    assert_eq!(w.part(call, "carol").talked_ms, 10_000, "both stays count");
}

#[test]
fn joining_is_for_running_group_calls() {
    let mut w = World::of(&["alice", "bob", "carol"]);
    let direct = w.talking("alice.1", "bob.1");
    assert!(matches!(w.join("bob.2", direct), Err(Refusal::Forbidden(_))));
    w.hang_up("alice.1", direct).unwrap();
    assert_over(w.join("bob.2", direct), Reason::Completed);
    let group = w.group("alice.1", &["bob", "carol"]);
    w.reject("bob.1", group).unwrap();
    assert_over(w.join("bob.1", group), Reason::Rejected);
    w.join("carol.1", group).unwrap();
    assert_eq!(w.join("carol.2", group), Err(Refusal::AnsweredElsewhere(device("carol.1"))));
    assert!(w.at(group).started_at.is_some(), "joining what rings is answering it");
}

#[test]
fn one_who_was_removed_stays_out() {
    let mut w = World::of(&["alice", "bob", "carol", "dave"]);
    let call = w.group("alice.1", &["bob", "carol", "dave"]);
    w.accept("bob.1", call).unwrap();
    w.accept("carol.1", call).unwrap();
    w.remove(call, "carol").unwrap();
    assert_eq!(w.last("carol.1", call), Some(out(Reason::Killed)));
    assert_eq!(w.part(call, "carol").cause, Some(Cause::Server));
    w.remove(call, "dave").unwrap();
    assert_eq!(w.last("dave.1", call), Some(Tell::Canceled(Reason::Killed)));
    for name in ["carol.1", "dave.1"] {
        assert!(matches!(w.join(name, call), Err(Refusal::Forbidden(_))), "{name}");
    }
    w.invite("alice.1", call, &["carol"]).unwrap();
    w.accept("carol.1", call).unwrap();
}

#[test]
fn removing_one_side_of_a_direct_call_kills_it() {
    let mut w = World::of(&["alice", "bob"]);
    let call = w.talking("alice.1", "bob.1");
    w.remove(call, "bob").unwrap();
    assert_eq!(w.reason(call), Some(Reason::Killed));
    assert_over(w.remove(call, "bob"), Reason::Killed);
    let call = w.call("alice.1", &["bob"]);
    assert_unknown(w.remove(call, "carol"));
}

#[test]
fn the_group_size_holds_for_late_joiners_too() {
    let mut w = World::of(&["alice", "bob", "carol", "dave"]);
    w.settings.group_size = 3;
    let call = w.group("alice.1", &["bob", "carol"]);
    w.accept("bob.1", call).unwrap();
    w.reject("carol.1", call).unwrap();
    w.invite("alice.1", call, &["dave"]).unwrap();
    assert!(matches!(w.join("carol.1", call), Err(Refusal::Overloaded(_))));
    w.reject("dave.1", call).unwrap();
    w.join("carol.1", call).unwrap();
}

#[test]
fn the_policy_says_who_may_invite_join_and_end() {
    let may =
        |who: Who, act: fn(&mut World, bellwire_core::CallId, &str) -> Result<(), Refusal>| {
            let mut allowed = Vec::new();
            // alice called, bob joined, carol rings, dave refused.
            for by in ["alice.1", "bob.1", "carol.1", "dave.1"] {
                let mut w = World::of(&["alice", "bob", "carol", "dave", "erin"]);
                w.settings.policy = Policy { invite: who, join: who, end: who };
                let call = w.group("alice.1", &["bob", "carol", "dave"]);
                w.accept("bob.1", call).unwrap();
                w.reject("dave.1", call).unwrap();
                if act(&mut w, call, by).is_ok() {
                    allowed.push(by.split_once('.').unwrap().0);
                }
            }
            allowed
        };
    let invite = |w: &mut World, call, by: &str| w.invite(by, call, &["erin"]);
    assert_eq!(may(Who::Caller, invite), ["alice"]);
    assert_eq!(may(Who::Joined, invite), ["alice", "bob"]);
    assert_eq!(may(Who::Invited, invite), ["alice", "bob", "carol"]);
    let end = |w: &mut World, call, by: &str| w.end(by, call);
    assert_eq!(may(Who::Caller, end), ["alice"]);
    assert_eq!(may(Who::Joined, end), ["alice", "bob"]);
    assert_eq!(may(Who::Invited, end), ["alice", "bob", "carol"]);
    let join_again = |w: &mut World, call, by: &str| {
        if matches!(by, "alice.1" | "bob.1") {
            w.invite("alice.1", call, &["erin"])?;
            w.accept("carol.1", call)?;
            w.hang_up(by, call)?;
        }
        w.join(by, call)
    };
    // Carol's invitation stands, so she always may; dave was invited and never joined.
    assert_eq!(may(Who::Caller, join_again), ["alice", "carol"]);
    assert_eq!(may(Who::Joined, join_again), ["alice", "bob", "carol"]);
    assert_eq!(may(Who::Invited, join_again), ["alice", "bob", "carol", "dave"]);
}

#[test]
fn ending_for_all_is_told_to_all() {
    let mut w = World::of(&["alice", "bob", "carol"]);
    let call = w.group("alice.1", &["bob", "carol"]);
    w.accept("bob.1", call).unwrap();
    assert!(matches!(w.end("bob.1", call), Err(Refusal::Forbidden(_))));
    w.end("alice.1", call).unwrap();
    assert_eq!(w.last("alice.1", call), Some(over(Reason::Completed)));
    assert_eq!(w.last("bob.1", call), Some(over(Reason::Completed)));
    assert_eq!(w.last("carol.1", call), Some(Tell::Canceled(Reason::Canceled)));
}

#[test]
fn taking_the_last_callee_out_of_an_unanswered_group_is_not_the_callers_doing() {
    let mut w = World::of(&["alice", "bob"]);
    let call = w.group("alice.1", &["bob"]);
    w.remove(call, "bob").unwrap();
    assert_eq!((w.reason(call), w.cause(call)), (Some(Reason::Canceled), Some(Cause::Server)));
    assert_eq!(w.ended_by(call), None);
}
