//! How sleeping devices are woken, and what became of it, as the log keeps it.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::{DeviceId, Label, UserId};

/// How whoever starts a call, or invites into it, wants sleeping devices woken. What is none is
/// left to the server.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PushWish {
    /// Whether at all; yes where none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// The notice's title.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<Arc<str>>,
    /// The notice's text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<Arc<str>>,
    /// The app's own data, as JSON text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload: Option<Arc<str>>,
    /// The number at the app's icon.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub badge: Option<u32>,
    /// The name of a sound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sound: Option<Arc<str>>,
}

impl PushWish {
    /// Whether devices are to be woken at all.
    pub fn is_enabled(&self) -> bool {
        self.enabled.unwrap_or(true)
    }
}

// The app's own words, which must not be logged.
impl std::fmt::Debug for PushWish {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PushWish").field("enabled", &self.enabled).finish_non_exhaustive()
    }
}

/// Through whom a device is woken.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum PushProvider {
    /// Apple Push Notification service.
    Apns,
    /// Firebase Cloud Messaging.
    Fcm,
    /// Web Push (RFC 8030).
    Web,
    /// The app's own push webhook.
    Webhook,
}

impl PushProvider {
    /// Its name, as on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Apns => "apns",
            Self::Fcm => "fcm",
            Self::Web => "web",
            Self::Webhook => "webhook",
        }
    }
}

/// What a sleeping device is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PushNews {
    /// That it is invited.
    Invite,
    /// That it is to stop ringing.
    Stop,
}

impl PushNews {
    /// Its name, as on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invite => "invite",
            Self::Stop => "stop",
        }
    }
}

/// What became of a push.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PushOutcome {
    /// The service took it.
    Sent,
    /// The device it was sent to has connected.
    Woke,
    /// The service no longer knows the token, which is forgotten.
    Dead,
    /// The service refuses it, and would again.
    Refused,
    /// It could not be delivered, however often it was tried.
    Failed,
    /// Its time was over before it could be delivered.
    Late,
}

impl PushOutcome {
    /// Its name, as on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Woke => "woke",
            Self::Dead => "dead",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Late => "late",
        }
    }
}

/// One push to one device, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pushed {
    /// Whose device.
    pub user: UserId,
    /// Which.
    pub device: DeviceId,
    /// Through whom.
    pub provider: PushProvider,
    /// What it was told.
    pub news: PushNews,
    /// What became of it.
    pub outcome: PushOutcome,
    /// The status the service answered with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Why, in the service's word or ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<Label>,
    /// How long it took, in milliseconds: to the service's last answer, or from there to the
    /// device's connection.
    pub ms: u32,
}
