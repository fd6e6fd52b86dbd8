//! Whose web pages may connect: those of the app's `origins`, and the server's own.

mod support;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use support::Shop;
use tokio::net::TcpStream;
use tokio_tungstenite::{
    client_async,
    tungstenite::{ClientRequestBuilder, Message},
};

/// What a page of `origin` is answered to its hello, where the browser calls the server `host`.
async fn hello_from(shop: &Shop, host: &str, origin: &str) -> Value {
    let address = format!("ws://{host}/v1/ws").parse().expect("an address");
    let request = ClientRequestBuilder::new(address)
        .with_sub_protocol("bellwire.v1")
        .with_header("Origin", origin);
    let stream = TcpStream::connect(shop.server.address()).await.expect("connected");
    let (mut socket, _) = client_async(request, stream).await.expect("a WebSocket");
    let login = json!({"app": "shop", "user": "alice"});
    let hello = json!({"id": 1, "do": "hello", "login": login, "device": {"id": "page"}});
    socket.send(Message::text(hello.to_string())).await.expect("sent");
    let answer = socket.next().await.expect("an answer").expect("a frame");
    serde_json::from_str(answer.to_text().expect("a text")).expect("JSON")
}

#[tokio::test]
async fn pages_of_the_app_and_of_the_server_may_connect() {
    let shop = Shop::open("open", "origins = [\"https://shop.example\"]\n");
    let own = shop.server.address().to_string();
    for (host, origin) in [
        (own.as_str(), "https://shop.example"),
        (&own, &format!("http://{own}")),
        (&own, &format!("https://{own}")),
        ("localhost:2355", "http://localhost:2355"),
        ("[::1]:2355", "http://[::1]:2355"),
        // The browser has seen the certificate of the name.
        ("calls.example", "https://calls.example"),
        ("Calls.example:2355", "https://calls.example:2355"),
    ] {
        let answer = hello_from(&shop, host, origin).await;
        assert_eq!(answer["ok"]["user"], "alice", "{origin}: {answer}");
    }
}

#[tokio::test]
async fn other_pages_are_refused() {
    let shop = Shop::open("open", "origins = [\"https://shop.example\"]\n");
    let own = shop.server.address().to_string();
    for (host, origin) in [
        (own.as_str(), "https://evil.example"),
        (&own, &format!("https://{own}.evil.example")),
        (&own, &format!("https://evil.example/{own}")),
        (&own, "http://localhost:2355"),
        (&own, "http://127.0.0.1:1"),
        (&own, &own),
        (&own, "null"),
        (&own, ""),
        ("calls.example", "https://calls.example:2355"),
        // A name that somebody has made lead here.
        ("evil.example:2355", "http://evil.example:2355"),
        ("localhost.evil.example", "http://localhost.evil.example"),
    ] {
        let answer = hello_from(&shop, host, origin).await;
        assert_eq!(answer["error"]["code"], "forbidden", "{origin}: {answer}");
        let says = answer["error"]["message"].as_str().expect("a message");
        assert!(says.contains("origins"), "{says}");
    }
}
