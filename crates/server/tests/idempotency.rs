//! `Idempotency-Key`: what is asked for over HTTP with one is done once, also over a kill.

mod support;

use serde_json::json;
use support::{Business, Server};

#[tokio::test]
async fn a_call_is_started_once_however_often_it_is_asked_for() {
    let mut server = Server::start();
    let api = server.api().once("order-4711");
    let (mut alice, mut bob) =
        (server.device("alice", "a1").await, server.device("bob", "b1").await);
    let body = json!({"from": "alice", "to": ["bob"], "ring_both": true});
    let first = api.post("/v1/calls", body.clone()).await;
    assert_eq!(first.0, 200, "{first:?}");
    let call = first.1["call"].clone();
    assert_eq!(alice.expect("call.invited").await["call"], call);
    bob.expect("call.invited").await;
    assert_eq!(api.post("/v1/calls", body.clone()).await, first, "the first answer, word by word");
    alice.expect_nothing().await;

    // Many at once: one is done, the others hear that it is under way, or its answer.
    let race = server.api().once("order-4712");
    let other = json!({"from": "carol", "to": ["dave"]});
    let all =
        futures_util::future::join_all((0..20).map(|_| race.post("/v1/calls", other.clone())));
    let answers = all.await;
    let done: Vec<_> = answers.iter().filter(|(status, _)| *status == 200).collect();
    assert!(!done.is_empty() && done.iter().all(|answer| *answer == done[0]), "{answers:?}");
    assert!(answers.iter().all(|(status, _)| [200, 409].contains(status)), "{answers:?}");
    let (_, page) = server.api().get("/v1/records?user=dave").await;
    assert_eq!(page["records"].as_array().expect("records").len(), 1, "{page}");

    server.restart();
    let again = server.api().once("order-4711").post("/v1/calls", body.clone()).await;
    assert_eq!(again, first, "kept over a kill");
    let another = server.api().once("order-4713").post("/v1/calls", body).await;
    assert_eq!(another.1["code"], "busy_self", "another key is another request");
}

#[tokio::test]
async fn refusals_are_kept_and_a_key_is_for_one_request() {
    let server = Server::start();
    let api = server.api();
    let mut alice = server.device("alice", "a1").await;
    let mut bob = server.device("bob", "b1").await;
    let call = support::ring(&mut alice, &mut bob).await;
    let end = format!("/v1/calls/{call}/end");
    let once = api.once("k1");
    let done = once.post(&end, json!({"app_code": 7})).await;
    assert_eq!(done.0, 200, "{done:?}");
    assert_eq!(once.post(&end, json!({"app_code": 7})).await, done, "it is no second end");
    let (status, problem) = api.post(&end, json!({"app_code": 7})).await;
    assert_eq!((status, &problem["code"]), (409, &json!("not_in_call")));
    let (status, problem) = once.post(&end, json!({"app_code": 8})).await;
    assert_eq!((status, &problem["field"]), (422, &json!("idempotency-key")), "{problem}");

    let late = api.once("k2");
    let refused = late.post(&end, json!({})).await;
    assert_eq!((refused.0, &refused.1["code"]), (409, &json!("not_in_call")));
    assert_eq!(late.post(&end, json!({})).await, refused);

    // What could not be read was not done: the same key is good for the right one.
    let wrong = api.once("k3");
    assert_eq!(wrong.post("/v1/calls", json!({"from": "alice"})).await.0, 400);
    let body = json!({"from": "alice", "to": ["nobody"], "ring_both": true});
    assert_eq!(wrong.post("/v1/calls", body).await.0, 200);
    let long = api.once(&"k".repeat(256));
    let (status, problem) = long.post(&end, json!({})).await;
    assert_eq!((status, &problem["field"]), (400, &json!("idempotency-key")));
}

#[tokio::test]
async fn a_connected_business_server_has_it_too() {
    let server = Server::start();
    let mut business =
        Business::hello(server.address(), &server.api_key(), json!({"hooks": []})).await;
    let mut calls = Vec::new();
    for id in [11, 12] {
        let body = json!({"from": "alice", "to": ["bob"]});
        let request =
            json!({"id": id, "do": "POST /v1/calls", "body": body, "idempotency_key": "one"});
        business.send(&request).await;
        let reply = business.reply(id).await;
        assert_eq!(reply["status"], 200, "{reply}");
        calls.push(reply["body"]["call"].clone());
    }
    assert_eq!(calls[0], calls[1]);
}
