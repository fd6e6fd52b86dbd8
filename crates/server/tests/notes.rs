//! The note of a command is repeated verbatim in the event it causes and in `ended`; and each
//! device's stay ends with one terminal event.

mod support;

use serde_json::{Value, json};
use support::{Server, ask, bring, outcome, ring, start, talk};

/// A note no two of which are alike; text that a careless server would change.
fn note(n: u64) -> Value {
    let content = format!("  № {n}\n\t\"\\u0000\" \u{1F514} e\u{301} </script> ");
    json!({"content": content, "param": -2_147_483_648_i64 + i64::try_from(n).expect("small"),
        "app_code": 4_294_967_295_u64 - n, "app_flags": n})
}

fn carries(told: &Value, n: u64) {
    for (name, value) in note(n).as_object().expect("an object") {
        assert_eq!(&told[name], value, "{name} of {told}");
    }
}

fn with(mut request: Value, n: u64) -> Value {
    let fields = note(n);
    let request_fields = request.as_object_mut().expect("an object");
    request_fields.extend(fields.as_object().expect("an object").clone());
    request
}

#[tokio::test]
async fn notes_of_a_direct_call_are_repeated_verbatim() {
    let server = Server::start();
    let mut alice = server.device("alice", "a1").await;
    let mut bob = server.device("bob", "b1").await;

    let started = alice.ok(with(json!({"do": "call.start", "to": ["bob"]}), 1)).await;
    let call = started["call"].as_str().expect("an id").to_owned();
    assert_eq!(started["info"]["content"], note(1)["content"]);
    assert_eq!(started["info"]["param"], note(1)["param"]);
    let invited = bob.expect("call.invited").await;
    carries(&invited, 1);
    assert_eq!(invited["info"]["app_flags"], note(1)["app_flags"]);
    bob.ok(with(ask("call.accept", &call), 2)).await;
    carries(&alice.expect("call.accepted").await, 2);
    alice.expect("call.started").await;
    bob.expect("call.started").await;
    alice.ok(with(ask("call.hangup", &call), 3)).await;
    for device in [&mut alice, &mut bob] {
        carries(&device.expect("call.ended").await["ended"], 3);
        let record = device.record().await;
        carries(&record["record"], 1);
        carries(&record["record"]["end_note"], 3);
    }

    let call = ring(&mut alice, &mut bob).await;
    bob.ok(with(ask("call.reject", &call), 4)).await;
    carries(&alice.expect("call.rejected").await, 4);
    for device in [&mut alice, &mut bob] {
        carries(&device.expect("call.ended").await["ended"], 4);
    }

    let call = ring(&mut alice, &mut bob).await;
    alice.ok(with(ask("call.cancel", &call), 5)).await;
    carries(&bob.expect("call.canceled").await, 5);
    carries(&alice.expect("call.ended").await["ended"], 5);

    let call = talk(&mut alice, &mut bob).await;
    alice.ok(with(ask("call.end", &call), 6)).await;
    for device in [&mut alice, &mut bob] {
        carries(&device.expect("call.ended").await["ended"], 6);
    }
}

#[tokio::test]
async fn notes_over_http_and_in_groups_are_repeated_verbatim() {
    let server = Server::start();
    let api = server.api();
    let mut alice = server.device("alice", "a1").await;
    let mut bob = server.device("bob", "b1").await;
    let mut carol = server.device("carol", "c1").await;

    let body = with(json!({"from": "alice", "to": ["bob"], "ring_both": true}), 7);
    let call = api.ok("/v1/calls", body).await["call"].as_str().expect("an id").to_owned();
    carries(&alice.expect("call.invited").await, 7);
    carries(&bob.expect("call.invited").await, 7);
    alice.ok(ask("call.accept", &call)).await;
    bob.ok(ask("call.accept", &call)).await;
    alice.wait_for("call.started").await;
    bob.wait_for("call.started").await;

    bob.ok(with(bring("call.invite", &call, json!({"to": ["carol"]})), 8)).await;
    carries(&carol.expect("call.invited").await, 8);
    carries(&alice.expect("call.added").await, 8);
    carries(&bob.expect("call.added").await, 8);
    carol.ok(with(ask("call.accept", &call), 9)).await;
    for device in [&mut alice, &mut bob] {
        carries(&device.expect("call.accepted").await, 9);
        device.expect("call.joined").await;
    }
    carol.ok(with(ask("call.hangup", &call), 10)).await;
    let ended = carol.expect("call.ended").await;
    assert_eq!(ended["ended"]["scope"], "you");
    carries(&ended["ended"], 10);
    for device in [&mut alice, &mut bob] {
        carries(&device.expect("call.left").await, 10);
    }
    api.ok(&format!("/v1/calls/{call}/end"), note(11)).await;
    for device in [&mut alice, &mut bob] {
        let ended = device.expect("call.ended").await;
        assert_eq!(ended["ended"]["code"], note(11)["app_code"]);
        carries(&ended["ended"], 11);
        device.expect_nothing().await;
    }
    carol.expect_nothing().await;
}

