//! Target `checks`: a datagram, of which the worker must know whose ICE check it is.

use bellwire_media::fuzzing::{stun_username, stun_username_by_library};

/// The SFU reads the name in a check without checking the rest, to find the worker and the peer;
/// then the WebRTC library reads it again.
///
/// Whatever the library takes, goes to the peer it names.
pub fn checks(data: &[u8]) {
    let name = stun_username(data);
    if let Some(known) = stun_username_by_library(data) {
        assert_eq!(name, Some(known.as_str()));
    }
}
