//! Who is free, who is taken, and what a start makes of it: R4 to R7, R15, R16, R20, R21.

mod support;

use serde_json::{Value, json};
use support::{Device, Server, ask, bring, outcome, ring, start, talk};
use tokio::join;

#[tokio::test]
async fn r04_a_start_that_meets_the_others_call_answers_it() {
    let server = Server::start();
    let mut alice = server.device("alice", "a1").await;
    let mut b1 = server.device("bob", "b1").await;
    let mut b2 = server.device("bob", "b2").await;
    let call = start(&mut alice, &["bob"]).await;
    b1.expect("call.invited").await;
    b2.expect("call.invited").await;
    let back = json!({"do": "call.start", "to": ["alice"], "media": "audio", "content": "me too",
        "param": -3, "app_code": 4, "app_flags": 5});
    let ok = b1.ok(back).await;
    assert_eq!(ok["call"], call.as_str());
    assert_eq!((&ok["info"]["id"], &ok["info"]["phase"]), (&json!(call), &json!("active")));
    assert!(ok["info"]["room"]["id"].is_u64());
    let accepted = alice.expect("call.accepted").await;
    assert_eq!((&accepted["user"], &accepted["device"]), (&json!("bob"), &json!("b1")));
    assert_eq!((&accepted["media"], &accepted["content"]), (&json!("audio"), &json!("me too")));
    assert_eq!((&accepted["param"], &accepted["app_code"]), (&json!(-3), &json!(4)));
    assert_eq!(accepted["app_flags"], 5);
    alice.expect("call.started").await;
    b1.expect("call.started").await;
    let elsewhere = b2.expect("call.elsewhere").await;
    assert_eq!((&elsewhere["how"], &elsewhere["device"]), (&json!("accepted"), &json!("b1")));
    alice.expect_nothing().await;
}

#[tokio::test]
async fn r04_media_is_at_most_lowered() {
    let server = Server::start();
    let mut alice = server.device("alice", "a1").await;
    let mut bob = server.device("bob", "b1").await;
    let ok = alice.ok(json!({"do": "call.start", "to": ["bob"], "media": "audio"})).await;
    bob.expect("call.invited").await;
    let back = bob.ok(json!({"do": "call.start", "to": ["alice"], "media": "video"})).await;
    assert_eq!((&back["call"], &back["info"]["media"]), (&ok["call"], &json!("audio")));
    assert_eq!(alice.expect("call.accepted").await["media"], "audio");
}

#[tokio::test]
async fn r04_two_who_call_each_other_at_once_are_in_one_call() {
    let server = Server::start();
    let mut alice = server.device("alice", "a1").await;
    let mut bob = server.device("bob", "b1").await;
    for _ in 0..15 {
        let to_bob = json!({"do": "call.start", "to": ["bob"], "media": "video"});
        let to_alice = json!({"do": "call.start", "to": ["alice"], "media": "video"});
        let (ours, theirs) = join!(alice.ok(to_bob), bob.ok(to_alice));
        assert_eq!(ours["call"], theirs["call"]);
        let call = ours["call"].as_str().expect("an id").to_owned();
        let (first, second) = if ours["info"]["phase"] == "inviting" {
            (&mut alice, &mut bob)
        } else {
            (&mut bob, &mut alice)
        };
        first.expect("call.accepted").await;
        first.expect("call.started").await;
        second.expect("call.invited").await;
        second.expect("call.started").await;
        first.ok(ask("call.hangup", &call)).await;
        first.expect("call.ended").await;
        second.expect("call.ended").await;
        first.expect_nothing().await;
        second.expect_nothing().await;
    }
}

