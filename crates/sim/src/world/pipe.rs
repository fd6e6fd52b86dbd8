//! A connection's two directions as the server's kernel would hold them.

use std::{
    collections::VecDeque,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{bell::Bell, network::LinkId};

/// How the device's side ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// In order, after all bytes.
    Closed,
    /// Torn.
    Reset,
}

/// The world's side of a connection.
#[derive(Clone)]
pub(crate) struct Pipe(Arc<Shared>);

/// The server's side.
pub(crate) struct Stream(Arc<Shared>);

struct Shared {
    link: LinkId,
    bell: Arc<Bell>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    incoming: VecDeque<u8>,
    end: Option<End>,
    reader: Option<Waker>,
    outgoing: Vec<u8>,
    /// How many bytes the kernel takes before the server has to wait.
    room: usize,
    writer: Option<Waker>,
    server_gone: bool,
}

/// A connection on which the server may be `room` bytes ahead of the device.
pub(crate) fn pipe(link: LinkId, bell: Arc<Bell>, room: usize) -> (Pipe, Stream) {
    let state = Mutex::new(State { room, ..State::default() });
    let shared = Arc::new(Shared { link, bell, state });
    (Pipe(shared.clone()), Stream(shared))
}

impl Pipe {
    /// Bytes of the device reach the server.
    pub(crate) fn arrive(&self, bytes: &[u8]) {
        let mut state = self.0.state.lock();
        if state.end.is_none() {
            state.incoming.extend(bytes);
        }
        wake(state.reader.take());
    }

    /// The server learns that the device is gone.
    pub(crate) fn end(&self, end: End) {
        let mut state = self.0.state.lock();
        state.end = state.end.or(Some(end));
        if end == End::Reset {
            state.incoming.clear();
        }
        wake(state.reader.take());
        wake(state.writer.take());
    }

    /// What the server has written since, and whether it has closed its side.
    pub(crate) fn take_written(&self) -> (Vec<u8>, bool) {
        let mut state = self.0.state.lock();
        (std::mem::take(&mut state.outgoing), state.server_gone)
    }

    /// The device has read `bytes` bytes.
    pub(crate) fn drained(&self, bytes: usize) {
        let mut state = self.0.state.lock();
        state.room += bytes;
        wake(state.writer.take());
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

impl Stream {
    fn ring(&self) {
        self.0.bell.ring(|rung| rung.links.push(self.0.link));
    }

    fn close(&self) {
        let already = std::mem::replace(&mut self.0.state.lock().server_gone, true);
        if !already {
            self.ring();
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut state = self.0.state.lock();
        if !state.incoming.is_empty() {
            let count = state.incoming.len().min(buffer.remaining());
            for byte in state.incoming.drain(..count) {
                buffer.put_slice(&[byte]);
            }
            return Poll::Ready(Ok(()));
        }
        match state.end {
            Some(End::Closed) => Poll::Ready(Ok(())),
            Some(End::Reset) => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
            None => {
                state.reader = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut state = self.0.state.lock();
        if state.end == Some(End::Reset) || state.server_gone {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let count = bytes.len().min(state.room);
        if count == 0 && !bytes.is_empty() {
            state.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        state.room -= count;
        state.outgoing.extend_from_slice(&bytes[..count]);
        drop(state);
        self.ring();
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.close();
        Poll::Ready(Ok(()))
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.close();
    }
}
