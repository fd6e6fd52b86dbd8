//! Target `frames`: bytes of a client, cut into WebSocket frames and read as requests.

use bellwire::fuzzing::decode;
use bellwire_protocol::{ParseError, Reply, Request, limits::REQUEST_ID_MAX};

/// Messages beyond so many bytes are refused here; small, so that the limit is met often.
const MOST: usize = 1024;
/// The longest header of a frame, mask included.
const HEADER_BYTES: usize = 14;

/// The first byte says how the rest is cut into pieces; the rest is what a client sends.
///
/// However the bytes come, the same frames are read and the same fault ends them; no more memory
/// is held than a message may have; every text is a request that survives being written, or is
/// refused with an answer that can be sent.
pub fn frames(data: &[u8]) {
    let Some((&cut, stream)) = data.split_first() else { return };
    let (whole, fault, _) = decode(&[stream], MOST);
    let sizes = [1, usize::from(cut % 16) + 1, usize::from(cut) + 1];
    for size in sizes {
        let pieces: Vec<&[u8]> = stream.chunks(size).collect();
        let (again, other, held) = decode(&pieces, MOST);
        assert_eq!((&again, &other), (&whole, &fault), "in pieces of {size} bytes");
        // A frame that is not whole and the parts of a message, each in a buffer that doubles.
        let bound = 2 * (2 * MOST + HEADER_BYTES + size);
        assert!(held <= bound, "{held} bytes are held, {bound} at most");
    }
    for frame in &whole {
        if let Some(text) = frame.strip_prefix("text ") {
            request(text);
        }
    }
    if let Ok(text) = std::str::from_utf8(stream) {
        request(text);
    }
}

fn request(text: &str) {
    match Request::parse(text) {
        Ok(request) => {
            let frame = request.to_frame();
            assert_eq!(Request::parse(&frame).as_ref(), Ok(&request), "written as {frame}");
            assert!((1..=REQUEST_ID_MAX).contains(&request.id));
        }
        Err(ParseError::Refused { id, error }) => {
            assert!((1..=REQUEST_ID_MAX).contains(&id));
            assert!(!error.message.is_empty(), "a refusal says what to do: {error:?}");
            let reply = Reply::refused(id, *error);
            let read: Reply = serde_json::from_str(&reply.to_frame()).expect("a reply is JSON");
            assert_eq!(read, reply);
        }
        Err(ParseError::BadFrame(why)) => assert!(!why.is_empty(), "a close says why"),
    }
}
