//! Credentials for a TURN server that shares a secret with this one, good for a time: the REST
//! convention (draft-uberti-behave-turn-rest-00) that coturn and others know.

use aws_lc_rs::hmac::{self, HMAC_SHA1_FOR_LEGACY_USE_ONLY, Key};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use bellwire_core::UserId;
use bellwire_protocol::media::IceServer;

use crate::{
    clock::{Clock, WallClock},
    config,
};

/// Credentials made within the same step are the same, in seconds: a device that asks twice is
/// told the same.
const STEP_S: u64 = 600;

/// A relay.
pub(crate) struct Turn {
    urls: Vec<String>,
    key: Key,
    ttl_s: u64,
}

impl Turn {
    /// The relay of the settings; none where none is named.
    pub(crate) fn of(settings: &config::Turn) -> Option<Self> {
        let secret = settings.secret.as_ref().filter(|_| !settings.urls.is_empty())?;
        Some(Self {
            urls: settings.urls.clone(),
            key: Key::new(HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret.expose().as_bytes()),
            ttl_s: settings.ttl_s,
        })
    }

    /// The relay with credentials for `user`, from now on.
    pub(super) fn server_for(&self, user: &UserId) -> IceServer {
        let until = (WallClock.now().0 / 1_000 + self.ttl_s).next_multiple_of(STEP_S);
        let username = format!("{until}:{user}");
        let tag = hmac::sign(&self.key, username.as_bytes());
        IceServer {
            urls: self.urls.clone(),
            credential: Some(BASE64_STANDARD.encode(tag).into()),
            username: Some(username),
        }
    }
}

impl std::fmt::Debug for Turn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Turn").field("urls", &self.urls).finish_non_exhaustive()
    }
}
