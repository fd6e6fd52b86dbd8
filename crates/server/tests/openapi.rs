//! `GET /openapi.json`, and the API held against it: schemathesis makes requests from the document,
//! right and wrong ones, and looks at what comes back.

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
            assert_eq!(is_once, method == "post" && path.starts_with("/v1/calls"), "{what}");
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
