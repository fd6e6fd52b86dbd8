//! Tokens for rooms of others: a `LiveKit` server's, made here and read by `LiveKit`'s own server
//! SDK, and those that the app's business server gives.

mod support;

use std::process::Command;

use serde_json::{Value, json};
use support::{Business, Device, Manner, Receiver, Shop, outcome, ring, start, talk};

const LIVEKIT: &str = "[apps.calls]\nroom_media = \"livekit\"\n[apps.livekit]\n\
    url = \"wss://livekit.shop.example\"\napi_key = \"APIshop\"\n\
    api_secret = \"livekit-secret-livekit-secret-livekit\"\nttl_s = 300\n";
/// Prints what `LiveKit`'s SDK makes of a token; it refuses what a server would refuse.
const READ: &str = r#"
import json, sys
from livekit.api import TokenVerifier
claims = TokenVerifier("APIshop", "livekit-secret-livekit-secret-livekit").verify(sys.argv[1])
v = claims.video
print(json.dumps({
    "identity": claims.identity, "room": v.room, "join": v.room_join, "subscribe": v.can_subscribe,
    "publish": v.can_publish, "sources": v.can_publish_sources, "data": v.can_publish_data,
    "admin": v.room_admin, "attributes": claims.attributes,
}))
"#;
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// What a `LiveKit` server understands a token to allow.
fn read(token: &Value) -> Value {
    let mut command = Command::new("python3");
    // Where `cargo xtask test` keeps it; otherwise it has to be installed.
    if let Some(packages) = std::env::var_os("BELLWIRE_TEST_PYTHON") {
        command.env("PYTHONPATH", packages);
    }
    let token = token.as_str().expect("a token");
    let output = command.args(["-c", READ, token]).output().expect("python3 runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// A shop whose media is its own, and whose business server gives the tokens.
fn with_tokens(hooks: &str) -> Shop {
    let calls = "[apps.calls]\nroom_media = \"external\"\n";
    let asked = "ask = [\"room.token\"]\nabsent = \"allow\"\n";
    Shop::open("open", &format!("{calls}[apps.hooks]\n{asked}{hooks}"))
}

fn posted_to(receiver: &Receiver) -> String {
    format!("url = \"{}\"\nsecrets = [\"{SECRET}\"]\ntimeout_ms = 500\n", receiver.url())
}

/// Rings, answers, and gives both rooms as told.
async fn rooms(caller: &mut Device, callee: &mut Device) -> (String, Value, Value) {
    let call = ring(caller, callee).await;
    let info = callee.ok(json!({"do": "call.accept", "call": call})).await["info"].take();
    let of_caller = caller.wait_for("call.started").await["room"].take();
    let of_callee = callee.wait_for("call.started").await["room"].take();
    assert_eq!(info["phase"], "active");
    assert_eq!(info["room"]["id"], of_callee["id"]);
    (call, of_caller, of_callee)
}

/// Answers the next questions of tokens as `said` has it, by user.
async fn give(business: &mut Business, times: usize, said: impl Fn(&str) -> Value) -> Vec<Value> {
    let mut asked = Vec::new();
    for _ in 0..times {
        let question = business.question().await;
        assert_eq!(question["hook"], "room.token");
        let user = question["data"]["by"]["user"].as_str().expect("a user").to_owned();
        business.answer(&question, said(&user)).await;
        asked.push(question);
    }
    asked
}

#[tokio::test]
async fn livekit_takes_the_tokens_and_allows_what_the_call_does() {
    let shop = Shop::open("open", LIVEKIT);
    let (mut alice, mut bob) = (shop.device("alice").await, shop.device("bob").await);
    let ask = json!({"do": "call.start", "to": ["bob"], "media": "video",
                     "forbid": ["callee_video"]});
    let call = alice.ok(ask).await["call"].as_str().expect("an id").to_owned();
    bob.expect("call.invited").await;
    bob.ok(json!({"do": "call.accept", "call": call})).await;
    let told = [alice.wait_for("call.started").await, bob.wait_for("call.started").await];
    let all = json!(["microphone", "screen_share_audio", "camera", "screen_share"]);
    let heard = json!(["microphone", "screen_share_audio"]);
    for (event, user, sources) in [(&told[0], "alice", all), (&told[1], "bob", heard)] {
        let room = &event["room"];
        assert_eq!(room["media"], "livekit");
        assert_eq!(room["url"], "wss://livekit.shop.example");
        let attributes = json!({"bellwire.app": "shop", "bellwire.device": "d1"});
        let wanted = json!({"identity": user, "room": call, "join": true, "subscribe": true,
                            "publish": true, "sources": sources, "data": true, "admin": null,
                            "attributes": attributes});
        assert_eq!(read(&room["token"]), wanted);
    }
    // Who moves to another device is given a token for that one.
    let mut other = shop.device_as("bob", "d2").await;
    other.ok(json!({"do": "call.move", "call": call, "from": "d1"})).await;
    let room = other.ok(json!({"do": "call.get", "call": call})).await["info"]["room"].take();
    assert_eq!(read(&room["token"])["attributes"]["bellwire.device"], "d2");
    bob.wait_for("call.elsewhere").await;
    let info = bob.ok(json!({"do": "call.get", "call": call})).await["info"].take();
    let room = &info["room"];
    assert!(room["id"].is_u64() && room["token"].is_null(), "for the other device: {room}");
}

#[tokio::test]
async fn the_business_server_gives_tokens_before_anybody_is_told_of_the_room() {
    let shop = with_tokens("");
    let (mut alice, mut bob) = (shop.device("alice").await, shop.device("bob").await);
    let mut business = shop.business(json!({"hooks": ["room.token"]})).await;
    let call = ring(&mut alice, &mut bob).await;
    let id = bob.send(json!({"do": "call.accept", "call": call})).await;
    let said = |user: &str| json!({"token": format!("token of {user}"), "url": "https://rooms"});
    let asked = give(&mut business, 2, said).await;
    for question in &asked {
        let data = &question["data"];
        assert_eq!((&data["call"], &data["by"]["device"]), (&json!(call), &json!("d1")));
        assert!(data["room"].is_u64() && data["allow"].is_array(), "{data}");
    }
    let info = bob.reply(id).await["ok"]["info"].take();
    assert_eq!(info["room"]["token"], "token of bob");
    let room = bob.wait_for("call.started").await["room"].take();
    assert_eq!((&room["token"], &room["url"]), (&json!("token of bob"), &json!("https://rooms")));
    assert_eq!(room["media"], "external");
    assert_eq!(alice.wait_for("call.started").await["room"]["token"], "token of alice");
    let log = shop.log_with(&call, |log| log.iter().any(|entry| entry["type"] == "started")).await;
    let of_hook = log.iter().filter(|entry| entry["hook"] == "room.token");
    assert!(of_hook.map(|entry| &entry["outcome"]).eq(["allowed", "allowed"]), "{log:?}");

    // A token that is good is not asked for again, and a device that comes back has it still.
    bob.drop_connection();
    bob.resume(shop.server.address()).await;
    assert_eq!(bob.welcome["calls"][0]["room"]["token"], "token of bob");

    // Another device needs its own, and without one the user stays where they are.
    let mut other = shop.device_as("bob", "d2").await;
    let id = other.send(json!({"do": "call.move", "call": call, "from": "d1"})).await;
    give(&mut business, 1, |_| json!({"allow": false, "code": 9, "text": "one device"})).await;
    let error = other.reply(id).await["error"].take();
    assert_eq!((&error["code"], &error["number"]), (&json!("denied"), &json!(9)));
    let id = other.send(json!({"do": "call.move", "call": call, "from": "d1"})).await;
    give(&mut business, 1, |_| json!({"token": "another"})).await;
    assert_eq!(other.reply(id).await["ok"], json!({}));
    let room = other.ok(json!({"do": "call.get", "call": call})).await["info"]["room"].take();
    assert_eq!(room["token"], "another");
}

#[tokio::test]
async fn two_who_answer_at_once_are_asked_for_once_each() {
    let shop = with_tokens("");
    let (mut alice, mut bob) = (shop.device("alice").await, shop.device("bob").await);
    let mut carol = shop.device("carol").await;
    let mut business = shop.business(json!({"hooks": ["room.token"]})).await;
    let call = start(&mut alice, &["bob", "carol"]).await;
    let answer = json!({"do": "call.accept", "call": call});
    let of_bob = bob.send(answer.clone()).await;
    let mut waiting = vec![business.question().await, business.question().await];
    // She needs the caller's too, who is asked for already.
    let of_carol = carol.send(answer).await;
    waiting.push(business.question().await);
    let mut users: Vec<_> = waiting.iter().map(|q| q["data"]["by"]["user"].clone()).collect();
    for question in &waiting {
        business.answer(question, json!({"token": "t"})).await;
    }
    users.sort_by_key(ToString::to_string);
    assert_eq!(users, ["alice", "bob", "carol"]);
    for (device, id) in [(&mut bob, of_bob), (&mut carol, of_carol)] {
        assert_eq!(device.reply(id).await["ok"]["info"]["room"]["token"], "t");
    }
    assert_eq!(business.kept(), 0);
}

#[tokio::test]
async fn without_a_token_a_call_of_two_is_over_and_says_why() {
    let receiver = Receiver::start(json!({})).await;
    let shop = with_tokens(&posted_to(&receiver));
    let (mut alice, mut bob) = (shop.device("alice").await, shop.device("bob").await);
    let refused = json!({"allow": false, "code": 9, "text": "no room"}).to_string();
    let too_long = json!({"token": "t".repeat(10_000)}).to_string();
    let over = json!({"token": "t", "expires_in": 0}).to_string();
    for (manner, code) in [
        (Manner::Says(200, refused), 9),
        (Manner::Says(500, String::new()), 503),
        (Manner::Says(200, too_long), 503),
        (Manner::Says(200, over), 503),
        (Manner::Silent, 503),
    ] {
        receiver.answers(manner.clone());
        let call = ring(&mut alice, &mut bob).await;
        let error = bob.refused(json!({"do": "call.accept", "call": call}), "denied").await;
        assert_eq!(error["number"], code, "{manner:?}: {error}");
        let canceled = bob.wait_for("call.canceled").await;
        assert_eq!((&canceled["reason"], &canceled["code"]), (&json!("denied"), &json!(code)));
        let ended = alice.wait_for("call.ended").await["ended"].take();
        assert_eq!(outcome(&ended), ("all", "denied", code));
        assert_eq!(ended["cause"], "token");
        for device in [&mut alice, &mut bob] {
            let record = device.record().await["record"].take();
            assert_eq!((&record["reason"], &record["cause"]), (&json!("denied"), &json!("token")));
        }
        // An answer that counts, so that the next is asked again.
        receiver.says(&json!({"token": "t"}));
        let call = talk(&mut alice, &mut bob).await;
        alice.ok(json!({"do": "call.hangup", "call": call})).await;
        bob.wait_for("call.ended").await;
        alice.wait_for("call.ended").await;
        for device in [&mut alice, &mut bob] {
            device.record().await;
        }
    }
}

#[tokio::test]
async fn in_a_group_only_who_gets_none_stays_out() {
    let shop = with_tokens("");
    let (mut alice, mut bob) = (shop.device("alice").await, shop.device("bob").await);
    let mut carol = shop.device("carol").await;
    let mut business = shop.business(json!({"hooks": ["room.token"]})).await;
    let call = start(&mut alice, &["bob", "carol"]).await;
    let id = bob.send(json!({"do": "call.accept", "call": call})).await;
    give(&mut business, 2, |user| json!({"token": user})).await;
    assert_eq!(bob.reply(id).await["ok"]["info"]["room"]["token"], "bob");
    let id = carol.send(json!({"do": "call.accept", "call": call})).await;
    give(&mut business, 1, |_| json!({"allow": false})).await;
    assert_eq!(carol.reply(id).await["error"]["code"], "denied");
    assert_eq!(carol.wait_for("call.canceled").await["reason"], "denied");
    let rejected = alice.wait_for("call.rejected").await;
    assert_eq!((&rejected["user"], &rejected["reason"]), (&json!("carol"), &json!("denied")));
    // She may try to join as any other who is not in it.
    let id = carol.send(json!({"do": "call.join", "call": call})).await;
    give(&mut business, 1, |user| json!({"token": user})).await;
    assert_eq!(carol.reply(id).await["ok"]["info"]["room"]["token"], "carol");
}

#[tokio::test]
async fn tokens_that_run_out_or_are_lost_with_the_server_are_asked_for_anew() {
    let receiver = Receiver::start(json!({"token": "first", "expires_in": 1})).await;
    let mut shop = with_tokens(&posted_to(&receiver));
    let (mut alice, mut bob) = (shop.device("alice").await, shop.device("bob").await);
    let (call, of_alice, of_bob) = rooms(&mut alice, &mut bob).await;
    assert_eq!((&of_alice["token"], &of_bob["token"]), (&json!("first"), &json!("first")));
    receiver.says(&json!({"token": "second"}));
    loop {
        let info = bob.ok(json!({"do": "call.get", "call": call})).await["info"].take();
        if info["room"]["token"] == "second" {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    receiver.says(&json!({"token": "third"}));
    shop.server.kill();
    shop.server.restart();
    bob.resume(shop.server.address()).await;
    assert_eq!(bob.welcome["calls"][0]["room"]["token"], "third");
    // One that is down holds nobody up who is in a call.
    receiver.answers(Manner::Says(500, String::new()));
    alice.resume(shop.server.address()).await;
    let room = &alice.welcome["calls"][0]["room"];
    assert!(room["id"].is_u64() && room["token"].is_null(), "{room}");
}
