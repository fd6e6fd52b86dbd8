//! What can go wrong, and whose fault it is.

use bellwire_core::NameError;
use bellwire_protocol::{CloseCode, WireError};

/// Why something could not be done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The server refused it; the error says why and what to do.
    #[error("{0}")]
    Refused(Box<WireError>),
    /// No server could be reached when the client first connected.
    #[error("cannot reach {address}: {why}")]
    Unreachable {
        /// The last address tried.
        address: String,
        /// What the attempt met.
        why: String,
    },
    /// The connection is closed for good.
    #[error("{0}")]
    Closed(Closed),
    /// The server no longer knows the session in which this was asked: whether it was done is
    /// not known. Look at the call, or ask again.
    #[error("the session was lost before the answer came; look whether it was done")]
    SessionLost,
    /// An address is none.
    #[error("{address:?} is no server address; give it as wss://host or ws://host:port")]
    Address {
        /// What was given.
        address: String,
    },
    /// The certificates to be believed cannot be used, or the system has none.
    #[error("no certificate can be checked: {0}; give a root certificate in PEM")]
    Certificates(String),
    /// A name is none.
    #[error("{what} {name:?} {why}")]
    Name {
        /// What it should name.
        what: &'static str,
        /// What was given.
        name: String,
        /// Why it is none.
        why: NameError,
    },
    /// A value to be sent cannot be written as JSON.
    #[error("the body cannot be written as JSON: {0}")]
    Body(String),
    /// The server's reply is not of the kind that was asked for.
    #[error("the server's reply cannot be read: {0}")]
    Reply(String),
}

impl Error {
    /// The server's error, if it was the server that refused.
    pub fn refused(&self) -> Option<&WireError> {
        match self {
            Self::Refused(error) => Some(error),
            Self::Unreachable { .. }
            | Self::Closed(_)
            | Self::SessionLost
            | Self::Address { .. }
            | Self::Certificates(_)
            | Self::Name { .. }
            | Self::Body(_)
            | Self::Reply(_) => None,
        }
    }
}

/// Why a connection is closed for good.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the connection is closed: {reason}")]
pub struct Closed {
    /// The server's close code, where it gave one.
    pub code: Option<u16>,
    /// Why, for people.
    pub reason: String,
}

impl Closed {
    /// The code, if it is one of Bellwire's.
    pub fn known(&self) -> Option<CloseCode> {
        self.code.and_then(CloseCode::from_number)
    }

    pub(crate) fn by_app() -> Self {
        Self { code: None, reason: "closed by the app".to_owned() }
    }
}
