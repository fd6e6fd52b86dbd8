//! Web Push (RFC 8030), its sender named by VAPID (RFC 8292).

use aws_lc_rs::{
    agreement::{ECDH_P256, PrivateKey},
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair},
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use bellwire_core::{RingMode, Timestamp};
use bellwire_protocol::Secret;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use reqwest::Url;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    answer::{Answer, Link, Said, send},
    encrypt::{AUTH_BYTES, PUBLIC_KEY_BYTES, TEXT_BYTES, encrypt},
    payload::Notice,
};

/// How long a token is good for, in seconds; a day at most (RFC 8292, section 2).
const TOKEN_S: u64 = 12 * 3600;

/// A browser's subscription (W3C Push API), as the page gives it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Subscription {
    pub(super) endpoint: Secret,
    pub(super) p256dh: Secret,
    pub(super) auth: Secret,
}

impl Subscription {
    /// Whether it can be used; which field is wrong otherwise, and how.
    pub(super) fn check(&self) -> Result<(), (&'static str, &'static str)> {
        self.url().ok_or(("endpoint", "must be an address that begins with https://"))?;
        let point = self.browser().filter(|key| key[0] == 4);
        point.ok_or(("p256dh", "must be 65 bytes in base64url, a point on P-256"))?;
        self.auth().ok_or(("auth", "must be 16 bytes in base64url"))?;
        Ok(())
    }

    fn url(&self) -> Option<Url> {
        let url = Url::parse(self.endpoint.expose()).ok()?;
        (url.scheme() == "https" && url.host_str().is_some()).then_some(url)
    }

    fn browser(&self) -> Option<[u8; PUBLIC_KEY_BYTES]> {
        bytes(&self.p256dh)
    }

    fn auth(&self) -> Option<[u8; AUTH_BYTES]> {
        bytes(&self.auth)
    }
}

fn bytes<const N: usize>(text: &Secret) -> Option<[u8; N]> {
    // Some pages pad.
    let text = text.expose().trim_end_matches('=');
    BASE64_URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()
}

/// The browsers' services, for one app.
pub(crate) struct WebService {
    key: EncodingKey,
    /// What pages subscribe with, base64url.
    public: String,
    subject: String,
    services: Vec<String>,
    link: Link,
}

impl WebService {
    /// `key` is the private VAPID key; what is wrong with it otherwise.
    pub(crate) fn new(
        key: &Secret,
        subject: &str,
        services: Vec<String>,
        link: Link,
    ) -> Result<Self, String> {
        let wrong = || "must be a private key on P-256: 32 bytes in base64url".to_owned();
        let private: [u8; 32] = bytes(key).ok_or_else(wrong)?;
        let public = PrivateKey::from_private_key(&ECDH_P256, &private)
            .map_err(|_| wrong())?
            .compute_public_key()
            .map_err(|_| wrong())?;
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let document =
            EcdsaKeyPair::from_private_key_and_public_key(algorithm, &private, public.as_ref())
                .map_err(|_| wrong())?
                .to_pkcs8v1()
                .map_err(|_| wrong())?;
        Ok(Self {
            key: EncodingKey::from_ec_der(document.as_ref()),
            public: BASE64_URL_SAFE_NO_PAD.encode(public.as_ref()),
            subject: subject.to_owned(),
            services,
            link,
        })
    }

    /// The public VAPID key, which pages subscribe with.
    pub(crate) fn public_key(&self) -> &str {
        &self.public
    }

    /// Whether this service may be posted to. The address comes from a device, and could lead
    /// into the server's own network.
    pub(super) fn knows(&self, subscription: &Subscription) -> bool {
        let Some(url) = subscription.url() else { return false };
        let host = url.host_str().unwrap_or_default();
        self.services.iter().any(|service| match service.strip_prefix("*.") {
            Some(above) => host.strip_suffix(above).is_some_and(|below| below.ends_with('.')),
            None => host == service,
        })
    }

    /// What names the sender (RFC 8292, section 3).
    fn authorization(&self, url: &Url, now: Timestamp) -> Result<String, String> {
        let claims = json!({
            "aud": url.origin().ascii_serialization(),
            "exp": now.0 / 1000 + TOKEN_S,
            "sub": self.subject,
        });
        let token = encode(&Header::new(Algorithm::ES256), &claims, &self.key)
            .map_err(|error| format!("cannot sign: {error}"))?;
        Ok(format!("vapid t={token}, k={}", self.public))
    }

