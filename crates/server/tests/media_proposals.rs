//! Audio ↔ video in a direct call (R19).

mod support;

use std::time::Duration;

use serde_json::{Value, json};
use support::{Device, Server, bring, talk};

fn media(call: &str, media: &str) -> Value {
    bring("call.media", call, json!({ "media": media }))
}

fn answer(call: &str, accept: bool) -> Value {
    bring("call.media_answer", call, json!({ "accept": accept }))
}

/// Two in an audio call that began as video: lowering is immediate, and both are told.
async fn lowered(server: &Server) -> (Device, Device, String) {
    let mut alice = server.device("alice", "a1").await;
    let mut bob = server.device("bob", "b1").await;
    let call = talk(&mut alice, &mut bob).await;
    bob.ok(media(&call, "audio")).await;
    for device in [&mut alice, &mut bob] {
        let changed = device.expect("call.media_changed").await;
        assert_eq!((&changed["user"], &changed["media"]), (&json!("bob"), &json!("audio")));
    }
    (alice, bob, call)
}

#[tokio::test]
async fn r19_lowering_is_immediate_and_raising_waits_for_consent() {
    let server = Server::start();
    let (mut alice, mut bob, call) = lowered(&server).await;

    alice.ok(media(&call, "video")).await;
    let proposed = bob.expect("call.media_proposed").await;
    assert_eq!((&proposed["user"], &proposed["media"]), (&json!("alice"), &json!("video")));
    alice.expect_nothing().await;
    bob.ok(answer(&call, false)).await;
    let refused = alice.expect("call.media_refused").await;
    assert_eq!(refused["media"], "video");
    bob.expect_nothing().await;
    bob.refused(answer(&call, true), "invalid").await;

    alice.ok(media(&call, "video")).await;
    bob.expect("call.media_proposed").await;
    alice.refused(answer(&call, true), "invalid").await;
    bob.ok(answer(&call, true)).await;
    for device in [&mut alice, &mut bob] {
        assert_eq!(device.expect("call.media_changed").await["media"], "video");
    }
    let info = alice.ok(json!({"do": "call.get", "call": call})).await;
    assert_eq!(info["info"]["media"], "video");
}

#[tokio::test]
async fn r19_equal_proposals_that_cross_are_consent() {
    let server = Server::start();
    let (mut alice, mut bob, call) = lowered(&server).await;
    let (a, b) =
        tokio::join!(alice.request(media(&call, "video")), bob.request(media(&call, "video")));
    assert!(a["ok"].is_object() && b["ok"].is_object(), "{a} {b}");
    for device in [&mut alice, &mut bob] {
        assert_eq!(device.wait_for("call.media_changed").await["media"], "video");
        device.expect_nothing().await;
    }
}

#[tokio::test]
async fn r19_a_newer_proposal_replaces_the_older() {
    let server = Server::start();
    let (mut alice, mut bob, call) = lowered(&server).await;
    alice.ok(media(&call, "video")).await;
    let older = bob.expect("call.media_proposed").await;
    alice.ok(media(&call, "video")).await;
    let newer = bob.expect("call.media_proposed").await;
    assert!(newer["seq"].as_u64() > older["seq"].as_u64());
    // Asking for what there is takes it back.
    alice.ok(media(&call, "audio")).await;
    bob.refused(answer(&call, true), "invalid").await;
}

#[tokio::test]
async fn r19_a_drop_withdraws_a_proposal() {
    let server = Server::start();
    let (mut alice, mut bob, call) = lowered(&server).await;
    alice.ok(media(&call, "video")).await;
    bob.expect("call.media_proposed").await;
    bob.drop_connection();
    let refused = alice.expect("call.media_refused").await;
    assert_eq!(refused["cause"], "dropped");
    alice.expect("call.dropped").await;
    bob.resume(server.address()).await;
    alice.expect("call.restored").await;
    bob.refused(answer(&call, true), "invalid").await;

    bob.ok(media(&call, "video")).await;
    alice.expect("call.media_proposed").await;
    bob.drop_connection();
    alice.expect("call.dropped").await;
    alice.refused(answer(&call, true), "invalid").await;
}

#[tokio::test]
async fn r19_a_proposal_nobody_answers_lapses_after_half_a_minute() {
    let server = Server::start();
    let (mut alice, mut bob, call) = lowered(&server).await;
    alice.ok(media(&call, "video")).await;
    let proposed = bob.expect("call.media_proposed").await;
    // Both keep reading: an idle reader would be taken for lost.
    let told = tokio::time::timeout(Duration::from_secs(45), async {
        tokio::select! {
            refused = alice.wait_long_for("call.media_refused") => refused,
            _ = bob.wait_long_for("no such event") => Value::Null,
        }
    });
    let refused = told.await.expect("told in time");
    assert_eq!(refused["cause"], "timeout");
    let waited = refused["at"].as_u64().zip(proposed["at"].as_u64()).map(|(b, a)| b - a);
    assert!(waited.is_some_and(|ms| (30_000..33_000).contains(&ms)), "{waited:?}");
    bob.refused(answer(&call, true), "invalid").await;
}

#[tokio::test]
async fn r19_is_for_active_direct_calls() {
    let server = Server::start();
    let mut alice = server.device("alice", "a1").await;
    let mut bob = server.device("bob", "b1").await;
    let mut carol = server.device("carol", "c1").await;
    let call = support::ring(&mut alice, &mut bob).await;
    alice.refused(media(&call, "audio"), "forbidden").await;
    bob.refused(media(&call, "audio"), "not_in_call").await;
    carol.refused(media(&call, "audio"), "not_in_call").await;
    bob.expect_nothing().await;
}
