//! Datagrams on their way from the worker whose socket they came to, to the one whose they are.
//! The system spreads senders over the sockets without knowing about rooms, so that of many
//! workers most datagrams come to a wrong one: they travel together, one message for all that one
//! read found.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Datagrams that may wait for one worker. A tenth of a second at 400 Mbit/s; what comes on top is
/// lost, as it is in a full socket.
const WAITING_MAX: usize = 4_096;

/// How many datagrams wait for each worker.
#[derive(Clone, Debug)]
pub(crate) struct Waiting(Arc<[AtomicUsize]>);

/// Datagrams for one worker, in the order in which they came.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    bytes: Vec<u8>,
    datagrams: Vec<Datagram>,
}

/// A datagram within the bytes gathered.
#[derive(Clone, Copy, Debug)]
struct Datagram {
    from: SocketAddr,
    to: Option<IpAddr>,
    end: usize,
}

/// Datagrams that are on their way. They wait until this is dropped.
#[derive(Debug)]
pub(crate) struct Handoff {
    gathered: Gathered,
    /// Whom they came to.
    pub(super) via: usize,
    worker: usize,
    waiting: Waiting,
}

impl Waiting {
    pub(crate) fn new(workers: usize) -> Self {
        Self((0..workers).map(|_| AtomicUsize::new(0)).collect())
    }
}

impl Gathered {
    pub(super) fn push(&mut self, from: SocketAddr, to: Option<IpAddr>, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        self.datagrams.push(Datagram { from, to, end: self.bytes.len() });
    }

    /// All that has been gathered for `worker`, if there is any and it may wait there.
    pub(super) fn take(&mut self, via: usize, worker: usize, waiting: &Waiting) -> Option<Handoff> {
        let count = self.datagrams.len();
        if count == 0 {
            return None;
        }
        let gathered = std::mem::take(self);
        // Only counts: what they count is passed on by a channel.
        let before = waiting.0[worker].fetch_add(count, Ordering::Relaxed);
        let handoff = Handoff { gathered, via, worker, waiting: waiting.clone() };
        (before + count <= WAITING_MAX).then_some(handoff)
    }
}

impl Handoff {
    pub(super) fn each(&self, mut each: impl FnMut(SocketAddr, Option<IpAddr>, &[u8])) {
        let mut start = 0;
        for datagram in &self.gathered.datagrams {
            each(datagram.from, datagram.to, &self.gathered.bytes[start..datagram.end]);
            start = datagram.end;
        }
    }
}

impl Drop for Handoff {
    fn drop(&mut self) {
        let count = self.gathered.datagrams.len();
        self.waiting.0[self.worker].fetch_sub(count, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_gathered_comes_out_in_order() {
        let waiting = Waiting::new(2);
        let from = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let mut gathered = Gathered::default();
        assert!(gathered.take(0, 1, &waiting).is_none());
        gathered.push(from(1), None, b"one");
        gathered.push(from(2), None, b"");
        gathered.push(from(1), None, b"two");
        let handoff = gathered.take(0, 1, &waiting).unwrap();
        let mut seen = Vec::new();
        handoff.each(|from, _, bytes| seen.push((from.port(), bytes.to_vec())));
        assert_eq!(seen, [(1, b"one".to_vec()), (2, Vec::new()), (1, b"two".to_vec())]);
    }

    #[test]
    fn a_worker_that_cannot_keep_up_is_given_no_more_until_it_has() {
        let waiting = Waiting::new(1);
        let mut gathered = Gathered::default();
        let mut fill = || {
            (0..WAITING_MAX / 2 + 1).for_each(|_| {
                gathered.push(SocketAddr::from(([127, 0, 0, 1], 1)), None, b"x");
            });
            gathered.take(0, 0, &waiting)
        };
        let first = fill();
        assert!(first.is_some());
        assert!(fill().is_none());
        drop(first);
        assert!(fill().is_some());
    }
}
