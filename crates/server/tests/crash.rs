//! Ten `kill -9` while pairs of devices call each other without a pause.
//!
//! Each pair keeps its own book: what it asked under which id and what was answered. After each
//! kill its devices resume and ask again what was not answered. In the end the book is held
//! against the logs and records: nothing acknowledged is lost, nothing is there twice.

mod support;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use support::{Api, Server};
use tokio::{
    net::TcpStream,
    time::{Instant, timeout, timeout_at},
};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};

const PAIRS: usize = 6;
const KILLS: usize = 10;
/// Calls that have to end between two kills, so that each kill meets a server at work.
const CALLS_BETWEEN: usize = 100;
const PATIENCE: Duration = Duration::from_secs(20);

/// A device that survives the server: it reconnects, resumes, and asks again under the same id.
struct Caller {
    server: SocketAddr,
    user: String,
    socket: Option<WebSocketStream<MaybeTlsStream<TcpStream>>>,
    session: Option<String>,
    next_id: u64,
    /// Per call the last event seen and its cursor.
    seen: BTreeMap<String, (u64, String)>,
    /// The names of the events of each call, in the order they came.
    events: BTreeMap<String, Vec<String>>,
    /// Every answer of a changing request.
    answers: BTreeMap<u64, Value>,
    asked: BTreeMap<u64, Value>,
}

/// The connection is gone.
struct Gone;

impl std::fmt::Display for Caller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let last = self.seen.keys().next_back().map(|call| (call, &self.events[call]));
        let asked = self.asked.last_key_value();
        write!(f, "next id {}, last asked {asked:?}, last call {last:?}", self.next_id)
    }
}

impl Caller {
    fn new(server: SocketAddr, user: String) -> Self {
        Self {
            server,
            user,
            socket: None,
            session: None,
            next_id: 1,
            seen: BTreeMap::new(),
            events: BTreeMap::new(),
            answers: BTreeMap::new(),
            asked: BTreeMap::new(),
        }
    }

    /// One attempt to connect and say hello.
    async fn connect(&mut self) -> Result<(), Gone> {
        let address = format!("ws://{}/v1/ws", self.server);
        let (socket, _) = connect_async(address).await.map_err(|_| Gone)?;
        self.socket = Some(socket);
        let resume = self.session.as_ref().map(|session| {
            let cursors: BTreeMap<_, _> =
                self.seen.iter().map(|(call, (_, cursor))| (call, cursor)).collect();
            json!({"session": session, "cursors": cursors})
        });
        let id = self.next_id;
        self.next_id += 1;
        let hello = json!({"id": id, "do": "hello", "login": {"app": "dev", "user": self.user},
                           "device": {"id": "d"}, "resume": resume});
        self.write(&hello).await?;
        let reply = loop {
            let frame = self.read().await?;
            if frame["id"] == id {
                break frame;
            }
            assert!(frame["seq"].is_null(), "events follow the answer to hello: {frame}");
        };
        let session = reply["ok"]["session"].as_str().expect("hello is taken").to_owned();
        if self.session.is_some() {
            assert_eq!(reply["ok"]["resumed"], true, "an answered hello is remembered: {reply}");
        }
        self.session = Some(session);
        for info in reply["ok"]["calls"].as_array().expect("calls") {
            self.learn(info);
        }
        Ok(())
    }

    /// A call that began while the device was away is listed by hello, and not told again.
    fn learn(&mut self, info: &Value) {
        let call = info["id"].as_str().expect("an id").to_owned();
        if !self.seen.contains_key(&call) {
            self.events.entry(call).or_default().push("listed".to_owned());
            self.keep_cursor(info);
        }
        // What it missed of a call it knows follows, from its own cursor on.
    }

    /// A call that an answer shows whole is known up to there.
    fn keep_cursor(&mut self, info: &Value) {
        let (Some(call), Some(seq)) = (info["id"].as_str(), info["seq"].as_u64()) else { return };
        let cursor = info["cursor"].as_str().expect("a cursor").to_owned();
        let seen = self.seen.entry(call.to_owned()).or_insert((seq, cursor.clone()));
        if seen.0 < seq {
            *seen = (seq, cursor);
        }
    }

    async fn write(&mut self, frame: &Value) -> Result<(), Gone> {
        let Some(socket) = &mut self.socket else { return Err(Gone) };
        let sent = socket.send(Message::text(frame.to_string())).await;
        sent.map_err(|_| self.hang_up())
    }

    fn hang_up(&mut self) -> Gone {
        self.socket = None;
        Gone
    }

    /// The next frame; events are checked and noted on the way.
    async fn read(&mut self) -> Result<Value, Gone> {
        let until = Instant::now() + PATIENCE;
        loop {
            let Some(socket) = &mut self.socket else { return Err(Gone) };
            // Pings come all the time; they are not what is waited for.
            let next = timeout_at(until, socket.next()).await;
            let Ok(next) = next else { panic!("{} waits in vain: {self}", self.user) };
            match next {
                Some(Ok(Message::Text(text))) => {
                    let frame: Value = serde_json::from_str(&text).expect("frames are JSON");
                    self.note(&frame);
                    return Ok(frame);
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(_) | Err(_)) | None => return Err(self.hang_up()),
            }
        }
    }

