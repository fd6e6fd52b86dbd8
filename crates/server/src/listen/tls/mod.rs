//! TLS of the port: rustls with aws-lc-rs, versions 1.2 and 1.3, the certificate from files or from
//! an ACME authority.

mod acme;
mod certificates;
mod files;
mod lifetime;
mod own;
mod store;

use std::{path::Path, sync::Arc, time::Duration};

use tokio::{net::TcpStream, sync::Notify, time::timeout};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        self, ServerConfig,
        crypto::{CryptoProvider, aws_lc_rs},
        server::NoServerSessionStorage,
    },
    server::TlsStream,
};

use self::{acme::Authority, certificates::Certificates, files::Files};
use crate::{config, metrics::Metrics};

pub(crate) use files::FileError;
pub(crate) use own::certificate as own_certificate;

/// The protocol of ACME's challenges (RFC 8737, section 6.2).
const ACME_ALPN: &[u8] = b"acme-tls/1";

/// Why the port cannot speak TLS.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    /// The files of the certificate cannot be used.
    #[error(transparent)]
    Files(#[from] FileError),
    /// What was kept from the authority cannot be read.
    #[error(transparent)]
    Store(#[from] store::StoreError),
    /// The cryptography refuses; no setting can bring this about.
    #[error("TLS cannot be set up: {0}")]
    Setup(#[from] rustls::Error),
}

/// The handshakes of a port.
pub(crate) struct Tls {
    acceptor: TlsAcceptor,
    source: Source,
    certificates: Arc<Certificates>,
    metrics: Arc<Metrics>,
}

/// Where the certificate comes from.
enum Source {
    Files { files: Files, look_again: Arc<Notify> },
    Authority(Box<Authority>),
}

/// Makes [`Tls`] read its files again.
#[derive(Debug, Clone, Default)]
pub(crate) struct LookAgain(Option<Arc<Notify>>);

impl LookAgain {
    /// Reads the files again, soon.
    pub(crate) fn now(&self) {
        if let Some(notify) = &self.0 {
            notify.notify_one();
        }
    }
}

impl Tls {
    /// What the settings ask for; none where the port is plain. What an authority gives is kept
    /// in the folder `data`.
    pub(crate) fn open(
        settings: &config::Tls,
        data: &Path,
        metrics: Arc<Metrics>,
    ) -> Result<Option<Self>, TlsError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let certificates = Arc::new(Certificates::default());
        let source = if let (Some(cert), Some(key)) = (&settings.cert, &settings.key) {
            let files = Files::new(cert, key, provider.clone());
            certificates.set(files.read()?);
            Source::Files { files, look_again: Arc::default() }
        } else if settings.acme.domains.is_empty() {
            return Ok(None);
        } else {
            let authority = Authority::open(&settings.acme, data, provider.clone())?;
            if let Some(kept) = authority.kept() {
                certificates.set(kept);
            }
            Source::Authority(Box::new(authority))
        };
        let with_challenges = matches!(source, Source::Authority(_));
        let config = server_config(provider, certificates.clone(), with_challenges)?;
        let acceptor = TlsAcceptor::from(Arc::new(config));
        Ok(Some(Self { acceptor, source, certificates, metrics }))
    }

    /// What makes it read its files again.
    pub(crate) fn look_again(&self) -> LookAgain {
        match &self.source {
            Source::Files { look_again, .. } => LookAgain(Some(look_again.clone())),
            Source::Authority(_) => LookAgain(None),
        }
    }

    /// Keeps the certificate fresh; gives the handshakes. Call it when the port is bound: from
    /// then on an authority's challenges can be answered.
    pub(super) fn run(self) -> Handshakes {
        let Self { acceptor, source, certificates, metrics } = self;
        let fresh = certificates.clone();
        match source {
            Source::Files { files, look_again } => {
                tokio::spawn(files.watch(fresh, look_again, metrics.clone()));
            }
            Source::Authority(authority) => {
                tokio::spawn(authority.renew_forever(fresh, metrics.clone()));
            }
        }
        Handshakes { acceptor, certificates, metrics }
    }
}

/// Makes sockets into TLS streams.
pub(super) struct Handshakes {
    acceptor: TlsAcceptor,
    certificates: Arc<Certificates>,
    metrics: Arc<Metrics>,
}

impl Handshakes {
    /// Shakes hands within `wait`; none if the connection is of no more use.
    pub(super) async fn shake(
        &self,
        socket: TcpStream,
        wait: Duration,
    ) -> Option<TlsStream<TcpStream>> {
        let why = match timeout(wait, self.acceptor.accept(socket)).await {
            Ok(Ok(stream)) => {
                // The authority has seen what it came for.
                let is_challenge = stream.get_ref().1.alpn_protocol() == Some(ACME_ALPN);
                return (!is_challenge).then_some(stream);
            }
            Ok(Err(_)) if self.certificates.is_empty() => "no_certificate",
            Ok(Err(error)) => match error.get_ref().and_then(|e| e.downcast_ref()) {
                // The client's side: most often it does not believe the certificate.
                Some(rustls::Error::AlertReceived(_)) => "client_refused",
                Some(_) => "protocol",
                None => "connection_lost",
            },
            Err(_) => "timeout",
        };
        self.metrics.handshake_failed(why);
        None
    }
}

fn server_config(
    provider: Arc<CryptoProvider>,
    certificates: Arc<Certificates>,
    with_challenges: bool,
) -> Result<ServerConfig, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(certificates);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    if with_challenges {
        config.alpn_protocols.push(ACME_ALPN.to_vec());
    }
    // Tickets under keys of this process that change by themselves: nothing is kept for clients
    // that may never come back.
    config.ticketer = aws_lc_rs::Ticketer::new()?;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 1;
    Ok(config)
}
