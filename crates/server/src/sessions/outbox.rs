//! Frames on their way to one connection. Whoever fills it never waits: a device that does not
//! read is cut off, and hurts nobody else.

use std::collections::VecDeque;

use axum::extract::ws::Utf8Bytes;
use bellwire_protocol::{CloseCode, limits::BACKLOG_BYTES};
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;

/// Why a connection is to be closed: the code and what to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OutboxClosed {
    pub(crate) code: u16,
    pub(crate) reason: String,
}

#[derive(Debug, Default)]
struct Queue {
    frames: VecDeque<Utf8Bytes>,
    bytes: usize,
    closed: Option<OutboxClosed>,
}

/// The queue of one connection.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    queue: Mutex<Queue>,
    wake: Notify,
    closing: Notify,
}

impl Outbox {
    /// Queues a frame. Once [`BACKLOG_BYTES`] wait, the connection is closed as too slow. A frame
    /// counts as half of that at most: an answer may be larger than all that may wait.
    pub(crate) fn push(&self, frame: Utf8Bytes) -> bool {
        let mut queue = self.queue.lock();
        if queue.bytes >= BACKLOG_BYTES {
            drop(queue);
            self.close(CloseCode::SlowReader, "you read too slowly; resume to get what you missed");
            return false;
        }
        queue.bytes += frame.len().min(BACKLOG_BYTES / 2);
        self.queued(queue, frame)
    }

    /// Queues a part of what a hello is answered with: however much a device missed, it comes in
    /// one piece and once for each connection, so it does not count as waiting.
    pub(crate) fn push_missed(&self, frame: Utf8Bytes) -> bool {
        self.queued(self.queue.lock(), frame)
    }

    fn queued(&self, mut queue: MutexGuard<'_, Queue>, frame: Utf8Bytes) -> bool {
        if queue.closed.is_some() {
            return false;
        }
        queue.frames.push_back(frame);
        drop(queue);
        self.wake.notify_one();
        true
    }

    /// Queues a frame that may be lost: it is dropped while half of [`BACKLOG_BYTES`] waits.
    pub(crate) fn push_ephemeral(&self, frame: Utf8Bytes) -> bool {
        if self.queue.lock().bytes + frame.len() > BACKLOG_BYTES / 2 {
            return false;
        }
        self.push(frame)
    }

    /// Closes the connection once what was queued before is written, or at once if it is stuck.
    pub(crate) fn close(&self, code: CloseCode, reason: impl Into<String>) {
        self.close_with(code.number(), reason);
    }

    /// Likewise, with any code of the WebSocket protocol.
    pub(crate) fn close_with(&self, code: u16, reason: impl Into<String>) {
        let mut queue = self.queue.lock();
        if queue.closed.is_none() {
            queue.closed = Some(OutboxClosed { code, reason: reason.into() });
        }
        drop(queue);
        self.wake.notify_one();
        self.closing.notify_one();
    }

    /// Waits until there is something to write or the connection is to be closed.
    pub(crate) async fn ready(&self) {
        self.wake.notified().await;
    }

    /// Waits until the connection is to be closed.
    pub(crate) async fn closing(&self) {
        loop {
            if self.queue.lock().closed.is_some() {
                return;
            }
            self.closing.notified().await;
        }
    }

    /// Takes what waits, and whether the connection closes after it.
    pub(crate) fn take(&self) -> (VecDeque<Utf8Bytes>, Option<OutboxClosed>) {
        let mut queue = self.queue.lock();
        queue.bytes = 0;
        (std::mem::take(&mut queue.frames), queue.closed.clone())
    }

    /// Wakes the connection so that it looks at its keep-alive again.
    pub(crate) fn nudge(&self) {
        self.wake.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_never_reads_is_closed_and_loses_no_more_than_it_was_owed() {
        let outbox = Outbox::default();
        let frame = Utf8Bytes::from("x".repeat(BACKLOG_BYTES / 4));
        for _ in 0..4 {
            assert!(outbox.push(frame.clone()));
        }
        assert!(!outbox.push(frame));
        let (frames, closed) = outbox.take();
        assert_eq!(frames.len(), 4);
        assert_eq!(closed.map(|c| c.code), Some(CloseCode::SlowReader.number()));
    }

    #[test]
    fn what_a_device_missed_may_be_more_than_may_wait() {
        let outbox = Outbox::default();
        for _ in 0..3 {
            assert!(outbox.push_missed(Utf8Bytes::from("x".repeat(BACKLOG_BYTES))));
        }
        assert!(outbox.push(Utf8Bytes::from("x".repeat(2 * BACKLOG_BYTES))));
        let (frames, closed) = outbox.take();
        assert_eq!((frames.len(), closed), (4, None));
    }

    #[test]
    fn ephemeral_frames_are_dropped_first() {
        let outbox = Outbox::default();
        let half = Utf8Bytes::from("x".repeat(BACKLOG_BYTES / 2));
        assert!(outbox.push(half));
        assert!(!outbox.push_ephemeral("x".into()));
        assert!(outbox.push("x".into()));
        assert_eq!(outbox.take().1, None);
    }
}
