//! Audio and video in a direct call: R19.

use bellwire_core::{CONSENT_MS, Cause, Event, Media, Refusal, Start, Tell};

use super::support::*;

fn sound() -> (World, bellwire_core::CallId) {
    let mut w = World::of(&["alice", "bob", "carol"]);
    let ask = Start { media: Media::Audio, ..w.ask("alice.1", &["bob"]) };
    let call = w.start(ask).unwrap();
    w.accept("bob.1", call).unwrap();
    (w, call)
}

#[test]
fn r19_lowering_is_immediate() {
    let mut w = World::of(&["alice", "bob"]);
    let call = w.talking("alice.1", "bob.1");
    w.propose("bob.1", call, Media::Audio).unwrap();
    assert_eq!(w.at(call).media, Media::Audio);
    assert_eq!(w.last("alice.1", call), Some(Tell::MediaChanged));
    assert_eq!(w.last("bob.1", call), Some(Tell::MediaChanged));
}

#[test]
fn r19_raising_waits_for_consent() {
    let (mut w, call) = sound();
    w.propose("alice.1", call, Media::Video).unwrap();
    assert_eq!(w.at(call).media, Media::Audio);
    assert_eq!(w.last("bob.1", call), Some(Tell::MediaProposed));
    assert_eq!(w.last("alice.1", call), Some(Tell::Started), "the proposer has the reply");
    assert_invalid(w.consent("alice.1", call, true), "call");
    w.consent("bob.1", call, true).unwrap();
    assert_eq!(w.at(call).media, Media::Video);
    assert_eq!(w.last("alice.1", call), Some(Tell::MediaChanged));
    assert_eq!(w.last("bob.1", call), Some(Tell::MediaChanged));
}

#[test]
fn r19_refusal_is_told() {
    let (mut w, call) = sound();
    w.propose("alice.1", call, Media::Video).unwrap();
    w.consent("bob.1", call, false).unwrap();
    assert_eq!(w.at(call).media, Media::Audio);
    assert_eq!(w.last("alice.1", call), Some(Tell::MediaRefused));
    assert_eq!(w.last("bob.1", call), Some(Tell::MediaProposed), "the refuser knows");
    assert_invalid(w.consent("bob.1", call, true), "call");
}

#[test]
fn r19_consent_lapses_after_thirty_seconds() {
    let (mut w, call) = sound();
    w.propose("alice.1", call, Media::Video).unwrap();
    w.pass_ms(CONSENT_MS - 1);
    assert_eq!(w.last("alice.1", call), Some(Tell::Started));
    w.pass_ms(1);
    assert_eq!(w.last("alice.1", call), Some(Tell::MediaRefused));
    let last = *w.events(call, 0).last().unwrap();
    assert!(matches!(last, Event::MediaRefused { cause: Some(Cause::Timeout), .. }));
    assert_invalid(w.consent("bob.1", call, true), "call");
}

#[test]
fn r19_equal_proposals_that_cross_consent() {
    let (mut w, call) = sound();
    w.propose("alice.1", call, Media::Video).unwrap();
    w.propose("bob.1", call, Media::Video).unwrap();
    assert_eq!(w.at(call).media, Media::Video);
    assert_eq!(w.last("alice.1", call), Some(Tell::MediaChanged));
}

#[test]
fn r19_a_newer_proposal_replaces_an_older() {
    let (mut w, call) = sound();
    w.propose("alice.1", call, Media::Video).unwrap();
    w.pass_s(20);
    w.propose("alice.1", call, Media::Video).unwrap();
    w.pass_s(20);
    w.consent("bob.1", call, true).unwrap();
    assert_eq!(w.at(call).media, Media::Video, "the newer one has its own thirty seconds");

    let (mut w, call) = sound();
    w.propose("alice.1", call, Media::Video).unwrap();
    w.propose("alice.1", call, Media::Audio).unwrap();
    assert_eq!(w.at(call).proposal, None, "asking for what there is takes it back");
}

#[test]
fn r19_a_drop_withdraws_a_proposal() {
    for (dropped, told) in [("bob.1", true), ("alice.1", false)] {
        let (mut w, call) = sound();
        w.propose("alice.1", call, Media::Video).unwrap();
        w.gone(dropped);
        assert_eq!(w.at(call).proposal, None);
        assert_eq!(w.told("alice.1", call).contains(&Tell::MediaRefused), told);
        w.back(dropped);
        assert_invalid(w.consent("bob.1", call, true), "call");
    }
}

#[test]
fn r19_only_in_active_direct_calls() {
    let mut w = World::of(&["alice", "bob", "carol"]);
    let call = w.call("alice.1", &["bob"]);
    let refused = w.propose("alice.1", call, Media::Audio);
    assert!(matches!(refused, Err(Refusal::Forbidden(_))));
    w.accept("bob.1", call).unwrap();
    w.invite("bob.1", call, &["carol"]).unwrap();
    let refused = w.propose("alice.1", call, Media::Audio);
    assert!(matches!(refused, Err(Refusal::Forbidden(_))));
}

#[test]
fn an_answer_may_lower_the_media_and_never_raise_it() {
    for (asked, answered, result) in [
        (Media::Video, Some(Media::Audio), Media::Audio),
        (Media::Video, None, Media::Video),
        (Media::Audio, Some(Media::Video), Media::Audio),
    ] {
        let mut w = World::of(&["alice", "bob"]);
        let ask = Start { media: asked, ..w.ask("alice.1", &["bob"]) };
        let call = w.start(ask).unwrap();
        let note = bellwire_core::Note::default();
        let order = bellwire_core::Order::Accept { media: answered, claimed: None, note };
        w.order("bob.1", call, order).unwrap();
        assert_eq!(w.at(call).media, result);
    }
}