    /// I7: each event of a call once and in order.
    fn note(&mut self, frame: &Value) {
        let Some(seq) = frame["seq"].as_u64() else { return };
        let call = frame["call"].as_str().expect("a call").to_owned();
        let name = frame["ev"].as_str().expect("a name").to_owned();
        let cursor = frame["cursor"].as_str().expect("a cursor").to_owned();
        let before = self.seen.get(&call).map_or(0, |(seq, _)| *seq);
        assert!(seq > before, "{} had seen {before} before {frame}", self.user);
        self.seen.insert(call.clone(), (seq, cursor));
        self.events.entry(call).or_default().push(name);
    }

    fn has(&self, call: &str, names: &[&str]) -> bool {
        let events = self.events.get(call);
        events.is_some_and(|events| events.iter().any(|e| names.contains(&e.as_str())))
    }

    /// Connects until it succeeds.
    async fn stay_connected(&mut self) {
        while self.socket.is_none() {
            if self.connect().await.is_err() {
                // The server is being started again; how long that takes nobody tells.
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }

    /// Asks until it is answered; the same id each time.
    async fn ask(&mut self, mut request: Value) -> Value {
        let id = self.next_id;
        self.next_id += 1;
        request["id"] = id.into();
        self.asked.insert(id, request.clone());
        let answer = self.ask_as(id, &request).await;
        self.keep_cursor(&answer["ok"]["info"]);
        self.answers.insert(id, answer.clone());
        answer
    }

    async fn ask_as(&mut self, id: u64, request: &Value) -> Value {
        loop {
            self.stay_connected().await;
            if self.write(request).await.is_err() {
                continue;
            }
            while let Ok(frame) = self.read().await {
                if frame["id"] == id {
                    return frame;
                }
            }
        }
    }

    /// Reads until an event of `call` with one of these names has been seen.
    async fn until(&mut self, call: &str, names: &[&str]) {
        while !self.has(call, names) {
            if self.socket.is_some() {
                // A lost connection is made again, which may bring what is waited for.
                let _ = self.read().await;
            } else {
                self.stay_connected().await;
            }
        }
    }

    /// Every answer of this session is given again as it was.
    async fn ask_all_again(&mut self) -> usize {
        let kept: Vec<u64> = self.answers.keys().rev().take(200).copied().collect();
        for id in &kept {
            let answer = self.ask_as(*id, &self.asked[id].clone()).await;
            assert_eq!(answer, self.answers[id], "the first answer to {}", self.asked[id]);
        }
        kept.len()
    }
}

/// What became of a call, as its pair was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    HungUp,
    Rejected,
    Canceled,
}

impl Fate {
    fn reason(self) -> &'static str {
        match self {
            Self::HungUp => "completed",
            Self::Rejected => "rejected",
            Self::Canceled => "canceled",
        }
    }
}

const ENDS: [&str; 3] = ["call.ended", "call.canceled", "call.elsewhere"];

/// One whole call of a pair; its id.
async fn one_call(a: &mut Caller, b: &mut Caller, fate: Fate) -> String {
    let started = a.ask(json!({"do": "call.start", "to": [b.user], "reach_time": 30})).await;
    let call = started["ok"]["call"].as_str();
    let call = call.unwrap_or_else(|| panic!("{} to {}: {started}", a.user, b.user)).to_owned();
    b.until(&call, &["call.invited", "listed"]).await;
    let ringing = b.ask(json!({"do": "call.ringing", "call": call})).await;
    assert!(ringing["ok"].is_object(), "{ringing}");
    match fate {
        Fate::HungUp => {
            let accepted = b.ask(json!({"do": "call.accept", "call": call})).await;
            assert_eq!(accepted["ok"]["info"]["phase"], "active", "{accepted}");
            a.until(&call, &["call.started"]).await;
            let done = a.ask(json!({"do": "call.hangup", "call": call})).await;
            assert!(done["ok"].is_object(), "{done}");
        }
        Fate::Rejected => {
            let done = b.ask(json!({"do": "call.reject", "call": call})).await;
            assert!(done["ok"].is_object(), "{done}");
        }
        Fate::Canceled => {
            let done = a.ask(json!({"do": "call.cancel", "call": call})).await;
            assert!(done["ok"].is_object(), "{done}");
        }
    }
    a.until(&call, &ENDS).await;
    b.until(&call, &ENDS).await;
    call
}

