//! An app with everything resolved: its keys ready for use, its settings typed.

use std::sync::Arc;

use bellwire_core::{AppKey, Settings, ShownAs};
use bellwire_protocol::Secret;
use serde::{Serialize, de::DeserializeOwned};
use toml::{Table, Value};

use super::{
    api_keys::{self, ApiKey, ApiKeyConfig},
    business::{HookSettings, Hooks},
    dev::{DEV_APP, DevApp},
    error::Problem,
    push::Push,
    schema::{Algorithm, AppConfig, Calls, Config, Limits, Login, PresencePolicy},
    sources, validate,
    webhooks::{self, WebhookSettings},
};
use crate::{auth::TokenKeys, media::LiveKit, push::PushServices};

/// The shortest secret and API key, in bytes: as long as the SHA-256 it is used with.
const SECRET_BYTES: usize = 32;
/// The most secrets or public keys at once: the old one and the new one.
pub(super) const KEYS_MAX: usize = 2;
/// What a user of the development app may start a minute, and how many they may call.
const DEV_PER_MINUTE: u32 = 1_000_000;
/// Tables an app has for itself; their paths are told from the app on.
const CALLS: &str = "calls";
const LIMITS: &str = "limits";
const LIVEKIT: &str = "livekit";
/// Limits that hold for the whole server, whatever the app.
const WHOLE_SERVER: [&str; 7] = [
    "connections",
    "hello_s",
    "header_s",
    "connections_per_address",
    "connects_per_address_s",
    "sessions_per_address",
    "failures_per_address_minute",
];

/// An app (tenant) as it is served.
#[derive(Debug, Clone)]
pub(crate) struct App {
    /// Its key.
    pub key: AppKey,
    /// Its name for people.
    pub name: Option<String>,
    /// How devices log in.
    pub login: Login,
    /// What signs and verifies its tokens.
    pub tokens: TokenKeys,
    /// Keys of its HTTP API.
    pub api_keys: Vec<Arc<ApiKey>>,
    /// Origins of web pages that may connect; `*` for any.
    pub origins: Vec<String>,
    /// Who may ask whether a user is there.
    pub presence: PresencePolicy,
    /// What its business server is asked, and how.
    pub hooks: HookSettings,
    /// Who is told what happens in its calls.
    pub webhooks: Vec<WebhookSettings>,
    /// Through whom its sleeping devices are woken.
    pub push: PushServices,
    /// The `LiveKit` server of its calls.
    pub livekit: Option<LiveKit>,
    /// Times and policy of its calls, unless a call brings its own.
    pub settings: Settings,
    /// What callers see of a callee who does not want to be rung.
    pub unavailable_as: ShownAs,
    /// How long a session outlives its connection, in milliseconds.
    pub resume_ms: u64,
    /// Its limits. Those of connections and addresses are the whole server's.
    pub limits: Limits,
}

impl App {
    /// Whether a request with this `Origin` header may proceed. Without the header it does not
    /// come from a web page, and there is nothing to protect against.
    pub(crate) fn allows_origin(&self, origin: Option<&str>) -> bool {
        origin.is_none_or(|origin| self.origins.iter().any(|o| o == "*" || o == origin))
    }

