//! Webhooks: every event once or more, in order within each call, whatever the receiver and the
//! server go through.

mod support;

use std::{collections::BTreeMap, net::SocketAddr};

use serde_json::{Value, json};
use support::{Device, KEY, Manner, Post, Receiver, Server, Shop, ask, talk};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn webhook(name: &str, address: SocketAddr, more: &str) -> String {
    format!(
        "[[apps.webhooks]]\nname = \"{name}\"\nurl = \"http://{address}/\"\n\
         secrets = [\"{SECRET}\"]\n{more}\n"
    )
}

/// How the deliveries of the only webhook stand.
async fn standing_of(shop: &Shop) -> Value {
    let (status, all) = shop.api().get("/v1/webhooks").await;
    assert_eq!(status, 200, "{all}");
    all["webhooks"][0].clone()
}

/// All that is in the feed: calls and their positions.
async fn feed_of(shop: &Shop) -> Vec<(String, u64)> {
    let page = shop.api().get("/v1/events?limit=500").await.1;
    let events = page["events"].as_array().expect("events").clone();
    events.iter().map(place).collect()
}

fn place(event: &Value) -> (String, u64) {
    let call = event["call"].as_str().expect("a call").to_owned();
    (call, event["seq"].as_u64().expect("a position"))
}

/// Waits until the receiver has everything in the feed; each call's events came in order.
async fn all_of(shop: &Shop, receiver: &Receiver) -> Vec<Post> {
    let mut posts = Vec::new();
    let mut seen: BTreeMap<String, u64> = BTreeMap::new();
    let wanted = feed_of(shop).await;
    let mut missing: std::collections::BTreeSet<_> = wanted.into_iter().collect();
    while !missing.is_empty() {
        let post = receiver.next().await;
        let (call, seq) = place(&post.body["data"]);
        let last = seen.entry(call.clone()).or_default();
        assert!(seq <= *last + 1, "{call}: {seq} came after {last}");
        *last = seq.max(*last);
        missing.remove(&(call, seq));
        posts.push(post);
    }
    posts
}

async fn a_call(shop: &Shop, alice: &mut Device, bob: &mut Device) -> String {
    let call = talk(alice, bob).await;
    alice.ok(ask("call.hangup", &call)).await;
    bob.wait_for("call.ended").await;
    alice.wait_for("call.ended").await;
    assert!(!feed_of(shop).await.is_empty());
    call
}

#[tokio::test]
async fn events_come_signed_named_and_in_order() {
    let receiver = Receiver::start(json!({})).await;
    let shop = Shop::open("open", &webhook("crm", receiver.address, ""));
    let (mut alice, mut bob) = (shop.device("alice").await, shop.device("bob").await);
    let call = a_call(&shop, &mut alice, &mut bob).await;
    let posts = all_of(&shop, &receiver).await;
    let kinds: Vec<_> = posts.iter().map(|p| p.body["type"].as_str().expect("a type")).collect();
    let whole = ["call.created", "call.ringing", "call.accepted", "call.started", "call.ended"];
    assert_eq!(kinds, whole);
    let last = posts.last().expect("some");
    assert_eq!(last.id, format!("{call}:5"));
    assert_eq!(last.body["data"]["app"], "shop");
    assert_eq!(last.body["data"]["reason"], "completed");
    let time = last.body["timestamp"].as_str().expect("a time");
    assert!(time.starts_with("20") && time.ends_with('Z'), "{time}");
    assert_eq!(last.signature, sign(&last.id, &last.timestamp, &last.text));
    // Where it stands is told when it has been settled.
    loop {
        let standing = standing_of(&shop).await;
        if standing["cursor"] == standing["last"] {
            assert_eq!((&standing["name"], &standing["failures"]), (&json!("crm"), &json!(0)));
            break;
        }
    }
}

/// The signature by the specification: HMAC-SHA-256 over id, timestamp and body.
fn sign(id: &str, timestamp: &str, body: &str) -> String {
    use aws_lc_rs::hmac;
    use base64::{Engine as _, prelude::BASE64_STANDARD as BASE64};
    let secret = BASE64.decode(SECRET.trim_start_matches("whsec_")).expect("base64");
    let key = hmac::Key::new(hmac::HMAC_SHA256, &secret);
    let tag = hmac::sign(&key, format!("{id}.{timestamp}.{body}").as_bytes());
    format!("v1,{}", BASE64.encode(tag))
}

#[tokio::test]
async fn only_the_types_that_are_wanted_come() {
    let receiver = Receiver::start(json!({})).await;
    let shop = Shop::open("open", &webhook("crm", receiver.address, "types = [\"ended\"]"));
    let (mut alice, mut bob) = (shop.device("alice").await, shop.device("bob").await);
    for _ in 0..2 {
        let call = a_call(&shop, &mut alice, &mut bob).await;
        let post = receiver.next().await;
        assert_eq!(
            (&post.body["type"], &post.body["data"]["call"]),
            (&json!("call.ended"), &json!(call))
        );
    }
    assert_eq!(receiver.waiting(), 0);
}

