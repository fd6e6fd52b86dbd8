//! `GET /v1/events`: everything that happened in an app's calls, in order, from any point.

mod support;

use serde_json::{Value, json};
use support::{Api, Business, Server, ask, start, talk};

/// All events after a cursor, in pages of `limit`, and the last cursor.
async fn all(api: &Api, mut after: String, limit: usize) -> (Vec<Value>, String) {
    let mut found = Vec::new();
    loop {
        let (status, page) = api.get(&format!("/v1/events?after={after}&limit={limit}")).await;
        assert_eq!(status, 200, "{page}");
        let events = page["events"].as_array().expect("events");
        page["cursor"].as_str().expect("a cursor").clone_into(&mut after);
        if events.is_empty() {
            return (found, after);
        }
        assert!(events.len() <= limit);
        assert_eq!(events.last().expect("some")["cursor"], json!(after));
        found.extend(events.iter().cloned());
    }
}

fn kinds(events: &[Value], call: &str) -> Vec<String> {
    let own = events.iter().filter(|event| event["call"] == call);
    own.map(|event| event["type"].as_str().expect("a type").to_owned()).collect()
}

#[tokio::test]
async fn it_is_whole_in_order_and_goes_on_after_a_kill() {
    let mut server = Server::start();
    let api = server.api();
    let (mut alice, mut bob) =
        (server.device("alice", "a1").await, server.device("bob", "b1").await);
    let mut carol = server.device("carol", "c1").await;
    let one = talk(&mut alice, &mut bob).await;
    let two = start(&mut carol, &["nobody"]).await;
    carol.wait_for("call.ended").await;
    alice.ok(ask("call.hangup", &one)).await;
    bob.wait_for("call.ended").await;

    let (events, cursor) = all(&api, "0".to_owned(), 3).await;
    let whole = ["created", "ringing", "accepted", "started", "ended"];
    assert_eq!(kinds(&events, &one), whole);
    assert_eq!(kinds(&events, &two), ["created", "rejected", "ended"]);
    let numbers: Vec<u64> = events
        .iter()
        .map(|event| event["cursor"].as_str().expect("a cursor").parse().expect("a number"))
        .collect();
    assert!(numbers.is_sorted(), "{numbers:?}");
    let log = api.get(&format!("/v1/calls/{one}")).await.1["log"].take();
    for (event, entry) in
        events.iter().filter(|e| e["call"] == one.as_str()).zip(log.as_array().expect("a log"))
    {
        assert_eq!((&event["seq"], &event["at"]), (&entry["seq"], &entry["at"]));
    }
    assert_eq!(api.get("/v1/events").await.1["events"].as_array().expect("events"), &events);

    // Nothing new; then what comes after a kill follows, and nothing is numbered twice.
    assert_eq!(all(&api, cursor.clone(), 100).await, (Vec::new(), cursor.clone()));
    server.kill();
    server.restart();
    let api = server.api();
    assert_eq!(all(&api, "0".to_owned(), 100).await.0, events);
    let mut dora = server.device("dora", "d1").await;
    let three = start(&mut dora, &["nobody"]).await;
    dora.wait_for("call.ended").await;
    let (later, _) = all(&api, cursor, 100).await;
    assert_eq!(kinds(&later, &three), ["created", "rejected", "ended"]);
    assert_eq!(later.len(), 3);

    for wrong in ["?after=x", "?limit=x", "?after=-1"] {
        let (status, problem) = api.get(&format!("/v1/events{wrong}")).await;
        assert_eq!((status, &problem["code"]), (400, &json!("invalid")), "{wrong}");
    }
    assert_eq!(api.with_key(None).get("/v1/events").await.0, 401);
}

#[tokio::test]
async fn a_connected_business_server_is_sent_it_from_where_it_stopped() {
    let mut server = Server::start();
    let (api, key) = (server.api(), server.api_key());
    let (mut alice, mut bob) =
        (server.device("alice", "a1").await, server.device("bob", "b1").await);
    let asked = json!({"hooks": [], "events": {}});
    let mut business = Business::hello(server.address(), &key, asked.clone()).await;
    let mut other = Business::hello(server.address(), &key, json!({"hooks": []})).await;
    let call = talk(&mut alice, &mut bob).await;
    alice.ok(ask("call.hangup", &call)).await;
    bob.wait_for("call.ended").await;
    let mut told = Vec::new();
    while told.last().is_none_or(|event: &Value| event["type"] != "ended") {
        told.push(business.event().await);
    }
    let (events, _) = all(&api, "0".to_owned(), 100).await;
    assert_eq!(told, events, "the very events of the feed");
    // Who did not ask for them gets none.
    assert_eq!(other.ask("GET /v1/calls", Value::Null).await["status"], 200);
    assert_eq!(other.kept(), 0);

    // It comes back after a kill with the last cursor it dealt with.
    server.restart();
    let asked = json!({"hooks": [], "events": {"after": told[1]["cursor"]}});
    let mut business = Business::hello(server.address(), &key, asked).await;
    for due in &told[2..] {
        assert_eq!(&business.event().await, due);
    }
    let mut alice = server.device("alice", "a1").await;
    let next = start(&mut alice, &["nobody"]).await;
    assert_eq!(business.event().await["call"], json!(next));
}
