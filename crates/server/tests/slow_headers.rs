//! Who connects and does not ask is cut off, whatever they send meanwhile; who is logged in stays.

mod support;

use std::time::{Duration, Instant};

use serde_json::json;
use support::{Authority, PATIENCE, Server};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// Connects, sends `first`, then a byte of `rest` every 100 ms, until the server hangs up; how
/// long that took.
async fn outlasts(server: &Server, first: &[u8], rest: &[u8]) -> Duration {
    let mut socket = TcpStream::connect(server.address()).await.expect("connected");
    let begun = Instant::now();
    socket.write_all(first).await.expect("sent");
    let mut rest = rest.iter();
    let mut buffer = [0; 1024];
    loop {
        assert!(begun.elapsed() < PATIENCE, "the server does not hang up");
        match timeout(Duration::from_millis(100), socket.read(&mut buffer)).await {
            Ok(Ok(0) | Err(_)) => return begun.elapsed(),
            // What HTTP/2 says of itself.
            Ok(Ok(_)) => {}
            Err(_) => {
                if let Some(byte) = rest.next() {
                    // The server may hang up in between.
                    drop(socket.write_all(&[*byte]).await);
                }
            }
        }
    }
}

#[tokio::test]
async fn a_header_that_does_not_come_ends_the_connection() {
    let server = Server::start_with(&["--limits-header-s", "1"]);
    let mut alice = server.device("alice", "a1").await;
    let endless =
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-More: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\
                    aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    let took = tokio::join!(
        outlasts(&server, b"", b""),
        outlasts(&server, b"", endless),
        outlasts(&server, b"GET / HTTP/1.1\r\n", b"Host: loca"),
        outlasts(&server, b"PRI * HTTP/2", b""),
        outlasts(&server, preface, b""),
    );
    for took in [took.0, took.1, took.2, took.3, took.4] {
        assert!(took >= Duration::from_millis(900), "{took:?}");
    }
    alice.ok(json!({"do": "ping"})).await;
    let (_, metrics) = server.api().text("/metrics").await;
    let counted = "bellwire_turned_away_total{why=\"slow_header\"} 5";
    assert!(metrics.contains(counted), "{metrics}");
}

#[tokio::test]
async fn a_handshake_that_does_not_come_ends_the_connection() {
    let (authority, folder) = (Authority::new(), tempfile::tempdir().expect("a folder"));
    authority.write(folder.path());
    let file = |name| folder.path().join(name).to_str().expect("a UTF-8 path").to_owned();
    let (cert, key) = (file("cert.pem"), file("key.pem"));
    let flags = ["--tls-cert", &cert, "--tls-key", &key, "--limits-header-s", "1"];
    let server = Server::start_with(&flags);
    let silent = outlasts(&server, b"", b"").await;
    let halfway = outlasts(&server, &[0x16, 3, 1, 1, 0], &[1; 200]).await;
    assert!(silent.min(halfway) >= Duration::from_millis(900), "{silent:?} {halfway:?}");
    let metrics = format!("https://localhost:{}/metrics", server.address().port());
    let metrics = authority.client().get(metrics).send().await.expect("an answer");
    let metrics = metrics.text().await.expect("text");
    assert!(metrics.contains("bellwire_tls_handshakes_failed_total{why=\"timeout\"} 2"));
}
