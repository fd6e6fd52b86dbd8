//! The media that is sent: RTP payloads with true headers of VP8 and the size of Opus, and in their
//! last bytes what a receiver tells them by. Servers do not look there.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

/// Of pictures: 30 a second, 1.2 Mbit/s together.
const FRAME: Duration = Duration::from_nanos(33_333_333);
const FRAME_BYTES: usize = 5_000;
/// Frames differ by up to this part of their size, as an encoder's do.
const FRAME_VARIES: usize = FRAME_BYTES / 4;
/// A frame that needs no other is so many times as large.
const KEY_FRAME_TIMES: usize = 4;
/// The most payload of a packet; browsers have about as much.
const PACKET_BYTES: usize = 1_100;
/// Of sound: 20 ms of Opus at 32 kbit/s.
const SOUND: Duration = Duration::from_millis(20);
const SOUND_BYTES: usize = 80;
/// Ticks of the RTP clocks in a frame.
const FRAME_TICKS: u32 = 3_000;
const SOUND_TICKS: u32 = 960;

const MAGIC: u32 = 0x6265_6c6c;
/// The length of a [`Mark`] as it is written.
const MARK_BYTES: usize = 24;

/// What a packet is told by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    /// When it was written, in nanoseconds since the run began.
    pub(super) at_ns: u64,
    /// Which stream it is of.
    pub(super) stream: u32,
    /// Its number among the packets of that stream in the window.
    pub(super) number: u32,
    /// Which window of measuring it was sent in; 0 is none.
    pub(super) window: u32,
}

impl Mark {
    /// The mark of a payload, if it has one.
    pub(super) fn read(payload: &[u8]) -> Option<Self> {
        let mark: &[u8; MARK_BYTES] = payload.last_chunk()?;
        let word =
            |at: usize| u32::from_be_bytes([mark[at], mark[at + 1], mark[at + 2], mark[at + 3]]);
        (word(0) == MAGIC).then(|| Self {
            at_ns: u64::from(word(4)) << 32 | u64::from(word(8)),
            stream: word(12),
            number: word(16),
            window: word(20),
        })
    }

    fn write(self, payload: &mut [u8]) {
        let begin = payload.len() - MARK_BYTES;
        let mark = &mut payload[begin..];
        mark[..4].copy_from_slice(&MAGIC.to_be_bytes());
        mark[4..12].copy_from_slice(&self.at_ns.to_be_bytes());
        mark[12..16].copy_from_slice(&self.stream.to_be_bytes());
        mark[16..20].copy_from_slice(&self.number.to_be_bytes());
        mark[20..].copy_from_slice(&self.window.to_be_bytes());
    }
}

/// A packet to be sent.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) seq: u64,
    pub(super) ticks: u32,
    pub(super) marker: bool,
    pub(super) payload: Arc<[u8]>,
}

/// A packet that waits for its time.
#[derive(Debug)]
struct Part {
    due: Instant,
    seq: u64,
    ticks: u32,
    marker: bool,
    head: Vec<u8>,
    bytes: usize,
}

/// Writes the packets of one stream.
#[derive(Debug)]
pub(super) struct Writer {
    stream: u32,
    is_picture: bool,
    seq: u64,
    ticks: u32,
    picture: u16,
    chance: u32,
    wants_key: bool,
    next_frame: Instant,
    /// The packets of a frame are sent over so long; 0 is at once.
    spread: Duration,
    parts: VecDeque<Part>,
    window: u32,
    in_window: u32,
}

impl Writer {
    /// A stream of sound, or of pictures. Its frames are due at times of its own.
    pub(super) fn new(stream: u32, is_picture: bool, spread: Duration, begin: Instant) -> Self {
        // Knuth's multiplier: neighbours lie far apart.
        let chance = (stream + 1).wrapping_mul(0x9E37_79B9);
        let length = if is_picture { FRAME } else { SOUND };
        Self {
            stream,
            is_picture,
            // Low, so that the first wrap is far off (RFC 3711, 3.3.1).
            seq: u64::from(chance >> 18),
            ticks: chance,
            picture: 0,
            chance,
            wants_key: true,
            next_frame: begin + length.mul_f64(f64::from(chance >> 8) / f64::from(1 << 24)),
            spread,
            parts: VecDeque::new(),
            window: 0,
            in_window: 0,
        }
    }

    /// When the next packet is due.
    pub(super) fn due(&self) -> Instant {
        self.parts.front().map_or(self.next_frame, |part| part.due)
    }

    /// The next frame is one that needs no other.
    pub(super) fn ask_key_frame(&mut self) {
        self.wants_key = true;
    }

    /// Counts anew from the next packet on.
    pub(super) fn enter(&mut self, window: u32) {
        self.window = window;
        self.in_window = 0;
    }

    /// Packets sent in this window.
    pub(super) fn in_window(&self) -> u32 {
        self.in_window
    }

    /// Which stream it is.
    pub(super) fn stream(&self) -> u32 {
        self.stream
    }

    pub(super) fn is_picture(&self) -> bool {
        self.is_picture
    }

