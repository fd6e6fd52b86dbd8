//! The settings of an app's webhooks.

use std::{collections::BTreeSet, ops::RangeInclusive, time::Duration};

use bellwire_protocol::Secret;
use reqwest::Url;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{business, error::Problem};
use crate::post::SigningKey;

/// How long a receiver may be given, in milliseconds.
const TIMEOUT_MS: RangeInclusive<u64> = 100..=60_000;

/// A receiver of what happens in the app's calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Webhook {
    /// Its name, under which is kept how far it has come: a new name begins with what happens from
    /// then on.
    #[schemars(example = &"crm")]
    pub name: String,
    /// Where events are posted.
    #[schemars(example = &"https://shop.example/bellwire/events")]
    pub url: String,
    /// One or two secrets that posts are signed with, as those of `hooks`.
    #[schemars(example = ["whsec_ and what `openssl rand -base64 32` prints"])]
    pub secrets: Vec<Secret>,
    /// Only these: `created`, `ringing`, `accepted`, `started`, `ended` and the other types of a
    /// call's log. Without any: all.
    #[serde(default)]
    #[schemars(example = ["started", "ended"])]
    pub types: BTreeSet<String>,
    /// How long it may take to answer, in milliseconds (100 to 60000).
    #[serde(default = "timeout_ms")]
    pub timeout_ms: u64,
}

fn timeout_ms() -> u64 {
    10_000
}

/// The same, ready for use.
#[derive(Debug, Clone)]
pub(crate) struct WebhookSettings {
    pub name: String,
    pub url: Url,
    pub keys: Vec<SigningKey>,
    pub types: BTreeSet<String>,
    pub timeout: Duration,
}

/// Resolves an app's webhooks; `at` is the path of the app's table.
pub(super) fn resolve(
    webhooks: &[Webhook],
    at: &str,
    problems: &mut Vec<Problem>,
) -> Vec<WebhookSettings> {
    let mut names = BTreeSet::new();
    let mut resolved = Vec::new();
    for (i, webhook) in webhooks.iter().enumerate() {
        let Webhook { name, url, secrets, types, timeout_ms } = webhook;
        let at = format!("{at}.webhooks[{i}]");
        let mut refuse =
            |field: &str, says: &str| problems.push(Problem::new(format!("{at}.{field}"), says));
        if name.is_empty() || name.len() > 64 || name.contains(|c: char| c.is_control() || c == '/')
        {
            refuse("name", "must be 1 to 64 bytes without slashes");
        }
        if !names.insert(name) {
            refuse("name", "is taken by another webhook of the app");
        }
        if !TIMEOUT_MS.contains(timeout_ms) {
            let (least, most) = (TIMEOUT_MS.start(), TIMEOUT_MS.end());
            refuse("timeout_ms", &format!("must be {least} to {most}, is {timeout_ms}"));
        }
        let url = business::address(url, &format!("{at}.url"), problems);
        let keys = business::keys(secrets, &format!("{at}.secrets"), problems);
        if let Some(url) = url {
            let timeout = Duration::from_millis(*timeout_ms);
            resolved.push(WebhookSettings {
                name: name.clone(),
                url,
                keys,
                types: types.clone(),
                timeout,
            });
        }
    }
    resolved
}
