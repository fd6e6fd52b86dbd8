//! How a connection begins.

use std::collections::BTreeMap;

use bellwire_core::{AppKey, CallId, DeviceId, Label, SessionId, UserId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Cursor, RecordCursor, Secret};

/// `hello`: the first request of a connection, with either `token` or `login`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Hello {
    /// A JWT whose `kid` is the app key and whose `sub` is the user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<Secret>,
    /// A login by name, where the app allows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub login: Option<Login>,
    /// Which device speaks.
    pub device: DeviceInfo,
    /// What the device can do beyond this edition of the wire.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caps: Option<Vec<String>>,
    /// The session to go on with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resume: Option<Resume>,
}

/// A login by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Login {
    /// The app.
    pub app: AppKey,
    /// The user.
    pub user: UserId,
    /// What the business server asks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<Secret>,
}

/// A device as it introduces itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeviceInfo {
    /// Chosen by the device, the same at every login.
    pub id: DeviceId,
    /// For people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Label>,
    /// What it runs on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
}

/// What a device runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Platform {
    /// A browser.
    Web,
    /// An iPhone or iPad.
    Ios,
    /// An Android device.
    Android,
    /// A desktop program.
    Desktop,
    /// A program on a server.
    Server,
}

/// Where a session goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Resume {
    /// The session of the last hello.
    pub session: SessionId,
    /// Per call, the cursor of the last event seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursors: Option<BTreeMap<CallId, Cursor>>,
    /// The cursor of the last record seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub records_after: Option<RecordCursor>,
}

/// `token.renew`: a new token for the same user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RenewToken {
    /// The token.
    pub token: Secret,
}
