//! Whole call lives through a node in one thread, without sockets and disk: what the server's own
//! code costs, in instructions that do not depend on the machine's mood.
//!
//! ```sh
//! cargo bench -p bellwire --bench life -- 1000     # lives a second, for people
//! valgrind --tool=callgrind target/release/deps/life-… 200     # where they go
//! ```

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use bellwire::{
    Chance, Clock, Done, FeedEntry, FeedQuery, Ground, JournalState, Node, Reading, RecordQuery,
    Recovered, Row, Storage, Tenants,
};
use bellwire_core::{AppKey, CallId, Entry, SessionId, Timestamp, UserId};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream},
    sync::mpsc,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const TENANTS: &str = r#"
[limits]
requests_per_s = 1000000
requests_burst = 1000000
starts_per_minute = 1000000
callees_per_minute = 1000000
[[apps]]
key = "bench"
login = "open"
secrets = ["0123456789abcdef0123456789abcdef"]
"#;

/// Forgets what it is given, and says so in order.
struct Nowhere(mpsc::UnboundedSender<(Vec<Row>, Done)>);

impl Nowhere {
    fn open() -> Arc<Self> {
        let (to, mut from) = mpsc::unbounded_channel::<(Vec<Row>, Done)>();
        tokio::spawn(async move {
            while let Some((_, done)) = from.recv().await {
                done();
            }
        });
        Arc::new(Self(to))
    }
}

impl Storage for Nowhere {
    fn queue(&self, rows: Vec<Row>, _: bool, done: Done) {
        drop(self.0.send((rows, done)));
    }

    fn log(&self, _: CallId) -> Reading<'_, Vec<Entry>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn answer<'a>(&'a self, _: &'a SessionId, _: u64) -> Reading<'a, Option<String>> {
        Box::pin(async { Ok(None) })
    }

    fn records<'a>(&'a self, _: &'a RecordQuery) -> Reading<'a, Vec<String>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn missed<'a>(&'a self, _: &'a AppKey, _: &'a UserId, _: u64) -> Reading<'a, u64> {
        Box::pin(async { Ok(0) })
    }

    fn feed<'a>(&'a self, _: &'a FeedQuery) -> Reading<'a, Vec<FeedEntry>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn state(&self) -> JournalState {
        JournalState::Ready
    }
}

/// Goes on by a millisecond each time it is looked at.
struct Steps(AtomicU64);

impl Clock for Steps {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.fetch_add(1, Ordering::Relaxed))
    }
}

/// A device that says and expects what a call life is made of.
struct Device {
    stream: DuplexStream,
    id: u64,
    /// What came, and how far it is looked at.
    bytes: Vec<u8>,
    seen: usize,
}

impl Device {
    async fn open(node: &Node, user: &str) -> Self {
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        let node = node.clone();
        tokio::spawn(async move { node.serve(theirs, None).await });
        let mut device = Self { stream: ours, id: 0, bytes: Vec::new(), seen: 0 };
        let login = format!(
            r#""do":"hello","login":{{"app":"bench","user":"{user}"}},"device":{{"id":"{user}-1"}}"#
        );
        device.ask(&login).await;
        device.answer().await;
        device
    }

    /// Sends a request; `rest` is what follows its id.
    async fn ask(&mut self, rest: &str) {
        self.id += 1;
        let text = format!(r#"{{"id":{},{rest}}}"#, self.id);
        let mut frame = vec![0x81];
        // Masked, with a length in two bytes.
        frame.push(0xfe);
        let length = u16::try_from(text.len()).expect("a short request");
        frame.extend_from_slice(&length.to_be_bytes());
        frame.extend_from_slice(&[0; 4]);
        frame.extend_from_slice(text.as_bytes());
        self.stream.write_all(&frame).await.expect("the node reads");
    }

    /// The next frame.
    async fn frame(&mut self) -> String {
        loop {
            if self.bytes[self.seen..].starts_with(&[0x89, 0]) {
                self.seen += 2;
                let pong = [0x8a, 0x80, 0, 0, 0, 0];
                self.stream.write_all(&pong).await.expect("the node reads");
            }
            if let Some((text, end)) = text(&self.bytes[self.seen..]) {
                self.seen += end;
                if self.seen == self.bytes.len() {
                    self.bytes.clear();
                    self.seen = 0;
                }
                return text;
            }
            let read = self.stream.read_buf(&mut self.bytes).await.expect("the node writes");
            assert_ne!(read, 0, "closed: {}", self.bytes.escape_ascii());
        }
    }

    async fn expect(&mut self, what: &str) -> String {
        let frame = self.frame().await;
        assert!(frame.contains(what), "{what} was to come, not {frame}");
        frame
    }

    async fn answer(&mut self) -> String {
        self.expect(r#""ok":{"#).await
    }
}

/// A whole server frame at the front, and where it ends.
fn text(bytes: &[u8]) -> Option<(String, usize)> {
    let (begin, length) = match *bytes {
        [0x81, 126, a, b, ..] => (4, usize::from(u16::from_be_bytes([a, b]))),
        [0x81, short @ 0..126, ..] => (2, usize::from(short)),
        _ => return None,
    };
    let text = bytes.get(begin..begin + length)?;
    Some((String::from_utf8(text.to_vec()).expect("UTF-8"), begin + length))
}

async fn life(caller: &mut Device, callee: &mut Device, to: &str) {
    caller.ask(&format!(r#""do":"call.start","to":["{to}"],"media":"audio""#)).await;
    let answer = caller.answer().await;
    let call = &answer[answer.find(r#""call":""#).expect("a call") + 8..][..36];
    callee.expect("call.invited").await;
    callee.ask(&format!(r#""do":"call.ringing","call":"{call}""#)).await;
    callee.answer().await;
    caller.expect("call.ringing").await;
    callee.ask(&format!(r#""do":"call.accept","call":"{call}""#)).await;
    callee.answer().await;
    caller.expect("call.accepted").await;
    caller.expect("call.started").await;
    callee.expect("call.started").await;
    caller.ask(&format!(r#""do":"call.hangup","call":"{call}""#)).await;
    caller.answer().await;
    caller.expect("call.ended").await;
    callee.expect("call.ended").await;
    caller.expect("record").await;
    callee.expect("record").await;
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let lives: u32 = std::env::args().find_map(|a| a.parse().ok()).unwrap_or(20_000);
    let ground = Ground {
        storage: Nowhere::open(),
        recovered: Recovered::default(),
        clock: Arc::new(Steps(AtomicU64::new(1_800_000_000_000))),
        chance: Chance::from_seed(1),
        media: None,
    };
    let tenants = Tenants::from_toml(TENANTS).expect("a good configuration");
    let node = Node::open(tenants, ground).await;
    let mut alice = Device::open(&node, "alice").await;
    let mut bob = Device::open(&node, "bob").await;
    let begun = Instant::now();
    for _ in 0..lives {
        life(&mut alice, &mut bob, "bob").await;
    }
    let took = begun.elapsed();
    println!("{lives} lives, {:.2} µs each", took.as_secs_f64() * 1e6 / f64::from(lives));
}
