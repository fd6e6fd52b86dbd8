//! How sleeping devices are woken.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Body;

/// The notice that wakes a sleeping device.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Push {
    /// Whether to send one; yes where none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Its title.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Its text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// The app's own data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload: Option<Body>,
    /// The number at the app's icon.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub badge: Option<u32>,
    /// The name of a sound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sound: Option<String>,
}
