//! Signatures of what is posted, by the Standard Webhooks scheme
//! (<https://www.standardwebhooks.com>, specification 1.0).

use aws_lc_rs::hmac;
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
    fn what_is_no_secret_is_refused() {
        for text in ["", "secret", "whsec_", "whsec_c2hvcnQ=", "whsec_not base64 at all!"] {
            assert!(SigningKey::parse(&text.into()).is_err(), "{text}");
        }
    }
}
