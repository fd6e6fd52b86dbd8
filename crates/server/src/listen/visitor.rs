//! Who is at the other end of a connection or a request.

use std::{net::IpAddr, sync::Arc, time::Duration};

use super::{
    addresses::{Addresses, Crowded, Ticket},
    source::Source,
};

/// Who is at the other end, as the limits per address see it. The default is somebody of whom
/// nothing is known and who is under no such limit: a trusted proxy that speaks for nobody, or a
/// stream that came through no port.
#[derive(Clone, Default)]
pub(crate) struct Visitor {
    place: Option<(Arc<Addresses>, Source)>,
    /// Whether the connection has been counted when it was accepted.
    counted: bool,
}

impl Visitor {
    /// Somebody who has connected to the port.
    pub(super) fn direct(addresses: &Arc<Addresses>, address: IpAddr) -> Self {
        Self { place: Some((addresses.clone(), Source::of(address))), counted: true }
    }

    /// Somebody for whom a trusted proxy speaks.
    pub(super) fn behind_proxy(addresses: &Arc<Addresses>, address: IpAddr) -> Self {
        Self { place: Some((addresses.clone(), Source::of(address))), counted: false }
    }

    /// Whether anything is known of them.
    pub(super) fn is_known(&self) -> bool {
        self.place.is_some()
    }

    /// Counts the WebSocket of this visitor, unless its connection is counted already.
    pub(crate) fn connect(&self) -> Result<Option<Ticket>, Crowded> {
        match &self.place {
            Some((addresses, source)) if !self.counted => addresses.connect(*source).map(Some),
            Some(_) | None => Ok(None),
        }
    }

    /// Counts a session.
    pub(crate) fn log_in(&self) -> Result<Option<Ticket>, Crowded> {
        self.place.as_ref().map(|(addresses, source)| addresses.log_in(*source)).transpose()
    }

    /// Whether `ticket` is counted to this visitor's address.
    pub(crate) fn is_at(&self, ticket: &Ticket) -> bool {
        self.place.as_ref().is_some_and(|(_, source)| ticket.is_of(*source))
    }

    /// What this visitor showed to be let in was no token, or no key.
    pub(crate) fn failed(&self) {
        if let Some((addresses, source)) = &self.place {
            addresses.failed(*source);
        }
    }

    /// How long nobody from this visitor's address is let in, if so.
    pub(crate) fn barred(&self) -> Option<Duration> {
        let (addresses, source) = self.place.as_ref()?;
        addresses.barred(*source)
    }
}
