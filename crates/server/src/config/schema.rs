//! The settings: names, meanings, units and defaults.

use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    num::NonZeroUsize,
    path::PathBuf,
};

use bellwire_core::{AppKey, Policy};
use bellwire_protocol::{PORT, Secret, limits};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    api_keys::ApiKeyConfig, business::Hooks, livekit::LiveKitServer, media::Media, push::Push,
    webhooks::Webhook,
};

/// Everything the server can be told.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    /// The process: where it listens, what it keeps where, how it logs and stops.
    pub server: Server,
    /// Bounds that protect the server, its apps and their users. Those of an app can be set for
    /// it alone under `[apps.limits]`.
    pub limits: Limits,
    /// Encryption of the port. With a certificate, from files or from an authority, it speaks TLS
    /// and nothing else.
    pub tls: Tls,
    /// How calls and records are kept on disk.
    pub storage: Storage,
    /// Times and policy of every app's calls; an app changes its own under `[apps.calls]`. A call
    /// may bring its own ring, reach and longest time.
    pub calls: Calls,
    /// Media that the server routes itself: voices, pictures, screens.
    pub media: Media,
    /// A `LiveKit` server that routes the media of calls with `room_media = "livekit"`; an app
    /// has its own under `[apps.livekit]`.
    pub livekit: LiveKitServer,
    /// The apps (tenants) that are served; nothing crosses from one to another. Read again on
    /// SIGHUP.
    pub apps: Vec<AppConfig>,
}

/// The process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Server {
    /// The address and port for HTTP and WebSocket. `0.0.0.0:2355` or `[::]:2355` listens on
    /// every interface.
    pub listen: SocketAddr,
    /// The directory for the database and the development app's keys; made if it is missing.
    /// One server at a time uses it.
    pub data: PathBuf,
    /// How log lines are written.
    pub log_format: LogFormat,
    /// What is logged: `error`, `warn`, `info`, `debug`, `trace`, or a filter such as
    /// `info,bellwire=debug`.
    pub log_level: String,
    /// How long a stopping server lets running calls go on, in seconds (0 to 10); it exits at
    /// once when nothing runs.
    pub drain_s: u64,
    /// Threads that serve connections (1 to 256). With one, everything but the database runs on
    /// one thread. Without it: half as many as the machine has cores.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = 4)]
    pub threads: Option<NonZeroUsize>,
    /// Networks of proxies in front of the server. What they say of whom they speak for is
    /// believed, from nobody else; they themselves are under no limit per address.
    #[schemars(with = "Vec<String>")]
    pub trusted_proxies: Vec<IpNet>,
    /// The header in which trusted proxies say whom they speak for. The other one is ignored: a
    /// proxy passes it on as the client wrote it.
    pub proxy_header: ProxyHeader,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, PORT)),
            data: PathBuf::from("./data"),
            log_format: LogFormat::Text,
            log_level: "info".to_owned(),
            drain_s: 10,
            threads: None,
            trusted_proxies: vec![
                Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8).into(),
                Ipv6Net::new_assert(Ipv6Addr::LOCALHOST, 128).into(),
            ],
            proxy_header: ProxyHeader::XForwardedFor,
        }
    }
}

/// The header in which proxies say whom they speak for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ProxyHeader {
    /// `X-Forwarded-For`, as most write it.
    XForwardedFor,
    /// `Forwarded`, as RFC 7239 has it.
    Forwarded,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Bounds that protect the server, its apps and their users.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Limits {
    /// The most connected devices, for the whole server. 512 connections more are taken: of those
    /// who have not asked for anything yet, of the API and of probes. Each takes one file
    /// descriptor.
    pub connections: u32,
    /// How long a new connection has to say hello, in seconds (1 to 60), for the whole server.
    pub hello_s: u64,
    /// How long a new connection has for its TLS handshake, and then for its first request's
    /// header, in seconds (1 to 60), for the whole server.
    pub header_s: u64,
    /// Open connections from one address (IPv6: one /64), for the whole server; 0: any number.
    /// Phones of a carrier and computers of an office share an address by the hundreds.
    pub connections_per_address: u32,
    /// New connections a second from one address in the long run, ten times as many at once, for
    /// the whole server; 0: any number.
    pub connects_per_address_s: u32,
    /// Sessions that were last connected from one address, for the whole server; 0: any number.
    pub sessions_per_address: u32,
    /// Tokens and API keys from one address that may turn out to be none, a minute, for the whole
    /// server; 0: any number. Past it nobody there is let in until some time has gone by.
    pub failures_per_address_minute: u32,
    /// Requests a second a device may send in the long run.
    pub requests_per_s: u32,
    /// Requests a device may send at once before `requests_per_s` holds.
    pub requests_burst: u32,
    /// Devices of one user that may be logged in at the same time.
    pub devices_per_user: u32,
    /// Live calls in which one user is the caller.
    pub calls_per_user: u32,
    /// Calls one user may start a minute.
    pub starts_per_minute: u32,
    /// Different users one user may call or invite a minute.
    pub callees_per_minute: u32,
    /// Live calls of one app.
    pub calls_per_app: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 15_000,
            hello_s: limits::HELLO_S,
            header_s: 10,
            connections_per_address: 2_000,
            connects_per_address_s: 100,
            sessions_per_address: 4_000,
            failures_per_address_minute: 300,
            requests_per_s: limits::REQUESTS_PER_S,
            requests_burst: limits::REQUESTS_BURST,
            devices_per_user: 16,
            calls_per_user: 64,
            starts_per_minute: 120,
            callees_per_minute: 120,
            calls_per_app: 10_000,
        }
    }
}

