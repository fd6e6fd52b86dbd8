//! Push: a sleeping phone rings, and stops when it has to. Through the push webhook, which shows
//! what holds for every provider:
//! 1. A callee with only a token rings, wakes, answers; the log and the metrics tell of it.
//! 2. Whoever has none, or is not to be woken, is offline.
//! 3. Cancel, time-out and an answer elsewhere reach who was woken.
//! 4. Dead tokens, logouts and phones that change hands.
//! 5. A gateway that is busy is asked again, one that is down delays nobody.
//! 6. `kill -9` loses neither tokens nor stop-rings.

mod support;

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::{Device, Manner, Post, Receiver, Shop, ask, bring, outcome};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A server whose app wakes its devices through `gateway`; sessions end a second after their
/// connection.
fn open(gateway: &Receiver) -> Shop {
    Shop::open("open", &tables(gateway))
}

fn tables(gateway: &Receiver) -> String {
    format!(
        "[apps.push.webhook]\nurl = \"http://{}/push\"\nsecrets = [\"{SECRET}\"]\n\
         timeout_ms = 2000\n[apps.calls]\nresume_s = 1\nring_time_s = 30\n",
        gateway.address
    )
}

async fn register(device: &mut Device, token: &str) {
    device.ok(json!({"do": "push.set", "provider": "webhook", "token": token})).await;
}

/// A device that sleeps and can be woken; its token is named after it.
async fn phone(shop: &Shop, user: &str, id: &str) -> Device {
    let mut phone = shop.device_as(user, id).await;
    register(&mut phone, &format!("token of {id}")).await;
    shop.sleep(&mut phone).await;
    phone
}

/// Starts a call to `to`; its id and what was answered of it.
async fn call(caller: &mut Device, to: &[&str], more: Value) -> (String, Value) {
    let mut request = json!({"do": "call.start", "to": to, "media": "audio"});
    if let (Some(fields), Value::Object(more)) = (request.as_object_mut(), more) {
        fields.extend(more);
    }
    let ok = caller.ok(request).await;
    (ok["call"].as_str().expect("a call").to_owned(), ok["info"].clone())
}

/// Type, token and call of a post.
fn news(post: &Post) -> (&str, &str, &str) {
    let text = |value: &'static str| post.body["data"][value].as_str().unwrap_or_default();
    (post.body["type"].as_str().unwrap_or_default(), text("token"), text("call"))
}

fn pushed<'a>(log: &'a [Value], outcome: &str) -> Vec<&'a Value> {
    log.iter().filter(|e| e["type"] == "pushed" && e["outcome"] == outcome).collect()
}

#[tokio::test]
async fn r8_a_callee_with_only_a_token_rings_wakes_and_answers() {
    let gateway = Receiver::start(json!({})).await;
    let shop = open(&gateway);
    let mut alice = shop.device("alice").await;
    let mut bob = phone(&shop, "bob", "p1").await;
    let push = json!({"push": {"title": "The shop", "content": "on your order", "badge": 2,
                               "payload": {"order": 7}}});
    let (id, info) = call(&mut alice, &["bob"], push).await;
    let post = gateway.next().await;
    assert_eq!(news(&post), ("push.invite", "token of p1", id.as_str()));
    let data = &post.body["data"];
    assert_eq!(
        (&data["device"], &data["from"], &data["to"]),
        (&json!("p1"), &json!("alice"), &json!("bob"))
    );
    assert_eq!((&data["media"], &data["ring"]), (&json!("audio"), &json!("ring")));
    let bobs = &info["participants"][1];
    assert_eq!(data["ring_until"], bobs["ring_until"]);
    assert_eq!((&data["title"], &data["payload"]), (&json!("The shop"), &json!({"order": 7})));
    assert!(post.signature.starts_with("v1,") && !post.id.is_empty(), "{post:?}");
    // It wakes, finds the call, rings and answers.
    bob.resume(shop.server.address()).await;
    assert_eq!(bob.welcome["calls"][0]["id"], id.as_str());
    bob.ok(ask("call.ringing", &id)).await;
    assert_eq!(alice.expect("call.ringing").await["device"], "p1");
    bob.ok(ask("call.accept", &id)).await;
    alice.wait_for("call.started").await;
    alice.ok(ask("call.hangup", &id)).await;
    bob.wait_for("call.ended").await;
    let log = shop.log_with(&id, |log| !pushed(log, "woke").is_empty()).await;
    let sent = pushed(&log, "sent");
    assert_eq!(sent.len(), 1, "{log:?}");
    assert_eq!((&sent[0]["device"], &sent[0]["provider"]), (&json!("p1"), &json!("webhook")));
    assert_eq!((&sent[0]["news"], &sent[0]["status"]), (&json!("invite"), &json!(200)));
    let (_, metrics) = shop.api().text("/metrics").await;
    for line in [
        r#"bellwire_pushes_total{provider="webhook",news="invite",outcome="sent"} 1"#,
        "bellwire_push_to_connected_seconds_count 1",
        "bellwire_push_connected_to_ringing_seconds_count 1",
    ] {
        assert!(metrics.contains(line), "{line} is not in {metrics}");
    }
    // Who answered is not told to stop: the next post is of the next call.
    phone(&shop, "carol", "p2").await;
    let (next, _) = call(&mut alice, &["carol"], json!({})).await;
    assert_eq!(news(&gateway.next().await), ("push.invite", "token of p2", next.as_str()));
}