#[tokio::test]
async fn one_that_is_down_gets_everything_when_it_is_back() {
    let gone = Receiver::start(json!({})).await;
    let address = gone.address;
    let shop = Shop::open("open", &webhook("crm", address, ""));
    drop(gone);
    let (mut alice, mut bob) = (shop.device("alice").await, shop.device("bob").await);
    let call = a_call(&shop, &mut alice, &mut bob).await;
    for _ in 0..2 {
        a_call(&shop, &mut alice, &mut bob).await;
    }
    loop {
        let standing = standing_of(&shop).await;
        if standing["failures"].as_u64().is_some_and(|n| n > 0) {
            assert_eq!(standing["error"], "cannot be connected to", "{standing}");
            break;
        }
    }
    let path = format!("/v1/calls/{call}");
    let of_call = shop.api().get(&path).await.1["webhooks"][0].take();
    assert_eq!((&of_call["webhook"], &of_call["waits"]), (&json!("crm"), &json!(1)), "{of_call}");
    let back = Receiver::start_at(address, json!({})).await;
    all_of(&shop, &back).await;
    // Whoever looks at the call sees how it went.
    let of_call = loop {
        let of_call = shop.api().get(&path).await.1["webhooks"][0].take();
        if of_call["upto"] == 5 {
            break of_call;
        }
    };
    assert!(of_call["failures"].as_u64() > Some(0) && of_call["at"].is_u64(), "{of_call}");
    let server = format!("http://{}", shop.server.address());
    let line = Server::tool(&["calls", &call, "--server", &server, "--key", KEY]);
    assert!(line.starts_with("webhook crm: delivered up to 5 at +"), "{line}");
    assert!(line.contains("the last: cannot be connected to"), "{line}");
}

#[tokio::test]
async fn nothing_is_lost_when_the_server_is_killed() {
    let receiver = Receiver::start(json!({})).await;
    let mut shop = Shop::open("open", &webhook("crm", receiver.address, ""));
    receiver.answers(Manner::Says(503, String::new()));
    let (mut alice, mut bob) = (shop.device("alice").await, shop.device("bob").await);
    a_call(&shop, &mut alice, &mut bob).await;
    a_call(&shop, &mut alice, &mut bob).await;
    receiver.next().await;
    shop.server.kill();
    receiver.says(&json!({}));
    shop.server.restart();
    all_of(&shop, &receiver).await;
}

#[tokio::test]
async fn a_slow_one_holds_up_neither_calls_nor_another() {
    let (slow, quick) = (Receiver::start(json!({})).await, Receiver::start(json!({})).await);
    slow.answers(Manner::Silent);
    let both = webhook("slow", slow.address, "") + &webhook("quick", quick.address, "");
    let shop = Shop::open("open", &both);
    let (mut alice, mut bob) = (shop.device("alice").await, shop.device("bob").await);
    for _ in 0..3 {
        a_call(&shop, &mut alice, &mut bob).await;
    }
    all_of(&shop, &quick).await;
}

#[tokio::test]
async fn what_was_posted_is_posted_again_when_asked_for() {
    let receiver = Receiver::start(json!({})).await;
    let shop = Shop::open("open", &webhook("crm", receiver.address, ""));
    let (mut alice, mut bob) = (shop.device("alice").await, shop.device("bob").await);
    a_call(&shop, &mut alice, &mut bob).await;
    all_of(&shop, &receiver).await;
    let api = shop.api();
    api.ok("/v1/webhooks/crm/replay", json!({"after": "2"})).await;
    for seq in 3..=5 {
        assert_eq!(receiver.next().await.body["data"]["seq"], seq);
    }
    let (status, problem) = api.post("/v1/webhooks/nobody/replay", json!({"after": "0"})).await;
    assert_eq!((status, &problem["field"]), (404, &Value::Null));
    assert_eq!(api.post("/v1/webhooks/crm/replay", json!({"after": 2})).await.0, 400);
}

#[tokio::test]
async fn a_new_one_begins_with_what_happens_from_then_on() {
    let (first, second) = (Receiver::start(json!({})).await, Receiver::start(json!({})).await);
    let shop = Shop::open("open", &webhook("first", first.address, ""));
    let (mut alice, mut bob) = (shop.device("alice").await, shop.device("bob").await);
    a_call(&shop, &mut alice, &mut bob).await;
    all_of(&shop, &first).await;
    shop.change(
        "open",
        &(webhook("first", first.address, "") + &webhook("second", second.address, "")),
    )
    .await;
    let call = a_call(&shop, &mut alice, &mut bob).await;
    for seq in 1..=5 {
        for receiver in [&first, &second] {
            let data = receiver.next().await.body["data"].take();
            assert_eq!((&data["call"], &data["seq"]), (&json!(call), &json!(seq)));
        }
    }
}