#[tokio::test]
async fn r04_a_mismatch_is_no_glare() {
    let server = Server::start();
    let mut alice = server.device("alice", "a1").await;
    let mut bob = server.device("bob", "b1").await;
    let call = ring(&mut alice, &mut bob).await;
    let group = json!({"do": "call.start", "to": ["alice"], "kind": "group"});
    let error = bob.refused(group, "busy_self").await;
    assert_eq!((&error["call"], &error["number"]), (&json!(call), &json!(100_103)));
    let others = json!({"do": "call.start", "to": ["alice", "carol"]});
    bob.refused(others, "busy_self").await;
    bob.refused(json!({"do": "call.start", "to": ["carol"]}), "busy_self").await;
    alice.ok(ask("call.cancel", &call)).await;
    alice.expect("call.ended").await;
    bob.expect("call.canceled").await;

    // A call the server started is nobody's to be met.
    let body = json!({"from": "alice", "to": ["bob"], "ring_both": true});
    let call = server.api().ok("/v1/calls", body).await["call"].clone();
    alice.expect("call.invited").await;
    bob.expect("call.invited").await;
    let error = bob.refused(json!({"do": "call.start", "to": ["alice"]}), "busy_self").await;
    assert_eq!(error["call"], call);
    alice.expect_nothing().await;
}

#[tokio::test]
async fn r05_a_call_back_replaces_the_call_that_lost_a_side() {
    let server = Server::start();
    let mut alice = server.device("alice", "a1").await;
    let mut bob = server.device("bob", "b1").await;
    let old = talk(&mut alice, &mut bob).await;
    bob.drop_connection();
    assert_eq!(alice.expect("call.dropped").await["user"], "bob");
    let new = start(&mut alice, &["bob"]).await;
    assert_ne!(old, new);
    let ended = alice.expect("call.ended").await;
    assert_eq!(ended["call"], old.as_str());
    assert_eq!(outcome(&ended["ended"]), ("all", "disconnected", 100_106));
    bob.resume(server.address()).await;
    assert_eq!(bob.welcome["calls"][0]["id"], new.as_str());
    let ended = bob.wait_for("call.ended").await;
    assert_eq!((&ended["call"], &ended["ended"]["reason"]), (&json!(old), &json!("disconnected")));
    bob.ok(ask("call.accept", &new)).await;
    assert_eq!(alice.expect("call.accepted").await["call"], new.as_str());
}

#[tokio::test]
async fn r05_the_one_who_dropped_may_call_back_from_another_device() {
    let server = Server::start();
    let mut alice = server.device("alice", "a1").await;
    let mut b1 = server.device("bob", "b1").await;
    let mut b2 = server.device("bob", "b2").await;
    let old = start(&mut alice, &["bob"]).await;
    b1.expect("call.invited").await;
    b2.expect("call.invited").await;
    b1.ok(ask("call.accept", &old)).await;
    b2.expect("call.elsewhere").await;
    alice.wait_for("call.started").await;
    b1.drop_connection();
    alice.expect("call.dropped").await;
    let new = start(&mut b2, &["alice"]).await;
    let ended = alice.expect("call.ended").await;
    assert_eq!((&ended["call"], &ended["ended"]["reason"]), (&json!(old), &json!("disconnected")));
    assert_eq!(alice.expect("call.invited").await["call"], new.as_str());
}

#[tokio::test]
async fn r06_a_caller_who_is_taken_is_refused_and_their_call_untouched() {
    let server = Server::start();
    let mut alice = server.device("alice", "a1").await;
    let mut bob = server.device("bob", "b1").await;
    let mut carol = server.device("carol", "c1").await;
    let call = talk(&mut alice, &mut bob).await;
    for to in [json!(["carol"]), json!(["bob"]), json!(["carol", "dave"])] {
        let error = alice.refused(json!({"do": "call.start", "to": to}), "busy_self").await;
        assert_eq!((&error["call"], &error["number"]), (&json!(call), &json!(100_103)));
    }
    for device in [&mut alice, &mut bob, &mut carol] {
        device.expect_nothing().await;
    }
    alice.ok(ask("call.hangup", &call)).await;
    assert_eq!(alice.expect("call.ended").await["ended"]["reason"], "completed");
}

