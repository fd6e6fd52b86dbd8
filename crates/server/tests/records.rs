//! Records as users and the business server read them: missed calls and which of them were seen,
//! search, what devices confirmed, export.

mod support;

use serde_json::{Value, json};
use support::{Device, Server, ask, bring, ring, talk};

/// A call that `callee` misses.
async fn miss(caller: &mut Device, callee: &mut Device) -> String {
    let call = ring(caller, callee).await;
    caller.ok(ask("call.cancel", &call)).await;
    caller.expect("call.ended").await;
    let canceled = callee.expect("call.canceled").await;
    callee.ok(bring("ack", &call, json!({"seq": canceled["seq"]}))).await;
    call
}

async fn unread(device: &mut Device) -> u64 {
    device.ok(json!({"do": "record.list", "limit": 1})).await["unread"].as_u64().expect("a number")
}

#[tokio::test]
async fn missed_calls_are_unread_until_they_are_read_on_any_device() {
    let mut server = Server::start();
    let (mut alice, mut bob) =
        (server.device("alice", "a1").await, server.device("bob", "b1").await);
    let first = miss(&mut alice, &mut bob).await;
    for _ in 0..2 {
        miss(&mut alice, &mut bob).await;
    }
    let call = talk(&mut alice, &mut bob).await;
    alice.ok(ask("call.hangup", &call)).await;
    bob.expect("call.ended").await;
    assert_eq!((unread(&mut bob).await, unread(&mut alice).await), (3, 0));

    let mut tablet = server.device("bob", "b2").await;
    let missed = tablet.ok(json!({"do": "record.list", "missed": true})).await;
    let oldest = missed["records"].as_array().expect("records").last().expect("three").clone();
    assert_eq!(oldest["call"], json!(first));
    let read = tablet.ok(json!({"do": "record.read", "upto": oldest["serial"]})).await;
    assert_eq!(read["unread"], 2);
    assert_eq!(
        bob.expect("record.read").await["unread"],
        2,
        "the other device takes its badge off"
    );

    // What was seen stays seen, also after a kill, and never goes back.
    server.restart();
    let mut bob = server.device("bob", "b1").await;
    assert_eq!(unread(&mut bob).await, 2);
    assert_eq!(bob.ok(json!({"do": "record.read"})).await["unread"], 0);
    let back = bob.ok(json!({"do": "record.read", "upto": oldest["serial"]})).await;
    assert_eq!(back["unread"], 0);
    let mut alice = server.device("alice", "a1").await;
    miss(&mut alice, &mut bob).await;
    assert_eq!(unread(&mut bob).await, 1);
}

#[tokio::test]
async fn the_business_server_searches_by_user_time_and_outcome() {
    let server = Server::start();
    let api = server.api();
    let (mut alice, mut bob) =
        (server.device("alice", "a1").await, server.device("bob", "b1").await);
    let mut carol = server.device("carol", "c1").await;
    let missed = miss(&mut alice, &mut bob).await;
    let talked = talk(&mut alice, &mut carol).await;
    carol.ok(ask("call.hangup", &talked)).await;
    carol.expect("call.ended").await;
    let refused = ring(&mut carol, &mut bob).await;
    bob.ok(ask("call.reject", &refused)).await;
    bob.expect("call.ended").await;
    let found = async |query: &str| -> Vec<Value> {
        let (status, page) = api.get(&format!("/v1/records?{query}")).await;
        assert_eq!(status, 200, "{query}: {page}");
        let records = page["records"].as_array().expect("records").iter();
        records.map(|record| record["call"].clone()).collect()
    };
    assert_eq!(found("").await, [refused.as_str(), &talked, &missed]);
    assert_eq!(found("user=bob").await, [refused.as_str(), &missed]);
    assert_eq!(found("user=bob&missed=true").await, [missed.as_str()]);
    assert_eq!(found("outcome=rejected").await, [refused.as_str()]);
    assert_eq!(found("user=carol&outcome=left").await, [refused.as_str(), &talked]);
    assert_eq!(found("user=bob&outcome=left").await, Vec::<Value>::new());
    assert_eq!(found("reason=completed").await, [talked.as_str()]);
    let (_, page) = api.get("/v1/records?limit=2").await;
    let cursor = page["cursor"].as_str().expect("another page").to_owned();
    assert_eq!(found(&format!("limit=2&cursor={cursor}")).await, [missed.as_str()]);
    let at = page["records"][0]["created_at"].as_u64().expect("a time");
    assert_eq!(found(&format!("from={at}")).await, [refused.as_str()]);
    assert_eq!(found(&format!("to={at}")).await.len(), 2);
    for (wrong, field) in
        [("missed=true", "missed"), ("cursor=x", "cursor"), ("from=noon", "query")]
    {
        let (status, problem) = api.get(&format!("/v1/records?{wrong}")).await;
        assert_eq!((status, &problem["field"]), (400, &json!(field)), "{problem}");
    }
}

