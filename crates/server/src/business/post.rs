//! Questions as HTTP posts.

use std::time::Duration;

use bellwire_protocol::{business::HookAnswer, limits::FRAME_BYTES};
use reqwest::{Client, Response, Url, header::CONTENT_TYPE, redirect};

use tokio::time::Instant;

use super::{
    absence::Absence,
    sign::{SigningKey, signatures},
};

/// Between two tries to connect; the time limit of the question ends them.
const RETRY: Duration = Duration::from_millis(50);

/// What is posted, and where.
pub(super) struct Letter<'a> {
    pub(super) url: &'a Url,
    pub(super) keys: &'a [SigningKey],
    pub(super) id: &'a str,
    /// Unix seconds.
    pub(super) at_s: u64,
    pub(super) body: &'a str,
}

/// The client for all posts: it keeps connections, follows nowhere and knows no proxy.
pub(super) fn client() -> Client {
    let built = Client::builder()
        .no_proxy()
        .redirect(redirect::Policy::none())
        .user_agent(concat!("bellwire/", env!("CARGO_PKG_VERSION")))
        .tcp_nodelay(true)
        .build();
    // It fails only where TLS cannot be set up at all, which the server does before.
    built.expect("the TLS backend is there")
}

/// Asks, and until `deadline` tries again as long as there is no connection: what was sent is not
/// sent twice.
pub(super) async fn post(
    client: &Client,
    letter: &Letter<'_>,
    deadline: Instant,
) -> Result<HookAnswer, Absence> {
    loop {
        match once(client, letter).await {
            Err(Absence::Unreachable) if Instant::now() + RETRY < deadline => {
                tokio::time::sleep(RETRY).await;
            }
            answered => return answered,
        }
    }
}

async fn once(client: &Client, letter: &Letter<'_>) -> Result<HookAnswer, Absence> {
    let Letter { url, keys, id, at_s, body } = *letter;
    let sent = client
        .post(url.clone())
        .header(CONTENT_TYPE, "application/json")
        .header("webhook-id", id)
        .header("webhook-timestamp", at_s)
        .header("webhook-signature", signatures(keys, id, at_s, body.as_bytes()))
        .body(body.to_owned())
        .send()
        .await;
    let response = sent
        .map_err(|error| if error.is_connect() { Absence::Unreachable } else { Absence::Broken })?;
    let status = response.status();
    if !status.is_success() {
        return Err(Absence::Status(status.as_u16()));
    }
    read(&whole(response).await?)
}

async fn whole(mut response: Response) -> Result<Vec<u8>, Absence> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|_| Absence::Broken)? {
        if body.len() + chunk.len() > FRAME_BYTES {
            return Err(Absence::Wrong(format!("more than {FRAME_BYTES} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn read(body: &[u8]) -> Result<HookAnswer, Absence> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(HookAnswer::default());
    }
    let mut json = serde_json::Deserializer::from_slice(body);
    serde_path_to_error::deserialize(&mut json).map_err(|error| Absence::Wrong(error.to_string()))
}