#[tokio::test]
async fn who_cannot_or_is_not_to_be_woken_is_offline() {
    let gateway = Receiver::start(json!({})).await;
    let shop = open(&gateway);
    let mut alice = shop.device("alice").await;
    phone(&shop, "bob", "p1").await;
    let quiet = json!([{"user": "bob", "ring": "silent"}]);
    for (to, push) in [
        (json!(["bob"]), json!({"enabled": false})),
        (json!(["nobody"]), json!({})),
        (quiet, json!({})),
    ] {
        let request = json!({"do": "call.start", "to": to, "push": push});
        alice.ok(request).await;
        let rejected = alice.expect("call.rejected").await;
        assert_eq!(
            (&rejected["reason"], &rejected["cause"]),
            (&json!("offline"), &json!("absent"))
        );
        let ended = alice.expect("call.ended").await;
        assert_eq!(outcome(&ended["ended"]), ("all", "offline", 100_102));
    }
    assert_eq!(gateway.waiting(), 0);
    // An app without a gateway takes no tokens for one.
    let mut other = shop.server.device("dave", "d1").await;
    let set = json!({"do": "push.set", "provider": "webhook", "token": "t"});
    let refused = other.refused(set, "invalid").await;
    assert_eq!(refused["field"], "provider");
}

#[tokio::test]
async fn cancel_and_timeout_tell_who_was_woken_to_stop() {
    let gateway = Receiver::start(json!({})).await;
    let shop = open(&gateway);
    let mut alice = shop.device("alice").await;
    phone(&shop, "bob", "p1").await;
    let (id, _) = call(&mut alice, &["bob"], json!({})).await;
    assert_eq!(news(&gateway.next().await).0, "push.invite");
    alice.ok(ask("call.cancel", &id)).await;
    let stop = gateway.next().await;
    assert_eq!(news(&stop), ("push.stop", "token of p1", id.as_str()));
    assert_eq!(stop.body["data"]["reason"], "canceled");
    alice.wait_for("call.ended").await;

    let (id, _) = call(&mut alice, &["bob"], json!({"ring_time": 5})).await;
    assert_eq!(news(&gateway.next().await).0, "push.invite");
    let ended = alice.wait_for("call.ended").await;
    assert_eq!(outcome(&ended["ended"]), ("all", "timeout", 100_105));
    let stop = gateway.next().await;
    assert_eq!(news(&stop), ("push.stop", "token of p1", id.as_str()));
    assert_eq!(stop.body["data"]["reason"], "timeout");
    let stopped = |e: &Value| e["type"] == "pushed" && e["news"] == "stop";
    shop.log_with(&id, |log| log.iter().any(stopped)).await;
}

#[tokio::test]
async fn an_answer_elsewhere_stops_every_other_device_that_was_woken() {
    let gateway = Receiver::start(json!({})).await;
    let shop = open(&gateway);
    let mut alice = shop.device("alice").await;
    phone(&shop, "bob", "p1").await;
    let mut second = phone(&shop, "bob", "p2").await;
    let mut desk = shop.device_as("bob", "desk").await;
    register(&mut desk, "token of desk").await;
    let (id, _) = call(&mut alice, &["bob"], json!({})).await;
    desk.expect("call.invited").await;
    // The one that is connected needs no push.
    let mut tokens = [gateway.next().await, gateway.next().await].map(|post| {
        assert_eq!(news(&post).0, "push.invite");
        news(&post).1.to_owned()
    });
    tokens.sort();
    assert_eq!(tokens, ["token of p1", "token of p2"]);
    // One of them has woken meanwhile: its connection tells it.
    second.resume(shop.server.address()).await;
    desk.ok(ask("call.accept", &id)).await;
    let elsewhere = second.wait_for("call.elsewhere").await;
    assert_eq!(elsewhere["how"], "accepted");
    second.ok(bring("ack", &id, json!({"seq": elsewhere["seq"]}))).await;
    let stop = gateway.next().await;
    assert_eq!(news(&stop), ("push.stop", "token of p1", id.as_str()));
    assert_eq!(stop.body["data"]["reason"], "accepted");
    alice.wait_for("call.started").await;
    alice.ok(ask("call.hangup", &id)).await;
    desk.wait_for("call.ended").await;
    shop.log_with(&id, |log| pushed(log, "sent").len() == 3).await;
    assert_eq!(gateway.waiting(), 0);
}

