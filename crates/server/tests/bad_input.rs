//! Whatever a device sends: a clear error by name to it, and nobody else notices. In every test
//! an honest pair talks all the while.

mod support;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use support::{Device, RawSocket, Server};
use tokio::{io::AsyncWriteExt, net::TcpStream};

const NO_CALL: &str = "01980000-0000-7000-8000-000000000001";

/// Two who talk, and have to be able to go on whatever others do.
struct Honest {
    anna: Device,
    ben: Device,
    call: Value,
}

impl Honest {
    async fn talk(server: &Server) -> Self {
        let mut anna = server.device("anna", "h1").await;
        let mut ben = server.device("ben", "h2").await;
        let call = anna.ok(json!({"do": "call.start", "to": ["ben"]})).await["call"].take();
        ben.expect("call.invited").await;
        ben.ok(json!({"do": "call.accept", "call": call})).await;
        ben.expect("call.started").await;
        anna.expect("call.accepted").await;
        anna.expect("call.started").await;
        Self { anna, ben, call }
    }

    /// Nothing has reached them; they say something and hang up.
    async fn part(mut self) {
        self.anna.expect_nothing().await;
        self.ben.expect_nothing().await;
        self.anna.ok(json!({"do": "call.send", "call": self.call, "body": "still here?"})).await;
        self.ben.expect("call.message").await;
        self.ben.ok(json!({"do": "call.hangup", "call": self.call})).await;
        for device in [&mut self.anna, &mut self.ben] {
            assert_eq!(device.expect("call.ended").await["ended"]["reason"], "completed");
        }
    }
}

