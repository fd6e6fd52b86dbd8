//! Takes a user out of what is kept of a finished call: another name stands for them, and what they
//! wrote is gone. Everything else, the number of entries too, stays as it was.

use std::{collections::BTreeSet, sync::Arc};

use crate::{
    event::{Created, Entry, Event, Invitee, Leaving},
    id::{DeviceId, SessionId, UserId},
    note::Note,
    push::PushWish,
};

/// A name in the place of an erased user's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alias {
    /// Who is erased.
    pub of: UserId,
    /// What stands for them.
    pub name: UserId,
}

impl Alias {
    /// Renames `user` if it is the one who is erased; whether it was.
    pub fn put(&self, user: &mut UserId) -> bool {
        let is_it = *user == self.of;
        if is_it {
            user.clone_from(&self.name);
        }
        is_it
    }

    /// Likewise everybody in a list.
    pub fn put_all(&self, users: &mut [UserId]) {
        for user in users {
            self.put(user);
        }
    }

    /// What stands for their devices.
    pub fn device() -> DeviceId {
        DeviceId::parse("erased").expect("a word is a name")
    }

    /// Erases the user from a whole log; returns what they wrote in it, for what repeats it.
    pub fn erase(&self, log: &mut [Entry]) -> Vec<Note> {
        let is_caller = caller(log) == Some(&self.of);
        let (mut notes, mut sessions) = (Vec::new(), BTreeSet::<SessionId>::new());
        for entry in log.iter() {
            let (by, note) = doing(&entry.event);
            // Only callers cancel, unless the server does.
            let cancels = is_caller && matches!(entry.event, Event::Canceled { .. });
            if by != Some(&self.of) && !cancels {
                continue;
            }
            notes.extend(note.filter(|note| **note != Note::default()).cloned());
            // Where a rule refuses for a callee, the request is the caller's.
            if !matches!(entry.event, Event::Rejected { device: None, .. }) {
                sessions.extend(entry.request.as_ref().map(|request| request.session.clone()));
            }
        }
        for entry in log {
            if entry.request.as_ref().is_some_and(|request| sessions.contains(&request.session)) {
                entry.request = None;
            }
            self.event(&mut entry.event, &notes);
        }
        notes
    }

    fn event(&self, event: &mut Event, notes: &[Note]) {
        match event {
            Event::Created(created) => self.created(created),
            Event::Released { users } => self.put_all(users),
            Event::Reached { user }
            | Event::Entered { user, routed: _ }
            | Event::Dropped { user, link: _ }
            | Event::Restored { user, link: _ }
            | Event::MediaProposed { user, media: _ }
            | Event::MediaChanged { user, media: _ } => drop(self.put(user)),
            Event::Ringing { user, device }
            | Event::Silenced { user, device }
            | Event::Joined { user, device }
            | Event::Acknowledged { user, device, seq: _ }
            | Event::MediaReported { user, device, report: _ } => self.put_with(user, [device]),
            Event::Moved { user, from, to } => self.put_with(user, [from, to]),
            Event::Pushed(pushed) => self.put_with(&mut pushed.user, [&mut pushed.device]),
            Event::Accepted { user, device, media: _, note } => {
                forget(note, *user == self.of);
                self.put_with(user, [device]);
            }
            Event::Rejected { user, device, note, .. } => {
                forget(note, *user == self.of);
                self.put_with(user, device);
            }
            // Does not say by whom, and may repeat the words of the end.
            Event::Canceled { users, note, .. } => {
                self.put_all(users);
                forget(note, notes.contains(note));
            }
            Event::Added { by, users, note, push } => {
                if self.put_maybe(by) {
                    *note = Note::default();
                    unword(push);
                }
                self.invitees(users);
            }
            Event::Left { user, note, .. } => {
                let is_theirs = self.put(user);
                forget(note, is_theirs);
            }
            Event::MediaRefused { proposer, .. } => drop(self.put(proposer)),
            Event::Asked(asked) => drop(self.put_maybe(&mut asked.user)),
            Event::Ended { by, note, .. } => {
                let is_theirs = self.put_maybe(by);
                forget(note, is_theirs || notes.contains(note));
            }
            Event::Started | Event::Edited(_) => {}
        }
    }

