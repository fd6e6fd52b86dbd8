//! Every way a token can be wrong, and that the right ones pass.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bellwire_core::{NameError, Timestamp, Uid, UserId};
use bellwire_protocol::ErrorCode;
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use serde_json::{Value, json};

use super::{
    verify::{TOKEN_BYTES, TokenError},
    *,
};
use crate::config::{Apps, Sources};

const NOW_S: u64 = 1_800_000_000;
const SHOP: &str = "shop-secret-shop-secret-shop-sec";
const SHOP_OLD: &str = "old-secret-old-secret-old-secret";
const BANK: &str = "bank-secret-bank-secret-bank-sec";
// Made for these tests alone.
const PRIVATE: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEICH2Laj71TYaP4Ik7NftvL17dyNBU0Yo9O2kboICc/9+
-----END PRIVATE KEY-----";
const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAOaQpd4LkYeJWUrlYOXde+w8BYmjSTn0M5UCnDujcBcY=
-----END PUBLIC KEY-----";
const OTHER_PRIVATE: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIEwyii+UQpUZmMhEFQcSsmxBiSEZYWeUVfV+d/OY9Tm1
-----END PRIVATE KEY-----";
const OTHER_PUBLIC: &str = "-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAUyzYSh20UHslpItr2PRiBVoBuRSOAUFVb41CFB8R3Fs=
-----END PUBLIC KEY-----";

fn load(text: &str) -> Result<Apps, String> {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("bellwire.toml");
    std::fs::write(&file, text).expect("written");
    let sources = Sources { file: Some(file), ..Sources::default() };
    sources.load().map(|(_, apps)| apps).map_err(|e| e.to_string())
}

