//! A client's WebSocket: one request after the other.

use std::{
    collections::VecDeque,
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use anyhow::{Context, anyhow, bail};
use serde_json::Value;

use crate::{
    files,
    wire::{
        frame::{self, Opcode},
        handshake,
        mask::Masks,
    },
};

/// How long the server may take for anything.
const PATIENCE: Duration = Duration::from_secs(10);
/// Messages kept while another one is waited for.
const KEPT_MAX: usize = 64;

/// How the first, the middle and the last part of a text message begin.
const FIRST: u8 = 0x01;
const NEXT: u8 = 0x00;
const LAST: u8 = 0x80;

/// A connection.
pub(super) struct Signal {
    socket: TcpStream,
    inbound: Vec<u8>,
    /// The parts of a message that have come.
    parts: Vec<u8>,
    kept: VecDeque<Value>,
    masks: Masks,
}

impl Signal {
    /// Connects and asks for a WebSocket.
    pub(super) fn connect(server: SocketAddr, path: &str, protocol: &str) -> anyhow::Result<Self> {
        let socket = TcpStream::connect(server).map_err(files::explain)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        let seed = u32::from(socket.local_addr()?.port());
        let (inbound, masks) = (Vec::new(), Masks::new(seed));
        let (parts, kept) = (Vec::new(), VecDeque::new());
        let mut signal = Self { socket, inbound, parts, kept, masks };
        let request = handshake::request(server, path, protocol);
        signal.socket.write_all(request.as_bytes())?;
        loop {
            if let Some(head) = handshake::check(&signal.inbound)? {
                signal.inbound.drain(..head);
                return Ok(signal);
            }
            signal.read()?;
        }
    }

    /// Sends a message.
    pub(super) fn say(&mut self, message: &Value) -> anyhow::Result<()> {
        self.send(Opcode::Text, message.to_string().as_bytes())
    }

    /// Waits for the first message that `find` wants; what else comes is kept for later.
    pub(super) fn hear(&mut self, find: impl Fn(&Value) -> bool) -> anyhow::Result<Value> {
        if let Some(at) = self.kept.iter().position(&find) {
            return self.kept.remove(at).ok_or_else(|| anyhow!("a kept message"));
        }
        loop {
            while let Some(message) = self.next()? {
                if find(&message) {
                    return Ok(message);
                }
                if self.kept.len() == KEPT_MAX {
                    self.kept.pop_front();
                }
                self.kept.push_back(message);
            }
            self.read().context("waiting for the server's word")?;
        }
    }

    /// Answers pings; whatever else has come is dropped.
    pub(super) fn tend(&mut self) -> anyhow::Result<()> {
        self.socket.set_nonblocking(true)?;
        let read = self.read();
        self.socket.set_nonblocking(false)?;
        match read {
            Ok(()) => {}
            Err(error) => match error.downcast_ref::<std::io::Error>() {
                Some(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Some(_) | None => return Err(error),
            },
        }
        while self.next()?.is_some() {}
        self.kept.clear();
        Ok(())
    }

    /// The next message among the bytes that are there.
    fn next(&mut self) -> anyhow::Result<Option<Value>> {
        while let Some(&first) = self.inbound.first() {
            // Janus sends long messages in parts (RFC 6455, 5.4), which are whole frames but for
            // their first byte.
            let is_part = matches!(first, FIRST | NEXT | LAST);
            if is_part {
                self.inbound[0] = LAST | FIRST;
            }
            let Some((frame, size)) = frame::split(&self.inbound)? else {
                self.inbound[0] = first;
                return Ok(None);
            };
            let (opcode, payload) = (frame.opcode, frame.payload.to_vec());
            self.inbound.drain(..size);
            if is_part {
                self.parts.extend_from_slice(&payload);
                if first != LAST {
                    continue;
                }
                let whole = std::mem::take(&mut self.parts);
                return Ok(Some(serde_json::from_slice(&whole)?));
            }
            match opcode {
                Opcode::Text => return Ok(Some(serde_json::from_slice(&payload)?)),
                Opcode::Ping => self.send(Opcode::Pong, &payload)?,
                Opcode::Pong => {}
                Opcode::Close => {
                    let reason = payload.get(2..).unwrap_or_default();
                    bail!("the server says goodbye: {}", String::from_utf8_lossy(reason));
                }
            }
        }
        Ok(None)
    }

    fn send(&mut self, opcode: Opcode, payload: &[u8]) -> anyhow::Result<()> {
        let mut bytes = Vec::with_capacity(payload.len() + 14);
        let mask = self.masks.next();
        frame::push(&mut bytes, opcode, payload, Some(mask));
        Ok(self.socket.write_all(&bytes)?)
    }

    fn read(&mut self) -> anyhow::Result<()> {
        let mut buffer = [0; 16 * 1_024];
        match self.socket.read(&mut buffer)? {
            0 => bail!("the server has closed the connection"),
            bytes => self.inbound.extend_from_slice(&buffer[..bytes]),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use serde_json::json;

    use super::*;

    #[test]
    fn messages_come_whole_or_in_parts_with_pings_between() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let address = listener.local_addr().expect("an address");
        let server = std::thread::spawn(move || {
            let (mut socket, _) = listener.accept().expect("a client");
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                socket.read_exact(&mut byte).expect("a request");
                request.extend(byte);
            }
            let mut bytes = handshake::agreement().into_bytes();
            for (first, text) in [(FIRST, "{\"a\":"), (NEXT, "1,"), (0x89, "?"), (LAST, "\"b\":2}")]
            {
                bytes.extend([first, u8::try_from(text.len()).expect("short")]);
                bytes.extend(text.bytes());
            }
            frame::push(&mut bytes, Opcode::Text, br#"{"c":3}"#, None);
            for byte in bytes {
                socket.write_all(&[byte]).expect("the client listens");
            }
            let mut pong = [0; 7];
            socket.read_exact(&mut pong).expect("a pong");
            pong[0]
        });
        let mut signal = Signal::connect(address, "/", "any").expect("a server");
        assert_eq!(signal.hear(|said| said["c"] == 3).expect("the last"), json!({"c": 3}));
        assert_eq!(signal.hear(|_| true).expect("kept"), json!({"a": 1, "b": 2}));
        assert_eq!(server.join().expect("no panic"), 0x8a);
    }
}
