//! Why connections are closed, by close code, and that whoever did nothing wrong stays.

mod support;

use std::time::{Duration, Instant};

use serde_json::json;
use support::{Closed, Device, RawSocket, Server};
use tokio_tungstenite::tungstenite::Message;

/// A connection that has not said hello.
async fn stranger(server: &Server) -> Device {
    Device::connect(server.address(), json!({"device": {"id": "d"}})).await
}

fn assert_closed(closed: &Closed, code: u16) {
    assert_eq!(closed.code, code, "{closed:?}");
    assert!(!closed.reason.is_empty(), "the close reason says what was wrong");
}

#[tokio::test]
async fn frames_that_are_no_request_are_4400_before_and_after_hello() {
    let server = Server::start();
    let deep = format!(r#"{{"id":1,"do":"ping","x":{}{}}}"#, "[".repeat(40), "]".repeat(40));
    let wide = format!(r#"{{"id":1,"do":"ping","x":"{}"}}"#, "x".repeat(256 * 1024));
    let huge = "x".repeat(900 * 1024);
    let bad = [
        "",
        "hello",
        "null",
        "7",
        "[]",
        r#"[{"id":1,"do":"ping"}]"#,
        r#"{"id":1,"do":"ping""#,
        r#"{"id":1,"do":"ping"} {}"#,
        "{}",
        r#"{"do":"ping"}"#,
        r#"{"id":1}"#,
        r#"{"id":0,"do":"ping"}"#,
        r#"{"id":-1,"do":"ping"}"#,
        r#"{"id":1.5,"do":"ping"}"#,
        r#"{"id":"1","do":"ping"}"#,
        r#"{"id":9007199254740992,"do":"ping"}"#,
        r#"{"id":1,"do":7}"#,
        r#"{"id":1,"id":2,"do":"ping"}"#,
        deep.as_str(),
        wide.as_str(),
        huge.as_str(),
    ];
    let mut bob = server.device("bob", "b1").await;
    for (i, text) in bad.iter().enumerate() {
        let mut device = stranger(&server).await;
        device.send_text(text).await;
        assert_closed(&device.expect_close().await, 4400);
        let mut device = server.device("alice", &format!("a{i}")).await;
        device.send_text(text).await;
        assert_closed(&device.expect_close().await, 4400);
        let ended = device.session().to_owned();
        device.resume(server.address()).await;
        assert_eq!(device.session(), ended, "a bad frame costs the connection, not the session");
        device.ok(json!({"do": "logout"})).await;
    }
    for mut device in [stranger(&server).await, server.device("alice", "a").await] {
        device.send_message(Message::binary(br#"{"id":1,"do":"ping"}"#.to_vec())).await;
        assert_closed(&device.expect_close().await, 4400);
    }
    bob.expect_nothing().await;
}

#[tokio::test]
async fn the_largest_frame_and_the_largest_id_are_taken() {
    let server = Server::start();
    let mut alice = server.device("alice", "a1").await;
    let empty = json!({"id": 2, "do": "ping", "x": ""}).to_string().len();
    let fill = "x".repeat(256 * 1024 - empty);
    alice.ok(json!({"do": "ping", "x": fill})).await;
    alice.send_as((1 << 53) - 1, json!({"do": "ping"})).await;
    assert_eq!(alice.reply((1 << 53) - 1).await["ok"], json!({}));
}

#[tokio::test]
async fn a_refused_hello_is_answered_then_closed_with_4401() {
    let server = Server::start();
    let device = json!({"id": "d"});
    for (hello, code) in [
        (json!({"do": "hello", "token": "x", "device": device}), "unauthorized"),
        (json!({"do": "hello", "device": device}), "invalid"),
        (json!({"do": "hello", "token": "x"}), "invalid"),
        (json!({"do": "ping"}), "unauthorized"),
        (json!({"do": "call.start", "to": ["bob"]}), "unauthorized"),
        (json!({"do": "nonsense"}), "unknown_command"),
    ] {
        let mut stranger = stranger(&server).await;
        stranger.refused(hello, code).await;
        assert_closed(&stranger.expect_close().await, 4401);
    }
    let mut alice = server.device("alice", "a1").await;
    server.api().ok("/v1/users/alice/logout", json!({})).await;
    assert_closed(&alice.expect_close().await, 4401);
}

#[tokio::test]
async fn who_says_no_hello_is_4408() {
    let server = Server::start_with(&["--limits-hello-s", "1"]);
    let mut quiet = stranger(&server).await;
    let mut chatty = stranger(&server).await;
    chatty.send_message(Message::Ping(Vec::new().into())).await;
    let from = Instant::now();
    assert_closed(&quiet.expect_close().await, 4408);
    assert!(from.elapsed() < Duration::from_secs(5));
    assert_closed(&chatty.expect_close().await, 4408);
    let mut alice = server.device("alice", "a1").await;
    alice.expect_nothing().await;
}

#[tokio::test]
async fn the_same_device_again_makes_the_older_4409() {
    let server = Server::start();
    let mut old = server.device("alice", "a1").await;
    let mut other = server.device("alice", "a2").await;
    let mut new = server.device("alice", "a1").await;
    old.expect("session.replaced").await;
    assert_closed(&old.expect_close().await, 4409);
    assert_ne!(old.session(), new.session());
    new.expect_nothing().await;
    other.expect_nothing().await;

    let mut bob = server.device("bob", "b1").await;
    bob.ok(json!({"do": "message.send", "to": "alice", "body": 1})).await;
    new.expect("message").await;
    // A resume of a session that is still connected takes it over.
    let hello = json!({"do": "hello", "login": {"app": "dev", "user": "alice"},
                       "device": {"id": "a1"}, "resume": {"session": new.session()}});
    let mut resumed = Device::connect(server.address(), hello.clone()).await;
    assert_eq!(resumed.ok(hello).await["resumed"], true);
    new.expect("session.replaced").await;
    assert_closed(&new.expect_close().await, 4409);
}

#[tokio::test]
async fn a_reader_that_never_reads_is_cut_off_and_nobody_else_notices() {
    // However fast the server takes them, the requests stay below its limits.
    let server = Server::start_with(&[
        "--limits-requests-per-s",
        "100000",
        "--limits-requests-burst",
        "100000",
    ]);
    let mut alice = server.device("alice", "a1").await;
    let mut bob = server.device("bob", "b1").await;
    let mut deaf = RawSocket::open(server.address(), true).await;
    deaf.send(&json!({"id": 1, "do": "hello", "login": {"app": "dev", "user": "deaf"},
                      "device": {"id": "d1"}}))
        .await;
    assert!(!deaf.ping().await, "the first frame is the answer to hello; it reads no other");
    alice.ok(json!({"do": "presence.watch", "users": ["deaf"]})).await;
    let content = "x".repeat(8192);
    let start = json!({"do": "call.start", "to": ["deaf"], "mode": "invite", "content": content});
    let call = alice.ok(start).await["call"].take();
    // Each answer holds the note twice.
    let (mut id, begun) = (1, std::time::Instant::now());
    while deaf.try_send(&json!({"id": id + 1, "do": "call.get", "call": call})).await {
        id += 1;
        assert!(begun.elapsed() < 3 * support::PATIENCE, "it was never cut off");
        if id % 100 == 0 {
            alice.ok(json!({"do": "message.send", "to": "bob", "body": id})).await;
            assert_eq!(bob.expect("message").await["body"], id);
        }
    }
    assert_eq!(alice.expect("presence").await["users"], json!({"deaf": "unreachable"}));
    let mut back = server.device("deaf", "d1").await;
    assert_eq!(back.welcome["calls"][0]["id"], call, "and it may come back");
    assert_eq!(alice.expect("presence").await["users"], json!({"deaf": "online"}));
    back.expect_nothing().await;
    alice.expect_nothing().await;
}

#[tokio::test]
async fn a_device_too_fast_is_told_when_to_try_again_and_then_closed_with_4429() {
    let server =
        Server::start_with(&["--limits-requests-per-s", "1", "--limits-requests-burst", "5"]);
    let mut bob = server.device("bob", "b1").await;
    let mut alice = server.device("alice", "a1").await;
    let refused = loop {
        let reply = alice.request(json!({"do": "ping"})).await;
        if reply["error"].is_object() {
            break reply["error"].clone();
        }
    };
    assert_eq!(refused["code"], "rate_limited");
    assert!(refused["retry_ms"].as_u64().is_some_and(|ms| (1..=1000).contains(&ms)), "{refused}");
    for _ in 0..300 {
        if !alice.try_send(json!({"do": "ping"})).await {
            break;
        }
    }
    assert_closed(&alice.expect_close().await, 4429);
    bob.ok(json!({"do": "ping"})).await;
    let session = alice.session().to_owned();
    alice.resume(server.address()).await;
    assert_eq!(alice.session(), session, "resume is fine");
}

#[tokio::test]
async fn draining_is_announced_then_4503() {
    let mut server = Server::start();
    let mut alice = server.device("alice", "a1").await;
    let mut quiet = stranger(&server).await;
    server.signal("TERM");
    alice.expect("server.draining").await;
    assert_closed(&alice.expect_close().await, 4503);
    assert_closed(&quiet.expect_close().await, 4503);
    assert!(server.wait_for_exit(Duration::from_secs(15)).success());
}

#[tokio::test]
async fn a_device_in_a_call_that_answers_no_ping_is_lost_and_the_other_stays() {
    let pings = silent_in_a_call(true).await;
    assert!(pings >= 2, "two are missed, not {pings}");
}

#[tokio::test]
async fn a_device_in_a_call_whose_socket_is_full_is_lost_as_well() {
    silent_in_a_call(false).await;
}

/// bob enters a call and then answers nothing; he may read. Returns the pings he saw.
async fn silent_in_a_call(reads: bool) -> u32 {
    let server = Server::start_with(&["--calls-grace-s", "1"]);
    let mut alice = server.device("alice", "a1").await;
    let mut bob = RawSocket::open(server.address(), !reads).await;
    let login = json!({"app": "dev", "user": "bob"});
    bob.send(&json!({"id": 1, "do": "hello", "login": login, "device": {"id": "b1"}})).await;
    assert!(!bob.ping().await, "the answer to hello");
    let call = alice.ok(json!({"do": "call.start", "to": ["bob"]})).await["call"].take();
    bob.send(&json!({"id": 2, "do": "call.accept", "call": call})).await;
    alice.wait_for("call.started").await;
    let from = Instant::now();
    if !reads {
        // Not even a ping goes out to him any more.
        let body = "x".repeat(32_000);
        for _ in 0..150 {
            alice.ok(json!({"do": "call.send", "call": call, "body": body})).await;
        }
    }
    let mut pings = 0;
    let dropped = loop {
        tokio::select! {
            event = alice.next() => break event,
            ping = bob.ping(), if reads => pings += u32::from(ping),
        }
    };
    assert_eq!((&dropped["ev"], &dropped["user"]), (&json!("call.dropped"), &json!("bob")));
    // Pings at 5 and 10 s; a third is not waited for.
    let after = from.elapsed();
    assert!((Duration::from_secs(9)..Duration::from_secs(18)).contains(&after), "{after:?}");
    assert_eq!(alice.wait_for("call.ended").await["ended"]["cause"], "disconnected");
    pings
}
