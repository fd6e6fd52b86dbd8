//! APNs, FCM and Web Push, each played over real HTTP/2 with TLS:
//! 1. What each is told of an invitation and of its end.
//! 2. A notice is no call.
//! 3. Tokens that are dead are forgotten.
//! 4. The sender's token is renewed when it is refused for its age.
//! 5. A service that is busy is asked again when it says.
//! 6. Settings that cannot be used stop the start, and name no secret.

#[path = "../support/mod.rs"]
mod support;

mod browser;
mod cloud;

use std::{fs, time::Duration};

use rcgen::{KeyPair, PKCS_RSA_SHA256};
use serde_json::{Value, json};
use support::{Authority, Device, Shop, ask, bellwire};
use tempfile::TempDir;

use crate::{
    browser::Browser,
    cloud::{Cloud, Fault, Got, between},
};

/// A VAPID key; RFC 8291 has it for its example.
const VAPID_PRIVATE: &str = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw";
const VAPID_PUBLIC: &str =
    "BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8";

/// A server with credentials for all of them.
struct World {
    cloud: Cloud,
    shop: Shop,
    /// The keys of the browser's subscription.
    subscription: Value,
    _folder: TempDir,
}

impl World {
    async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let authority = Authority::new();
        let apns = KeyPair::generate().expect("a key");
        let fcm = KeyPair::generate_for(&PKCS_RSA_SHA256).expect("a key");
        let browser = Browser::new(VAPID_PUBLIC);
        let subscription = browser.keys();
        let (apns_public, fcm_public) = (apns.public_key_pem(), fcm.public_key_pem());
        let cloud = Cloud::start(&authority, &apns_public, &fcm_public, browser).await;
        let account = json!({
            "type": "service_account", "project_id": "shop", "private_key_id": "k1",
            "private_key": fcm.serialize_pem(), "client_email": "push@shop.example",
            "token_uri": format!("{}/token", cloud.url()),
        });
        let put = |name: &str, text: &str| fs::write(folder.path().join(name), text);
        put("root.pem", authority.root()).expect("written");
        put("key.p8", &apns.serialize_pem()).expect("written");
        put("account.json", &account.to_string()).expect("written");
        let at = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
        let (root, url) = (at("root.pem"), cloud.url());
        let tables = format!(
            "[apps.push.apns]\nkey = \"{}\"\nkey_id = \"KEY1234567\"\nteam = \"TEAM123456\"\n\
             topic = \"example.shop\"\naddress = \"{url}\"\nroot = \"{root}\"\n\
             [apps.push.fcm]\nservice_account = \"{}\"\naddress = \"{url}\"\nroot = \"{root}\"\n\
             [apps.push.web]\nkey = \"{VAPID_PRIVATE}\"\nsubject = \"mailto:ops@shop.example\"\n\
             services = [\"localhost\"]\nroot = \"{root}\"\n\
             [apps.calls]\nresume_s = 1\n",
            at("key.p8"),
            at("account.json"),
        );
        let shop = Shop::open("open", &tables);
        Self { cloud, shop, subscription, _folder: folder }
    }

    /// A device of `user` that sleeps, with these tokens.
    async fn phone(&self, user: &str, tokens: &[Value]) -> Device {
        let mut phone = self.shop.device_as(user, "phone").await;
        for token in tokens {
            let mut set = token.clone();
            set["do"] = "push.set".into();
            phone.ok(set).await;
        }
        self.shop.sleep(&mut phone).await;
        phone
    }

    /// A browser's subscription under this name.
    fn subscribed(&self, id: &str) -> Value {
        let mut set = self.subscription.clone();
        set["provider"] = "web".into();
        set["endpoint"] = format!("{}/push/{id}", self.cloud.url()).into();
        set
    }

    /// The log's pushes with this outcome.
    async fn pushed(&self, call: &str, outcome: &str) -> Value {
        let is_it = |e: &&Value| e["type"] == "pushed" && e["outcome"] == outcome;
        let log = self.shop.log_with(call, |log| log.iter().any(|e| is_it(&e))).await;
        log.iter().find(is_it).cloned().expect("found")
    }
}

fn voip(digit: &str) -> Value {
    json!({"provider": "apns", "kind": "voip", "token": digit.repeat(64)})
}

fn alert(digit: &str) -> Value {
    json!({"provider": "apns", "kind": "alert", "token": digit.repeat(64)})
}

fn fcm(token: &str) -> Value {
    json!({"provider": "fcm", "token": token})
}

async fn start(caller: &mut Device, to: Value) -> String {
    let push = json!({"title": "The shop", "content": "on your order", "payload": {"order": 7}});
    let ask = json!({"do": "call.start", "to": [to], "media": "audio", "push": push});
    caller.ok(ask).await["call"].as_str().expect("a call").to_owned()
}

fn assert_tells(got: &Got, service: &str, what: &str, call: &str) {
    assert_eq!(got.service, service, "{got:?}");
    assert_eq!((&got.notice["what"], &got.notice["call"]), (&json!(what), &json!(call)), "{got:?}");
}