fn apps() -> Apps {
    load(&format!(
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
        public_keys = ["""{PUBLIC}""", """{OTHER_PUBLIC}"""]
        private_key = """{PRIVATE}"""
        [[apps]]
        key = "alone"
        algorithm = "EdDSA"
        public_keys = ["""{OTHER_PUBLIC}"""]
        "#
    ))
    .expect("apps")
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

/// A token of any header and claims, signed with any key.
fn token(header: &Value, claims: &Value, key: &EncodingKey, algorithm: Algorithm) -> String {
    let message = format!("{}.{}", part(header), part(claims));
    let signature = crypto::sign(message.as_bytes(), key, algorithm).expect("signed");
    format!("{message}.{signature}")
}

fn hs256(header: &Value, claims: &Value, secret: &str) -> String {
    token(header, claims, &EncodingKey::from_secret(secret.as_bytes()), Algorithm::HS256)
}

fn eddsa(header: &Value, claims: &Value, private: &str) -> String {
    let key = EncodingKey::from_ed_pem(private.as_bytes()).expect("a key");
    token(header, claims, &key, Algorithm::EdDSA)
}

fn header(app: &str) -> Value {
    json!({"alg": "HS256", "kid": app})
}

fn claims() -> Value {
    json!({"sub": "alice", "exp": NOW_S + 60})
}

#[test]
fn every_bad_token_is_refused_for_what_it_is() {
    let good = claims();
    let shop = |claims: Value| hs256(&header("shop"), &claims, SHOP);
    let forged = hs256(&header("shop"), &good, SHOP);
    let (head, _) = forged.split_once('.').expect("parts");
    let signature = forged.rsplit('.').next().expect("a signature");
    let swapped = format!("{head}.{}.{signature}", part(&json!({"sub": "bob", "exp": NOW_S + 60})));
    let unsigned =
        |alg: &str| format!("{}.{}.", part(&json!({"alg": alg, "kid": "shop"})), part(&good));
    let ed_header = json!({"alg": "EdDSA", "kid": "signed"});
    let raw_public = URL_SAFE_NO_PAD.decode("OaQpd4LkYeJWUrlYOXde-w8BYmjSTn0M5UCnDujcBcY");
    let confused = token(
        &header("signed"),
        &good,
        &EncodingKey::from_secret(&raw_public.expect("bytes")),
        Algorithm::HS256,
    );
    let table = [
        ("empty", String::new(), TokenError::Malformed),
        ("no JWT", "alice".to_owned(), TokenError::Malformed),
        ("no JSON", "YQ.YQ.YQ".to_owned(), TokenError::Malformed),
        ("too long", "a".repeat(TOKEN_BYTES + 1), TokenError::TooLong),
        ("alg none", unsigned("none"), TokenError::Malformed),
        ("alg None", unsigned("None"), TokenError::Malformed),
        ("unknown alg", unsigned("HS1"), TokenError::Malformed),
        ("no signature", unsigned("HS256"), TokenError::Signature),
        ("other HMAC", unsigned("HS512"), TokenError::Algorithm),
        ("no kid", hs256(&json!({"alg": "HS256"}), &good, SHOP), TokenError::NoApp),
        ("unknown app", hs256(&header("pub"), &good, SHOP), TokenError::UnknownApp),
        ("key of another app", hs256(&header("bank"), &good, SHOP), TokenError::Signature),
        ("unknown secret", hs256(&header("shop"), &good, "guess"), TokenError::Signature),
        ("claims changed", swapped, TokenError::Signature),
        ("public key as secret", confused, TokenError::Algorithm),
        ("public PEM as secret", hs256(&header("signed"), &good, PUBLIC), TokenError::Algorithm),
        (
            "EdDSA for an HS256 app",
            eddsa(&json!({"alg": "EdDSA", "kid": "shop"}), &good, PRIVATE),
            TokenError::Algorithm,
        ),
        (
            "EdDSA key of another app",
            eddsa(&json!({"alg": "EdDSA", "kid": "alone"}), &good, PRIVATE),
            TokenError::Signature,
        ),
        (
            "crit",
            hs256(&json!({"alg": "HS256", "kid": "shop", "crit": ["b64"]}), &good, SHOP),
            TokenError::Critical,
        ),
        ("no sub", shop(json!({"exp": NOW_S + 60})), TokenError::Claims),
        ("no exp", shop(json!({"sub": "alice"})), TokenError::Claims),
        ("exp a text", shop(json!({"sub": "alice", "exp": "never"})), TokenError::Claims),
        ("sub a number", shop(json!({"sub": 7, "exp": NOW_S + 60})), TokenError::Claims),
        ("expired", shop(json!({"sub": "alice", "exp": NOW_S - 1})), TokenError::Expired),
        ("expires now", shop(json!({"sub": "alice", "exp": NOW_S})), TokenError::Expired),
        ("expired long ago", shop(json!({"sub": "alice", "exp": -1})), TokenError::Expired),
        (
            "not yet",
            shop(json!({"sub": "alice", "exp": NOW_S + 60, "nbf": NOW_S + 1})),
            TokenError::TooEarly,
        ),
        (
            "empty user",
            shop(json!({"sub": "", "exp": NOW_S + 60})),
            TokenError::User(NameError::Empty),
        ),
        (
            "long user",
            shop(json!({"sub": "a".repeat(65), "exp": NOW_S + 60})),
            TokenError::User(NameError::TooLong),
        ),
        (
            "control character",
            shop(json!({"sub": "a\nb", "exp": NOW_S + 60})),
            TokenError::User(NameError::Control),
        ),
        (
            "long name",
            shop(json!({"sub": "alice", "exp": NOW_S + 60, "name": "n".repeat(129)})),
            TokenError::Name,
        ),
        ("uid 0", shop(json!({"sub": "a", "exp": NOW_S + 60, "uid": 0})), TokenError::Uid),
        (
            "uid 2^31",
            shop(json!({"sub": "a", "exp": NOW_S + 60, "uid": 1u32 << 31})),
            TokenError::Uid,
        ),
    ];
    let apps = apps();
    for (case, token, refused) in table {
        let found = verify(&apps, &token, NOW_S).map(|claims| claims.user);
        assert_eq!(found, Err(refused), "{case}");
    }
    assert!(eddsa(&ed_header, &good, PRIVATE).len() < TOKEN_BYTES);
}

#[test]
fn only_an_expired_token_is_expired() {
    assert_eq!(TokenError::Expired.code(), ErrorCode::TokenExpired);
    assert_eq!(TokenError::Signature.code(), ErrorCode::Unauthorized);
    assert_eq!(TokenError::TooEarly.code(), ErrorCode::Unauthorized);
}

#[test]
fn a_good_token_says_who() {
    let apps = apps();
    let full = json!({"sub": "alice", "exp": NOW_S + 60, "name": "Alice", "uid": 17, "x": [1]});
    let token = hs256(&header("shop"), &full, SHOP);
    let found = verify(&apps, &token, NOW_S).expect("good");
    assert_eq!((found.user.as_str(), found.app.key.as_str()), ("alice", "shop"));
    assert_eq!((found.name.as_deref(), found.uid), (Some("Alice"), Some(Uid(17))));
    assert_eq!(found.expires_at, Timestamp((NOW_S + 60) * 1_000));
}

#[test]
fn a_rotated_key_still_verifies() {
    let apps = apps();
    let old = hs256(&header("shop"), &claims(), SHOP_OLD);
    assert!(verify(&apps, &old, NOW_S).is_ok());
    for private in [PRIVATE, OTHER_PRIVATE] {
        let token = eddsa(&json!({"alg": "EdDSA", "kid": "signed"}), &claims(), private);
        assert!(verify(&apps, &token, NOW_S).is_ok());
    }
}

#[test]
fn what_is_minted_verifies_until_it_expires() {
    let apps = apps();
    let alice = UserId::parse("alice").expect("a name");
    for key in ["shop", "signed"] {
        let app = apps.get(key).expect("an app");
        let hour = Duration::from_hours(1);
        let minted = mint(&app, &alice, hour, Some("Alice"), Some(Uid(3)), NOW_S).expect("a token");
        let found = verify(&apps, &minted.token, NOW_S + 3_599).expect("good");
        assert_eq!((found.user.clone(), found.uid), (alice.clone(), Some(Uid(3))));
        assert_eq!(found.expires_at, minted.expires_at);
        let late = verify(&apps, &minted.token, NOW_S + 3_600).map(|c| c.user);
        assert_eq!(late, Err(TokenError::Expired));
    }
    let alone = apps.get("alone").expect("an app");
    assert!(alone.tokens.signing.is_none());
    let refused = mint(&alone, &alice, Duration::from_secs(1), None, None, NOW_S).map(|m| m.token);
    assert_eq!(refused, Err(MintError::NoKey("alone".to_owned())));
}

#[test]
fn keys_that_do_not_fit_are_refused_by_field() {
    let app = |keys: &str| {
        load(&format!("[[apps]]\nkey = \"a\"\nalgorithm = \"EdDSA\"\n{keys}")).expect_err("refused")
    };
    let public = app("public_keys = [\"nonsense\"]");
    assert!(public.contains("apps[0].public_keys[0]"), "{public}");
    let private = app(&format!("public_keys = ['''{PUBLIC}''']\nprivate_key = 'x'"));
    assert!(private.contains("apps[0].private_key"), "{private}");
    let stranger =
        app(&format!("public_keys = ['''{PUBLIC}''']\nprivate_key = '''{OTHER_PRIVATE}'''"));
    assert!(stranger.contains("belongs to none of public_keys"), "{stranger}");
    assert!(!stranger.contains("MC4C"), "no key is shown");
}
