//! Tokens for rooms on a `LiveKit` server.

use bellwire_core::{Call, DeviceId, Media, Timestamp, UserId};
use bellwire_protocol::Secret;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde::Serialize;

/// How far the clock of the other server may be behind, in seconds.
const BEHIND_S: u64 = 60;

/// A `LiveKit` server, and the key that it knows this server by.
#[derive(Clone)]
pub(crate) struct LiveKit {
    url: String,
    key: String,
    secret: EncodingKey,
    ttl_s: u64,
}

/// An access token (`LiveKit` docs, "Tokens & grants"). Without `exp` it would be good for ever.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    nbf: u64,
    exp: u64,
    video: Grant,
    attributes: Attributes<'a>,
}

#[allow(clippy::struct_excessive_bools)] // As LiveKit has them.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Grant {
    room: String,
    room_join: bool,
    can_subscribe: bool,
    can_publish: bool,
    /// Without any, every source would be allowed.
    can_publish_sources: Vec<&'static str>,
    can_publish_data: bool,
}

/// What other participants and `LiveKit`'s webhooks see of a participant.
#[derive(Serialize)]
struct Attributes<'a> {
    #[serde(rename = "bellwire.app")]
    app: &'a str,
    #[serde(rename = "bellwire.device")]
    device: &'a str,
}

impl LiveKit {
    pub(crate) fn new(url: &str, key: &str, secret: &Secret, ttl_s: u64) -> Self {
        let secret = EncodingKey::from_secret(secret.expose().as_bytes());
        Self { url: url.to_owned(), key: key.to_owned(), secret, ttl_s }
    }

    /// Where devices connect to.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The token of a participant for the room of their call, which is named for the call. Their
    /// identity is the user: `LiveKit` puts out an older device when a newer one comes (R18).
    pub(super) fn token(
        &self,
        call: &Call,
        user: &UserId,
        device: &DeviceId,
        allow: &[Media],
        now: Timestamp,
    ) -> Option<Secret> {
        let now_s = now.0 / 1000;
        let sources = |media: &Media| match media {
            Media::Audio => ["microphone", "screen_share_audio"],
            Media::Video => ["camera", "screen_share"],
        };
        let claims = Claims {
            iss: &self.key,
            sub: user.as_str(),
            nbf: now_s.saturating_sub(BEHIND_S),
            exp: now_s + self.ttl_s,
            video: Grant {
                room: call.id.to_string(),
                room_join: true,
                can_subscribe: true,
                can_publish: !allow.is_empty(),
                can_publish_sources: allow.iter().flat_map(sources).collect(),
                can_publish_data: true,
            },
            attributes: Attributes { app: call.app.as_str(), device: device.as_str() },
        };
        let token = encode(&Header::new(Algorithm::HS256), &claims, &self.secret);
        let failed = |error| tracing::error!(%error, call = %call.id, "cannot sign a room token");
        token.map(Secret::from).map_err(failed).ok()
    }
}

impl std::fmt::Debug for LiveKit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LiveKit({})", self.url)
    }
}