    fn created(&self, created: &mut Created) {
        if self.put(&mut created.caller.user) {
            created.caller.uid = None;
            created.caller.device = created.caller.device.as_ref().map(|_| Self::device());
            created.note = Note::default();
            unword(&mut created.push);
        }
        self.invitees(&mut created.callees);
    }

    fn invitees(&self, users: &mut [Invitee]) {
        for invitee in users {
            if self.put(&mut invitee.user) {
                invitee.uid = None;
            }
        }
    }

    fn put_with<'a>(&self, user: &mut UserId, with: impl IntoIterator<Item = &'a mut DeviceId>) {
        if self.put(user) {
            for device in with {
                *device = Self::device();
            }
        }
    }

    /// Renames whoever is named, if anybody is.
    pub fn put_maybe(&self, user: &mut Option<UserId>) -> bool {
        user.as_mut().is_some_and(|user| self.put(user))
    }
}

fn forget(note: &mut Note, is_theirs: bool) {
    if is_theirs {
        *note = Note::default();
    }
}

/// Keeps how sleeping devices were woken, without the words.
fn unword(push: &mut Option<Arc<PushWish>>) {
    if let Some(wish) = push {
        let kept = PushWish { enabled: wish.enabled, badge: wish.badge, ..PushWish::default() };
        *push = Some(Arc::new(kept));
    }
}

fn caller(log: &[Entry]) -> Option<&UserId> {
    match &log.first()?.event {
        Event::Created(created) => Some(&created.caller.user),
        _ => None,
    }
}