/// Wrong values: the command, and the field that is named.
fn wrong_values() -> Vec<(Value, &'static str)> {
    let long = "x".repeat(65);
    let note = "x".repeat(8193);
    let many: Vec<_> = (0..1001).map(|n| format!("u{n}")).collect();
    let watched: Vec<_> = (0..257).map(|n| format!("u{n}")).collect();
    let body = "x".repeat(32 * 1024 + 1);
    let start = |mut fields: Value, field| {
        fields["do"] = "call.start".into();
        if fields["to"].is_null() {
            fields["to"] = json!(["x"]);
        }
        (fields, field)
    };
    vec![
        (json!({"do": "call.start"}), "to"),
        (json!({"do": "call.start", "to": "x"}), "to"),
        start(json!({"to": []}), "to"),
        start(json!({"to": [""]}), "to[0]"),
        start(json!({"to": ["x", long]}), "to[1]"),
        start(json!({"to": ["x", "x"]}), "to[1]"),
        start(json!({"to": ["mallory"]}), "to[0]"),
        start(json!({"to": [7]}), "to[0]"),
        start(json!({"to": [{}]}), "to[0]"),
        start(json!({"to": [{"uid": 0}]}), "to[0]"),
        start(json!({"to": [{"uid": 2_000_000_000}]}), "to[0]"),
        start(json!({"to": [{"user": "x", "ring": "shout"}]}), "to[0].ring"),
        start(json!({"to": [{"user": "x", "ring_time": 4}]}), "to[0].ring_time"),
        start(json!({"to": many}), "to"),
        start(json!({"to": ["x", "y"], "kind": "direct"}), "to"),
        start(json!({"to": ["x", "y"], "mode": "invite"}), "to"),
        start(json!({"media": "smell"}), "media"),
        start(json!({"mode": "party"}), "mode"),
        start(json!({"kind": "crowd"}), "kind"),
        start(json!({"content": note}), "content"),
        start(json!({"content": 7}), "content"),
        start(json!({"param": 2_147_483_648_u64}), "param"),
        start(json!({"app_code": -1}), "app_code"),
        start(json!({"app_flags": "x"}), "app_flags"),
        start(json!({"forbid": ["caller_smell"]}), "forbid[0]"),
        start(json!({"ring_time": 4}), "ring_time"),
        start(json!({"ring_time": 601}), "ring_time"),
        start(json!({"ring_time": -5}), "ring_time"),
        start(json!({"reach_time": 601}), "reach_time"),
        start(json!({"max_time": 0}), "max_time"),
        start(json!({"policy": {"end": "everyone"}}), "policy.end"),
        start(json!({"group": long}), "group"),
        start(json!({"channel": ""}), "channel"),
        start(json!({"push": {"badge": "x"}}), "push.badge"),
        (json!({"do": "call.accept", "call": NO_CALL, "media": 1}), "media"),
        (json!({"do": "call.reject", "call": NO_CALL, "reason": "tired"}), "reason"),
        (json!({"do": "call.reject", "call": NO_CALL, "only_me": "yes"}), "only_me"),
        (json!({"do": "call.cancel", "call": NO_CALL, "to": "x"}), "to"),
        (json!({"do": "call.hangup", "call": NO_CALL, "content": note}), "content"),
        (json!({"do": "call.end", "call": NO_CALL, "param": 1.5}), "param"),
        (json!({"do": "call.invite", "call": NO_CALL}), "to"),
        (json!({"do": "call.invite", "call": NO_CALL, "to": ["x"], "ring_time": 1}), "ring_time"),
        (json!({"do": "call.move", "call": NO_CALL}), "from"),
        (json!({"do": "call.media", "call": NO_CALL}), "media"),
        (json!({"do": "call.media_answer", "call": NO_CALL}), "accept"),
        (json!({"do": "ack", "call": NO_CALL}), "seq"),
        (json!({"do": "ack", "call": NO_CALL, "seq": -1}), "seq"),
        (json!({"do": "call.state", "call": NO_CALL, "audio": "on"}), "audio"),
        (json!({"do": "call.send", "call": NO_CALL}), "body"),
        (json!({"do": "call.send", "call": NO_CALL, "body": body}), "body"),
        (json!({"do": "call.get", "call": NO_CALL, "after": -1}), "after"),
        (json!({"do": "message.send", "body": 1}), "to"),
        (json!({"do": "message.send", "to": "x"}), "body"),
        (json!({"do": "message.send", "to": "x", "body": null}), "body"),
        (json!({"do": "message.send", "to": "x", "body": body}), "body"),
        (json!({"do": "message.send", "to": {"uid": 2_000_000_000}, "body": 1}), "to"),
        (json!({"do": "presence.get"}), "users"),
        (json!({"do": "presence.get", "users": watched}), "users"),
        (json!({"do": "presence.watch", "users": [""]}), "users[0]"),
        (json!({"do": "presence.unwatch", "users": {}}), "users"),
        (json!({"do": "record.list", "before": "x"}), "before"),
        (json!({"do": "record.list", "missed": 1}), "missed"),
        (json!({"do": "token.renew"}), "token"),
        (json!({"do": "hello", "token": "x", "device": {"id": "d"}}), "do"),
    ]
}

const OF_A_CALL: [&str; 14] = [
    "call.ringing",
    "call.accept",
    "call.reject",
    "call.cancel",
    "call.hangup",
    "call.end",
    "call.invite",
    "call.join",
    "call.move",
    "call.media",
    "call.media_answer",
    "call.state",
    "call.send",
    "call.get",
];

/// A command about `call` in which everything else is right.
fn about(call: &Value, name: &str) -> Value {
    json!({"do": name, "call": call, "to": if name == "call.cancel" { json!(null) } else { json!(["x"]) },
           "from": "d2", "media": "audio", "accept": true, "body": 1, "audio": true, "seq": 1})
}

#[tokio::test]
async fn wrong_values_are_invalid_and_the_field_is_named() {
    let server = Server::start();
    let honest = Honest::talk(&server).await;
    let mut mallory = server.device("mallory", "m1").await;
    for (request, field) in wrong_values() {
        let shown: String = request.to_string().chars().take(120).collect();
        let error = mallory.refused(request, "invalid").await;
        assert_eq!(error["field"], field, "{shown}: {error}");
    }
    for name in OF_A_CALL.into_iter().chain(["ack"]) {
        for call in [json!("x"), json!(7), json!(""), json!({}), json!(null)] {
            let error = mallory.refused(about(&call, name), "invalid").await;
            assert_eq!(error["field"], "call", "{name} {call}");
        }
    }
    mallory.expect_nothing().await;
    honest.part().await;
}

