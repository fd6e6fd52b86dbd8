//! The names by which the embedder and the SFU speak of rooms, peers and tracks.

use std::fmt;
use std::str::FromStr;

use crate::error::OfferError;

/// A room: the peers in it may receive each other's tracks. Chosen by the embedder, unique among
/// live rooms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoomKey(pub u64);

/// A peer of a room, with at most one connection at a time. Chosen by the embedder, unique within
/// its room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerKey(pub u64);

/// The longest name of an m-line, in bytes. The name travels in every first packet of a stream.
pub const MID_MAX_BYTES: usize = 16;

/// The name of an m-line of an offer (`a=mid`, RFC 5888): 1 to 16 ASCII letters and digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mid {
    bytes: [u8; MID_MAX_BYTES],
    len: u8,
}

impl Mid {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        // Only ASCII gets past `from_str`, so that the default is never taken.
        std::str::from_utf8(&self.bytes[..usize::from(self.len)]).unwrap_or_default()
    }
}

impl FromStr for Mid {
    type Err = OfferError;

    fn from_str(text: &str) -> Result<Self, OfferError> {
        let fits = (1..=MID_MAX_BYTES).contains(&text.len());
        if !fits || !text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(OfferError::sdp("an m-line's mid is 1 to 16 letters and digits"));
        }
        let mut bytes = [0; MID_MAX_BYTES];
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        let len = u8::try_from(text.len()).unwrap_or_default();
        Ok(Self { bytes, len })
    }
}

impl fmt::Display for Mid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Mid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mid({self})")
    }
}

/// What a track shows or lets hear. A peer sends at most one track of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// The voice.
    Mic,
    /// The face; may come in simulcast layers.
    Camera,
    /// A shared screen.
    Screen,
    /// The sound of what is on the shared screen.
    ScreenAudio,
}

impl Source {
    /// Whether it is sound or picture.
    pub fn kind(self) -> Kind {
        match self {
            Self::Mic | Self::ScreenAudio => Kind::Audio,
            Self::Camera | Self::Screen => Kind::Video,
        }
    }
}

/// Sound or picture: what an m-line is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `m=audio`.
    Audio,
    /// `m=video`.
    Video,
}

/// Which of a peer's tracks may flow to others now. What is not granted is not forwarded, whatever
/// is sent.
#[expect(clippy::struct_excessive_bools, reason = "a set, one flag for each source")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Grant {
    /// Whether the voice may flow.
    pub mic: bool,
    /// Whether the face may flow.
    pub camera: bool,
    /// Whether the screen may flow.
    pub screen: bool,
    /// Whether the sound of the screen may flow.
    pub screen_audio: bool,
}

impl Grant {
    /// Everything may flow.
    pub const ALL: Self = Self { mic: true, camera: true, screen: true, screen_audio: true };

    /// Whether a track of that source may flow.
    pub fn allows(self, source: Source) -> bool {
        match source {
            Source::Mic => self.mic,
            Source::Camera => self.camera,
            Source::Screen => self.screen,
            Source::ScreenAudio => self.screen_audio,
        }
    }
}

/// What a peer wants to flow in one of its receiving slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Want {
    /// Whose track; need not exist yet.
    pub peer: PeerKey,
    /// Which of that peer's tracks.
    pub source: Source,
    /// Width and height in device pixels at which the picture is shown, by which the simulcast
    /// layer is chosen. `None`: as large as there is. Zero: shown nowhere, so nothing is sent.
    pub size: Option<(u16, u16)>,
}
