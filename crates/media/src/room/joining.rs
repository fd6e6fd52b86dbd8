//! Offers, and what they change: who is in a room, what is sent, what is received where.

use std::collections::BTreeMap;
use std::time::Instant;

use ahash::AHashSet;

use super::peer::Peer;
use super::slot::Slot;
use super::track::Track;
use super::{PeerId, Room, Rooms};
use crate::error::{Error, OfferError};
use crate::event::{CloseReason, Event};
use crate::keys::{Grant, Kind, Mid, PeerKey, RoomKey, Source, Want};
use crate::placement::Place;
use crate::rewrite::Continuity;
use crate::settings::SDP_MAX_BYTES;
use crate::webrtc::{Codec, Connection, Direction, Layer, Sdp, VideoCodec};

/// What a peer offers: a session description, and what its m-lines are for.
#[derive(Clone, Debug, Default)]
pub struct Offer {
    /// The session description (RFC 8866).
    pub sdp: String,
    /// What is sent on which m-line. A line that is not named is not forwarded.
    pub send: BTreeMap<Mid, Source>,
    /// What shall flow in which m-line that receives. A line that is not named stays empty, or
    /// keeps what it had.
    pub receive: BTreeMap<Mid, Want>,
}

impl Rooms {
    /// Takes a peer's offer, and gives the answer.
    pub(crate) fn offer(
        &mut self,
        (room, key): (RoomKey, PeerKey),
        offer: &Offer,
        grant: Grant,
        place: Place,
        now: Instant,
    ) -> Result<String, OfferError> {
        let sdp = Sdp::read(&offer.sdp)?;
        check_sends(&sdp, offer)?;
        check_receives(&sdp, offer)?;
        let old = self.member(room, key);
        let same = old.filter(|id| self.peer(*id).is_some_and(|peer| peer.connection.is_of(&sdp)));
        let (id, answer) = match same {
            Some(id) => (id, self.renegotiate(id, offer, &sdp, now)?),
            None => self.join((room, key), old, offer, &sdp, place, now)?,
        };
        if let Some(peer) = self.peer_mut(id) {
            peer.grant = grant;
            peer.sends.clone_from(&offer.send);
            // A connection that is not up yet begins again with other ICE credentials.
            peer.offered_at = now;
        }
        self.lay_slots(id, &sdp);
        self.lay_tracks(room, id, &sdp);
        for (mid, want) in &offer.receive {
            self.want(id, *mid, Some(*want));
        }
        self.rebind(room, now);
        self.tell_tracks(room);
        self.settle(id, now);
        Ok(answer)
    }

    /// Changes what flows in some of a peer's slots.
    pub(crate) fn receive_wants(
        &mut self,
        (room, key): (RoomKey, PeerKey),
        wants: &BTreeMap<Mid, Option<Want>>,
        now: Instant,
    ) -> Result<(), Error> {
        let id = self.member(room, key).ok_or(Error::UnknownPeer)?;
        let peer = self.peer(id).ok_or(Error::UnknownPeer)?;
        for (mid, want) in wants {
            let slot = peer.slots.iter().find(|slot| slot.mid == *mid);
            let slot = slot.ok_or_else(|| no_slot(*mid))?;
            if want.is_some_and(|want| want.source.kind() != slot.kind) {
                return Err(wrong_kind(*mid).into());
            }
        }
        for (mid, want) in wants {
            self.want(id, *mid, *want);
        }
        self.rebind(room, now);
        self.settle(id, now);
        Ok(())
    }

    /// Changes what may flow from a peer.
    pub(crate) fn grant(&mut self, (room, key): (RoomKey, PeerKey), grant: Grant, now: Instant) {
        let Some(id) = self.member(room, key) else {
            return;
        };
        if let Some(peer) = self.peer_mut(id) {
            peer.grant = grant;
        }
        let Some(place) = self.rooms.get_mut(&room) else {
            return;
        };
        let mut is_changed = false;
        for ((_, source), track) in
            place.tracks.range_mut((key, Source::Mic)..=(key, Source::ScreenAudio))
        {
            let is_on = grant.allows(*source);
            is_changed |= track.is_on != is_on;
            track.is_on = is_on;
            if !is_on && *source == Source::Mic {
                place.speakers.leave(key);
            }
        }
        if is_changed {
            self.restart_receivers_of(room, key);
            self.allocate_room(room, now);
            self.tell_tracks(room);
        }
    }

