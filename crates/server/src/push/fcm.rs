//! Firebase Cloud Messaging, HTTP v1
//! (<https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages>).

use std::time::{Duration, Instant};

use bellwire_core::{PushNews, RingMode, Timestamp};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use reqwest::Url;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::{
    answer::{Answer, Link, Said, send},
    payload::Notice,
};

/// The most that a message may carry, in bytes: its data and what people read of it.
const MESSAGE_BYTES: usize = 4096;
/// What names and the other fields may take of it.
const FRAME_BYTES: usize = 128;
const SCOPE: &str = "https://www.googleapis.com/auth/firebase.messaging";
const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// How long an assertion may be used, in seconds; the most Google takes.
const ASSERTION_S: u64 = 3600;
/// A token is renewed so long before it ends.
const RENEW_BEFORE: Duration = Duration::from_mins(2);

/// Google's service, for one app.
pub(crate) struct FcmService {
    account: Account,
    key: EncodingKey,
    messages: Url,
    token_uri: Url,
    link: Link,
    /// The access token in use, and until when. Held while a new one is asked for: one at a time.
    token: Mutex<Option<(String, Instant)>>,
}

/// The file of a service account, as far as it is needed.
#[derive(Deserialize)]
struct Account {
    project_id: String,
    private_key_id: String,
    private_key: String,
    client_email: String,
    token_uri: String,
}

/// An access token (RFC 6749, section 5.1).
#[derive(Deserialize)]
struct Access {
    access_token: String,
    expires_in: u64,
}

impl FcmService {
    /// Google's own address.
    pub(crate) const ADDRESS: &str = "https://fcm.googleapis.com";

    /// `account` is the service account's file; what is wrong with it otherwise.
    pub(crate) fn new(account: &[u8], address: &Url, link: Link) -> Result<Self, String> {
        // The error's own text may quote the key.
        let account: Account = serde_json::from_slice(account)
            .map_err(|_| "is no key of a service account in JSON".to_owned())?;
        let key = EncodingKey::from_rsa_pem(account.private_key.as_bytes())
            .map_err(|_| "has no private key for RS256 in PEM".to_owned())?;
        let path = format!("/v1/projects/{}/messages:send", account.project_id);
        let messages = address.join(&path).map_err(|error| error.to_string())?;
        let token_uri = Url::parse(&account.token_uri)
            .ok()
            .filter(|url| url.scheme() == "https")
            .ok_or("has no token_uri that begins with https://")?;
        let this = Self { account, key, messages, token_uri, link, token: Mutex::default() };
        // A key that cannot sign is told now.
        this.assertion(0)?;
        Ok(this)
    }

    /// What an access token is asked for with (RFC 7523).
    fn assertion(&self, now_s: u64) -> Result<String, String> {
        let kid = Some(self.account.private_key_id.clone());
        let header = Header { kid, ..Header::new(Algorithm::RS256) };
        let claims = json!({
            "iss": self.account.client_email,
            "scope": SCOPE,
            "aud": self.account.token_uri,
            "iat": now_s,
            "exp": now_s.saturating_add(ASSERTION_S),
        });
        encode(&header, &claims, &self.key).map_err(|error| format!("cannot sign: {error}"))
    }

    /// The access token in use, or a new one where it ends or is the one that was refused.
    async fn token(&self, now: Timestamp, refused: Option<&str>) -> Result<String, Answer> {
        let mut token = self.token.lock().await;
        let usable = token
            .as_ref()
            .filter(|(text, until)| Instant::now() < *until && refused != Some(text.as_str()));
        if let Some((text, _)) = usable {
            return Ok(text.clone());
        }
        let assertion =
            self.assertion(now.0 / 1000).map_err(|why| Answer::Refused { status: None, why })?;
        // What else stands in them needs no escape in a form.
        let form = format!("grant_type={}&assertion={assertion}", GRANT.replace(':', "%3A"));
        let request = self
            .link
            .to(self.token_uri.clone())
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form);
        let said = send(request).await?;
        if !said.status.is_success() {
            return Err(said.by_status("no access token".to_owned()));
        }
        let access: Access = serde_json::from_slice(&said.body).map_err(|_| Answer::Again {
            status: Some(said.status.as_u16()),
            why: "no access token".to_owned(),
            after: None,
        })?;
        let lasts = Duration::from_secs(access.expires_in).saturating_sub(RENEW_BEFORE);
        *token = Some((access.access_token.clone(), Instant::now() + lasts));
        Ok(access.access_token)
    }

    /// Sends once; with a new access token again, where the old one was refused.
    pub(super) async fn send(&self, device: &str, notice: &Notice, now: Timestamp) -> Answer {
        let mut refused = None;
        loop {
            let token = match self.token(now, refused.as_deref()).await {
                Ok(token) => token,
                Err(answer) => return answer,
            };
            let request = self
                .link
                .to(self.messages.clone())
                .bearer_auth(&token)
                .header("content-type", "application/json")
                .body(message(device, notice, now).to_string());
            let said = match send(request).await {
                Ok(said) => said,
                Err(answer) => return answer,
            };
            if said.status == 401 && refused.is_none() {
                refused = Some(token);
                continue;
            }
            return judge(&said);
        }
    }
}

