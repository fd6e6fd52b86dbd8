//! WebSocket frames (RFC 6455, section 5) as a server reads and writes them. No socket in here:
//! bytes go in, frames come out.

use std::borrow::Cow;

/// Control frames carry at most so much (section 5.5).
const CONTROL_BYTES: usize = 125;
/// A header with its mask is at most so long.
const HEADER_BYTES: usize = 14;

const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// What a client sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Frame<'a> {
    /// A whole text message.
    Text(&'a str),
    /// A whole binary message; its content is of no use here.
    Binary,
    /// A ping, with what the pong has to repeat.
    Ping(&'a [u8]),
    /// A pong.
    Pong,
    /// The client closes, with its code if it gave one.
    Close(Option<u16>),
}

/// Why what came is not the protocol; nothing after it can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FrameError {
    #[error("a frame breaks the WebSocket protocol: {0}")]
    Broken(&'static str),
    #[error("a frame is far too large")]
    TooLarge,
}

/// Cuts a stream of bytes into frames. While nothing is incomplete it holds no memory.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    /// The beginning of a frame that is not whole yet.
    partial: Vec<u8>,
    /// The parts so far of a message in several frames, and its opcode.
    message: Option<(u8, Vec<u8>)>,
}

/// One frame's header.
struct Header {
    is_last: bool,
    opcode: u8,
    mask: [u8; 4],
    /// Where the payload begins, and where it ends.
    begin: usize,
    end: usize,
}

impl Decoder {
    /// How much it holds of what is not whole yet, in bytes of memory.
    pub(crate) fn held_bytes(&self) -> usize {
        let message = self.message.as_ref().map_or(0, |(_, parts)| parts.capacity());
        self.partial.capacity() + message
    }

