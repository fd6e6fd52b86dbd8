//! One device on its connection: what it sent, what it was sent, and whether that agrees.

use std::{
    collections::{BTreeMap, VecDeque},
    future::poll_fn,
    pin::Pin,
    task::Poll,
};

use bellwire::Node;
use bellwire_core::CallId;
use bellwire_protocol::{ParseError, Reply, Request, ServerEvent};
use serde_json::{Value, json};
use tokio::io::{AsyncRead as _, AsyncWrite as _, DuplexStream, ReadBuf, duplex};

use super::script::token;

/// What the connection holds in each direction: more than the server lets wait.
const PIPE_BYTES: usize = 4 << 20;
/// The mask of all frames: none, so that what is sent is as readable as the script.
const MASK: [u8; 4] = [0; 4];
/// Beside the length in a header: a mask follows.
const MASKED: u8 = 0x80;

pub(super) struct Device {
    user: &'static str,
    name: &'static str,
    stream: Option<DuplexStream>,
    /// What came and is not a whole frame yet.
    unread: VecDeque<u8>,
    /// Requests of this connection by id: how often sent, how often answered.
    requests: BTreeMap<u64, (usize, usize)>,
    /// Nobody can say what bytes of its own amounted to.
    is_countable: bool,
    /// Whether a frame was sent that ends the connection, or a close frame came.
    is_ending: bool,
    /// The last `seq` of each call on this connection.
    seqs: BTreeMap<CallId, u64>,
    events: usize,
    next_id: u64,
    call: String,
    session: String,
}

impl Device {
    /// Connects; hello is still to be said.
    pub(super) fn connect(node: &Node, user: &'static str, name: &'static str) -> Self {
        let mut device = Self {
            user,
            name,
            stream: None,
            unread: VecDeque::new(),
            requests: BTreeMap::new(),
            is_countable: true,
            is_ending: false,
            seqs: BTreeMap::new(),
            events: 0,
            next_id: 1,
            call: CallId(uuid::Uuid::nil()).to_string(),
            session: "s-".to_owned(),
        };
        device.reconnect(node);
        device
    }

    /// Connects anew; of the old connection only what a device keeps is known.
    pub(super) fn reconnect(&mut self, node: &Node) {
        let (ours, theirs) = duplex(PIPE_BYTES);
        let node = node.clone();
        tokio::spawn(async move { node.serve(theirs, None).await });
        self.stream = Some(ours);
        self.unread.clear();
        self.requests.clear();
        self.seqs.clear();
        (self.is_countable, self.is_ending) = (true, false);
    }

    /// Loses the connection without a word.
    pub(super) fn hang_up(&mut self) {
        self.stream = None;
    }

    /// Says hello with its token; `more` follows the fields.
    pub(super) fn hello(&mut self, token: &str, more: &str) {
        let device = json!({ "id": self.name });
        self.text(&format!(
            r#"{{"id":$I,"do":"hello","token":"{token}","device":{device}{more}}}"#
        ));
    }

    /// Sends a text frame, with what stands for something filled in.
    pub(super) fn text(&mut self, text: &str) {
        let mut text = text.replace("$C", &self.call).replace("$S", &self.session);
        if text.contains("$T") {
            text = text.replace("$T", &token("shop", self.user));
        }
        if text.contains("$I") {
            text = text.replace("$I", &self.next_id.to_string());
            self.next_id += 1;
        }
        if !self.is_open() {
            return;
        }
        match Request::parse(&text) {
            Ok(Request { id, .. }) | Err(ParseError::Refused { id, .. }) => {
                self.requests.entry(id).or_default().0 += 1;
            }
            Err(ParseError::BadFrame(_)) => self.is_ending = true,
        }
        let mut frame = vec![0x81];
        match (u8::try_from(text.len()), u16::try_from(text.len())) {
            (Ok(short @ 0..126), _) => frame.push(MASKED | short),
            (_, Ok(medium)) => {
                frame.push(MASKED | 0x7e);
                frame.extend_from_slice(&medium.to_be_bytes());
            }
            _ => {
                frame.push(MASKED | 0x7f);
                frame.extend_from_slice(&(text.len() as u64).to_be_bytes());
            }
        }
        frame.extend_from_slice(&MASK);
        frame.extend_from_slice(text.as_bytes());
        self.write(&frame);
    }

