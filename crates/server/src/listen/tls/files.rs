//! A certificate in files, read again when they change.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use tokio::sync::Notify;
use tokio_rustls::rustls::{
    self,
    crypto::CryptoProvider,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{Error as PemError, PemObject},
    },
    sign::CertifiedKey,
};

use super::{certificates::Certificates, lifetime::Lifetime};
use crate::metrics::Metrics;

/// How often the files are looked at. Two calls to the system; who renews a certificate does not
/// count the seconds.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Why files cannot be used as certificate and key.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    /// A file cannot be read.
    #[error("{setting} = {}: cannot be read: {error}", path.display())]
    Unreadable {
        /// The setting that names it.
        setting: &'static str,
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A file holds something else.
    #[error("{setting} = {}: holds no {what} in PEM", path.display())]
    Empty {
        /// The setting that names it.
        setting: &'static str,
        /// Which.
        path: PathBuf,
        /// What should be in it.
        what: &'static str,
    },
    /// The two do not belong together, or are of a kind that TLS does not know.
    #[error(
        "tls.cert = {} and tls.key = {} cannot be used: {error}; name a certificate, its own \
         first in the file, and the key it was made for", cert.display(), key.display()
    )]
    Unusable {
        /// The file of the certificate.
        cert: PathBuf,
        /// The file of the key.
        key: PathBuf,
        /// Why.
        error: rustls::Error,
    },
}

/// The two files.
#[derive(Debug)]
pub(super) struct Files {
    cert: PathBuf,
    key: PathBuf,
    provider: Arc<CryptoProvider>,
}

/// What tells one state of the files from another.
type Marks = [Option<(SystemTime, u64)>; 2];

impl Files {
    pub(super) fn new(cert: &Path, key: &Path, provider: Arc<CryptoProvider>) -> Self {
        Self { cert: cert.to_owned(), key: key.to_owned(), provider }
    }

    /// What is in them now.
    pub(super) fn read(&self) -> Result<CertifiedKey, FileError> {
        let pem = read("tls.cert", &self.cert)?;
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
        let chain = chain.ok().filter(|chain| !chain.is_empty()).ok_or(FileError::Empty {
            setting: "tls.cert",
            path: self.cert.clone(),
            what: "certificate",
        })?;
        let pem = read("tls.key", &self.key)?;
        let key = PrivateKeyDer::from_pem_slice(&pem).map_err(|_: PemError| FileError::Empty {
            setting: "tls.key",
            path: self.key.clone(),
            what: "private key",
        })?;
        CertifiedKey::from_der(chain, key, &self.provider).map_err(|error| FileError::Unusable {
            cert: self.cert.clone(),
            key: self.key.clone(),
            error,
        })
    }

    /// Keeps `certificates` as the files are. What cannot be used is told once, and the one before
    /// goes on being shown.
    pub(super) async fn watch(
        self,
        certificates: Arc<Certificates>,
        look_again: Arc<Notify>,
        metrics: Arc<Metrics>,
    ) {
        let mut seen = self.marks();
        // Between reading at the start and here they may have changed.
        let mut asked = true;
        loop {
            let marks = self.marks();
            if asked || marks != seen {
                seen = marks;
                match self.read() {
                    Ok(new) => {
                        if let Some(lifetime) = Lifetime::of(&new) {
                            metrics.certificate_ends(lifetime.ends_s);
                        }
                        certificates.set(new);
                        tracing::info!("TLS certificate read");
                    }
                    Err(error) => {
                        tracing::error!(%error, "the certificate before is shown on");
                    }
                }
            }
            asked = tokio::time::timeout(LOOK_EVERY, look_again.notified()).await.is_ok();
        }
    }

    fn marks(&self) -> Marks {
        [&self.cert, &self.key].map(|path| {
            let meta = fs::metadata(path).ok()?;
            Some((meta.modified().ok()?, meta.len()))
        })
    }
}

fn read(setting: &'static str, path: &Path) -> Result<Vec<u8>, FileError> {
    fs::read(path).map_err(|error| FileError::Unreadable { setting, path: path.to_owned(), error })
}