/// Cancels a call whose invitation was pushed; the stop-ring that follows.
async fn cancel(world: &World, caller: &mut Device, call: &str) -> Got {
    caller.ok(ask("call.cancel", call)).await;
    caller.wait_for("call.ended").await;
    world.cloud.next().await
}

#[tokio::test]
async fn an_iphone_rings_by_a_call_and_is_told_of_its_end() {
    let world = World::start().await;
    let mut alice = world.shop.device("alice").await;
    world.phone("bob", &[voip("a"), alert("b")]).await;
    let call = start(&mut alice, json!("bob")).await;
    let got = world.cloud.next().await;
    assert_tells(&got, "apns", "invite", &call);
    assert_eq!(got.token, "a".repeat(64));
    assert_eq!(got.headers["apns-push-type"], "voip");
    assert_eq!(got.headers["apns-priority"], "10");
    assert_eq!(got.headers["apns-collapse-id"], call);
    let until = got.notice["ring_until"].as_u64().expect("a time");
    assert_eq!(got.headers["apns-expiration"], until.div_ceil(1000).to_string());
    assert_eq!(
        (&got.notice["from"], &got.notice["payload"]),
        (&json!("alice"), &json!({"order": 7}))
    );
    let stop = cancel(&world, &mut alice, &call).await;
    assert_tells(&stop, "apns", "stop", &call);
    assert_eq!((&stop.token, &stop.notice["reason"]), (&got.token, &json!("canceled")));
    assert_eq!(stop.headers["apns-collapse-id"], call);
    // One token serves for all of it.
    let shown = world.cloud.shown();
    assert!(shown.len() == 2 && shown[0] == shown[1]);
    assert_eq!(world.pushed(&call, "sent").await["provider"], "apns");
}

#[tokio::test]
async fn a_notice_is_no_call() {
    let world = World::start().await;
    let mut alice = world.shop.device("alice").await;
    world.phone("bob", &[voip("a"), alert("b")]).await;
    world.phone("carol", &[fcm("carols")]).await;
    let quiet = |user: &str| json!({"user": user, "ring": "notify"});
    let call = start(&mut alice, quiet("bob")).await;
    let got = world.cloud.next().await;
    assert_tells(&got, "apns", "invite", &call);
    assert_eq!(
        (got.token.as_str(), got.headers["apns-push-type"].as_str()),
        ("b".repeat(64).as_str(), "alert")
    );
    let aps = &got.message["aps"];
    assert_eq!(aps["alert"], json!({"title": "The shop", "body": "on your order"}));
    assert_eq!(aps["interruption-level"], "active");
    let stop = cancel(&world, &mut alice, &call).await;
    assert_tells(&stop, "apns", "stop", &call);
    assert_eq!(stop.message["aps"]["alert"]["body"], "Missed call");
    assert_eq!(stop.headers["apns-collapse-id"], call);

    let call = start(&mut alice, quiet("carol")).await;
    let got = world.cloud.next().await;
    assert_tells(&got, "fcm", "invite", &call);
    assert_eq!(got.message["notification"]["title"], "The shop");
    assert_eq!(got.message["android"]["priority"], "NORMAL");
}

#[tokio::test]
async fn an_android_phone_rings_and_is_told_of_the_end() {
    let world = World::start().await;
    let mut alice = world.shop.device("alice").await;
    world.phone("bob", &[fcm("bobs")]).await;
    let call = start(&mut alice, json!("bob")).await;
    let got = world.cloud.next().await;
    assert_tells(&got, "fcm", "invite", &call);
    assert_eq!(got.token, "bobs");
    let android = &got.message["android"];
    assert_eq!((&android["priority"], &android["collapse_key"]), (&json!("HIGH"), &json!(call)));
    assert!(got.message["notification"].is_null(), "the app shows the call: {got:?}");
    assert_eq!(got.notice["title"], "The shop");
    let stop = cancel(&world, &mut alice, &call).await;
    assert_tells(&stop, "fcm", "stop", &call);
    // The access token was asked for once.
    let shown = world.cloud.shown();
    assert_eq!(shown, ["Bearer access-1", "Bearer access-1"]);
}

#[tokio::test]
async fn a_browser_rings_and_nobody_else_can_read_why() {
    let world = World::start().await;
    let mut alice = world.shop.device("alice").await;
    assert_eq!(alice.welcome["web_push_key"], VAPID_PUBLIC);
    world.phone("bob", &[world.subscribed("bobs")]).await;
    let call = start(&mut alice, json!("bob")).await;
    let got = world.cloud.next().await;
    assert_tells(&got, "web", "invite", &call);
    assert_eq!(got.headers["urgency"], "high");
    assert_eq!(got.headers["topic"], call.replace('-', ""));
    let ttl: u64 = got.headers["ttl"].parse().expect("seconds");
    assert!((50..=60).contains(&ttl), "{ttl}");
    let stop = cancel(&world, &mut alice, &call).await;
    assert_tells(&stop, "web", "stop", &call);
    assert_eq!(stop.headers["topic"], got.headers["topic"]);
    // Into the network behind the server nobody sends it.
    let mut mallory = world.shop.device("mallory").await;
    let mut inward = world.subscribed("1");
    inward["endpoint"] = "https://169.254.169.254/latest".into();
    inward["do"] = "push.set".into();
    assert_eq!(mallory.refused(inward, "invalid").await["field"], "endpoint");
}

