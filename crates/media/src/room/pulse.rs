//! What is done for a room at a steady pace, while anybody in it is connected.

use std::time::{Duration, Instant};

use super::peer::Stage;
use super::{PeerId, Rooms, Timer};
use crate::event::Event;
use crate::keys::{Kind, PeerKey, RoomKey, Source};
use crate::settings::QUALITY_INTERVAL;
use crate::webrtc::Layer;

/// The pace: speakers are told at most so often, and a layer that stopped or began is seen so late.
pub(super) const PULSE: Duration = Duration::from_millis(200);

impl Rooms {
    pub(super) fn pulse(&mut self, room: RoomKey, now: Instant) {
        let Some(place) = self.rooms.get_mut(&room) else {
            return;
        };
        let members: Vec<PeerId> = place.members.values().copied().collect();
        let is_connected = |id: &PeerId| {
            let peer = self.peers.get(id.index);
            peer.is_some_and(|peer| peer.stage != Stage::Connecting)
        };
        if !members.iter().any(is_connected) {
            place.has_pulse = false;
            place.quality_at = None;
            return;
        }
        self.outbox.timers.push((now + PULSE, Timer::Room(room)));
        if let Some(speakers) = place.speakers.look() {
            self.outbox.events.push(Event::Speakers { room, speakers });
        }
        let quality_at = *place.quality_at.get_or_insert(now + QUALITY_INTERVAL);
        if now >= quality_at {
            place.quality_at = Some(now + QUALITY_INTERVAL);
            self.tell_quality(room, &members);
        }
        self.allocate_room(room, now);
        self.ask_due_key_frames(room, now);
    }

    fn tell_quality(&mut self, room: RoomKey, members: &[PeerId]) {
        let mut peers: Vec<(PeerKey, _)> = Vec::with_capacity(members.len());
        for id in members {
            let Some(peer) = self.peers.get_mut(id.index) else {
                continue;
            };
            let is_lost = match peer.stage {
                Stage::Connecting => continue,
                Stage::Connected => false,
                Stage::Lost => true,
            };
            peers.push((peer.key, peer.tally.grade(is_lost)));
        }
        self.outbox.events.push(Event::Quality { room, peers });
    }

    /// Asks for the key frames that were needed too soon after another.
    fn ask_due_key_frames(&mut self, room: RoomKey, now: Instant) {
        let Some(place) = self.rooms.get_mut(&room) else {
            return;
        };
        let mut due = Vec::new();
        let is_video = |source: &Source| source.kind() == Kind::Video;
        for (_, track) in place.tracks.iter_mut().filter(|((_, source), _)| is_video(source)) {
            for layer in Layer::ALL {
                if track.is_on && track.stream_mut(layer).key_frames.is_due(now) {
                    let rid = track.is_simulcast.then_some(layer);
                    due.push((track.sender, track.mid, rid));
                }
            }
        }
        for (sender, mid, rid) in due {
            self.send_key_frame_request(sender, mid, rid);
        }
    }
}
