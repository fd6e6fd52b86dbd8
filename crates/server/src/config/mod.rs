//! Configuration: one documented struct, filled from a file, the environment and flags.
//!
//! [`Config`] is the only description of the settings. Its schema makes the flags of `serve`, the
//! names of the environment variables, `config-sample.toml` and `docs/configuration.md`; see
//! [`setting`] and [`pages`]. [`Sources`] reads and merges, [`validate`] looks at what types
//! cannot say, [`App`] is an app with everything resolved, [`Apps`] finds it by its keys.

mod app;
mod apps;
mod dev;
mod error;
mod flags;
mod order;
mod pages;
mod schema;
mod secret;
mod setting;
mod sources;
mod validate;

pub use app::App;
pub use apps::Apps;
pub use dev::{DEV_APP, DevApp};
pub use error::{ConfigError, Origin, Problem};
pub use flags::SettingFlags;
pub use pages::{docs_page, sample};
pub use schema::{
    Algorithm, AppConfig, Calls, Config, Limits, LogFormat, Login, PresencePolicy, RoomMedia,
    Server, Storage, Synchronous,
};
pub use secret::Secret;
pub use sources::{Reload, Sources};
