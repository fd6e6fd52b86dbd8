//! Lost connections: the session goes on, requests are done once, and what is final is final.

#![allow(clippy::unwrap_used)] // A test that cannot go on has failed.

mod support;

use bellwire_client::{Connection, Error, Event, protocol::CloseCode};
use serde_json::json;
use support::{CALL, Server, event, info, news, next};

#[tokio::test]
async fn a_request_without_an_answer_is_sent_again_with_its_id() {
    let server = Server::start().await;
    let (client, mut events, mut peer) = server.connected().await;
    peer.send(event("call.ringing", 2, &json!({"user": "bob", "device": "d2"}))).await;
    peer.send(json!({"ev": "record", "cursor": "12", "record": record()})).await;
    assert!(matches!(news(&mut events).await, Event::Call(..)));
    assert!(matches!(news(&mut events).await, Event::Record(..)));

    let (call, ()) = tokio::join!(client.call("bob").start(), async {
        let first = peer.expect("call.start").await;
        drop(peer);
        let mut peer = server.accept().await;
        let hello = peer.hello(true, &json!([])).await;
        assert_eq!(
            hello["resume"],
            json!({"session": "s-1", "cursors": {CALL: "c2"}, "records_after": "12"})
        );
        let again = peer.expect("call.start").await;
        assert_eq!(again, first);
        assert!(hello["id"].as_u64() > first["id"].as_u64());
        peer.ok(&again, json!({"call": CALL, "info": info("alice", 1, "joined")})).await;
        // What was seen before the loss is sent again and not told again.
        peer.send(event("call.ringing", 2, &json!({"user": "bob", "device": "d2"}))).await;
        peer.send(event("call.entered", 3, &json!({"user": "bob"}))).await;
        let Event::Call(_, event) = news(&mut events).await else { panic!("an event") };
        assert_eq!(event.seq, 3);
    });
    assert_eq!(call.unwrap().id().to_string(), CALL);
}

#[tokio::test]
async fn in_a_new_session_nothing_is_done_twice() {
    let server = Server::start().await;
    let (client, mut events, mut peer) = server.connected().await;
    let asked = async { tokio::join!(client.call("bob").start(), client.ping()) };
    let ((start, ping), ()) = tokio::join!(asked, async {
        peer.expect("call.start").await;
        peer.expect("ping").await;
        peer.close(4503, "draining").await;
        let mut peer = server.accept().await;
        peer.hello(false, &json!([])).await;
        let ping = peer.expect("ping").await;
        peer.ok(&ping, json!({})).await;
    });
    assert_eq!(start.unwrap_err(), Error::SessionLost);
    ping.unwrap();
    let Event::Connection(Connection::Reconnecting { reason, attempt: 1, .. }) =
        next(&mut events).await
    else {
        panic!("reconnecting");
    };
    assert_eq!(reason, "draining");
    let resumed = next(&mut events).await;
    assert!(matches!(resumed, Event::Connection(Connection::Resumed { same_session: false })));
}

#[tokio::test]
async fn what_is_asked_while_away_is_sent_once_back() {
    let server = Server::start().await;
    let (client, mut events, peer) = server.connected().await;
    drop(peer);
    let lost = next(&mut events).await;
    assert!(matches!(lost, Event::Connection(Connection::Reconnecting { .. })));
    let (sent, ()) = tokio::join!(client.send("bob", &"hi"), async {
        let mut peer = server.accept().await;
        peer.hello(true, &json!([])).await;
        let request = peer.expect("message.send").await;
        assert_eq!((&request["to"], &request["body"]), (&json!("bob"), &json!("hi")));
        peer.ok(&request, json!({"received": true})).await;
    });
    assert!(sent.unwrap());
}

#[tokio::test]
async fn a_replaced_device_stays_away() {
    let server = Server::start().await;
    let (client, mut events, mut peer) = server.connected().await;
    let (unanswered, ()) = tokio::join!(client.ping(), async {
        peer.expect("ping").await;
        peer.send(json!({"ev": "session.replaced"})).await;
        peer.close(4409, "the same device logged in again").await;
    });
    let Event::Connection(Connection::Closed(closed)) = next(&mut events).await else {
        panic!("closed");
    };
    assert_eq!(closed.known(), Some(CloseCode::Replaced));
    assert_eq!(unanswered.unwrap_err(), Error::Closed(closed));
    assert!(events.next().await.is_none());
    assert!(matches!(client.ping().await, Err(Error::Closed(_))));
}

#[tokio::test]
async fn a_refused_hello_is_an_error_of_connect() {
    let server = Server::start().await;
    let (refused, ()) = tokio::join!(server.client().connect(), async {
        let mut peer = server.accept().await;
        let id = peer.expect("hello").await["id"].clone();
        peer.send(json!({"id": id, "error": {"code": "unauthorized", "message": "no"}})).await;
    });
    let error = refused.unwrap_err();
    assert_eq!(error.refused().unwrap().message, "no");
}

#[tokio::test]
async fn the_second_address_is_used_when_the_first_is_dead() {
    let dead = Server::start().await.address();
    let server = Server::start().await;
    let client = bellwire_client::Client::to(dead.clone()).or(server.address()).token("t");
    let (connected, ()) = tokio::join!(client.connect(), async {
        server.accept().await.hello(false, &json!([])).await;
    });
    connected.unwrap();
    let error = bellwire_client::Client::to(dead).token("t").connect().await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
}

#[tokio::test]
async fn the_connection_closes_with_its_last_handle() {
    let server = Server::start().await;
    let (client, events, peer) = server.connected().await;
    let call = client.handle(CALL.parse().unwrap());
    drop((client, events));
    drop(call);
    peer.closed().await;
}

fn record() -> serde_json::Value {
    json!({
        "call": CALL, "serial": 12, "mode": "call", "kind": "direct", "media": "audio",
        "caller": "alice", "reason": "busy", "code": 100_103, "created_at": 1, "ended_at": 3,
        "duration_ms": 0, "legs": []
    })
}
