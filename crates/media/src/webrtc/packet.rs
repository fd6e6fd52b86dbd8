//! A packet of media, as it comes in and as it goes out.

use std::sync::Arc;

use str0m::format::{
    detect_av1_keyframe, detect_h264_keyframe, detect_vp8_keyframe, detect_vp9_keyframe,
};
use str0m::rtp::{ExtensionValues, RtpPacket, RtpWrite, SeqNo, Vp8Descriptor};

use super::codec::Codec;
use super::layer::Layer;
use crate::keys::Mid;
use crate::rewrite::{Numbers, Picture, read_vp8, read_vp9, write_vp9};

/// A packet of media from a peer, decrypted.
#[derive(Debug)]
pub(crate) struct Packet {
    pub(crate) mid: Mid,
    pub(crate) layer: Layer,
    pub(crate) ssrc: u32,
    pub(crate) codec: Codec,
    pub(crate) numbers: Numbers,
    /// Whether a decoder can begin here. Always so for audio.
    pub(crate) starts: bool,
    /// The level in dBov (RFC 6464): 0 loudest, -127 silence.
    pub(crate) level_dbov: Option<i8>,
    pub(crate) payload: Arc<[u8]>,
    marker: bool,
    extensions: ExtensionValues,
}

impl Packet {
    pub(super) fn new(mid: Mid, layer: Layer, codec: Codec, packet: RtpPacket) -> Self {
        let payload = packet.payload;
        let picture = match codec {
            Codec::Vp8 => read_vp8(&payload),
            Codec::Vp9(_) => read_vp9(&payload),
            Codec::Opus | Codec::H264(..) | Codec::Av1(_) => Picture::default(),
        };
        let values = packet.header.ext_vals;
        Self {
            mid,
            layer,
            ssrc: *packet.header.ssrc,
            codec,
            numbers: Numbers { seq: *packet.seq_no, time: packet.header.timestamp, picture },
            starts: starts(codec, &payload),
            level_dbov: values.audio_level,
            marker: packet.header.marker,
            // Only what is said to the receiver end to end; the rest belongs to one hop.
            extensions: ExtensionValues {
                audio_level: values.audio_level,
                voice_activity: values.voice_activity,
                video_orientation: values.video_orientation,
                ..ExtensionValues::default()
            },
            payload,
        }
    }
}

#[cfg(test)]
impl Packet {
    /// A packet without content.
    pub(crate) fn made_up(
        layer: Layer,
        ssrc: u32,
        codec: Codec,
        numbers: Numbers,
        starts: bool,
    ) -> Self {
        Self {
            // Any name does.
            mid: "0".parse().expect("a name"),
            layer,
            ssrc,
            codec,
            numbers,
            starts,
            level_dbov: None,
            payload: Arc::default(),
            marker: false,
            extensions: ExtensionValues::default(),
        }
    }
}

fn starts(codec: Codec, payload: &[u8]) -> bool {
    match codec {
        Codec::Opus => true,
        Codec::Vp8 => detect_vp8_keyframe(payload),
        Codec::Vp9(_) => detect_vp9_keyframe(payload),
        Codec::H264(..) => detect_h264_keyframe(payload),
        Codec::Av1(_) => detect_av1_keyframe(payload),
    }
}

/// A packet on its way to one receiver.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outgoing<'a> {
    pub(crate) packet: &'a Packet,
    /// The receiver's payload type for the packet's codec.
    pub(crate) payload_type: u8,
    pub(crate) numbers: Numbers,
}

impl Outgoing<'_> {
    pub(super) fn into_write(self, now: std::time::Instant) -> RtpWrite {
        let packet = self.packet;
        let moved = self.numbers.picture != packet.numbers.picture;
        let payload = match packet.codec {
            Codec::Vp9(_) if moved => {
                let mut payload = packet.payload.to_vec();
                write_vp9(&mut payload, self.numbers.picture);
                payload.into()
            }
            Codec::Vp9(_) | Codec::Opus | Codec::Vp8 | Codec::H264(..) | Codec::Av1(_) => {
                Arc::clone(&packet.payload)
            }
        };
        let write = RtpWrite::new(
            self.payload_type.into(),
            SeqNo::from(self.numbers.seq),
            self.numbers.time,
            now,
            payload,
        )
        .marker(packet.marker)
        .ext_vals(packet.extensions.clone())
        // Padding has no payload. Kept, it would be repeated as padding, which it cannot fill.
        .nackable(!packet.payload.is_empty());
        match packet.codec {
            Codec::Vp8 if moved => match vp8_patch(&packet.payload, self.numbers.picture) {
                Some(patch) => write.vp8_patch(patch),
                None => write,
            },
            Codec::Vp8 | Codec::Opus | Codec::Vp9(_) | Codec::H264(..) | Codec::Av1(_) => write,
        }
    }
}

/// Whether a packet is of RTP, not RTCP nor another protocol (RFC 7983, section 7; RFC 5761,
/// section 4).
pub(super) fn is_rtp(packet: &[u8]) -> bool {
    matches!(packet, [128..=191, second, ..] if !(192..=223).contains(second))
}

/// The payload is shared by all receivers, so that VP8's numbers are written over it on the way
/// out and not in it.
fn vp8_patch(payload: &[u8], picture: Picture) -> Option<str0m::rtp::Vp8Patch> {
    let mut patch = Vp8Descriptor::parse(payload).ok()?.patch();
    if let Some(id) = picture.id {
        patch = patch.picture_id(id.value);
    }
    if let Some(tl0) = picture.tl0 {
        patch = patch.tl0_pic_idx(tl0);
    }
    patch.build().ok()
}
