//! What is posted to business servers: signed, within bounds, to nowhere else.

mod sign;

use std::sync::LazyLock;

use bellwire_protocol::limits::FRAME_BYTES;
use reqwest::{Client, Response, Url, header::CONTENT_TYPE, redirect};

pub(crate) use sign::SigningKey;

/// The client for all posts: it keeps connections, follows nowhere and knows no proxy.
static CLIENT: LazyLock<Client> = LazyLock::new(|| {
    let built = Client::builder()
        .no_proxy()
        .redirect(redirect::Policy::none())
        .user_agent(concat!("bellwire/", env!("CARGO_PKG_VERSION")))
        .tcp_nodelay(true)
        .build();
    // It fails only where TLS cannot be set up at all.
    built.expect("the TLS backend is there")
});

/// What is posted, and where.
#[derive(Debug)]
pub(crate) struct Message<'a> {
    pub(crate) url: &'a Url,
    pub(crate) keys: &'a [SigningKey],
    /// Names the message; the same if it is sent again.
    pub(crate) id: &'a str,
    /// Unix seconds.
    pub(crate) at_s: u64,
    pub(crate) body: &'a str,
}

/// Why a post was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failure {
    /// It could not be connected to: nothing was sent.
    #[error("cannot be connected to")]
    Unreachable,
    /// The connection broke; what was sent may have arrived.
    #[error("the connection broke")]
    Broken,
    /// An answer that is none of 2xx.
    #[error("answered with status {0}")]
    Status(u16),
    /// The answer is longer than a frame.
    #[error("answered with more than {FRAME_BYTES} bytes")]
    TooLong,
}

/// Posts, once; an answer of 2xx.
pub(crate) async fn send(message: &Message<'_>) -> Result<Response, Failure> {
    let response = send_for_any(message).await?;
    let status = response.status();
    if status.is_success() { Ok(response) } else { Err(Failure::Status(status.as_u16())) }
}

/// Posts, once; any answer.
pub(crate) async fn send_for_any(message: &Message<'_>) -> Result<Response, Failure> {
    let Message { url, keys, id, at_s, body } = *message;
    let sent = CLIENT
        .post(url.clone())
        .header(CONTENT_TYPE, "application/json")
        .header("webhook-id", id)
        .header("webhook-timestamp", at_s)
        .header("webhook-signature", sign::signatures(keys, id, at_s, body.as_bytes()))
        .body(body.to_owned())
        .send()
        .await;
    sent.map_err(|error| if error.is_connect() { Failure::Unreachable } else { Failure::Broken })
}

/// The whole body of an answer.
pub(crate) async fn whole(mut response: Response) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|_| Failure::Broken)? {
        if body.len() + chunk.len() > FRAME_BYTES {
            return Err(Failure::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}
