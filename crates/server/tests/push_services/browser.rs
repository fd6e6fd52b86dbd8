//! A browser that has subscribed: it knows its sender, and reads what it is sent (RFC 8291), by
//! other means than the server writes it.

use aws_lc_rs::{
    aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    agreement::{ECDH_P256, PrivateKey, UnparsedPublicKey, agree},
    hkdf::{HKDF_SHA256, KeyType, Salt},
    signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey as Verifier},
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};

pub(crate) struct Browser {
    key: PrivateKey,
    auth: [u8; 16],
    /// What it was subscribed with.
    sender: String,
}

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

fn expand(salt: &[u8], secret: &[u8], info: &[&[u8]], length: usize) -> Vec<u8> {
    let key = Salt::new(HKDF_SHA256, salt).extract(secret);
    let mut out = vec![0; length];
    key.expand(info, Length(length)).expect("short").fill(&mut out).expect("filled");
    out
}

impl Browser {
    /// One that is subscribed with the sender's public key.
    pub(crate) fn new(sender: &str) -> Self {
        let key = PrivateKey::generate(&ECDH_P256).expect("a key");
        Self { key, auth: *b"sixteen bytes !!", sender: sender.to_owned() }
    }

    /// The keys of its subscription, as the page gives them.
    pub(crate) fn keys(&self) -> Value {
        let public = self.key.compute_public_key().expect("a key");
        json!({
            "p256dh": BASE64_URL_SAFE_NO_PAD.encode(public.as_ref()),
            "auth": BASE64_URL_SAFE_NO_PAD.encode(self.auth),
        })
    }

    /// Whether a service at `origin` may take this from the sender (RFC 8292).
    pub(crate) fn knows_sender(&self, authorization: &str, origin: &str) -> bool {
        let Some(shown) = authorization.strip_prefix("vapid t=") else { return false };
        let Some((token, key)) = shown.split_once(", k=") else { return false };
        let (signed, signature) = token.rsplit_once('.').expect("a token");
        let decode = |text: &str| BASE64_URL_SAFE_NO_PAD.decode(text).expect("base64url");
        let verifier = Verifier::new(&ECDSA_P256_SHA256_FIXED, decode(key));
        let is_signed = verifier.verify(signed.as_bytes(), &decode(signature)).is_ok();
        let claims = signed.split_once('.').expect("claims").1;
        let claims: Value = serde_json::from_slice(&decode(claims)).expect("JSON");
        is_signed
            && key == self.sender
            && claims["aud"] == origin
            && claims["sub"] == "mailto:ops@shop.example"
    }

    /// Reads a message.
    pub(crate) fn decrypt(&self, message: &[u8]) -> Vec<u8> {
        let (salt, rest) = message.split_at(16);
        let (size, rest) = rest.split_at(4);
        assert!(u32::from_be_bytes(size.try_into().expect("four")) >= 18);
        let (length, rest) = rest.split_first().expect("a length");
        let (sender, sealed) = rest.split_at(usize::from(*length));
        let public = self.key.compute_public_key().expect("a key");
        let peer = UnparsedPublicKey::new(&ECDH_P256, sender);
        let shared = agree(&self.key, peer, (), |secret| Ok(secret.to_vec())).expect("agreed");
        let info: &[&[u8]] = &[b"WebPush: info\0", public.as_ref(), sender];
        let input = expand(&self.auth, &shared, info, 32);
        let key = expand(salt, &input, &[b"Content-Encoding: aes128gcm\0"], 16);
        let nonce = expand(salt, &input, &[b"Content-Encoding: nonce\0"], 12);
        let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key).expect("a key"));
        let nonce = Nonce::try_assume_unique_for_key(&nonce).expect("a nonce");
        let mut sealed = sealed.to_vec();
        let text = key.open_in_place(nonce, Aad::empty(), &mut sealed).expect("it opens");
        let (end, text) = text.split_last().expect("an end");
        assert_eq!(*end, 2, "the last record");
        text.to_vec()
    }
}
