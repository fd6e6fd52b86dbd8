//! Verifying tokens: JWTs whose header names the app by `kid`.

use std::sync::Arc;

use bellwire_core::{NameError, Timestamp, Uid, UserId};
use bellwire_protocol::ErrorCode;
use jsonwebtoken::{DecodingKey, Validation, decode, decode_header, errors::ErrorKind};
use serde::Deserialize;

use crate::config::{App, Apps};

/// The longest token, in bytes. Ours have about 200; the rest is room for claims of the app's own.
pub(crate) const TOKEN_BYTES: usize = 8 * 1024;
/// The longest display name in a token, in bytes.
pub(crate) const DISPLAY_NAME_BYTES: usize = 128;
/// The largest number of a user.
const UID_MAX: u64 = (1 << 31) - 1;

/// What a verified token says.
#[derive(Debug, Clone)]
pub(crate) struct Claims {
    /// The app that vouches for it.
    pub app: Arc<App>,
    /// The user.
    pub user: UserId,
    /// Their name for people.
    pub name: Option<String>,
    /// Their number, where the app gives it.
    pub uid: Option<Uid>,
    /// From when on it is worth nothing.
    pub expires_at: Timestamp,
}

/// Why a token is refused. All are the sender's to mend, and none repeats what the token says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TokenError {
    /// It was good once.
    #[error("the token has expired; get a new one from your app's server")]
    Expired,
    /// It is longer than [`TOKEN_BYTES`].
    #[error("the token is longer than {TOKEN_BYTES} bytes")]
    TooLong,
    /// It is no JWT, or its algorithm is not one that is known.
    #[error("the token is no JWT signed with HS256 or EdDSA")]
    Malformed,
    /// Its header has no `kid`.
    #[error("the token's header has no `kid`; it must be the app key")]
    NoApp,
    /// Its `kid` is no app that is served here.
    #[error("the token's `kid` is no app of this server")]
    UnknownApp,
    /// The app signs with another algorithm.
    #[error("the token is not signed with the algorithm of its app")]
    Algorithm,
    /// Its header has something that must be understood and is not (`crit`).
    #[error("the token's header has `crit`, which is not supported")]
    Critical,
    /// No key of the app made the signature.
    #[error("the token's signature is not of its app; check the secret or key it is signed with")]
    Signature,
    /// A claim is missing or of the wrong type.
    #[error(
        "the token's claims cannot be read: `sub` must be a text and `exp` a number of seconds"
    )]
    Claims,
    /// The user is no user id.
    #[error("the token's `sub` {0}")]
    User(NameError),
    /// The display name is too long.
    #[error("the token's `name` is longer than {DISPLAY_NAME_BYTES} bytes")]
    Name,
    /// The user's number is out of range.
    #[error("the token's `uid` must be 1 to {UID_MAX}")]
    Uid,
    /// It is not valid yet.
    #[error("the token is not valid yet; look at `nbf` and at the clocks")]
    TooEarly,
}

impl TokenError {
    /// The code on the wire.
    pub(crate) fn code(&self) -> ErrorCode {
        match self {
            Self::Expired => ErrorCode::TokenExpired,
            Self::TooLong
            | Self::Malformed
            | Self::NoApp
            | Self::UnknownApp
            | Self::Algorithm
            | Self::Critical
            | Self::Signature
            | Self::Claims
            | Self::User(_)
            | Self::Name
            | Self::Uid
            | Self::TooEarly => ErrorCode::Unauthorized,
        }
    }
}

/// The claims as they are written; others are the app's own business.
#[derive(Deserialize)]
struct Raw {
    sub: String,
    /// Seconds; a fraction is allowed by RFC 7519.
    exp: f64,
    nbf: Option<f64>,
    name: Option<String>,
    uid: Option<u64>,
}

/// Verifies `token` at `now_s`, in seconds since the Unix epoch. There is no leeway: the app and
/// the server agree on the time, or the app lets its tokens live a little longer.
pub(crate) fn verify(apps: &Apps, token: &str, now_s: u64) -> Result<Claims, TokenError> {
    if token.len() > TOKEN_BYTES {
        return Err(TokenError::TooLong);
    }
    let header = decode_header(token).map_err(|_| TokenError::Malformed)?;
    let key = header.kid.ok_or(TokenError::NoApp)?;
    let app = apps.get(&key).ok_or(TokenError::UnknownApp)?;
    if header.alg != app.tokens.algorithm {
        return Err(TokenError::Algorithm);
    }
    if header.crit.is_some() {
        return Err(TokenError::Critical);
    }
    let raw = signed_by_any(token, &app)?;
    if raw.exp <= seconds(now_s) || !raw.exp.is_finite() {
        return Err(TokenError::Expired);
    }
    if raw.nbf.is_some_and(|nbf| nbf > seconds(now_s)) {
        return Err(TokenError::TooEarly);
    }
    let user = UserId::parse(&raw.sub).map_err(TokenError::User)?;
    if raw.name.as_ref().is_some_and(|name| name.len() > DISPLAY_NAME_BYTES) {
        return Err(TokenError::Name);
    }
    let uid = raw.uid.map(uid).transpose()?;
    Ok(Claims { app, user, name: raw.name, uid, expires_at: milliseconds(raw.exp) })
}

fn signed_by_any(token: &str, app: &App) -> Result<Raw, TokenError> {
    // Signature and algorithm only: times are compared with the caller's clock, and `aud` and
    // `iss` are the app's own.
    let mut rules = Validation::new(app.tokens.algorithm);
    rules.required_spec_claims.clear();
    rules.validate_exp = false;
    rules.validate_nbf = false;
    rules.validate_aud = false;
    let mut refused = TokenError::Signature;
    for key in &app.tokens.verifying {
        match signed_by(token, key, &rules) {
            Ok(raw) => return Ok(raw),
            Err(error) => refused = error,
        }
        if refused != TokenError::Signature {
            break;
        }
    }
    Err(refused)
}

fn signed_by(token: &str, key: &DecodingKey, rules: &Validation) -> Result<Raw, TokenError> {
    decode::<Raw>(token, key, rules).map(|data| data.claims).map_err(|error| match error.kind() {
        ErrorKind::InvalidSignature => TokenError::Signature,
        ErrorKind::Json(_) | ErrorKind::MissingRequiredClaim(_) => TokenError::Claims,
        ErrorKind::InvalidAlgorithm => TokenError::Algorithm,
        // The library's list is open; whatever else it finds is a token that cannot be read.
        _ => TokenError::Malformed,
    })
}

fn uid(number: u64) -> Result<Uid, TokenError> {
    let number = u32::try_from(number).map_err(|_| TokenError::Uid)?;
    if (1..=UID_MAX).contains(&u64::from(number)) { Ok(Uid(number)) } else { Err(TokenError::Uid) }
}

#[allow(clippy::cast_precision_loss)] // Exact up to 2^53 seconds.
fn seconds(s: u64) -> f64 {
    s as f64
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Positive here, and saturating.
fn milliseconds(s: f64) -> Timestamp {
    Timestamp((s * 1_000.0) as u64)
}