#[tokio::test]
async fn r13_calls_of_others_and_calls_that_never_were_look_the_same() {
    let server = Server::start();
    let honest = Honest::talk(&server).await;
    let mut mallory = server.device("mallory", "m1").await;
    for name in OF_A_CALL.into_iter().chain(["ack"]) {
        let mut told = Vec::new();
        for call in [honest.call.clone(), json!(NO_CALL)] {
            let mut error = mallory.refused(about(&call, name), "not_in_call").await;
            assert_eq!(error["number"], 100_107, "{name}: {error}");
            assert_eq!(error["call"], call, "{name}: {error}");
            error["call"].take();
            told.push(error);
        }
        assert_eq!(told[0], told[1], "{name} tells nothing of others' calls");
    }
    mallory.expect_nothing().await;
    honest.part().await;
}

fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
}

fn token(alg: Algorithm, kid: Option<&str>, claims: &Value, secret: &[u8]) -> String {
    let mut header = Header::new(alg);
    header.kid = kid.map(str::to_owned);
    encode(&header, claims, &EncodingKey::from_secret(secret)).expect("a token")
}

fn unsigned(header: &Value, claims: &Value) -> String {
    use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD as B64};
    format!("{}.{}.", B64.encode(header.to_string()), B64.encode(claims.to_string()))
}

#[tokio::test]
async fn tokens_that_are_not_good_are_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let (own, other) = ("own-secret-own-secret-own-secret-1", "other-secret-other-secret-other-2");
    let app =
        |key: &str, secret: &str| format!("[[apps]]\nkey = \"{key}\"\nsecrets = [\"{secret}\"]\n");
    let path = dir.path().join("bellwire.toml");
    std::fs::write(&path, app("shop", own) + &app("bank", other)).expect("written");
    let server = Server::start_with(&["--config", path.to_str().expect("UTF-8")]);
    let honest = Honest::talk(&server).await;
    let hs = Algorithm::HS256;
    let good = json!({"sub": "mallory", "exp": now_s() + 60});
    let own_key = own.as_bytes();
    let header = json!({"alg": "none", "kid": "shop"});
    let signed = token(hs, Some("shop"), &good, own_key);
    let (head, rest) = signed.split_once('.').expect("three parts");
    let (_, signature) = rest.split_once('.').expect("three parts");
    let forged = unsigned(
        &json!({"alg": "HS256", "kid": "shop"}),
        &json!({"sub": "anna", "exp": now_s() + 60}),
    );
    let with = |claims: Value| token(hs, Some("shop"), &claims, own_key);
    for (what, token, code) in [
        ("expired", with(json!({"sub": "mallory", "exp": now_s() - 1})), "token_expired"),
        ("of another app", token(hs, Some("shop"), &good, other.as_bytes()), "unauthorized"),
        ("of an unknown app", token(hs, Some("pub"), &good, own_key), "unauthorized"),
        ("of no app", token(hs, None, &good, own_key), "unauthorized"),
        (
            "another algorithm",
            token(Algorithm::HS512, Some("shop"), &good, own_key),
            "unauthorized",
        ),
        ("alg none", unsigned(&header, &good), "unauthorized"),
        ("alg none, signed", format!("{}{signature}", unsigned(&header, &good)), "unauthorized"),
        ("alg None", unsigned(&json!({"alg": "None", "kid": "shop"}), &good), "unauthorized"),
        ("unsigned", format!("{head}.{}.", rest.split_once('.').expect("parts").0), "unauthorized"),
        ("forged", format!("{forged}{signature}"), "unauthorized"),
        ("no sub", with(json!({"exp": now_s() + 60})), "unauthorized"),
        ("no exp", with(json!({"sub": "mallory"})), "unauthorized"),
        ("empty sub", with(json!({"sub": "", "exp": now_s() + 60})), "unauthorized"),
        ("long sub", with(json!({"sub": "x".repeat(65), "exp": now_s() + 60})), "unauthorized"),
        (
            "not yet",
            with(json!({"sub": "m", "exp": now_s() + 90, "nbf": now_s() + 60})),
            "unauthorized",
        ),
        ("uid 0", with(json!({"sub": "m", "exp": now_s() + 90, "uid": 0})), "unauthorized"),
        ("no token", "x".to_owned(), "unauthorized"),
        ("empty", String::new(), "unauthorized"),
        ("too long", "x".repeat(20_000), "unauthorized"),
    ] {
        let hello = json!({"do": "hello", "token": token, "device": {"id": "d"}});
        let mut device = Device::connect(server.address(), Value::Null).await;
        let reply = device.request(hello).await;
        assert_eq!(reply["error"]["code"], code, "{what}: {reply}");
        assert_eq!(device.expect_close().await.code, 4401, "{what}");
    }
    let login =
        json!({"do": "hello", "login": {"app": "shop", "user": "anna"}, "device": {"id": "d"}});
    let mut device = Device::connect(server.address(), Value::Null).await;
    device.refused(login, "unauthorized").await;
    let mut mallory = Device::login_with(server.address(), &signed, "m1").await;
    for token in [with(json!({"sub": "anna", "exp": now_s() + 60})), "x".to_owned()] {
        mallory.refused(json!({"do": "token.renew", "token": token}), "unauthorized").await;
    }
    mallory.expect_nothing().await;
    honest.part().await;
}

