//! Signatures of what is posted, by the Standard Webhooks scheme
//! (<https://www.standardwebhooks.com>, specification 1.0).

use std::time::Duration;

use aws_lc_rs::{constant_time, hmac};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use bellwire_protocol::Secret;

/// What a secret begins with.
const PREFIX: &str = "whsec_";
/// How long a secret may be, in bytes.
const BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// A secret that posts are signed with.
#[derive(Clone)]
pub(crate) struct SigningKey(hmac::Key);

/// The text is no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "is no secret; write whsec_ and base64 of 24 to 64 bytes, as \
     `echo whsec_$(openssl rand -base64 32)` does"
)]
pub(crate) struct NoSecret;

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningKey(…)")
    }
}

impl SigningKey {
    /// Reads `whsec_…`.
    pub(crate) fn parse(secret: &Secret) -> Result<Self, NoSecret> {
        let text = secret.expose().strip_prefix(PREFIX).ok_or(NoSecret)?;
        let bytes = BASE64_STANDARD.decode(text).map_err(|_| NoSecret)?;
        if !BYTES.contains(&bytes.len()) {
            return Err(NoSecret);
        }
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &bytes)))
    }

    /// The signature of one message: `v1,` and base64.
    fn sign(&self, id: &str, at_s: u64, body: &[u8]) -> String {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(format!("{id}.{at_s}.").as_bytes());
        context.update(body);
        format!("v1,{}", BASE64_STANDARD.encode(context.sign()))
    }
}

/// Why a post is not taken for ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unsigned {
    #[error("webhook-id, webhook-timestamp or webhook-signature is missing")]
    Missing,
    #[error("its time is too far from this machine's")]
    Time,
    #[error("its signature is of another secret, or the body was changed")]
    Signature,
}

/// Verifies a post: its id, its time as it was written, and its signatures.
pub(crate) fn verify(
    keys: &[SigningKey],
    (id, at, signatures): (&str, &str, &str),
    body: &[u8],
    now_s: u64,
    apart: Duration,
) -> Result<(), Unsigned> {
    let at_s: u64 = at.parse().map_err(|_| Unsigned::Missing)?;
    if id.is_empty() || signatures.is_empty() {
        return Err(Unsigned::Missing);
    }
    if at_s.abs_diff(now_s) > apart.as_secs() {
        return Err(Unsigned::Time);
    }
    let is_ours = signatures.split(' ').any(|signature| {
        keys.iter().any(|key| {
            let due = key.sign(id, at_s, body);
            // How long it takes tells nothing about the right one.
            constant_time::verify_slices_are_equal(due.as_bytes(), signature.as_bytes()).is_ok()
        })
    });
    if is_ours { Ok(()) } else { Err(Unsigned::Signature) }
}

/// The value of `webhook-signature`: a signature by each key.
pub(super) fn signatures(keys: &[SigningKey], id: &str, at_s: u64, body: &[u8]) -> String {
    keys.iter().map(|key| key.sign(id, at_s, body)).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's own libraries.
    #[test]
    fn a_signature_is_that_of_the_specification() {
        let key = SigningKey::parse(&"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into()).unwrap();
        let body = br#"{"test": 2432232314}"#;
        let signed = key.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        let both = signatures(&[key.clone(), key], "a", 1, body);
        assert_eq!(both.split(' ').count(), 2);
    }

    #[test]
    fn what_is_verified_is_signed_by_one_of_the_keys_and_fresh() {
        let keys = [
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "whsec_YmVuY2gtYmVuY2gtYmVuY2gtYmVuY2gtYmVuY2g=",
        ]
        .map(|secret| SigningKey::parse(&secret.into()).unwrap());
        let signed = signatures(&keys, "a", 1_000, b"body");
        let check = |keys: &[SigningKey], id, at, body: &[u8], now_s| {
            verify(keys, (id, at, &signed), body, now_s, Duration::from_mins(5))
        };
        assert_eq!(check(&keys, "a", "1000", b"body", 1_300), Ok(()));
        assert_eq!(check(&keys[1..], "a", "1000", b"body", 700), Ok(()), "one key is enough");
        assert_eq!(check(&keys, "a", "1000", b"body", 1_301), Err(Unsigned::Time));
        assert_eq!(check(&keys, "a", "1000", b"Body", 1_000), Err(Unsigned::Signature));
        assert_eq!(check(&keys, "b", "1000", b"body", 1_000), Err(Unsigned::Signature));
        assert_eq!(check(&[], "a", "1000", b"body", 1_000), Err(Unsigned::Signature));
        assert_eq!(check(&keys, "a", "noon", b"body", 1_000), Err(Unsigned::Missing));
        assert_eq!(check(&keys, "", "1000", b"body", 1_000), Err(Unsigned::Missing));
    }

    #[test]
    fn what_is_no_secret_is_refused() {
        for text in ["", "secret", "whsec_", "whsec_c2hvcnQ=", "whsec_not base64 at all!"] {
            assert!(SigningKey::parse(&text.into()).is_err(), "{text}");
        }
    }
}
