//! The HTTP API as a business server uses it, and that nothing crosses apps (I8).

mod support;

use serde_json::{Value, json};
use support::{Api, Device, Server};

const SHOP: &str = "shop-api-key-shop-api-key-shop-api-key";
const BANK: &str = "bank-api-key-bank-api-key-bank-api-key";

/// A server with two apps beside the development app, and their APIs.
fn two_apps() -> (tempfile::TempDir, Server, Api, Api) {
    let dir = tempfile::tempdir().expect("a directory");
    let app = |key: &str, api: &str, origin: &str| {
        let secret = format!("{key}-secret-").repeat(4);
        format!(
            "[[apps]]\nkey = \"{key}\"\nsecrets = [\"{secret}\"]\napi_keys = [\"{api}\"]\n\
             origins = [\"{origin}\"]\n"
        )
    };
    let path = dir.path().join("bellwire.toml");
    let text =
        app("shop", SHOP, "https://shop.example") + &app("bank", BANK, "https://bank.example");
    std::fs::write(&path, text).expect("written");
    let server = Server::start_with(&["--config", path.to_str().expect("UTF-8")]);
    let shop = Api::new(server.address(), SHOP);
    let bank = Api::new(server.address(), BANK);
    (dir, server, shop, bank)
}

async fn login(server: &Server, api: &Api, user: &str) -> Device {
    let token = api.ok("/v1/tokens", json!({"user": user, "ttl": 600})).await;
    assert!(token["expires_at"].is_u64(), "{token}");
    let token = token["token"].as_str().expect("a token").to_owned();
    Device::login_with(server.address(), &token, "d1").await
}

/// A refusal as RFC 9457 has it.
fn assert_problem((status, body): (u16, Value), expected: u16, code: &str) {
    assert_eq!((status, &body["code"]), (expected, &json!(code)), "{body}");
    assert_eq!(body["status"], expected, "{body}");
    for field in ["type", "title", "detail"] {
        assert!(body[field].as_str().is_some_and(|text| !text.is_empty()), "{field}: {body}");
    }
}

#[tokio::test]
async fn a_running_call_is_edited() {
    let server = Server::start();
    let api = server.api();
    let (mut alice, mut bob) =
        (server.device("alice", "a1").await, server.device("bob", "b1").await);
    let call = support::talk(&mut alice, &mut bob).await;
    let path = format!("/v1/calls/{call}");
    let asked = json!({"forbid": ["callee_video", "caller_audio"], "max_time": 3600});
    assert_eq!(api.patch(&path, asked).await, (200, json!({})));
    for device in [&mut alice, &mut bob] {
        let told = device.expect("call.edited").await;
        assert_eq!(told["forbid"], json!(["caller_audio", "callee_video"]));
        assert!(told["ends_by"].is_u64(), "{told}");
    }
    let shown = alice.ok(support::ask("call.get", &call)).await;
    assert_eq!(shown["info"]["room"]["allow"], json!(["video"]), "{shown}");
    // Down to what is over already: it ends.
    assert_eq!(api.patch(&path, json!({"forbid": [], "max_time": 1})).await.0, 200);
    alice.expect("call.edited").await;
    let ended = alice.expect("call.ended").await;
    assert_eq!(
        (&ended["ended"]["reason"], &ended["ended"]["cause"]),
        (&json!("completed"), &json!("max_time"))
    );
    assert_problem(api.patch(&path, json!({"max_time": 0})).await, 409, "not_in_call");
    assert_problem(api.patch(&path, json!({"forbid": ["caller_smell"]})).await, 400, "invalid");
}

#[tokio::test]
async fn r20_a_call_started_for_a_user_rings_the_caller_first() {
    let server = Server::start();
    let api = server.api();
    let mut alice = server.device("alice", "a1").await;
    let mut bob = server.device("bob", "b1").await;
    let body = json!({"from": "alice", "to": ["bob"], "media": "audio", "content": "hi"});
    let call = api.ok("/v1/calls", body.clone()).await["call"].take();
    let told = alice.expect("call.invited").await;
    assert_eq!((&told["call"], &told["content"]), (&call, &json!("hi")));
    bob.expect_nothing().await;
    alice.ok(json!({"do": "call.accept", "call": call})).await;
    assert_eq!(bob.expect("call.invited").await["from"], "alice");
    bob.ok(json!({"do": "call.accept", "call": call})).await;
    alice.wait_for("call.started").await;
    api.ok(&format!("/v1/calls/{}/end", call.as_str().expect("an id")), json!({"app_code": 9}))
        .await;
    for device in [&mut alice, &mut bob] {
        let ended = device.wait_for("call.ended").await["ended"].take();
        assert_eq!((&ended["reason"], &ended["code"]), (&json!("killed"), &json!(9)));
    }
    let mut both = body;
    both["ring_both"] = true.into();
    let call = api.ok("/v1/calls", both).await["call"].take();
    assert_eq!(alice.wait_for("call.invited").await["call"], call);
    assert_eq!(bob.wait_for("call.invited").await["call"], call);
}

