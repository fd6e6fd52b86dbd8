//! The upgrade from HTTP to WebSocket.

use std::net::SocketAddr;

/// The key of every handshake, and the proof that answers it (both from RFC 6455, 1.3). It tells
/// a WebSocket server from something else; it need not be secret or new, so that neither side has
/// to compute SHA-1.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const PROOF: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
/// The subprotocol of Bellwire's wire.
pub(crate) const BELLWIRE: &str = "bellwire.v1";
/// A head longer than this is no answer to a handshake, in bytes.
const HEAD_BYTES: usize = 8 * 1024;

/// Why a server does not speak WebSocket with us.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HandshakeError {
    /// It answers something else than 101.
    #[error("the server answers the upgrade with `{0}`")]
    Refused(String),
    /// 101, but without the proof that it knows what a WebSocket is.
    #[error("the server's answer to the upgrade lacks its proof")]
    NoProof,
}

/// What a client asks `server` for: a WebSocket with that subprotocol.
pub(crate) fn request(server: SocketAddr, path: &str, protocol: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: {server}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\
         Sec-WebSocket-Protocol: {protocol}\r\n\r\n"
    )
}

/// What a server that agrees answers to [`request`].
pub(crate) fn agreement() -> String {
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: {PROOF}\r\nSec-WebSocket-Protocol: bellwire.v1\r\n\r\n"
    )
}

/// The end of the head in `bytes`: where the frames begin. `None` while it is not all there.
pub(crate) fn head_end(bytes: &[u8]) -> Option<usize> {
    memchr::memmem::find(bytes, b"\r\n\r\n").map(|at| at + 4)
}

/// Checks a server's answer; the bytes its head takes, or `None` while it is not all there.
pub(crate) fn check(bytes: &[u8]) -> Result<Option<usize>, HandshakeError> {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    let Some(end) = head_end(bytes) else {
        return match bytes.get(..HEAD_BYTES) {
            Some(_) => Err(HandshakeError::Refused("an endless head".to_owned())),
            None => Ok(None),
        };
    };
    let head = text(&bytes[..end]);
    let status = head.lines().next().unwrap_or_default();
    if !status.starts_with("HTTP/1.1 101 ") {
        let body = text(&bytes[end..]);
        return Err(HandshakeError::Refused(format!("{status}: {body}")));
    }
    if !head.contains(PROOF) {
        return Err(HandshakeError::NoProof);
    }
    Ok(Some(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_agreement_is_taken_and_frames_may_follow_it() {
        let whole = agreement() + "\u{1}";
        assert_eq!(check(whole.as_bytes()), Ok(Some(agreement().len())));
        assert_eq!(check(&agreement().as_bytes()[..40]), Ok(None));
    }

    #[test]
    fn a_refusal_is_told_with_its_reason() {
        let full = b"HTTP/1.1 503 Service Unavailable\r\n\r\ntoo many connections";
        let status = "HTTP/1.1 503 Service Unavailable: too many connections";
        assert_eq!(check(full), Err(HandshakeError::Refused(status.to_owned())));
        let fake = b"HTTP/1.1 101 Switching Protocols\r\n\r\n";
        assert_eq!(check(fake), Err(HandshakeError::NoProof));
    }
}