/// A pair that calls until it is told to stop; its book of calls.
async fn pair(
    server: SocketAddr,
    number: usize,
    stop: Arc<AtomicBool>,
    done: Arc<AtomicUsize>,
) -> (Caller, Caller, Vec<(String, Fate)>) {
    let mut a = Caller::new(server, format!("a{number}"));
    let mut b = Caller::new(server, format!("b{number}"));
    let mut book = Vec::new();
    b.stay_connected().await;
    while !stop.load(Ordering::Relaxed) {
        let fate = [Fate::HungUp, Fate::Rejected, Fate::Canceled][book.len() % 3];
        let call = one_call(&mut a, &mut b, fate).await;
        book.push((call, fate));
        done.fetch_add(1, Ordering::Relaxed);
    }
    (a, b, book)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_kills_under_load_lose_nothing_acknowledged_and_double_nothing() {
    let mut server = Server::start_with(&[
        "--calls-grace-s=60",
        "--limits-starts-per-minute=1000000",
        "--limits-requests-per-s=100000",
        "--limits-requests-burst=100000",
    ]);
    let stop = Arc::new(AtomicBool::new(false));
    let done = Arc::new(AtomicUsize::new(0));
    let pairs: Vec<_> = (0..PAIRS)
        .map(|n| tokio::spawn(pair(server.address(), n, stop.clone(), done.clone())))
        .collect();
    for _ in 0..KILLS {
        let goal = done.load(Ordering::Relaxed) + CALLS_BETWEEN;
        let worked = async {
            while done.load(Ordering::Relaxed) < goal
                && !pairs.iter().any(tokio::task::JoinHandle::is_finished)
            {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(PATIENCE, worked).await.expect("calls go on between the kills");
        tokio::task::block_in_place(|| {
            server.kill();
            server.restart();
        });
    }
    stop.store(true, Ordering::Relaxed);
    let mut book = Vec::new();
    for pair in pairs {
        let (mut a, mut b, calls) = pair.await.expect("the pair saw what it should");
        check_events(&a, &b, &calls);
        assert!(a.ask_all_again().await + b.ask_all_again().await > 10);
        book.extend(calls);
    }
    assert!(book.len() >= KILLS * CALLS_BETWEEN, "{} calls", book.len());
    let api = server.api();
    assert_eq!(api.get("/v1/calls?live").await.1["calls"], json!([]), "nothing is left over");
    check_records(&api, &book).await;
    check_logs(&api, &book).await;
}

/// I3: each stay of a device ends with exactly one terminal event, and only calls of the book
/// were ever told of.
fn check_events(a: &Caller, b: &Caller, calls: &[(String, Fate)]) {
    for device in [a, b] {
        let told: BTreeSet<_> = device.events.keys().collect();
        let own: BTreeSet<_> = calls.iter().map(|(call, _)| call).collect();
        assert_eq!(told, own, "{}", device.user);
        for (call, events) in &device.events {
            let ends = events.iter().filter(|e| ENDS.contains(&e.as_str())).count();
            assert_eq!(ends, 1, "{} in {call}: {events:?}", device.user);
        }
    }
    for (call, fate) in calls {
        let ringing = a.events[call].iter().filter(|e| *e == "call.ringing").count();
        assert_eq!(ringing, 1, "{call} rang {ringing} times");
        let started = b.events[call].iter().filter(|e| *e == "call.started").count();
        assert_eq!(started, usize::from(*fate == Fate::HungUp), "{call}");
    }
}

/// I6: one record for each call, no serial left out or given twice.
async fn check_records(api: &Api, book: &[(String, Fate)]) {
    let mut records = Vec::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/v1/records?limit=200{cursor}");
        let (status, mut page) = api.get(&path).await;
        assert_eq!(status, 200, "{page}");
        records.extend(page["records"].as_array().expect("records").iter().cloned());
        match page["cursor"].take() {
            Value::String(next) => cursor = format!("&cursor={next}"),
            _ => break,
        }
    }
    let serials: Vec<_> = records.iter().rev().map(|r| r["serial"].as_u64()).collect();
    let expected: Vec<_> = (1..=book.len() as u64).map(Some).collect();
    assert_eq!(serials, expected, "serials have no gap");
    let reasons: BTreeMap<_, _> =
        records.iter().map(|r| (r["call"].as_str().expect("a call"), &r["reason"])).collect();
    assert_eq!(reasons.len(), records.len(), "one record for each call");
    for (call, fate) in book {
        assert_eq!(reasons.get(call.as_str()), Some(&&json!(fate.reason())), "{call}");
    }
}

/// Logs without a gap that tell what the pair was told, and each change once.
async fn check_logs(api: &Api, book: &[(String, Fate)]) {
    for (call, fate) in book {
        let (status, whole) = api.get(&format!("/v1/calls/{call}")).await;
        assert_eq!(status, 200, "{whole}");
        let log = whole["log"].as_array().expect("a log");
        let seqs: Vec<_> = log.iter().map(|e| e["seq"].as_u64()).collect();
        assert_eq!(seqs, (1..=log.len() as u64).map(Some).collect::<Vec<_>>(), "{call}");
        let at: Vec<_> = log.iter().map(|e| e["at"].as_u64()).collect();
        assert!(at.is_sorted(), "time never runs backwards: {log:?}");
        assert_eq!(whole["info"]["ended"]["reason"], fate.reason(), "{call}");
        assert_eq!(whole["info"]["phase"], "ended");
    }
}
