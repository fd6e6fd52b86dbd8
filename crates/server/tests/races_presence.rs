//! Devices that are away, go away and come back: R8 to R11, R14, R17.

mod support;

use serde_json::{Value, json};
use support::{Device, Server, ask, bring, outcome, ring, start, talk};

#[tokio::test]
async fn r08_an_absent_callee_is_offline_at_once() {
    let server = Server::start();
    let mut alice = server.device("alice", "a1").await;
    start(&mut alice, &["bob"]).await;
    offline(&mut alice, "absent").await;
}

#[tokio::test]
async fn r08_a_reach_time_is_waited_for_and_a_login_in_it_is_rung() {
    let server = Server::start_with(&["--calls-reach-time-s", "1"]);
    let mut alice = server.device("alice", "a1").await;
    let call = start(&mut alice, &["bob"]).await;
    let mut bob = server.device("bob", "b1").await;
    assert_eq!(bob.welcome["calls"][0]["id"], call.as_str());
    bob.ok(ask("call.ringing", &call)).await;
    alice.expect("call.ringing").await;
    alice.ok(ask("call.cancel", &call)).await;
    assert_eq!(bob.expect("call.canceled").await["reason"], "canceled");
    alice.expect("call.ended").await;

    let late = json!({"do": "call.start", "to": ["carol"]});
    alice.ok(late).await;
    alice.expect_nothing().await;
    offline(&mut alice, "absent").await;
}

#[tokio::test]
async fn r08_a_resumable_session_rings() {
    let server = Server::start();
    let mut alice = server.device("alice", "a1").await;
    let mut bob = server.device("bob", "b1").await;
    bob.drop_connection();
    away(&mut alice, "bob").await;
    let call = start(&mut alice, &["bob"]).await;
    alice.expect_nothing().await;
    bob.resume(server.address()).await;
    assert_eq!(bob.welcome["calls"][0]["id"], call.as_str());
    bob.ok(ask("call.accept", &call)).await;
    alice.expect("call.accepted").await;
}

#[tokio::test]
async fn r08_a_callee_who_never_acknowledges_is_offline_and_silent() {
    let server = Server::start_with(&["--calls-ack-time-s", "1"]);
    let mut alice = server.device("alice", "a1").await;
    let mut bob = server.device("bob", "b1").await;
    start(&mut alice, &["bob"]).await;
    bob.expect("call.invited").await;
    offline(&mut alice, "silent").await;
    bob.expect("call.canceled").await;
}

async fn offline(alice: &mut Device, cause: &str) {
    let rejected = alice.expect("call.rejected").await;
    assert_eq!((&rejected["reason"], &rejected["code"]), (&json!("offline"), &json!(100_102)));
    assert_eq!(rejected["cause"], cause);
    let ended = alice.expect("call.ended").await;
    assert_eq!(outcome(&ended["ended"]), ("all", "offline", 100_102));
}

/// Waits until the server knows that the user's connection is gone.
async fn away(watcher: &mut Device, user: &str) {
    let now = watcher.ok(json!({"do": "presence.watch", "users": [user]})).await;
    let mut presence = now["users"][user].clone();
    while presence == "online" || presence == "in_call" {
        presence = watcher.expect("presence").await["users"][user].clone();
    }
    watcher.ok(json!({"do": "presence.unwatch", "users": [user]})).await;
    // What the watch answered may have been told as an event as well.
    watcher.forget("presence");
}

#[tokio::test]
async fn r09_a_callee_whose_last_device_goes_away_is_rung_until_the_ring_time() {
    let server = Server::start_with(&["--calls-ring-time-s", "5"]);
    let mut alice = server.device("alice", "a1").await;
    let mut bob = server.device("bob", "b1").await;
    let call = ring(&mut alice, &mut bob).await;
    bob.drop_connection();
    away(&mut alice, "bob").await;
    alice.expect_nothing().await;
    let b2 = server.device("bob", "b2").await;
    assert_eq!(b2.welcome["calls"][0]["id"], call.as_str());
    assert!(b2.welcome["calls"][0]["ring_left_ms"].as_u64().is_some_and(|ms| ms <= 5000));
    drop(b2);
    let rejected = alice.wait_for("call.rejected").await;
    assert_eq!(rejected["reason"], "timeout");
    let ended = alice.expect("call.ended").await;
    assert_eq!(outcome(&ended["ended"]), ("all", "timeout", 100_105));
    bob.resume(server.address()).await;
    assert_eq!(bob.expect("call.canceled").await["reason"], "timeout");
}

