//! What connections have in common.

use std::net::SocketAddr;

use str0m::config::DtlsCert;

use crate::settings::Limits;

/// By what clients know an SFU (RFC 8827, section 6.5).
pub(crate) struct Certificate(DtlsCert);

impl Certificate {
    /// None where it cannot be made.
    pub(crate) fn generate() -> Option<Self> {
        let provider = str0m::crypto::from_feature_flags();
        provider.dtls_provider.generate_certificate().map(Self)
    }
}

/// What all connections of a worker have in common.
pub(crate) struct Ground {
    pub(super) cert: DtlsCert,
    /// Under which addresses clients reach us, with their ports.
    pub(crate) udp: Vec<SocketAddr>,
    pub(crate) tcp: Vec<SocketAddr>,
    pub(crate) limits: Limits,
}

impl Ground {
    pub(crate) fn new(
        certificate: &Certificate,
        udp: Vec<SocketAddr>,
        tcp: Vec<SocketAddr>,
        limits: Limits,
    ) -> Self {
        Self { cert: certificate.0.clone(), udp, tcp, limits }
    }
}