#[tokio::test]
async fn a_removed_participant_is_told_so_and_the_call_goes_on() {
    let server = Server::start();
    let api = server.api();
    let mut alice = server.device("alice", "a1").await;
    let mut bob = server.device("bob", "b1").await;
    let mut carol = server.device("carol", "c1").await;
    let mut dave = server.device("dave", "d1").await;
    let call = start(&mut alice, &["bob", "carol", "dave"]).await;
    for device in [&mut bob, &mut carol, &mut dave] {
        device.expect("call.invited").await;
    }
    bob.ok(ask("call.accept", &call)).await;
    carol.ok(ask("call.accept", &call)).await;
    let remove = format!("/v1/calls/{call}/remove");
    api.ok(&remove, with(json!({"user": "carol"}), 12)).await;
    let ended = carol.wait_for("call.ended").await;
    assert_eq!(
        (&ended["ended"]["scope"], &ended["ended"]["reason"]),
        (&json!("you"), &json!("killed"))
    );
    carries(&ended["ended"], 12);
    for device in [&mut alice, &mut bob] {
        let left = device.wait_for("call.left").await;
        assert_eq!((&left["user"], &left["reason"]), (&json!("carol"), &json!("removed")));
    }
    carol.refused(ask("call.join", &call), "forbidden").await;
    api.ok(&remove, with(json!({"user": "dave"}), 13)).await;
    let canceled = dave.expect("call.canceled").await;
    assert_eq!(canceled["reason"], "killed");
    carries(&canceled, 13);
    api.ok("/v1/users/bob/end", json!({})).await;
    assert_eq!(bob.wait_for("call.ended").await["ended"]["reason"], "killed");
    let ended = alice.wait_for("call.ended").await;
    assert_eq!(outcome(&ended["ended"]).0, "all");
    for device in [&mut alice, &mut bob, &mut carol, &mut dave] {
        device.expect_nothing().await;
    }
}

#[tokio::test]
async fn cancel_of_some_callees_leaves_the_others_ringing() {
    let server = Server::start();
    let mut alice = server.device("alice", "a1").await;
    let mut bob = server.device("bob", "b1").await;
    let mut c1 = server.device("carol", "c1").await;
    let mut c2 = server.device("carol", "c2").await;
    let call = start(&mut alice, &["bob", "carol"]).await;
    for device in [&mut bob, &mut c1, &mut c2] {
        device.expect("call.invited").await;
    }
    alice.ok(with(bring("call.cancel", &call, json!({"to": ["carol"]})), 14)).await;
    for device in [&mut c1, &mut c2] {
        let canceled = device.expect("call.canceled").await;
        assert_eq!((&canceled["reason"], &canceled["code"]), (&json!("canceled"), &json!(100_101)));
        carries(&canceled, 14);
        device.ok(bring("ack", &call, json!({"seq": canceled["seq"]}))).await;
        device.expect_nothing().await;
    }
    bob.expect_nothing().await;
    bob.ok(ask("call.reject", &call)).await;
    bob.expect("call.ended").await;
    alice.expect("call.rejected").await;
    assert_eq!(alice.expect("call.ended").await["ended"]["reason"], "rejected");
    let log = alice.ok(ask("call.get", &call)).await["log"].to_string();
    assert!(log.contains("\"acknowledged\"") && log.contains("\"c2\""), "the log shows it: {log}");
}

#[tokio::test]
async fn a_stop_ring_a_device_missed_is_sent_when_it_comes_back_and_only_then() {
    let server = Server::start();
    let mut alice = server.device("alice", "a1").await;
    let mut b1 = server.device("bob", "b1").await;
    let call = start(&mut alice, &["bob"]).await;
    b1.expect("call.invited").await;
    b1.drop_connection();
    alice.ok(ask("call.cancel", &call)).await;
    b1.resume(server.address()).await;
    let told = b1.expect("call.canceled").await;
    b1.resume(server.address()).await;
    b1.expect_nothing().await;
    b1.ok(bring("ack", &call, json!({"seq": told["seq"]}))).await;
    let log = alice.ok(ask("call.get", &call)).await["log"].to_string();
    assert!(log.contains("\"acknowledged\"") && log.contains("\"b1\""), "{log}");
}
