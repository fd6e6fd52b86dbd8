//! Who wins when calls meet: R4 to R7, R15, R16.

use bellwire_core::{
    CONTENT_BYTES, Changes, Event, Forbid, Kind, Label, Media, Mode, Note, Origin, Reason, Refusal,
    Start, State, Tell, Verdict,
};

use super::support::*;

#[test]
fn r04_glare_makes_one_call_of_two() {
    let mut w = World::of(&["alice", "bob"]);
    let earlier = w.call("bob.1", &["alice"]);
    let ask = Start { note: note("hi", 4), media: Media::Audio, ..w.ask("alice.2", &["bob"]) };
    assert_eq!(w.start(ask), Ok(earlier));
    assert_eq!(w.calls.len(), 1, "the later start makes no call");
    assert_eq!(w.told("alice.2", earlier), [Tell::Invited, Tell::Started]);
    assert_eq!(w.last("alice.1", earlier), Some(elsewhere(bellwire_core::How::Accepted)));
    assert_eq!(w.told("bob.1", earlier), [Tell::Accepted, Tell::Started]);
    let [Event::Accepted { media, note: said, .. }, Event::Started] = w.events(earlier, 1)[..]
    else {
        panic!("the start is an acceptance");
    };
    assert_eq!((*media, said), (Media::Audio, &note("hi", 4)));
}

#[test]
fn r04_glare_never_raises_the_media() {
    let mut w = World::of(&["alice", "bob"]);
    let ask = Start { media: Media::Audio, ..w.ask("bob.1", &["alice"]) };
    let earlier = w.start(ask).unwrap();
    assert_eq!(w.call("alice.1", &["bob"]), earlier);
    assert_eq!(w.at(earlier).media, Media::Audio);
}

#[test]
fn r04_glare_asks_no_second_hook() {
    let mut w = World::of(&["alice", "bob"]);
    let earlier = w.call("bob.1", &["alice"]);
    let verdict = Verdict::Deny { code: 9, text: "no".into() };
    let ask = Start { verdict, ..w.ask("alice.1", &["bob"]) };
    assert_eq!(w.start(ask), Ok(earlier));
}

#[test]
fn r04_a_mismatch_of_glare_is_busy_self() {
    let mut w = World::of(&["alice", "bob", "carol"]);
    let earlier = w.call("bob.1", &["alice"]);
    let plain = |w: &mut World| w.ask("alice.1", &["bob"]);
    let mismatches = [
        Start { kind: Some(Kind::Group), ..plain(&mut w) },
        Start { mode: Mode::Invite, ..plain(&mut w) },
        Start { group: Some(Label::parse("team").unwrap()), ..plain(&mut w) },
        w.ask("alice", &["bob"]),
        Start { origin: Origin::ServerBoth, ..w.ask("alice", &["bob"]) },
        w.ask("alice.1", &["bob", "carol"]),
        w.ask("alice.1", &["carol"]),
    ];
    for ask in mismatches {
        assert_eq!(w.start(ask.clone()), Err(Refusal::BusySelf(earlier)), "{ask:?}");
    }
    assert_eq!(w.state(earlier, "alice"), State::Invited, "the earlier call is untouched");
}

#[test]
fn r04_no_glare_with_group_or_server_started_calls() {
    let mut w = World::of(&["alice", "bob", "carol"]);
    let group = w.group("bob.1", &["alice"]);
    let ask = w.ask("alice.1", &["bob"]);
    assert_eq!(w.start(ask), Err(Refusal::BusySelf(group)));

    let mut w = World::of(&["alice", "bob"]);
    let ask = Start { origin: Origin::ServerBoth, ..w.ask("bob", &["alice"]) };
    let server = w.start(ask).unwrap();
    let ask = w.ask("alice.1", &["bob"]);
    assert_eq!(w.start(ask), Err(Refusal::BusySelf(server)));
}

#[test]
fn r04_an_answered_call_is_no_glare() {
    let mut w = World::of(&["alice", "bob"]);
    let call = w.talking("bob.1", "alice.1");
    let ask = w.ask("alice.1", &["bob"]);
    assert_eq!(w.start(ask), Err(Refusal::BusySelf(call)));
}

#[test]
fn r05_recall_replaces_a_dropped_call() {
    for dropped in ["alice.1", "bob.1"] {
        let mut w = World::of(&["alice", "bob"]);
        let old = w.talking("alice.1", "bob.1");
        w.gone(dropped);
        let new = w.call("alice.2", &["bob"]);
        assert_ne!(old, new);
        assert_eq!(w.reason(old), Some(Reason::Disconnected));
        for name in ["alice.1", "bob.1"] {
            assert_eq!(w.last(name, old), Some(over(Reason::Disconnected)), "{name}");
        }
        assert_eq!(w.reason(new), None);
        assert_eq!(w.told("bob.1", new), [Tell::Invited], "the new one rings");
        assert_eq!(w.claim(&user("alice")), Some(new));
        assert_eq!(w.claim(&user("bob")), Some(new));
    }
}