/// Encryption of the port.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Tls {
    /// The certificate with its chain, a PEM file. Read again when it changes, and on SIGHUP.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"/etc/bellwire/fullchain.pem")]
    pub cert: Option<PathBuf>,
    /// The private key of `cert`, a PEM file (PKCS#8, SEC1 or PKCS#1).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"/etc/bellwire/privkey.pem")]
    pub key: Option<PathBuf>,
    /// A certificate that the server gets and renews by itself (ACME, RFC 8555), in place of
    /// files.
    pub acme: Acme,
}

/// A certificate that the server gets and renews by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Acme {
    /// The names the certificate is for; with one or more it is asked for, and the authority's
    /// terms of service are agreed to. The authority proves them by connecting to port 443 of
    /// each, which has to lead to this server (TLS-ALPN-01, RFC 8737).
    pub domains: Vec<String>,
    /// Where the authority may write to when something is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"ops@shop.example")]
    pub email: Option<String>,
    /// The authority's directory.
    pub directory: String,
    /// A PEM file with the root certificate of the directory's own server, for an authority the
    /// system does not know.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"/etc/bellwire/our-ca.pem")]
    pub directory_root: Option<PathBuf>,
}

impl Default for Acme {
    fn default() -> Self {
        Self {
            domains: Vec::new(),
            email: None,
            directory: "https://acme-v02.api.letsencrypt.org/directory".to_owned(),
            directory_root: None,
        }
    }
}

/// How calls and records are kept on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Storage {
    /// What an acknowledged change survives.
    pub synchronous: Synchronous,
    /// Days for which records and logs of finished calls are kept (1 to 36500).
    pub records_keep_days: u32,
    /// Size of a file kept in reserve, in MiB (1 to 1024): it is given up when the disk is full,
    /// so that running calls can still be written down.
    pub reserve_mib: u64,
}

impl Default for Storage {
    fn default() -> Self {
        Self { synchronous: Synchronous::Normal, records_keep_days: 90, reserve_mib: 8 }
    }
}

/// What an acknowledged change survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Synchronous {
    /// A crash or kill of the process.
    Normal,
    /// A loss of power as well, at the price of one disk flush for each batch.
    Full,
}

/// Times and policy of calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Calls {
    /// How long a callee is rung, in seconds (5 to 600).
    pub ring_time_s: u64,
    /// How long a callee of whom nothing can be reached is waited for, in seconds (0 to 600).
    pub reach_time_s: u64,
    /// How long a connected callee has to acknowledge the ring before they count as offline, in
    /// seconds (1 to 600). Without it: the ring time.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = 10)]
    pub ack_time_s: Option<u64>,
    /// How long a participant whose connection is lost may stay away, in seconds (0 to 600).
    pub grace_s: u64,
    /// How long a session outlives its connection, in seconds (1 to 3600).
    pub resume_s: u64,
    /// The longest a call may last, in seconds (1 to 604800). Without it: as long as they talk.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = 14400)]
    pub max_time_s: Option<u64>,
    /// The most participants of a group call, the caller included (2 to 1000).
    pub group_size: usize,
    /// What callers see of a callee who does not want to be rung (`availability.set`).
    pub unavailable_as: UnavailableAs,
    /// Where the media of a started call flows.
    pub room_media: RoomMedia,
    /// Who may do what in a running group call.
    pub policy: Policy,
}

impl Default for Calls {
    fn default() -> Self {
        Self {
            ring_time_s: 60,
            reach_time_s: 0,
            ack_time_s: None,
            grace_s: 15,
            resume_s: 60,
            max_time_s: None,
            group_size: 100,
            unavailable_as: UnavailableAs::Busy,
            room_media: RoomMedia::Sfu,
            policy: Policy::default(),
        }
    }
}

/// What callers see of a callee who does not want to be rung.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum UnavailableAs {
    /// That they are busy, at once.
    Busy,
    /// That nobody answers: the ring time passes, and nothing rings.
    NoAnswer,
}

impl From<UnavailableAs> for bellwire_core::ShownAs {
    fn from(shown: UnavailableAs) -> Self {
        match shown {
            UnavailableAs::Busy => Self::Busy,
            UnavailableAs::NoAnswer => Self::NoAnswer,
        }
    }
}

