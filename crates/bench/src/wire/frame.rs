//! Frames of RFC 6455, whole ones only: neither side of a measurement sends fragments.

use super::mask::{self, Mask};

/// A frame longer than this is taken for a broken stream, in bytes; four times what the wire of
/// Bellwire allows.
const LONGEST_BYTES: usize = 1 << 20;
const FINAL: u8 = 0x80;
const MASKED: u8 = 0x80;
/// Lengths of two and of eight bytes follow these.
const SHORT: u8 = 0x7e;
const LONG: u8 = 0x7f;

/// What a frame is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opcode {
    /// A text message.
    Text,
    /// The goodbye, with a code and a reason.
    Close,
    /// Asks for a pong.
    Ping,
    /// Answers a ping.
    Pong,
}

/// A frame as it stands in the bytes received.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    pub(crate) opcode: Opcode,
    /// The key with which `payload` is masked; from clients only.
    pub(crate) mask: Option<Mask>,
    pub(crate) payload: &'a [u8],
}

/// Why bytes are no frame that we take.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FrameError {
    /// Fragments, reserved bits, binary or unknown opcodes.
    #[error("a frame begins with {0:#04x}; only whole text and control frames are expected")]
    Kind(u8),
    /// A length that nobody sends.
    #[error("a frame of {0} bytes, at most {LONGEST_BYTES} are expected")]
    TooLong(u64),
}

/// The first frame of `bytes` and how many bytes it takes; `None` while it is not all there.
pub(crate) fn split(bytes: &[u8]) -> Result<Option<(Frame<'_>, usize)>, FrameError> {
    let [first, second, rest @ ..] = bytes else { return Ok(None) };
    let opcode = match *first {
        0x81 => Opcode::Text,
        0x88 => Opcode::Close,
        0x89 => Opcode::Ping,
        0x8a => Opcode::Pong,
        other => return Err(FrameError::Kind(other)),
    };
    let (length, rest) = match second & !MASKED {
        SHORT => {
            let Some((bytes, rest)) = rest.split_first_chunk() else { return Ok(None) };
            (u64::from(u16::from_be_bytes(*bytes)), rest)
        }
        LONG => {
            let Some((bytes, rest)) = rest.split_first_chunk() else { return Ok(None) };
            (u64::from_be_bytes(*bytes), rest)
        }
        length => (u64::from(length), rest),
    };
    let payload_bytes = usize::try_from(length)
        .ok()
        .filter(|&bytes| bytes <= LONGEST_BYTES)
        .ok_or(FrameError::TooLong(length))?;
    let (mask, rest) = if second & MASKED == 0 {
        (None, rest)
    } else {
        let Some((mask, rest)) = rest.split_first_chunk() else { return Ok(None) };
        (Some(*mask), rest)
    };
    let Some(payload) = rest.get(..payload_bytes) else { return Ok(None) };
    let size = bytes.len() - rest.len() + payload_bytes;
    Ok(Some((Frame { opcode, mask, payload }, size)))
}

/// Appends a frame to `out`; clients mask, servers do not.
pub(crate) fn push(out: &mut Vec<u8>, opcode: Opcode, payload: &[u8], mask: Option<Mask>) {
    let code = match opcode {
        Opcode::Text => 1,
        Opcode::Close => 8,
        Opcode::Ping => 9,
        Opcode::Pong => 10,
    };
    out.push(FINAL | code);
    let masked = if mask.is_some() { MASKED } else { 0 };
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(length @ ..=125), _) => out.push(masked | length),
        (_, Ok(length)) => {
            out.push(masked | SHORT);
            out.extend_from_slice(&length.to_be_bytes());
        }
        _ => {
            out.push(masked | LONG);
            out.extend_from_slice(&(payload.len() as u64).to_be_bytes());
        }
    }
    out.extend(mask.into_iter().flatten());
    let begin = out.len();
    out.extend_from_slice(payload);
    if let Some(mask) = mask {
        mask::apply(mask, &mut out[begin..]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_comes_back_masked_or_not() {
        for length in [0, 1, 125, 126, 127, 65_535, 65_536, 300_000] {
            for mask in [None, Some([9, 8, 7, 6])] {
                let payload: Vec<u8> = (0..251).cycle().take(length).collect();
                let mut bytes = Vec::new();
                push(&mut bytes, Opcode::Text, &payload, mask);
                bytes.extend_from_slice(b"more");
                let (frame, size) = split(&bytes).expect("a frame").expect("a whole one");
                assert_eq!((frame.opcode, frame.mask, size), (Opcode::Text, mask, bytes.len() - 4));
                let mut plain = frame.payload.to_vec();
                mask::apply(mask.unwrap_or_default(), &mut plain);
                assert!(plain == payload, "{length} bytes, mask {mask:?}");
            }
        }
    }

    #[test]
    fn a_part_of_a_frame_is_waited_for() {
        for length in [5, 200, 70_000] {
            let mut bytes = Vec::new();
            push(&mut bytes, Opcode::Ping, &vec![b'x'; length], Some([1, 2, 3, 4]));
            for part in (0..bytes.len()).step_by(if length > 1_000 { 997 } else { 1 }) {
                assert_eq!(split(&bytes[..part]), Ok(None), "{part} of {}", bytes.len());
            }
        }
    }

    #[test]
    fn fragments_binary_and_endless_frames_are_refused() {
        assert_eq!(split(&[0x01, 0x00]), Err(FrameError::Kind(0x01)));
        assert_eq!(split(&[0x82, 0x00]), Err(FrameError::Kind(0x82)));
        let endless = [0x81, 127, 0, 0, 0, 1, 0, 0, 0, 0];
        assert_eq!(split(&endless), Err(FrameError::TooLong(1 << 32)));
    }

    #[test]
    fn the_greeting_of_the_rfc_is_read() {
        let bytes = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
        let (frame, size) = split(&bytes).expect("a frame").expect("a whole one");
        let mut text = frame.payload.to_vec();
        mask::apply(frame.mask.expect("a mask"), &mut text);
        assert_eq!((text.as_slice(), size), (b"Hello".as_slice(), 11));
    }
}
