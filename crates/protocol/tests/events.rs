//! Frames of the server, as the wire documents them, and what a client of today makes of frames
//! of tomorrow.

#![allow(clippy::unwrap_used)] // A test that cannot go on has failed.

use bellwire_core::{Reason, State};
use bellwire_protocol::{
    Change, ErrorCode, Record, Reply, ServerEvent, event::CALL_EVENTS, reply::StartOk,
};
use serde_json::{Value, json};

const CALL: &str = "01980000-0000-7000-8000-000000000001";

fn info() -> Value {
    json!({
        "id": CALL, "mode": "call", "kind": "direct", "media": "video", "phase": "inviting",
        "seq": 4, "cursor": "4", "caller": "alice", "group": null, "channel": null,
        "content": "", "param": 0, "app_code": 0, "app_flags": 0, "forbid": [],
        "participants": [
            {"user": "alice", "uid": 17, "state": "joined", "device": "web-4f"},
            {"user": "bob", "uid": 18, "state": "ringing", "ring": "ring", "ring_until": 99}],
        "created_at": 1, "ring_until": 99, "ring_left_ms": 90, "started_at": null,
        "ends_by": null, "room": null, "ended": null
    })
}

fn record() -> Value {
    json!({
        "call": CALL, "serial": 3, "mode": "call", "kind": "direct", "media": "video",
        "caller": "alice", "group": null, "channel": null, "reason": "completed", "code": 0,
        "cause": null, "created_at": 1, "started_at": 2, "ended_at": 3, "ended_by": "alice",
        "duration_ms": 1, "content": "hi", "param": 7,
        "legs": [{"user": "alice", "device": "d1", "outcome": "left", "invited_at": 1,
                  "ringing_at": null, "joined_at": 1, "left_at": 3, "duration_ms": 1,
                  "cause": null}]
    })
}

fn logged(name: &str, more: &Value) -> Value {
    let mut frame = json!({
        "ev": name, "seq": 2, "at": 1_795_118_400_123_u64, "call": CALL, "cursor": "2",
        "participants": [{"user": "bob", "state": "ringing"}]
    });
    frame.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    frame
}

fn every_event() -> Vec<Value> {
    let user = json!({"user": "bob", "device": "d1"});
    let room = json!({"id": 48211, "media": "sfu", "token": "t", "url": "u",
                      "allow": ["audio", "video"]});
    let ended = json!({"scope": "all", "reason": "rejected", "code": 100_104, "by": "bob",
                       "at": 9, "duration_ms": 0, "cause": "silent", "content": "bye"});
    vec![
        logged(
            "call.invited",
            &json!({"from": "alice", "content": "hi", "param": 7, "info": info()}),
        ),
        logged("call.ringing", &user),
        logged("call.accepted", &json!({"user": "bob", "device": "d1", "media": "audio"})),
        logged(
            "call.rejected",
            &json!({"user": "bob", "reason": "offline", "code": 100_102, "cause": "absent"}),
        ),
        logged("call.started", &json!({"room": room, "started_at": 5})),
        logged("call.entered", &user),
        logged("call.joined", &user),
        logged("call.left", &json!({"user": "bob", "reason": "lost", "cause": "disconnected"})),
        logged("call.dropped", &user),
        logged("call.restored", &user),
        logged("call.moved", &user),
        logged("call.edited", &json!({"forbid": ["caller_audio"], "ends_by": 7})),
        logged("call.canceled", &json!({"reason": "timeout", "code": 100_105})),
        logged("call.elsewhere", &json!({"how": "accepted", "device": "d2"})),
        logged("call.media_proposed", &json!({"user": "bob", "media": "video"})),
        logged("call.media_changed", &json!({"user": "bob", "media": "audio"})),
        logged("call.media_refused", &json!({"user": "bob", "media": "video", "cause": "timeout"})),
        logged("call.added", &json!({"users": ["carol"], "by": "bob"})),
        logged("call.ended", &json!({ "ended": ended })),
        json!({"ev": "call.state", "call": CALL, "user": "bob", "audio": true}),
        json!({"ev": "call.quality", "call": CALL, "users": {"bob": {
            "up": 1, "down": 2, "rtt_ms": 30, "loss": 0.5, "jitter_ms": 4}}}),
        json!({"ev": "media.tracks", "call": CALL, "tracks": [
            {"user": "bob", "source": "camera", "on": false}]}),
        json!({"ev": "media.speakers", "call": CALL, "speakers": [{"user": "bob", "level": -23}]}),
        json!({"ev": "media.closed", "call": CALL, "reason": "failed"}),
        json!({"ev": "call.message", "call": CALL, "from": "bob", "body": {"x": 1}, "at": 4}),
        json!({"ev": "message", "from": "bob", "body": "hi", "at": 4}),
        json!({"ev": "presence", "users": {"bob": "in_call"}}),
        json!({"ev": "record", "record": record(), "cursor": "3"}),
        json!({"ev": "session.replaced"}),
        json!({"ev": "session.token_expiring", "expires_at": 4}),
        json!({"ev": "server.draining"}),
    ]
}

