//! How calls end: every reason with its number, and the notes verbatim.

use bellwire_core::{
    Call, Cause, Command, Event, Kind, Leaving, Mode, Note, Order, Reason, Refused, Refusing,
    Start, State, Tell,
};

use super::support::*;

fn full_note() -> Note {
    Note {
        content: Some("  \u{1f514} verbatim\n".into()),
        param: Some(-7),
        app_code: Some(4_000_000_000),
        app_flags: Some(5),
    }
}

#[track_caller]
fn assert_outcome(call: &Call, reason: Reason, code: u32, by: Option<&str>, cause: Option<Cause>) {
    let ended = call.ended.as_ref().expect("the call is over");
    assert_eq!((ended.reason, ended.code), (reason, code));
    assert_eq!((ended.by.as_deref(), ended.cause), (by, cause));
    assert_eq!(call.next_deadline(), None);
    assert_eq!(call.claims().count(), 0, "an ended call claims nobody");
}

#[test]
fn completed_when_hung_up_after_it_was_active() {
    let mut w = World::of(&["alice", "bob"]);
    for by in ["alice.1", "bob.1"] {
        let call = w.talking("alice.1", "bob.1");
        w.pass_ms(61_234);
        w.order(by, call, Order::Hangup { note: full_note() }).unwrap();
        let who = by.split_once('.').unwrap().0;
        assert_outcome(w.at(call), Reason::Completed, 0, Some(who), None);
        assert_eq!(w.at(call).ended.as_ref().unwrap().note, full_note());
        assert_eq!(w.at(call).duration_ms(w.now), 61_234);
        for user in ["alice", "bob"] {
            assert_eq!(w.part(call, user).talked_ms, 61_234);
        }
    }
}

#[test]
fn canceled_when_the_caller_gave_up() {
    let mut w = World::of(&["alice", "bob"]);
    let call = w.call("alice.1", &["bob"]);
    w.order("alice.1", call, Order::Cancel { to: None, note: full_note() }).unwrap();
    assert_outcome(w.at(call), Reason::Canceled, 100_101, Some("alice"), None);
    let [Event::Canceled { note, code, .. }, Event::Ended { note: last, .. }] =
        w.events(call, 1)[..]
    else {
        panic!("canceled, then ended");
    };
    assert_eq!((note, last, *code), (&full_note(), &full_note(), 100_101));
    assert_eq!(w.state(call, "bob"), State::Canceled);
}

#[test]
fn offline_when_no_device_acknowledged() {
    let mut w = World::of(&["alice", "bob"]);
    let call = w.call("alice.1", &["bob"]);
    w.pass_ms(59_999);
    assert_eq!(w.reason(call), None, "the acknowledge time is the ring time");
    w.pass_ms(1);
    assert_outcome(w.at(call), Reason::Offline, 100_102, None, Some(Cause::Silent));
    assert_eq!(w.last("bob.1", call), Some(Tell::Canceled(Reason::Timeout)));
}

#[test]
fn busy_when_the_callee_says_so() {
    let mut w = World::of(&["alice", "bob"]);
    let call = w.call("alice.1", &["bob"]);
    let how = Refusing::Busy;
    w.order("bob.1", call, Order::Reject { how, only_me: false, note: full_note() }).unwrap();
    assert_outcome(w.at(call), Reason::Busy, 100_103, Some("bob"), None);
    assert_eq!(w.state(call, "bob"), State::Busy);
    assert_eq!(w.last("bob.1", call), Some(over(Reason::Busy)));
    assert_eq!(w.last("bob.2", call), Some(elsewhere(bellwire_core::How::Rejected)));
}

#[test]
fn rejected_when_the_callee_refused() {
    let mut w = World::of(&["alice", "bob"]);
    let call = w.call("alice.1", &["bob"]);
    let how = Refusing::Rejected;
    w.order("bob.1", call, Order::Reject { how, only_me: false, note: full_note() }).unwrap();
    assert_outcome(w.at(call), Reason::Rejected, 100_104, Some("bob"), None);
    let [Event::Rejected { note, reason, code, .. }, Event::Ended { note: last, .. }] =
        w.events(call, 1)[..]
    else {
        panic!("rejected, then ended");
    };
    assert_eq!((note, last), (&full_note(), &full_note()));
    assert_eq!((*reason, *code), (Refused::Rejected, 100_104));
}