    fn renegotiate(
        &mut self,
        id: PeerId,
        offer: &Offer,
        sdp: &Sdp,
        now: Instant,
    ) -> Result<String, OfferError> {
        let gone = || OfferError::sdp("the connection is gone");
        let connection = self.connection_mut(id).ok_or_else(gone)?;
        let before = connection.ufrag().to_owned();
        match connection.accept(&offer.sdp, sdp, now) {
            Ok(answer) => {
                let after = connection.ufrag().to_owned();
                if before != after {
                    self.outbox.ufrags.push((before, None));
                    self.outbox.ufrags.push((after, Some(id)));
                }
                Ok(answer)
            }
            Err((error, None)) => Err(error),
            Err((error, Some(_))) => {
                self.end(id, Some(CloseReason::Failed), now);
                Err(OfferError {
                    text: format!("{}; the connection was closed", error.text),
                    ..error
                })
            }
        }
    }

    fn join(
        &mut self,
        (room, key): (RoomKey, PeerKey),
        old: Option<PeerId>,
        offer: &Offer,
        sdp: &Sdp,
        place: Place,
        now: Instant,
    ) -> Result<(PeerId, String), OfferError> {
        let limits = self.ground.limits;
        let members = self.rooms.get(&room).map_or(0, |room| room.members.len());
        if old.is_none() && members >= limits.room_peers {
            let most = limits.room_peers;
            return Err(OfferError::sdp(format!("the room has its {most} peers")));
        }
        if offer.sdp.len() > SDP_MAX_BYTES {
            return Err(OfferError::sdp("too long"));
        }
        let preference = self.preference(room);
        let start = self.ufrag_start.clone();
        let mut connection = Connection::new(&self.ground, start, &preference, now);
        let answer = connection.accept(&offer.sdp, sdp, now).map_err(|(error, _)| error)?;
        if let Some(old) = old {
            self.end(old, Some(CloseReason::Replaced), now);
        }
        let entry = self.peers.vacant_entry();
        let id = PeerId { index: entry.key(), generation: self.next_generation };
        self.next_generation += 1;
        self.outbox.ufrags.push((connection.ufrag().to_owned(), Some(id)));
        entry.insert(Peer::new(id, (room, key), connection, now));
        let room = self.rooms.entry(room).or_insert_with(|| Room::new(place));
        room.members.insert(key, id);
        Ok((id, answer))
    }

    /// The order of video codecs for the answer to a newcomer: what all in the room can decode
    /// comes first.
    fn preference(&self, room: RoomKey) -> Vec<VideoCodec> {
        let mut order = VideoCodec::PREFERENCE.to_vec();
        let Some(room) = self.rooms.get(&room) else {
            return order;
        };
        let lacking = |codec: VideoCodec| {
            let peers = room.members.values().filter_map(|id| self.peer(*id));
            peers
                .filter(|peer| {
                    let mut video = peer.slots.iter().filter(|slot| slot.kind == Kind::Video);
                    let takes = |(_, known): &(u8, Codec)| VideoCodec::of(*known) == Some(codec);
                    video.next().is_some_and(|slot| !slot.payload_types.iter().any(takes))
                })
                .count()
        };
        order.sort_by_cached_key(|codec| lacking(*codec));
        order
    }

    /// Makes the slots of the offer's receiving lines; those there were go on as they are.
    fn lay_slots(&mut self, id: PeerId, sdp: &Sdp) {
        let Some(peer) = self.peer_mut(id) else {
            return;
        };
        let lines = sdp.lines.iter();
        for line in lines.filter(|line| line.direction == Direction::Receive) {
            let Some(ssrc) = peer.connection.ssrc(line.mid) else {
                continue;
            };
            let payload_types = peer.connection.payload_types(line.mid, line.kind);
            if let Some(slot) = peer.slots.iter_mut().find(|slot| slot.mid == line.mid) {
                slot.payload_types = payload_types;
                continue;
            }
            peer.connection.lay_stream(line.mid, line.kind);
            let rate = Codec::clock_rate_hz(line.kind);
            let continuity = Continuity::new(rate, rand::random(), rand::random());
            peer.slots.push(Slot::new(line.mid, line.kind, ssrc, payload_types, continuity));
        }
        let receives = |mid| sdp.line(mid).is_some_and(|line| line.direction == Direction::Receive);
        // A line that no longer receives keeps its slot, which is then empty: places of slots are
        // held elsewhere.
        for slot in peer.slots.iter_mut().filter(|slot| !receives(slot.mid)) {
            slot.want = None;
            slot.payload_types.clear();
        }
    }

