//! The invariants, looked at from outside: the logs, the states, and what devices were told.

use std::collections::BTreeMap;

use bellwire_core::{
    Call, DeviceId, Entry, Event, How, Reason, Refused, Scope, State, Tell, UserId, evolve, fold,
};

use super::super::support::{Lived, Stored, World, owner};

/// What must hold after every step. Calls that are over change no more and wait for the end.
pub(super) fn check_step(w: &World) {
    one_live_claim(w);
    for call in w.live() {
        match call.next_deadline() {
            Some(due) => assert!(due > w.now, "I2: a deadline has passed unseen: {call:?}"),
            None => assert!(call.needs_audit(), "I2: nothing will end {call:?}"),
        }
        one_device_each(call);
        for device in &w.devices {
            stays(w, call, device);
        }
    }
}

/// What must hold once everybody has been gone for long.
pub(super) fn check_end(w: &World) {
    for stored in w.calls.values() {
        assert!(stored.call.ended.is_some(), "I2: it never ends: {:?}", stored.call);
        assert_eq!(stored.call.claims().count(), 0, "I1: an ended call claims");
        log_is_the_call(stored);
        for device in &w.devices {
            assert!(
                !stays(w, &stored.call, device),
                "I3: {device} waits for ever in {:?}",
                stored.call
            );
            one_story(w, stored, device);
        }
    }
}

/// I1: a user holds at most one claim, in a live call they are in.
fn one_live_claim(w: &World) {
    let mut claims: BTreeMap<&UserId, &Call> = BTreeMap::new();
    for call in w.live() {
        for user in call.claims() {
            let other = claims.insert(user, call);
            assert!(other.is_none(), "I1: {user} is claimed twice: {other:?}, {call:?}");
            let p = call.participant(user).expect("I1: claimed by a call they are not in");
            assert!(p.state.is_in() || p.state.is_pending());
        }
    }
}

/// I5: whoever is in a call is in it with one device; a user is one participant.
fn one_device_each(call: &Call) {
    for p in call.inside() {
        let device = p.device.as_ref().expect("I5: in a call without a device");
        assert_eq!(owner(device), p.user);
    }
    let users: std::collections::BTreeSet<_> = call.participants.iter().map(|p| &p.user).collect();
    assert_eq!(users.len(), call.participants.len());
}

/// I3 and I7: what a device is told is in order, lies within its stays, and each stay ends once.
/// Returns whether a stay is open.
fn stays(w: &World, call: &Call, device: &DeviceId) -> bool {
    let (mut open, mut last) = (false, 0);
    let story = w.story(device, call.id);
    for lived in story {
        let Lived::Told(seq, tell) = lived else {
            open = true;
            continue;
        };
        assert!(*seq > last, "I7: {device} is told {seq} after {last}: {story:?}");
        last = *seq;
        if *tell == Tell::Invited {
            assert!(!open, "I3: {device} is invited within a stay: {story:?}");
            open = true;
        }
        assert!(open, "I3: {device} is told {tell:?} outside of a stay: {story:?}");
        open = !tell.is_terminal();
    }
    open
}

/// I4: what a device was told of the end is what the log says.
fn one_story(w: &World, stored: &Stored, device: &DeviceId) {
    let user = owner(device);
    for lived in w.story(device, stored.call.id) {
        let Lived::Told(seq, tell) = lived else { continue };
        let position = usize::try_from(*seq).expect("a log is short") - 1;
        let agrees = match (tell, &stored.log[position].event) {
            (Tell::Ended(Scope::All, told), Event::Ended { reason, .. }) => told == reason,
            (Tell::Ended(Scope::You, told), Event::Left { user: who, how, .. }) => {
                let reason = match how {
                    bellwire_core::Leaving::Left => Reason::Completed,
                    bellwire_core::Leaving::Removed => Reason::Killed,
                    bellwire_core::Leaving::Lost => Reason::Disconnected,
                };
                *told == reason && *who == user
            }
            (Tell::Ended(Scope::You, _), Event::Rejected { user: who, device: by, .. }) => {
                *who == user && by.as_ref() == Some(device)
            }
            (Tell::Ended(Scope::You, told), Event::Silenced { device: by, .. }) => {
                *told == Reason::Rejected && by == device
            }
            (Tell::Canceled(told), Event::Canceled { users, reason, .. }) => {
                told == reason && users.contains(&user)
            }
            (Tell::Canceled(Reason::Timeout), Event::Rejected { user: who, device: by, .. }) => {
                *who == user && by.is_none()
            }
            (Tell::Canceled(Reason::Denied), Event::Rejected { user: who, reason, .. }) => {
                *who == user && *reason == Refused::Denied
            }
            (Tell::Elsewhere(How::Accepted), Event::Accepted { user: who, device: by, .. }) => {
                *who == user && by != device
            }
            (Tell::Elsewhere(How::Rejected), Event::Rejected { user: who, device: by, .. }) => {
                *who == user && by.as_ref() != Some(device)
            }
            (Tell::Elsewhere(How::Moved), Event::Moved { from, .. }) => from == device,
            (tell, _) => !tell.is_terminal(),
        };
        assert!(agrees, "I4: {device} was told {tell:?} by {:?}", stored.log[position]);
    }
}

/// I6: the log adds up to the call, ends once, and outlives serialisation.
fn log_is_the_call(stored: &Stored) {
    let Stored { log, call } = stored;
    assert_eq!(fold(log).as_ref(), Some(call), "I6: the log adds up to another call");
    let text = serde_json::to_string(log).unwrap();
    let read: Vec<Entry> = serde_json::from_str(&text).unwrap();
    assert_eq!(read, *log, "I6: the log changes on the way to disk and back");
    let ends = |e: &&Entry| matches!(e.event, Event::Ended { .. });
    assert_eq!(log.iter().filter(ends).count(), 1, "I6: a call ends once");
    let after = log.iter().skip_while(|e| !matches!(e.event, Event::Ended { .. })).skip(1);
    for entry in after {
        assert!(matches!(entry.event, Event::Acknowledged { .. }), "I6: {entry:?} after the end");
    }
    for (entry, n) in log.iter().zip(1..) {
        assert_eq!((entry.seq, entry.v), (n, bellwire_core::EVENT_VERSION));
    }
    assert!(log.is_sorted_by_key(|e| e.at), "I6: time runs backwards");
    let open = |p: &bellwire_core::Participant| p.state.is_in() || p.state.is_pending();
    assert!(!call.participants.iter().any(open), "I6: somebody is left in an ended call");
    let joined = call.participants.iter().any(|p| p.state == State::Left && p.joined_at.is_none());
    assert!(!joined, "I6: somebody left who never came");
    // Whatever comes after the end cannot change the outcome.
    let acknowledged = Event::Acknowledged {
        user: call.caller.clone(),
        device: DeviceId::parse("any.1").unwrap(),
        seq: 1,
    };
    assert_eq!(evolve(call.clone(), &acknowledged, call.at).ended, call.ended);
}