#[test]
fn timeout_when_nobody_answered() {
    let mut w = World::of(&["alice", "bob"]);
    let call = w.call("alice.1", &["bob"]);
    w.ringing("bob.1", call).unwrap();
    w.pass_s(60);
    assert_outcome(w.at(call), Reason::Timeout, 100_105, None, None);
    assert_eq!(w.state(call, "bob"), State::TimedOut);
}

#[test]
fn disconnected_when_a_participant_stayed_lost() {
    let mut w = World::of(&["alice", "bob"]);
    let call = w.talking("alice.1", "bob.1");
    w.gone("alice.1");
    w.pass_s(15);
    let cause = Some(Cause::Disconnected);
    assert_outcome(w.at(call), Reason::Disconnected, 100_106, Some("alice"), cause);
}

#[test]
fn killed_with_the_killers_code_and_note() {
    let mut w = World::of(&["alice", "bob"]);
    for talking in [false, true] {
        let call =
            if talking { w.talking("alice.1", "bob.1") } else { w.call("alice.1", &["bob"]) };
        w.command(call, Command::Kill { code: 77, note: full_note() }).unwrap();
        assert_outcome(w.at(call), Reason::Killed, 77, None, Some(Cause::Server));
        assert_eq!(w.at(call).ended.as_ref().unwrap().note, full_note());
    }
}

#[test]
fn completed_when_the_longest_time_is_over() {
    let mut w = World::of(&["alice", "bob"]);
    w.settings.max_ms = Some(30_000);
    let call = w.call("alice.1", &["bob"]);
    w.pass_s(20);
    w.accept("bob.1", call).unwrap();
    w.pass_ms(29_999);
    assert_eq!(w.reason(call), None, "the longest time counts from the answer");
    w.pass_ms(1);
    assert_outcome(w.at(call), Reason::Completed, 0, None, Some(Cause::MaxTime));
}

#[test]
fn a_logout_hangs_up_and_says_so() {
    let mut w = World::of(&["alice", "bob"]);
    let call = w.talking("alice.1", "bob.1");
    w.order("bob.1", call, Order::Logout).unwrap();
    assert_outcome(w.at(call), Reason::Completed, 0, Some("bob"), Some(Cause::Logout));

    let call = w.call("alice.1", &["bob"]);
    w.order("alice.1", call, Order::Logout).unwrap();
    assert_outcome(w.at(call), Reason::Canceled, 100_101, Some("alice"), Some(Cause::Logout));
}

#[test]
fn an_unanswered_group_ends_with_the_first_present_reason() {
    let busy = |w: &mut World, who: &str, call| {
        let order = Order::Reject { how: Refusing::Busy, only_me: false, note: Note::default() };
        w.order(&format!("{who}.1"), call, order).unwrap();
    };
    let mut w = World::of(&["alice", "bob", "carol", "dave"]);
    // In rising weight: offline < timeout < busy < rejected.
    let call = w.group("alice.1", &["bob", "nobody"]);
    w.ringing("bob.1", call).unwrap();
    w.pass_s(60);
    assert_eq!(w.reason(call), Some(Reason::Timeout));

    let call = w.group("alice.1", &["bob", "carol"]);
    w.ringing("bob.1", call).unwrap();
    busy(&mut w, "carol", call);
    w.pass_s(60);
    assert_eq!(w.reason(call), Some(Reason::Busy));

    let call = w.group("alice.1", &["bob", "carol", "dave"]);
    busy(&mut w, "carol", call);
    w.reject("bob.1", call).unwrap();
    assert_eq!(w.reason(call), None, "dave still rings");
    w.pass_s(60);
    assert_eq!(w.reason(call), Some(Reason::Rejected));

    let call = w.group("alice.1", &["bob", "carol"]);
    w.cancel_some("alice.1", call, &["bob"]).unwrap();
    assert_eq!(w.last("bob.1", call), Some(Tell::Canceled(Reason::Canceled)));
    assert_eq!(w.reason(call), None);
    w.cancel_some("alice.1", call, &["carol"]).unwrap();
    assert_outcome(w.at(call), Reason::Canceled, 100_101, Some("alice"), None);
}

