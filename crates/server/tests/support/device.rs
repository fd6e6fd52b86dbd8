//! A device that speaks the wire as written, in JSON, and watches that the server does:
//! each request is answered once, and each event of a call comes once and in order.

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Map, Value, json};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{ClientRequestBuilder, Error as SocketError, Message},
};

use super::PATIENCE;

/// How a connection was closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Closed {
    pub(crate) code: u16,
    pub(crate) reason: String,
}

/// One device of one user; it outlives its connections.
pub(crate) struct Device {
    socket: Option<WebSocketStream<MaybeTlsStream<TcpStream>>>,
    /// From where it comes, as a proxy would say.
    forwarded_for: Option<String>,
    /// As whom it logs in: the fields of its hello besides `resume`.
    hello: Value,
    /// What hello answered last.
    pub(crate) welcome: Value,
    /// Events not yet looked at, in the order they came.
    events: VecDeque<Value>,
    /// Records not yet looked at; they are kept apart, as they come when the disk has them.
    records: VecDeque<Value>,
    /// The last seq and cursor seen of each call.
    seen: BTreeMap<String, (u64, String)>,
    /// Requests that wait for their answer.
    waiting: Vec<u64>,
    replies: BTreeMap<u64, VecDeque<Value>>,
    closed: Option<Closed>,
    next_id: u64,
    /// Stop-rings that came again.
    repeated: usize,
}

impl Device {
    /// Opens a connection that has not said hello; `hello` are the fields it will say it with.
    pub(crate) async fn connect(server: SocketAddr, hello: Value) -> Self {
        Self::try_connect(server, None, hello).await.expect("connected")
    }

    /// The same as if a proxy had passed it on, or what the server says instead.
    pub(crate) async fn try_connect(
        server: SocketAddr,
        forwarded_for: Option<&str>,
        hello: Value,
    ) -> Result<Self, SocketError> {
        Ok(Self {
            socket: Some(dial(server, forwarded_for).await?),
            forwarded_for: forwarded_for.map(str::to_owned),
            hello,
            welcome: Value::Null,
            events: VecDeque::new(),
            records: VecDeque::new(),
            seen: BTreeMap::new(),
            waiting: Vec::new(),
            replies: BTreeMap::new(),
            closed: None,
            next_id: 1,
            repeated: 0,
        })
    }

    /// Logs in by name in the development app.
    pub(crate) async fn login(server: SocketAddr, user: &str, device: &str) -> Self {
        let login = json!({"app": "dev", "user": user});
        let hello = json!({"login": login, "device": {"id": device, "platform": "web"}});
        let mut this = Self::connect(server, hello).await;
        this.hello().await;
        this
    }

    /// Logs in with a token.
    pub(crate) async fn login_with(server: SocketAddr, token: &str, device: &str) -> Self {
        let hello = json!({"token": token, "device": {"id": device, "platform": "web"}});
        let mut this = Self::connect(server, hello).await;
        this.hello().await;
        this
    }

    /// Says hello, which has to be taken.
    pub(crate) async fn hello(&mut self) {
        let mut hello = self.hello.clone();
        hello["do"] = "hello".into();
        self.welcome = self.ok(hello).await;
    }

    /// The device's own id.
    pub(crate) fn id(&self) -> String {
        self.hello["device"]["id"].as_str().expect("an id").to_owned()
    }

    /// The session the last hello gave.
    pub(crate) fn session(&self) -> &str {
        self.welcome["session"].as_str().expect("hello has been answered")
    }

    /// Loses the connection without a goodbye.
    pub(crate) fn drop_connection(&mut self) {
        self.socket = None;
        self.closed = None;
        self.waiting.clear();
    }

    /// Connects anew and resumes with the cursors of all calls it knows. What it had not looked
    /// at is forgotten with the old connection, but counts as seen.
    pub(crate) async fn resume(&mut self, server: SocketAddr) {
        let cursors: Map<String, Value> = self
            .seen
            .iter()
            .map(|(call, (_, cursor))| (call.clone(), cursor.as_str().into()))
            .collect();
        let resume = json!({"session": self.session(), "cursors": cursors});
        self.drop_connection();
        let dialled = dial(server, self.forwarded_for.as_deref()).await;
        self.socket = Some(dialled.expect("connected"));
        let mut hello = self.hello.clone();
        hello["do"] = "hello".into();
        hello["resume"] = resume;
        self.welcome = self.ok(hello).await;
    }

