//! Target `rewriting`: packets of senders, whose numbers are moved so that a slot is one stream.

use std::collections::BTreeSet;
use std::time::Instant;

use bellwire_media::fuzzing::{rewrite, vp8_size, vp9_there_and_back};

/// Bytes of a packet: whether a source begins, its numbers, the start of its payload.
const PACKET_BYTES: usize = 16;

/// Each 16 bytes are a packet of VP8; all of them together are a payload of VP9 as well.
///
/// The numbers of a source never meet those of the one before it, and nothing but numbers is
/// changed.
pub fn rewriting(data: &[u8]) {
    let Some((start, packets)) = data.split_first_chunk::<2>() else { return };
    let pictures = u16::from_be_bytes(*start);
    assert_eq!(vp9_there_and_back(packets, pictures), packets);
    let read = || {
        packets.chunks_exact(PACKET_BYTES).enumerate().map(|(n, bytes)| {
            let begins = n == 0 || bytes[0] & 1 == 1;
            let seq = u64::from(u16::from_be_bytes([bytes[1], bytes[2]])) << (bytes[0] >> 4);
            let time = u32::from_be_bytes([bytes[3], bytes[4], bytes[5], bytes[6]]);
            (begins, seq, time, bytes[7..].to_vec())
        })
    };
    let mut sent = BTreeSet::new();
    let mut of_source = BTreeSet::new();
    for ((begins, _, _, payload), number) in read().zip(rewrite(pictures, read(), Instant::now())) {
        vp8_size(&payload);
        if begins {
            sent.append(&mut of_source);
        }
        let Some(number) = number else {
            assert!(!begins, "a source begins with its first packet");
            continue;
        };
        assert!(sent.last().is_none_or(|last| *last < number), "{number} was another source's");
        of_source.insert(number);
    }
}