#[tokio::test]
async fn sessions_of_others_cannot_be_resumed() {
    let server = Server::start();
    let honest = Honest::talk(&server).await;
    let resume = json!({"session": honest.anna.session(), "cursors": {honest.call.as_str().expect("an id"): "0"}});
    for user in ["mallory", "ben"] {
        let mut device = Device::connect(server.address(), Value::Null).await;
        let ok = device
            .ok(
                json!({"do": "hello", "login": {"app": "dev", "user": user}, "device": {"id": "h1"},
                       "resume": resume}),
            )
            .await;
        assert_eq!(ok["resumed"], false, "{user}");
        assert_ne!(ok["session"], honest.anna.session());
        if user == "mallory" {
            device.expect_nothing().await;
        }
    }
    honest.part().await;
}

#[tokio::test]
async fn half_open_and_silent_connections_hold_nobody_up() {
    let server = Server::start_with(&["--limits-hello-s", "2"]);
    let honest = Honest::talk(&server).await;
    let mut open = Vec::new();
    for n in 0..200 {
        let mut stream = TcpStream::connect(server.address()).await.expect("connected");
        let begun: &[u8] =
            [&b""[..], b"GET", b"GET /v1/ws HTTP/1.1\r\nHost: x\r\n", b"\x16\x03\x01\x00"][n % 4];
        // The server may hang up on what is no HTTP.
        drop(stream.write_all(begun).await);
        open.push(stream);
    }
    let mut silent = Vec::new();
    for _ in 0..50 {
        silent.push(RawSocket::open(server.address(), false).await);
    }
    // Half a frame, and then nothing.
    for socket in &mut silent[..25] {
        socket.send_raw(&[0x81, 0xfe, 0x10, 0x00, 0, 0, 0, 0, b'{']).await;
    }
    for socket in &mut silent {
        let closed = tokio::time::timeout(Duration::from_secs(10), socket.at_end()).await;
        closed.expect("who never says hello is closed");
    }
    honest.part().await;
    drop(open);
}

#[tokio::test]
async fn frames_far_too_large_and_garbage_end_only_their_own_connection() {
    let server = Server::start();
    let honest = Honest::talk(&server).await;
    for bytes in [
        // A frame that claims 2^40 bytes, one that is not masked, one of an unknown kind.
        &[0x81, 0xff, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0][..],
        &[0x81, 0x02, b'{', b'}'],
        &[0x83, 0x80, 0, 0, 0, 0],
        // Not UTF-8.
        &[0x81, 0x82, 0, 0, 0, 0, 0xc3, 0x28],
    ] {
        let mut socket = RawSocket::open(server.address(), false).await;
        socket.send_raw(bytes).await;
        let closed = tokio::time::timeout(Duration::from_secs(5), socket.at_end()).await;
        assert!(closed.is_ok(), "{bytes:?} is closed at once");
    }
    let mut mallory = server.device("mallory", "m1").await;
    // The server hangs up before all of it is there.
    mallory.try_send(json!({"do": "ping", "x": "x".repeat(8 * 1024 * 1024)})).await;
    assert!([4400, 1006].contains(&mallory.expect_close().await.code));
    honest.part().await;
}
