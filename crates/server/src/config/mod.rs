//! Configuration: one documented struct, filled from a file, the environment and flags.
//!
//! [`Config`] is the only description of the settings. Its schema makes the flags of `serve`, the
//! names of the environment variables, `config-sample.toml` and `docs/configuration.md`; see
//! [`setting`] and [`pages`]. [`Sources`] reads and merges, [`validate`] looks at what types
//! cannot say, [`App`] is an app with everything resolved, [`Apps`] finds it by its keys.

mod api_keys;
mod app;
mod apps;
mod business;
mod dev;
mod error;
mod flags;
mod livekit;
mod media;
mod order;
mod pages;
mod push;
mod schema;
mod setting;
mod sources;
mod validate;
mod webhooks;

pub(crate) use api_keys::{ApiKey, Scope};
pub(crate) use app::App;
pub(crate) use apps::Apps;
pub(crate) use business::{Absent, HookSettings};
pub(crate) use dev::{DEV_APP, DevApp};
pub(crate) use flags::SettingFlags;
pub(crate) use media::{Media, Turn};
pub(crate) use pages::{docs_page, sample};
pub(crate) use schema::{
    Acme, Config, Limits, LogFormat, Login, PresencePolicy, ProxyHeader, Server, Synchronous, Tls,
};
pub(crate) use sources::Sources;
pub(crate) use webhooks::WebhookSettings;
