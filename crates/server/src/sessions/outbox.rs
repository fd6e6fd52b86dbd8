//! Frames on their way to one connection. Whoever fills it never waits: a device that does not
//! read is cut off, and hurts nobody else.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use bellwire_protocol::{CloseCode, limits::BACKLOG_BYTES};
use futures_util::task::AtomicWaker;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;

/// An emptied queue keeps room for so many frames, which a call life needs; more is given back.
const FRAMES_KEPT: usize = 8;

/// Why a connection is to be closed: the code and what to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OutboxClosed {
    pub(crate) code: u16,
    pub(crate) reason: String,
}

/// What waits to be written.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    frames: VecDeque<Arc<str>>,
    bytes: usize,
    /// What the latest ping carried; earlier ones need no pong of their own (RFC 6455, 5.5.3).
    pub(crate) pong: Option<Vec<u8>>,
    /// Set once the connection is to be closed after the frames.
    pub(crate) closed: Option<OutboxClosed>,
}

impl Waiting {
    /// Takes the next frame.
    pub(crate) fn next(&mut self) -> Option<Arc<str>> {
        let frame = self.frames.pop_front()?;
        self.bytes = self.bytes.saturating_sub(weight(&frame));
        Some(frame)
    }

    /// Whether no frame waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }
}

/// What a frame counts as: half of what may wait at most, as an answer may be larger than all of
/// that.
fn weight(frame: &str) -> usize {
    frame.len().min(BACKLOG_BYTES / 2)
}

/// The queue of one connection.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    waiting: Mutex<Waiting>,
    /// There is something to look at since the last time the connection looked.
    stirred: AtomicBool,
    writer: AtomicWaker,
    closing: Notify,
}

impl Outbox {
    /// Queues a frame. Once [`BACKLOG_BYTES`] wait, the connection is closed as too slow.
    pub(crate) fn push(&self, frame: Arc<str>) -> bool {
        let mut waiting = self.waiting.lock();
        if waiting.bytes >= BACKLOG_BYTES {
            drop(waiting);
            self.close(CloseCode::SlowReader, "you read too slowly; resume to get what you missed");
            return false;
        }
        waiting.bytes += weight(&frame);
        self.queued(waiting, frame)
    }

    /// Queues a part of what a hello is answered with: however much a device missed, it comes in
    /// one piece and once for each connection, so it does not count as waiting.
    pub(crate) fn push_missed(&self, frame: Arc<str>) -> bool {
        self.queued(self.waiting.lock(), frame)
    }

    fn queued(&self, mut waiting: MutexGuard<'_, Waiting>, frame: Arc<str>) -> bool {
        if waiting.closed.is_some() {
            return false;
        }
        waiting.frames.push_back(frame);
        drop(waiting);
        self.nudge();
        true
    }

    /// Queues a frame that may be lost: it is dropped while half of [`BACKLOG_BYTES`] waits.
    pub(crate) fn push_ephemeral(&self, frame: Arc<str>) -> bool {
        if self.waiting.lock().bytes + frame.len() > BACKLOG_BYTES / 2 {
            return false;
        }
        self.push(frame)
    }

    /// Answers a ping.
    pub(crate) fn pong(&self, payload: &[u8]) {
        self.waiting.lock().pong = Some(payload.to_vec());
        self.nudge();
    }

    /// Closes the connection once what was queued before is written, or at once if it is stuck.
    pub(crate) fn close(&self, code: CloseCode, reason: impl Into<String>) {
        self.close_with(code.number(), reason);
    }

    /// Likewise, with any code of the WebSocket protocol.
    pub(crate) fn close_with(&self, code: u16, reason: impl Into<String>) {
        let mut waiting = self.waiting.lock();
        if waiting.closed.is_none() {
            waiting.closed = Some(OutboxClosed { code, reason: reason.into() });
        }
        drop(waiting);
        self.nudge();
        self.closing.notify_one();
    }

    /// Whether there is something to look at: frames, a close, a nudge. The connection's own task
    /// is woken when there is.
    pub(crate) fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.stirred.swap(false, Ordering::AcqRel) {
            return Poll::Ready(());
        }
        self.writer.register(cx.waker());
        if self.stirred.swap(false, Ordering::AcqRel) { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Waits until the connection is to be closed.
    pub(crate) async fn closing(&self) {
        loop {
            if self.waiting.lock().closed.is_some() {
                return;
            }
            self.closing.notified().await;
        }
    }

    /// Lets `take` have what waits.
    pub(crate) fn drain<T>(&self, take: impl FnOnce(&mut Waiting) -> T) -> T {
        let mut waiting = self.waiting.lock();
        let taken = take(&mut waiting);
        if waiting.frames.is_empty() && waiting.frames.capacity() > FRAMES_KEPT {
            waiting.frames = VecDeque::new();
        }
        taken
    }

    /// Wakes the connection so that it looks at its keep-alive again.
    pub(crate) fn nudge(&self) {
        if !self.stirred.swap(true, Ordering::AcqRel) {
            self.writer.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: usize) -> Arc<str> {
        "x".repeat(bytes).into()
    }

    /// How many frames wait, and the close code.
    fn take(outbox: &Outbox) -> (usize, Option<u16>) {
        outbox.drain(|waiting| {
            let frames = std::iter::from_fn(|| waiting.next()).count();
            (frames, waiting.closed.as_ref().map(|closed| closed.code))
        })
    }

    #[test]
    fn a_reader_that_never_reads_is_closed_and_loses_no_more_than_it_was_owed() {
        let outbox = Outbox::default();
        for _ in 0..4 {
            assert!(outbox.push(text(BACKLOG_BYTES / 4)));
        }
        assert!(!outbox.push(text(BACKLOG_BYTES / 4)));
        let (frames, closed) = take(&outbox);
        assert_eq!(frames, 4);
        assert_eq!(closed, Some(CloseCode::SlowReader.number()));
    }

    #[test]
    fn what_a_device_missed_may_be_more_than_may_wait() {
        let outbox = Outbox::default();
        for _ in 0..3 {
            assert!(outbox.push_missed(text(BACKLOG_BYTES)));
        }
        assert!(outbox.push(text(2 * BACKLOG_BYTES)));
        assert_eq!(take(&outbox), (4, None));
    }

    #[test]
    fn ephemeral_frames_are_dropped_first() {
        let outbox = Outbox::default();
        assert!(outbox.push(text(BACKLOG_BYTES / 2)));
        assert!(!outbox.push_ephemeral(text(1)));
        assert!(outbox.push(text(1)));
        assert_eq!(take(&outbox), (2, None));
    }
}
