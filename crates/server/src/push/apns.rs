//! Apple Push Notification service
//! (<https://developer.apple.com/documentation/usernotifications/sending-notification-requests-to-apns>).

use std::time::{Duration, Instant};

use bellwire_core::{PushNews, RingMode, Timestamp};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use parking_lot::Mutex;
use reqwest::Url;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    answer::{Answer, Link, Said, send},
    payload::Notice,
};

/// The most a call may be, in bytes, and the most a notice may be.
const VOIP_BYTES: usize = 5 * 1024;
const ALERT_BYTES: usize = 4 * 1024;
/// The most that people read, as JSON: beside it the rest has to fit.
const TEXTS_BYTES: usize = 2_000;
/// Apple takes a token for an hour, and no new one within twenty minutes.
const TOKEN_TIME: Duration = Duration::from_mins(40);

/// Apple's service, for one app.
pub(crate) struct ApnsService {
    key: EncodingKey,
    key_id: String,
    team: String,
    topic: String,
    address: Url,
    link: Link,
    /// The token in use, and since when.
    token: Mutex<Option<(String, Instant)>>,
}

/// What Apple says of a refusal.
#[derive(Deserialize)]
struct Refusal {
    reason: String,
    /// Since when the token is none, in milliseconds.
    #[serde(default)]
    timestamp: Option<u64>,
}

impl ApnsService {
    /// Apple's own address.
    pub(crate) fn address(sandbox: bool) -> &'static str {
        if sandbox { "https://api.sandbox.push.apple.com" } else { "https://api.push.apple.com" }
    }

    /// `key` is the text of the .p8 file; what is wrong with it otherwise.
    pub(crate) fn new(
        key: &[u8],
        key_id: &str,
        team: &str,
        topic: &str,
        address: Url,
        link: Link,
    ) -> Result<Self, String> {
        let key = EncodingKey::from_ec_pem(key)
            .map_err(|_| "is no private key for ES256 in PEM (PKCS#8)".to_owned())?;
        let (key_id, team) = (key_id.to_owned(), team.to_owned());
        let topic = topic.to_owned();
        let this = Self { key, key_id, team, topic, address, link, token: Mutex::default() };
        // A key that cannot sign is told now.
        this.sign(0)?;
        Ok(this)
    }

    /// The token to show (RFC 7519): who sends, and since when it holds.
    fn sign(&self, now_s: u64) -> Result<String, String> {
        let header = Header { kid: Some(self.key_id.clone()), ..Header::new(Algorithm::ES256) };
        let claims = json!({"iss": self.team, "iat": now_s});
        encode(&header, &claims, &self.key).map_err(|error| format!("cannot sign: {error}"))
    }

    /// The token in use, or a new one where it is old or is the one that was refused.
    fn token(&self, now: Timestamp, refused: Option<&str>) -> Result<String, String> {
        let mut token = self.token.lock();
        let usable = token
            .as_ref()
            .filter(|(text, since)| since.elapsed() < TOKEN_TIME && refused != Some(text.as_str()));
        if let Some((text, _)) = usable {
            return Ok(text.clone());
        }
        let text = self.sign(now.0 / 1000)?;
        *token = Some((text.clone(), Instant::now()));
        Ok(text)
    }

    /// Sends once; with a new token again, where the old one was refused for its age.
    pub(super) async fn send(
        &self,
        device: &str,
        voip: bool,
        notice: &Notice,
        now: Timestamp,
    ) -> Answer {
        let mut refused = None;
        loop {
            let token = match self.token(now, refused.as_deref()) {
                Ok(token) => token,
                Err(why) => return Answer::Refused { status: None, why },
            };
            let said = match self.post(device, voip, notice, &token).await {
                Ok(said) => said,
                Err(answer) => return answer,
            };
            if is_expired(&said) && refused.is_none() {
                refused = Some(token);
                continue;
            }
            return judge(&said);
        }
    }

    async fn post(
        &self,
        device: &str,
        voip: bool,
        notice: &Notice,
        token: &str,
    ) -> Result<Said, Answer> {
        let mut url = self.address.clone();
        url.set_path(&format!("/3/device/{device}"));
        let topic = if voip { format!("{}.voip", self.topic) } else { self.topic.clone() };
        let request = self
            .link
            .to(url)
            .bearer_auth(token)
            .header("apns-push-type", if voip { "voip" } else { "alert" })
            .header("apns-topic", topic)
            .header("apns-priority", "10")
            .header("apns-expiration", notice.expires_at.0.div_ceil(1000))
            .header("apns-collapse-id", notice.call.to_string())
            .body(body(notice, voip));
        send(request).await
    }
}