#[tokio::test]
async fn a_business_server_answers_refuses_cancels_invites_and_removes() {
    let server = Server::start();
    let api = server.api();
    let mut alice = server.device("alice", "a1").await;
    let mut bob = server.device("bob", "b1").await;
    let mut carol = server.device("carol", "c1").await;
    let start = json!({"do": "call.start", "to": ["bob"]});
    let path =
        |call: &Value, what: &str| format!("/v1/calls/{}/{what}", call.as_str().expect("an id"));

    let call = alice.ok(start.clone()).await["call"].take();
    bob.expect("call.invited").await;
    api.ok(&path(&call, "reject"), json!({"user": "bob", "reason": "busy", "content": "no"})).await;
    let rejected = alice.expect("call.rejected").await;
    assert_eq!((&rejected["reason"], &rejected["content"]), (&json!("busy"), &json!("no")));
    alice.expect("call.ended").await;
    bob.next().await;

    let call = alice.ok(start.clone()).await["call"].take();
    bob.wait_for("call.invited").await;
    api.ok(&path(&call, "cancel"), json!({"content": "closed"})).await;
    assert_eq!(bob.expect("call.canceled").await["content"], "closed");
    alice.expect("call.ended").await;

    let call = alice.ok(start).await["call"].take();
    bob.expect("call.invited").await;
    api.ok(&path(&call, "accept"), json!({"user": "bob", "device": "b1"})).await;
    alice.wait_for("call.started").await;
    bob.wait_for("call.started").await;
    let skipped = api.ok(&path(&call, "invite"), json!({"to": ["carol", "bob"]})).await;
    assert_eq!(skipped["skipped"], json!(["bob"]));
    carol.expect("call.invited").await;
    carol.ok(json!({"do": "call.accept", "call": call})).await;
    alice.wait_for("call.joined").await;
    api.ok(&path(&call, "remove"), json!({"user": "carol"})).await;
    let ended = carol.wait_for("call.ended").await["ended"].take();
    assert_eq!((&ended["scope"], &ended["reason"]), (&json!("you"), &json!("killed")));
    assert_eq!(alice.wait_for("call.left").await["reason"], "removed");

    let user = api.get("/v1/users/bob").await.1;
    assert_eq!((&user["presence"], &user["call"]), (&json!("in_call"), &call));
    assert_eq!(
        (&user["devices"][0]["id"], &user["devices"][0]["connected"]),
        (&json!("b1"), &json!(true))
    );
    assert_eq!(api.ok("/v1/users/bob/end", json!({})).await["calls"], 1);
    bob.wait_for("call.ended").await;
    alice.wait_for("call.ended").await;
    assert_eq!(api.ok("/v1/users/bob/logout", json!({})).await["devices"], 1);
    assert_eq!(bob.expect_close().await.code, 4401);
}

