//! The numbers of a slot's stream.

use std::time::Instant;

use super::picture::Picture;

/// The numbers of a packet that must go on when the source behind a stream changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Numbers {
    /// The sequence number, extended past 16 bits.
    pub(crate) seq: u64,
    /// The RTP timestamp.
    pub(crate) time: u32,
    pub(crate) picture: Picture,
}

/// Moves the numbers of whatever flows in a slot so that they are those of one stream.
#[derive(Debug)]
pub(crate) struct Continuity {
    clock_rate_hz: u32,
    sent: Option<Sent>,
    start: Start,
    moves: Moves,
}

/// Where a stream begins. Random, as RFC 3550 section 5.1 wants it.
#[derive(Clone, Copy, Debug)]
struct Start {
    seq: u64,
    time: u32,
}

/// The highest numbers sent.
#[derive(Clone, Copy, Debug)]
struct Sent {
    seq: u64,
    time: u32,
    at: Instant,
    picture: u16,
    tl0: u8,
}

/// What is added to the numbers of the source that flows now.
#[derive(Clone, Copy, Debug, Default)]
struct Moves {
    /// The source's packets before this one were not forwarded and are not now.
    first_seq: u64,
    seq: i64,
    time: u32,
    picture: u16,
    tl0: u8,
}

impl Continuity {
    /// A stream that has sent nothing. `seq` stays in the lower half of its 16 bits so that the
    /// first wrap is far off: receivers guess the SRTP roll-over counter from it (RFC 3711
    /// section 3.3.1).
    pub(crate) fn new(clock_rate_hz: u32, seq: u16, time: u32) -> Self {
        Self {
            clock_rate_hz,
            sent: None,
            start: Start { seq: u64::from(seq & 0x7fff), time },
            moves: Moves::default(),
        }
    }

    /// From here on another source flows, of which `first` is the first packet.
    ///
    /// Its sequence number follows the last one sent, its timestamp lies as much later as it came
    /// later.
    pub(crate) fn switch(&mut self, first: &Numbers, now: Instant) {
        let (seq, time, picture, tl0) = match self.sent {
            None => {
                let id = first.picture.id.map_or(0, |id| id.value);
                (self.start.seq, self.start.time, id, first.picture.tl0.unwrap_or(0))
            }
            Some(sent) => {
                let passed = now.saturating_duration_since(sent.at).as_micros();
                let ticks = passed * u128::from(self.clock_rate_hz) / 1_000_000;
                // Two pictures never share a timestamp. Days of silence may wrap, as they do.
                let ticks = u32::try_from(ticks & u128::from(u32::MAX)).unwrap_or(1).max(1);
                (
                    sent.seq + 1,
                    sent.time.wrapping_add(ticks),
                    sent.picture.wrapping_add(1),
                    sent.tl0.wrapping_add(1),
                )
            }
        };
        self.moves = Moves {
            first_seq: first.seq,
            seq: seq.wrapping_sub(first.seq).cast_signed(),
            time: time.wrapping_sub(first.time),
            picture: picture.wrapping_sub(first.picture.id.map_or(0, |id| id.value)),
            tl0: tl0.wrapping_sub(first.picture.tl0.unwrap_or(0)),
        };
    }

    /// The numbers under which a packet of the current source is sent; none for one from before
    /// the switch.
    pub(crate) fn rewrite(&mut self, packet: &Numbers, now: Instant) -> Option<Numbers> {
        if packet.seq < self.moves.first_seq {
            return None;
        }
        let numbers = Numbers {
            seq: packet.seq.checked_add_signed(self.moves.seq)?,
            time: packet.time.wrapping_add(self.moves.time),
            picture: Picture {
                id: packet.picture.id.map(|id| id.plus(self.moves.picture)),
                tl0: packet.picture.tl0.map(|tl0| tl0.wrapping_add(self.moves.tl0)),
            },
        };
        if self.sent.is_none_or(|sent| sent.seq < numbers.seq) {
            self.sent = Some(Sent {
                seq: numbers.seq,
                time: numbers.time,
                at: now,
                picture: numbers.picture.id.map_or(0, |id| id.value),
                tl0: numbers.picture.tl0.unwrap_or(0),
            });
        }
        Some(numbers)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::rewrite::PictureId;

    fn video(seq: u64, time: u32, picture: u16) -> Numbers {
        Numbers {
            seq,
            time,
            picture: Picture {
                id: Some(PictureId { value: picture & 0x7fff, wide: true }),
                tl0: Some(picture.to_le_bytes()[0]),
            },
        }
    }

    #[test]
    fn a_switch_goes_on_where_the_last_source_ended() {
        let start = Instant::now();
        let mut stream = Continuity::new(90_000, 7, 1_000);
        let first = video(500, 90_000, 0x7fff);
        stream.switch(&first, start);
        let sent = stream.rewrite(&first, start).unwrap();
        assert_eq!(sent, video(7, 1_000, 0x7fff));
        assert_eq!(stream.rewrite(&video(502, 93_000, 1), start).unwrap().seq, 9);

        // 100 ms later another source, far away in every number.
        let later = start + Duration::from_millis(100);
        let other = video(40, 5, 20);
        stream.switch(&other, later);
        let sent = stream.rewrite(&other, later).unwrap();
        assert_eq!((sent.seq, sent.time), (10, 4_000 + 9_000));
        assert_eq!(sent.picture.id.unwrap().value, 2);
        assert_eq!(stream.rewrite(&video(39, 5, 19), later), None, "from before the switch");
        assert_eq!(stream.rewrite(&video(41, 3_005, 21), later).unwrap().seq, 11);
    }

    proptest! {
        /// Whatever is switched in, and however packets are lost or swapped on the way: no number
        /// is used twice, and within a source the distances stay.
        #[test]
        fn numbers_never_repeat(
            start in any::<u16>(),
            runs in prop::collection::vec(
                (0u64..1 << 40, any::<u32>(), any::<u16>(), prop::collection::vec(0u64..20, 1..20)),
                1..8,
            ),
        ) {
            let mut now = Instant::now();
            let mut stream = Continuity::new(90_000, start, 0);
            let mut used = std::collections::BTreeSet::new();
            for (seq, time, picture, offsets) in runs {
                let first = video(seq, time, picture);
                stream.switch(&first, now);
                let base = stream.rewrite(&first, now).unwrap();
                prop_assert!(used.iter().all(|old| *old < base.seq));
                used.insert(base.seq);
                for offset in offsets {
                    now += Duration::from_millis(3);
                    let packet = video(seq + offset, time.wrapping_add(7), picture.wrapping_add(1));
                    let sent = stream.rewrite(&packet, now).unwrap();
                    prop_assert_eq!(sent.seq - base.seq, offset);
                    prop_assert_eq!(sent.time.wrapping_sub(base.time), 7);
                    used.insert(sent.seq);
                }
            }
        }
    }
}
