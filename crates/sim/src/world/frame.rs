//! The device's side of WebSocket frames (RFC 6455, section 5.2).

const TEXT: u8 = 0x1;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xA;
/// In place of a length: it follows in two bytes, or in eight.
const LONG: u8 = 126;
const LONGER: u8 = 127;
/// Beside a length: the payload is masked.
const MASKED: u8 = 0x80;
/// Beside an opcode: the message ends with this frame.
const LAST: u8 = 0x80;

/// What a device reads.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    Text(String),
    Ping(Vec<u8>),
    Close(Option<u16>),
    /// Anything else, which a server must not send us.
    Odd(u8),
}

/// A text frame, masked with `mask`.
pub(crate) fn text(text: &str, mask: u32) -> Vec<u8> {
    masked(TEXT, text.as_bytes(), mask)
}

/// The answer to a ping.
pub(crate) fn pong(payload: &[u8], mask: u32) -> Vec<u8> {
    masked(PONG, payload, mask)
}

/// A normal close.
pub(crate) fn close(mask: u32) -> Vec<u8> {
    masked(CLOSE, &1000_u16.to_be_bytes(), mask)
}

fn masked(opcode: u8, payload: &[u8], mask: u32) -> Vec<u8> {
    let mut frame = Vec::with_capacity(payload.len() + 14);
    frame.push(LAST | opcode);
    let length = payload.len();
    if let Ok(short @ 0..LONG) = u8::try_from(length) {
        frame.push(MASKED | short);
    } else if let Ok(long) = u16::try_from(length) {
        frame.push(MASKED | LONG);
        frame.extend(long.to_be_bytes());
    } else {
        frame.push(MASKED | LONGER);
        frame.extend((length as u64).to_be_bytes());
    }
    let mask = mask.to_be_bytes();
    frame.extend(mask);
    frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

/// Bytes that are not a whole frame yet.
#[derive(Debug, Default)]
pub(crate) struct Decoder(Vec<u8>);

impl Decoder {
    /// Takes bytes in.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// The next whole frame.
    pub(crate) fn next(&mut self) -> Option<Frame> {
        let (opcode, short) = (*self.0.first()? & 0x0f, *self.0.get(1)? & 0x7f);
        let (at, length) = match short {
            LONG => (4, usize::from(u16::from_be_bytes(self.0.get(2..4)?.try_into().ok()?))),
            LONGER => {
                let length = u64::from_be_bytes(self.0.get(2..10)?.try_into().ok()?);
                (10, usize::try_from(length).ok()?)
            }
            short => (2, usize::from(short)),
        };
        let payload = self.0.get(at..at + length)?.to_vec();
        self.0.drain(..at + length);
        Some(match opcode {
            TEXT => String::from_utf8(payload).map_or(Frame::Odd(opcode), Frame::Text),
            PING => Frame::Ping(payload),
            CLOSE => {
                let code = payload.get(..2).and_then(|code| code.try_into().ok());
                Frame::Close(code.map(u16::from_be_bytes))
            }
            odd => Frame::Odd(odd),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_every_length_are_cut_out_of_the_stream() {
        for length in [0, 125, 126, 65_535, 65_536] {
            let body = "x".repeat(length);
            // The server masks nothing: a mask of 0 leaves the text as it is.
            let mut bytes = text(&body, 0);
            let at = bytes.len() - length - 4;
            bytes.drain(at..at + 4);
            bytes[1] &= 0x7f;
            let mut decoder = Decoder::default();
            decoder.feed(&bytes[..1]);
            assert_eq!(decoder.next(), None);
            decoder.feed(&bytes[1..]);
            assert_eq!(decoder.next(), Some(Frame::Text(body)));
            assert_eq!(decoder.next(), None);
        }
    }
}
