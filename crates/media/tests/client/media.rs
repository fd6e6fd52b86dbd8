//! Made-up media: Opus by its size, VP8 with true headers, both with marks to know them again.

use std::sync::Arc;
use std::time::{Duration, Instant};

/// A VP8 stream.
#[derive(Clone, Debug)]
pub struct VideoShape {
    /// Of the layer; empty without simulcast.
    pub rid: &'static str,
    pub width: u16,
    pub height: u16,
    pub bps: u32,
}

impl VideoShape {
    pub fn new(rid: &'static str, width: u16, height: u16, bps: u32) -> Self {
        Self { rid, width, height, bps }
    }
}

/// What the sender of a packet wrote into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marks {
    /// `a` for sound, `v` for pictures.
    pub kind: u8,
    /// The layer's first letter; 0 without layers.
    pub layer: u8,
    /// Which of the sender's packets of that stream it is.
    pub number: u32,
    pub is_key: bool,
    /// As the receiver was told.
    pub picture: Option<u16>,
}

const MARK: [u8; 4] = *b"MARK";

/// Pictures per second of all video.
pub const FRAME: Duration = Duration::from_millis(40);

/// The length of a packet of sound.
pub const SOUND: Duration = Duration::from_millis(20);

const PACKET_BYTES: usize = 1_000;

/// Writes the packets of one stream.
pub struct Writer {
    kind: u8,
    layer: u8,
    number: u32,
    pub seq: u64,
    pub time: u32,
    picture: u16,
    shape: Option<VideoShape>,
    pub wants_key: bool,
    /// Sends nothing but key frames, asked or not.
    pub only_keys: bool,
    pub due: Instant,
}

/// A packet to be sent.
pub struct Written {
    pub seq: u64,
    pub time: u32,
    pub marker: bool,
    pub payload: Arc<[u8]>,
}

impl Writer {
    pub fn sound(due: Instant) -> Self {
        Self::new(b'a', 0, None, due)
    }

    pub fn video(shape: VideoShape, due: Instant) -> Self {
        let layer = shape.rid.bytes().next().unwrap_or(0);
        Self::new(b'v', layer, Some(shape), due)
    }

    fn new(kind: u8, layer: u8, shape: Option<VideoShape>, due: Instant) -> Self {
        Self {
            kind,
            layer,
            number: 0,
            seq: rand::random::<u64>() & 0x7fff,
            time: rand::random(),
            picture: rand::random::<u16>() & 0x7fff,
            shape,
            wants_key: true,
            only_keys: false,
            due,
        }
    }

    /// The packets that are due next.
    pub fn next(&mut self) -> Vec<Written> {
        let Some(shape) = self.shape.clone() else {
            self.due += SOUND;
            self.time = self.time.wrapping_add(960);
            let payload = self.marks(false);
            return vec![self.written(payload, false)];
        };
        self.due += FRAME;
        self.time = self.time.wrapping_add(3_600);
        self.picture = (self.picture + 1) & 0x7fff;
        let is_key = std::mem::take(&mut self.wants_key) || self.only_keys;
        let bytes = usize::try_from(shape.bps / 8 / 25).unwrap() * if is_key { 3 } else { 1 };
        let count = bytes.div_ceil(PACKET_BYTES);
        let each = bytes / count;
        (0..count)
            .map(|index| {
                let [high, low] = self.picture.to_be_bytes();
                let start = if index == 0 { 0x10 } else { 0 };
                // X; I, L and T; picture id of 15 bits; TL0PICIDX; TID 0.
                let mut payload = vec![0x80 | start, 0xe0, 0x80 | high, low, low, 0x20];
                if index == 0 {
                    payload.extend([u8::from(!is_key), 0, 0, 0x9d, 0x01, 0x2a]);
                    payload.extend(shape.width.to_le_bytes());
                    payload.extend(shape.height.to_le_bytes());
                }
                payload.extend(self.marks(is_key));
                payload.resize(payload.len().max(each), 0xaa);
                self.written(payload, index + 1 == count)
            })
            .collect()
    }

    fn marks(&mut self, is_key: bool) -> Vec<u8> {
        self.number += 1;
        let mut marks = MARK.to_vec();
        marks.extend([self.kind, self.layer, u8::from(is_key)]);
        marks.extend(self.number.to_be_bytes());
        marks.resize(60, 0);
        marks
    }

    fn written(&mut self, payload: Vec<u8>, marker: bool) -> Written {
        self.seq += 1;
        Written { seq: self.seq, time: self.time, marker, payload: payload.into() }
    }
}

impl Marks {
    /// Finds the marks of a payload.
    pub fn read(payload: &[u8]) -> Option<Self> {
        let at = payload.windows(MARK.len()).take(40).position(|window| window == MARK)?;
        let marks = payload.get(at + 4..at + 11)?;
        let is_video = marks[0] == b'v';
        Some(Self {
            kind: marks[0],
            layer: marks[1],
            is_key: marks[2] == 1,
            number: u32::from_be_bytes([marks[3], marks[4], marks[5], marks[6]]),
            picture: is_video.then(|| u16::from_be_bytes([payload[2] & 0x7f, payload[3]])),
        })
    }
}
