//! The note: what an app attaches to a command, kept verbatim and never interpreted.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The longest `content`, in bytes of UTF-8.
pub const CONTENT_BYTES: usize = 8 * 1024;

/// The app's own words beside a command, never interpreted; repeated in the event it causes and in
/// `ended`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Note {
    /// Text, at most 8 KiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<Arc<str>>,
    /// A signed number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub param: Option<i32>,
    /// An unsigned number, the app's own code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app_code: Option<u32>,
    /// The app's own bits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app_flags: Option<u32>,
}

impl Note {
    /// Whether the content is within [`CONTENT_BYTES`].
    pub fn fits(&self) -> bool {
        self.content.as_ref().is_none_or(|c| c.len() <= CONTENT_BYTES)
    }
}
