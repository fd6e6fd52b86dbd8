//! API keys with scopes: a key may do what its scopes say, whatever path is tried, on the business
//! server's connection too, and as the settings say now.

mod support;

use std::path::PathBuf;

use reqwest::{Client, Method};
use serde_json::{Value, json};
use support::{Api, Business, Server};

const SCOPES: [&str; 9] = [
    "calls:read",
    "calls:write",
    "users:read",
    "users:write",
    "tokens",
    "records:read",
    "events:read",
    "webhooks:write",
    "business",
];

/// The key of the app `only` that has this scope alone, or of the app `rest` that lacks it alone.
fn key_of(app: &str, scope: &str) -> String {
    format!("{app}-api-key-of-{scope}-").repeat(2)
}

/// A server with a file of settings, and that file.
fn serve(apps: &str) -> (tempfile::TempDir, PathBuf, Server) {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("bellwire.toml");
    std::fs::write(&path, apps).expect("written");
    let server = Server::start_with(&["--config", path.to_str().expect("UTF-8")]);
    (dir, path, server)
}

fn app(key: &str, api_keys: &[String]) -> String {
    let secret = format!("{key}-secret-").repeat(4);
    let api_keys = api_keys.join(",\n");
    format!("[[apps]]\nkey = \"{key}\"\nsecrets = [\"{secret}\"]\napi_keys = [\n{api_keys}\n]\n")
}

fn entry(key: &str, name: &str, scopes: &[&str]) -> String {
    format!("{{ key = \"{key}\", name = \"{name}\", scopes = {} }}", json!(scopes))
}

/// Two apps with a key for each scope: one that has it alone, and one that lacks it alone.
fn each_scope() -> (tempfile::TempDir, PathBuf, Server) {
    let only = SCOPES.map(|scope| entry(&key_of("only", scope), scope, &[scope]));
    let rest = SCOPES.map(|lacks| {
        let others: Vec<_> = SCOPES.into_iter().filter(|scope| *scope != lacks).collect();
        entry(&key_of("rest", lacks), &format!("all but {lacks}"), &others)
    });
    serve(&(app("only", &only) + &app("rest", &rest)))
}

fn assert_lacks((status, problem): &(u16, Value), scope: &str, name: &str) {
    assert_eq!((*status, &problem["code"]), (403, &json!("forbidden")), "{problem}");
    let detail = problem["detail"].as_str().expect("a text");
    assert!(detail.contains(&format!("`{scope}`")), "names the scope: {detail}");
    assert!(detail.contains(&format!("`{name}`")), "names the key: {detail}");
    assert!(!detail.contains("-api-key-"), "shows no key: {detail}");
}

#[tokio::test]
async fn every_path_wants_its_scope_and_no_other() {
    let (_dir, _, server) = each_scope();
    let client = Client::builder().no_proxy().build().expect("a client");
    let (_, document) = server.api().with_key(None).get("/openapi.json").await;
    let mut seen = std::collections::BTreeSet::new();
    for (path, operations) in document["paths"].as_object().expect("paths") {
        for (method, operation) in operations.as_object().expect("operations") {
            let what = format!("{method} {path}");
            let security = operation["security"].as_array().expect("it is said");
            let scope = security.first().and_then(|key| key["key"][0].as_str());
            assert_eq!(scope.is_some(), path.starts_with("/v1/"), "{what}");
            let Some(scope) = scope else { continue };
            assert!(operation["description"].as_str().expect("text").contains(scope), "{what}");
            seen.insert(scope.to_owned());
            let url = path
                .replace("{id}", "01980000-0000-7000-8000-000000000001")
                .replace("{user}", "nobody")
                .replace("{name}", "crm");
            let method: Method = method.to_uppercase().parse().expect("a method");
            let ask = async |key: &str| {
                let url = format!("http://{}{url}", server.address());
                let mut asked = client.request(method.clone(), url).bearer_auth(key);
                if method != Method::GET {
                    asked = asked.header("idempotency-key", key).json(&json!({}));
                }
                let answer = asked.send().await.expect("an answer");
                let status = answer.status().as_u16();
                (status, answer.json().await.unwrap_or(Value::Null))
            };
            let refused = ask(&key_of("rest", scope)).await;
            assert_lacks(&refused, scope, &format!("all but {scope}"));
            let (status, body) = ask(&key_of("only", scope)).await;
            assert!(![401, 403, 404, 405].contains(&status) || is_missing(&body), "{what}: {body}");
        }
    }
    seen.insert("business".to_owned());
    assert_eq!(seen, SCOPES.map(str::to_owned).into(), "each scope is wanted somewhere");
}