#[tokio::test]
async fn a_device_that_rang_and_lost_its_connection_is_told_to_stop() {
    let gateway = Receiver::start(json!({})).await;
    let shop = open(&gateway);
    let mut alice = shop.device("alice").await;
    let mut bob = shop.device_as("bob", "p1").await;
    register(&mut bob, "token of p1").await;
    let (id, _) = call(&mut alice, &["bob"], json!({})).await;
    bob.expect("call.invited").await;
    bob.ok(ask("call.ringing", &id)).await;
    alice.expect("call.ringing").await;
    bob.drop_connection();
    // Until the server knows that it is away.
    let mut presence = Value::Null;
    while presence["users"]["bob"] != "unreachable" {
        presence = alice.ok(json!({"do": "presence.get", "users": ["bob"]})).await;
    }
    alice.ok(ask("call.cancel", &id)).await;
    assert_eq!(news(&gateway.next().await), ("push.stop", "token of p1", id.as_str()));
}

#[tokio::test]
async fn a_device_that_seems_connected_and_confirms_nothing_is_told_by_push_too() {
    let gateway = Receiver::start(json!({})).await;
    let shop = open(&gateway);
    let mut alice = shop.device("alice").await;
    let mut frozen = shop.device_as("bob", "p1").await;
    register(&mut frozen, "token of p1").await;
    let mut awake = shop.device_as("bob", "p2").await;
    register(&mut awake, "token of p2").await;
    let (id, _) = call(&mut alice, &["bob"], json!({})).await;
    frozen.expect("call.invited").await;
    awake.expect("call.invited").await;
    alice.ok(ask("call.cancel", &id)).await;
    let canceled = awake.expect("call.canceled").await;
    awake.ok(bring("ack", &id, json!({"seq": canceled["seq"]}))).await;
    // The other one's connection stands, and nobody reads from it.
    assert_eq!(news(&gateway.next().await), ("push.stop", "token of p1", id.as_str()));
    assert_eq!(gateway.waiting(), 0);
}

#[tokio::test]
async fn r20_a_sleeping_caller_is_woken_first_and_the_callee_once_he_has_accepted() {
    let gateway = Receiver::start(json!({})).await;
    let shop = open(&gateway);
    let mut alice = phone(&shop, "alice", "p1").await;
    phone(&shop, "bob", "p2").await;
    let start = json!({"from": "alice", "to": ["bob"], "push": {"title": "The shop"}});
    let started = shop.api().ok("/v1/calls", start).await;
    let id = started["call"].as_str().expect("a call").to_owned();
    let post = gateway.next().await;
    assert_eq!(news(&post), ("push.invite", "token of p1", id.as_str()));
    assert!(post.body["data"]["from"].is_null(), "nobody calls but the server: {post:?}");
    alice.resume(shop.server.address()).await;
    assert_eq!(gateway.waiting(), 0);
    alice.ok(ask("call.accept", &id)).await;
    let post = gateway.next().await;
    assert_eq!(news(&post), ("push.invite", "token of p2", id.as_str()));
    let data = &post.body["data"];
    assert_eq!((&data["from"], &data["title"]), (&json!("alice"), &json!("The shop")));
}

#[tokio::test]
async fn a_dead_token_is_forgotten_and_the_next_call_finds_nobody() {
    let gateway = Receiver::start(json!({})).await;
    let shop = open(&gateway);
    let mut alice = shop.device("alice").await;
    phone(&shop, "bob", "p1").await;
    gateway.answers(Manner::Says(410, String::new()));
    let (id, _) = call(&mut alice, &["bob"], json!({})).await;
    gateway.next().await;
    let log = shop.log_with(&id, |log| !pushed(log, "dead").is_empty()).await;
    assert_eq!(pushed(&log, "dead")[0]["status"], 410);
    // Nothing of him can be reached: the caller need not wait for the ring time.
    let ended = alice.wait_for("call.ended").await;
    assert_eq!(outcome(&ended["ended"]), ("all", "offline", 100_102));
    call(&mut alice, &["bob"], json!({})).await;
    let ended = alice.wait_for("call.ended").await;
    assert_eq!(outcome(&ended["ended"]), ("all", "offline", 100_102));
    assert_eq!(gateway.waiting(), 0);
}