/// Whose doing an entry tells, as far as it says so, and their words.
fn doing(event: &Event) -> (Option<&UserId>, Option<&Note>) {
    match event {
        Event::Created(created) => (Some(&created.caller.user), Some(&created.note)),
        Event::Accepted { user, note, .. }
        | Event::Rejected { user, note, .. }
        | Event::Left { user, how: Leaving::Left, note, .. } => (Some(user), Some(note)),
        Event::Added { by, note, .. } | Event::Ended { by, note, .. } => (by.as_ref(), Some(note)),
        Event::Canceled { note, .. } => (None, Some(note)),
        Event::Ringing { user, .. }
        | Event::Silenced { user, .. }
        | Event::Joined { user, .. }
        | Event::Moved { user, .. }
        | Event::MediaProposed { user, .. }
        | Event::MediaChanged { user, .. }
        | Event::Acknowledged { user, .. }
        | Event::MediaReported { user, .. } => (Some(user), None),
        Event::Left { how: Leaving::Removed | Leaving::Lost, .. }
        | Event::Released { .. }
        | Event::Reached { .. }
        | Event::Started
        | Event::Entered { .. }
        | Event::Dropped { .. }
        | Event::Restored { .. }
        | Event::Edited(_)
        | Event::MediaRefused { .. }
        | Event::Asked(_)
        | Event::Pushed(_) => (None, None),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::id::Timestamp;

    const SETTINGS: &str = r#"{"ring_ms": 1, "reach_ms": 0, "ack_ms": null, "grace_ms": 1,
        "max_ms": null, "group_size": 3, "policy": {}}"#;

    fn log(events: Vec<Value>) -> Vec<Entry> {
        let entries = events.into_iter().zip(1..).map(|(event, seq)| Entry {
            v: 1,
            seq,
            at: Timestamp(seq),
            request: None,
            event: serde_json::from_value(event.clone()).unwrap_or_else(|e| panic!("{e}: {event}")),
        });
        entries.collect()
    }

    fn created(caller: &str, callee: &str, words: &str) -> Value {
        let settings: Value = serde_json::from_str(SETTINGS).unwrap();
        json!({"type": "created", "app": "dev", "call": "0198c0de-0000-7000-8000-000000000000",
            "mode": "call", "kind": "group", "media": "audio", "origin": "user",
            "caller": {"user": caller, "uid": 7, "device": format!("{caller}-phone"), "told": false,
                "reach": "online"},
            "callees": [invitee(callee)], "note": {"content": words}, "group": null,
            "channel": null, "forbid": {}, "settings": settings, "room": null,
            "push": {"title": words, "content": words, "payload": words, "badge": 3}})
    }

    fn invitee(user: &str) -> Value {
        json!({"user": user, "uid": 7, "ring": "ring", "ring_ms": 1, "told": true, "held": false,
            "reach": "online"})
    }

    /// Every kind of event, with the same user wherever one can be named.
    fn all(who: &str, words: &str) -> Vec<Value> {
        let (user, device) = (who, format!("{who}-phone"));
        let note = json!({"content": words, "param": 1});
        vec![
            created(who, who, words),
            json!({"type": "released", "users": [user, "bob"]}),
            json!({"type": "reached", "user": user}),
            json!({"type": "ringing", "user": user, "device": device}),
            json!({"type": "silenced", "user": user, "device": device}),
            json!({"type": "accepted", "user": user, "device": device, "media": "audio",
                "note": note}),
            json!({"type": "started"}),
            json!({"type": "rejected", "user": user, "device": device, "reason": "rejected",
                "code": 1, "cause": null, "note": note}),
            json!({"type": "canceled", "users": [user], "reason": "canceled", "code": 1,
                "note": note}),
            json!({"type": "added", "by": user, "users": [invitee(user)], "note": note,
                "push": {"title": words}}),
            json!({"type": "joined", "user": user, "device": device}),
            json!({"type": "entered", "user": user}),
            json!({"type": "left", "user": user, "how": "left", "cause": null, "code": 0,
                "note": note}),
            json!({"type": "dropped", "user": user}),
            json!({"type": "restored", "user": user}),
            json!({"type": "moved", "user": user, "from": device, "to": device}),
            json!({"type": "media_proposed", "user": user, "media": "video"}),
            json!({"type": "media_changed", "user": user, "media": "video"}),
            json!({"type": "edited"}),
            json!({"type": "media_refused", "proposer": user, "media": "video", "cause": null}),
            json!({"type": "acknowledged", "user": user, "device": device, "seq": 1}),
            json!({"type": "media_reported", "user": user, "device": device}),
            json!({"type": "asked", "hook": "call.join", "user": user, "outcome": "told", "ms": 1}),
            json!({"type": "pushed", "user": user, "device": device, "provider": "fcm",
                "news": "stop", "outcome": "sent", "ms": 1}),
            json!({"type": "ended", "reason": "completed", "code": 0, "by": user, "cause": null,
                "note": note}),
        ]
    }

    fn alias() -> Alias {
        let user = |name: &str| UserId::parse(name).unwrap();
        Alias { of: user("zach"), name: user("erased-1") }
    }

    #[test]
    fn no_event_names_them_and_no_other_user_is_touched() {
        let mut theirs = log(all("zach", "my words"));
        let notes = alias().erase(&mut theirs);
        let text = serde_json::to_string(&theirs).unwrap();
        assert!(!text.contains("zach") && !text.contains("my words"), "{text}");
        assert!(!text.contains("\"uid\":7") && text.contains("bob"), "{text}");
        assert!(!notes.is_empty());
        let mut others = log(all("bob", "my words"));
        let before = others.clone();
        assert!(alias().erase(&mut others).is_empty());
        assert_eq!(others, before);
    }

    #[test]
    fn words_are_theirs_where_the_event_does_not_say_so() {
        let said = |words: &str| json!({"content": words});
        let cancel = json!({"type": "canceled", "users": ["bob"], "reason": "canceled", "code": 1,
            "note": said("never mind")});
        let reject = |user: &str, words: &str| {
            json!({"type": "rejected", "user": user, "device": null, "reason": "rejected",
                "code": 1, "cause": null, "note": said(words)})
        };
        let end = |words: &str| {
            json!({"type": "ended", "reason": "rejected", "code": 1, "by": null, "cause": null,
                "note": said(words)})
        };
        let mut log = log(vec![
            created("zach", "bob", "hello"),
            cancel,
            reject("bob", "later"),
            end("never mind"),
        ]);
        let mut of_others = log.clone();
        let [hello, never_mind] = ["hello", "never mind"]
            .map(|words| Note { content: Some(words.into()), ..Note::default() });
        assert_eq!(alias().erase(&mut log), [hello, never_mind]);
        let text = serde_json::to_string(&log).unwrap();
        assert!(!text.contains("never mind") && text.contains("later"), "{text}");
        // For bob it is the caller who cancelled.
        let bob = Alias { of: UserId::parse("bob").unwrap(), ..alias() };
        bob.erase(&mut of_others);
        let text = serde_json::to_string(&of_others).unwrap();
        assert!(text.contains("never mind") && !text.contains("later"), "{text}");
    }
}
