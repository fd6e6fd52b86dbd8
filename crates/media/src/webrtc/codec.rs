//! Codecs, as far as forwarding must tell them apart.

use str0m::format::{Codec as Known, PayloadParams};

use crate::keys::Kind;

/// A codec with what a decoder must be able to do for it. Two peers understand each other where
/// these are equal; their payload types may differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Codec {
    Opus,
    Vp8,
    /// The profile (RFC 9628).
    Vp9(u32),
    /// Profile and constraints, the upper 16 bits of `profile-level-id`, and the packetization
    /// mode (RFC 6184). Levels may differ.
    H264(u32, u8),
    /// The profile.
    Av1(u8),
}

impl Codec {
    pub(super) fn of(params: &PayloadParams) -> Option<Self> {
        let spec = params.spec();
        let format = spec.format;
        // What is left out has the default of the codec's RFC.
        match spec.codec {
            Known::Opus => Some(Self::Opus),
            Known::Vp8 => Some(Self::Vp8),
            Known::Vp9 => Some(Self::Vp9(format.profile_id.unwrap_or(0))),
            Known::H264 => Some(Self::H264(
                format.profile_level_id.unwrap_or(0x0042_000a) >> 8,
                format.packetization_mode.unwrap_or(0),
            )),
            Known::Av1 => Some(Self::Av1(format.profile.unwrap_or(0))),
            // The library's list is open, and none of the others was offered.
            _ => None,
        }
    }

    pub(crate) fn kind(self) -> Kind {
        match self {
            Self::Opus => Kind::Audio,
            Self::Vp8 | Self::Vp9(_) | Self::H264(..) | Self::Av1(_) => Kind::Video,
        }
    }

    /// The clock of the RTP timestamps of that kind of media.
    pub(crate) fn clock_rate_hz(kind: Kind) -> u32 {
        match kind {
            Kind::Audio => 48_000,
            Kind::Video => 90_000,
        }
    }
}

/// A video codec, without its profiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum VideoCodec {
    /// VP8 (RFC 7741), which every browser has.
    Vp8,
    /// VP9 (RFC 9628).
    Vp9,
    /// H.264 (RFC 6184).
    H264,
    /// AV1.
    Av1,
}

impl VideoCodec {
    /// All of them, in the order in which a room prefers them: what every receiver can decode and
    /// every phone encode comes first.
    pub(crate) const PREFERENCE: [Self; 4] = [Self::Vp8, Self::H264, Self::Vp9, Self::Av1];

    pub(crate) fn of(codec: Codec) -> Option<Self> {
        match codec {
            Codec::Opus => None,
            Codec::Vp8 => Some(Self::Vp8),
            Codec::Vp9(_) => Some(Self::Vp9),
            Codec::H264(..) => Some(Self::H264),
            Codec::Av1(_) => Some(Self::Av1),
        }
    }
}