    /// Resolves an app of the configuration; `at` is its path, such as `apps[0]`.
    pub(super) fn resolve(
        app: &AppConfig,
        at: &str,
        config: &Config,
    ) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let tokens = token_keys(app, at, &mut problems);
        let api_keys = api_keys::resolve(&app.api_keys, at, &mut problems);
        origins(&app.origins, at, &mut problems);
        let hooks = app.hooks.resolve(app.login, at, &mut problems);
        let webhooks = webhooks::resolve(&app.webhooks, at, &mut problems);
        let push = app.push.resolve(at, &mut problems);
        let calls = own(CALLS, &config.calls, app.calls.as_ref(), at, &mut problems);
        let limits = own(LIMITS, &config.limits, app.limits.as_ref(), at, &mut problems);
        let livekit = own(LIVEKIT, &config.livekit, app.livekit.as_ref(), at, &mut problems);
        let livekit = livekit.zip(calls.as_ref()).and_then(|(livekit, calls)| {
            let path = format!("{at}.{LIVEKIT}");
            livekit.resolve(calls.room_media, &path, &mut problems)
        });
        whole_server(app.limits.as_ref(), at, &mut problems);
        if let (Some(own), Some(calls)) = (&app.calls, &calls) {
            let path = format!("{at}.{CALLS}");
            only_own(&path, own, &mut problems, |p| validate::calls(&path, calls, p));
        }
        if let (Some(own), Some(limits)) = (&app.limits, &limits) {
            let path = format!("{at}.{LIMITS}");
            only_own(&path, own, &mut problems, |p| validate::limits(&path, limits, p));
        }
        match (tokens, calls, limits, problems.is_empty()) {
            (Some(tokens), Some(calls), Some(limits), true) => Ok(Self {
                key: app.key.clone(),
                name: app.name.clone(),
                login: app.login,
                tokens,
                api_keys,
                origins: app.origins.clone(),
                presence: app.presence,
                hooks,
                webhooks,
                push,
                livekit,
                settings: settings(&calls),
                unavailable_as: calls.unavailable_as.into(),
                resume_ms: calls.resume_s * 1_000,
                limits,
            }),
            _ => Err(problems),
        }
    }

    /// The development app: anybody logs in by name, from any page.
    pub(super) fn dev(dev: &DevApp, config: &Config) -> Result<Self, Vec<Problem>> {
        let key = AppKey::parse(DEV_APP)
            .map_err(|e| vec![Problem::new("apps.dev.key", e.to_string())])?;
        let app = AppConfig {
            key,
            name: Some("Development".to_owned()),
            algorithm: Algorithm::Hs256,
            secrets: vec![dev.secret.clone()],
            public_keys: Vec::new(),
            private_key: None,
            api_keys: vec![ApiKeyConfig::Whole(dev.api_key.clone())],
            login: Login::Open,
            origins: vec!["*".to_owned()],
            presence: PresencePolicy::Anyone,
            hooks: Hooks::default(),
            webhooks: Vec::new(),
            push: Push::default(),
            calls: None,
            limits: None,
            livekit: None,
        };
        let mut app = Self::resolve(&app, "apps.dev", config)?;
        // Trying things out calls the same few users far more often than people do. A limit that
        // was set on purpose holds here too.
        let (usual, own) = (Limits::default(), &mut app.limits);
        for (limit, usual) in [
            (&mut own.starts_per_minute, usual.starts_per_minute),
            (&mut own.callees_per_minute, usual.callees_per_minute),
        ] {
            if *limit == usual {
                *limit = DEV_PER_MINUTE;
            }
        }
        Ok(app)
    }
}

fn settings(calls: &Calls) -> Settings {
    Settings {
        ring_ms: calls.ring_time_s * 1_000,
        reach_ms: calls.reach_time_s * 1_000,
        ack_ms: calls.ack_time_s.map(|s| s * 1_000),
        grace_ms: calls.grace_s * 1_000,
        max_ms: calls.max_time_s.map(|s| s * 1_000),
        group_size: calls.group_size,
        policy: calls.policy,
        room_media: calls.room_media.into(),
    }
}

fn token_keys(app: &AppConfig, at: &str, problems: &mut Vec<Problem>) -> Option<TokenKeys> {
    let before = problems.len();
    let mut refuse = |field: &str, says: &str| {
        problems.push(Problem::new(format!("{at}.{field}"), says));
    };
    match app.algorithm {
        Algorithm::Hs256 => {
            if !app.public_keys.is_empty() {
                refuse("public_keys", "is for algorithm = \"EdDSA\"; remove one of the two");
            }
            if app.private_key.is_some() {
                refuse("private_key", "is for algorithm = \"EdDSA\"; remove one of the two");
            }
            if app.secrets.is_empty() {
                refuse("secrets", "must hold one secret; make one with `openssl rand -hex 32`");
            }
            secrets(&app.secrets, at, problems);
            (problems.len() == before).then(|| TokenKeys::hs256(&app.secrets))
        }
        Algorithm::EdDsa => {
            if !app.secrets.is_empty() {
                refuse("secrets", "is for algorithm = \"HS256\"; remove one of the two");
            }
            if app.public_keys.is_empty() {
                refuse("public_keys", "must hold the Ed25519 public key in PEM");
            }
            if app.public_keys.len() > KEYS_MAX {
                refuse("public_keys", "must hold at most 2: the old one and the new one");
            }
            match TokenKeys::eddsa(&app.public_keys, app.private_key.as_ref()) {
                Ok(keys) => (problems.len() == before).then_some(keys),
                Err(error) => {
                    problems
                        .push(Problem::new(format!("{at}.{}", error.field()), error.to_string()));
                    None
                }
            }
        }
    }
}

