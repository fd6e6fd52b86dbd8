//! Making tokens: for the HTTP API, and for people at a terminal.

use std::time::Duration;

use bellwire_core::{Timestamp, Uid, UserId};
use jsonwebtoken::{Header, encode};
use serde::Serialize;

use crate::config::App;

/// A token and its end.
#[derive(Clone)]
pub(crate) struct Minted {
    /// The token.
    pub token: String,
    /// From when on it is worth nothing.
    pub expires_at: Timestamp,
}

/// Why no token can be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum MintError {
    /// The app signs by itself.
    #[error("app {0} signs its tokens itself: this server has no private_key for it")]
    NoKey(String),
    /// The cryptography refused.
    #[error("the token cannot be signed: {0}")]
    Signing(String),
}

#[derive(Serialize)]
struct Written<'a> {
    sub: &'a str,
    iat: u64,
    exp: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uid: Option<u32>,
}

/// Makes a token for `user` that is good for `ttl` from `now_s` on (seconds since the Unix epoch).
pub(crate) fn mint(
    app: &App,
    user: &UserId,
    ttl: Duration,
    name: Option<&str>,
    uid: Option<Uid>,
    now_s: u64,
) -> Result<Minted, MintError> {
    let key = app.tokens.signing.as_ref().ok_or_else(|| MintError::NoKey(app.key.to_string()))?;
    let mut header = Header::new(app.tokens.algorithm);
    header.kid = Some(app.key.to_string());
    let exp = now_s.saturating_add(ttl.as_secs());
    let claims = Written { sub: user, iat: now_s, exp, name, uid: uid.map(|uid| uid.0) };
    let token = encode(&header, &claims, key).map_err(|e| MintError::Signing(e.to_string()))?;
    Ok(Minted { token, expires_at: Timestamp(exp.saturating_mul(1_000)) })
}
