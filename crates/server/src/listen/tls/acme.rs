//! A certificate from an ACME authority (RFC 8555), proved over the port itself (TLS-ALPN-01, RFC
//! 8737) and renewed when two thirds of its life have passed.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use instant_acme::{
    Account, AuthorizationStatus, ChallengeType, Identifier, NewAccount, NewOrder, OrderStatus,
    RetryPolicy,
};
use rcgen::{CertificateParams, CustomExtension, KeyPair};
use tokio_rustls::rustls::{
    self,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    sign::CertifiedKey,
};

use super::{
    certificates::Certificates,
    lifetime::Lifetime,
    store::{KeptAccount, KeptCertificate, Store, StoreError},
};
use crate::{config, metrics::Metrics};

/// How long after a failure the authority is asked again; twice as long each time. The usual
/// authority takes five failures an hour.
const RETRY_FIRST: Duration = Duration::from_mins(1);
const RETRY_LAST: Duration = Duration::from_hours(6);
/// How long the authority may take for one step: it connects to us from several places.
const STEP_WAIT: Duration = Duration::from_mins(1);
/// How long a whole order may take.
const ORDER_WAIT: Duration = Duration::from_mins(5);

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
enum OrderError {
    #[error("the authority: {0}")]
    Authority(#[from] instant_acme::Error),
    #[error("the authority does not offer to prove {domain} by TLS-ALPN-01")]
    NotOffered { domain: String },
    #[error("{domain} could not be proved: {why}; its port 443 has to lead to this server")]
    NotProved { domain: String, why: String },
    #[error("the order is {0:?}; it could not be proved that the domains lead to this server")]
    NotReady(OrderStatus),
    #[error("the certificate for the challenge cannot be made: {0}")]
    Challenge(#[from] rcgen::Error),
    #[error("what the authority gave cannot be used: {0}")]
    Unusable(#[from] rustls::Error),
    #[error("what the authority gave is no PEM")]
    NoPem,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the authority did not answer within five minutes")]
    Late,
}

/// An authority, and what it gave.
pub(super) struct Authority {
    domains: Vec<String>,
    email: Option<String>,
    directory: String,
    directory_root: Option<PathBuf>,
    store: Store,
    provider: Arc<CryptoProvider>,
    /// What it gave before.
    kept: Option<KeptCertificate>,
}

impl Authority {
    /// The one of the settings. Says so when handshakes have to wait for its certificate.
    pub(super) fn open(
        settings: &config::Acme,
        data: &Path,
        provider: Arc<CryptoProvider>,
    ) -> Result<Self, StoreError> {
        let store = Store::open(data)?;
        let kept = store.certificate()?;
        let config::Acme { domains, email, directory, directory_root } = settings.clone();
        Ok(Self { domains, email, directory, directory_root, store, provider, kept })
    }

    /// The certificate it gave before, even if it is to be replaced: an old one is better than
    /// none.
    pub(super) fn kept(&self) -> Option<CertifiedKey> {
        let kept = self.kept.as_ref()?;
        self.certified(&kept.chain, &kept.key).ok()
    }

    /// Keeps `certificates` supplied.
    pub(super) async fn renew_forever(
        self: Box<Self>,
        certificates: Arc<Certificates>,
        metrics: Arc<Metrics>,
    ) {
        let as_asked = |kept: &KeptCertificate| {
            kept.directory == self.directory && kept.domains == self.domains
        };
        let is_as_asked = self.kept.as_ref().is_some_and(as_asked);
        let mut lifetime = self.kept().as_ref().and_then(Lifetime::of);
        if certificates.is_empty() {
            tracing::warn!("no certificate yet: connections are refused until there is one");
        }
        if let Some(lifetime) = lifetime {
            metrics.certificate_ends(lifetime.ends_s);
        }
        lifetime = lifetime.filter(|_| is_as_asked);
        let mut retry = RETRY_FIRST;
        loop {
            let wait = lifetime.map_or(Duration::ZERO, |l| l.renew_in(SystemTime::now()));
            tokio::time::sleep(wait).await;
            let ordered = tokio::time::timeout(ORDER_WAIT, self.order(&certificates)).await;
            certificates.end_challenges();
            match ordered.unwrap_or(Err(OrderError::Late)) {
                Ok(new) => {
                    lifetime = Lifetime::of(&new);
                    if let Some(lifetime) = lifetime {
                        metrics.certificate_ends(lifetime.ends_s);
                    }
                    certificates.set(new);
                    retry = RETRY_FIRST;
                    tracing::info!(domains = ?self.domains, "certificate from the authority");
                    if lifetime.is_some_and(|l| !l.renew_in(SystemTime::now()).is_zero()) {
                        continue;
                    }
                    // One that is old already, or cannot be read, would be renewed without end.
                    tokio::time::sleep(RETRY_LAST).await;
                }
                Err(error) => {
                    let retry_s = retry.as_secs();
                    tracing::error!(%error, retry_s, "no new certificate");
                    tokio::time::sleep(retry).await;
                    retry = (retry * 2).min(RETRY_LAST);
                }
            }
        }
    }

    async fn order(&self, certificates: &Certificates) -> Result<CertifiedKey, OrderError> {
        let account = self.account().await?;
        let names: Vec<_> = self.domains.iter().cloned().map(Identifier::Dns).collect();
        let mut order = account.new_order(&NewOrder::new(&names)).await?;
        let mut authorizations = order.authorizations();
        while let Some(authorization) = authorizations.next().await {
            let mut authorization = authorization?;
            let domain = authorization.identifier().to_string();
            match authorization.status {
                AuthorizationStatus::Valid => continue,
                AuthorizationStatus::Pending => {}
                AuthorizationStatus::Invalid
                | AuthorizationStatus::Revoked
                | AuthorizationStatus::Expired
                | AuthorizationStatus::Deactivated => {
                    let why = format!("it is {:?}", authorization.status);
                    return Err(OrderError::NotProved { domain, why });
                }
            }
            let Some(mut challenge) = authorization.challenge(ChallengeType::TlsAlpn01) else {
                return Err(OrderError::NotOffered { domain });
            };
            let answer = challenge.key_authorization();
            let proof = self.proof(&domain, answer.digest().as_ref())?;
            certificates.challenge(domain, proof);
            challenge.set_ready().await?;
        }
        let patience = RetryPolicy::new().timeout(STEP_WAIT);
        let status = order.poll_ready(&patience).await?;
        if status != OrderStatus::Ready {
            return Err(self.why_not(&mut order, status).await);
        }
        let key = order.finalize().await?;
        let chain = order.poll_certificate(&patience).await?;
        let certificate = self.certified(&chain, &key)?;
        let (directory, domains) = (self.directory.clone(), self.domains.clone());
        self.store.keep_certificate(&KeptCertificate { directory, domains, chain, key })?;
        Ok(certificate)
    }

    /// Which of the domains could not be proved, as the authority says.
    async fn why_not(&self, order: &mut instant_acme::Order, status: OrderStatus) -> OrderError {
        let mut authorizations = order.authorizations();
        while let Some(Ok(mut authorization)) = authorizations.next().await {
            let domain = authorization.identifier().to_string();
            let Ok(state) = authorization.refresh().await else { continue };
            let error = state.challenges.iter().find_map(|challenge| challenge.error.as_ref());
            if let Some(error) = error {
                return OrderError::NotProved { domain, why: error.to_string() };
            }
        }
        OrderError::NotReady(status)
    }

    /// The account with the authority: the one that is kept, or a new one.
    async fn account(&self) -> Result<Account, OrderError> {
        let builder = match &self.directory_root {
            Some(root) => Account::builder_with_root(root)?,
            None => Account::builder()?,
        };
        let kept = self.store.account()?.filter(|kept| kept.directory == self.directory);
        if let Some(kept) = kept
            && let Ok(credentials) = serde_json::from_value(kept.credentials)
        {
            return Ok(builder.from_credentials(credentials).await?);
        }
        let contact = self.email.as_ref().map(|email| format!("mailto:{email}"));
        let contact: Vec<&str> = contact.iter().map(String::as_str).collect();
        let account = NewAccount {
            contact: &contact,
            terms_of_service_agreed: true,
            only_return_existing: false,
        };
        let (account, credentials) = builder.create(&account, self.directory.clone(), None).await?;
        let credentials = serde_json::to_value(credentials).map_err(instant_acme::Error::from)?;
        let directory = self.directory.clone();
        self.store.keep_account(&KeptAccount { directory, credentials })?;
        Ok(account)
    }

    /// The certificate that answers a challenge (RFC 8737, section 3).
    fn proof(&self, domain: &str, digest: &[u8]) -> Result<CertifiedKey, OrderError> {
        let mut params = CertificateParams::new(vec![domain.to_owned()])?;
        params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?;
        let key = PrivateKeyDer::try_from(key.serialize_der()).map_err(|_| OrderError::NoPem)?;
        // Not `from_der`, which looks into the certificate and does not know the extension.
        let key = self.provider.key_provider.load_private_key(key)?;
        Ok(CertifiedKey::new(vec![certificate.der().clone()], key))
    }

    fn certified(&self, chain: &str, key: &str) -> Result<CertifiedKey, OrderError> {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(chain.as_bytes()).collect();
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes());
        let (chain, key) = (chain.map_err(|_| OrderError::NoPem)?, key);
        let key = key.map_err(|_| OrderError::NoPem)?;
        Ok(CertifiedKey::from_der(chain, key, &self.provider)?)
    }
}
