//! The ends of connections and rooms, and the silence that may come before.

use std::time::Instant;

use super::peer::Stage;
use super::{PeerId, Rooms};
use crate::event::{CloseReason, Event};
use crate::keys::{PeerKey, RoomKey};
use crate::webrtc::Broken;

impl Rooms {
    /// Ends a peer's connection, as the embedder asked.
    pub(crate) fn close(&mut self, room: RoomKey, peer: PeerKey, now: Instant) {
        if let Some(id) = self.member(room, peer) {
            self.end(id, None, now);
        }
    }

    /// Ends all connections of a room, as the embedder asked.
    pub(crate) fn close_room(&mut self, room: RoomKey, now: Instant) {
        let members: Vec<PeerId> = match self.rooms.get(&room) {
            Some(room) => room.members.values().copied().collect(),
            None => return,
        };
        for id in members {
            self.end(id, None, now);
        }
    }

    /// Ends everything.
    pub(crate) fn close_all(&mut self, now: Instant) {
        let all: Vec<PeerId> = self.peers.iter().map(|(_, peer)| peer.id).collect();
        for id in all {
            self.end(id, None, now);
        }
    }

    pub(super) fn broke(&mut self, id: PeerId, _: Broken, now: Instant) {
        self.end(id, Some(CloseReason::Failed), now);
    }

    /// Ends a connection: says goodbye to the peer, and tells the embedder if it did not ask for
    /// it. What the peer sent is gone from the room.
    pub(super) fn end(&mut self, id: PeerId, reason: Option<CloseReason>, now: Instant) {
        if self.peer(id).is_none() {
            return;
        }
        let mut peer = self.peers.remove(id.index);
        if reason != Some(CloseReason::Failed) {
            peer.connection.close();
            // It may not be able to say goodbye any more, which ends it as well.
            let _ = peer.connection.drain(now, &mut self.outbox.transmits, &mut Vec::new());
        }
        let ufrag = peer.connection.ufrag().to_owned();
        self.outbox.ufrags.push((ufrag, None));
        self.outbox.gone.extend(peer.paths.iter().map(|path| (*path, id)));
        if let Some(reason) = reason {
            self.outbox.events.push(Event::Closed { room: peer.room, peer: peer.key, reason });
        }
        self.leave(peer.room, peer.key, now);
    }

    fn leave(&mut self, room: RoomKey, key: PeerKey, now: Instant) {
        let Some(place) = self.rooms.get_mut(&room) else {
            return;
        };
        place.members.remove(&key);
        if place.members.is_empty() {
            self.rooms.remove(&room);
            return;
        }
        place.speakers.leave(key);
        let before = place.tracks.len();
        place.tracks.retain(|(owner, _), _| *owner != key);
        let is_less = place.tracks.len() < before;
        self.rebind(room, now);
        if is_less {
            self.tell_tracks(room);
        }
    }

    /// Looks after a peer whose time has come: its connection's, or that of its silence.
    pub(super) fn tend(&mut self, id: PeerId, now: Instant) {
        let Some(peer) = self.peer_mut(id) else {
            return;
        };
        if now >= peer.silence_at() {
            match peer.stage {
                Stage::Connecting => return self.end(id, Some(CloseReason::Failed), now),
                Stage::Lost => return self.end(id, Some(CloseReason::Idle), now),
                Stage::Connected => {
                    peer.stage = Stage::Lost;
                    let (room, key) = (peer.room, peer.key);
                    self.outbox.events.push(Event::Lost { room, peer: key });
                }
            }
        }
        match self.connection_mut(id).map(|connection| connection.pass(now)) {
            Some(Ok(())) => self.settle(id, now),
            Some(Err(broken)) => self.broke(id, broken, now),
            None => {}
        }
    }
}