#[tokio::test]
async fn a_record_says_what_devices_confirmed() {
    let server = Server::start();
    let api = server.api();
    let (mut alice, mut bob) =
        (server.device("alice", "a1").await, server.device("bob", "b1").await);
    let call = miss(&mut alice, &mut bob).await;
    let (_, page) = api.get("/v1/records?user=bob").await;
    let record = &page["records"][0];
    assert_eq!(record["call"], json!(call));
    let receipts = record["receipts"].as_array().expect("receipts");
    let told: Vec<_> = receipts.iter().map(|r| (&r["what"], &r["user"], &r["device"])).collect();
    let (bob, phone) = (json!("bob"), json!("b1"));
    assert_eq!(told, [(&json!("ringing"), &bob, &phone), (&json!("stopped"), &bob, &phone)]);
    assert!(receipts.iter().all(|receipt| receipt["at"].is_u64()), "{record}");
}

#[tokio::test]
async fn records_are_exported_whole_as_lines_of_json_and_as_csv() {
    let server = Server::start();
    let api = server.api();
    let (mut alice, mut bob) =
        (server.device("alice", "a1").await, server.device("bob", "b1").await);
    let mut calls = Vec::new();
    // More than the server reads at once.
    for n in 0..205 {
        let content =
            if n == 3 { "=1+1, \"he said\"\nand left".to_owned() } else { format!("call {n}") };
        let asked =
            json!({"do": "call.start", "to": ["bob"], "media": "audio", "content": content});
        let call = alice.ok(asked).await["call"].as_str().expect("an id").to_owned();
        bob.expect("call.invited").await;
        bob.ok(ask("call.reject", &call)).await;
        bob.expect("call.ended").await;
        calls.push(call);
    }
    let (status, lines) = api.text("/v1/records/export?format=jsonl").await;
    assert_eq!(status, 200);
    let records: Vec<Value> =
        lines.lines().map(|line| serde_json::from_str(line).expect("a record")).collect();
    let exported: Vec<_> = records.iter().map(|r| r["call"].as_str().expect("an id")).collect();
    assert_eq!(exported, calls, "all of them, oldest first");

    let (status, text) = api.text("/v1/records/export?format=csv&user=bob").await;
    assert_eq!(status, 200);
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let head = reader.headers().expect("a head").clone();
    let at = |name: &str| head.iter().position(|column| column == name).expect("the column");
    let rows: Vec<_> = reader.records().map(|row| row.expect("a row")).collect();
    assert_eq!(rows.len(), 2 * calls.len(), "a line for each leg");
    let odd = &rows[7];
    assert_eq!(&odd[at("content")], "'=1+1, \"he said\"\nand left", "no formula");
    assert_eq!((&odd[at("user")], &odd[at("outcome")]), ("bob", "rejected"));
    assert!(odd[at("ended_at")].ends_with('Z') && odd[at("started_at")].is_empty());
    let (_, none) = api.text("/v1/records/export?format=csv&user=nobody").await;
    assert_eq!(none, "");
    assert_eq!(api.get("/v1/records/export?format=xml").await.0, 400);
    let other = api.with_key(Some("a-key-of-nobody-a-key-of-nobody-x"));
    assert_eq!(other.get("/v1/records/export?format=csv").await.0, 401);
}