    /// Sends a request; its id.
    pub(crate) async fn send(&mut self, request: Value) -> u64 {
        let id = self.next_id;
        self.send_as(id, request).await;
        id
    }

    /// Sends a request under an id of the test's choice.
    pub(crate) async fn send_as(&mut self, id: u64, mut request: Value) {
        request["id"] = id.into();
        self.next_id = self.next_id.max(id + 1);
        self.waiting.push(id);
        self.send_text(&request.to_string()).await;
    }

    /// Sends a text frame as it is.
    pub(crate) async fn send_text(&mut self, text: &str) {
        self.send_message(Message::text(text)).await;
    }

    /// Sends any frame.
    pub(crate) async fn send_message(&mut self, message: Message) {
        let socket = self.socket.as_mut().expect("connected");
        timeout(PATIENCE, socket.send(message)).await.expect("sent in time").expect("sent");
    }

    /// Sends a request nobody waits for; false if the connection is gone.
    pub(crate) async fn try_send(&mut self, mut request: Value) -> bool {
        request["id"] = self.next_id.into();
        self.waiting.push(self.next_id);
        self.next_id += 1;
        let socket = self.socket.as_mut().expect("connected");
        let sending = socket.send(Message::text(request.to_string()));
        timeout(PATIENCE, sending).await.expect("sent in time").is_ok()
    }

    /// The answer to request `id`, whole.
    pub(crate) async fn reply(&mut self, id: u64) -> Value {
        loop {
            if let Some(reply) = self.replies.get_mut(&id).and_then(VecDeque::pop_front) {
                return reply;
            }
            self.step(&format!("the answer to {id}")).await;
        }
    }

    /// Sends a request and waits for its answer, whole.
    pub(crate) async fn request(&mut self, request: Value) -> Value {
        let id = self.send(request).await;
        self.reply(id).await
    }

    /// A request that has to succeed; what is under `ok`.
    pub(crate) async fn ok(&mut self, request: Value) -> Value {
        let mut reply = self.request(request.clone()).await;
        assert!(reply["ok"].is_object(), "{request} was answered {reply}");
        reply["ok"].take()
    }

    /// A request that has to be refused with `code`; what is under `error`.
    pub(crate) async fn refused(&mut self, request: Value, code: &str) -> Value {
        let mut reply = self.request(request.clone()).await;
        assert_eq!(reply["error"]["code"], code, "{request} was answered {reply}");
        let message = reply["error"]["message"].as_str().unwrap_or_default();
        assert!(!message.is_empty(), "an error says what to do: {reply}");
        reply["error"].take()
    }

    /// The next event, whichever it is.
    pub(crate) async fn next(&mut self) -> Value {
        while self.events.is_empty() {
            self.step("an event").await;
        }
        self.events.pop_front().expect("not empty")
    }

    /// The next event, which has to be this one.
    pub(crate) async fn expect(&mut self, name: &str) -> Value {
        while self.events.is_empty() {
            self.step(name).await;
        }
        let event = self.events.pop_front().expect("not empty");
        assert_eq!(event["ev"], name, "{} got {event}", self.who());
        event
    }

    /// The next event of that name; those before it are dropped.
    pub(crate) async fn wait_for(&mut self, name: &str) -> Value {
        loop {
            while let Some(event) = self.events.pop_front() {
                if event["ev"] == name {
                    return event;
                }
            }
            self.step(name).await;
        }
    }

    /// The same, however long nothing comes but pings.
    pub(crate) async fn wait_long_for(&mut self, name: &str) -> Value {
        loop {
            while let Some(event) = self.events.pop_front() {
                if event["ev"] == name {
                    return event;
                }
            }
            let socket = self.socket.as_mut().expect("connected");
            let message = socket.next().await;
            self.sort(message);
        }
    }

    /// The next record.
    pub(crate) async fn record(&mut self) -> Value {
        while self.records.is_empty() {
            self.step("a record").await;
        }
        self.records.pop_front().expect("not empty")
    }

    /// Nothing but what was looked at has come when a ping sent now is answered. The server
    /// handles a device's requests in order and tells others before it answers, so whatever was
    /// caused before has arrived by then.
    pub(crate) async fn expect_nothing(&mut self) {
        self.ok(json!({"do": "ping"})).await;
        assert!(self.events.is_empty(), "{} got {:?}", self.who(), self.events);
    }