#[tokio::test]
async fn r07_a_callee_who_is_taken_in_any_phase_is_busy_at_once() {
    let server = Server::start();
    let mut alice = server.device("alice", "a1").await;
    let mut bob = server.device("bob", "b1").await;
    let mut carol = server.device("carol", "c1").await;
    // Bob is rung, then talks; Alice dials, then talks.
    let call = ring(&mut alice, &mut bob).await;
    busy(&mut carol, "bob").await;
    busy(&mut carol, "alice").await;
    bob.ok(ask("call.accept", &call)).await;
    alice.expect("call.accepted").await;
    alice.expect("call.started").await;
    bob.expect("call.started").await;
    let last = busy(&mut carol, "bob").await;
    alice.expect_nothing().await;
    bob.expect_nothing().await;
    let missed = bob.ok(json!({"do": "record.list", "missed": true})).await;
    assert_eq!(missed["records"].as_array().map(Vec::len), Some(2));
    let newest = &missed["records"][0];
    assert_eq!((&newest["call"], &newest["reason"]), (&json!(last), &json!("busy")));
    assert_eq!((&newest["caller"], &newest["code"]), (&json!("carol"), &json!(100_103)));
}

/// Calls someone who is taken: the reply, then the refusal, then the end.
async fn busy(caller: &mut Device, callee: &str) -> String {
    let call = start(caller, &[callee]).await;
    let rejected = caller.expect("call.rejected").await;
    assert_eq!((&rejected["user"], &rejected["reason"]), (&json!(callee), &json!("busy")));
    assert_eq!(rejected["code"], 100_103);
    let ended = caller.expect("call.ended").await;
    assert_eq!(outcome(&ended["ended"]), ("all", "busy", 100_103));
    call
}

#[tokio::test]
async fn r15_a_start_that_cannot_be_is_refused_before_anything_is_written() {
    let server = Server::start_with(&["--calls-group-size", "4"]);
    let mut alice = server.device("alice", "a1").await;
    let mut bob = server.device("bob", "b1").await;
    let long = "é".repeat(4097);
    let cases: [(Value, &str); 14] = [
        (json!({"to": ["alice"]}), "to[0]"),
        (json!({"to": ["bob", "alice"]}), "to[1]"),
        (json!({"to": []}), "to"),
        (json!({}), "to"),
        (json!({"to": ["bob", "bob"]}), "to[1]"),
        (json!({"to": ["bob", "c", "d", "e"]}), "to"),
        (json!({"to": ["bob"], "content": long}), "content"),
        (json!({"to": ["bob"], "ring_time": 4}), "ring_time"),
        (json!({"to": ["bob"], "ring_time": 601}), "ring_time"),
        (json!({"to": [{"user": "bob", "ring_time": 1}]}), "to[0].ring_time"),
        (json!({"to": ["bob"], "max_time": 0}), "max_time"),
        (json!({"to": ["bob", "c"], "kind": "direct"}), "to"),
        (json!({"to": ["bob", "c"], "mode": "invite"}), "to"),
        (json!({"to": ["bob"], "group": "g".repeat(65)}), "group"),
    ];
    for (fields, field) in cases {
        let request = bring("call.start", "", fields.clone());
        let error = alice.refused(request, "invalid").await;
        assert_eq!(error["field"], field, "{fields}: {error}");
    }
    bob.expect_nothing().await;
    alice.expect_nothing().await;
    let records = bob.ok(json!({"do": "record.list"})).await;
    assert_eq!(records["records"], json!([]));

    // Somebody who never was is simply not there.
    start(&mut alice, &["nobody-yet"]).await;
    let rejected = alice.expect("call.rejected").await;
    assert_eq!((&rejected["reason"], &rejected["cause"]), (&json!("offline"), &json!("absent")));
    alice.expect("call.ended").await;
}

