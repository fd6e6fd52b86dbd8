//! What devices and records show of a call that the rules have made.

#![allow(clippy::unwrap_used)] // A test that cannot go on has failed.

use bellwire_core::{
    Actor, Call, Callee, Command, DeviceId, Entry, Event, Forbid, Media, Mode, Note, Opening,
    Order, Origin, Reach, RequestRef, RingMode, RoomId, Settings, Start, State, Timestamp, Uid,
    UserId, Verdict, decide, evolve, fold, start,
};
use bellwire_protocol::{
    CallInfo, FeedCursor, LogEntry, Record, RoomInfo,
    business::{FeedEvent, WebhookBody},
};

fn actor(user: &str, device: &str) -> Actor {
    Actor { user: UserId::parse(user).unwrap(), device: Some(DeviceId::parse(device).unwrap()) }
}

fn entry(seq: u64, at: u64, event: Event) -> Entry {
    let session = bellwire_core::SessionId::parse("s-secret").unwrap();
    let request = Some(RequestRef { session, id: 3 });
    Entry { v: 1, seq, at: Timestamp(at), request, event }
}

fn opened() -> Vec<Event> {
    let callee = Callee {
        user: UserId::parse("bob").unwrap(),
        uid: Some(Uid(18)),
        ring: RingMode::Ring,
        ring_ms: None,
        claimed: None,
        reach: Reach::Online,
        pending_invites: 0,
        unavailable: None,
    };
    let asked = Start {
        app: bellwire_core::AppKey::parse("dev").unwrap(),
        call: "01980000-0000-7000-8000-000000000001".parse().unwrap(),
        room: RoomId(48211),
        origin: Origin::User,
        caller: actor("alice", "web-4f"),
        uid: Some(Uid(17)),
        reach: Reach::Online,
        pending_invites: 0,
        mode: Mode::Call,
        kind: None,
        media: Media::Video,
        callees: vec![callee],
        note: Note { content: Some("hi".into()), param: Some(7), ..Note::default() },
        forbid: Forbid::default(),
        settings: Settings::default(),
        group: None,
        channel: None,
        verdict: Verdict::Allow(Box::default()),
        asked: None,
        push: None,
    };
    match start(asked, None, Timestamp(1_000)).unwrap() {
        Opening::New(events) => events,
        other => panic!("a new call, not {other:?}"),
    }
}

fn then(call: &Call, by: Actor, order: Order, at: u64) -> Call {
    let events = decide(call, &Command::User { by, order }, Timestamp(at)).unwrap();
    events.iter().fold(call.clone(), |call, event| evolve(call, event, Timestamp(at)))
}

#[test]
fn a_call_is_shown_as_it_stands() {
    let log: Vec<Entry> =
        opened().into_iter().zip(1..).map(|(event, seq)| entry(seq, 1_000, event)).collect();
    let call = fold(&log).unwrap();
    let bob = UserId::parse("bob").unwrap();
    let info = CallInfo::of(&call, Some(&bob), Timestamp(21_000), None);
    assert_eq!((&*info.content, info.param, info.app_flags), ("hi", 7, 0));
    assert_eq!((info.ring_until, info.ring_left_ms), (Some(Timestamp(61_000)), Some(40_000)));
    assert_eq!(info.participant("alice").unwrap().ring, None);
    assert_eq!(info.participant("bob").unwrap().ring.as_ref().unwrap(), &RingMode::Ring);
    assert!(info.room.is_none() && info.ended.is_none());

    let text = serde_json::to_string(&LogEntry::of(&log[0])).unwrap();
    assert!(text.contains(r#""type":"created""#) && !text.contains("s-secret"), "{text}");

    let (user, device) = (bob, DeviceId::parse("d1").unwrap());
    let confirmed = entry(9, 1_000, Event::Acknowledged { user, device, seq: 3 });
    let wire = serde_json::to_string(&LogEntry::of(&confirmed)).unwrap();
    let read: LogEntry = serde_json::from_str(&wire).unwrap();
    assert_eq!((read.seq, &read.event["confirms"]), (9, &serde_json::json!(3)));
    assert_eq!(read.to_event(), Some(confirmed.event));
}

#[test]
fn a_finished_call_makes_a_record_with_a_leg_each() {
    let log: Vec<Entry> =
        opened().into_iter().zip(1..).map(|(event, seq)| entry(seq, 1_000, event)).collect();
    let call = fold(&log).unwrap();
    assert_eq!(Record::of(&call, 1), None);
    let accept = Order::Accept { media: None, claimed: Some(call.id), note: Note::default() };
    let call = then(&call, actor("bob", "d1"), accept, 5_000);
    let room = call.room.map(RoomInfo::external);
    let info = CallInfo::of(&call, None, Timestamp(6_000), room);
    assert_eq!(info.room.unwrap().id, RoomId(48211));
    let bye = Note { content: Some("bye".into()), ..Note::default() };
    let call = then(&call, actor("alice", "web-4f"), Order::Hangup { note: bye.clone() }, 66_234);

    let record = Record::of(&call, 3).unwrap();
    assert_eq!((record.serial, record.code, record.duration_ms), (3, 0, 61_234));
    assert_eq!(record.ended_by.as_deref(), Some("alice"));
    assert_eq!((record.note.param, &record.end_note), (Some(7), &bye));
    for leg in &record.legs {
        assert_eq!(leg.outcome, State::Left);
        assert_eq!(leg.duration_ms, 61_234, "{}", leg.user);
    }
}

#[test]
fn an_event_of_the_feed_says_each_name_once() {
    let created = entry(1, 1_000, opened().remove(0));
    let call = "01980000-0000-7000-8000-000000000001".parse().unwrap();
    let event = FeedEvent::of(FeedCursor(7), call, &created);
    let app = bellwire_core::AppKey::parse("dev").unwrap();
    let body = WebhookBody::of(&app, event.clone(), "2026-11-19T20:00:00Z".to_owned());
    for text in [serde_json::to_string(&event).unwrap(), serde_json::to_string(&body).unwrap()] {
        assert_eq!(text.matches("\"call\":\"").count(), 1, "{text}");
        assert!(text.matches("\"app\":").count() <= 1, "{text}");
    }
    let text = serde_json::to_string(&body).unwrap();
    assert_eq!(serde_json::from_str::<WebhookBody>(&text).unwrap(), body);
}