/// Where the media of a started call flows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RoomMedia {
    /// Through this server, as `[media]` says.
    Sfu,
    /// Through the `LiveKit` server of `[livekit]`: each participant is given a token for it.
    Livekit,
    /// Wherever the app lets it: the server gives a room id, and the token that the app's own
    /// server gives where `hooks.ask` names `room.token`.
    External,
}

/// One app (tenant).
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AppConfig {
    /// Its key: 1 to 64 bytes. Tokens carry it in their header as `kid`.
    #[schemars(with = "String", example = &"shop")]
    pub key: AppKey,
    /// Its name for people.
    #[serde(default)]
    #[schemars(example = &"The shop")]
    pub name: Option<String>,
    /// How its tokens are signed.
    #[serde(default)]
    pub algorithm: Algorithm,
    /// `HS256`: one or two secrets of at least 32 bytes. The first signs, both verify: to rotate,
    /// put the new one in front, and take the old one away when its last token has expired.
    #[serde(default)]
    #[schemars(example = ["`openssl rand -hex 32` is one"])]
    pub secrets: Vec<Secret>,
    /// `EdDSA`: one or two Ed25519 public keys in PEM; a token signed with either is taken.
    #[serde(default)]
    #[schemars(example = ["-----BEGIN PUBLIC KEY-----\n…\n-----END PUBLIC KEY-----\n"])]
    pub public_keys: Vec<String>,
    /// `EdDSA`: the Ed25519 private key (PKCS#8 PEM) of one of `public_keys`. Needed only where
    /// this server makes tokens (`bellwire token`, `POST /v1/tokens`).
    #[serde(default)]
    #[schemars(example = &"-----BEGIN PRIVATE KEY-----\n…\n-----END PRIVATE KEY-----\n")]
    pub private_key: Option<Secret>,
    /// Keys of at least 32 bytes for the HTTP API, up to 16. A text is a key that may do
    /// everything; a table such as `{ key = "…", name = "support desk", scopes = ["calls:read"] }`
    /// is one that may do only what its scopes say: `calls:read`, `calls:write`, `users:read`,
    /// `users:write`, `tokens`, `records:read`, `events:read`, `webhooks:write`, `business`. To
    /// replace a key, have both for a while. Without any, the app has no HTTP API.
    #[serde(default)]
    #[schemars(example = ["`openssl rand -hex 32` is one"])]
    pub api_keys: Vec<ApiKeyConfig>,
    /// How devices log in.
    #[serde(default)]
    pub login: Login,
    /// Web pages whose scripts may connect, such as `https://shop.example`; `*` for any. Pages
    /// from the server's own address may too: by `https`, or without TLS by an IP address or
    /// `localhost`; a proxy in front has to pass the `Host` header on with its port. Programs that
    /// are no browser send no origin and are not held up.
    #[serde(default)]
    #[schemars(example = ["https://shop.example"])]
    pub origins: Vec<String>,
    /// Who may ask whether a user is there.
    #[serde(default)]
    pub presence: PresencePolicy,
    /// This app's own values for settings of `[calls]`.
    #[serde(default)]
    #[schemars(with = "Option<Calls>", extend("examples" = [{"ring_time_s": 45}]))]
    pub calls: Option<toml::Table>,
    /// This app's own values for settings of `[limits]`; those for the whole server cannot be set
    /// here.
    #[serde(default)]
    #[schemars(with = "Option<Limits>", extend("examples" = [{"calls_per_app": 500}]))]
    pub limits: Option<toml::Table>,
    /// This app's own values for settings of `[livekit]`.
    #[serde(default)]
    #[schemars(with = "Option<LiveKitServer>", extend("examples" = [{
        "url": "wss://livekit.shop.example", "api_key": "APIshop", "api_secret": "its secret",
    }]))]
    pub livekit: Option<toml::Table>,
    /// What the app's business server is asked, and how.
    #[serde(default)]
    pub hooks: Hooks,
    /// Who is told what happens in the app's calls.
    #[serde(default)]
    pub webhooks: Vec<Webhook>,
    /// How the app's sleeping devices are woken.
    #[serde(default)]
    pub push: Push,
}

/// How an app's tokens are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) enum Algorithm {
    /// The app and the server share a secret (HMAC with SHA-256).
    #[default]
    #[serde(rename = "HS256")]
    Hs256,
    /// The app signs, the server has only the public key (Ed25519).
    #[serde(rename = "EdDSA")]
    EdDsa,
}

/// How devices of an app log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Login {
    /// With a signed token only.
    #[default]
    Token,
    /// With a token, or by name without any proof: for development and closed networks.
    Open,
    /// With a token, or by name and password as the business server decides (`session.login`).
    Hook,
}

/// Who may ask whether a user is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PresencePolicy {
    /// Every user of the app.
    #[default]
    Anyone,
    /// No user; the HTTP API still may.
    Nobody,
}

impl From<RoomMedia> for bellwire_core::RoomMedia {
    fn from(media: RoomMedia) -> Self {
        match media {
            RoomMedia::Sfu => Self::Sfu,
            RoomMedia::Livekit => Self::Livekit,
            RoomMedia::External => Self::External,
        }
    }
}
