//! The HTTP API as a business server uses it.

use std::net::SocketAddr;

use reqwest::{Client, Method};
use serde_json::Value;

use super::PATIENCE;

/// A client that carries the app's API key.
pub(crate) struct Api {
    client: Client,
    base: String,
    key: Option<String>,
    /// Sent along as `Idempotency-Key`.
    once: Option<String>,
}

impl Api {
    /// A client of the server at `address`.
    pub(crate) fn new(address: SocketAddr, key: &str) -> Self {
        let client = Client::builder().no_proxy().timeout(PATIENCE).build().expect("a client");
        Self { client, base: format!("http://{address}"), key: Some(key.to_owned()), once: None }
    }

    /// The same with another key, or with none.
    pub(crate) fn with_key(&self, key: Option<&str>) -> Self {
        let key = key.map(str::to_owned);
        Self { client: self.client.clone(), base: self.base.clone(), key, once: None }
    }

    /// The same with an `Idempotency-Key`.
    pub(crate) fn once(&self, key: &str) -> Self {
        Self { once: Some(key.to_owned()), ..self.with_key(self.key.as_deref()) }
    }

    /// `GET`: status and body; the body is `null` where it is no JSON.
    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        let (status, text) = self.send(Method::GET, path, None).await;
        (status, serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    /// `GET`: status and body as text.
    pub(crate) async fn text(&self, path: &str) -> (u16, String) {
        self.send(Method::GET, path, None).await
    }

    /// `POST` of a JSON body: status and body.
    pub(crate) async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        let (status, text) = self.send(Method::POST, path, Some(body)).await;
        (status, serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    /// `PATCH` with a JSON body: status and body.
    pub(crate) async fn patch(&self, path: &str, body: Value) -> (u16, Value) {
        let (status, text) = self.send(Method::PATCH, path, Some(body)).await;
        (status, serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    /// `DELETE`: status and body.
    pub(crate) async fn delete(&self, path: &str) -> (u16, Value) {
        let (status, text) = self.send(Method::DELETE, path, None).await;
        (status, serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    /// `POST` that has to succeed.
    pub(crate) async fn ok(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.post(path, body).await;
        assert!((200..300).contains(&status), "POST {path}: {status} {answer}");
        answer
    }

    async fn send(&self, method: Method, path: &str, body: Option<Value>) -> (u16, String) {
        let mut request = self.client.request(method, format!("{}{path}", self.base));
        if let Some(key) = &self.key {
            request = request.bearer_auth(key);
        }
        if let Some(once) = &self.once {
            request = request.header("idempotency-key", once);
        }
        if let Some(body) = &body {
            request = request.json(body);
        }
        let response = request.send().await.expect("the server answers");
        let status = response.status().as_u16();
        (status, response.text().await.expect("a whole body"))
    }
}
