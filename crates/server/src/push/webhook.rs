//! The app's own push gateway: told by a signed post (Standard Webhooks) whom to wake.

use std::time::Duration;

use bellwire_core::{DeviceId, PushNews, Timestamp};
use reqwest::Url;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::{
    answer::{Answer, read},
    payload::Notice,
};
use crate::post::{Failure, Message, SigningKey, send_for_any};

/// The app's gateway.
pub(crate) struct WebhookService {
    url: Url,
    keys: Vec<SigningKey>,
    timeout: Duration,
}

impl WebhookService {
    pub(crate) fn new(url: Url, keys: Vec<SigningKey>, timeout: Duration) -> Self {
        Self { url, keys, timeout }
    }

    /// Sends once; `id` is the same if it is sent again.
    pub(super) async fn send(
        &self,
        id: &str,
        token: &str,
        device: &DeviceId,
        notice: &Notice,
        now: Timestamp,
    ) -> Answer {
        let body = body(token, device, notice, now).to_string();
        let message =
            Message { url: &self.url, keys: &self.keys, id, at_s: now.0 / 1000, body: &body };
        let again = |why: String| Answer::Again { status: None, why, after: None };
        let said = match timeout(self.timeout, send_for_any(&message)).await {
            Err(_) => return again("no answer in time".to_owned()),
            Ok(Err(failure)) => return again(failure.to_string()),
            Ok(Ok(response)) => read(response).await,
        };
        match said {
            Err(answer) => answer,
            Ok(said) if said.status == 410 => {
                Answer::Dead { status: 410, why: String::new(), since: None }
            }
            Ok(said) => {
                let status = Failure::Status(said.status.as_u16());
                said.by_status(status.to_string())
            }
        }
    }
}

/// What is posted: the notice as a device would get it, and for whom it is.
fn body(token: &str, device: &DeviceId, notice: &Notice, now: Timestamp) -> Value {
    let mut data = notice.value(usize::MAX);
    data["token"] = token.into();
    data["device"] = device.as_str().into();
    data["expires_at"] = notice.expires_at.0.into();
    let kind = match notice.news {
        PushNews::Invite => "push.invite",
        PushNews::Stop => "push.stop",
    };
    json!({"type": kind, "timestamp": crate::clock::rfc3339(now), "data": data})
}