    /// Makes the tracks of what is sent, and ends those that no longer are.
    fn lay_tracks(&mut self, room: RoomKey, id: PeerId, sdp: &Sdp) {
        let Some(peer) = self.peers.get(id.index) else {
            return;
        };
        let Some(room) = self.rooms.get_mut(&room) else {
            return;
        };
        let key = peer.key;
        let sent: AHashSet<Source> = peer.sends.values().copied().collect();
        room.tracks.retain(|(owner, source), _| *owner != key || sent.contains(source));
        for (mid, source) in &peer.sends {
            let is_on = peer.grant.allows(*source);
            let simulcast = sdp.line(*mid).is_some_and(|line| line.simulcast);
            let track = room
                .tracks
                .entry((key, *source))
                .or_insert_with(|| Track::new(id, *mid, simulcast, is_on));
            if track.sender != id || track.mid != *mid {
                *track = Track::new(id, *mid, simulcast, is_on);
            }
            track.is_on = is_on;
        }
    }

    fn want(&mut self, id: PeerId, mid: Mid, want: Option<Want>) {
        if let Some(peer) = self.peer_mut(id)
            && let Some(slot) = peer.slots.iter_mut().find(|slot| slot.mid == mid)
        {
            slot.want = want;
        }
    }

    /// Connects every slot of a room with the track it wants.
    pub(super) fn rebind(&mut self, room: RoomKey, now: Instant) {
        let Some(place) = self.rooms.get_mut(&room) else {
            return;
        };
        for track in place.tracks.values_mut() {
            track.receivers.clear();
        }
        for id in place.members.values() {
            let Some(peer) = self.peers.get_mut(id.index) else {
                continue;
            };
            for (at, slot) in peer.slots.iter_mut().enumerate() {
                let wanted = slot.want.map(|want| (want.peer, want.source));
                let track = wanted.filter(|wanted| place.tracks.contains_key(wanted));
                if slot.track != track {
                    slot.track = track;
                    slot.target = None;
                    slot.stop();
                }
                let Some(track) = track.and_then(|track| place.tracks.get_mut(&track)) else {
                    continue;
                };
                track.receivers.push((*id, at));
                if slot.kind == Kind::Audio {
                    slot.target = Some(Layer::Full);
                }
            }
        }
        self.allocate_room(room, now);
    }

    /// What flows from a peer begins anew, as it may have paused for long.
    fn restart_receivers_of(&mut self, room: RoomKey, key: PeerKey) {
        let Some(place) = self.rooms.get(&room) else {
            return;
        };
        let of_peer = (key, Source::Mic)..=(key, Source::ScreenAudio);
        for (_, track) in place.tracks.range(of_peer).filter(|(_, track)| !track.is_on) {
            for (id, at) in &track.receivers {
                let peer = self.peers.get_mut(id.index);
                if let Some(slot) = peer.and_then(|peer| peer.slots.get_mut(*at)) {
                    slot.stop();
                }
            }
        }
    }

    pub(super) fn tell_tracks(&mut self, room: RoomKey) {
        if let Some(place) = self.rooms.get(&room) {
            let all = place.tracks.iter();
            let tracks = all.map(|((peer, source), track)| (*peer, *source, track.is_on));
            let tracks = tracks.collect();
            self.outbox.events.push(Event::Tracks { room, tracks });
        }
    }
}

impl Room {
    fn new(place: Place) -> Self {
        Self {
            _place: place,
            members: BTreeMap::new(),
            tracks: BTreeMap::new(),
            speakers: super::Speakers::default(),
            has_pulse: false,
            quality_at: None,
        }
    }
}

fn check_sends(sdp: &Sdp, offer: &Offer) -> Result<(), OfferError> {
    let mut seen = AHashSet::new();
    for (mid, source) in &offer.send {
        let line = sdp
            .line(*mid)
            .filter(|line| line.direction == Direction::Send)
            .ok_or_else(|| OfferError::send(format!("mid {mid} is no m-line that sends")))?;
        if line.kind != source.kind() {
            return Err(OfferError::send(format!("mid {mid} is of the other kind")));
        }
        if line.simulcast && *source != Source::Camera {
            return Err(OfferError::send(format!("mid {mid}: only a camera has layers")));
        }
        if !seen.insert(*source) {
            return Err(OfferError::send(format!("mid {mid}: that source is sent already")));
        }
    }
    Ok(())
}

fn check_receives(sdp: &Sdp, offer: &Offer) -> Result<(), OfferError> {
    for (mid, want) in &offer.receive {
        let line = sdp
            .line(*mid)
            .filter(|line| line.direction == Direction::Receive)
            .ok_or_else(|| no_slot(*mid))?;
        if line.kind != want.source.kind() {
            return Err(wrong_kind(*mid));
        }
    }
    Ok(())
}

fn no_slot(mid: Mid) -> OfferError {
    OfferError::receive(format!("mid {mid} is no m-line that receives"))
}

fn wrong_kind(mid: Mid) -> OfferError {
    OfferError::receive(format!("mid {mid} is of the other kind"))
}
