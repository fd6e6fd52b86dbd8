//! Many devices' connections: logging in, reading whole frames, keeping alive.

use std::{
    net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr},
    ops::Range,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};

use super::{
    line::{Line, Stage},
    poll::{Poll, Ready},
};
use crate::{
    files,
    wire::{
        frame::{self, Frame, Opcode},
        handshake,
        said::{self, Said},
    },
};

/// How many log in at the same time; more would only queue in the server's backlog.
const LOGINS_AT_ONCE: usize = 64;
/// How long nothing may happen while devices log in.
const PATIENCE: Duration = Duration::from_secs(10);
/// What is read at once, in bytes. A connection has no buffer of its own unless a frame comes in
/// parts.
const READ_BYTES: usize = 64 * 1024;
/// Connections from one address; the ports for outgoing ones are about 28 000 per pair of
/// addresses (`ip_local_port_range`), some of them still waiting out earlier connections.
const PER_SOURCE: usize = 4_000;

/// Whom the devices speak to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peer {
    /// Bellwire: devices say hello by name to its development app.
    Bellwire,
    /// The relay: a device says in the path which pair and side it is.
    Relay,
}

/// The connections of a run.
pub(crate) struct Lines {
    server: SocketAddr,
    peer: Peer,
    poll: Poll,
    open: Vec<Line>,
    scratch: Vec<u8>,
    /// Connections that have closed, since they were last asked about, with why.
    closed: Vec<(usize, String)>,
}

/// Bytes read from a connection, to be put back when the whole frames among them are used.
#[derive(Debug)]
pub(crate) struct Bytes {
    buffer: Vec<u8>,
    filled: usize,
    used: usize,
    /// Whether there may be more to read.
    more: bool,
}

impl Lines {
    /// None yet.
    pub(crate) fn new(server: SocketAddr, peer: Peer) -> anyhow::Result<Self> {
        let poll = Poll::new().context("epoll")?;
        let scratch = vec![0; READ_BYTES];
        Ok(Self { server, peer, poll, open: Vec::new(), scratch, closed: Vec::new() })
    }

    /// Connects a device for each of `users` and logs it in; the numbers of their connections.
    pub(crate) fn log_in(&mut self, users: Vec<String>) -> anyhow::Result<Range<usize>> {
        let begin = self.open.len();
        let end = begin + users.len();
        let (mut users, mut ready) = (users.into_iter(), begin);
        let mut patience = Instant::now() + PATIENCE;
        while ready < end {
            while self.open.len() < (ready + LOGINS_AT_ONCE).min(end)
                && let Some(user) = users.next()
            {
                self.connect(user)?;
            }
            if self.turn(Instant::now() + Duration::from_millis(100))? {
                patience = Instant::now() + PATIENCE;
            }
            if let Some((line, why)) = self.closed.pop() {
                bail!("device {line} cannot log in: {why}");
            }
            while ready < self.open.len() && self.open[ready].stage == Stage::Ready {
                ready += 1;
            }
            if Instant::now() > patience {
                bail!("{ready} devices are logged in, then the server says nothing for 10 s");
            }
        }
        Ok(begin..end)
    }

    /// Waits for frames until `until`, and answers pings; whatever else comes is dropped. Whether
    /// anything came.
    pub(crate) fn turn(&mut self, until: Instant) -> anyhow::Result<bool> {
        let count = self.wait(until)?;
        for at in 0..count {
            let ready = self.ready(at);
            while let Some(mut bytes) = self.take(ready) {
                while self.text(ready.line, &mut bytes).is_some() {}
                if !self.put_back(ready, bytes) {
                    break;
                }
            }
        }
        Ok(count > 0)
    }

    /// Answers pings until `until`, whatever comes.
    pub(crate) fn rest(&mut self, until: Instant) -> anyhow::Result<()> {
        while Instant::now() < until {
            self.turn(until)?;
        }
        Ok(())
    }

    /// Waits until a connection is ready or it is `until`; how many are, for [`Self::ready`].
    pub(crate) fn wait(&mut self, until: Instant) -> anyhow::Result<usize> {
        self.poll.wait(until).context("waiting for sockets")
    }

    /// A ready connection; what waited to be sent to it is sent.
    pub(crate) fn ready(&mut self, at: usize) -> Ready {
        let ready = self.poll.ready(at);
        if ready.writable
            && let Err(error) = self.open[ready.line].flush()
        {
            self.close(ready.line, error.to_string());
        }
        ready
    }

    /// Reads from a connection that is ready; `None` when nothing is there.
    pub(crate) fn take(&mut self, ready: Ready) -> Option<Bytes> {
        let line = &mut self.open[ready.line];
        if !ready.readable || line.stage == Stage::Closed {
            return None;
        }
        let mut buffer = std::mem::take(&mut self.scratch);
        let begun = line.inbound.len();
        if buffer.len() < begun + READ_BYTES {
            buffer.resize(begun + READ_BYTES, 0);
        }
        buffer[..begun].copy_from_slice(&line.inbound);
        let read = line.read(&mut buffer[begun..]);
        let why = match read {
            Ok(Some(bytes)) if bytes > 0 => {
                // A short read has emptied the socket, and the next bytes are told anew.
                let more = ready.closing || begun + bytes == buffer.len();
                line.inbound = Vec::new();
                return Some(Bytes { buffer, filled: begun + bytes, used: 0, more });
            }
            Ok(None) => None,
            Ok(Some(_)) => Some("the server has closed the connection".to_owned()),
            Err(error) => Some(error.to_string()),
        };
        self.scratch = buffer;
        if let Some(why) = why {
            self.close(ready.line, why);
        }
        None
    }

