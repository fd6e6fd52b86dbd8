//! Calls through the SDK: what it sends for a method, what it sends by itself, what it hands over.

#![allow(clippy::unwrap_used)] // A test that cannot go on has failed.

mod support;

use bellwire_client::{
    Error, Event,
    protocol::{
        ErrorCode,
        command::{PushClear, PushKind, PushSet},
    },
};
use bellwire_core::PushProvider;
use serde_json::json;
use support::{CALL, Server, event, info, news};

#[tokio::test]
async fn a_call_is_started_and_followed() {
    let server = Server::start().await;
    let (client, mut events, mut peer) = server.connected().await;
    let start = client.call("bob").and("carol").video().content("hi").param(7).start();
    let (call, ()) = tokio::join!(start, async {
        let request = peer.expect("call.start").await;
        assert_eq!(
            request,
            json!({"id": 2, "do": "call.start", "to": ["bob", "carol"], "media": "video",
                   "content": "hi", "param": 7})
        );
        peer.ok(&request, json!({"call": CALL, "info": info("alice", 1, "joined")})).await;
    });
    let call = call.unwrap();
    assert_eq!(call.id().to_string(), CALL);

    peer.send(event("call.ringing", 2, &json!({"user": "bob", "device": "d2"}))).await;
    let Event::Call(same, ringing) = news(&mut events).await else { panic!("ringing") };
    assert_eq!((same.id(), ringing.seq), (call.id(), 2));

    let (done, ()) = tokio::join!(async { call.hangup().content("bye").await }, async {
        let request = peer.expect("call.hangup").await;
        assert_eq!((&request["content"], &request["call"]), (&json!("bye"), &json!(CALL)));
        peer.ok(&request, json!({})).await;
    });
    done.unwrap();
}

#[tokio::test]
async fn an_invitation_is_acknowledged_when_the_app_has_it() {
    let server = Server::start().await;
    let (_client, mut events, mut peer) = server.connected().await;
    let more = json!({"from": "bob", "content": "hi", "info": info("bob", 1, "invited")});
    peer.send(event("call.invited", 1, &more)).await;
    let Event::Incoming(incoming) = news(&mut events).await else { panic!("incoming") };
    assert_eq!(incoming.from.as_deref(), Some("bob"));
    assert_eq!(incoming.note.content.as_deref(), Some("hi"));
    let ringing = peer.expect("call.ringing").await;
    peer.ok(&ringing, json!({})).await;

    let (info, ()) = tokio::join!(async { incoming.accept().audio().await }, async {
        let request = peer.expect("call.accept").await;
        assert_eq!(request["media"], "audio");
        peer.ok(&request, json!({"call": CALL, "info": info("bob", 4, "joined")})).await;
    });
    assert_eq!(info.unwrap().seq, 4);
    // The reply precedes the events it caused: they are not taken for old ones.
    peer.send(event("call.started", 4, &json!({"started_at": 5}))).await;
    let Event::Call(_, started) = news(&mut events).await else { panic!("started") };
    assert_eq!(started.seq, 4);
}

#[tokio::test]
async fn an_order_to_stop_is_confirmed_each_time_and_told_once() {
    let server = Server::start().await;
    let (client, mut events, mut peer) = server.connected().await;
    let stop = event("call.canceled", 3, &json!({"reason": "timeout", "code": 100_105}));
    peer.send(stop.clone()).await;
    let Event::Call(_, canceled) = news(&mut events).await else { panic!("canceled") };
    assert!(canceled.change.is_terminal());
    assert_eq!(peer.expect("ack").await["seq"], 3);
    peer.send(stop).await;
    assert_eq!(peer.expect("ack").await["seq"], 3);
    peer.send(json!({"ev": "call.from_the_future", "call": 7})).await;
    peer.send(json!({"ev": "presence", "users": {"bob": "asleep"}})).await;
    let Event::Presence(presence) = news(&mut events).await else { panic!("presence") };
    assert_eq!(presence.users["bob"].to_string(), "asleep");
    drop(client);
}

#[tokio::test]
async fn a_device_that_logs_in_while_a_call_rings_learns_of_it() {
    let server = Server::start().await;
    let connecting = server.client().connect();
    let (connected, mut peer) = tokio::join!(connecting, async {
        let mut peer = server.accept().await;
        peer.hello(false, &json!([info("bob", 2, "ringing")])).await;
        peer
    });
    let (_client, mut events) = connected.unwrap();
    let Event::Incoming(incoming) = news(&mut events).await else { panic!("incoming") };
    assert_eq!((incoming.note.param, incoming.from.as_deref()), (Some(7), Some("bob")));
    assert_eq!(peer.expect("call.ringing").await["call"], CALL);
}

#[tokio::test]
async fn a_refusal_says_why() {
    let server = Server::start().await;
    let (client, _events, mut peer) = server.connected().await;
    let (refused, ()) = tokio::join!(client.call("bob").start(), async {
        let id = peer.expect("call.start").await["id"].clone();
        let error = json!({"code": "busy_self", "number": 100_103, "message": "m", "call": CALL});
        peer.send(json!({"id": id, "error": error})).await;
    });
    let error = refused.unwrap_err();
    assert_eq!(error.refused().unwrap().code, ErrorCode::BusySelf);
    let unsent = client.call("").start().await.unwrap_err();
    assert!(matches!(unsent, Error::Name { what: "user", .. }));
}

#[tokio::test]
async fn a_device_tells_where_it_is_woken() {
    let server = Server::start().await;
    let (client, _events, mut peer) = server.connected().await;
    let set = PushSet {
        provider: PushProvider::Apns,
        kind: Some(PushKind::Voip),
        token: Some("0a0b".into()),
        endpoint: None,
        p256dh: None,
        auth: None,
    };
    let (set, ()) = tokio::join!(client.set_push(set), async {
        let request = peer.expect("push.set").await;
        assert_eq!(
            request,
            json!({"id": 2, "do": "push.set", "provider": "apns", "kind": "voip", "token": "0a0b"})
        );
        peer.ok(&request, json!({})).await;
    });
    set.unwrap();
    let (cleared, ()) = tokio::join!(client.clear_push(PushClear::default()), async {
        let request = peer.expect("push.clear").await;
        assert_eq!(request, json!({"id": 3, "do": "push.clear"}));
        peer.ok(&request, json!({})).await;
    });
    cleared.unwrap();
}
