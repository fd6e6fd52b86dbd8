//! What the business server changes in a running call.

use bellwire_core::{
    Call, Cause, Command, Edit, Event, Forbid, Media, Mode, Reason, Refusal, Start, Tell,
};

use super::support::*;

const MUTE: Forbid =
    Forbid { caller_audio: true, caller_video: false, callee_audio: false, callee_video: false };

fn edit(w: &mut World, call: bellwire_core::CallId, edit: Edit) -> Result<(), Refusal> {
    w.command(call, Command::Edit(edit))
}

fn may_speak(call: &Call) -> bool {
    call.may_send(&user("alice"), Media::Audio)
}

#[test]
fn what_may_be_sent_changes_at_once_and_those_in_the_call_are_told() {
    let mut w = World::of(&["alice", "bob"]);
    let call = w.talking("alice.1", "bob.1");
    assert!(may_speak(w.at(call)));
    edit(&mut w, call, Edit { forbid: Some(MUTE), ..Edit::default() }).unwrap();
    assert!(!may_speak(w.at(call)));
    for device in ["alice.1", "bob.1"] {
        assert_eq!(w.last(device, call), Some(Tell::Edited));
    }
    assert_ne!(w.last("bob.2", call), Some(Tell::Edited), "its stay is over");
    let seq = w.at(call).seq;
    edit(&mut w, call, Edit { forbid: Some(MUTE), max_ms: Some(0) }).unwrap();
    assert_eq!(w.at(call).seq, seq, "nothing differs, nothing is logged");
    edit(&mut w, call, Edit { forbid: Some(Forbid::default()), ..Edit::default() }).unwrap();
    assert!(may_speak(w.at(call)));
}

#[test]
fn a_longest_time_counts_from_the_start_and_may_be_over_already() {
    let mut w = World::of(&["alice", "bob"]);
    let call = w.talking("alice.1", "bob.1");
    let longest = |ms| Edit { max_ms: Some(ms), ..Edit::default() };
    w.pass_s(10);
    edit(&mut w, call, longest(60_000)).unwrap();
    w.pass_s(40);
    edit(&mut w, call, longest(0)).unwrap();
    w.pass_s(100);
    assert_eq!(w.reason(call), None, "no bound any more");
    edit(&mut w, call, longest(60_000)).unwrap();
    assert_eq!((w.reason(call), w.cause(call)), (Some(Reason::Completed), Some(Cause::MaxTime)));
    assert!(matches!(edit(&mut w, call, longest(0)), Err(Refusal::NotInCall(Some(_)))));
}

#[test]
fn it_is_set_before_anybody_has_answered_too() {
    let mut w = World::of(&["alice", "bob"]);
    let call = w.call("alice.1", &["bob"]);
    edit(&mut w, call, Edit { forbid: Some(MUTE), max_ms: Some(5_000) }).unwrap();
    assert_eq!(w.last("alice.1", call), Some(Tell::Edited));
    assert_eq!(w.told("bob.1", call), [Tell::Invited], "who answers is shown the call as it is");
    w.accept("bob.1", call).unwrap();
    assert!(!may_speak(w.at(call)));
    w.pass_s(5);
    assert_eq!(w.cause(call), Some(Cause::MaxTime));
}

#[test]
fn what_cannot_be_is_refused() {
    let mut w = World::of(&["alice", "bob"]);
    let call = w.talking("alice.1", "bob.1");
    let too_long = Edit { max_ms: Some(u64::MAX), ..Edit::default() };
    assert_invalid(edit(&mut w, call, too_long), "max_time");
    assert_invalid(edit(&mut w, call, Edit { max_ms: Some(999), ..too_long }), "max_time");
    assert!(!w.events(call, 0).iter().any(|event| matches!(event, Event::Edited(_))));
    w.hang_up("alice.1", call).unwrap();
    let asked = Start { mode: Mode::Invite, ..w.ask("alice.1", &["bob"]) };
    let invitation = w.start(asked).unwrap();
    let nothing = Edit { max_ms: Some(5_000), ..Edit::default() };
    assert_invalid(edit(&mut w, invitation, nothing), "call");
}