fn secrets(secrets: &[Secret], at: &str, problems: &mut Vec<Problem>) {
    if secrets.len() > KEYS_MAX {
        let says = "must hold at most 2: the old one and the new one";
        problems.push(Problem::new(format!("{at}.secrets"), says));
    }
    for (i, secret) in secrets.iter().enumerate() {
        long_enough(secret, &format!("{at}.secrets[{i}]"), problems);
    }
}

/// Refuses a secret or API key that could be guessed.
pub(super) fn long_enough(secret: &Secret, path: &str, problems: &mut Vec<Problem>) {
    let length = secret.expose().len();
    if length < SECRET_BYTES {
        let says = format!(
            "is {length} bytes long and must be at least {SECRET_BYTES}; make one with \
             `openssl rand -hex 32`"
        );
        problems.push(Problem::new(path, says));
    }
}

fn origins(origins: &[String], at: &str, problems: &mut Vec<Problem>) {
    for (i, origin) in origins.iter().enumerate() {
        let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
        let plain = |host: &str| {
            let foreign = |c: char| c == '/' || c.is_whitespace() || c.is_uppercase() || c == '*';
            !host.is_empty() && !host.contains(foreign)
        };
        if origin != "*" && !host.is_some_and(plain) {
            let says = "is no origin; write it as a browser sends it: https://shop.example, in \
                        lower case, with a port where it is not the usual one, without a path";
            problems.push(Problem::new(format!("{at}.origins[{i}]"), says));
        }
    }
}

fn whole_server(own: Option<&Table>, at: &str, problems: &mut Vec<Problem>) {
    for name in WHOLE_SERVER {
        if own.is_some_and(|own| own.contains_key(name)) {
            let says = "is for the whole server; set it in [limits]";
            problems.push(Problem::new(format!("{at}.{LIMITS}.{name}"), says));
        }
    }
}

/// The section `name` with the app's own values laid over the server's.
fn own<T: Serialize + DeserializeOwned + Clone>(
    name: &str,
    base: &T,
    own: Option<&Table>,
    at: &str,
    problems: &mut Vec<Problem>,
) -> Option<T> {
    let Some(own) = own else {
        return Some(base.clone());
    };
    let mut merged = match Table::try_from(base) {
        Ok(table) => table,
        Err(error) => {
            problems.push(Problem::new(format!("{at}.{name}"), error.to_string()));
            return None;
        }
    };
    lay_over(&mut merged, own);
    match serde_path_to_error::deserialize(Value::Table(merged)) {
        Ok(section) => Some(section),
        Err(error) => {
            let path = format!("{at}.{name}.{}", error.path());
            let message = error.inner().message();
            let is_secret = sources::is_secret(&path);
            let says = if is_secret { sources::without_value(message) } else { message.to_owned() };
            problems.push(Problem::new(path, says));
            None
        }
    }
}

fn lay_over(base: &mut Table, own: &Table) {
    for (key, value) in own {
        match (base.get_mut(key), value) {
            (Some(Value::Table(base)), Value::Table(own)) => lay_over(base, own),
            _ => {
                base.insert(key.clone(), value.clone());
            }
        }
    }
}

/// Runs `check` and keeps the problems with what the app itself says: what it has from the server
/// is told there.
fn only_own(
    path: &str,
    own: &Table,
    problems: &mut Vec<Problem>,
    check: impl FnOnce(&mut Vec<Problem>),
) {
    let mut found = Vec::new();
    check(&mut found);
    let is_own = |p: &Problem| {
        let name = p.path.strip_prefix(path).unwrap_or_default().trim_start_matches('.');
        own.contains_key(name) && !WHOLE_SERVER.contains(&name)
    };
    problems.extend(found.into_iter().filter(is_own));
}
