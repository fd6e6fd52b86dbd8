//! What lets a device into a room: proof that this server told it of the room.

use aws_lc_rs::{
    constant_time::verify_slices_are_equal,
    hmac::{self, HMAC_SHA256, Key},
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use bellwire_core::{Call, DeviceId, UserId};
use bellwire_protocol::Secret;

/// Makes tokens and knows its own. The key lasts as long as the process: whoever comes back after
/// a restart is told of the room anew.
pub(super) struct Tokens(Key);

impl Tokens {
    pub(super) fn new(key: &[u8]) -> Self {
        Self(Key::new(HMAC_SHA256, key))
    }

    /// The token of a device for the room of a call. Another device of the same user needs another:
    /// a token dies when its device is no longer the one in the call.
    pub(super) fn make(&self, call: &Call, user: &UserId, device: &DeviceId) -> Secret {
        let tag = hmac::sign(&self.0, &statement(call, user, device));
        BASE64_URL_SAFE_NO_PAD.encode(tag).into()
    }

    /// Whether a token is that of this device for this room.
    pub(super) fn fits(
        &self,
        token: &Secret,
        call: &Call,
        user: &UserId,
        device: &DeviceId,
    ) -> bool {
        let ours = self.make(call, user, device);
        verify_slices_are_equal(token.expose().as_bytes(), ours.expose().as_bytes()).is_ok()
    }
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tokens(…)")
    }
}

/// What a token states. Names are at most 64 bytes, so that a byte says how long each is.
fn statement(call: &Call, user: &UserId, device: &DeviceId) -> Vec<u8> {
    let mut text = call.id.to_string().into_bytes();
    for name in [user.as_str(), device.as_str()] {
        text.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
        text.extend_from_slice(name.as_bytes());
    }
    text
}
