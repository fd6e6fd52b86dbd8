//! Whose a packet is: by where it came from, or by the name in an ICE check. Never by search.

use std::net::IpAddr;

use ahash::AHashMap;

use crate::net::{binding_username, is_stun};
use crate::room::{Path, PeerId};

/// The two hexadecimal digits with which the ufrags of a worker's connections start.
pub(super) fn ufrag_start(worker: usize) -> String {
    format!("{worker:02x}")
}

/// Where a packet is to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// To the peer whose path it came on.
    Peer(PeerId),
    /// To the peer it names, if it proves to know that peer's password.
    Check(PeerId),
    /// To another worker.
    Worker(usize),
    Nobody,
}

/// The table of one worker.
#[derive(Debug)]
pub(super) struct Demultiplexer {
    worker: usize,
    workers: usize,
    ufrags: AHashMap<String, PeerId>,
    paths: AHashMap<Path, Entry>,
}

#[derive(Clone, Copy, Debug)]
enum Entry {
    Here {
        peer: PeerId,
        /// Our address that the peer sends to.
        local: Option<IpAddr>,
    },
    There(usize),
}

impl Demultiplexer {
    pub(super) fn new(worker: usize, workers: usize) -> Self {
        Self { worker, workers, ufrags: AHashMap::new(), paths: AHashMap::new() }
    }

    /// A ufrag is a peer's from now on, or (with `None`) nobody's.
    pub(super) fn name(&mut self, ufrag: String, peer: Option<PeerId>) {
        match peer {
            Some(peer) => self.ufrags.insert(ufrag, peer),
            None => self.ufrags.remove(&ufrag),
        };
    }

    /// A path has proved to be a peer's. Whether that is new.
    pub(super) fn learn(&mut self, path: Path, peer: PeerId, local: Option<IpAddr>) -> bool {
        let is_known = self.is_of(path, peer);
        self.paths.insert(path, Entry::Here { peer, local });
        !is_known
    }

    /// A path is another worker's.
    pub(super) fn learn_other(&mut self, path: Path, worker: usize) {
        self.paths.insert(path, Entry::There(worker));
    }

    /// A path is no longer that peer's. Whether it was.
    pub(super) fn forget(&mut self, path: Path, peer: PeerId) -> bool {
        let is_its = self.is_of(path, peer);
        if is_its {
            self.paths.remove(&path);
        }
        is_its
    }

    /// A path is no longer that worker's.
    pub(super) fn forget_other(&mut self, path: Path, worker: usize) {
        if matches!(self.paths.get(&path), Some(Entry::There(known)) if *known == worker) {
            self.paths.remove(&path);
        }
    }

    pub(super) fn route(&self, path: Path, bytes: &[u8]) -> Route {
        if !is_stun(bytes) {
            return match self.paths.get(&path) {
                Some(Entry::Here { peer, .. }) => Route::Peer(*peer),
                Some(Entry::There(worker)) => Route::Worker(*worker),
                None => Route::Nobody,
            };
        }
        let Some(ufrag) = binding_username(bytes) else {
            return Route::Nobody;
        };
        if let Some(peer) = self.ufrags.get(ufrag) {
            return match self.paths.get(&path) {
                Some(Entry::Here { peer: known, .. }) if known == peer => Route::Peer(*peer),
                Some(Entry::Here { .. } | Entry::There(_)) | None => Route::Check(*peer),
            };
        }
        match worker_of(ufrag) {
            Some(worker) if worker != self.worker && worker < self.workers => Route::Worker(worker),
            Some(_) | None => Route::Nobody,
        }
    }

    fn is_of(&self, path: Path, peer: PeerId) -> bool {
        match self.paths.get(&path) {
            Some(Entry::Here { peer: known, .. }) => *known == peer,
            Some(Entry::There(_)) | None => false,
        }
    }

    /// Whether a path is a peer's of this worker.
    pub(super) fn is_here(&self, path: Path) -> bool {
        matches!(self.paths.get(&path), Some(Entry::Here { .. }))
    }

    /// Our address that the peer on that path sends to.
    pub(super) fn local(&self, path: Path) -> Option<IpAddr> {
        match self.paths.get(&path) {
            Some(Entry::Here { local, .. }) => *local,
            Some(Entry::There(_)) | None => None,
        }
    }
}

/// The worker that a ufrag names.
pub(super) fn worker_of(ufrag: &str) -> Option<usize> {
    usize::from_str_radix(ufrag.get(..2)?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Transport;
    use crate::room::PeerId;

    const RTP: [u8; 20] = [0x80; 20];

    /// A binding request with that user name.
    fn check(name: &str) -> Vec<u8> {
        let mut body = vec![0, 6, 0, u8::try_from(name.len()).unwrap()];
        body.extend(name.bytes());
        body.resize(body.len().next_multiple_of(4), 0);
        let mut packet = vec![0, 1, 0, u8::try_from(body.len()).unwrap(), 0x21, 0x12, 0xa4, 0x42];
        packet.extend([0; 12]);
        packet.extend(body);
        packet
    }

    fn path(port: u16) -> Path {
        (Transport::Udp, ([192, 0, 2, 1], port).into())
    }

    #[test]
    fn packets_find_their_peer_or_worker() {
        let (alice, bob) = (PeerId::numbered(1), PeerId::numbered(2));
        let mut table = Demultiplexer::new(0, 3);
        table.name("00alice".to_owned(), Some(alice));
        table.name("00bob".to_owned(), Some(bob));
        assert_eq!(table.route(path(1), &RTP), Route::Nobody, "an unknown path");
        assert_eq!(table.route(path(1), &check("00alice:x")), Route::Check(alice));
        assert!(table.learn(path(1), alice, None));
        assert!(!table.learn(path(1), alice, None), "known already");
        assert_eq!(table.route(path(1), &RTP), Route::Peer(alice));
        assert_eq!(table.route(path(1), &check("00alice:x")), Route::Peer(alice));

        // The same socket may be another peer's next; until that is proved it is the first one's.
        assert_eq!(table.route(path(1), &check("00bob:x")), Route::Check(bob));
        assert_eq!(table.route(path(1), &RTP), Route::Peer(alice));
        table.learn(path(1), bob, None);
        assert!(!table.forget(path(1), alice), "it is no longer alice's");
        assert_eq!(table.route(path(1), &RTP), Route::Peer(bob));
        assert!(table.forget(path(1), bob));
        assert_eq!(table.route(path(1), &RTP), Route::Nobody);

        table.name("00alice".to_owned(), None);
        assert_eq!(table.route(path(1), &check("00alice:x")), Route::Nobody);
    }

    #[test]
    fn what_is_another_workers_is_passed_on() {
        let mut table = Demultiplexer::new(1, 3);
        assert_eq!(table.route(path(1), &check("02xyz:x")), Route::Worker(2));
        assert_eq!(table.route(path(1), &check("01xyz:x")), Route::Nobody, "ours, but nobody's");
        assert_eq!(table.route(path(1), &check("03xyz:x")), Route::Nobody, "no such worker");
        assert_eq!(table.route(path(1), &check("zz:x")), Route::Nobody);
        table.learn_other(path(1), 2);
        assert_eq!(table.route(path(1), &RTP), Route::Worker(2));
        table.forget_other(path(1), 0);
        assert_eq!(table.route(path(1), &RTP), Route::Worker(2), "another worker's word");
        table.forget_other(path(1), 2);
        assert_eq!(table.route(path(1), &RTP), Route::Nobody);
    }
}