#[tokio::test]
async fn r16_who_is_in_already_is_reported_and_not_refused() {
    let server = Server::start();
    let mut alice = server.device("alice", "a1").await;
    let mut bob = server.device("bob", "b1").await;
    let mut carol = server.device("carol", "c1").await;
    let call = talk(&mut alice, &mut bob).await;
    let ok = alice.ok(bring("call.invite", &call, json!({"to": ["bob", "carol"]}))).await;
    assert_eq!(ok["skipped"], json!(["bob"]));
    let added = bob.expect("call.added").await;
    assert_eq!((&added["users"], &added["by"]), (&json!(["carol"]), &json!("alice")));
    carol.expect("call.invited").await;
    alice.expect("call.added").await;
    // Carol is being rung: she is in the call as well.
    let ok = bob.ok(bring("call.invite", &call, json!({"to": ["carol", "alice"]}))).await;
    assert_eq!(ok["skipped"], json!(["carol", "alice"]));
    for device in [&mut alice, &mut bob, &mut carol] {
        device.expect_nothing().await;
    }
}

#[tokio::test]
async fn r20_the_caller_of_a_server_started_call_rings_first() {
    let server = Server::start();
    let api = server.api();
    let mut alice = server.device("alice", "a1").await;
    let mut bob = server.device("bob", "b1").await;
    let body = json!({"from": "alice", "to": ["bob"], "media": "audio", "content": "your ride"});
    let call = api.ok("/v1/calls", body).await["call"].as_str().expect("an id").to_owned();
    let invited = alice.expect("call.invited").await;
    assert_eq!((&invited["call"], &invited["content"]), (&json!(call), &json!("your ride")));
    assert_eq!(invited["info"]["caller"], "alice");
    bob.expect_nothing().await;
    bob.refused(ask("call.accept", &call), "not_in_call").await;
    alice.ok(ask("call.accept", &call)).await;
    let invited = bob.expect("call.invited").await;
    assert_eq!((&invited["from"], &invited["content"]), (&json!("alice"), &json!("your ride")));
    bob.ok(ask("call.accept", &call)).await;
    alice.expect("call.accepted").await;
    alice.expect("call.started").await;
    bob.expect("call.started").await;
    alice.ok(ask("call.hangup", &call)).await;
    alice.expect("call.ended").await;
    bob.expect("call.ended").await;

    let body = json!({"from": "alice", "to": ["bob"]});
    let call = api.ok("/v1/calls", body).await["call"].as_str().expect("an id").to_owned();
    alice.expect("call.invited").await;
    alice.ok(ask("call.reject", &call)).await;
    assert_eq!(alice.expect("call.ended").await["ended"]["reason"], "rejected");
    bob.expect_nothing().await;
}

#[tokio::test]
async fn r20_by_option_both_ring_at_once() {
    let server = Server::start();
    let mut alice = server.device("alice", "a1").await;
    let mut bob = server.device("bob", "b1").await;
    let body = json!({"from": "alice", "to": ["bob"], "ring_both": true});
    let ok = server.api().ok("/v1/calls", body).await;
    let call = ok["call"].as_str().expect("an id").to_owned();
    alice.expect("call.invited").await;
    bob.expect("call.invited").await;
    bob.ok(ask("call.accept", &call)).await;
    bob.expect_nothing().await;
    alice.ok(ask("call.accept", &call)).await;
    bob.expect("call.accepted").await;
    bob.expect("call.started").await;
    alice.expect("call.started").await;
}

#[tokio::test]
async fn r21_a_refused_start_has_claimed_nobody() {
    let server = Server::start();
    let mut alice = server.device("alice", "a1").await;
    let mut bob = server.device("bob", "b1").await;
    let mut carol = server.device("carol", "c1").await;
    let call = talk(&mut alice, &mut bob).await;
    // The caller's claim is looked at first: Carol is neither rung nor taken, nothing is logged.
    alice.refused(json!({"do": "call.start", "to": ["carol"]}), "busy_self").await;
    carol.expect_nothing().await;
    let live = server.api().get("/v1/calls?live").await.1;
    assert_eq!(live["calls"].as_array().map(Vec::len), Some(1));
    assert_eq!(live["calls"][0]["id"], call.as_str());
    assert_eq!(carol.ok(json!({"do": "record.list"})).await["records"], json!([]));
    let mut dave = server.device("dave", "d1").await;
    ring(&mut dave, &mut carol).await;
}
