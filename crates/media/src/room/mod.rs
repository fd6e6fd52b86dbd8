//! Rooms, peers and tracks of one worker. No socket and no clock: packets and time are handed in,
//! what is to be done is taken from the [`Outbox`].

mod closing;
mod forward;
mod joining;
mod keyframes;
mod layers;
mod meter;
mod peer;
mod pulse;
mod quality;
mod slot;
mod speakers;
#[cfg(test)]
mod tests;
mod track;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use ahash::AHashMap;
use slab::Slab;

use crate::event::{Event, Transport};
use crate::keys::{PeerKey, RoomKey, Source};
use crate::placement::Place;
use crate::webrtc::{Connection, Ground, Output, Transmits};

pub use joining::Offer;

use peer::Peer;
use speakers::Speakers;
use track::Track;

/// A peer of this worker. Never used again for another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct PeerId {
    index: usize,
    generation: u64,
}

#[cfg(test)]
impl PeerId {
    pub(crate) fn numbered(number: usize) -> Self {
        Self { index: number, generation: 0 }
    }
}

/// Where packets of a peer come from.
pub(crate) type Path = (Transport, SocketAddr);

/// What a worker must call again at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Timer {
    Peer(PeerId),
    Room(RoomKey),
}

/// What is to be done for the rooms.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    /// Packets to send, in order.
    pub(crate) transmits: Transmits,
    pub(crate) events: Vec<Event>,
    /// Calls wanted. A peer's or room's later entries do not undo its earlier ones.
    pub(crate) timers: Vec<(Instant, Timer)>,
    /// Ufrags that are a peer's from now on, or (with `None`) no longer.
    pub(crate) ufrags: Vec<(String, Option<PeerId>)>,
    /// Paths that are no longer a peer's.
    pub(crate) gone: Vec<(Path, PeerId)>,
}

/// The rooms of one worker.
#[expect(clippy::struct_field_names, reason = "the rooms of the rooms are what they are")]
pub(crate) struct Rooms {
    ground: Arc<Ground>,
    ufrag_start: String,
    rooms: AHashMap<RoomKey, Room>,
    peers: Slab<Peer>,
    next_generation: u64,
    /// Peers with something to send, each once.
    waiting: Vec<PeerId>,
    scratch: Vec<Output>,
    pub(crate) outbox: Outbox,
}

/// A room. There is none without a peer.
struct Room {
    /// Keeps the room at this worker.
    _place: Place,
    members: BTreeMap<PeerKey, PeerId>,
    tracks: BTreeMap<(PeerKey, Source), Track>,
    speakers: Speakers,
    /// Whether a pulse is on its way.
    has_pulse: bool,
    quality_at: Option<Instant>,
}

impl Rooms {
    pub(crate) fn new(ground: Arc<Ground>, ufrag_start: String) -> Self {
        Self {
            ground,
            ufrag_start,
            rooms: AHashMap::new(),
            peers: Slab::new(),
            next_generation: 0,
            waiting: Vec::new(),
            scratch: Vec::new(),
            outbox: Outbox::default(),
        }
    }

    /// A packet came on a path that is known to be the peer's.
    pub(crate) fn receive(&mut self, id: PeerId, path: Path, bytes: &[u8], now: Instant) {
        let Some(peer) = self.peer_mut(id) else {
            return;
        };
        let was_lost = peer.hear(path.0, now);
        let (room, key) = (peer.room, peer.key);
        let taken = peer.connection.receive(now, path.0, path.1, bytes);
        if was_lost {
            self.outbox.events.push(Event::Restored { room, peer: key });
        }
        match taken {
            Ok(()) => self.settle(id, now),
            Err(broken) => self.broke(id, broken, now),
        }
    }

    /// Whether a packet proves to be the peer's; then its path is.
    pub(crate) fn authenticate(
        &mut self,
        id: PeerId,
        path: Path,
        bytes: &[u8],
        now: Instant,
    ) -> bool {
        let Some(peer) = self.peer_mut(id) else {
            return false;
        };
        if peer.paths.contains(&path) {
            return true;
        }
        if !peer.connection.authenticates(now, path.0, path.1, bytes) {
            return false;
        }
        if let Some(oldest) = peer.add_path(path) {
            self.outbox.gone.push((oldest, id));
        }
        true
    }

    /// The time of a timer has come.
    pub(crate) fn wake(&mut self, timer: Timer, at: Instant, now: Instant) {
        match timer {
            Timer::Peer(id) => {
                let Some(peer) = self.peer_mut(id) else {
                    return;
                };
                // An earlier call was wanted after this one, and that one asked for others.
                if peer.timer_at != Some(at) {
                    return;
                }
                peer.timer_at = None;
                if peer.next_at() > now {
                    // What it was for has been done meanwhile.
                    let next = peer.connection_at;
                    self.call_at(id, next);
                } else {
                    self.tend(id, now);
                }
            }
            Timer::Room(key) => self.pulse(key, now),
        }
    }

    /// Sends what waits: once for all that happened since the last time.
    pub(crate) fn flush(&mut self, now: Instant) {
        while let Some(id) = self.waiting.pop() {
            let Some(peer) = self.peer_mut(id) else {
                continue;
            };
            peer.is_waiting = false;
            match peer.connection.pass(now) {
                Ok(()) => self.settle(id, now),
                Err(broken) => self.broke(id, broken, now),
            }
        }
    }

    fn peer(&self, id: PeerId) -> Option<&Peer> {
        self.peers.get(id.index).filter(|peer| peer.id == id)
    }

    fn peer_mut(&mut self, id: PeerId) -> Option<&mut Peer> {
        self.peers.get_mut(id.index).filter(|peer| peer.id == id)
    }

    fn member(&self, room: RoomKey, peer: PeerKey) -> Option<PeerId> {
        self.rooms.get(&room)?.members.get(&peer).copied()
    }

    fn connection_mut(&mut self, id: PeerId) -> Option<&mut Connection> {
        self.peer_mut(id).map(|peer| &mut peer.connection)
    }
}

/// Puts a peer among those with something to send.
fn wait(waiting: &mut Vec<PeerId>, peer: &mut Peer) {
    if !peer.is_waiting {
        peer.is_waiting = true;
        waiting.push(peer.id);
    }
}