#[tokio::test]
async fn live_calls_and_records_are_listed_filtered_and_paged() {
    let server = Server::start();
    let api = server.api();
    let mut alice = server.device("alice", "a1").await;
    let mut bob = server.device("bob", "b1").await;
    let mut calls = Vec::new();
    for n in 0..5 {
        let call =
            alice.ok(json!({"do": "call.start", "to": ["bob"], "param": n})).await["call"].take();
        bob.wait_for("call.invited").await;
        let live = api.get("/v1/calls?live").await.1;
        assert_eq!(live["calls"][0]["id"], call);
        let (device, command) =
            if n % 2 == 0 { (&mut alice, "call.cancel") } else { (&mut bob, "call.reject") };
        device.ok(json!({"do": command, "call": call})).await;
        alice.wait_for("call.ended").await;
        calls.push(call);
    }
    assert_eq!(api.get("/v1/calls?live").await.1, json!({"calls": []}));
    let shown = api.get(&format!("/v1/calls/{}", calls[0].as_str().expect("an id"))).await.1;
    assert_eq!(shown["info"]["ended"]["reason"], "canceled");
    assert_eq!(
        shown["log"].as_array().map(Vec::len),
        shown["info"]["seq"].as_u64().and_then(|n| usize::try_from(n).ok())
    );

    let mut listed = Vec::new();
    let mut path = "/v1/records?limit=2".to_owned();
    loop {
        let (status, mut page) = api.get(&path).await;
        assert_eq!(status, 200, "{page}");
        listed
            .extend(page["records"].as_array().expect("records").iter().map(|r| r["call"].clone()));
        let Value::String(cursor) = page["cursor"].take() else { break };
        path = format!("/v1/records?limit=2&cursor={cursor}");
    }
    calls.reverse();
    assert_eq!(listed, calls, "newest first, each once");
    let count = async |query: &str| {
        let (status, page) = api.get(&format!("/v1/records?{query}")).await;
        assert_eq!(status, 200, "{query}: {page}");
        page["records"].as_array().map_or(0, Vec::len)
    };
    assert_eq!(count("reason=canceled").await, 3);
    assert_eq!(count("reason=rejected&user=bob").await, 2);
    assert_eq!(count("user=carol").await, 0);
    let newest = api.get("/v1/records?limit=1").await.1["records"][0]["created_at"].clone();
    assert_eq!(count(&format!("from={newest}")).await, 1);
    assert_eq!(count(&format!("to={newest}")).await, 4);
    for wrong in ["limit=x", "reason=bored", "cursor=x", "from=now", "user="] {
        assert_problem(api.get(&format!("/v1/records?{wrong}")).await, 400, "invalid");
    }
}

#[tokio::test]
async fn i8_nothing_crosses_apps() {
    let (_dir, server, shop, bank) = two_apps();
    let mut alice = login(&server, &shop, "alice").await;
    let mut bob = login(&server, &shop, "bob").await;
    let mut their_alice = login(&server, &bank, "alice").await;
    let mut their_bob = login(&server, &bank, "bob").await;
    let call = alice.ok(json!({"do": "call.start", "to": ["bob"]})).await["call"].take();
    bob.expect("call.invited").await;
    their_bob.expect_nothing().await;
    for request in [
        json!({"do": "call.get", "call": call}),
        json!({"do": "call.accept", "call": call}),
        json!({"do": "call.cancel", "call": call}),
        json!({"do": "call.end", "call": call}),
    ] {
        for device in [&mut their_alice, &mut their_bob] {
            let error = device.refused(request.clone(), "not_in_call").await;
            assert!(error.get("reason").is_none(), "tells nothing of others' calls: {error}");
        }
    }
    let id = call.as_str().expect("an id");
    assert_problem(bank.get(&format!("/v1/calls/{id}")).await, 404, "not_in_call");
    for what in ["end", "cancel", "accept", "reject", "remove", "invite"] {
        let body = json!({"user": "bob", "device": "d1", "to": ["carol"]});
        assert_problem(
            bank.post(&format!("/v1/calls/{id}/{what}"), body).await,
            404,
            "not_in_call",
        );
    }
    assert_eq!(bank.get("/v1/calls?live").await.1["calls"], json!([]));
    assert_eq!(bank.ok("/v1/users/bob/end", json!({})).await["calls"], 0);
    let asked = their_alice.ok(json!({"do": "presence.get", "users": ["carol", "bob"]})).await;
    assert_eq!(asked["users"], json!({"carol": "offline", "bob": "online"}));
    alice.ok(json!({"do": "message.send", "to": "bob", "body": 1})).await;
    their_bob.expect_nothing().await;
    bob.ok(json!({"do": "call.reject", "call": call})).await;
    alice.wait_for("call.ended").await;
    assert_eq!(bank.get("/v1/records").await.1["records"], json!([]));
    assert_eq!(their_bob.ok(json!({"do": "record.list"})).await["records"], json!([]));
    assert_eq!(shop.get("/v1/records").await.1["records"][0]["call"], call);
    assert_problem(shop.with_key(Some("wrong")).get("/v1/calls").await, 401, "unauthorized");
    their_alice.expect_nothing().await;
}