/// What Apple's answer means
/// (<https://developer.apple.com/documentation/usernotifications/handling-notification-responses-from-apns>).
fn judge(said: &Said) -> Answer {
    let status = said.status.as_u16();
    let refusal: Option<Refusal> = serde_json::from_slice(&said.body).ok();
    let since = refusal.as_ref().and_then(|refusal| refusal.timestamp).map(Timestamp);
    let why = refusal.map(|refusal| refusal.reason).unwrap_or_default();
    if status == 410 || (status == 400 && why == "BadDeviceToken") {
        return Answer::Dead { status, why, since };
    }
    said.by_status(why)
}

/// Whether the token is refused for its age.
fn is_expired(said: &Said) -> bool {
    let refusal: Option<Refusal> = serde_json::from_slice(&said.body).ok();
    said.status == 403 && refusal.is_some_and(|refusal| refusal.reason == "ExpiredProviderToken")
}

/// What is sent, within Apple's limit.
fn body(notice: &Notice, voip: bool) -> String {
    let (aps, notice, most) = if voip {
        (json!({}), notice.clone(), VOIP_BYTES)
    } else {
        (aps(notice), notice.without_texts(), ALERT_BYTES)
    };
    let mut whole = json!({"aps": aps, "bellwire": {}});
    let room = most.saturating_sub(whole.to_string().len());
    whole["bellwire"] = notice.value(room);
    whole.to_string()
}

/// What the system shows of it by itself.
fn aps(notice: &Notice) -> Value {
    let mut alert = json!({"title": notice.title(), "body": notice.text()});
    if alert.to_string().len() > TEXTS_BYTES {
        alert = json!({"title": notice.caller(), "body": "Incoming call"});
    }
    match notice.news {
        PushNews::Invite => {
            let level = if notice.ring == RingMode::Ring { "time-sensitive" } else { "active" };
            let mut aps = json!({
                "alert": alert,
                "sound": notice.sound(),
                "interruption-level": level,
                "mutable-content": 1,
            });
            if let Some(badge) = notice.badge() {
                aps["badge"] = badge.into();
            }
            aps
        }
        // It takes the place of the invitation on the screen, and lets the app take it away.
        PushNews::Stop => json!({
            "alert": alert,
            "interruption-level": "passive",
            "mutable-content": 1,
            "content-available": 1,
        }),
    }
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};

    use super::*;
    use crate::push::payload::tests::longest;

    fn service() -> ApnsService {
        let key = rcgen::KeyPair::generate().unwrap().serialize_pem();
        let address = Url::parse("https://localhost").unwrap();
        let link = Link::new(None).unwrap();
        ApnsService::new(key.as_bytes(), "KEY", "TEAM", "example.shop", address, link).unwrap()
    }

    #[test]
    fn a_token_names_key_team_and_time_and_is_kept() {
        let service = service();
        let token = service.token(Timestamp(1_700_000_000_123), None).unwrap();
        let part = |n: usize| -> Value {
            let text = token.split('.').nth(n).unwrap();
            serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap()
        };
        assert_eq!((&part(0)["alg"], &part(0)["kid"]), (&json!("ES256"), &json!("KEY")));
        assert_eq!(part(1), json!({"iss": "TEAM", "iat": 1_700_000_000_u64}));
        assert_eq!(service.token(Timestamp(1_700_000_900_000), None).unwrap(), token);
        let renewed = service.token(Timestamp(1_700_000_900_000), Some(&token)).unwrap();
        assert_ne!(renewed, token);
        assert_eq!(service.token(Timestamp(1_700_000_900_001), Some(&token)).unwrap(), renewed);
    }

    #[test]
    fn what_is_sent_stays_within_the_limits() {
        let notice = longest();
        let call = body(&notice, true);
        assert!(call.len() <= VOIP_BYTES && !call.contains("\"cut\""), "{}", call.len());
        let alert = body(&notice, false);
        assert!(alert.len() <= ALERT_BYTES, "{}", alert.len());
        let alert: Value = serde_json::from_str(&alert).unwrap();
        assert_eq!(alert["aps"]["alert"]["body"].as_str().map(str::len), Some(1024));
        assert!(alert["bellwire"]["payload"].is_string() && alert["bellwire"]["title"].is_null());
        let mut odd = longest();
        let wish = bellwire_core::PushWish {
            content: Some("\u{1}".repeat(1024).into()),
            ..Default::default()
        };
        odd.wish = Some(std::sync::Arc::new(wish));
        assert!(body(&odd, false).len() <= ALERT_BYTES);
        assert!(body(&odd, true).len() <= VOIP_BYTES);
    }

    #[test]
    fn a_key_that_is_none_is_refused() {
        let address = Url::parse("https://localhost").unwrap();
        let link = Link::new(None).unwrap();
        let made = ApnsService::new(b"no key", "KEY", "TEAM", "example.shop", address, link);
        assert!(made.is_err_and(|says| says.contains("ES256")));
    }
}
