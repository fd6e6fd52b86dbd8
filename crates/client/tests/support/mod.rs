//! A server of real sockets that says what a test tells it to.

#![allow(clippy::unwrap_used)] // A test that cannot go on has failed.
#![allow(dead_code)] // Each test file is a crate of its own and uses a part of this.

use std::time::Duration;

use bellwire_client::{Builder, Client, Connection, Event, Events};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream, accept_hdr_async,
    tungstenite::{
        Message,
        handshake::server::{Request, Response},
        protocol::CloseFrame,
    },
};

pub(crate) const CALL: &str = "01980000-0000-7000-8000-000000000001";

/// Longer than anything here takes; only a failing test waits for it.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) struct Server {
    listener: TcpListener,
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self { listener: TcpListener::bind("127.0.0.1:0").await.unwrap() }
    }

    pub(crate) fn address(&self) -> String {
        format!("ws://{}", self.listener.local_addr().unwrap())
    }

    pub(crate) fn client(&self) -> Builder {
        Client::to(self.address())
            .token("t")
            .device("d1")
            .backoff(Duration::from_millis(1), Duration::from_millis(5))
    }

    /// The next connection.
    pub(crate) async fn accept(&self) -> Peer {
        let (stream, _) = timeout(PATIENCE, self.listener.accept()).await.unwrap().unwrap();
        let socket = accept_hdr_async(stream, subprotocol).await.unwrap();
        Peer { socket }
    }

    /// A connected client, and the server's end of its connection.
    pub(crate) async fn connected(&self) -> (Client, Events, Peer) {
        let (connected, peer) = tokio::join!(self.client().connect(), async {
            let mut peer = self.accept().await;
            peer.hello(false, &json!([])).await;
            peer
        });
        let (client, mut events) = connected.unwrap();
        let Event::Connection(Connection::Connected { user, .. }) = next(&mut events).await else {
            panic!("first of all, connected");
        };
        assert_eq!(user.as_str(), "alice");
        (client, events, peer)
    }
}

// The signature is tungstenite's.
#[allow(clippy::result_large_err, clippy::unnecessary_wraps)]
fn subprotocol(
    request: &Request,
    mut response: Response,
) -> Result<Response, tokio_tungstenite::tungstenite::handshake::server::ErrorResponse> {
    assert_eq!(request.uri().path(), "/v1/ws");
    let asked = request.headers()["sec-websocket-protocol"].clone();
    assert_eq!(asked, "bellwire.v1");
    response.headers_mut().insert("sec-websocket-protocol", asked);
    Ok(response)
}

/// The server's end of a connection.
pub(crate) struct Peer {
    socket: WebSocketStream<TcpStream>,
}

impl Peer {
    /// The next request.
    pub(crate) async fn request(&mut self) -> Value {
        loop {
            let frame = timeout(PATIENCE, self.socket.next()).await.unwrap().unwrap().unwrap();
            if let Message::Text(text) = frame {
                return serde_json::from_str(&text).unwrap();
            }
        }
    }

    /// Takes a request for `name`.
    pub(crate) async fn expect(&mut self, name: &str) -> Value {
        let request = self.request().await;
        assert_eq!(request["do"], name, "{request}");
        request
    }

    pub(crate) async fn send(&mut self, frame: Value) {
        self.socket.send(Message::text(frame.to_string())).await.unwrap();
    }

    pub(crate) async fn ok(&mut self, request: &Value, ok: Value) {
        self.send(json!({"id": request["id"], "ok": ok})).await;
    }

    /// Answers a hello, and gives what it said.
    pub(crate) async fn hello(&mut self, resumed: bool, calls: &Value) -> Value {
        let hello = self.expect("hello").await;
        let ok = json!({
            "session": "s-1", "resumed": resumed, "user": "alice", "uid": 17, "time": 1,
            "caps": [], "calls": calls,
            "limits": {"content": 8192, "body": 32768, "frame": 262_144}
        });
        self.ok(&hello, ok).await;
        hello
    }

    /// Waits until the client has closed.
    pub(crate) async fn closed(mut self) {
        while let Some(Ok(_)) = timeout(PATIENCE, self.socket.next()).await.unwrap() {}
    }

    pub(crate) async fn close(mut self, code: u16, reason: &str) {
        let frame = CloseFrame { code: code.into(), reason: reason.into() };
        self.socket.close(Some(frame)).await.unwrap();
        self.closed().await;
    }
}

pub(crate) async fn next(events: &mut Events) -> Event {
    timeout(PATIENCE, events.next()).await.unwrap().unwrap()
}

/// The next event that is not about the connection.
pub(crate) async fn news(events: &mut Events) -> Event {
    loop {
        match next(events).await {
            Event::Connection(_) => {}
            event => return event,
        }
    }
}

/// A whole call with bob in `state`.
pub(crate) fn info(caller: &str, seq: u64, alice: &str) -> Value {
    json!({
        "id": CALL, "mode": "call", "kind": "direct", "media": "video", "phase": "inviting",
        "seq": seq, "cursor": format!("c{seq}"), "caller": caller, "group": null,
        "channel": null, "content": "hi", "param": 7, "app_code": 0, "app_flags": 0,
        "forbid": [], "participants": [
            {"user": caller, "state": "joined"},
            {"user": "alice", "state": alice, "ring": "ring", "ring_until": 99}],
        "created_at": 1, "ring_until": 99, "ring_left_ms": 90, "started_at": null,
        "ends_by": null, "room": null, "ended": null
    })
}

/// An event of the call's log.
pub(crate) fn event(name: &str, seq: u64, more: &Value) -> Value {
    let mut frame =
        json!({"ev": name, "call": CALL, "seq": seq, "at": 5, "cursor": format!("c{seq}")});
    frame.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    frame
}
