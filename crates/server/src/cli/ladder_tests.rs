//! The ladder of a call, as a picture.

use serde_json::{Value, json};

use super::*;

fn info(users: &[&str]) -> CallInfo {
    let people: Vec<_> = users.iter().map(|u| json!({"user": u, "state": "joined"})).collect();
    serde_json::from_value(json!({
        "id": "0198c0de-0000-7000-8000-000000000000", "mode": "call", "kind": "direct",
        "media": "video", "phase": "active", "seq": 4, "caller": users[0],
        "participants": people, "created_at": 1_795_118_400_000_u64,
    }))
    .expect("a call")
}

fn entry(seq: u64, after_ms: u64, event: &Value) -> LogEntry {
    let mut entry = json!({"seq": seq, "at": 1_795_118_400_000 + after_ms});
    let (Value::Object(entry), Value::Object(event)) = (&mut entry, event) else {
        panic!("objects");
    };
    entry.extend(event.clone());
    serde_json::from_value(Value::Object(entry.clone())).expect("an entry")
}

fn created(callees: &[&str]) -> Value {
    let callees: Vec<_> = callees
        .iter()
        .map(|u| {
            json!({"user": u, "uid": null, "ring": "ring", "ring_ms": 1, "told": true,
                   "held": false, "reach": "online"})
        })
        .collect();
    json!({
        "type": "created", "app": "dev", "call": "0198c0de-0000-7000-8000-000000000000",
        "mode": "call", "kind": "direct", "media": "video", "origin": "user",
        "caller": {"user": "alice", "uid": 1, "device": "d0", "told": true, "reach": "online"},
        "callees": callees, "note": {"content": "not for everybody"}, "group": null,
        "channel": null, "forbid": {}, "room": 7,
        "settings": {"ring_ms": 1, "reach_ms": 0, "ack_ms": null, "grace_ms": 1, "max_ms": null,
                     "group_size": 9, "policy": {}},
    })
}

#[test]
fn a_direct_call_is_drawn_from_ring_to_end() {
    let log = [
        entry(1, 0, &created(&["bob"])),
        entry(2, 214, &json!({"type": "ringing", "user": "bob", "device": "d1"})),
        entry(
            3,
            2_500,
            &json!({"type": "accepted", "user": "bob", "device": "d1", "media": "audio",
                    "note": {}}),
        ),
        entry(4, 2_500, &json!({"type": "started"})),
        entry(
            5,
            61_042,
            &json!({"type": "ended", "reason": "completed", "code": 0, "by": "bob",
                    "cause": null, "note": {}}),
        ),
        entry(6, 61_050, &json!({"type": "of_tomorrow", "user": "bob"})),
    ];
    let drawn = ladder(&info(&["alice", "bob"]), &log);
    assert_eq!(
        drawn,
        "call 0198c0de-0000-7000-8000-000000000000  direct video, active\n\
         asked for at 2026-11-19 20:00:00 UTC\n\
         \n\
         \x20      time   seq  alice     bob\n\
         \x20  +0.000 s     1  ●────────▶○         created by user, video\n\
         \x20  +0.214 s     2  │         ●         ringing on d1\n\
         \x20  +2.500 s     3  │         ●         accepted on d1, audio\n\
         \x20  +2.500 s     4  ●         ●         started\n\
         \x20 +61.042 s     5  ○◀────────●         ended: completed, 0\n\
         \x20 +61.050 s     6  │         │         of_tomorrow\n"
    );
    assert!(!drawn.contains("everybody"), "notes are left out");
}

#[test]
fn a_push_is_told_with_what_became_of_it() {
    let pushed = |outcome: &str, more: Value| {
        let mut event = json!({"type": "pushed", "user": "bob", "device": "d1", "provider": "fcm",
                               "news": "invite", "outcome": outcome, "ms": 81});
        let fields = event.as_object_mut().expect("an object");
        fields.extend(more.as_object().expect("an object").clone());
        event
    };
    let log = [
        entry(1, 0, &pushed("late", json!({"status": 503, "why": "UNAVAILABLE"}))),
        entry(2, 0, &pushed("woke", json!({}))),
        entry(3, 0, &pushed("sent", json!({"news": "stop", "status": 200}))),
    ];
    let drawn = ladder(&info(&["alice", "bob"]), &log);
    for line in [
        "○         push to d1 by fcm: late, 503 (UNAVAILABLE), 81 ms",
        "○         d1 connected 81 ms after its push (fcm)",
        "○         stop-ring push to d1 by fcm: sent, 200, 81 ms",
    ] {
        assert!(drawn.contains(line), "{drawn}");
    }
}

#[test]
fn an_arrow_crosses_the_lines_of_others() {
    let log = [entry(
        1,
        0,
        &json!({"type": "added", "by": "alice", "note": {}, "users": [
            {"user": "carol", "uid": null, "ring": "ring", "ring_ms": 1, "told": true,
             "held": false, "reach": "online"}]}),
    )];
    let drawn = ladder(&info(&["alice", "bob", "carol"]), &log);
    assert!(drawn.contains("●─────────┼────────▶○         invited"), "{drawn}");
}

#[test]
fn a_long_name_is_cut() {
    let drawn = ladder(&info(&["a-name-of-more-than-eighteen", "bob"]), &[]);
    assert!(drawn.contains("a-name-of-more-t…"), "{drawn}");
}
