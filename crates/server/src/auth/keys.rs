//! The keys of an app's tokens, ready for use.

use std::fmt;

use bellwire_protocol::Secret;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, crypto};

/// What signs and verifies an app's tokens. The algorithm belongs to the keys: a token never
/// chooses it.
#[derive(Clone)]
pub(crate) struct TokenKeys {
    pub(super) algorithm: Algorithm,
    pub(super) verifying: Vec<DecodingKey>,
    pub(super) signing: Option<EncodingKey>,
}

/// Why a text is no key, and which one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum KeyError {
    /// A public key cannot be read.
    #[error("is no Ed25519 public key in PEM; `openssl pkey -in private.pem -pubout` prints it")]
    Public(usize),
    /// The private key cannot be read.
    #[error(
        "is no Ed25519 private key in PKCS#8 PEM; `openssl genpkey -algorithm ed25519` makes one"
    )]
    Private,
    /// The private key belongs to none of the public ones.
    #[error("belongs to none of public_keys, so nobody would take its tokens; add its public key")]
    Stranger,
}

impl KeyError {
    /// The field of the app it is about.
    pub(crate) fn field(&self) -> String {
        match self {
            Self::Public(i) => format!("public_keys[{i}]"),
            Self::Private | Self::Stranger => "private_key".to_owned(),
        }
    }
}

impl TokenKeys {
    /// Keys of an app that shares secrets with the server; the first one signs.
    pub(crate) fn hs256(secrets: &[Secret]) -> Self {
        let bytes = |s: &Secret| s.expose().as_bytes().to_vec();
        Self {
            algorithm: Algorithm::HS256,
            verifying: secrets.iter().map(|s| DecodingKey::from_secret(&bytes(s))).collect(),
            signing: secrets.first().map(|s| EncodingKey::from_secret(&bytes(s))),
        }
    }

    /// Keys of an app that signs by itself, in PEM; with `private` the server signs as well.
    pub(crate) fn eddsa(public: &[String], private: Option<&Secret>) -> Result<Self, KeyError> {
        let verifying = public.iter().enumerate().map(|(i, pem)| {
            let key = DecodingKey::from_ed_pem(pem.as_bytes()).map_err(|_| KeyError::Public(i))?;
            // A key of another curve passes as PEM; only its use tells.
            match key.try_get_as_bytes() {
                Ok(bytes) if bytes.len() == ED25519_BYTES => Ok(key),
                _ => Err(KeyError::Public(i)),
            }
        });
        let verifying = verifying.collect::<Result<Vec<_>, _>>()?;
        let signing = private.map(|pem| signer(pem, &verifying)).transpose()?;
        Ok(Self { algorithm: Algorithm::EdDSA, verifying, signing })
    }
}

/// The length of an Ed25519 public key.
const ED25519_BYTES: usize = 32;

fn signer(pem: &Secret, verifying: &[DecodingKey]) -> Result<EncodingKey, KeyError> {
    let pem = pem.expose().as_bytes();
    let key = EncodingKey::from_ed_pem(pem).map_err(|_| KeyError::Private)?;
    let probe = b"bellwire";
    let signed = crypto::sign(probe, &key, Algorithm::EdDSA).map_err(|_| KeyError::Private)?;
    let known = verifying
        .iter()
        .any(|public| crypto::verify(&signed, probe, public, Algorithm::EdDSA).unwrap_or(false));
    if known { Ok(key) } else { Err(KeyError::Stranger) }
}

impl fmt::Debug for TokenKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} ({} verifying)", self.algorithm, self.verifying.len())
    }
}
