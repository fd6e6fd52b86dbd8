//! Frames of devices, as the wire documents them: what is read, what is refused, and by which name.

#![allow(clippy::unwrap_used)] // A test that cannot go on has failed.

use bellwire_core::{Media, RingMode, Uid};
use bellwire_protocol::{Command, ErrorCode, ParseError, Request, Target, UserRef, limits};
use serde_json::{Value, json};

const CALL: &str = "01980000-0000-7000-8000-000000000001";

fn parse(frame: &Value) -> Request {
    Request::parse(&frame.to_string()).unwrap()
}

/// Every command, as a device writes it.
fn every_command() -> Vec<Value> {
    let call = json!({ "call": CALL });
    let with = |name: &str, more: Value| {
        let mut frame = json!({"id": 7, "do": name});
        let object = frame.as_object_mut().unwrap();
        object.extend(more.as_object().unwrap().clone());
        frame
    };
    let note = json!({"content": "hi", "param": -7, "app_code": 4, "app_flags": 1});
    let call_and = |more: Value| {
        let mut both = call.clone();
        both.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        both
    };
    vec![
        with(
            "hello",
            json!({"token": "t", "device": {"id": "web-4f", "name": "Chrome", "platform": "web"},
                   "caps": [], "resume": {"session": "s-1", "cursors": {CALL: "4"},
                   "records_after": "12"}}),
        ),
        with("hello", json!({"login": {"app": "dev", "user": "bob"}, "device": {"id": "d"}})),
        with(
            "call.start",
            json!({"to": ["bob", {"uid": 18}, {"user": "eve", "ring": "notify", "ring_time": 20},
                          {"uid": 19, "ring": "silent"}],
                   "media": "video", "mode": "call", "kind": "group", "content": "hi", "param": 7,
                   "forbid": ["caller_video"], "ring_time": 30, "reach_time": 5, "max_time": 600,
                   "policy": {"invite": "caller"}, "group": "g", "channel": "c",
                   "push": {"enabled": true, "title": "t", "content": "c", "payload": {"a": [1]},
                            "badge": 1, "sound": "s"}}),
        ),
        with("call.ringing", call.clone()),
        with("call.accept", call_and(json!({"content": "yes", "media": "audio"}))),
        with("call.reject", call_and(json!({"reason": "busy", "only_me": true}))),
        with("call.cancel", call_and(json!({"to": ["bob", {"uid": 18}]}))),
        with("call.hangup", call_and(note.clone())),
        with("call.end", call_and(note)),
        with("call.invite", call_and(json!({"to": ["carol"], "ring_time": 5}))),
        with("call.join", call.clone()),
        with("call.move", call_and(json!({"from": "web-4f"}))),
        with("call.media", call_and(json!({"media": "video"}))),
        with("call.media_answer", call_and(json!({"accept": true}))),
        with("ack", call_and(json!({"seq": 5}))),
        with("call.state", call_and(json!({"audio": true, "video": false, "screen": false}))),
        with("call.send", call_and(json!({"to": ["bob"], "body": {"any": ["json", 1.50]}}))),
        with("call.get", call_and(json!({"after": 2, "limit": 10}))),
        with("message.send", json!({"to": "bob", "body": "hello"})),
        with("presence.get", json!({"users": ["bob"]})),
        with("presence.watch", json!({"users": [{"uid": 18}]})),
        with("presence.unwatch", json!({"users": []})),
        with("record.list", json!({"before": "12", "limit": 10, "missed": true})),
        with("push.set", json!({"provider": "apns", "kind": "voip", "token": "0a".repeat(32)})),
        with("push.set", json!({"provider": "webhook", "token": "t"})),
        with(
            "push.set",
            json!({"provider": "web", "endpoint": "https://push.example/1", "p256dh": "B", "auth": "A"}),
        ),
        with("push.clear", json!({"provider": "apns", "kind": "alert"})),
        with(
            "media.offer",
            call_and(json!({
                "token": "t", "sdp": "v=0",
                "send": {"0": "mic", "1": "camera", "2": "screen", "3": "screen_audio"},
                "receive": {"4": {"user": "bob", "source": "camera", "width": 640, "height": 360}},
            })),
        ),
        with(
            "media.receive",
            call_and(json!({"receive": {"4": {"user": "bob", "source": "mic"}, "5": null}})),
        ),
        with("media.close", call.clone()),
        with("media.report", call_and(json!({"connected_ms": 80, "first_frame_ms": 300}))),
        with("token.renew", json!({"token": "t"})),
        with("ping", json!({})),
        with("logout", json!({})),
    ]
}

