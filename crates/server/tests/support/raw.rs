//! A client below the WebSocket library: it answers no ping, and reads only when asked to.

use std::net::SocketAddr;

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::timeout,
};

use super::PATIENCE;

/// A connection whose frames are written and read by hand.
pub(crate) struct RawSocket {
    stream: TcpStream,
    read: Vec<u8>,
}

impl RawSocket {
    /// Opens a WebSocket; with a `small` receive buffer it is full soon if nobody reads.
    pub(crate) async fn open(server: SocketAddr, small: bool) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        if small {
            socket.set_recv_buffer_size(4096).expect("a small buffer");
        }
        let mut stream = socket.connect(server).await.expect("connected");
        let ask = "GET /v1/ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n\
                   Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
                   Sec-WebSocket-Protocol: bellwire.v1\r\n\r\n";
        stream.write_all(ask.as_bytes()).await.expect("asked");
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            let byte = timeout(PATIENCE, stream.read_u8()).await.expect("in time");
            answer.push(byte.expect("an answer"));
        }
        assert!(answer.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&answer));
        Self { stream, read: Vec::new() }
    }

    /// Sends a text frame.
    pub(crate) async fn send(&mut self, frame: &Value) {
        assert!(self.try_send(frame).await, "closed before {frame}");
    }

    /// Sends a text frame; false if the connection is gone, or takes no more for a second.
    pub(crate) async fn try_send(&mut self, frame: &Value) -> bool {
        let text = frame.to_string();
        let mut bytes = vec![0x81];
        match text.len() {
            short @ 0..126 => bytes.push(0x80 | u8::try_from(short).expect("short")),
            long => {
                bytes.push(0x80 | 0x7e);
                bytes.extend(u16::try_from(long).expect("at most 64 KiB").to_be_bytes());
            }
        }
        // A mask of zeros leaves the text as it is.
        bytes.extend([0; 4]);
        bytes.extend(text.as_bytes());
        let wait = std::time::Duration::from_secs(1);
        matches!(timeout(wait, self.stream.write_all(&bytes)).await, Ok(Ok(())))
    }

    /// Sends bytes as they are.
    pub(crate) async fn send_raw(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.expect("sent");
    }

    /// Reads until the server hangs up.
    pub(crate) async fn at_end(&mut self) {
        while matches!(self.stream.read_buf(&mut self.read).await, Ok(1..)) {
            self.read.clear();
        }
    }

    /// Reads one frame of the server; whether it is a ping. At the end waits for ever.
    pub(crate) async fn ping(&mut self) -> bool {
        loop {
            if let Some((kind, length)) = self.frame() {
                self.read.drain(..length);
                return kind == 0x9;
            }
            if !matches!(self.stream.read_buf(&mut self.read).await, Ok(1..)) {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Kind and whole length of the frame that was read, if all of it is there.
    fn frame(&self) -> Option<(u8, usize)> {
        let kind = self.read.first()? & 0x0f;
        let (head, body) = match *self.read.get(1)? {
            126 => {
                let long = self.read.get(2..4)?.try_into().ok().map(u16::from_be_bytes)?;
                (4, usize::from(long))
            }
            127 => {
                let long = self.read.get(2..10)?.try_into().ok().map(u64::from_be_bytes)?;
                (10, usize::try_from(long).ok()?)
            }
            short => (2, usize::from(short)),
        };
        (self.read.len() >= head + body).then_some((kind, head + body))
    }
}
