//! What one address may take up. The test machine is one address; as trusted proxy it can be any.

mod support;

use std::{net::SocketAddr, time::Instant};

use serde_json::{Value, json};
use support::{Device, PATIENCE, Server};
use tokio::{io::AsyncReadExt, net::TcpStream, time::timeout};
use tokio_tungstenite::tungstenite::Error as SocketError;

const NO_PROXIES: [&str; 2] = ["--server-trusted-proxies", "[]"];

fn hello(user: &str) -> Value {
    json!({"login": {"app": "dev", "user": user}, "device": {"id": user, "platform": "web"}})
}

/// Whether the server lets a connection live long enough to answer on it.
async fn answers(server: SocketAddr) -> bool {
    let hello = hello("probe");
    match Device::try_connect(server, None, hello).await {
        Ok(mut device) => {
            device.hello().await;
            true
        }
        Err(_) => false,
    }
}

async fn from(server: SocketAddr, address: &str, user: &str) -> Result<Device, SocketError> {
    Device::try_connect(server, Some(address), hello(user)).await
}

fn status(refused: Result<Device, SocketError>) -> u16 {
    match refused {
        Err(SocketError::Http(answer)) => answer.status().as_u16(),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("was let in"),
    }
}

async fn turned_away(server: &Server, why: &str) -> bool {
    let (_, metrics) = server.api().text("/metrics").await;
    metrics.contains(&format!("bellwire_turned_away_total{{why=\"{why}\"}}"))
}

#[tokio::test]
async fn an_address_has_so_many_connections_and_gets_them_back() {
    let flags = [&NO_PROXIES[..], &["--limits-connections-per-address", "3"]].concat();
    let server = Server::start_with(&flags);
    let mut alice = server.device("alice", "a1").await;
    let silent = TcpStream::connect(server.address()).await.expect("connected");
    let mut bob = server.device("bob", "b1").await;
    let mut fourth = TcpStream::connect(server.address()).await.expect("connected");
    let read = timeout(PATIENCE, fourth.read(&mut [0; 1])).await.expect("in time");
    assert!(matches!(read, Ok(0) | Err(_)), "closed without a word");
    assert!(!answers(server.address()).await, "what a proxy would say is not believed");
    drop(silent);
    let until = Instant::now() + PATIENCE;
    while !answers(server.address()).await {
        assert!(Instant::now() < until, "a connection that was closed is still counted");
    }
    alice.ok(json!({"do": "ping"})).await;
    bob.ok(json!({"do": "ping"})).await;
}

#[tokio::test]
async fn nobody_can_choose_an_address_but_a_trusted_proxy() {
    let limit = ["--limits-connections-per-address", "1"];
    let strict = Server::start_with(&[&NO_PROXIES[..], &limit].concat());
    let _first = from(strict.address(), "192.0.2.1", "a").await.expect("connected");
    from(strict.address(), "192.0.2.2", "b").await.err().expect("the same address");

    let server = Server::start_with(&limit);
    let mut first = from(server.address(), "192.0.2.1", "a").await.expect("connected");
    assert_eq!(status(from(server.address(), "192.0.2.1", "b").await), 429);
    assert_eq!(status(from(server.address(), "192.0.2.9, 192.0.2.1", "b").await), 429);
    let _other = from(server.address(), "192.0.2.2", "c").await.expect("another address");
    let _home = from(server.address(), "2001:db8::1", "d").await.expect("an address of IPv6");
    assert_eq!(status(from(server.address(), "2001:db8::2", "e").await), 429);
    for user in ["f", "g", "h"] {
        server.device(user, "1").await;
    }
    first.drop_connection();
    let until = Instant::now() + PATIENCE;
    while from(server.address(), "192.0.2.1", "b").await.is_err() {
        assert!(Instant::now() < until, "a connection that was closed is still counted");
    }
    assert!(turned_away(&server, "address_connections").await);
}

#[tokio::test]
async fn new_connections_come_at_a_bounded_rate() {
    let server = Server::start_with(&["--limits-connects-per-address-s", "1"]);
    for n in 0..10 {
        from(server.address(), "192.0.2.1", &format!("u{n}")).await.expect("within the burst");
    }
    assert_eq!(status(from(server.address(), "192.0.2.1", "late").await), 429);
    from(server.address(), "192.0.2.2", "other").await.expect("another address");
    assert!(turned_away(&server, "address_connects").await);
}

#[tokio::test]
async fn an_address_has_so_many_sessions_and_a_device_keeps_its_own() {
    let server = Server::start_with(&["--limits-sessions-per-address", "2"]);
    let mut alice = from(server.address(), "192.0.2.1", "alice").await.expect("connected");
    let mut bob = from(server.address(), "192.0.2.1", "bob").await.expect("connected");
    alice.hello().await;
    bob.hello().await;
    // A session outlives its connection, so connecting and leaving does not make room.
    bob.drop_connection();
    let mut carol = from(server.address(), "192.0.2.1", "carol").await.expect("connected");
    let request = |user: &str| {
        let mut request = hello(user);
        request["do"] = "hello".into();
        request
    };
    let refused = carol.refused(request("carol"), "overloaded").await;
    assert!(refused["message"].as_str().is_some_and(|text| text.contains("sessions")));
    // Resumed, or logged in again as the same device: it is the place it had.
    bob.resume(server.address()).await;
    let mut anew = from(server.address(), "192.0.2.1", "bob").await.expect("connected");
    anew.hello().await;
    let mut carol = from(server.address(), "192.0.2.1", "carol").await.expect("connected");
    carol.refused(request("carol"), "overloaded").await;
    let mut dora = from(server.address(), "192.0.2.2", "dora").await.expect("connected");
    dora.hello().await;
    anew.ok(json!({"do": "logout"})).await;
    let until = Instant::now() + PATIENCE;
    loop {
        let mut carol = from(server.address(), "192.0.2.1", "carol").await.expect("connected");
        if carol.request(request("carol")).await["ok"].is_object() {
            break;
        }
        assert!(Instant::now() < until, "a session that was ended is still counted");
    }
    assert!(turned_away(&server, "address_sessions").await);
}

#[tokio::test]
async fn failed_logins_bar_an_address_for_a_while() {
    let server = Server::start_with(&["--limits-failures-per-address-minute", "2"]);
    let forged = json!({"do": "hello", "token": "e30.e30.AAAA", "device": {"id": "x"}});
    for _ in 0..3 {
        let mut guess = from(server.address(), "192.0.2.1", "x").await.expect("connected");
        guess.refused(forged.clone(), "unauthorized").await;
    }
    let mut honest = from(server.address(), "192.0.2.1", "alice").await.expect("connected");
    let mut request = hello("alice");
    request["do"] = "hello".into();
    let refused = honest.refused(request, "rate_limited").await;
    assert!(refused["retry_ms"].as_u64().is_some_and(|ms| (1..=30_000).contains(&ms)));
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let api = |address: &'static str| {
        let request = client.get(format!("http://{}/v1/calls", server.address()));
        request.header("X-Forwarded-For", address).bearer_auth("guess").send()
    };
    let barred = api("192.0.2.1").await.expect("an answer");
    assert_eq!(barred.status(), 429);
    assert!(barred.headers().contains_key("retry-after"));
    for expected in [401, 401, 401, 429] {
        assert_eq!(api("192.0.2.3").await.expect("an answer").status(), expected);
    }
    let mut other = from(server.address(), "192.0.2.2", "bob").await.expect("connected");
    other.hello().await;
    assert!(turned_away(&server, "address_failures").await);
}
