//! Asking a running server over its HTTP API.

use std::{path::Path, time::Duration};

use anyhow::{Context, bail};
use bellwire_protocol::{PORT, Secret};
use clap::Args;
use serde::{Deserialize, de::DeserializeOwned};

use super::token;
use crate::config::DevApp;

/// The longest wait for an answer: the server's own are a matter of milliseconds.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Which server, and the key to it.
#[derive(Debug, Args)]
pub(crate) struct ServerArgs {
    /// The server.
    #[arg(long, value_name = "URL", default_value_t = format!("http://127.0.0.1:{PORT}"))]
    server: String,
    /// An API key of the app; without it that of the variable `BELLWIRE_API_KEY`, which other
    /// users of the machine do not see, or else that of the development app.
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// The data directory of the development server whose key is taken. [default: ./data]
    #[arg(long, value_name = "DIR")]
    data: Option<String>,
}

/// The API of one server.
pub(crate) struct Api {
    http: reqwest::Client,
    server: String,
    key: Secret,
}

/// The part of a problem document (RFC 9457) that people read.
#[derive(Deserialize)]
struct ProblemDocument {
    title: Option<String>,
    detail: Option<String>,
}

impl Api {
    /// The API these arguments mean.
    pub(crate) fn of(args: ServerArgs) -> anyhow::Result<Self> {
        let given = args.key.or_else(|| std::env::var("BELLWIRE_API_KEY").ok());
        let key = match given {
            Some(key) => Secret::from(key),
            None => dev_key(&token::data(args.data.as_deref())?)?,
        };
        // The server is asked itself: a proxy for the web does not know it.
        let http = reqwest::Client::builder().no_proxy().timeout(TIMEOUT).build()?;
        Ok(Self { http, server: args.server.trim_end_matches('/').to_owned(), key })
    }

    /// The answer to `GET path?query`.
    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, String)],
    ) -> anyhow::Result<T> {
        let url = format!("{}{path}", self.server);
        let request = self.http.get(&url).query(query).bearer_auth(self.key.expose());
        let asked = || format!("{} does not answer; is it running?", self.server);
        let answer = request.send().await.with_context(asked)?;
        let status = answer.status();
        if !status.is_success() {
            let problem = answer.json::<ProblemDocument>().await.ok();
            let says = problem.and_then(|p| p.detail.or(p.title)).unwrap_or_default();
            bail!("{url}: {status} {says}");
        }
        answer.json().await.with_context(|| format!("{url} is not what a Bellwire server says"))
    }
}

fn dev_key(data: &Path) -> anyhow::Result<Secret> {
    match DevApp::existing(data)? {
        Some(keys) => Ok(keys.api_key),
        None => bail!(
            "{} has no development app; name its directory with --data, or give an app's API key \
             with --key or BELLWIRE_API_KEY",
            data.display()
        ),
    }
}
