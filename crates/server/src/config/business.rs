//! The settings of an app's business server.

use std::{collections::BTreeSet, ops::RangeInclusive, time::Duration};

use bellwire_core::Hook;
use bellwire_protocol::Secret;
use reqwest::Url;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{app::KEYS_MAX, error::Problem, schema::Login};
use crate::post::SigningKey;

/// How long a business server may be given, in milliseconds: a caller waits for it.
const TIMEOUT_MS: RangeInclusive<u64> = 50..=10_000;

/// What the app's business server is asked, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Hooks {
    /// What it is asked or told: `call.request`, `call.join` and `room.token` decide, `call.answer`
    /// and `call.finish` only tell. `session.login` is asked where `login = "hook"`, without being
    /// named here.
    #[schemars(with = "Vec<String>", example = ["call.request", "call.finish"])]
    pub ask: Vec<Hook>,
    /// Where questions are posted when no business server is connected to `/v1/business`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"https://shop.example/bellwire/hooks")]
    pub url: Option<String>,
    /// One or two secrets that posts are signed with (Standard Webhooks: `whsec_` and base64 of
    /// 24 to 64 bytes); with two, both sign, so that the receiver can change over.
    #[schemars(example = ["whsec_ and what `openssl rand -base64 32` prints"])]
    pub secrets: Vec<Secret>,
    /// How long it may take to answer, in milliseconds (50 to 10000).
    pub timeout_ms: u64,
    /// What happens when it cannot be asked or does not answer as agreed. Has to be said where
    /// something is asked. Nobody logs in by name and nobody enters a room without its
    /// word, whatever stands here.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"deny")]
    pub absent: Option<Absent>,
}

impl Default for Hooks {
    fn default() -> Self {
        Self { ask: Vec::new(), url: None, secrets: Vec::new(), timeout_ms: 2_000, absent: None }
    }
}

/// What happens when the business server cannot be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Absent {
    /// It may be, as asked for.
    Allow,
    /// It may not; the call is logged as denied.
    Deny,
}

/// The same, ready for use.
#[derive(Debug, Clone)]
pub(crate) struct HookSettings {
    /// What is asked, besides what a connected business server takes by itself.
    pub ask: BTreeSet<Hook>,
    pub url: Option<Url>,
    pub keys: Vec<SigningKey>,
    pub timeout: Duration,
    pub absent: Absent,
}

impl Hooks {
    /// Resolves them; `at` is the path of the app's table.
    pub(super) fn resolve(
        &self,
        login: Login,
        at: &str,
        problems: &mut Vec<Problem>,
    ) -> HookSettings {
        let Self { ask, url, secrets, timeout_ms, absent } = self;
        let mut refuse = |field: &str, says: String| {
            problems.push(Problem::new(format!("{at}.hooks.{field}"), says));
        };
        if !ask.is_empty() && absent.is_none() {
            refuse("absent", "is missing; say \"allow\" or \"deny\"".to_owned());
        }
        if ask.contains(&Hook::Login) && login != Login::Hook {
            let says = "session.login is asked where the app's login = \"hook\"; leave it out here";
            refuse("ask", says.to_owned());
        }
        if !TIMEOUT_MS.contains(timeout_ms) {
            let (least, most) = (TIMEOUT_MS.start(), TIMEOUT_MS.end());
            refuse("timeout_ms", format!("must be {least} to {most}, is {timeout_ms}"));
        }
        let url = url.as_deref().and_then(|url| address(url, &format!("{at}.hooks.url"), problems));
        let keys = if url.is_some() || !secrets.is_empty() {
            keys(secrets, &format!("{at}.hooks.secrets"), problems)
        } else {
            Vec::new()
        };
        HookSettings {
            ask: ask.iter().copied().collect(),
            url,
            keys,
            timeout: Duration::from_millis(*timeout_ms),
            absent: absent.unwrap_or(Absent::Allow),
        }
    }
}

/// An address that can be posted to; `path` is where it stands.
pub(super) fn address(url: &str, path: &str, problems: &mut Vec<Problem>) -> Option<Url> {
    let parsed = Url::parse(url).map_err(|error| format!("is no address: {error}"));
    let usable = parsed.and_then(|url| match url.scheme() {
        "http" | "https" => Ok(url),
        _ => Err("must begin with https:// or http://".to_owned()),
    });
    usable.map_err(|says| problems.push(Problem::new(path, says))).ok()
}

/// The keys that posts are signed with; at least one.
pub(super) fn keys(secrets: &[Secret], path: &str, problems: &mut Vec<Problem>) -> Vec<SigningKey> {
    if secrets.is_empty() {
        let says = "is missing: the receiver knows by it that a post is ours; make one with \
                    `echo whsec_$(openssl rand -base64 32)`";
        problems.push(Problem::new(path, says));
    }
    if secrets.len() > KEYS_MAX {
        let says = "must hold at most 2: the old one and the new one";
        problems.push(Problem::new(path, says));
    }
    let mut keys = Vec::new();
    for (i, secret) in secrets.iter().enumerate() {
        match SigningKey::parse(secret) {
            Ok(key) => keys.push(key),
            Err(error) => problems.push(Problem::new(format!("{path}[{i}]"), error.to_string())),
        }
    }
    keys
}
