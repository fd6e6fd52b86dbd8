//! Audio or video: what is proposed while a call runs, and the answer.

use bellwire_core::{CallId, Media};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `call.media`: proposes audio or video.
///
/// In an active direct call. Video to audio holds at once; audio to video waits 30 s for the other
/// side. Asking for what there is takes an own proposal back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChangeMedia {
    /// The call.
    pub call: CallId,
    /// What it shall carry.
    pub media: Media,
}

/// `call.media_answer`: answers a proposal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MediaAnswer {
    /// The call.
    pub call: CallId,
    /// Whether it is accepted.
    pub accept: bool,
}
