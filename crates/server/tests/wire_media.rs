//! `media.*` over a real socket: who may offer, and how what is wrong is refused. That media flows
//! is tested with real browsers (web/) and in `crates/media`.

mod support;

use serde_json::{Value, json};
use support::{Device, Server, bring, ring, talk};

/// Two in an active call, and the room as the first was told of it.
async fn talking(server: &Server) -> (Device, Device, String, Value) {
    let mut alice = server.device("alice", "a1").await;
    let mut bob = server.device("bob", "b1").await;
    let call = talk(&mut alice, &mut bob).await;
    let mut whole = alice.ok(bring("call.get", &call, json!({}))).await;
    let room = whole["info"]["room"].take();
    (alice, bob, call, room)
}

fn offer(call: &str, token: &Value, more: &Value) -> Value {
    let mut fields = json!({"token": token, "sdp": "v=0\r\n"});
    let (all, more) = (fields.as_object_mut().expect("an object"), more.as_object());
    all.extend(more.expect("an object").clone());
    bring("media.offer", call, fields)
}

#[tokio::test]
async fn only_the_device_in_the_call_enters_with_its_own_token() {
    let server = Server::start();
    let (mut alice, mut bob, call, room) = talking(&server).await;
    let mut other = server.device("alice", "a2").await;
    let mut eve = server.device("eve", "e1").await;

    let error = alice.refused(offer(&call, &json!("made-up"), &json!({})), "unauthorized").await;
    assert!(error["message"].as_str().unwrap().contains("room"), "{error}");
    bob.refused(offer(&call, &room["token"], &json!({})), "unauthorized").await;
    other.refused(offer(&call, &room["token"], &json!({})), "not_in_call").await;
    eve.refused(offer(&call, &room["token"], &json!({})), "not_in_call").await;

    // R18: the token dies with the move.
    other.ok(bring("call.move", &call, json!({"from": "a1"}))).await;
    alice.expect("call.elsewhere").await;
    alice.refused(offer(&call, &room["token"], &json!({})), "not_in_call").await;
    other.refused(offer(&call, &room["token"], &json!({})), "unauthorized").await;
}

#[tokio::test]
async fn what_is_wrong_with_an_offer_is_named() {
    let server = Server::start();
    let (mut alice, _bob, call, room) = talking(&server).await;
    let token = &room["token"];
    for (more, field) in [
        (json!({}), "sdp"),
        (json!({"sdp": "no description"}), "sdp"),
        (json!({"send": {"much too long for a mid": "mic"}}), "send.much too long for a mid"),
        (json!({"receive": {"1": {"user": "eve", "source": "mic"}}}), "receive.1.user"),
        (json!({"receive": {"": {"user": "bob", "source": "mic"}}}), "receive."),
    ] {
        let error = alice.refused(offer(&call, token, &more), "invalid").await;
        assert_eq!(error["field"], field, "{error}");
    }
    let nothing = json!({"receive": {"0": null}});
    let error = alice.refused(bring("media.receive", &call, nothing), "invalid").await;
    assert!(error["message"].as_str().unwrap().contains("media.offer"), "{error}");
    assert_eq!(alice.ok(bring("media.close", &call, json!({}))).await, json!({}));
    // Nothing of it disturbed the call.
    alice.ok(bring("call.hangup", &call, json!({}))).await;
    assert_eq!(alice.expect("call.ended").await["ended"]["reason"], "completed");
}

#[tokio::test]
async fn there_is_no_room_before_an_answer() {
    let server = Server::start();
    let mut alice = server.device("alice", "a1").await;
    let mut bob = server.device("bob", "b1").await;
    let call = ring(&mut alice, &mut bob).await;
    let error = alice.refused(offer(&call, &json!("t"), &json!({})), "invalid").await;
    assert_eq!(error["field"], "call");
}

#[tokio::test]
async fn a_server_without_media_says_so() {
    let server = Server::start_with(&["--media-enabled", "false"]);
    let (mut alice, _bob, call, room) = talking(&server).await;
    assert_eq!(room["media"], "external");
    assert_eq!(room["token"], Value::Null);
    let error = alice.refused(offer(&call, &json!("t"), &json!({})), "unavailable").await;
    assert!(error["message"].as_str().unwrap().contains("app's own"), "{error}");
}

#[tokio::test]
async fn relays_are_told_with_credentials_that_expire() {
    let server = Server::start_with(&[
        "--media-turn-urls",
        r#"["turn:turn.example.com:3478"]"#,
        "--media-turn-secret",
        "0123456789abcdef0123456789abcdef",
    ]);
    let (_alice, _bob, _call, room) = talking(&server).await;
    let [relay] = &room["ice_servers"].as_array().expect("relays")[..] else { panic!("{room}") };
    assert_eq!(relay["urls"], json!(["turn:turn.example.com:3478"]));
    let username = relay["username"].as_str().expect("a name");
    let (until, user) = username.split_once(':').expect("until when, and who");
    assert_eq!(user, "alice");
    assert!(until.parse::<u64>().expect("a time") > 1_700_000_000);
    assert!(relay["credential"].as_str().is_some_and(|text| text.len() == 28), "{relay}");
}

#[tokio::test]
async fn what_a_device_reports_stands_in_the_log() {
    let server = Server::start();
    let (mut alice, _bob, call, _) = talking(&server).await;
    let report = json!({"connected_ms": 80, "first_frame_ms": 300});
    alice.ok(bring("media.report", &call, report.clone())).await;
    alice.ok(bring("media.report", &call, report)).await;
    let whole = alice.ok(bring("call.get", &call, json!({}))).await;
    let reported: Vec<_> = whole["log"]
        .as_array()
        .expect("a log")
        .iter()
        .filter(|entry| entry["type"] == "media_reported")
        .collect();
    let [entry] = reported[..] else { panic!("one entry: {whole}") };
    assert_eq!((&entry["connected_ms"], &entry["first_frame_ms"]), (&json!(80), &json!(300)));
    assert_eq!(entry["user"], "alice");
}