#[test]
fn r05_recall_by_the_callee_too_and_only_of_direct_calls_to_that_party() {
    let mut w = World::of(&["alice", "bob", "carol"]);
    let old = w.talking("alice.1", "bob.1");
    w.gone("alice.1");
    let ask = w.ask("bob.1", &["carol"]);
    assert_eq!(w.start(ask), Err(Refusal::BusySelf(old)), "another party");
    let ask = Start { kind: Some(Kind::Group), ..w.ask("bob.1", &["alice"]) };
    assert_eq!(w.start(ask), Err(Refusal::BusySelf(old)), "a group call");
    let new = w.call("bob.1", &["alice"]);
    assert_eq!(w.reason(old), Some(Reason::Disconnected));
    assert_eq!(w.told("alice.2", new), [Tell::Invited]);
}

#[test]
fn r05_a_vetoed_recall_leaves_the_old_call_alone() {
    let mut w = World::of(&["alice", "bob"]);
    let old = w.talking("alice.1", "bob.1");
    w.gone("bob.1");
    let verdict = Verdict::Deny { code: 9, text: "no".into() };
    let ask = Start { verdict, ..w.ask("alice.1", &["bob"]) };
    assert!(matches!(w.start(ask), Err(Refusal::Denied { code: 9, .. })));
    assert_eq!(w.reason(old), None);
}

#[test]
fn r06_a_claimed_caller_is_refused_and_the_call_untouched() {
    let mut w = World::of(&["alice", "bob", "carol"]);
    let call = w.talking("alice.1", "bob.1");
    let before = w.calls[&call].clone();
    for by in ["alice.1", "alice.2", "bob.2"] {
        let ask = w.ask(by, &["carol"]);
        assert_eq!(w.start(ask), Err(Refusal::BusySelf(call)));
    }
    assert_eq!(w.calls[&call], before);
    assert_eq!(w.calls.len(), 1);
    // An invitation claims nobody, so whoever is in a call may still send one.
    w.invitation("alice.1", "carol");
}

#[test]
fn r07_a_claimed_callee_is_busy_in_any_phase() {
    let mut w = World::of(&["alice", "bob", "carol", "dave"]);
    let busy = |w: &mut World, to: &str| {
        let call = w.call("dave.1", &[to]);
        assert_eq!(w.reason(call), Some(Reason::Busy));
        assert_eq!(w.told("dave.1", call), [Tell::Rejected, over(Reason::Busy)]);
        assert_eq!(w.told(&format!("{to}.1"), call), [], "a busy callee is not disturbed");
        assert_eq!(w.state(call, to), State::Busy, "but the missed call is theirs");
        let outcome = w.at(call).ended.clone().unwrap();
        assert_eq!((outcome.code, outcome.by), (100_103, None));
    };
    let call = w.call("alice.1", &["bob"]);
    busy(&mut w, "bob");
    busy(&mut w, "alice");
    w.accept("bob.1", call).unwrap();
    busy(&mut w, "bob");
    w.gone("bob.1");
    busy(&mut w, "bob");
    assert_eq!(w.reason(call), None);
}

#[test]
fn r07_a_busy_callee_of_a_group_is_passed_over() {
    let mut w = World::of(&["alice", "bob", "carol", "dave"]);
    w.talking("carol.1", "dave.1");
    let call = w.group("alice.1", &["bob", "carol"]);
    assert_eq!(w.reason(call), None);
    assert_eq!(w.told("alice.1", call), [Tell::Rejected]);
    assert_eq!(w.told("bob.1", call), [Tell::Invited]);
    w.invite("alice.1", call, &["dave"]).unwrap();
    assert_eq!(w.state(call, "dave"), State::Busy);
    assert_eq!(w.told("dave.1", call), []);
}