    /// Sends bytes as they are.
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.is_countable = false;
        self.write(bytes);
    }

    /// The pipe is wide; what it does not take at once, a hostile device does not insist on.
    fn write(&mut self, bytes: &[u8]) {
        let Some(stream) = &mut self.stream else { return };
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        match Pin::new(stream).poll_write(&mut cx, bytes) {
            Poll::Ready(Ok(written)) if written == bytes.len() => {}
            Poll::Ready(Err(_)) => self.stream = None,
            Poll::Ready(Ok(_)) | Poll::Pending => self.is_countable = false,
        }
    }

    /// Reads all that is there.
    pub(super) async fn read(&mut self) {
        let mut buffer = vec![0; 64 * 1024];
        while let Some(stream) = &mut self.stream {
            let read = poll_fn(|cx| {
                let mut into = ReadBuf::new(&mut buffer);
                let polled = Pin::new(&mut *stream).poll_read(cx, &mut into);
                Poll::Ready(polled.map_ok(|()| into.filled().len()))
            });
            match read.await {
                Poll::Pending => break,
                Poll::Ready(Ok(0) | Err(_)) => self.stream = None,
                Poll::Ready(Ok(count)) => self.unread.extend(&buffer[..count]),
            }
        }
        while let Some((opcode, payload)) = self.frame() {
            self.took(opcode, &payload);
        }
    }

    /// Takes the next whole frame of the server from what is unread.
    fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let bytes = self.unread.make_contiguous();
        let [first, second, ..] = *bytes else { return None };
        let (begin, length) = match second {
            126 => (4, usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?))),
            127 => {
                let length = u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?);
                (10, usize::try_from(length).ok()?)
            }
            short => (2, usize::from(short)),
        };
        assert!(first & 0xf0 == 0x80 && second & 0x80 == 0, "no frame of a server: {first:x}");
        let payload = bytes.get(begin..begin + length)?.to_vec();
        self.unread.drain(..begin + length);
        Some((first & 0x0f, payload))
    }

    fn took(&mut self, opcode: u8, payload: &[u8]) {
        match opcode {
            1 => self.took_text(std::str::from_utf8(payload).expect("a text is UTF-8")),
            8 => {
                self.is_ending = true;
                self.write(&[0x88, 0x80, 0, 0, 0, 0]);
            }
            9 => {
                let length = u8::try_from(payload.len()).expect("a ping is short");
                let pong = [&[0x8a, MASKED | length][..], &MASK, payload].concat();
                self.write(&pong);
            }
            10 => {}
            other => panic!("the server sends opcode {other}"),
        }
    }

    fn took_text(&mut self, text: &str) {
        let frame: Value = serde_json::from_str(text).expect("a frame is JSON");
        for call in [&frame["call"], &frame["ok"]["call"]] {
            if let Some(call) = call.as_str() {
                call.clone_into(&mut self.call);
            }
        }
        if frame["ev"].is_null() {
            let reply: Reply = serde_json::from_str(text).expect("a frame is an event or a reply");
            assert!(reply.ok.is_some() != reply.error.is_some(), "yes or no: {text}");
            if let Some(session) = frame["ok"]["session"].as_str() {
                session.clone_into(&mut self.session);
            }
            let of = self.requests.entry(reply.id).or_default();
            of.1 += 1;
            let known = of.1 <= of.0 || !self.is_countable;
            assert!(known, "{} was sent {} times: {text}", reply.id, of.0);
            return;
        }
        self.events += 1;
        match ServerEvent::parse(text).expect("an event can be read") {
            ServerEvent::Unknown => panic!("an event nobody knows: {text}"),
            ServerEvent::Call(event) => {
                let before = self.seqs.insert(event.call, event.seq);
                assert!(before < Some(event.seq), "I7: after {before:?} comes {text}");
            }
            _ => {}
        }
    }

    pub(super) fn user(&self) -> &'static str {
        self.user
    }

    /// Its session, as far as it was told.
    pub(super) fn session(&self) -> &str {
        &self.session
    }

    /// Whether the connection is there and nothing has ended it.
    pub(super) fn is_open(&self) -> bool {
        self.stream.is_some() && !self.is_ending
    }

    /// How many events it was sent.
    pub(super) fn events(&self) -> usize {
        self.events
    }

    /// Every request of a connection that lives has its one answer.
    pub(super) fn check_answers(&self) {
        if !self.is_open() || !self.is_countable {
            return;
        }
        for (id, (sent, answered)) in &self.requests {
            assert_eq!(sent, answered, "request {id} of {} on {}", self.user, self.name);
        }
    }
}