    /// The next text for a device that is logged in; everything else is dealt with here.
    pub(crate) fn text<'b>(&mut self, line: usize, bytes: &'b mut Bytes) -> Option<&'b [u8]> {
        loop {
            let Bytes { buffer, filled, used, .. } = &mut *bytes;
            let rest = &buffer[*used..*filled];
            if self.open[line].stage == Stage::Upgrading {
                *used += self.upgraded(line, rest)?;
                continue;
            }
            let (opcode, size, payload) = match frame::split(rest) {
                Ok(None) => return None,
                Ok(Some((Frame { opcode, payload, .. }, size))) => (opcode, size, payload.len()),
                Err(error) => {
                    self.close(line, error.to_string());
                    return None;
                }
            };
            *used += size;
            let payload = *used - payload..*used;
            match (opcode, self.open[line].stage) {
                (Opcode::Text, Stage::Ready) => return Some(&bytes.buffer[payload]),
                (Opcode::Text, _) => self.greeted(line, &bytes.buffer[payload]),
                (Opcode::Ping, _) => self.send(line, Opcode::Pong, &bytes.buffer[payload]),
                (Opcode::Pong, _) => {}
                (Opcode::Close, _) => {
                    let why = goodbye(&bytes.buffer[payload]);
                    self.close(line, why);
                    return None;
                }
            }
        }
    }

    /// Gives the bytes back; whether to read again.
    pub(crate) fn put_back(&mut self, ready: Ready, bytes: Bytes) -> bool {
        let rest = &bytes.buffer[bytes.used..bytes.filled];
        if !rest.is_empty() {
            self.open[ready.line].inbound = rest.to_vec();
        }
        self.scratch = bytes.buffer;
        bytes.more
    }

    /// Sends a request; its id. A connection that fails is closed, and that is told later.
    pub(crate) fn request(&mut self, line: usize, fields: &[&[u8]]) -> u64 {
        let sent = self.open[line].request(fields);
        sent.unwrap_or_else(|error| {
            self.close(line, error.to_string());
            0
        })
    }

    /// Sends a frame.
    pub(crate) fn send(&mut self, line: usize, opcode: Opcode, payload: &[u8]) {
        if let Err(error) = self.open[line].send(opcode, payload) {
            self.close(line, error.to_string());
        }
    }

    /// A connection that has closed since the last question, and why.
    pub(crate) fn closed(&mut self) -> Option<(usize, String)> {
        self.closed.pop()
    }

    /// How many connections there have been.
    pub(crate) fn len(&self) -> usize {
        self.open.len()
    }

    /// The user logged in on a connection.
    pub(crate) fn user(&self, line: usize) -> &str {
        self.open[line].user()
    }

    /// Whom they speak to.
    pub(crate) fn peer(&self) -> Peer {
        self.peer
    }

    fn connect(&mut self, user: String) -> anyhow::Result<()> {
        let number = self.open.len();
        let place = u8::try_from(number / PER_SOURCE).unwrap_or(u8::MAX);
        let local = self.server.ip() == IpAddr::V4(Ipv4Addr::LOCALHOST);
        let source = local.then(|| Ipv4Addr::new(127, 0, 0, 1_u8.saturating_add(place)));
        let path = match self.peer {
            Peer::Bellwire => "/v1/ws".to_owned(),
            Peer::Relay => format!("/{}/{}", number / 2, number % 2),
        };
        let seed = u32::try_from(number).unwrap_or_default();
        let mut line = Line::connect(self.server, source, user, seed)
            .map_err(files::explain)
            .with_context(|| format!("device {number} cannot connect"))?;
        self.poll.add(&line.socket, number)?;
        line.send_raw(handshake::request(self.server, &path, handshake::BELLWIRE).as_bytes())?;
        self.open.push(line);
        Ok(())
    }

    /// The server's answer to the upgrade: the bytes it took. Says hello.
    fn upgraded(&mut self, line: usize, bytes: &[u8]) -> Option<usize> {
        let size = match handshake::check(bytes) {
            Ok(size) => size?,
            Err(error) => {
                self.close(line, error.to_string());
                return None;
            }
        };
        match self.peer {
            Peer::Relay => self.open[line].stage = Stage::Ready,
            Peer::Bellwire => {
                self.open[line].stage = Stage::Greeting;
                let user = self.open[line].user.clone();
                let hello: [&[u8]; 3] = [
                    br#""do":"hello","device":{"id":"d"},"login":{"app":"dev","user":""#,
                    user.as_bytes(),
                    br#""}"#,
                ];
                self.request(line, &hello);
            }
        }
        Some(size)
    }

    fn greeted(&mut self, line: usize, text: &[u8]) {
        match said::read(text) {
            Said::Granted { .. } => self.open[line].stage = Stage::Ready,
            Said::Refused { code, .. } => {
                self.close(line, format!("its hello is refused with `{code}`"));
            }
            _ => {}
        }
    }

    fn close(&mut self, line: usize, why: String) {
        if std::mem::replace(&mut self.open[line].stage, Stage::Closed) != Stage::Closed {
            // The other side may be gone already.
            drop(self.open[line].socket.shutdown(Shutdown::Both));
            self.closed.push((line, why));
        }
    }
}

/// A close frame in words.
fn goodbye(payload: &[u8]) -> String {
    match payload {
        [a, b, reason @ ..] => {
            let reason = String::from_utf8_lossy(reason);
            format!("closed with {}: {reason}", u16::from_be_bytes([*a, *b]))
        }
        _ => "closed without a reason".to_owned(),
    }
}
