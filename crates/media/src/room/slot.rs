//! A receiving slot: one continuous stream, whatever is switched into it.

use std::time::Instant;

use super::PeerId;
use crate::keys::{Kind, Mid, PeerKey, Source, Want};
use crate::rewrite::{Continuity, Numbers};
use crate::webrtc::{Codec, Layer, Packet};

#[derive(Debug)]
pub(super) struct Slot {
    pub(super) mid: Mid,
    pub(super) kind: Kind,
    pub(super) ssrc: u32,
    /// What the peer takes in it, by payload type.
    pub(super) payload_types: Vec<(u8, Codec)>,
    pub(super) want: Option<Want>,
    /// The track that flows in it: the one wanted, once that exists.
    pub(super) track: Option<(PeerKey, Source)>,
    /// The layer that shall flow. Audio always has its only one.
    pub(super) target: Option<Layer>,
    flowing: Option<Flowing>,
    continuity: Continuity,
}

/// The stream whose packets flow in a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Flowing {
    sender: PeerId,
    ssrc: u32,
    layer: Layer,
}

/// A packet's way through a slot: the payload type and the numbers to send it under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pass {
    pub(super) payload_type: u8,
    pub(super) numbers: Numbers,
}

impl Slot {
    pub(super) fn new(
        mid: Mid,
        kind: Kind,
        ssrc: u32,
        payload_types: Vec<(u8, Codec)>,
        continuity: Continuity,
    ) -> Self {
        Self {
            mid,
            kind,
            ssrc,
            payload_types,
            want: None,
            track: None,
            target: None,
            flowing: None,
            continuity,
        }
    }

    /// Lets a packet through, if it is of what shall flow.
    ///
    /// A stream goes on until another can begin: at any packet of audio, at a key frame of video.
    pub(super) fn pass(&mut self, sender: PeerId, packet: &Packet, now: Instant) -> Option<Pass> {
        let target = self.target?;
        let payload_type = self.payload_type(packet.codec)?;
        let stream = Flowing { sender, ssrc: packet.ssrc, layer: packet.layer };
        if self.flowing != Some(stream) {
            if packet.layer != target || !packet.starts {
                return None;
            }
            self.flowing = Some(stream);
            self.continuity.switch(&packet.numbers, now);
        }
        let numbers = self.continuity.rewrite(&packet.numbers, now)?;
        Some(Pass { payload_type, numbers })
    }

    /// Nothing flows until something new begins.
    pub(super) fn stop(&mut self) {
        self.flowing = None;
    }

    /// The layer that flows.
    pub(super) fn layer(&self) -> Option<Layer> {
        self.flowing.map(|flowing| flowing.layer)
    }

    /// The layer of which a key frame is awaited.
    pub(super) fn awaits(&self) -> Option<Layer> {
        let target = self.target?;
        (self.kind == Kind::Video && self.layer() != Some(target)).then_some(target)
    }

    /// Whether a packet of that codec could be taken.
    pub(super) fn payload_type(&self, codec: Codec) -> Option<u8> {
        let takes =
            |(payload_type, known): &(u8, Codec)| (*known == codec).then_some(*payload_type);
        self.payload_types.iter().find_map(takes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rewrite::Picture;

    const VP8: (u8, Codec) = (96, Codec::Vp8);

    fn packet(ssrc: u32, layer: Layer, seq: u64, starts: bool) -> Packet {
        let numbers = Numbers { seq, time: 0, picture: Picture::default() };
        Packet::made_up(layer, ssrc, Codec::Vp8, numbers, starts)
    }

    #[test]
    fn video_changes_at_key_frames_only() {
        let now = Instant::now();
        let (alice, bob) = (PeerId::numbered(1), PeerId::numbered(2));
        let continuity = Continuity::new(90_000, 100, 0);
        let mid = "0".parse().unwrap();
        let mut slot = Slot::new(mid, Kind::Video, 1, vec![VP8], continuity);
        let pass = |slot: &mut Slot, sender, packet: Packet| {
            slot.pass(sender, &packet, now).map(|pass| pass.numbers.seq)
        };
        let (low, full) = (Layer::Quarter, Layer::Full);
        assert_eq!(pass(&mut slot, alice, packet(7, low, 5, true)), None, "nothing shall flow");
        slot.target = Some(low);
        assert_eq!(slot.awaits(), Some(low));
        assert_eq!(pass(&mut slot, alice, packet(7, low, 6, false)), None, "no key frame yet");
        assert_eq!(pass(&mut slot, alice, packet(7, low, 8, true)), Some(100));
        assert_eq!(slot.awaits(), None);
        assert_eq!(pass(&mut slot, alice, packet(7, low, 7, false)), None, "from before");
        slot.target = Some(full);
        assert_eq!(pass(&mut slot, alice, packet(9, full, 50, false)), None);
        assert_eq!(pass(&mut slot, alice, packet(7, low, 10, false)), Some(102), "goes on");
        assert_eq!(pass(&mut slot, alice, packet(9, full, 51, true)), Some(103));
        assert_eq!(pass(&mut slot, alice, packet(7, low, 11, true)), None, "is no longer wanted");
        // The sender begins a new stream, or another one takes its place.
        assert_eq!(pass(&mut slot, alice, packet(10, full, 1, true)), Some(104));
        assert_eq!(pass(&mut slot, bob, packet(10, full, 1, true)), Some(105));
        slot.stop();
        assert_eq!(pass(&mut slot, bob, packet(10, full, 2, false)), None);
        assert_eq!(pass(&mut slot, bob, packet(10, full, 9, true)), Some(106));
    }

    #[test]
    fn what_the_receiver_cannot_decode_is_not_sent() {
        let continuity = Continuity::new(90_000, 100, 0);
        let types = vec![(45, Codec::Av1(0)), (98, Codec::Vp9(0))];
        let mid = "0".parse().unwrap();
        let mut slot = Slot::new(mid, Kind::Video, 1, types, continuity);
        slot.target = Some(Layer::Full);
        let vp8 = packet(7, Layer::Full, 5, true);
        assert_eq!(slot.pass(PeerId::numbered(1), &vp8, Instant::now()), None);
        assert_eq!(slot.payload_type(Codec::Vp9(0)), Some(98));
        assert_eq!(slot.payload_type(Codec::Vp9(2)), None, "another profile");
    }
}
