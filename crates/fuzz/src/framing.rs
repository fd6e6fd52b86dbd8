//! Target `framing`: bytes of a TCP connection, cut into packets by RFC 4571.

use bellwire_media::fuzzing::{frame, unframe};

/// The first byte says how the rest is cut into pieces; the rest is what a client sends.
///
/// However the bytes come, the same packets are read, and written they are the same again.
pub fn framing(data: &[u8]) {
    let Some((&cut, stream)) = data.split_first() else { return };
    let whole = unframe(&[stream]);
    for size in [1, usize::from(cut % 16) + 1, usize::from(cut) + 1] {
        let pieces: Vec<&[u8]> = stream.chunks(size).collect();
        assert_eq!(unframe(&pieces), whole, "in pieces of {size} bytes");
    }
    let (packets, _) = whole;
    assert_eq!(unframe(&[&frame(&packets)]), (packets, true));
}