/// What Google's answer means
/// (<https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode>).
fn judge(said: &Said) -> Answer {
    let status = said.status.as_u16();
    let body: Value = serde_json::from_slice(&said.body).unwrap_or_default();
    let details = body["error"]["details"].as_array();
    let code = details.into_iter().flatten().find_map(|detail| detail["errorCode"].as_str());
    let why = code.or(body["error"]["status"].as_str()).unwrap_or_default().to_owned();
    if code == Some("UNREGISTERED") {
        return Answer::Dead { status, why, since: None };
    }
    said.by_status(why)
}

/// What is sent. A call wakes the app, which shows it; of a notice the system shows the text.
fn message(device: &str, notice: &Notice, now: Timestamp) -> Value {
    let seconds = notice.expires_at.since_ms(now).div_ceil(1000);
    let rings = notice.ring == RingMode::Ring;
    let priority = if rings { "HIGH" } else { "NORMAL" };
    let mut android = json!({
        "priority": priority,
        "ttl": format!("{seconds}s"),
        "collapse_key": notice.call.to_string(),
    });
    let mut message = json!({"token": device});
    let mut texts = 0;
    if notice.news == PushNews::Invite && !rings {
        texts = notice.title().len() + notice.text().len();
        message["notification"] = json!({"title": notice.title(), "body": notice.text()});
        android["notification"] = json!({"tag": notice.call.to_string()});
    }
    let room = MESSAGE_BYTES - FRAME_BYTES - texts;
    let data = if texts > 0 { notice.without_texts().body(room) } else { notice.body(room) };
    message["data"] = json!({"bellwire": data});
    message["android"] = android;
    json!({"message": message})
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};

    use super::*;
    use crate::push::payload::tests::longest;

    #[test]
    fn an_assertion_asks_for_messaging_for_an_hour() {
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap().serialize_pem();
        let account = json!({
            "type": "service_account", "project_id": "shop", "private_key_id": "k1",
            "private_key": key, "client_email": "push@shop.example",
            "token_uri": "https://oauth2.googleapis.com/token",
        });
        let address = Url::parse(FcmService::ADDRESS).unwrap();
        let link = Link::new(None).unwrap();
        let service = FcmService::new(account.to_string().as_bytes(), &address, link).unwrap();
        assert_eq!(
            service.messages.as_str(),
            "https://fcm.googleapis.com/v1/projects/shop/messages:send"
        );
        let assertion = service.assertion(1_700_000_000).unwrap();
        let claims = assertion.split('.').nth(1).unwrap();
        let claims: Value =
            serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
        let expected = json!({
            "iss": "push@shop.example", "scope": SCOPE, "iat": 1_700_000_000_u64,
            "aud": "https://oauth2.googleapis.com/token", "exp": 1_700_003_600_u64,
        });
        assert_eq!(claims, expected);
    }

    #[test]
    fn a_file_that_is_no_account_is_refused_without_quoting_it() {
        let address = Url::parse(FcmService::ADDRESS).unwrap();
        let file = r#"{"private_key": "hunter2"}"#;
        let made = FcmService::new(file.as_bytes(), &address, Link::new(None).unwrap());
        assert!(made.is_err_and(|says| !says.contains("hunter2")));
    }

    #[test]
    fn what_is_sent_stays_within_the_limit() {
        let (notice, now) = (longest(), Timestamp(0));
        for notice in [Notice { ring: RingMode::Ring, ..notice.clone() }, notice] {
            let message = message("token", &notice, now);
            let message = &message["message"];
            let mut bytes = message["data"]["bellwire"].as_str().unwrap().len() + "bellwire".len();
            if let Some(texts) = message["notification"].as_object() {
                bytes += texts.values().map(|text| text.as_str().unwrap().len()).sum::<usize>();
            }
            assert!(bytes <= MESSAGE_BYTES, "{bytes}");
        }
    }
}
