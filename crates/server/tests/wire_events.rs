//! What is common to the events of the wire: their fields, their order beside replies, what a
//! resume sends again. Each event by itself is met in the tests of commands and of races.

mod support;

use serde_json::{Value, json};
use support::{Device, Server, talk};

#[tokio::test]
async fn every_event_of_a_call_carries_its_place_and_whom_it_concerns() {
    let server = Server::start();
    let mut alice = server.device("alice", "a1").await;
    let mut bob = server.device("bob", "b1").await;
    let started = alice.ok(json!({"do": "call.start", "to": ["bob"]})).await;
    let invited = bob.expect("call.invited").await;
    assert_eq!((&invited["seq"], &invited["call"]), (&json!(1), &started["call"]));
    assert!(invited["info"].is_object() && invited["cursor"].is_string(), "{invited}");
    bob.ok(json!({"do": "call.ringing", "call": started["call"]})).await;
    let ringing = alice.expect("call.ringing").await;
    assert_eq!(
        (&ringing["seq"], &ringing["participants"][0]["state"]),
        (&json!(2), &json!("ringing"))
    );
    assert!(ringing.get("info").is_none(), "only call.invited carries the whole call: {ringing}");
    bob.ok(json!({"do": "call.accept", "call": started["call"]})).await;
    let accepted = alice.expect("call.accepted").await;
    assert_eq!(
        (&accepted["participants"][0]["user"], &accepted["participants"][0]["state"]),
        (&json!("bob"), &json!("joined"))
    );
    let told = alice.expect("call.started").await;
    assert_eq!(told["participants"].as_array().map(Vec::len), Some(2));
    assert!(told["started_at"].as_u64() <= told["at"].as_u64(), "{told}");
}

#[tokio::test]
async fn a_callee_who_is_away_or_busy_is_told_after_the_reply() {
    let server = Server::start();
    let mut alice = server.device("alice", "a1").await;
    let mut bob = server.device("bob", "b1").await;
    let mut carol = server.device("carol", "c1").await;
    talk(&mut bob, &mut carol).await;
    for (to, reason, code, cause) in
        [("nobody", "offline", 100_102, json!("absent")), ("bob", "busy", 100_103, Value::Null)]
    {
        let started = alice.ok(json!({"do": "call.start", "to": [to]})).await;
        assert_eq!(started["info"]["phase"], "inviting");
        let rejected = alice.expect("call.rejected").await;
        assert_eq!(
            (&rejected["user"], &rejected["reason"], &rejected["code"], &rejected["cause"]),
            (&json!(to), &json!(reason), &json!(code), &cause)
        );
        let ended = alice.expect("call.ended").await["ended"].take();
        assert_eq!(
            (&ended["reason"], &ended["code"], &ended["duration_ms"]),
            (&json!(reason), &json!(code), &json!(0))
        );
    }
    bob.expect_nothing().await;
}

#[tokio::test]
async fn a_lost_connection_is_told_as_dropped_and_restored_and_nothing_is_missed() {
    let server = Server::start();
    let mut alice = server.device("alice", "a1").await;
    let mut bob = server.device("bob", "b1").await;
    let call = talk(&mut alice, &mut bob).await;
    bob.drop_connection();
    assert_eq!(alice.wait_for("call.dropped").await["user"], "bob");
    alice.ok(json!({"do": "call.invite", "call": call, "to": ["nobody"]})).await;
    alice.expect("call.added").await;
    alice.expect("call.rejected").await;
    bob.resume(server.address()).await;
    assert_eq!(bob.welcome["resumed"], true);
    assert_eq!(bob.welcome["calls"][0]["id"], call);
    bob.wait_for("call.added").await;
    bob.expect("call.rejected").await;
    assert_eq!(alice.expect("call.restored").await["device"], "b1");
    bob.drop_connection();
    alice.expect("call.dropped").await;
    alice.ok(json!({"do": "call.end", "call": call})).await;
    alice.expect("call.ended").await;
    bob.resume(server.address()).await;
    assert_eq!(bob.welcome["calls"], json!([]));
    assert_eq!(bob.wait_for("call.ended").await["call"], call, "its terminal event follows");
    bob.expect_nothing().await;
}

#[tokio::test]
async fn invitations_with_full_notes_are_listed_to_a_device_that_logs_in() {
    let server = Server::start();
    let _bob = server.device("bob", "b1").await;
    let content = "\u{1}".repeat(8192);
    for n in 0..32 {
        let mut caller = server.device(&format!("u{n}"), "d").await;
        let invite =
            json!({"do": "call.start", "to": ["bob"], "mode": "invite", "content": content});
        caller.ok(invite.clone()).await;
    }
    let mut late: Device = server.device("bob", "b2").await;
    assert_eq!(late.welcome["calls"].as_array().map(Vec::len), Some(32));
    late.expect_nothing().await;
}

#[tokio::test]
async fn records_follow_a_hello_that_says_which_was_the_last() {
    let server = Server::start();
    let mut alice = server.device("alice", "a1").await;
    let mut bob = server.device("bob", "b1").await;
    let call = alice.ok(json!({"do": "call.start", "to": ["bob"]})).await["call"].take();
    bob.expect("call.invited").await;
    bob.drop_connection();
    alice.ok(json!({"do": "call.cancel", "call": call})).await;
    let told = alice.record().await;
    assert_eq!((&told["record"]["call"], &told["record"]["reason"]), (&call, &json!("canceled")));
    let hello = json!({"do": "hello", "login": {"app": "dev", "user": "bob"}, "device": {"id": "b1"},
                       "resume": {"session": bob.session(), "records_after": "0"}});
    let mut back = Device::connect(server.address(), Value::Null).await;
    assert_eq!(back.ok(hello).await["resumed"], true);
    assert_eq!(back.record().await, told);
}