#[test]
fn the_note_of_each_command_is_in_its_event() {
    let mut w = World::of(&["alice", "bob", "carol", "dave"]);
    let kind = Some(Kind::Group);
    let ask = Start { note: full_note(), kind, ..w.ask("alice.1", &["bob", "carol"]) };
    let call = w.start(ask).unwrap();
    let note = full_note;
    w.order("bob.1", call, Order::Accept { media: None, claimed: None, note: note() }).unwrap();
    let order = Order::Cancel { to: Some(vec![user("carol")]), note: note() };
    w.order("alice.1", call, order).unwrap();
    w.order("alice.1", call, Order::Invite { to: vec![callee("dave")], note: note(), push: None })
        .unwrap();
    w.accept("dave.1", call).unwrap();
    w.command(call, Command::Remove { user: user("dave"), note: note() }).unwrap();
    w.invite("alice.1", call, &["carol"]).unwrap();
    w.accept("carol.1", call).unwrap();
    w.order("bob.1", call, Order::Hangup { note: note() }).unwrap();
    w.order("alice.1", call, Order::End { note: note() }).unwrap();
    let noted = w.events(call, 0).into_iter().filter_map(|event| match event {
        Event::Created(c) => (c.note == note()).then_some("created"),
        Event::Accepted { note: n, .. } => (*n == note()).then_some("accepted"),
        Event::Canceled { note: n, .. } => (*n == note()).then_some("canceled"),
        Event::Added { note: n, .. } => (*n == note()).then_some("added"),
        Event::Left { note: n, how: Leaving::Removed, code, .. } => {
            assert_eq!(*code, 4_000_000_000, "the remover's code is told");
            (*n == note()).then_some("removed")
        }
        Event::Left { note: n, .. } => (*n == note()).then_some("left"),
        Event::Ended { note: n, .. } => (*n == note()).then_some("ended"),
        _ => None,
    });
    let noted: Vec<_> = noted.collect();
    assert_eq!(noted, ["created", "accepted", "canceled", "added", "removed", "left", "ended"]);
}

#[test]
fn an_invitation_ends_at_the_answer() {
    let mut w = World::of(&["alice", "bob"]);
    let call = w.invitation("alice.1", "bob");
    assert_eq!(w.claim(&user("alice")), None, "it claims nobody");
    assert_eq!(w.at(call).room, None);
    w.accept("bob.1", call).unwrap();
    assert_outcome(w.at(call), Reason::Completed, 0, Some("bob"), None);
    assert_eq!(w.told("alice.1", call), [Tell::Accepted, over(Reason::Completed)]);
    assert_eq!(w.told("bob.1", call), [Tell::Invited, over(Reason::Completed)]);
    assert_eq!(w.last("bob.2", call), Some(elsewhere(bellwire_core::How::Accepted)));
    assert_eq!(w.at(call).started_at, None);
}

#[test]
fn an_invitation_can_be_refused_canceled_and_expire() {
    let mut w = World::of(&["alice", "bob"]);
    let call = w.invitation("alice.1", "bob");
    w.reject("bob.1", call).unwrap();
    assert_eq!(w.told("alice.1", call), [Tell::Rejected, over(Reason::Rejected)]);
    assert_eq!(w.last("bob.1", call), Some(over(Reason::Rejected)));

    let call = w.invitation("alice.1", "bob");
    w.cancel("alice.1", call).unwrap();
    assert_eq!(w.last("bob.1", call), Some(Tell::Canceled(Reason::Canceled)));

    let call = w.invitation("alice.1", "bob");
    w.ringing("bob.1", call).unwrap();
    w.pass_s(60);
    assert_eq!(w.reason(call), Some(Reason::Timeout));
}

#[test]
fn invitations_and_calls_do_not_meet() {
    let mut w = World::of(&["alice", "bob", "carol"]);
    w.talking("carol.1", "bob.1");
    let call = w.invitation("alice.1", "bob");
    assert_eq!(w.told("bob.1", call), [Tell::Invited], "one in a call can be invited");
    w.accept("bob.1", call).unwrap();
    let ask = Start { mode: Mode::Invite, kind: Some(Kind::Direct), ..w.ask("bob.1", &["carol"]) };
    w.start(ask).unwrap();
    let pending = w.invitation("alice.1", "bob");
    assert_invalid(w.invite("alice.1", pending, &["carol"]), "call");
}
