//! `kill -9` and restart: calls go on, devices resume, nothing is told twice or not at all.

mod support;

use serde_json::json;
use support::{Server, ask, bring, outcome, ring, talk};

#[tokio::test]
async fn a_ringing_call_survives_the_death_of_the_server() {
    let mut server = Server::start();
    let mut alice = server.device("alice", "a1").await;
    let mut b1 = server.device("bob", "b1").await;
    let call = ring(&mut alice, &mut b1).await;
    server.kill();
    server.restart();
    alice.resume(server.address()).await;
    assert_eq!(alice.welcome["resumed"], true);
    assert_eq!(alice.welcome["calls"][0]["id"], call.as_str());
    b1.resume(server.address()).await;
    assert_eq!(b1.welcome["calls"][0]["phase"], "inviting");
    // A device that was not there before is offered it too.
    let mut b2 = server.device("bob", "b2").await;
    assert_eq!(b2.welcome["calls"][0]["id"], call.as_str());
    b2.ok(ask("call.accept", &call)).await;
    assert_eq!(alice.wait_for("call.accepted").await["device"], "b2");
    alice.expect("call.started").await;
    b2.wait_for("call.started").await;
    assert_eq!(b1.wait_for("call.elsewhere").await["device"], "b2");
    alice.ok(ask("call.hangup", &call)).await;
    for device in [&mut alice, &mut b2] {
        assert_eq!(device.expect("call.ended").await["ended"]["reason"], "completed");
    }
    assert_eq!(alice.record().await["record"]["call"], call.as_str());
}

#[tokio::test]
async fn a_running_call_survives_and_grace_counts_from_the_restart() {
    let mut server = Server::start_with(&["--calls-grace-s", "3"]);
    let mut alice = server.device("alice", "a1").await;
    let mut bob = server.device("bob", "b1").await;
    let call = talk(&mut alice, &mut bob).await;
    let room = alice.ok(ask("call.get", &call)).await["info"]["room"]["id"].clone();
    server.kill();
    server.restart();
    alice.resume(server.address()).await;
    assert_eq!(alice.welcome["calls"][0]["room"]["id"], room);
    bob.resume(server.address()).await;
    assert_eq!(alice.wait_for("call.restored").await["user"], "bob");
    alice.ok(bring("call.media", &call, json!({"media": "audio"}))).await;
    assert_eq!(bob.wait_for("call.media_changed").await["media"], "audio");

    // Whoever does not come back is lost.
    server.kill();
    server.restart();
    alice.resume(server.address()).await;
    let ended = alice.wait_for("call.ended").await;
    assert_eq!(outcome(&ended["ended"]), ("all", "disconnected", 100_106));
    assert_eq!(ended["ended"]["by"], "bob");
}

#[tokio::test]
async fn what_a_device_missed_follows_its_hello_in_order() {
    let mut server = Server::start();
    let mut alice = server.device("alice", "a1").await;
    let mut bob = server.device("bob", "b1").await;
    let call = ring(&mut alice, &mut bob).await;
    alice.drop_connection();
    bob.ok(ask("call.accept", &call)).await;
    bob.ok(bring("call.media", &call, json!({"media": "audio"}))).await;
    server.kill();
    server.restart();
    alice.resume(server.address()).await;
    let mut seqs = Vec::new();
    for name in ["call.accepted", "call.started", "call.media_changed"] {
        seqs.push(alice.wait_for(name).await["seq"].as_u64());
    }
    assert!(seqs.is_sorted(), "{seqs:?}");
    bob.resume(server.address()).await;
    bob.ok(ask("call.hangup", &call)).await;
    assert_eq!(alice.wait_for("call.ended").await["ended"]["by"], "bob");
}

#[tokio::test]
async fn deadlines_that_passed_while_it_was_down_fire_at_the_start() {
    let mut server = Server::start_with(&["--calls-ring-time-s", "5"]);
    let mut alice = server.device("alice", "a1").await;
    let mut bob = server.device("bob", "b1").await;
    ring(&mut alice, &mut bob).await;
    server.kill();
    // The ring time passes with nobody there to see it.
    tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    server.restart();
    bob.resume(server.address()).await;
    assert_eq!(bob.wait_for("call.canceled").await["reason"], "timeout");
    alice.resume(server.address()).await;
    let ended = alice.wait_for("call.ended").await;
    assert_eq!(outcome(&ended["ended"]), ("all", "timeout", 100_105));
    let records = alice.ok(json!({"do": "record.list"})).await;
    assert_eq!(records["records"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn r14_a_repeated_request_gets_its_first_answer_after_a_restart() {
    let mut server = Server::start();
    let mut alice = server.device("alice", "a1").await;
    let mut bob = server.device("bob", "b1").await;
    let request = json!({"do": "call.start", "to": ["bob"], "content": "once"});
    alice.send_as(70, request.clone()).await;
    let first = alice.reply(70).await;
    bob.expect("call.invited").await;
    server.kill();
    server.restart();
    alice.resume(server.address()).await;
    alice.send_as(70, request).await;
    assert_eq!(alice.reply(70).await, first);
    bob.resume(server.address()).await;
    bob.expect_nothing().await;
    assert_eq!(bob.welcome["calls"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn an_ended_call_is_told_to_who_was_away_also_after_a_restart() {
    let mut server = Server::start();
    let mut alice = server.device("alice", "a1").await;
    let mut bob = server.device("bob", "b1").await;
    let call = talk(&mut alice, &mut bob).await;
    bob.drop_connection();
    alice.expect("call.dropped").await;
    alice.ok(bring("call.hangup", &call, json!({"content": "see you"}))).await;
    alice.expect("call.ended").await;
    server.kill();
    server.restart();
    bob.resume(server.address()).await;
    let ended = bob.wait_for("call.ended").await;
    assert_eq!(
        (&ended["ended"]["by"], &ended["ended"]["content"]),
        (&json!("alice"), &json!("see you"))
    );
    bob.expect_nothing().await;
}