#[tokio::test]
async fn dead_tokens_are_forgotten() {
    let world = World::start().await;
    let mut alice = world.shop.device("alice").await;
    world.phone("bob", &[voip("a")]).await;
    // As from a development build, or cut short.
    world.phone("carol", &[json!({"provider": "apns", "kind": "voip", "token": "abcd"})]).await;
    world.phone("dave", &[fcm("daves")]).await;
    world.phone("erin", &[world.subscribed("erins")]).await;
    for token in ["a".repeat(64).as_str(), "daves", "erins"] {
        world.cloud.unregister(token);
    }
    for (user, status) in [("bob", 410), ("carol", 400), ("dave", 404), ("erin", 410)] {
        let call = start(&mut alice, json!(user)).await;
        assert_eq!(world.pushed(&call, "dead").await["status"], status, "{user}");
        let ended = alice.wait_for("call.ended").await;
        assert_eq!(ended["ended"]["reason"], "offline", "{user}");
        start(&mut alice, json!(user)).await;
        let ended = alice.wait_for("call.ended").await;
        assert_eq!(ended["ended"]["reason"], "offline", "{user}");
    }
    assert_eq!(world.cloud.waiting(), 0);
}

#[tokio::test]
async fn the_senders_token_is_renewed_when_it_is_too_old() {
    let world = World::start().await;
    let mut alice = world.shop.device("alice").await;
    world.phone("bob", &[voip("a")]).await;
    world.phone("carol", &[fcm("carols")]).await;
    for user in ["bob", "carol"] {
        world.cloud.fails([Fault::Expired]);
        let before = world.cloud.shown().len();
        let call = start(&mut alice, json!(user)).await;
        assert_eq!(world.cloud.next().await.notice["call"], call.as_str());
        let shown = world.cloud.shown().split_off(before);
        assert!(shown.len() == 2 && shown[0] != shown[1], "{user}");
        cancel(&world, &mut alice, &call).await;
    }
}

#[tokio::test]
async fn a_service_that_is_busy_is_asked_again_when_it_says() {
    let world = World::start().await;
    let mut alice = world.shop.device("alice").await;
    world.phone("bob", &[voip("a")]).await;
    world.phone("carol", &[fcm("carols")]).await;
    world.phone("dave", &[world.subscribed("daves")]).await;
    for (user, status) in [("bob", 429), ("carol", 503), ("dave", 429)] {
        world.cloud.fails([Fault::Status(503, None), Fault::Status(status, Some(1))]);
        let begun = std::time::Instant::now();
        let call = start(&mut alice, json!(user)).await;
        let got = world.cloud.next().await;
        assert_eq!(got.notice["call"], call.as_str());
        assert!(between(begun, got.at) >= Duration::from_secs(1), "{user}");
        assert_eq!(world.pushed(&call, "sent").await["news"], "invite");
        cancel(&world, &mut alice, &call).await;
    }
    let (_, metrics) = world.shop.api().text("/metrics").await;
    for provider in ["apns", "fcm", "web"] {
        let line = format!("bellwire_push_repeats_total{{provider=\"{provider}\"}} 2");
        assert!(metrics.contains(&line), "{line} is not in {metrics}");
    }
    // What reached a service or came from a device is in no log of the server's.
    let log = world.shop.server.log();
    for secret in [VAPID_PRIVATE, "carols", "/push/daves", "access-1", &"a".repeat(64)] {
        assert!(!log.contains(secret), "{secret}");
    }
}

#[test]
fn settings_that_cannot_be_used_stop_the_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("bellwire.toml");
    let secret = "shop-secret-".repeat(4);
    let bad = folder.path().join("bad.pem");
    fs::write(&bad, "hunter2").expect("written");
    let bad = bad.to_str().expect("UTF-8");
    let text = format!(
        "[[apps]]\nkey = \"shop\"\nsecrets = [\"{secret}\"]\n\
         [apps.push.apns]\nkey = \"{bad}\"\nkey_id = \"K\"\nteam = \"T\"\ntopic = \"t\"\n\
         [apps.push.fcm]\nservice_account = \"/nowhere/account.json\"\n\
         [apps.push.web]\nkey = \"hunter2\"\nsubject = \"ops\"\n\
         [apps.push.webhook]\nurl = \"https://shop.example/push\"\n"
    );
    fs::write(&file, text).expect("written");
    let file = file.to_str().expect("UTF-8");
    let output = bellwire().args(["config", "check", "--config", file]).output().expect("it runs");
    assert!(!output.status.success());
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8(said).expect("UTF-8");
    for path in [
        "apps[0].push.apns.key",
        "apps[0].push.fcm.service_account",
        "apps[0].push.web.key",
        "apps[0].push.web.subject",
        "apps[0].push.webhook.secrets",
    ] {
        assert!(said.contains(path), "{path} is not in {said}");
    }
    assert!(!said.contains("hunter2"), "{said}");
}
