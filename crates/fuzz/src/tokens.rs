//! Target `tokens`: texts that claim to be tokens.

use std::sync::LazyLock;

use arbitrary::{Arbitrary, Unstructured};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
use bellwire::{Tenants, fuzzing::verify};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, crypto};
use serde_json::{Value, json};

/// The time of day in here, in seconds since the Unix epoch.
const NOW_S: u64 = 1_800_000_000;
/// The longest token that is taken, in bytes.
const TOKEN_BYTES: usize = 8 * 1024;
const SHOP: &str = "shop-secret-shop-secret-shop-sec";
const SHOP_OLD: &str = "old-secret-old-secret-old-secret";
const BANK: &str = "bank-secret-bank-secret-bank-sec";
/// A secret no app has.
const STRANGER: &str = "no-secret-no-secret-no-secret-no";
// Made for this target alone.
const PRIVATE: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEICH2Laj71TYaP4Ik7NftvL17dyNBU0Yo9O2kboICc/9+
-----END PRIVATE KEY-----";
const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAOaQpd4LkYeJWUrlYOXde+w8BYmjSTn0M5UCnDujcBcY=
-----END PUBLIC KEY-----";

static TENANTS: LazyLock<Tenants> = LazyLock::new(|| {
    let text = format!(
        r#"
        [[apps]]
        key = "shop"
        secrets = ["{SHOP}", "{SHOP_OLD}"]
        [[apps]]
        key = "bank"
        secrets = ["{BANK}"]
        [[apps]]
        key = "signed"
        algorithm = "EdDSA"
        public_keys = ["""{PUBLIC}"""]
        "#
    );
    Tenants::from_toml(&text).expect("the apps of this target are well formed")
});

/// Who signs a token that is made here.
#[derive(Debug, Clone, Copy, Arbitrary)]
enum Signer {
    Shop,
    ShopOld,
    Bank,
    Signed,
    /// HMAC with the public key, which anybody knows: the classic confusion of algorithms.
    PublicKey,
    Stranger,
    Nobody,
}

/// One byte of a token is replaced.
#[derive(Debug, Arbitrary)]
struct Change {
    at: u16,
    by: u8,
}

/// What is tried.
#[derive(Debug, Arbitrary)]
enum Attempt<'a> {
    /// Header and claims as given, signed by whom ever.
    Signed { signer: Signer, header: &'a str, claims: &'a str },
    /// A good token with some bytes changed.
    Changed { signer: Signer, changes: Vec<Change> },
}

/// A text that begins with `=` is a token as it stands; anything else decodes to an attempt.
///
/// Only what a key of the app that the header names has signed is let in, for the user and the
/// time it says; a good token of which a byte is changed is refused.
pub fn tokens(data: &[u8]) {
    if let Some(text) = data.strip_prefix(b"=") {
        if let Ok(token) = std::str::from_utf8(text) {
            check(token);
        }
        return;
    }
    match Attempt::arbitrary(&mut Unstructured::new(data)) {
        Ok(Attempt::Signed { signer, header, claims }) => {
            let let_in = check(&sign(signer, header, claims));
            assert!(!let_in || signer.is_of_an_app(), "{signer:?} is let in");
        }
        Ok(Attempt::Changed { signer, changes }) => changed(signer, &changes),
        Err(_) => {}
    }
}

fn changed(signer: Signer, changes: &[Change]) {
    let header = json!({ "alg": signer.algorithm_name(), "kid": signer.app() });
    let claims = json!({ "sub": "alice", "exp": NOW_S + 60 });
    let good = sign(signer, &header.to_string(), &claims.to_string());
    let is_good = signer.is_of_an_app();
    assert_eq!(check(&good), is_good, "{signer:?}");
    let mut bytes = good.clone().into_bytes();
    for change in changes {
        let at = usize::from(change.at) % bytes.len();
        // Bytes of a token are ASCII; others would be no text.
        bytes[at] = change.by & 0x7f;
    }
    let token = String::from_utf8(bytes).expect("ASCII is UTF-8");
    let let_in = check(&token);
    assert_eq!(let_in, is_good && token == good, "{token}");
}

/// Whether the token is let in; if so, it must have been signed and say so.
fn check(token: &str) -> bool {
    match verify(&TENANTS, token, NOW_S) {
        Ok((app, user, expires_at)) => {
            assert!(token.len() <= TOKEN_BYTES);
            let (header, claims) = signed_by(token, &app).expect("let in without a signature");
            assert_eq!(header["kid"], *app, "let in to another app");
            assert_eq!(claims["sub"], *user, "let in as another user");
            assert!(expires_at.0 > NOW_S * 1000, "let in after its end");
            true
        }
        Err(told) => {
            assert!(!told.is_empty(), "a refusal says why");
            false
        }
    }
}

/// Header and claims, if a key of `app` made the signature: seen without the code under test.
fn signed_by(token: &str, app: &str) -> Option<(Value, Value)> {
    let (message, signature) = token.rsplit_once('.')?;
    let (header, claims) = message.split_once('.')?;
    let read = |part: &str| serde_json::from_slice(&BASE64.decode(part).ok()?).ok();
    let of = |secret: &str| (DecodingKey::from_secret(secret.as_bytes()), Algorithm::HS256);
    let keys = match app {
        "shop" => vec![of(SHOP), of(SHOP_OLD)],
        "bank" => vec![of(BANK)],
        "signed" => vec![(DecodingKey::from_ed_pem(PUBLIC.as_bytes()).ok()?, Algorithm::EdDSA)],
        _ => return None,
    };
    let valid = keys.iter().any(|(key, algorithm)| {
        crypto::verify(signature, message.as_bytes(), key, *algorithm).unwrap_or(false)
    });
    if valid { Some((read(header)?, read(claims)?)) } else { None }
}

fn sign(signer: Signer, header: &str, claims: &str) -> String {
    let message = format!("{}.{}", BASE64.encode(header), BASE64.encode(claims));
    let hmac = |secret: &str| (EncodingKey::from_secret(secret.as_bytes()), Algorithm::HS256);
    let (key, algorithm) = match signer {
        Signer::Shop => hmac(SHOP),
        Signer::ShopOld => hmac(SHOP_OLD),
        Signer::Bank => hmac(BANK),
        Signer::PublicKey => hmac(PUBLIC),
        Signer::Stranger => hmac(STRANGER),
        Signer::Signed => {
            let key = EncodingKey::from_ed_pem(PRIVATE.as_bytes()).expect("the key above is one");
            (key, Algorithm::EdDSA)
        }
        Signer::Nobody => return format!("{message}."),
    };
    let signature = crypto::sign(message.as_bytes(), &key, algorithm).expect("the key fits");
    format!("{message}.{signature}")
}

impl Signer {
    /// The app it signs for, or tries to.
    fn app(self) -> &'static str {
        match self {
            Self::Shop | Self::ShopOld | Self::Stranger => "shop",
            Self::Bank => "bank",
            Self::Signed | Self::PublicKey | Self::Nobody => "signed",
        }
    }

    fn algorithm_name(self) -> &'static str {
        match self {
            Self::Signed => "EdDSA",
            Self::Nobody => "none",
            Self::Shop | Self::ShopOld | Self::Bank | Self::PublicKey | Self::Stranger => "HS256",
        }
    }

    /// Whether an app trusts it.
    fn is_of_an_app(self) -> bool {
        match self {
            Self::Shop | Self::ShopOld | Self::Bank | Self::Signed => true,
            Self::PublicKey | Self::Stranger | Self::Nobody => false,
        }
    }
}
