//! Who is dropped, restored and lost where the server routes the media: a call hangs on two links,
//! signalling and media, and is lost with both.

use bellwire_core::{CallId, Event, How, MediaLink, MediaReport, Order, Reason, State, Tell};

use super::support::*;

/// alice.1 and bob.1 talk, and the media of both flows.
fn flowing() -> (World, CallId) {
    let mut w = World::of(&["alice", "bob"]);
    let call = w.talking("alice.1", "bob.1");
    w.media_up(&device("alice.1"));
    w.media_up(&device("bob.1"));
    (w, call)
}

#[test]
fn media_that_comes_up_enters_once() {
    let (mut w, call) = flowing();
    w.media_up(&device("bob.1"));
    assert_eq!(
        w.told("alice.1", call),
        [Tell::Ringing, Tell::Accepted, Tell::Started, Tell::Entered]
    );
    assert_eq!(w.part(call, "bob").links.media, MediaLink::Up);
}

#[test]
fn who_entered_by_their_own_word_is_not_told_again_when_media_comes_up() {
    let mut w = World::of(&["alice", "bob"]);
    let call = w.talking("alice.1", "bob.1");
    w.command(call, bellwire_core::Command::Entered { user: user("bob") }).unwrap();
    w.media_up(&device("bob.1"));
    assert_eq!(
        w.told("alice.1", call),
        [Tell::Ringing, Tell::Accepted, Tell::Started, Tell::Entered]
    );
    assert_eq!(w.part(call, "bob").links.media, MediaLink::Up, "from now on its loss counts");
}

#[test]
fn whose_media_comes_up_while_the_connection_is_lost_is_there() {
    let mut w = World::of(&["alice", "bob"]);
    let call = w.talking("alice.1", "bob.1");
    w.gone("alice.1");
    w.media_up(&device("alice.1"));
    // Past the grace time, and before the audit, which finds no such media here.
    w.pass_s(16);
    assert_eq!((w.reason(call), w.part(call, "alice").state), (None, State::Dropped));
    w.media_lost(&device("alice.1"));
    w.pass_s(60);
    assert_eq!(w.reason(call), Some(Reason::Disconnected));
}

#[test]
fn lost_media_drops_at_once_and_brings_back() {
    let (mut w, call) = flowing();
    w.media_lost(&device("bob.1"));
    assert_eq!(w.last("alice.1", call), Some(Tell::Dropped));
    assert_eq!(w.state(call, "bob"), State::Dropped);
    w.media_up(&device("bob.1"));
    assert_eq!(w.last("alice.1", call), Some(Tell::Restored));
    assert_eq!(w.state(call, "bob"), State::Joined);
}

#[test]
fn one_link_alone_holds_a_participant_for_as_long_as_it_is_there() {
    for lost in ["media", "signalling"] {
        let (mut w, call) = flowing();
        if lost == "media" {
            w.media_lost(&device("bob.1"));
            w.pass_s(600);
        } else {
            w.gone("bob.1");
            assert_eq!(w.calls[&call].call.next_deadline(), None);
            w.pass_s(14);
        }
        assert_eq!(w.state(call, "bob"), State::Dropped, "without {lost}");
        assert_eq!(w.reason(call), None, "without {lost}");
    }
}

#[test]
fn who_has_lost_both_is_lost_after_the_grace_which_counts_from_the_second() {
    for first in ["media", "signalling"] {
        let (mut w, call) = flowing();
        if first == "media" {
            w.media_lost(&device("bob.1"));
            w.pass_s(10);
            w.gone("bob.1");
        } else {
            w.gone("bob.1");
            w.pass_s(10);
            w.media_lost(&device("bob.1"));
        }
        let dropped = w.told("alice.1", call).iter().filter(|t| **t == Tell::Dropped).count();
        assert_eq!(dropped, 1, "told once, {first} first");
        w.pass_ms(14_999);
        assert_eq!(w.state(call, "bob"), State::Dropped, "{first} first");
        w.pass_ms(1);
        assert_eq!(w.reason(call), Some(Reason::Disconnected), "{first} first");
        assert_eq!(w.state(call, "bob"), State::Lost);
    }
}

#[test]
fn who_lost_both_is_restored_when_both_are_back() {
    let (mut w, call) = flowing();
    w.gone("bob.1");
    w.media_lost(&device("bob.1"));
    w.pass_s(5);
    w.back("bob.1");
    assert_eq!(w.state(call, "bob"), State::Dropped, "there is no media yet");
    assert_eq!(w.last("alice.1", call), Some(Tell::Dropped));
    w.pass_s(60);
    w.media_up(&device("bob.1"));
    assert_eq!(w.state(call, "bob"), State::Joined);
    assert_eq!(w.last("alice.1", call), Some(Tell::Restored));
}

#[test]
fn media_counts_from_when_it_was_there() {
    let mut w = World::of(&["alice", "bob"]);
    let call = w.talking("alice.1", "bob.1");
    w.media_lost(&device("bob.1"));
    assert_eq!(w.state(call, "bob"), State::Joined, "none was there to be lost");
    w.gone("bob.1");
    w.pass_s(15);
    assert_eq!(w.reason(call), Some(Reason::Disconnected));
}

#[test]
fn a_move_begins_without_media() {
    let (mut w, call) = flowing();
    w.move_here("bob.2", call, "bob.1").unwrap();
    assert_eq!(w.last("bob.1", call), Some(Tell::Elsewhere(How::Moved)));
    w.media_lost(&device("bob.1"));
    assert_eq!(w.state(call, "bob"), State::Joined, "the old device's media is nobody's");
    w.media_up(&device("bob.2"));
    assert_eq!(w.last("alice.1", call), Some(Tell::Entered));
}

#[test]
fn a_restart_loses_media_and_the_grace_counts_from_it() {
    let (mut w, call) = flowing();
    w.restart();
    assert_eq!(w.part(call, "bob").links.media, MediaLink::Lost);
    w.pass_s(15);
    assert_eq!(w.reason(call), Some(Reason::Disconnected));
}

#[test]
fn what_a_device_reports_of_its_media_is_logged_once_in_a_stay() {
    let (mut w, call) = flowing();
    let report = |connected_ms, first_frame_ms| {
        Order::Report(MediaReport { connected_ms, first_frame_ms, failed: None })
    };
    let before = w.calls[&call].log.len();
    w.order("bob.1", call, report(Some(90), None)).unwrap();
    w.order("bob.1", call, report(Some(95), Some(310))).unwrap();
    w.order("bob.1", call, report(Some(99), Some(320))).unwrap();
    let logged = w.events(call, before);
    let [Event::MediaReported { report: one, .. }, Event::MediaReported { report: two, .. }] =
        logged[..]
    else {
        panic!("two entries: {logged:?}");
    };
    assert_eq!((one.connected_ms, one.first_frame_ms), (Some(90), None));
    assert_eq!((two.connected_ms, two.first_frame_ms), (None, Some(310)));
    w.move_here("bob.2", call, "bob.1").unwrap();
    assert!(w.order("bob.1", call, report(None, Some(1))).is_err(), "not in the call any more");
    let before = w.calls[&call].log.len();
    w.order("bob.2", call, report(Some(70), None)).unwrap();
    assert_eq!(w.events(call, before).len(), 1, "a new stay");
}