#[test]
fn every_event_is_read_and_written_alike() {
    for frame in every_event() {
        let event = ServerEvent::parse(&frame.to_string()).unwrap();
        assert_ne!(event, ServerEvent::Unknown, "{frame}");
        let written: Value = serde_json::from_str(&event.to_frame()).unwrap();
        assert_eq!(written, frame);
    }
}

#[test]
fn the_list_of_call_events_is_whole() {
    let with_seq = every_event().into_iter().filter(|frame| frame.get("seq").is_some());
    let names: Vec<String> = with_seq.map(|f| f["ev"].as_str().unwrap().to_owned()).collect();
    assert_eq!(names, CALL_EVENTS);
}

#[test]
fn frames_of_tomorrow_are_tolerated() {
    let event = ServerEvent::parse(r#"{"ev":"call.teleported","call":"x"}"#).unwrap();
    assert_eq!(event, ServerEvent::Unknown);

    let ended = json!({"scope": "all", "reason": "bored", "code": 7, "at": 9, "duration_ms": 0,
                       "mood": "fine", "by": null});
    let mut frame = logged("call.ended", &json!({ "ended": ended }));
    frame["participants"] = json!([{"user": "bob", "state": "asleep"}]);
    let ServerEvent::Call(event) = ServerEvent::parse(&frame.to_string()).unwrap() else {
        panic!("a call event");
    };
    assert_eq!(event.participants[0].state.known(), None);
    let Change::Ended(end) = event.change else { panic!("an end") };
    assert_eq!(end.ended.reason.to_string(), "bored");
    assert_eq!(end.ended.by, None);
}

#[test]
fn a_reply_is_either_ok_or_an_error() {
    let ok = json!({"id": 7, "ok": {"call": CALL, "info": info()}});
    let reply: Reply = serde_json::from_str(&ok.to_string()).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&reply.to_frame()).unwrap(), ok);
    let body = reply.into_body().unwrap();
    let start: StartOk = body.read().unwrap();
    assert_eq!(start.info.participant("bob").unwrap().state, State::Ringing);

    let no = json!({"id": 7, "error": {"code": "not_in_call", "number": 100_107,
                    "message": "m", "reason": "canceled", "ended_at": 5}});
    let reply: Reply = serde_json::from_str(&no.to_string()).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&reply.to_frame()).unwrap(), no);
    let error = reply.into_body().unwrap_err();
    assert_eq!(error.code, ErrorCode::NotInCall);
    assert_eq!(error.reason.unwrap(), Reason::Canceled);
}

#[test]
fn a_record_is_read_and_written_alike() {
    let kept: Record = serde_json::from_value(record()).unwrap();
    assert_eq!(serde_json::to_value(&kept).unwrap(), record());
    assert!(!kept.is_missed_by("alice"));
}
