//! How sleeping devices are woken.

use bellwire_core::{PushProvider, PushWish};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Body, Secret, limits};

/// The notice that wakes a sleeping device.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Push {
    /// Whether to send one; yes where none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Its title; the caller's name where none.
    #[schemars(length(max = limits::PUSH_TITLE_BYTES))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Its text.
    #[schemars(length(max = limits::PUSH_CONTENT_BYTES))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// The app's own data: any JSON, at most 2 KiB; the device finds it as `payload`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload: Option<Body>,
    /// The number at the app's icon.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub badge: Option<u32>,
    /// The name of a sound.
    #[schemars(length(max = limits::PUSH_SOUND_BYTES))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sound: Option<String>,
}

impl From<&Push> for PushWish {
    fn from(push: &Push) -> Self {
        Self {
            enabled: push.enabled,
            title: push.title.as_deref().map(Into::into),
            content: push.content.as_deref().map(Into::into),
            payload: push.payload.as_ref().filter(|p| !p.is_null()).map(|p| p.json().into()),
            badge: push.badge,
            sound: push.sound.as_deref().map(Into::into),
        }
    }
}

/// Which of an Apple device's two tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PushKind {
    /// `PushKit`'s: each push is a call, and shown as one.
    Voip,
    /// The app's own: a notice.
    Alert,
}

/// `push.set`: where to wake this device.
///
/// A device may have one for each provider, and with `apns` one for each kind; a later one takes
/// the place of the earlier. They outlive the session and end with `push.clear`, `logout`, or when
/// the service says that they are dead. A token that another device registered before is this
/// device's from now on.
///
/// Errors: `invalid`, also where the app is not set up for the provider (`field` is `provider`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PushSet {
    /// Through whom.
    pub provider: PushProvider,
    /// `apns`: which of its tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<PushKind>,
    /// `apns`: the device token in hexadecimal; `fcm`: the registration token; `webhook`: any text
    /// that the app's server knows the device by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<Secret>,
    /// `web`: the subscription's `endpoint`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<Secret>,
    /// `web`: the subscription's key `p256dh`, base64url.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p256dh: Option<Secret>,
    /// `web`: the subscription's key `auth`, base64url.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth: Option<Secret>,
}

/// `push.clear`: this device is not to be woken any more.
///
/// Without `provider` in no way; with it not in that way.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct PushClear {
    /// Only through this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<PushProvider>,
    /// `apns`: only this kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<PushKind>,
}