#[tokio::test]
async fn refusals_are_problem_documents() {
    let server = Server::start();
    let api = server.api();
    for keyless in [api.with_key(None), api.with_key(Some("wrong")), api.with_key(Some(""))] {
        assert_problem(keyless.get("/v1/calls").await, 401, "unauthorized");
        assert_problem(keyless.post("/v1/tokens", json!({"user": "a"})).await, 401, "unauthorized");
        for path in ["/v1/records", "/v1/users/a"] {
            assert_problem(keyless.get(path).await, 401, "unauthorized");
        }
    }
    assert_problem(api.get("/v1/nothing").await, 404, "unknown_command");
    assert_problem(api.get("/v1/tokens").await, 405, "unknown_command");
    assert_problem(api.get("/v1/calls/x").await, 400, "invalid");
    let nowhere = "/v1/calls/01980000-0000-7000-8000-000000000001";
    assert_problem(api.get(nowhere).await, 404, "not_in_call");
    assert_problem(api.post(&format!("{nowhere}/end"), json!({})).await, 404, "not_in_call");
    assert_problem(api.get("/v1/users/nobody").await, 404, "invalid");
    let long = "x".repeat(65);
    for (path, body) in [
        ("/v1/tokens", json!({})),
        ("/v1/tokens", json!({"user": ""})),
        ("/v1/tokens", json!({"user": long})),
        ("/v1/tokens", json!({"user": "a", "ttl": 0})),
        ("/v1/tokens", json!({"user": "a", "ttl": -1})),
        ("/v1/tokens", json!([])),
        ("/v1/calls", json!({"to": ["b"]})),
        ("/v1/calls", json!({"from": "a"})),
        ("/v1/calls", json!({"from": "a", "to": []})),
        ("/v1/calls", json!({"from": "a", "to": ["a"]})),
        ("/v1/calls", json!({"from": "a", "to": ["b", "b"]})),
        ("/v1/calls", json!({"from": "a", "to": ["b"], "ring_time": 4})),
        ("/v1/calls", json!({"from": "a", "to": [{"user": "b", "ring_time": 601}]})),
        ("/v1/calls", json!({"from": "a", "to": ["b"], "reach_time": 601})),
        ("/v1/calls", json!({"from": "a", "to": ["b"], "max_time": 0})),
        ("/v1/calls", json!({"from": "a", "to": ["b"], "media": "smell"})),
        ("/v1/calls", json!({"from": "a", "to": ["b"], "content": "x".repeat(8193)})),
    ] {
        assert_problem(api.post(path, body).await, 400, "invalid");
    }
}

#[tokio::test]
async fn health_metrics_and_cors() {
    let (_dir, server, shop, _bank) = two_apps();
    let mut alice = login(&server, &shop, "alice").await;
    alice.ok(json!({"do": "ping"})).await;
    alice.refused(json!({"do": "call.start", "to": []}), "invalid").await;
    let open = shop.with_key(None);
    assert_eq!(open.text("/healthz").await.0, 200);
    assert_eq!(open.text("/readyz").await.0, 200);
    let (status, metrics) = open.text("/metrics").await;
    assert_eq!(status, 200);
    assert!(metrics.ends_with("# EOF\n"), "{metrics}");
    assert!(metrics.lines().any(|l| l.contains("connections") && l.ends_with(" 1")), "{metrics}");
    assert!(metrics.contains("code=\"invalid\""), "refusals by code: {metrics}");

    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let url = format!("http://{}/v1/calls", server.address());
    // The development app allows every origin, so a page of another app is refused by its key.
    for (origin, key, status) in [
        ("https://shop.example", SHOP, 200),
        ("https://bank.example", BANK, 200),
        ("https://shop.example", BANK, 403),
        ("https://evil.example", SHOP, 403),
    ] {
        let asked = client.get(&url).header("origin", origin).bearer_auth(key).send().await;
        assert_eq!(asked.expect("an answer").status(), status, "{origin}");
    }
    let preflight = client
        .request(reqwest::Method::OPTIONS, &url)
        .header("origin", "https://shop.example")
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization,content-type")
        .send()
        .await
        .expect("an answer");
    let allowed =
        |name: &str| preflight.headers().get(name).and_then(|v| v.to_str().ok()).map(str::to_owned);
    assert_eq!(allowed("access-control-allow-origin").as_deref(), Some("https://shop.example"));
    assert!(allowed("access-control-allow-methods").is_some_and(|m| m.contains("POST")));
}
