//! Target `offers`: a session description of a client, and datagrams that follow it.

use std::time::Instant;

use bellwire_media::fuzzing::Fuzzed;

/// What parts the description from the datagrams, and these from each other.
const SEPARATOR: u8 = 0xff;

/// The text up to the first byte that no text has is an offer; what follows are datagrams.
///
/// An offer is answered or refused in words; what is answered once is answered again; and no
/// datagram of a stranger ends a connection.
pub fn offers(data: &[u8]) {
    let mut parts = data.split(|byte| *byte == SEPARATOR);
    let Some(Ok(text)) = parts.next().map(std::str::from_utf8) else { return };
    let mut connection = Fuzzed::new(Instant::now());
    match connection.offer(text) {
        Ok(answer) => {
            assert!(answer.contains("a=ice-lite"));
            for packet in parts {
                assert!(connection.receive(packet), "ended by {packet:x?}");
            }
            let again = connection.offer(text);
            assert!(again.is_ok(), "refused the second time: {again:?}");
        }
        Err(error) => assert!(!error.text.is_empty(), "a refusal says why"),
    }
}