#[tokio::test]
async fn r10_a_caller_who_goes_away_while_it_rings_has_the_grace_time() {
    let server = Server::start_with(&["--calls-grace-s", "1"]);
    let mut alice = server.device("alice", "a1").await;
    let mut bob = server.device("bob", "b1").await;
    let call = ring(&mut alice, &mut bob).await;
    alice.drop_connection();
    let canceled = bob.expect("call.canceled").await;
    assert_eq!((&canceled["reason"], &canceled["code"]), (&json!("canceled"), &json!(100_101)));
    alice.resume(server.address()).await;
    let ended = alice.wait_for("call.ended").await;
    assert_eq!(outcome(&ended["ended"]), ("all", "canceled", 100_101));
    assert_eq!(ended["ended"]["cause"], "disconnected");
    bob.refused(ask("call.accept", &call), "not_in_call").await;
}

#[tokio::test]
async fn r10_a_caller_who_comes_back_in_time_goes_on_calling() {
    let server = Server::start();
    let mut alice = server.device("alice", "a1").await;
    let mut bob = server.device("bob", "b1").await;
    let call = ring(&mut alice, &mut bob).await;
    alice.drop_connection();
    let path = format!("/v1/calls/{call}");
    let api = server.api();
    while api.get(&path).await.1["info"]["participants"][0]["state"] != "dropped" {
        bob.ok(json!({"do": "ping"})).await;
    }
    alice.resume(server.address()).await;
    bob.ok(ask("call.accept", &call)).await;
    alice.wait_for("call.accepted").await;
    alice.expect("call.started").await;
    bob.expect("call.started").await;
}

#[tokio::test]
async fn r11_who_comes_back_in_time_is_restored_and_has_missed_nothing() {
    let server = Server::start();
    let mut alice = server.device("alice", "a1").await;
    let mut bob = server.device("bob", "b1").await;
    let call = talk(&mut alice, &mut bob).await;
    bob.drop_connection();
    let dropped = alice.expect("call.dropped").await;
    assert_eq!((&dropped["user"], &dropped["device"]), (&json!("bob"), &json!("b1")));
    alice.ok(bring("call.media", &call, json!({"media": "audio"}))).await;
    let changed = alice.expect("call.media_changed").await;
    bob.resume(server.address()).await;
    assert_eq!(bob.welcome["resumed"], true);
    assert_eq!(bob.welcome["calls"][0]["id"], call.as_str());
    let missed = bob.expect("call.media_changed").await;
    assert_eq!(missed["seq"], changed["seq"]);
    let restored = alice.expect("call.restored").await;
    assert_eq!(restored["user"], "bob");
    bob.ok(ask("call.hangup", &call)).await;
    assert_eq!(alice.expect("call.ended").await["ended"]["reason"], "completed");
    bob.expect("call.ended").await;
}

#[tokio::test]
async fn r11_who_stays_away_is_lost_after_the_grace() {
    let server = Server::start_with(&["--calls-grace-s", "1"]);
    let mut alice = server.device("alice", "a1").await;
    let mut bob = server.device("bob", "b1").await;
    let mut carol = server.device("carol", "c1").await;
    let call = talk(&mut alice, &mut bob).await;
    bob.ok(bring("call.invite", &call, json!({"to": ["carol"]}))).await;
    carol.expect("call.invited").await;
    carol.ok(ask("call.accept", &call)).await;
    alice.wait_for("call.joined").await;
    bob.wait_for("call.joined").await;

    carol.drop_connection();
    for device in [&mut alice, &mut bob] {
        assert_eq!(device.expect("call.dropped").await["user"], "carol");
        let left = device.expect("call.left").await;
        assert_eq!((&left["user"], &left["reason"]), (&json!("carol"), &json!("lost")));
    }
    carol.resume(server.address()).await;
    let ended = carol.wait_for("call.ended").await;
    assert_eq!(outcome(&ended["ended"]), ("you", "disconnected", 100_106));

    bob.drop_connection();
    alice.expect("call.dropped").await;
    let ended = alice.wait_for("call.ended").await;
    assert_eq!(outcome(&ended["ended"]), ("all", "disconnected", 100_106));
    bob.resume(server.address()).await;
    let ended = bob.wait_for("call.ended").await;
    assert_eq!(ended["ended"]["reason"], "disconnected");
    bob.expect_nothing().await;
}

