//! What must hold of a stream, as its receiver sees it.

use std::collections::BTreeSet;

use super::Received;

/// One SSRC and no sequence number missing or twice, in whatever order they came; timestamps go
/// forward with them, and so do pictures.
pub fn is_continuous(packets: &[Received]) {
    for pair in is_one_stream(packets).windows(2) {
        let (before, after) = (pair[0], pair[1]);
        assert_eq!(after.seq, before.seq + 1, "{before:?} then {after:?}");
        let passed = after.time.wrapping_sub(before.time);
        if let Some((before, after)) = before.marks.picture.zip(after.marks.picture) {
            let on = after.wrapping_sub(before) & 0x7fff;
            assert!(on <= 1, "picture {after} after {before}");
            assert_eq!(on == 0, passed == 0, "a picture has one timestamp");
        }
    }
}

/// One SSRC, no sequence number twice, and timestamps that go forward with them; some may be
/// missing. Gives them in the order of the stream.
pub fn is_one_stream(packets: &[Received]) -> Vec<&Received> {
    let ssrcs: BTreeSet<u32> = packets.iter().map(|packet| packet.ssrc).collect();
    assert_eq!(ssrcs.len(), 1, "one stream has one SSRC");
    let mut sorted: Vec<&Received> = packets.iter().collect();
    sorted.sort_by_key(|packet| packet.seq);
    for pair in sorted.windows(2) {
        let (before, after) = (pair[0], pair[1]);
        assert!(after.seq > before.seq, "twice: {before:?} and {after:?}");
        let passed = after.time.wrapping_sub(before.time);
        assert!(passed < 90_000 * 60, "time went back: {before:?} then {after:?}");
    }
    sorted
}