#[test]
fn every_command_is_read_and_written_alike() {
    for frame in every_command() {
        let request = parse(&frame);
        let written: Value = serde_json::from_str(&request.to_frame()).unwrap();
        assert_eq!(written, frame);
        assert_eq!(request.command.name(), frame["do"]);
    }
}

#[test]
fn unknown_fields_and_null_are_as_absent() {
    for mut frame in every_command() {
        let plain = parse(&frame);
        let object = frame.as_object_mut().unwrap();
        object.insert("later".to_owned(), json!({"a": 1}));
        for optional in ["content", "param", "mode", "push", "resume", "after", "missed", "only_me"]
        {
            object.entry(optional).or_insert(Value::Null);
        }
        assert_eq!(parse(&frame), plain);
    }
}

#[test]
fn callees_are_named_in_three_ways() {
    let request = parse(&every_command()[2]);
    let Command::Start(start) = request.command else { panic!("a start") };
    assert_eq!(start.media, Some(Media::Video));
    assert_eq!(start.note.param, Some(7));
    assert_eq!(start.to[1], Target::from(UserRef::Uid(Uid(18))));
    assert_eq!((start.to[2].ring, start.to[2].ring_time), (Some(RingMode::Notify), Some(20)));
}

#[test]
fn a_body_is_kept_to_the_letter() {
    let frame =
        format!(r#"{{"id":1,"do":"call.send","call":"{CALL}","to":"bob","body":{{"n":1.50}}}}"#);
    let Command::Send(send) = Request::parse(&frame).unwrap().command else { panic!("a send") };
    assert_eq!(send.body.json(), r#"{"n":1.50}"#);
    assert_eq!(send.to.unwrap().0.len(), 1);
}

#[test]
fn what_has_no_form_is_a_bad_frame() {
    let deep = format!(r#"{{"id":1,"do":"ping","x":{}1{}}}"#, "[".repeat(32), "]".repeat(32));
    let bad = [
        "",
        "hello",
        "[1,\"ping\"]",
        "null",
        "{",
        r#"{"id":1}"#,
        r#"{"do":"ping"}"#,
        r#"{"id":0,"do":"ping"}"#,
        r#"{"id":-1,"do":"ping"}"#,
        r#"{"id":1.5,"do":"ping"}"#,
        r#"{"id":"1","do":"ping"}"#,
        r#"{"id":9007199254740992,"do":"ping"}"#,
        r#"{"id":1,"do":7}"#,
        r#"{"id":1,"do":"ping"} x"#,
        &deep,
    ];
    for frame in bad {
        let parsed = Request::parse(frame);
        assert!(matches!(parsed, Err(ParseError::BadFrame(_))), "{frame}: {parsed:?}");
    }
    let shallow = deep.replacen('[', "", 1).replacen(']', "", 1);
    assert!(Request::parse(&shallow).is_ok());
    assert!(Request::parse(r#"{"id":1,"do":"ping","x":"[[\"[[{{\\"}"#).is_ok());
    assert!(Request::parse(r#"{"id":9007199254740991,"do":"ping"}"#).is_ok());
}

#[test]
fn a_wrong_value_is_named_by_its_field() {
    let long = "x".repeat(limits::CONTENT_BYTES + 1);
    let body = "x".repeat(limits::BODY_BYTES + 1);
    let crowd: Vec<String> = (0..257).map(|n| format!("u{n}")).collect();
    let name = "n".repeat(65);
    let lines: serde_json::Map<_, _> = (0..65).map(|n| (n.to_string(), json!("mic"))).collect();
    let wrong = [
        ("call.hangup", json!({"call": "nonsense"}), "call"),
        ("call.hangup", json!({"call": 7}), "call"),
        ("call.hangup", json!({}), "call"),
        ("call.hangup", json!({"call": null}), "call"),
        ("call.hangup", json!({"call": CALL, "param": "seven"}), "param"),
        ("call.hangup", json!({"call": CALL, "content": long}), "content"),
        ("call.start", json!({}), "to"),
        ("call.start", json!({"to": "bob"}), "to"),
        ("call.start", json!({"to": ["bob", 7]}), "to[1]"),
        (
            "call.start",
            json!({"to": ["bob", {"user": "eve", "ring_time": "x"}]}),
            "to[1].ring_time",
        ),
        ("call.start", json!({"to": ["bob", {"user": "eve", "ring_time": 4}]}), "to[1].ring_time"),
        ("call.start", json!({"to": ["bob", {"user": "eve", "ring": "loud"}]}), "to[1].ring"),
        ("call.start", json!({"to": [{"uid": 0}]}), "to[0]"),
        ("call.start", json!({"to": [{}]}), "to[0]"),
        ("call.start", json!({"to": [name]}), "to[0]"),
        ("call.start", json!({"to": [""]}), "to[0]"),
        ("call.start", json!({"to": ["bob"], "media": "smell"}), "media"),
        ("call.start", json!({"to": ["bob"], "ring_time": 601}), "ring_time"),
        ("call.start", json!({"to": ["bob"], "reach_time": 601}), "reach_time"),
        ("call.start", json!({"to": ["bob"], "max_time": 0}), "max_time"),
        ("call.start", json!({"to": ["bob"], "forbid": ["fun"]}), "forbid[0]"),
        ("call.start", json!({"to": ["bob"], "policy": {"end": "me"}}), "policy.end"),
        ("call.start", json!({"to": ["bob"], "group": name}), "group"),
        ("call.start", json!({"to": ["bob"], "push": {"badge": "x"}}), "push.badge"),
        ("call.start", json!({"to": ["bob"], "push": {"title": "t".repeat(257)}}), "push.title"),
        (
            "call.invite",
            json!({"call": CALL, "to": ["bob"], "push": {"payload": "p".repeat(2047)}}),
            "push.payload",
        ),
        ("push.set", json!({"provider": "pigeon", "token": "t"}), "provider"),
        ("push.set", json!({"provider": "fcm"}), "token"),
        ("push.set", json!({"provider": "fcm", "token": ""}), "token"),
        ("push.set", json!({"provider": "fcm", "token": "t", "kind": "voip"}), "kind"),
        ("push.set", json!({"provider": "fcm", "token": "t", "auth": "a"}), "auth"),
        ("push.set", json!({"provider": "apns", "token": "00"}), "kind"),
        ("push.set", json!({"provider": "web", "endpoint": "https://p.example"}), "p256dh"),
        ("call.media", json!({"call": CALL}), "media"),
        ("call.send", json!({"call": CALL}), "body"),
        ("call.send", json!({"call": CALL, "body": null}), "body"),
        ("message.send", json!({"to": "bob", "body": body}), "body"),
        ("media.offer", json!({"call": CALL, "sdp": "v=0"}), "token"),
        (
            "media.offer",
            json!({"call": CALL, "token": "t", "sdp": "v=0", "send": {"0": "smell"}}),
            "send.0",
        ),
        ("media.offer", json!({"call": CALL, "token": "t", "sdp": "v=0", "send": lines}), "send"),
        (
            "media.receive",
            json!({"call": CALL, "receive": {"0": {"user": "bob"}}}),
            "receive.0.source",
        ),
        ("media.report", json!({"call": CALL, "failed": name}), "failed"),
        ("message.send", json!({"to": ["bob"], "body": 1}), "to"),
        ("presence.get", json!({"users": crowd}), "users"),
        ("hello", json!({"token": "t"}), "device"),
        ("hello", json!({"token": "t", "device": {}}), "device.id"),
        ("hello", json!({"device": {"id": "d"}}), "token"),
        (
            "hello",
            json!({"token": "t", "device": {"id": "d", "platform": "fridge"}}),
            "device.platform",
        ),
    ];
    for (name, fields, field) in wrong {
        let mut frame = json!({"id": 3, "do": name});
        frame.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let Err(ParseError::Refused { id: 3, error }) = Request::parse(&frame.to_string()) else {
            panic!("{name} {field} must be refused");
        };
        assert_eq!(error.code, ErrorCode::Invalid);
        assert_eq!(error.field.as_deref(), Some(field), "{name}: {}", error.message);
    }
}

#[test]
fn an_unknown_command_is_refused_by_name() {
    let Err(ParseError::Refused { id: 3, error }) = Request::parse(r#"{"id":3,"do":"fly"}"#) else {
        panic!("must be refused");
    };
    assert_eq!(error.code, ErrorCode::UnknownCommand);
    assert!(error.message.contains("\"fly\""));
}

#[test]
fn no_token_is_printed() {
    for frame in every_command() {
        let mut frame = frame;
        if frame.get("token").is_some() {
            frame["token"] = json!("very-secret");
            assert!(!format!("{:?}", parse(&frame)).contains("very-secret"));
        }
    }
}
