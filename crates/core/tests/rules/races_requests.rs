//! The same request again, and the business server's veto: R14, R21.

use bellwire_core::{Event, Kind, Reason, Refusal, Refused, Start, State, Tell, Verdict};

use super::support::*;

#[test]
fn r14_a_repeated_start_meets_its_own_append() {
    let mut w = World::of(&["alice", "bob"]);
    let ask = w.ask("alice.1", &["bob"]);
    let again = w.ask("alice.1", &["bob"]);
    let first = w.as_request("s-1", 7, |w| w.start(ask)).unwrap();
    assert_eq!(w.as_request("s-1", 7, |w| w.start(again)), Ok(first));
    assert_eq!(w.told("bob.1", first), [Tell::Invited], "nobody rings twice");
}

#[test]
fn r14_every_event_carries_its_cause() {
    let mut w = World::of(&["alice", "bob"]);
    let call = w.call("alice.1", &["bob"]);
    for _ in 0..2 {
        let answer = w.as_request("s-2", 3, |w| w.accept("bob.1", call).map(|()| call));
        assert_eq!(answer, Ok(call), "the retry has succeeded too");
    }
    let caused = w.calls[&call].log.iter().filter(|e| e.request.is_some());
    let caused: Vec<_> = caused.map(|e| (&e.event, e.request.as_ref().unwrap().id)).collect();
    assert!(matches!(caused[..], [(Event::Accepted { .. }, 3), (Event::Started, 3)]));
    // Another request of the same kind is another request.
    let other = w.as_request("s-2", 4, |w| w.accept("bob.1", call).map(|()| call));
    assert_eq!(other, Err(Refusal::AlreadyAccepted));
    w.pass_s(1);
    w.gone("bob.1");
    w.pass_s(15);
    let last = w.calls[&call].log.last().unwrap();
    assert_eq!(last.request, None, "a deadline is nobody's request");
}

#[test]
fn r21_a_denied_call_is_logged_and_rings_nobody() {
    for to in [&["bob"][..], &["bob", "carol"]] {
        let mut w = World::of(&["alice", "bob", "carol"]);
        let verdict = Verdict::Deny { code: 4_711, text: "no credit".into() };
        let ask = Start { verdict, ..w.ask("alice.1", to) };
        let call = ask.call;
        let denied = Refusal::Denied { code: 4_711, text: "no credit".into() };
        assert_eq!(w.start(ask), Err(denied));
        assert_eq!(w.reason(call), Some(Reason::Denied));
        assert_eq!(w.at(call).ended.as_ref().unwrap().code, 4_711);
        assert_eq!(w.state(call, "bob"), State::Denied);
        let rejected = w.events(call, 1)[0];
        assert!(
            matches!(rejected, Event::Rejected { reason: Refused::Denied, code: 4_711, .. }),
            "{rejected:?}"
        );
        assert_eq!(w.told("bob.1", call), []);
        assert_eq!(w.last("alice.1", call), Some(over(Reason::Denied)));
        assert_eq!(w.claim(&user("alice")), None);
    }
}

#[test]
fn r21_the_callers_claim_is_looked_at_before_the_verdict() {
    let mut w = World::of(&["alice", "bob", "carol"]);
    let call = w.talking("alice.1", "bob.1");
    let verdict = Verdict::Deny { code: 1, text: "no".into() };
    let ask = Start { verdict, ..w.ask("alice.1", &["carol"]) };
    assert_eq!(w.start(ask), Err(Refusal::BusySelf(call)));
    assert_eq!(w.calls.len(), 1);
}

#[test]
fn r21_a_denied_server_started_call_tells_nobody() {
    let mut w = World::of(&["alice", "bob"]);
    let verdict = Verdict::Deny { code: 1, text: "no".into() };
    let ask = Start { verdict, kind: Some(Kind::Group), ..w.ask("alice", &["bob"]) };
    let call = ask.call;
    assert!(w.start(ask).is_err());
    for name in ["alice.1", "bob.1"] {
        assert_eq!(w.told(name, call), []);
    }
}
