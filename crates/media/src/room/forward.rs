//! What a connection has to say, and media on its way from sender to receivers.

use std::time::Instant;

use super::peer::Stage;
use super::pulse::PULSE;
use super::{PeerId, Rooms, Timer, wait};
use crate::event::{CloseReason, Event};
use crate::keys::{Mid, RoomKey, Source};
use crate::rewrite::key_frame_size;
use crate::webrtc::{Codec, Layer, Outgoing, Output, Packet};

impl Rooms {
    /// Takes all that a peer's connection has to say, and asks for its next call.
    pub(super) fn settle(&mut self, id: PeerId, now: Instant) {
        let mut outputs = std::mem::take(&mut self.scratch);
        let transmits = &mut self.outbox.transmits;
        let peer = self.peers.get_mut(id.index).filter(|peer| peer.id == id);
        let Some(peer) = peer else {
            return;
        };
        let next = peer.connection.drain(now, transmits, &mut outputs);
        for output in outputs.drain(..) {
            self.take(id, output, now);
        }
        self.scratch = outputs;
        match next {
            Ok(next) => self.call_at(id, next),
            Err(broken) => self.broke(id, broken, now),
        }
    }

    /// Asks for a peer's next call: of its connection, or because of its silence.
    pub(super) fn call_at(&mut self, id: PeerId, next: Instant) {
        let Some(peer) = self.peer_mut(id) else {
            return;
        };
        peer.connection_at = next;
        let at = peer.next_at();
        if peer.timer_at.is_none_or(|known| at < known) {
            peer.timer_at = Some(at);
            self.outbox.timers.push((at, Timer::Peer(id)));
        }
    }

    fn take(&mut self, id: PeerId, output: Output, now: Instant) {
        match output {
            Output::Packet(packet) => self.forward(id, &packet, now),
            Output::Connected => self.connected(id, now),
            Output::KeyFrameAsked(mid) => self.key_frame_asked(id, mid, now),
            Output::Estimate(bps) => {
                if let Some(peer) = self.peer_mut(id) {
                    peer.estimate_bps = Some(bps);
                }
                self.allocate(id, now);
            }
            Output::Report(report) => {
                if let Some(peer) = self.peer_mut(id) {
                    peer.tally.report(&report);
                }
            }
            Output::Left => self.end(id, Some(CloseReason::Left), now),
        }
    }

    fn connected(&mut self, id: PeerId, now: Instant) {
        let Some(peer) = self.peer_mut(id) else {
            return;
        };
        peer.stage = Stage::Connected;
        peer.heard_at = now;
        let room = peer.room;
        let event = Event::Connected {
            room,
            peer: peer.key,
            transport: peer.heard_over,
            after: now.saturating_duration_since(peer.offered_at),
        };
        self.outbox.events.push(event);
        self.start_pulse(room, now);
        self.allocate(id, now);
    }

    pub(super) fn start_pulse(&mut self, room: RoomKey, now: Instant) {
        if let Some(place) = self.rooms.get_mut(&room)
            && !place.has_pulse
        {
            place.has_pulse = true;
            self.outbox.timers.push((now + PULSE, Timer::Room(room)));
        }
    }

    /// Sends a packet on to all in whose slots its stream flows.
    fn forward(&mut self, id: PeerId, packet: &Packet, now: Instant) {
        let Some(sender) = self.peers.get_mut(id.index).filter(|peer| peer.id == id) else {
            return;
        };
        sender.tally.came();
        let (room, key) = (sender.room, sender.key);
        // What was not offered as a track is not forwarded, nor a picture in place of a sound.
        let Some(&source) = sender.sends.get(&packet.mid) else {
            return;
        };
        if source.kind() != packet.codec.kind() {
            return;
        }
        let place = room;
        let Some(room) = self.rooms.get_mut(&place) else {
            return;
        };
        let Some(track) = room.tracks.get_mut(&(key, source)) else {
            return;
        };
        if !track.is_on || track.mid != packet.mid {
            return;
        }
        let begins = track.is_simulcast && !track.is_flowing(now);
        let stream = track.stream_mut(packet.layer);
        stream.meter.count(packet.payload.len(), now);
        if packet.starts && packet.codec != Codec::Opus {
            stream.key_frames.arrived();
            if packet.codec == Codec::Vp8
                && let Some(size) = key_frame_size(&packet.payload)
            {
                track.learn_size(packet.layer, size);
            }
        }
        if source == Source::Mic
            && let Some(dbov) = packet.level_dbov
        {
            room.speakers.hear(key, dbov);
        }
        let track = if begins {
            self.picture_began(place, (key, source), packet.starts, now);
            let room = self.rooms.get(&place);
            let Some(track) = room.and_then(|room| room.tracks.get(&(key, source))) else {
                return;
            };
            track
        } else {
            track
        };
        for &(receiver, at) in &track.receivers {
            let Some(receiver) = self.peers.get_mut(receiver.index) else {
                continue;
            };
            let Some(slot) = receiver.slots.get_mut(at) else {
                continue;
            };
            if receiver.stage == Stage::Connecting {
                continue;
            }
            let Some(pass) = slot.pass(id, packet, now) else {
                continue;
            };
            let outgoing =
                Outgoing { packet, payload_type: pass.payload_type, numbers: pass.numbers };
            receiver.connection.write(slot.ssrc, outgoing, now);
            receiver.tally.went();
            wait(&mut self.waiting, receiver);
        }
    }

    /// A receiver's decoder cannot go on.
    fn key_frame_asked(&mut self, id: PeerId, mid: Mid, now: Instant) {
        let Some(peer) = self.peer(id) else {
            return;
        };
        let Some(slot) = peer.slots.iter().find(|slot| slot.mid == mid) else {
            return;
        };
        let Some((track, layer)) = slot.track.zip(slot.layer().or(slot.target)) else {
            return;
        };
        self.ask_key_frame(peer.room, track, layer, now);
    }

    /// Asks the sender of a track for a key frame, unless one is on its way.
    pub(super) fn ask_key_frame(
        &mut self,
        room: RoomKey,
        track: (crate::keys::PeerKey, Source),
        layer: Layer,
        now: Instant,
    ) {
        let room = self.rooms.get_mut(&room);
        let Some(track) = room.and_then(|room| room.tracks.get_mut(&track)) else {
            return;
        };
        if track.is_on && track.stream_mut(layer).key_frames.ask(now) {
            let (sender, mid) = (track.sender, track.mid);
            let rid = track.is_simulcast.then_some(layer);
            self.send_key_frame_request(sender, mid, rid);
        }
    }

    pub(super) fn send_key_frame_request(&mut self, sender: PeerId, mid: Mid, rid: Option<Layer>) {
        if let Some(peer) = self.peers.get_mut(sender.index)
            && peer.id == sender
        {
            peer.connection.ask_key_frame(mid, rid);
            wait(&mut self.waiting, peer);
        }
    }
}
