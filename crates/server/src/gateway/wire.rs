//! A connection's bytes: read into one buffer per thread and written from another, so that a
//! sleeping device holds neither.

use std::{
    cell::RefCell,
    collections::VecDeque,
    future::poll_fn,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bellwire_protocol::{ParseError, Request, limits::FRAME_BYTES};
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::frame::{Decoder, Frame, write_close, write_ping, write_pong, write_text};
use crate::sessions::Outbox;

/// What is read at once. Most frames are far smaller, and several come in one read.
const READ_BYTES: usize = 16 * 1024;
/// A frame up to this size is read, so that it can be refused with the proper close code.
const FRAME_READ_BYTES: usize = 4 * FRAME_BYTES;
/// Frames are gathered into one write up to about so much.
const WRITE_BYTES: usize = 64 * 1024;

thread_local! {
    static READ: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_BYTES].into());
    static WRITE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// What came in, in its order.
#[derive(Debug)]
pub(super) enum Arrival {
    /// A text frame, as a request or as what is wrong with it.
    Text(Result<Request, ParseError>),
    /// What ends the connection, and why.
    Bad(String),
    /// The device closes, with its code.
    Closed(Option<u16>),
}

/// Both directions of a stream, used by one task.
pub(super) struct Wire<S>(Mutex<S>);

/// The incoming half: frames that are not whole yet, and those not handled yet.
#[derive(Default)]
pub(super) struct Incoming {
    decoder: Decoder,
    arrived: VecDeque<Arrival>,
}

/// The outgoing half: what the system did not take yet.
#[derive(Default)]
pub(super) struct Outgoing {
    pending: Vec<u8>,
    written: usize,
    /// The close frame is among what was gathered; nothing follows it.
    closing: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    pub(super) fn new(stream: S) -> Self {
        Self(Mutex::new(stream))
    }

    /// The next frame; none when the stream has ended. `heard` is called when bytes came; pings
    /// are answered through `outbox`.
    pub(super) async fn next(
        &self,
        incoming: &mut Incoming,
        outbox: &Outbox,
        heard: impl Fn(),
    ) -> Option<Arrival> {
        loop {
            if let Some(arrival) = incoming.arrived.pop_front() {
                return Some(arrival);
            }
            // An emptied queue would keep its room for as long as the device sleeps.
            incoming.arrived = VecDeque::new();
            let read = poll_fn(|cx| {
                READ.with_borrow_mut(|buffer| {
                    let read = ready!(self.poll_read(cx, buffer))?;
                    incoming.feed(&mut buffer[..read], outbox);
                    Poll::Ready(Ok::<_, io::Error>(read))
                })
            });
            match read.await {
                Ok(0) | Err(_) => return None,
                Ok(_) => heard(),
            }
        }
    }

    fn poll_read(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(buffer);
        ready!(Pin::new(&mut *self.0.lock()).poll_read(cx, &mut buffer))?;
        Poll::Ready(Ok(buffer.filled().len()))
    }

    /// Writes what waits in `outbox`, and a ping if wanted, in as few writes as can be; whether
    /// it ended with the close frame.
    pub(super) async fn flush(
        &self,
        outgoing: &mut Outgoing,
        outbox: &Outbox,
        mut ping: bool,
    ) -> io::Result<bool> {
        poll_fn(|cx| {
            loop {
                ready!(self.poll_pending(cx, outgoing))?;
                if outgoing.closing {
                    return Poll::Ready(Ok(true));
                }
                let wrote = WRITE.with_borrow_mut(|buffer| {
                    buffer.clear();
                    outgoing.closing = gather(buffer, outbox, std::mem::take(&mut ping));
                    let wrote = self.write_now(cx, buffer, outgoing)?;
                    // One that grew beyond what is common is not kept.
                    buffer.shrink_to(2 * WRITE_BYTES);
                    Ok::<_, io::Error>(wrote)
                })?;
                if wrote == 0 {
                    return Poll::Ready(Ok(false));
                }
            }
        })
        .await
    }

    /// Writes what the system takes at once of a fresh buffer and keeps the rest; how many bytes
    /// there were.
    fn write_now(
        &self,
        cx: &mut Context<'_>,
        buffer: &[u8],
        outgoing: &mut Outgoing,
    ) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let written = match Pin::new(&mut *self.0.lock()).poll_write(cx, buffer) {
            Poll::Ready(written) => written?,
            Poll::Pending => 0,
        };
        outgoing.pending.extend_from_slice(&buffer[written..]);
        Ok(buffer.len())
    }

    fn poll_pending(&self, cx: &mut Context<'_>, outgoing: &mut Outgoing) -> Poll<io::Result<()>> {
        let mut stream = self.0.lock();
        while outgoing.written < outgoing.pending.len() {
            let rest = &outgoing.pending[outgoing.written..];
            let written = ready!(Pin::new(&mut *stream).poll_write(cx, rest))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            outgoing.written += written;
        }
        if outgoing.written > 0 {
            (outgoing.pending, outgoing.written) = (Vec::new(), 0);
        }
        Pin::new(&mut *stream).poll_flush(cx)
    }

    /// Ends our side, and waits for the other's end: a stream that is dropped with something
    /// unread is reset, and the close frame may be lost with it.
    pub(super) async fn finish(&self) {
        if poll_fn(|cx| Pin::new(&mut *self.0.lock()).poll_shutdown(cx)).await.is_err() {
            return;
        }
        loop {
            let read = poll_fn(|cx| READ.with_borrow_mut(|buffer| self.poll_read(cx, buffer)));
            if matches!(read.await, Ok(0) | Err(_)) {
                return;
            }
        }
    }
}

impl Incoming {
    /// Takes bytes that came with the upgrade.
    pub(super) fn feed(&mut self, bytes: &mut [u8], outbox: &Outbox) {
        let arrived = &mut self.arrived;
        let fed = self.decoder.feed(bytes, FRAME_READ_BYTES, |frame| match frame {
            Frame::Text(text) if text.len() <= FRAME_BYTES => {
                arrived.push_back(Arrival::Text(Request::parse(text)));
            }
            Frame::Text(_) => {
                let why = format!("a frame is at most {FRAME_BYTES} bytes");
                arrived.push_back(Arrival::Bad(why));
            }
            Frame::Binary => arrived.push_back(Arrival::Bad("send text frames".to_owned())),
            Frame::Ping(payload) => outbox.pong(payload),
            Frame::Pong => {}
            Frame::Close(code) => arrived.push_back(Arrival::Closed(code)),
        });
        if let Err(error) = fed {
            arrived.push_back(Arrival::Bad(error.to_string()));
        }
    }
}

/// Puts what waits into `buffer`, up to [`WRITE_BYTES`] or one frame more; whether it ends with the
/// close frame.
fn gather(buffer: &mut Vec<u8>, outbox: &Outbox, ping: bool) -> bool {
    if ping {
        write_ping(buffer);
    }
    outbox.drain(|waiting| {
        if let Some(payload) = waiting.pong.take() {
            write_pong(buffer, &payload);
        }
        while buffer.len() < WRITE_BYTES {
            let Some(text) = waiting.next() else { break };
            write_text(buffer, &text);
        }
        let close = waiting.closed.as_ref().filter(|_| waiting.is_empty());
        if let Some(close) = close {
            write_close(buffer, close.code, &close.reason);
        }
        close.is_some()
    })
}