    /// The next packet, if it is due.
    pub(super) fn next(&mut self, now: Instant, at_ns: u64) -> Option<Written> {
        if self.parts.is_empty() && self.next_frame <= now {
            self.begin_frame(now);
        }
        self.parts.front().filter(|part| part.due <= now)?;
        let part = self.parts.pop_front()?;
        let mut payload = part.head;
        payload.resize(part.bytes, 0xaa);
        let (stream, number, window) = (self.stream, self.in_window, self.window);
        Mark { at_ns, stream, number, window }.write(&mut payload);
        self.in_window += 1;
        let Part { seq, ticks, marker, .. } = part;
        Some(Written { seq, ticks, marker, payload: payload.into() })
    }

    fn begin_frame(&mut self, now: Instant) {
        let due = self.next_frame;
        self.next_frame += if self.is_picture { FRAME } else { SOUND };
        if self.next_frame + 10 * FRAME < now {
            // What a stall left behind is not made up for.
            self.next_frame = now;
        }
        if !self.is_picture {
            self.ticks = self.ticks.wrapping_add(SOUND_TICKS);
            self.part(due, Vec::new(), SOUND_BYTES, false);
            return;
        }
        self.ticks = self.ticks.wrapping_add(FRAME_TICKS);
        self.picture = (self.picture + 1) & 0x7fff;
        let is_key = std::mem::take(&mut self.wants_key);
        let bytes = self.frame_bytes() * if is_key { KEY_FRAME_TIMES } else { 1 };
        let count = bytes.div_ceil(PACKET_BYTES);
        // As libwebrtc parts a frame: as evenly as can be, the longer packets last.
        let (each, longer) = (bytes / count, bytes % count);
        for index in 0..count {
            let [high, low] = self.picture.to_be_bytes();
            let start = if index == 0 { 0x10 } else { 0 };
            // RFC 7741, 4.2: X, S; I, L, T; a picture id of 15 bits; TL0PICIDX; TID 0.
            let mut head = vec![0x80 | start, 0xe0, 0x80 | high, low, low, 0x20];
            if index == 0 {
                // RFC 6386, 9.1: a frame header, and of key frames the size (1280 x 720).
                head.extend([u8::from(!is_key), 0, 0, 0x9d, 0x01, 0x2a, 0x00, 0x05, 0xd0, 0x02]);
            }
            let bytes = each + usize::from(index >= count - longer);
            let part = u32::try_from(index).unwrap_or(u32::MAX);
            let later = self.spread * part / u32::try_from(count).unwrap_or(u32::MAX).max(1);
            self.part(due + later, head, bytes, index + 1 == count);
        }
    }

    fn part(&mut self, due: Instant, head: Vec<u8>, bytes: usize, marker: bool) {
        self.seq += 1;
        self.parts.push_back(Part { due, seq: self.seq, ticks: self.ticks, marker, head, bytes });
    }

    /// Around [`FRAME_BYTES`]; xorshift32.
    fn frame_bytes(&mut self) -> usize {
        self.chance ^= self.chance << 13;
        self.chance ^= self.chance >> 17;
        self.chance ^= self.chance << 5;
        let chance = usize::try_from(self.chance).unwrap_or_default();
        FRAME_BYTES - FRAME_VARIES + chance % (2 * FRAME_VARIES + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All packets of a second.
    fn second(mut writer: Writer, begin: Instant) -> Vec<Written> {
        let mut all = Vec::new();
        while writer.due() < begin + Duration::from_secs(1) {
            let due = writer.due();
            all.push(writer.next(due, 7).expect("it is due"));
        }
        all
    }

    #[test]
    fn a_second_of_pictures_has_its_rate_and_one_marker_a_frame() {
        let begin = Instant::now();
        let all = second(Writer::new(3, true, Duration::ZERO, begin), begin);
        let frames = all.iter().filter(|packet| packet.marker).count();
        assert!((29..=31).contains(&frames), "{frames}");
        let bytes: usize = all.iter().map(|packet| packet.payload.len()).sum();
        // The first frame is larger.
        assert!((140_000..200_000).contains(&bytes), "{bytes}");
        assert!(all.windows(2).all(|pair| pair[1].seq == pair[0].seq + 1));
        assert!(all.iter().all(|packet| packet.payload.len() <= PACKET_BYTES));
    }

    #[test]
    fn marks_are_found_again_and_count_from_the_window_on() {
        let begin = Instant::now();
        let mut writer = Writer::new(9, false, Duration::ZERO, begin);
        let due = writer.due();
        writer.next(due, 1).expect("a packet");
        writer.enter(2);
        let due = writer.due();
        let packet = writer.next(due, u64::MAX - 5).expect("a packet");
        let mark = Mark { at_ns: u64::MAX - 5, stream: 9, number: 0, window: 2 };
        assert_eq!(Mark::read(&packet.payload), Some(mark));
        assert_eq!((Mark::read(b"short"), Mark::read(&[0; 40])), (None, None));
    }

    #[test]
    fn a_frame_can_be_spread() {
        let begin = Instant::now();
        let mut writer = Writer::new(1, true, Duration::from_millis(10), begin);
        let first = writer.due();
        writer.next(first, 0).expect("a packet");
        assert!(writer.next(first, 0).is_none(), "the second comes later");
        assert!(writer.due() > first && writer.due() < first + Duration::from_millis(10));
    }
}
