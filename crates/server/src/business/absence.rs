//! Why the business server said nothing that counts.

use bellwire_core::Label;

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
        // Every one of them begins with words.
        Label::cut(&self.to_string()).expect("a text that is not empty")
    }
}
