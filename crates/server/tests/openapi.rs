//! `GET /openapi.json`, the page made from it, and the API held against it: schemathesis makes
//! requests from the document, right and wrong ones, and looks at what comes back.

mod support;

use std::process::Command;

use serde_json::Value;
use support::{Server, talk};

async fn document(server: &Server) -> Value {
    let (status, document) = server.api().with_key(None).get("/openapi.json").await;
    assert_eq!(status, 200);
    document
}

#[tokio::test]
async fn the_document_is_whole() {
    let server = Server::start();
    let document = document(&server).await;
    assert_eq!(document["openapi"], "3.1.0");
    let paths = document["paths"].as_object().expect("paths");
    let mut names = std::collections::BTreeSet::new();
    for (path, operations) in paths {
        for (method, operation) in operations.as_object().expect("operations") {
            let what = format!("{method} {path}");
            let name = operation["operationId"].as_str().expect("a name").to_owned();
            assert!(names.insert(name), "{what}: two operations of one name");
            assert!(operation["summary"].as_str().is_some_and(|s| s.ends_with('.')), "{what}");
            assert!(operation["responses"]["200"]["content"].is_object(), "{what}");
            let is_once = operation["parameters"].to_string().contains("IdempotencyKey");
            assert_eq!(is_once, method != "get" && path.starts_with("/v1/calls"), "{what}");
        }
    }
    // Each reference leads somewhere.
    let text = document.to_string();
    for reference in text.split("\"$ref\":\"#").skip(1) {
        let pointer = reference.split('"').next().expect("a pointer");
        assert!(document.pointer(pointer).is_some(), "{pointer} is nowhere");
    }
}

#[tokio::test]
async fn the_page_of_it_is_served_and_draws_only_itself() {
    let server = Server::start();
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let url = format!("http://{}/docs", server.address());
    let answer = client.get(url).send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    let header = |name: &str| answer.headers()[name].to_str().expect("text").to_owned();
    assert_eq!(header("content-type"), "text/html; charset=utf-8");
    assert_eq!(header("x-content-type-options"), "nosniff");
    let policy = header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    let page = answer.text().await.expect("text");
    assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n"), "{page}");
    let (_, style) = page.split_once("<style>").expect("a style");
    let (style, _) = style.split_once("</style>").expect("its end");
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, style.as_bytes());
    let hash = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, hash);
    assert!(policy.contains(&format!("'sha256-{hash}'")), "the style may be drawn: {policy}");
    let document = document(&server).await;
    for path in document["paths"].as_object().expect("paths").keys() {
        assert!(page.contains(&format!("<code>{path}</code>")), "{path} is not on it");
    }
}

#[tokio::test]
async fn the_api_is_as_the_document_says() {
    let server = Server::start();
    // Something to be found.
    let (mut alice, mut bob) =
        (server.device("alice", "a1").await, server.device("bob", "b1").await);
    talk(&mut alice, &mut bob).await;
    let checks = [
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_schema_conformance",
        "negative_data_rejection",
        "unsupported_method",
        "ignored_auth",
    ];
    let mut command = Command::new("python3");
    // Where `cargo xtask test` keeps it; otherwise it has to be installed.
    if let Some(packages) = std::env::var_os("BELLWIRE_TEST_PYTHON") {
        command.env("PYTHONPATH", packages);
    }
    let output = command
        .args(["-m", "schemathesis.cli", "run", "--no-color", "--seed", "1"])
        .args(["--max-examples", "20", "--phases", "coverage,fuzzing"])
        .args(["--checks", &checks.join(",")])
        .args(["--header", &format!("Authorization: Bearer {}", server.api_key())])
        .arg(format!("http://{}/openapi.json", server.address()))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .current_dir(server.data())
        .output()
        .expect("python3 runs");
    let (said, errors) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}\n{errors}");
    assert!(said.contains(" passed"), "it tried something: {said}\n{errors}");
}
