//! Why the business server said nothing that counts.

use bellwire_core::{Label, NAME_BYTES};

use crate::post::Failure;

/// A question that was not answered as agreed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Absence {
    /// There is no address, and nobody is connected who takes the hook.
    #[error("nobody is there to be asked")]
    Nobody,
    /// Too many questions failed lately.
    #[error("left alone after failures")]
    Resting,
    /// No answer within the time limit.
    #[error("no answer in time")]
    Late,
    /// The business server's own connection broke before an answer came.
    #[error("the connection broke")]
    Broken,
    /// The post was not taken.
    #[error(transparent)]
    NotTaken(#[from] Failure),
    /// The answer could not be read, or asks for what may not be.
    #[error("wrong answer: {0}")]
    Wrong(String),
}

impl Absence {
    /// As the log of a call keeps it, cut where it is long.
    pub(super) fn label(&self) -> Label {
        let mut text = self.to_string();
        text.retain(|c| !c.is_control());
        text.truncate(text.floor_char_boundary(NAME_BYTES));
        // Every one of them begins with words.
        Label::parse(&text).expect("a text of 1 to 64 bytes is a label")
    }
}
