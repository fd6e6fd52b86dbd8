//! TLS by files:
//! 1. Devices call over `wss`, the API answers over `https`, plain text is not answered.
//! 2. A certificate that is replaced is shown without a restart; one that cannot be used is not.
//! 3. Files that cannot be used stop the start, and are named.
//! 4. TLS 1.1 is refused.

mod support;

use std::{fs, net::SocketAddr, path::Path, time::Instant};

use bellwire_client::{Client, Error, Event};
use support::{Authority, PATIENCE, Server, bellwire};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// A server with a certificate of `authority` in files; its folder outlives it.
fn start(authority: &Authority) -> (TempDir, Server) {
    let folder = tempfile::tempdir().expect("a folder");
    authority.write(folder.path());
    let flags = flags(folder.path());
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let server = Server::start_with(&flags);
    (folder, server)
}

fn flags(folder: &Path) -> Vec<String> {
    let file = |name| folder.join(name).to_str().expect("a UTF-8 path").to_owned();
    vec!["--tls-cert".to_owned(), file("cert.pem"), "--tls-key".to_owned(), file("key.pem")]
}

fn device(server: SocketAddr, user: &str, root: Option<&str>) -> bellwire_client::Builder {
    let builder = Client::to(format!("wss://localhost:{}", server.port())).login("dev", user);
    match root {
        Some(root) => builder.root_certificate(root),
        None => builder,
    }
}

fn healthz(server: &Server) -> String {
    format!("https://localhost:{}/healthz", server.address().port())
}

#[tokio::test]
async fn devices_call_over_wss_and_plain_text_is_not_answered() {
    let authority = Authority::new();
    let (_folder, server) = start(&authority);
    let alice = device(server.address(), "alice", Some(authority.root())).connect().await;
    let bob = device(server.address(), "bob", Some(authority.root())).connect().await;
    let ((alice, mut told), (bob, mut rung)) = (alice.expect("alice"), bob.expect("bob"));
    alice.call("bob").start().await.expect("started");
    let call = loop {
        if let Some(Event::Incoming(incoming)) = rung.next().await {
            break incoming.id();
        }
    };
    bob.handle(call).accept().await.expect("accepted");
    alice.handle(call).hangup().await.expect("hung up");
    loop {
        if let Some(Event::Call(_, event)) = told.next().await
            && event.change.is_terminal()
        {
            break;
        }
    }
    let answer = authority.client().get(healthz(&server)).send().await.expect("an answer");
    assert_eq!(answer.status(), 200);

    let stranger = device(server.address(), "carol", Some(Authority::new().root()));
    let refused = stranger.connect().await.expect_err("a stranger's authority");
    assert!(matches!(&refused, Error::Unreachable { why, .. } if why.contains("certificate")));
    device(server.address(), "carol", None).connect().await.expect_err("unknown to the system");

    let mut plain = TcpStream::connect(server.address()).await.expect("connected");
    plain.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await.expect("sent");
    let mut answer = Vec::new();
    let read = timeout(PATIENCE, plain.read_to_end(&mut answer)).await.expect("closed in time");
    assert!(read.is_err() || !answer.starts_with(b"HTTP"), "{answer:?}");
    let metrics = healthz(&server).replace("healthz", "metrics");
    let metrics = authority.client().get(metrics).send().await.expect("an answer");
    let metrics = metrics.text().await.expect("text");
    assert!(metrics.contains("bellwire_tls_handshakes_failed_total{why=\"protocol\"} 1"));
}

#[tokio::test]
async fn a_replaced_certificate_is_shown_and_a_broken_one_is_not() {
    let old = Authority::new();
    let (folder, server) = start(&old);
    let connected = device(server.address(), "alice", Some(old.root())).connect().await;
    let (alice, _events) = connected.expect("alice");
    let new = Authority::new();
    new.write(folder.path());
    let until = Instant::now() + PATIENCE;
    while new.client().get(healthz(&server)).send().await.is_err() {
        assert!(Instant::now() < until, "the new certificate is not shown");
    }
    old.client().get(healthz(&server)).send().await.expect_err("the old one is gone");
    alice.ping().await.expect("who is connected stays");

    fs::write(folder.path().join("cert.pem"), "no certificate").expect("written");
    server.signal("HUP");
    server.logs("holds no certificate").await;
    new.client().get(healthz(&server)).send().await.expect("the one before is shown on");
}

#[test]
fn files_that_cannot_be_used_are_named_at_the_start() {
    let (folder, authority) = (tempfile::tempdir().expect("a folder"), Authority::new());
    let start = |flags: &[String]| {
        let data = folder.path().join("data");
        let output = bellwire()
            .args(["serve", "--dev", "--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .args(flags)
            .output()
            .expect("bellwire runs");
        assert!(!output.status.success());
        String::from_utf8(output.stderr).expect("UTF-8")
    };
    let flags = flags(folder.path());
    assert!(start(&flags).contains("cert.pem: cannot be read: No such file"));
    authority.write(folder.path());
    fs::write(folder.path().join("key.pem"), "-----BEGIN").expect("written");
    assert!(start(&flags).contains("key.pem: holds no private key in PEM"));
    let (_, key) = authority.certify(&["localhost"]);
    fs::write(folder.path().join("key.pem"), &key).expect("written");
    let told = start(&flags);
    assert!(told.contains("the key it was made for"), "{told}");
    assert!(!told.contains(key.lines().nth(1).expect("a line")), "keys are not told");
    assert!(start(&flags[..2]).contains("name the key of tls.cert"));
}

#[tokio::test]
async fn tls_1_1_is_refused() {
    let (_folder, server) = start(&Authority::new());
    let mut socket = TcpStream::connect(server.address()).await.expect("connected");
    // A ClientHello of TLS 1.1 (RFC 4346, 7.4.1.2) with one cipher suite, and one extension that
    // says which signatures it takes.
    let mut hello = vec![0x16, 3, 1, 0, 55, 1, 0, 0, 51, 3, 2];
    hello.extend([7; 32]);
    hello.extend([0, 0, 2, 0xc0, 0x13, 1, 0, 0, 8, 0, 13, 0, 4, 0, 2, 4, 3]);
    socket.write_all(&hello).await.expect("sent");
    let mut answer = Vec::new();
    let read = timeout(PATIENCE, socket.read_to_end(&mut answer)).await.expect("closed in time");
    // A fatal alert: protocol_version.
    assert!(read.is_ok() && answer.ends_with(&[2, 70]), "{answer:?}");
}

#[tokio::test]
async fn a_development_server_may_have_a_certificate_of_its_own() {
    let server = Server::start_with(&["--dev-tls"]);
    let pem = fs::read_to_string(server.data().join("dev-cert.pem")).expect("the certificate");
    let phone = device(server.address(), "alice", Some(&pem)).connect().await;
    phone.expect("a phone that was told to trust it");
    let unknown = device(server.address(), "bob", None).connect().await;
    unknown.expect_err("nobody vouches for it");
}
