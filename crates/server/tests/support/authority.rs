//! A certificate authority of the test's own, and clients that believe it.

use std::{fs, path::Path};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use reqwest::{Certificate, ClientBuilder};

use super::PATIENCE;

/// An authority with a root certificate nobody else knows.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    root: String,
}

impl Authority {
    /// A new one.
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let root = params.self_signed(&key).expect("signed").pem();
        Self { issuer: Issuer::new(params, key), root }
    }

    /// Its root certificate, PEM.
    pub(crate) fn root(&self) -> &str {
        &self.root
    }

    /// A certificate for these names, and its key; both PEM.
    pub(crate) fn certify(&self, names: &[&str]) -> (String, String) {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let params = CertificateParams::new(names).expect("names");
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("signed");
        (certificate.pem(), key.serialize_pem())
    }

    /// Writes a new certificate for this machine to `cert.pem` and `key.pem` in `folder`.
    pub(crate) fn write(&self, folder: &Path) {
        let (certificate, key) = self.certify(&["localhost", "127.0.0.1"]);
        fs::write(folder.join("cert.pem"), certificate).expect("written");
        fs::write(folder.join("key.pem"), key).expect("written");
    }

    /// An HTTP client that believes it and nobody else.
    pub(crate) fn client(&self) -> reqwest::Client {
        believing(&self.root).build().expect("a client")
    }
}

/// An HTTP client in the making that believes this root and no other. It keeps no connection, so
/// that each request sees the certificate of its own moment.
pub(crate) fn believing(root: &str) -> ClientBuilder {
    let root = Certificate::from_pem(root.as_bytes()).expect("PEM");
    reqwest::Client::builder()
        .no_proxy()
        .timeout(PATIENCE)
        .pool_max_idle_per_host(0)
        .tls_certs_only([root])
}
