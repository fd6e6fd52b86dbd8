//! The certificate that is shown, and those that answer an authority's challenges.

use std::{collections::HashMap, sync::Arc};

use parking_lot::RwLock;
use tokio_rustls::rustls::{
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};

use super::ACME_ALPN;

/// What handshakes are answered with; changes while the port is open.
#[derive(Debug, Default)]
pub(super) struct Certificates {
    current: RwLock<Option<Arc<CertifiedKey>>>,
    /// By domain.
    challenges: RwLock<HashMap<String, Arc<CertifiedKey>>>,
}

impl Certificates {
    /// Shows this one from the next handshake on.
    pub(super) fn set(&self, certificate: CertifiedKey) {
        *self.current.write() = Some(Arc::new(certificate));
    }

    /// Whether there is none to show.
    pub(super) fn is_empty(&self) -> bool {
        self.current.read().is_none()
    }

    /// Answers the challenge for `domain` with this one.
    pub(super) fn challenge(&self, domain: String, certificate: CertifiedKey) {
        self.challenges.write().insert(domain, Arc::new(certificate));
    }

    /// Answers no more challenges.
    pub(super) fn end_challenges(&self) {
        self.challenges.write().clear();
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let is_challenge =
            hello.alpn().is_some_and(|mut protocols| protocols.any(|p| p == ACME_ALPN));
        if is_challenge {
            return self.challenges.read().get(hello.server_name()?).cloned();
        }
        self.current.read().clone()
    }
}
