//! Which certificates are believed.

use std::sync::Arc;

use rustls_platform_verifier::BuilderVerifierExt;
use tokio_rustls::rustls::{
    self, ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, pem::PemObject},
};

use crate::Error;

/// TLS for `wss` addresses. Without `roots` (PEM) what the system believes is believed, with
/// them they and nothing else.
pub(crate) fn config(roots: &[Vec<u8>]) -> Result<Arc<ClientConfig>, Error> {
    let wrong = |error: rustls::Error| Error::Certificates(error.to_string());
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(wrong)?;
    let mut config = if roots.is_empty() {
        builder.with_platform_verifier().map_err(wrong)?.with_no_client_auth()
    } else {
        builder.with_root_certificates(store(roots)?).with_no_client_auth()
    };
    // A WebSocket begins with HTTP/1.1, and a server that offers more has to be told.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn store(roots: &[Vec<u8>]) -> Result<RootCertStore, Error> {
    let mut store = RootCertStore::empty();
    for pem in roots {
        let before = store.len();
        for root in CertificateDer::pem_slice_iter(pem) {
            let root = root.map_err(|error| Error::Certificates(error.to_string()))?;
            store.add(root).map_err(|error| Error::Certificates(error.to_string()))?;
        }
        if store.len() == before {
            return Err(Error::Certificates("there is no certificate in that PEM".to_owned()));
        }
    }
    Ok(store)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_certificate_is_refused() {
        for pem in ["", "secret", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
        {
            let refused = config(&[pem.as_bytes().to_vec()]).expect_err("no certificate");
            assert!(matches!(refused, Error::Certificates(_)), "{refused}");
        }
    }
}