/// Whether it was looked for, and is not there.
fn is_missing(problem: &Value) -> bool {
    problem["status"] == 404 && problem["code"] != "unknown_command"
}

#[tokio::test]
async fn a_connected_business_server_may_ask_what_its_key_may() {
    let (_dir, _, server) = each_scope();
    let refused = Business::connect(server.address(), &key_of("rest", "business")).await;
    assert_eq!(refused.err(), Some(403));
    let key = key_of("only", "business");
    let mut alone = Business::hello(server.address(), &key, json!({"events": {}})).await;
    let reply = alone.ask("GET /v1/calls", Value::Null).await;
    assert_lacks(&(403, reply["body"].clone()), "calls:read", "business");
    assert_eq!(reply["status"], 403);
    let reply = alone.ask("POST /v1/tokens", json!({"user": "alice"})).await;
    assert_lacks(&(403, reply["body"].clone()), "tokens", "business");
    let key = key_of("rest", "tokens");
    let mut most = Business::hello(server.address(), &key, json!({})).await;
    assert_eq!(most.ask("GET /v1/calls", Value::Null).await["status"], 200);
    assert_eq!(most.ask("POST /v1/tokens", json!({"user": "alice"})).await["status"], 403);
}

#[tokio::test]
async fn scopes_are_read_again_and_reach_who_is_connected() {
    let desk = "desk-api-key-desk-api-key-desk-api-key";
    let text = |scopes: &[&str]| app("shop", &[entry(desk, "desk", scopes)]);
    let (_dir, path, server) = serve(&text(&["business", "calls:read"]));
    let api = Api::new(server.address(), desk);
    let mut business = Business::hello(server.address(), desk, json!({})).await;
    assert_eq!(business.ask("GET /v1/calls", Value::Null).await["status"], 200);
    assert_eq!(api.get("/v1/records").await.0, 403);

    let change = async |scopes: &[&str], sign: &str| {
        std::fs::write(&path, text(scopes)).expect("written");
        server.signal("HUP");
        // Each reading shows itself by what this path answers.
        let until = std::time::Instant::now() + support::PATIENCE;
        while api.get(sign).await.0 != 200 {
            assert!(std::time::Instant::now() < until, "the settings are not read again");
        }
    };
    change(&["business", "records:read"], "/v1/records").await;
    assert_lacks(&api.get("/v1/calls").await, "calls:read", "desk");
    let reply = business.ask("GET /v1/calls", Value::Null).await;
    assert_eq!(reply["status"], 403, "{reply}");
    assert_eq!(business.ask("GET /v1/records", Value::Null).await["status"], 200);

    change(&["events:read"], "/v1/events").await;
    assert_eq!(business.closed().await, 4401);
    assert!(!server.log().contains(desk), "no key is logged");
}

#[tokio::test]
async fn a_kept_answer_is_for_keys_that_may_ask() {
    let (writer, reader) =
        ("writer-api-key-writer-api-key-writer", "reader-api-key-reader-api-key-reader");
    let next = "the-next-writer-the-next-writer-the-next";
    let keys = [
        entry(writer, "writer", &["calls:write"]),
        entry(reader, "reader", &["calls:read"]),
        entry(next, "next writer", &["calls:write"]),
    ];
    let (_dir, _, server) = serve(&app("shop", &keys));
    let once = |key: &str| Api::new(server.address(), key).once("order-4711");
    let body = json!({"from": "alice", "to": ["bob"], "ring_both": true});
    let first = once(writer).post("/v1/calls", body.clone()).await;
    assert_eq!(first.0, 200, "{first:?}");
    assert_lacks(&once(reader).post("/v1/calls", body.clone()).await, "calls:write", "reader");
    let other = json!({"from": "carol", "to": ["dave"]});
    assert_lacks(&once(reader).post("/v1/calls", other).await, "calls:write", "reader");
    // The app's, so that a key can be replaced between a request and its repetition.
    assert_eq!(once(next).post("/v1/calls", body).await, first);
}
