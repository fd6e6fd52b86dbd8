//! Framing of packets on a TCP connection (RFC 4571): each has its length before it, in two bytes.

/// The largest packet taken. What WebRTC sends fits an Ethernet frame.
const PACKET_MAX_BYTES: usize = 2_048;

/// Takes packets out of a stream of bytes.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    buffer: Vec<u8>,
    /// What of the buffer has been taken.
    at: usize,
}

/// The stream is not what it should be, and cannot be read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLarge;

impl Frames {
    /// Adds bytes as they came.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.at);
        self.at = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// The next packet, once it is complete. Empty ones are skipped.
    pub(crate) fn next(&mut self) -> Result<Option<&[u8]>, TooLarge> {
        loop {
            let Some([high, low]) = self.buffer.get(self.at..self.at + 2) else {
                return Ok(None);
            };
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            if length > PACKET_MAX_BYTES {
                return Err(TooLarge);
            }
            let start = self.at + 2;
            if self.buffer.len() < start + length {
                return Ok(None);
            }
            self.at = start + length;
            if length > 0 {
                return Ok(Some(&self.buffer[start..start + length]));
            }
        }
    }
}

/// Appends a packet with its length to `stream`. What has no length in two bytes is left out.
pub(crate) fn frame(packet: &[u8], stream: &mut Vec<u8>) {
    if let Ok(length) = u16::try_from(packet.len()) {
        stream.extend_from_slice(&length.to_be_bytes());
        stream.extend_from_slice(packet);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// However the stream is cut up on its way, the same packets come out.
        #[test]
        fn packets_survive_any_cut(
            packets in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..300), 0..20),
            cuts in prop::collection::vec(1usize..50, 1..20),
        ) {
            let mut stream = Vec::new();
            for packet in &packets {
                frame(packet, &mut stream);
            }
            let mut frames = Frames::default();
            let mut out = Vec::new();
            let mut cuts = cuts.iter().cycle();
            let mut rest = &stream[..];
            while !rest.is_empty() {
                let cut = (*cuts.next().unwrap()).min(rest.len());
                frames.push(&rest[..cut]);
                rest = &rest[cut..];
                while let Some(packet) = frames.next().unwrap() {
                    out.push(packet.to_vec());
                }
            }
            prop_assert_eq!(out, packets);
        }
    }

    #[test]
    fn empty_packets_are_skipped_and_large_ones_refused() {
        let mut frames = Frames::default();
        frames.push(&[0, 0, 0, 1, 9]);
        assert_eq!(frames.next(), Ok(Some(&[9][..])));
        assert_eq!(frames.next(), Ok(None));
        frames.push(&[0xff, 0xff]);
        assert_eq!(frames.next(), Err(TooLarge));
    }
}
