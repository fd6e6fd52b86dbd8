//! Which layer of which track a receiver gets.

use std::time::Instant;

use super::{PeerId, Rooms};
use crate::allocate::{Demand, Rank, Step, allocate};
use crate::keys::{Kind, PeerKey, RoomKey, Source};
use crate::webrtc::Layer;

/// A stream whose rate is not known yet is taken to need so much.
const UNKNOWN_BPS: u64 = 150_000;

impl Rooms {
    pub(super) fn allocate_room(&mut self, room: RoomKey, now: Instant) {
        let Some(room) = self.rooms.get(&room) else {
            return;
        };
        let members: Vec<PeerId> = room.members.values().copied().collect();
        for id in members {
            self.allocate(id, now);
        }
    }

    /// Chooses the layers of all of a receiver's slots anew, and asks for the key frames that a
    /// change needs.
    pub(super) fn allocate(&mut self, id: PeerId, now: Instant) {
        let awaited = self.choose(id, now);
        let Some(room) = self.peer(id).map(|peer| peer.room) else {
            return;
        };
        for (track, layer) in awaited {
            self.ask_key_frame(room, track, layer, now);
        }
    }

    /// A picture with layers has begun to flow, with a packet that is about to be forwarded.
    ///
    /// Its receivers choose before that: it begins with a key frame, and who misses that one has
    /// to wait for another.
    pub(super) fn picture_began(
        &mut self,
        room: RoomKey,
        track: (PeerKey, Source),
        is_key_frame: bool,
        now: Instant,
    ) {
        let track = self.rooms.get(&room).and_then(|room| room.tracks.get(&track));
        let receivers = track.map(|track| track.receivers.clone()).unwrap_or_default();
        for (id, _) in receivers {
            if is_key_frame {
                // Whatever else is awaited is asked for by the next pulse.
                self.choose(id, now);
            } else {
                self.allocate(id, now);
            }
        }
    }

    /// Chooses the layers of all of a receiver's slots anew. Gives those of which a key frame is
    /// awaited.
    fn choose(&mut self, id: PeerId, now: Instant) -> Vec<((PeerKey, Source), Layer)> {
        let Some(peer) = self.peers.get_mut(id.index).filter(|peer| peer.id == id) else {
            return Vec::new();
        };
        let Some(room) = self.rooms.get(&peer.room) else {
            return Vec::new();
        };
        let mut audio_bps = 0;
        let mut places = Vec::new();
        let mut demands = Vec::new();
        let may_rise = peer.may_rise(now);
        for (at, slot) in peer.slots.iter_mut().enumerate() {
            let track = slot.track.and_then(|key| Some((key, room.tracks.get(&key)?)));
            let Some(((_, source), track)) = track.filter(|(_, track)| track.is_on) else {
                continue;
            };
            if slot.kind == Kind::Audio {
                audio_bps += track.choices(None, now).map(|(_, bps)| bps).sum::<u64>();
                continue;
            }
            let shown = slot.want.and_then(|want| want.size);
            let steps: Vec<Step> = track
                .choices(shown, now)
                .map(|(layer, bps)| Step { layer, bps: if bps == 0 { UNKNOWN_BPS } else { bps } })
                .collect();
            if steps.is_empty() || shown.is_some_and(|(width, height)| width == 0 || height == 0) {
                slot.target = None;
                slot.stop();
                continue;
            }
            places.push(at);
            demands.push(Demand {
                rank: match source {
                    Source::Screen => Rank::Screen,
                    Source::Camera | Source::Mic | Source::ScreenAudio => Rank::Camera,
                },
                steps,
                current: slot.target,
                may_rise: may_rise || slot.target.is_none(),
            });
        }
        let budget = peer.estimate_bps.map(|bps| bps.saturating_sub(audio_bps));
        let allocation = allocate(budget, &demands);
        let (next, desired) = (allocation.next_bps, allocation.desired_bps);
        let with_audio = |bps: u64| if bps == 0 { 0 } else { bps + audio_bps };
        peer.connection.want_bitrate(with_audio(next), with_audio(desired));

        let mut has_fallen = false;
        let mut awaited = Vec::new();
        for ((at, demand), layer) in places.into_iter().zip(&demands).zip(allocation.layers) {
            let slot = &mut peer.slots[at];
            // A layer that stopped by itself, or is larger than what is shown now, is no sign of a
            // lack of bandwidth.
            let is_choice = demand.steps.iter().any(|step| Some(step.layer) == slot.target);
            has_fallen |= is_choice && layer < slot.target;
            if slot.target != layer {
                slot.target = layer;
                if layer.is_none() {
                    slot.stop();
                }
            }
            awaited.extend(slot.track.zip(slot.awaits()));
        }
        if has_fallen {
            peer.fell(now);
        }
        awaited
    }
}
