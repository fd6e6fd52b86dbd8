//! HTTP/2 for the API, with prior knowledge on a plain port and by ALPN with TLS. A WebSocket wants
//! HTTP/1.1 and says so.

mod support;

use reqwest::Version;
use serde_json::json;
use support::{Authority, PATIENCE, Server};

#[tokio::test]
async fn a_plain_port_speaks_http_2_to_those_who_know() {
    let server = Server::start();
    let key = Server::tool(&["apikey", "--data", server.data().to_str().expect("a UTF-8 path")]);
    let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).http2_prior_knowledge();
    let client = client.build().expect("a client");
    let base = format!("http://{}", server.address());
    // All on one connection, at once.
    let asked = (0..50).map(|n| {
        let request = client.post(format!("{base}/v1/tokens")).bearer_auth(&key);
        request.json(&json!({"user": format!("user-{n}")})).send()
    });
    for answer in futures_util::future::join_all(asked).await {
        let answer = answer.expect("an answer");
        assert_eq!((answer.status().as_u16(), answer.version()), (200, Version::HTTP_2));
        let token: serde_json::Value = answer.json().await.expect("JSON");
        assert!(token["token"].is_string());
    }
    let refused = client.get(format!("{base}/v1/ws")).send().await.expect("an answer");
    assert_eq!(refused.status(), 400);
    assert!(refused.text().await.expect("text").contains("HTTP/1.1"));
}

#[tokio::test]
async fn with_tls_both_sides_agree_on_http_2() {
    let authority = Authority::new();
    let folder = tempfile::tempdir().expect("a folder");
    authority.write(folder.path());
    let file = |name| folder.path().join(name).to_str().expect("a UTF-8 path").to_owned();
    let (cert, key) = (file("cert.pem"), file("key.pem"));
    let server = Server::start_with(&["--tls-cert", &cert, "--tls-key", &key]);
    let address = format!("https://localhost:{}/healthz", server.address().port());
    let answer = authority.client().get(&address).send().await.expect("an answer");
    assert_eq!((answer.status().as_u16(), answer.version()), (200, Version::HTTP_2));
    let older = support::believing(authority.root()).http1_only().build().expect("a client");
    let answer = older.get(&address).send().await.expect("an answer");
    assert_eq!((answer.status().as_u16(), answer.version()), (200, Version::HTTP_11));
}
