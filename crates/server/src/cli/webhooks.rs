//! `bellwire webhooks listen`: a receiver for development, which shows what an app's hooks and
//! webhooks post, and whether it is signed as it should be.

use std::{
    net::SocketAddr,
    process::ExitCode,
    sync::{Arc, Mutex},
    time::Duration,
};

use anyhow::Context as _;
use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, State},
    http::{HeaderMap, StatusCode},
};
use bellwire_core::Timestamp;
use bellwire_protocol::Secret;
use clap::{Args, Subcommand};
use serde_json::Value;
use tokio::net::TcpListener;

use super::{print, when};
use crate::post::{SigningKey, Unsigned, verify};

/// How far the clocks of both sides may be apart (Standard Webhooks, "Verifying webhooks").
const CLOCKS_APART: Duration = Duration::from_mins(5);
/// The largest post that is taken: a record with long notes.
const POST_BYTES: usize = 1 << 20;

/// `bellwire webhooks`.
#[derive(Debug, Subcommand)]
pub(crate) enum WebhooksCommand {
    /// Listens for posts, verifies their signatures and prints them.
    Listen(ListenArgs),
}

/// `bellwire webhooks listen`.
#[derive(Debug, Args)]
pub(crate) struct ListenArgs {
    /// Where to listen; `url` in the settings names it.
    #[arg(long, default_value = "127.0.0.1:8787")]
    listen: SocketAddr,
    /// A secret of the app (`whsec_…`); again for a second one while one is being replaced. Without
    /// any that of the variable `BELLWIRE_WEBHOOK_SECRET`, which other users of the machine do not
    /// see. What is signed by none of them is refused.
    #[arg(long, value_name = "SECRET")]
    secret: Vec<String>,
    /// Prints each post as one line of JSON, as it came.
    #[arg(long)]
    json: bool,
}

struct Listening {
    keys: Vec<SigningKey>,
    json: bool,
    /// Lines are whole, whoever prints.
    printing: Mutex<()>,
}

/// Listens until it is stopped.
pub(crate) async fn run(command: WebhooksCommand) -> anyhow::Result<ExitCode> {
    let WebhooksCommand::Listen(args) = command;
    let mut secrets = args.secret;
    if secrets.is_empty() {
        secrets.extend(std::env::var("BELLWIRE_WEBHOOK_SECRET"));
    }
    let keys = secrets.into_iter().map(|secret| SigningKey::parse(&Secret::from(secret)));
    let keys: Vec<_> = keys.collect::<Result<_, _>>().context("the secret")?;
    let listener = TcpListener::bind(args.listen).await;
    let listener = listener.with_context(|| format!("cannot listen on {}", args.listen))?;
    let how = if keys.is_empty() { "; signatures are not verified without --secret" } else { "" };
    eprintln!("listening on http://{}{how}", listener.local_addr()?);
    let state = Arc::new(Listening { keys, json: args.json, printing: Mutex::new(()) });
    let router =
        Router::new().fallback(take).layer(DefaultBodyLimit::max(POST_BYTES)).with_state(state);
    axum::serve(listener, router).await?;
    Ok(ExitCode::SUCCESS)
}

/// Takes one post; a hook is allowed.
async fn take(
    State(listening): State<Arc<Listening>>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, &'static str) {
    let signed = listening.verify(&headers, &body);
    let shown = match (&signed, listening.json) {
        (Ok(()), true) => String::from_utf8_lossy(&body).into_owned() + "\n",
        (Ok(()), false) => line(&body),
        (Err(why), _) => format!("{}  refused: {why}\n", when::utc(when::now())),
    };
    let printing = listening.printing.lock();
    // Whoever read it has gone; the poster is answered all the same.
    let _ = print(&shown);
    drop(printing);
    match signed {
        Ok(()) => (StatusCode::OK, "{}"),
        Err(_) => (StatusCode::UNAUTHORIZED, "the signature is wrong\n"),
    }
}

impl Listening {
    fn verify(&self, headers: &HeaderMap, body: &[u8]) -> Result<(), Unsigned> {
        if self.keys.is_empty() {
            return Ok(());
        }
        let header = |name: &str| headers.get(name).and_then(|h| h.to_str().ok()).unwrap_or("");
        let (id, at) = (header("webhook-id"), header("webhook-timestamp"));
        let signatures = header("webhook-signature");
        verify(&self.keys, (id, at, signatures), body, when::now().0 / 1000, CLOCKS_APART)
    }
}

/// When, what, and of which call: `2026-11-19 20:01:01  call.ended  0198c0de-… 5  completed`.
fn line(body: &[u8]) -> String {
    let Ok(post) = serde_json::from_slice::<Value>(body) else {
        return format!("no JSON: {}\n", String::from_utf8_lossy(body));
    };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (what, at) = if post["hook"].is_string() {
        (format!("asks {}", text(&post["hook"])), &post["at"])
    } else {
        (text(&post["type"]), &post["data"]["at"])
    };
    let at = when::utc(at.as_u64().map_or_else(when::now, Timestamp));
    let data = &post["data"];
    let mut words = vec![at, what, text(&data["call"])];
    words.extend(data["seq"].as_u64().map(|seq| seq.to_string()));
    for name in ["user", "device", "reason", "cause", "outcome"] {
        words.extend(data[name].as_str().map(str::to_owned));
    }
    words.extend(data["from"]["user"].as_str().map(|from| format!("from {from}")));
    words.join("  ") + "\n"
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_post_is_a_line() {
        let event = json!({"type": "call.rejected", "timestamp": "…", "data": {
            "app": "shop", "cursor": "7", "call": "C", "seq": 3, "at": 1_795_118_400_123_u64,
            "type": "rejected", "user": "bob", "reason": "busy",
        }});
        let shown = line(event.to_string().as_bytes());
        assert_eq!(shown, "2026-11-19 20:00:00  call.rejected  C  3  bob  busy\n");
        let hook = json!({"id": "C:request", "app": "shop", "at": 1_795_118_400_123_u64,
            "hook": "call.request", "data": {"call": "C", "from": {"user": "alice"}}});
        let shown = line(hook.to_string().as_bytes());
        assert_eq!(shown, "2026-11-19 20:00:00  asks call.request  C  from alice\n");
        assert_eq!(line(b"hello"), "no JSON: hello\n");
    }
}
