//! Every error code of the wire but `denied`, which only a business server's veto leads to:
//! number, message and the fields that go with it. (`unavailable` is met where a server drains,
//! `overloaded` by a full disk in the tests of operations.)

mod support;

use serde_json::{Value, json};
use support::{Device, Server, talk};

async fn start(device: &mut Device, to: &str) -> Value {
    device.ok(json!({"do": "call.start", "to": [to]})).await["call"].take()
}

#[tokio::test]
async fn invalid_names_the_field_and_unknown_command_the_command() {
    let server = Server::start();
    let mut alice = server.device("alice", "a1").await;
    let error =
        alice.refused(json!({"do": "call.start", "to": ["bob"], "ring_time": 1}), "invalid").await;
    assert_eq!(error["field"], "ring_time");
    assert!(error.get("number").is_none(), "{error}");
    let error = alice.refused(json!({"do": "call.dance"}), "unknown_command").await;
    assert!(error["message"].as_str().is_some_and(|text| text.contains("call.dance")), "{error}");
}

#[tokio::test]
async fn unauthorized_and_token_expired_are_told_apart() {
    let server = Server::start();
    let data = server.data().to_str().expect("UTF-8").to_owned();
    let token = Server::tool(&["token", "alice", "--ttl", "1s", "--data", &data]);
    let hello = json!({"do": "hello", "token": token, "device": {"id": "a1"}});
    let until = std::time::Instant::now() + support::PATIENCE;
    // Good for a second yet; refused as expired when that has passed.
    loop {
        let mut device = Device::connect(server.address(), Value::Null).await;
        let reply = device.request(hello.clone()).await;
        if reply["error"]["code"] == "token_expired" {
            break;
        }
        assert!(reply["ok"].is_object() && std::time::Instant::now() < until, "{reply}");
    }
    let mut device = Device::connect(server.address(), Value::Null).await;
    let hello = json!({"do": "hello", "token": "x", "device": {"id": "a1"}});
    device.refused(hello, "unauthorized").await;
}

#[tokio::test]
async fn a_token_that_runs_out_ends_nothing_and_is_announced() {
    let server = Server::start();
    let data = server.data().to_str().expect("UTF-8").to_owned();
    let token = Server::tool(&["token", "alice", "--ttl", "31s", "--data", &data]);
    let mut alice = Device::login_with(server.address(), &token, "a1").await;
    let notice = alice.expect("session.token_expiring").await;
    assert!(notice["expires_at"].is_u64(), "{notice}");
    alice.ok(json!({"do": "token.renew", "token": server.token("alice")})).await;
    alice.expect_nothing().await;
}

#[tokio::test]
async fn forbidden_is_what_the_policy_leaves_to_others() {
    let server = Server::start();
    let mut alice = server.device("alice", "a1").await;
    let mut bob = server.device("bob", "b1").await;
    let call = talk(&mut alice, &mut bob).await;
    bob.ok(json!({"do": "ping"})).await;
    alice.ok(json!({"do": "call.invite", "call": call, "to": ["carol"]})).await;
    bob.refused(json!({"do": "call.end", "call": call}), "forbidden").await;
    bob.refused(json!({"do": "call.cancel", "call": call}), "forbidden").await;
}

#[tokio::test]
async fn rate_limited_and_overloaded_are_limits_of_a_user_and_an_app() {
    let server = Server::start_with(&[
        "--limits-starts-per-minute=2",
        "--limits-calls-per-app=1",
        "--limits-devices-per-user=1",
    ]);
    let mut alice = server.device("alice", "a1").await;
    let mut bob = server.device("bob", "b1").await;
    let call = start(&mut alice, "bob").await;
    bob.expect("call.invited").await;
    let error = bob
        .refused(json!({"do": "call.start", "to": ["carol"], "mode": "invite"}), "overloaded")
        .await;
    assert!(error.get("call").is_none(), "{error}");
    alice.ok(json!({"do": "call.cancel", "call": call})).await;
    alice.expect("call.ended").await;
    start(&mut alice, "nobody").await;
    let error = alice.refused(json!({"do": "call.start", "to": ["nobody"]}), "rate_limited").await;
    assert!(error["retry_ms"].as_u64().is_some_and(|ms| (1..=60_000).contains(&ms)), "{error}");
    let mut second = Device::connect(server.address(), Value::Null).await;
    let login =
        json!({"do": "hello", "login": {"app": "dev", "user": "alice"}, "device": {"id": "a2"}});
    second.refused(login, "overloaded").await;
}

#[tokio::test]
async fn busy_self_and_not_in_call_say_which_call_and_what_became_of_it() {
    let server = Server::start();
    let mut alice = server.device("alice", "a1").await;
    let mut bob = server.device("bob", "b1").await;
    let call = start(&mut alice, "bob").await;
    bob.expect("call.invited").await;
    let error = alice.refused(json!({"do": "call.start", "to": ["carol"]}), "busy_self").await;
    assert_eq!((&error["number"], &error["call"]), (&json!(100_103), &call));
    bob.ok(json!({"do": "call.reject", "call": call})).await;
    alice.wait_for("call.ended").await;
    let error = alice.refused(json!({"do": "call.hangup", "call": call}), "not_in_call").await;
    assert_eq!((&error["number"], &error["reason"]), (&json!(100_107), &json!("rejected")));
    assert!(error["ended_at"].is_u64(), "{error}");
}

#[tokio::test]
async fn late_answers_and_cancels_are_told_who_was_first() {
    let server = Server::start();
    let mut alice = server.device("alice", "a1").await;
    let mut bob = server.device("bob", "b1").await;
    let mut tablet = server.device("bob", "b2").await;
    let call = start(&mut alice, "bob").await;
    bob.ok(json!({"do": "call.accept", "call": call})).await;
    let error =
        tablet.refused(json!({"do": "call.accept", "call": call}), "answered_elsewhere").await;
    assert_eq!(error["device"], "b1");
    alice.refused(json!({"do": "call.cancel", "call": call}), "already_accepted").await;
    alice.ok(json!({"do": "call.hangup", "call": call})).await;
    let call = alice
        .ok(json!({"do": "call.start", "to": ["bob", "carol"], "reach_time": 30}))
        .await["call"]
        .take();
    bob.ok(json!({"do": "call.reject", "call": call})).await;
    let error =
        tablet.refused(json!({"do": "call.accept", "call": call}), "rejected_elsewhere").await;
    assert_eq!(error["device"], "b1");
}