#[test]
fn r15_what_cannot_be_asked_for_is_refused_before_anything_is_written() {
    let mut w = World::of(&["alice", "bob", "carol"]);
    w.settings.group_size = 2;
    let plain = w.ask("alice.1", &["bob"]);
    let with = |to: &[&str]| Start {
        callees: to.iter().map(|name| callee(name)).collect(),
        ..plain.clone()
    };
    let ring = |ring_ms| {
        let mut ask = plain.clone();
        ask.settings.ring_ms = ring_ms;
        ask
    };
    let mut own_ring = plain.clone();
    own_ring.callees[0].ring_ms = Some(1_000);
    let mut reach = plain.clone();
    reach.settings.reach_ms = 600_001;
    let mut longest = plain.clone();
    longest.settings.max_ms = Some(0);
    let content = Some("x".repeat(CONTENT_BYTES + 1).into());
    let changes = Changes { callees: Some(vec![callee("alice")]), ..Changes::default() };
    let asks = [
        ("to", with(&[])),
        ("to[0]", with(&["alice"])),
        ("to[1]", with(&["bob", "bob"])),
        ("to", with(&["bob", "carol"])),
        ("to", Start { kind: Some(Kind::Direct), ..with(&["bob", "carol"]) }),
        ("to", Start { kind: Some(Kind::Group), mode: Mode::Invite, ..plain.clone() }),
        ("ring_time", ring(4_999)),
        ("ring_time", ring(600_001)),
        ("to[0].ring_time", own_ring),
        ("reach_time", reach),
        ("max_time", longest),
        ("content", Start { note: Note { content, ..Note::default() }, ..plain.clone() }),
        ("to[0]", Start { verdict: Verdict::Allow(Box::new(changes)), ..plain.clone() }),
    ];
    for (field, ask) in asks {
        assert_invalid(w.start(ask), field);
    }
    assert!(w.calls.is_empty());
    w.call("alice.1", &["bob"]);
}

#[test]
fn r15_a_user_has_at_most_32_invitations_each_way() {
    let names: Vec<String> = (0..33).map(|n| format!("u{n}")).collect();
    let users: Vec<&str> = ["alice", "bob"].into_iter().chain(names.iter().map(|n| &**n)).collect();
    let mut w = World::of(&users);
    for name in &names[..32] {
        w.invitation("alice.1", name);
        w.invitation(&format!("{name}.1"), "bob");
    }
    let ask = Start { mode: Mode::Invite, ..w.ask("alice.1", &["u32"]) };
    assert_invalid(w.start(ask), "to");
    let ask = Start { mode: Mode::Invite, ..w.ask("u32.1", &["bob"]) };
    assert_invalid(w.start(ask), "to[0]");
}

#[test]
fn r15_an_unknown_user_is_an_absent_one() {
    let mut w = World::of(&["alice"]);
    let call = w.call("alice.1", &["nobody"]);
    assert_eq!(w.reason(call), Some(Reason::Offline));
}

#[test]
fn r15_a_refused_invite_or_note_changes_nothing() {
    let mut w = World::of(&["alice", "bob", "carol", "dave"]);
    w.settings.group_size = 3;
    let call = w.talking("alice.1", "bob.1");
    let before = w.calls[&call].clone();
    for (to, field) in [
        (&[][..], "to"),
        (&["alice"], "to[0]"),
        (&["carol", "carol"], "to[1]"),
        (&["carol", "dave"], "to"),
    ] {
        assert_invalid(w.invite("alice.1", call, to), field);
    }
    let content = Some("x".repeat(CONTENT_BYTES + 1).into());
    let long = Note { content, ..Note::default() };
    assert_invalid(
        w.order("alice.1", call, bellwire_core::Order::Hangup { note: long }),
        "content",
    );
    assert_eq!(w.calls[&call], before);
}

#[test]
fn r16_inviting_someone_already_in_passes_them_over() {
    let mut w = World::of(&["alice", "bob", "carol"]);
    let call = w.group("alice.1", &["bob", "carol"]);
    w.accept("bob.1", call).unwrap();
    let before = w.calls[&call].clone();
    w.invite("alice.1", call, &["bob", "carol"]).unwrap();
    assert_eq!(w.calls[&call], before, "nobody is invited twice");
    assert_eq!(w.told("carol.1", call), [Tell::Invited]);
}

#[test]
fn what_the_hook_changes_is_what_the_call_becomes() {
    let mut w = World::of(&["alice", "bob", "carol"]);
    let changes = Changes {
        forbid: Some(Forbid { callee_video: true, ..Forbid::default() }),
        ring_ms: Some(7_000),
        max_ms: Some(9_000),
        callees: Some(vec![callee("carol")]),
        content: Some("rewritten".into()),
    };
    let verdict = Verdict::Allow(Box::new(changes));
    let ask = Start { note: note("asked", 3), verdict, ..w.ask("alice.1", &["bob"]) };
    let call = w.start(ask).unwrap();
    assert!(w.at(call).forbid.callee_video);
    assert_eq!(w.at(call).note, note("rewritten", 3));
    assert_eq!(w.told("bob.1", call), []);
    w.ringing("carol.1", call).unwrap();
    w.pass_ms(6_999);
    w.accept("carol.1", call).unwrap();
    w.pass_s(9);
    assert_eq!(w.reason(call), Some(Reason::Completed));
}
