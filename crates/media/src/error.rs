//! What can go wrong, and whose fault it is.

use std::io;

/// Why the SFU did not start, or did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting cannot be used; `field` names it.
    #[error("{field}: {text}")]
    Setting {
        /// The setting at fault.
        field: &'static str,
        /// What is wrong with it and what would be right.
        text: String,
    },
    /// A port could not be opened. Another program may have it.
    #[error("cannot listen for {what}: {source}")]
    Listen {
        /// Which port: `udp` or `tcp`.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The system gave no thread or runtime.
    #[error("cannot start a worker: {0}")]
    Worker(io::Error),
    /// The SFU was stopped.
    #[error("the SFU is stopped")]
    Stopped,
    /// The room or the peer is not there: never made an offer, or was closed.
    #[error("no such peer in that room")]
    UnknownPeer,
    /// What a peer wants to receive cannot be.
    #[error(transparent)]
    Offer(#[from] OfferError),
}

/// Which part of an offer is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OfferField {
    /// The session description.
    Sdp,
    /// What the m-lines send.
    Send,
    /// What the m-lines receive.
    Receive,
}

impl OfferField {
    /// Its name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sdp => "sdp",
            Self::Send => "send",
            Self::Receive => "receive",
        }
    }
}

/// Why an offer was refused. Nothing has changed then, unless the text says otherwise.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {text}", field.as_str())]
pub struct OfferError {
    /// The part at fault.
    pub field: OfferField,
    /// What is wrong, in words for a developer.
    pub text: String,
}

impl OfferError {
    pub(crate) fn sdp(text: impl Into<String>) -> Self {
        Self::new(OfferField::Sdp, text)
    }

    pub(crate) fn send(text: impl Into<String>) -> Self {
        Self::new(OfferField::Send, text)
    }

    pub(crate) fn receive(text: impl Into<String>) -> Self {
        Self::new(OfferField::Receive, text)
    }

    fn new(field: OfferField, text: impl Into<String>) -> Self {
        Self { field, text: text.into() }
    }
}