    /// The server closes the connection, and how.
    pub(crate) async fn expect_close(&mut self) -> Closed {
        while self.closed.is_none() {
            self.read("the close").await;
        }
        self.closed.clone().expect("closed")
    }

    /// Answers not asked for yet: how many requests still wait.
    pub(crate) fn unanswered(&self) -> usize {
        self.waiting.len()
    }

    /// Forgets how far it has seen each call, as the SDK does for those that are over for it.
    pub(crate) fn drop_cursors(&mut self) {
        self.seen.clear();
    }

    /// Forgets the events of that name that have come.
    pub(crate) fn forget(&mut self, name: &str) {
        self.events.retain(|event| event["ev"] != name);
    }

    /// How many stop-rings came again because they were not acknowledged.
    pub(crate) fn repeated(&self) -> usize {
        self.repeated
    }

    fn who(&self) -> String {
        format!("{} ({})", self.welcome["user"], self.hello["device"]["id"])
    }

    async fn step(&mut self, awaited: &str) {
        assert!(self.closed.is_none(), "{} closed: {:?}, for {awaited}", self.who(), self.closed);
        self.read(awaited).await;
    }

    /// Reads one frame.
    async fn read(&mut self, awaited: &str) {
        let socket = self.socket.as_mut().expect("connected");
        let Ok(message) = timeout(PATIENCE, socket.next()).await else {
            panic!("{} waits for {awaited}; it has {:?}", self.who(), self.events);
        };
        self.sort(message);
    }

    /// Puts a frame where it belongs.
    fn sort(&mut self, message: Option<Result<Message, SocketError>>) {
        match message {
            Some(Ok(Message::Text(text))) => {
                let frame = serde_json::from_str(&text).expect("frames are JSON");
                self.take(frame);
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            Some(Ok(Message::Close(close))) => {
                let (code, reason) =
                    close.map_or((1005, String::new()), |c| (c.code.into(), c.reason.to_string()));
                self.closed = Some(Closed { code, reason });
            }
            Some(Ok(other)) => panic!("{} got {other:?}", self.who()),
            // 1006: no close frame came at all.
            Some(Err(_)) | None => {
                self.closed.get_or_insert(Closed { code: 1006, reason: String::new() });
            }
        }
    }

    fn take(&mut self, frame: Value) {
        if let Some(id) = frame["id"].as_u64() {
            let asked = self.waiting.iter().position(|waiting| *waiting == id);
            let Some(asked) = asked else { panic!("{} did not ask for {frame}", self.who()) };
            self.waiting.remove(asked);
            assert!(frame["ok"].is_object() != frame["error"].is_object(), "{frame}");
            self.replies.entry(id).or_default().push_back(frame);
            return;
        }
        let name = frame["ev"].as_str().expect("a reply has an id, an event a name");
        if name == "record" {
            self.records.push_back(frame);
            return;
        }
        let Some(seq) = frame["seq"].as_u64() else {
            self.events.push_back(frame);
            return;
        };
        let call = frame["call"].as_str().expect("an event of a call names it").to_owned();
        let cursor = frame["cursor"].as_str().expect("beside each seq is a cursor").to_owned();
        assert!(frame["at"].is_u64(), "{frame}");
        let before = self.seen.get(&call).map_or(0, |(seq, _)| *seq);
        // Only a stop-ring that was not acknowledged may come twice.
        if seq == before && matches!(name, "call.canceled" | "call.elsewhere") {
            self.repeated += 1;
            return;
        }
        assert!(seq > before, "{} had {before} of the call before {frame}", self.who());
        self.seen.insert(call, (seq, cursor));
        self.events.push_back(frame);
    }
}

async fn dial(
    server: SocketAddr,
    forwarded_for: Option<&str>,
) -> Result<WebSocketStream<MaybeTlsStream<TcpStream>>, SocketError> {
    let address = format!("ws://{server}/v1/ws").parse().expect("an address");
    let mut request = ClientRequestBuilder::new(address).with_sub_protocol("bellwire.v1");
    if let Some(client) = forwarded_for {
        request = request.with_header("X-Forwarded-For", client);
    }
    let connecting = timeout(PATIENCE, connect_async(request)).await;
    Ok(connecting.expect("connected in time")?.0)
}
