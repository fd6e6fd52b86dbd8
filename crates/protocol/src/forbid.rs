//! The four forbids as a list of words.

use bellwire_core::Forbid;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One thing a side may not send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Forbidden {
    /// The caller sends no audio.
    CallerAudio,
    /// The caller sends no video.
    CallerVideo,
    /// The callees send no audio.
    CalleeAudio,
    /// The callees send no video.
    CalleeVideo,
}

/// What may not be sent in a call. Written in the order of [`Forbidden`]; read in any.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Forbids(pub Vec<Forbidden>);

impl From<Forbid> for Forbids {
    fn from(forbid: Forbid) -> Self {
        let all = [
            (forbid.caller_audio, Forbidden::CallerAudio),
            (forbid.caller_video, Forbidden::CallerVideo),
            (forbid.callee_audio, Forbidden::CalleeAudio),
            (forbid.callee_video, Forbidden::CalleeVideo),
        ];
        Self(all.into_iter().filter(|(set, _)| *set).map(|(_, word)| word).collect())
    }
}

impl From<&Forbids> for Forbid {
    fn from(words: &Forbids) -> Self {
        let has = |word| words.0.contains(&word);
        Self {
            caller_audio: has(Forbidden::CallerAudio),
            caller_video: has(Forbidden::CallerVideo),
            callee_audio: has(Forbidden::CalleeAudio),
            callee_video: has(Forbidden::CalleeVideo),
        }
    }
}

#[cfg(test)]
mod tests {
    use bellwire_core::Forbid;

    use super::Forbids;

    #[test]
    fn forbids_keep_their_order() {
        let words: Forbids = serde_json::from_str(r#"["callee_video","caller_audio"]"#).unwrap();
        let forbid = Forbid::from(&words);
        assert!(forbid.caller_audio && forbid.callee_video && !forbid.caller_video);
        let again = serde_json::to_string(&Forbids::from(forbid)).unwrap();
        assert_eq!(again, r#"["caller_audio","callee_video"]"#);
    }
}