#[tokio::test]
async fn tokens_end_with_logout_and_clear_and_move_with_the_phone() {
    let gateway = Receiver::start(json!({})).await;
    let shop = open(&gateway);
    let mut alice = shop.device("alice").await;
    // Bob's phone is Carol's now.
    phone(&shop, "bob", "p1").await;
    let mut carol = shop.device_as("carol", "p1").await;
    register(&mut carol, "token of p1").await;
    shop.sleep(&mut carol).await;
    call(&mut alice, &["bob"], json!({})).await;
    let ended = alice.wait_for("call.ended").await;
    assert_eq!(ended["ended"]["reason"], "offline");
    let (id, _) = call(&mut alice, &["carol"], json!({})).await;
    let post = gateway.next().await;
    assert_eq!(
        (news(&post), &post.body["data"]["to"]),
        (("push.invite", "token of p1", id.as_str()), &json!("carol"))
    );
    alice.ok(ask("call.cancel", &id)).await;
    assert_eq!(news(&gateway.next().await).0, "push.stop");
    alice.wait_for("call.ended").await;

    let mut cleared = shop.device_as("dave", "p2").await;
    register(&mut cleared, "two").await;
    cleared.ok(json!({"do": "push.clear", "provider": "webhook"})).await;
    shop.sleep(&mut cleared).await;
    let mut gone = shop.device_as("erin", "p3").await;
    register(&mut gone, "three").await;
    gone.ok(json!({"do": "logout"})).await;
    phone(&shop, "frank", "p4").await;
    shop.api().ok("/v1/users/frank/logout", json!({})).await;
    for user in ["dave", "erin", "frank"] {
        call(&mut alice, &[user], json!({})).await;
        let ended = alice.wait_for("call.ended").await;
        assert_eq!(ended["ended"]["reason"], "offline", "{user}");
    }
    assert_eq!(gateway.waiting(), 0);
}

#[tokio::test]
async fn a_gateway_that_is_busy_is_asked_again_within_the_ring_time() {
    let gateway = Receiver::start(json!({})).await;
    let shop = open(&gateway);
    let mut alice = shop.device("alice").await;
    phone(&shop, "bob", "p1").await;
    for status in [429, 503] {
        gateway.answers(Manner::Later(status, 1));
        let (id, _) = call(&mut alice, &["bob"], json!({})).await;
        let first = gateway.next().await;
        let asked = Instant::now();
        gateway.says(&json!({}));
        let second = gateway.next().await;
        assert!(asked.elapsed() >= Duration::from_millis(900), "{:?}", asked.elapsed());
        assert_eq!((&first.id, news(&first)), (&second.id, news(&second)));
        shop.log_with(&id, |log| !pushed(log, "sent").is_empty()).await;
        alice.ok(ask("call.cancel", &id)).await;
        assert_eq!(news(&gateway.next().await).0, "push.stop");
        alice.wait_for("call.ended").await;
    }
    // Later than the ring time is too late, and told at once.
    gateway.answers(Manner::Later(503, 600));
    let (id, _) = call(&mut alice, &["bob"], json!({})).await;
    let log = shop.log_with(&id, |log| !pushed(log, "late").is_empty()).await;
    assert_eq!(pushed(&log, "late")[0]["status"], 503);
}

#[tokio::test]
async fn a_gateway_that_does_not_answer_delays_nobody() {
    let gateway = Receiver::start(json!({})).await;
    let shop = open(&gateway);
    let mut alice = shop.device("alice").await;
    let mut bob = phone(&shop, "bob", "p1").await;
    let mut desk = shop.device_as("carol", "desk").await;
    gateway.answers(Manner::Silent);
    let (id, _) = call(&mut alice, &["bob"], json!({})).await;
    gateway.next().await;
    // The callee comes by himself while his push hangs.
    bob.resume(shop.server.address()).await;
    bob.ok(ask("call.accept", &id)).await;
    alice.wait_for("call.started").await;
    alice.ok(ask("call.hangup", &id)).await;
    bob.wait_for("call.ended").await;
    alice.wait_for("call.ended").await;
    let (id, _) = call(&mut alice, &["carol"], json!({})).await;
    desk.expect("call.invited").await;
    desk.ok(ask("call.reject", &id)).await;
    alice.wait_for("call.ended").await;
    // Nor does it hold up the end of the server.
    let mut shop = shop;
    shop.server.signal("TERM");
    assert!(shop.server.wait_for_exit(Duration::from_secs(15)).success());
}