#[tokio::test]
async fn r14_the_same_command_again_gets_the_first_answer_and_does_nothing_twice() {
    let server = Server::start();
    let mut alice = server.device("alice", "a1").await;
    let mut bob = server.device("bob", "b1").await;
    let request = json!({"do": "call.start", "to": ["bob"], "media": "audio"});
    // Twice without waiting, then again, then over another connection.
    alice.send_as(50, request.clone()).await;
    alice.send_as(50, request.clone()).await;
    let first = alice.reply(50).await;
    assert!(first["ok"].is_object(), "{first}");
    assert_eq!(alice.reply(50).await, first);
    bob.expect("call.invited").await;
    alice.send_as(50, request.clone()).await;
    assert_eq!(alice.reply(50).await, first);
    alice.resume(server.address()).await;
    alice.send_as(50, request).await;
    assert_eq!(alice.reply(50).await, first);
    bob.expect_nothing().await;

    // A refusal is remembered too.
    let call = first["ok"]["call"].as_str().expect("an id").to_owned();
    let wrong = json!({"do": "call.start", "to": ["carol"]});
    alice.send_as(60, wrong.clone()).await;
    let refused = alice.reply(60).await;
    assert_eq!(refused["error"]["code"], "busy_self");
    alice.ok(ask("call.cancel", &call)).await;
    alice.send_as(60, wrong).await;
    assert_eq!(alice.reply(60).await, refused);
}

#[tokio::test]
async fn r14_a_refusal_that_passes_is_not_the_last_word() {
    let server = Server::start_with(&["--limits-calls-per-user", "1"]);
    let mut alice = server.device("alice", "a1").await;
    let mut bob = server.device("bob", "b1").await;
    let first = alice.ok(json!({"do": "call.start", "to": ["bob"], "mode": "invite"})).await;
    let again = json!({"do": "call.start", "to": ["bob"], "mode": "invite"});
    alice.send_as(70, again.clone()).await;
    assert_eq!(alice.reply(70).await["error"]["code"], "overloaded");
    alice.ok(ask("call.cancel", first["call"].as_str().expect("an id"))).await;
    alice.send_as(70, again).await;
    let second = alice.reply(70).await;
    assert!(second["ok"].is_object(), "the same request may succeed later: {second}");
    assert_eq!(bob.wait_for("call.invited").await["call"], first["call"]);
    assert_eq!(bob.wait_for("call.invited").await["call"], second["ok"]["call"]);
}

#[tokio::test]
async fn r17_the_same_device_again_replaces_the_older_connection() {
    let server = Server::start();
    let mut alice = server.device("alice", "a1").await;
    let mut older = server.device("bob", "b1").await;
    let call = talk(&mut alice, &mut older).await;
    let mut newer = server.device("bob", "b1").await;
    assert_eq!(newer.welcome["calls"][0]["id"], call.as_str());
    older.expect("session.replaced").await;
    let closed = older.expect_close().await;
    assert_eq!(closed.code, 4409);
    assert!(!closed.reason.is_empty());
    newer.ok(bring("call.state", &call, json!({"audio": false}))).await;
    assert_eq!(alice.wait_for("call.state").await["audio"], Value::Bool(false));
    alice.ok(ask("call.hangup", &call)).await;
    alice.expect("call.ended").await;
    assert_eq!(newer.wait_for("call.ended").await["call"], call.as_str());
    // The older one's end came after the newer one's beginning, and took nothing with it.
    newer.expect_nothing().await;
}