    /// Reads what came; `on` is given each whole message and control frame. Messages beyond
    /// `most` bytes are refused before they are read.
    pub(crate) fn feed(
        &mut self,
        input: &mut [u8],
        most: usize,
        mut on: impl FnMut(Frame<'_>),
    ) -> Result<(), FrameError> {
        if self.partial.is_empty() {
            let used = self.read(input, most, &mut on)?;
            self.partial.extend_from_slice(&input[used..]);
            return Ok(());
        }
        let mut joined = std::mem::take(&mut self.partial);
        joined.extend_from_slice(input);
        let used = self.read(&mut joined, most, &mut on)?;
        if used < joined.len() {
            joined.drain(..used);
            self.partial = joined;
        }
        Ok(())
    }

    /// Reads all whole frames; how many bytes they had.
    fn read(
        &mut self,
        bytes: &mut [u8],
        most: usize,
        on: &mut impl FnMut(Frame<'_>),
    ) -> Result<usize, FrameError> {
        let mut used = 0;
        while let Some(header) = header(&bytes[used..], most)? {
            let rest = &mut bytes[used..];
            if rest.len() < header.end {
                break;
            }
            let payload = &mut rest[header.begin..header.end];
            unmask(payload, header.mask);
            self.frame(&header, payload, most, on)?;
            used += header.end;
        }
        Ok(used)
    }

    fn frame(
        &mut self,
        header: &Header,
        payload: &[u8],
        most: usize,
        on: &mut impl FnMut(Frame<'_>),
    ) -> Result<(), FrameError> {
        match header.opcode {
            PING => on(Frame::Ping(payload)),
            PONG => on(Frame::Pong),
            CLOSE => on(Frame::Close(close_code(payload)?)),
            TEXT | BINARY if self.message.is_some() => {
                return Err(FrameError::Broken("a message begins inside another"));
            }
            TEXT | BINARY if header.is_last => whole(header.opcode, payload, on)?,
            TEXT | BINARY => self.message = Some((header.opcode, payload.to_vec())),
            CONTINUATION => {
                let Some((opcode, mut message)) = self.message.take() else {
                    return Err(FrameError::Broken("a continuation of nothing"));
                };
                if message.len() + payload.len() > most {
                    return Err(FrameError::TooLarge);
                }
                message.extend_from_slice(payload);
                if header.is_last {
                    whole(opcode, &message, on)?;
                } else {
                    self.message = Some((opcode, message));
                }
            }
            _ => return Err(FrameError::Broken("an opcode that does not exist")),
        }
        Ok(())
    }
}

fn whole(opcode: u8, payload: &[u8], on: &mut impl FnMut(Frame<'_>)) -> Result<(), FrameError> {
    if opcode == BINARY {
        on(Frame::Binary);
        return Ok(());
    }
    match std::str::from_utf8(payload) {
        Ok(text) => on(Frame::Text(text)),
        Err(_) => return Err(FrameError::Broken("a text that is not UTF-8")),
    }
    Ok(())
}

/// Reads a header; none if it is not whole yet.
fn header(bytes: &[u8], most: usize) -> Result<Option<Header>, FrameError> {
    let [first, second, ..] = *bytes else { return Ok(None) };
    let (opcode, is_last) = (first & 0x0f, first & 0x80 != 0);
    if first & 0x70 != 0 {
        return Err(FrameError::Broken("an extension that was not agreed on"));
    }
    if second & 0x80 == 0 {
        return Err(FrameError::Broken("a client's frame without a mask"));
    }
    let (length, begin) = match second & 0x7f {
        126 => match bytes.get(2..4) {
            Some(&[a, b]) => (u64::from(u16::from_be_bytes([a, b])), 4),
            _ => return Ok(None),
        },
        127 => match bytes.get(2..10).and_then(|b| <[u8; 8]>::try_from(b).ok()) {
            Some(length) => (u64::from_be_bytes(length), 10),
            None => return Ok(None),
        },
        short => (u64::from(short), 2),
    };
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    if opcode >= CLOSE && (length > CONTROL_BYTES || !is_last) {
        return Err(FrameError::Broken("a control frame in parts, or above 125 bytes"));
    }
    if length > most {
        return Err(FrameError::TooLarge);
    }
    let Some(mask) = bytes.get(begin..begin + 4).and_then(|m| <[u8; 4]>::try_from(m).ok()) else {
        return Ok(None);
    };
    let begin = begin + 4;
    Ok(Some(Header { is_last, opcode, mask, begin, end: begin + length }))
}

/// Section 5.3; eight bytes at a time.
fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    let [a, b, c, d] = mask;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (chunks, rest) = payload.as_chunks_mut::<8>();
    for chunk in chunks {
        *chunk = (u64::from_ne_bytes(*chunk) ^ wide).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
}

/// Section 5.5.1 and 7.4: a code is left out, or one that may be sent.
fn close_code(payload: &[u8]) -> Result<Option<u16>, FrameError> {
    let (code, reason) = match *payload {
        [] => return Ok(None),
        [a, b, ref reason @ ..] => (u16::from_be_bytes([a, b]), reason),
        [_] => return Err(FrameError::Broken("half a close code")),
    };
    if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
        || std::str::from_utf8(reason).is_err()
    {
        return Err(FrameError::Broken("a close code or reason that may not be sent"));
    }
    Ok(Some(code))
}

/// Appends a text message to `out`, in one frame.
pub(super) fn write_text(out: &mut Vec<u8>, text: &str) {
    write(out, TEXT, text.as_bytes());
}

/// Appends an empty ping.
pub(super) fn write_ping(out: &mut Vec<u8>) {
    write(out, PING, &[]);
}

/// Appends a pong that repeats what its ping carried.
pub(super) fn write_pong(out: &mut Vec<u8>, payload: &[u8]) {
    write(out, PONG, payload);
}

/// Appends a close frame; the reason is cut to what one can carry.
pub(super) fn write_close(out: &mut Vec<u8>, code: u16, reason: &str) {
    let mut end = reason.len().min(CONTROL_BYTES - 2);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    let code = code.to_be_bytes();
    let payload: Cow<'_, [u8]> = [&code, &reason.as_bytes()[..end]].concat().into();
    write(out, CLOSE, &payload);
}

fn write(out: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    out.reserve(HEADER_BYTES + payload.len());
    out.push(0x80 | opcode);
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(short @ 0..126), _) => out.push(short),
        (_, Ok(medium)) => {
            out.push(126);
            out.extend_from_slice(&medium.to_be_bytes());
        }
        _ => {
            out.push(127);
            out.extend_from_slice(&(payload.len() as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(payload);
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: usize = 1 << 20;

    /// A frame as a client sends it.
    fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = Vec::new();
        write(&mut frame, 0, payload);
        frame[0] = first;
        frame[1] |= 0x80;
        let begin = frame.len() - payload.len();
        let mask = [0x37, 0xfa, 0x21, 0x3d];
        frame.splice(begin..begin, mask);
        unmask(&mut frame[begin + 4..], mask);
        frame
    }

    fn seen(frame: &Frame<'_>) -> String {
        match frame {
            Frame::Text(text) => format!("text {text}"),
            Frame::Ping(payload) => format!("ping {payload:?}"),
            other => format!("{other:?}"),
        }
    }

    /// What comes of `bytes`, given in pieces of `size`.
    fn read(bytes: &[u8], size: usize) -> Result<Vec<String>, FrameError> {
        let (mut decoder, mut frames) = (Decoder::default(), Vec::new());
        for piece in bytes.chunks(size) {
            decoder.feed(&mut piece.to_vec(), MOST, |f| frames.push(seen(&f)))?;
        }
        assert_eq!(decoder.partial.len(), 0, "all was whole");
        assert_eq!(decoder.partial.capacity(), 0, "and nothing is held");
        Ok(frames)
    }

    #[test]
    fn frames_are_cut_alike_however_the_bytes_come() {
        let long = "ü".repeat(40_000);
        let mut bytes = masked(0x81, b"{}");
        bytes.extend(masked(0x81, &[b'x'; 200]));
        bytes.extend(masked(0x01, b"one "));
        bytes.extend(masked(0x89, b"hey"));
        bytes.extend(masked(0x00, b"two "));
        bytes.extend(masked(0x80, b"three"));
        bytes.extend(masked(0x81, long.as_bytes()));
        bytes.extend(masked(0x82, b"\0\xff"));
        bytes.extend(masked(0x8a, b""));
        bytes.extend(masked(0x88, &[0x03, 0xe8, b'b', b'y', b'e']));
        let expected = [
            "text {}".to_owned(),
            format!("text {}", "x".repeat(200)),
            "ping [104, 101, 121]".to_owned(),
            "text one two three".to_owned(),
            format!("text {long}"),
            "Binary".to_owned(),
            "Pong".to_owned(),
            "Close(Some(1000))".to_owned(),
        ];
        for size in [1, 2, 3, 7, 64, 4096, bytes.len()] {
            assert_eq!(read(&bytes, size).unwrap(), expected, "in pieces of {size}");
        }
    }

    #[test]
    fn what_breaks_the_protocol_is_refused() {
        let mut unmasked = Vec::new();
        write_text(&mut unmasked, "{}");
        for (bytes, what) in [
            (unmasked, "no mask"),
            (masked(0xc1, b"{}"), "reserved bit"),
            (masked(0x83, b"{}"), "opcode 3"),
            (masked(0x8b, b""), "opcode 11"),
            (masked(0x80, b"{}"), "continuation of nothing"),
            (masked(0x09, b""), "ping in parts"),
            (masked(0x89, &[0; 126]), "large ping"),
            (masked(0x81, b"\xff\xfe"), "no UTF-8"),
            (masked(0x88, &[0x03]), "half a code"),
            (masked(0x88, &[0x03, 0xed]), "code 1005"),
            ([masked(0x01, b"a"), masked(0x81, b"b")].concat(), "message inside a message"),
        ] {
            assert!(matches!(read(&bytes, 4096), Err(FrameError::Broken(_))), "{what}");
        }
    }

    #[test]
    fn what_is_too_large_is_refused_before_it_is_held() {
        let mut decoder = Decoder::default();
        let mut claim = vec![0x81, 0xff];
        claim.extend(u64::MAX.to_be_bytes());
        claim.extend([0; 4]);
        assert_eq!(decoder.feed(&mut claim, MOST, |_| ()), Err(FrameError::TooLarge));
        let mut decoder = Decoder::default();
        let mut parts = masked(0x01, &[b'a'; 80]);
        parts.extend(masked(0x80, &[b'a'; 80]));
        assert_eq!(decoder.feed(&mut parts, 100, |_| ()), Err(FrameError::TooLarge));
    }

    #[test]
    fn a_long_reason_is_cut_between_characters() {
        let mut out = Vec::new();
        write_close(&mut out, 4400, &"ü".repeat(100));
        assert_eq!(out.len(), 2 + 2 + 122);
        assert!(std::str::from_utf8(&out[4..]).is_ok());
    }
}