    /// Sends once.
    pub(super) async fn send(
        &self,
        subscription: &Subscription,
        notice: &Notice,
        now: Timestamp,
    ) -> Answer {
        let refused = |why: &str| Answer::Refused { status: None, why: why.to_owned() };
        if !self.knows(subscription) {
            return refused("its push service is not among apps.push.web.services");
        }
        let parts = (subscription.url(), subscription.browser(), subscription.auth());
        let (Some(url), Some(browser), Some(auth)) = parts else {
            return refused("the subscription cannot be used");
        };
        let authorization = match self.authorization(&url, now) {
            Ok(authorization) => authorization,
            Err(why) => return refused(&why),
        };
        let Ok(message) = encrypt(notice.body(TEXT_BYTES).as_bytes(), &browser, &auth) else {
            return refused("the subscription's key is none");
        };
        let urgency = if notice.ring == RingMode::Ring { "high" } else { "normal" };
        let request = self
            .link
            .to(url)
            .header("authorization", authorization)
            .header("ttl", notice.expires_at.since_ms(now).div_ceil(1000))
            .header("urgency", urgency)
            // At most 32 characters of base64url (RFC 8030, section 5.4), which this is.
            .header("topic", notice.call.0.simple().to_string())
            .header("content-encoding", "aes128gcm")
            .header("content-type", "application/octet-stream")
            .body(message);
        match send(request).await {
            Ok(said) => judge(&said),
            Err(answer) => answer,
        }
    }
}

/// What a push service's answer means (RFC 8030, sections 5 and 7.3).
fn judge(said: &Said) -> Answer {
    let status = said.status.as_u16();
    match status {
        404 | 410 => Answer::Dead { status, why: String::new(), since: None },
        _ => said.by_status(String::new()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn service(services: &[&str]) -> WebService {
        // RFC 8291's private key of the sender; any would do.
        let key = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw".into();
        let services = services.iter().map(|&s| s.to_owned()).collect();
        WebService::new(&key, "mailto:ops@shop.example", services, Link::new(None).unwrap())
            .unwrap()
    }

    fn subscription(endpoint: &str) -> Subscription {
        Subscription {
            endpoint: endpoint.into(),
            p256dh: "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6S\
                     RpkNtoIAiw4"
                .into(),
            auth: "BTBZMqHH6r4Tts7J_aSIgg".into(),
        }
    }

    #[test]
    fn the_sender_is_named_to_the_service_alone() {
        let service = service(&["push.example"]);
        let url = Url::parse("https://push.example:8443/send/abc").unwrap();
        let shown = service.authorization(&url, Timestamp(1_700_000_000_000)).unwrap();
        let (token, key) = shown.strip_prefix("vapid t=").unwrap().split_once(", k=").unwrap();
        assert_eq!(key, service.public_key());
        assert!(key.starts_with("BP4z9KsN6nGRTbVYI_c7VJSP"), "{key}");
        let claims = token.split('.').nth(1).unwrap();
        let claims: Value =
            serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
        assert_eq!(claims["aud"], "https://push.example:8443");
        assert_eq!(claims["exp"], 1_700_000_000 + TOKEN_S);
        assert_eq!(claims["sub"], "mailto:ops@shop.example");
    }

    #[test]
    fn only_push_services_are_posted_to() {
        let service = service(&["push.example", "*.push.apple.com"]);
        let knows = |endpoint: &str| service.knows(&subscription(endpoint));
        assert!(knows("https://push.example/1") && knows("https://web.push.apple.com/1"));
        for other in [
            "https://169.254.169.254/latest",
            "https://push.apple.com/1",
            "https://evilpush.apple.com/1",
            "https://push.example.evil.example/1",
            "http://push.example/1",
            "https://push.example@localhost/1",
        ] {
            assert!(!knows(other), "{other}");
        }
    }

    #[test]
    fn a_subscription_is_looked_at_when_it_is_registered() {
        assert_eq!(subscription("https://push.example/1").check(), Ok(()));
        let wrong = |change: &dyn Fn(&mut Subscription)| {
            let mut subscription = subscription("https://push.example/1");
            change(&mut subscription);
            subscription.check().unwrap_err().0
        };
        assert_eq!(wrong(&|s| s.endpoint = "http://push.example".into()), "endpoint");
        assert_eq!(wrong(&|s| s.p256dh = "BCVx".into()), "p256dh");
        assert_eq!(wrong(&|s| s.auth = "!".into()), "auth");
    }
}