#[tokio::test]
async fn after_a_kill_tokens_are_there_and_what_rang_is_told_to_stop() {
    let gateway = Receiver::start(json!({})).await;
    let mut shop = open(&gateway);
    let mut alice = shop.device("alice").await;
    phone(&shop, "bob", "p1").await;
    phone(&shop, "carol", "p2").await;
    let (id, _) = call(&mut alice, &["bob"], json!({"push": {"title": "The shop"}})).await;
    gateway.next().await;
    shop.log_with(&id, |log| !pushed(log, "sent").is_empty()).await;
    shop.server.kill();
    shop.server.restart();
    alice.resume(shop.server.address()).await;
    alice.ok(ask("call.cancel", &id)).await;
    // It was woken before, so it is not called twice; it is told to stop.
    assert_eq!(news(&gateway.next().await), ("push.stop", "token of p1", id.as_str()));
    alice.wait_for("call.ended").await;
    let (id, _) = call(&mut alice, &["carol"], json!({})).await;
    assert_eq!(news(&gateway.next().await), ("push.invite", "token of p2", id.as_str()));
    alice.ok(ask("call.cancel", &id)).await;
    gateway.next().await;
    alice.wait_for("call.ended").await;

    // One whose gateway was away until the kill is woken after it.
    gateway.answers(Manner::Later(503, 20));
    let (id, _) = call(&mut alice, &["bob"], json!({"push": {"title": "Again"}})).await;
    gateway.next().await;
    gateway.says(&json!({}));
    shop.server.kill();
    shop.server.restart();
    let post = gateway.next().await;
    assert_eq!(news(&post), ("push.invite", "token of p1", id.as_str()));
    assert_eq!(post.body["data"]["title"], "Again");
}

#[tokio::test]
async fn credentials_are_read_again_while_it_runs() {
    let gateway = Receiver::start(json!({})).await;
    let shop = Shop::open("open", "[apps.calls]\nresume_s = 1\n");
    let mut alice = shop.device("alice").await;
    let mut bob = shop.device_as("bob", "p1").await;
    let set = json!({"do": "push.set", "provider": "webhook", "token": "token of p1"});
    bob.refused(set.clone(), "invalid").await;
    shop.change("open", &tables(&gateway)).await;
    bob.ok(set).await;
    shop.sleep(&mut bob).await;
    let (id, _) = call(&mut alice, &["bob"], json!({})).await;
    assert_eq!(news(&gateway.next().await), ("push.invite", "token of p1", id.as_str()));
    alice.ok(ask("call.cancel", &id)).await;
    assert_eq!(news(&gateway.next().await).0, "push.stop");
    alice.wait_for("call.ended").await;
}

#[tokio::test]
async fn those_invited_later_are_woken_as_their_inviter_wishes() {
    let gateway = Receiver::start(json!({})).await;
    let shop = open(&gateway);
    let mut alice = shop.device("alice").await;
    let mut dave = shop.device_as("dave", "desk").await;
    for (user, id) in [("bob", "p1"), ("carol", "p2")] {
        phone(&shop, user, id).await;
    }
    let (id, _) = call(&mut alice, &["dave"], json!({"kind": "group"})).await;
    dave.expect("call.invited").await;
    dave.ok(ask("call.accept", &id)).await;
    let invite = json!({"to": ["bob"], "push": {"title": "Join us"}});
    alice.ok(bring("call.invite", &id, invite)).await;
    let post = gateway.next().await;
    assert_eq!((news(&post).0, &post.body["data"]["title"]), ("push.invite", &json!("Join us")));
    let not_woken = json!({"to": ["carol"], "push": {"enabled": false}});
    alice.ok(bring("call.invite", &id, not_woken)).await;
    let rejected = alice.wait_for("call.rejected").await;
    assert_eq!((&rejected["user"], &rejected["reason"]), (&json!("carol"), &json!("offline")));
    alice.ok(ask("call.end", &id)).await;
    assert_eq!(news(&gateway.next().await), ("push.stop", "token of p1", id.as_str()));
}
