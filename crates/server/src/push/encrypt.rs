//! Encryption of what is pushed to browsers (RFC 8291, in the coding of RFC 8188): only the
//! browser that subscribed can read it, not the push service.

use aws_lc_rs::{
    aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    agreement::{ECDH_P256, PrivateKey, UnparsedPublicKey, agree},
    error::Unspecified,
    hmac,
};

/// The length of a public key on P-256, not compressed.
pub(super) const PUBLIC_KEY_BYTES: usize = 65;
/// The length of a subscription's authentication secret.
pub(super) const AUTH_BYTES: usize = 16;
/// What a message is preceded by: salt, record size, length of the key, the key.
const HEADER_BYTES: usize = 16 + 4 + 1 + PUBLIC_KEY_BYTES;
/// What push services have to carry at least (RFC 8030, section 7.2), and the size of a record.
const RECORD_BYTES: u32 = 4096;
/// The longest text that fits: header, the byte that ends the text, and the tag go with it.
pub(super) const TEXT_BYTES: usize = RECORD_BYTES as usize - HEADER_BYTES - 1 - 16;

/// Encrypts `text` for the browser with this key and secret.
pub(super) fn encrypt(
    text: &[u8],
    browser: &[u8; PUBLIC_KEY_BYTES],
    auth: &[u8; AUTH_BYTES],
) -> Result<Vec<u8>, Unspecified> {
    let own = PrivateKey::generate(&ECDH_P256)?;
    encrypt_with(text, browser, auth, &own, rand::random())
}

fn encrypt_with(
    text: &[u8],
    browser: &[u8; PUBLIC_KEY_BYTES],
    auth: &[u8; AUTH_BYTES],
    own: &PrivateKey,
    salt: [u8; 16],
) -> Result<Vec<u8>, Unspecified> {
    let public = own.compute_public_key()?;
    let public = public.as_ref();
    let peer = UnparsedPublicKey::new(&ECDH_P256, browser);
    let shared = agree(own, peer, Unspecified, |secret| Ok(mac(auth, &[secret])))?;
    let input = expand(&shared, &[b"WebPush: info\0", browser, public]);
    let key = mac(&salt, &[&input]);
    let content_key = expand(&key, &[b"Content-Encoding: aes128gcm\0"]);
    let nonce = expand(&key, &[b"Content-Encoding: nonce\0"]);

    let mut sealed = text.to_vec();
    // The end of the last record, and no padding.
    sealed.push(2);
    let content_key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &content_key[..16])?);
    let nonce = Nonce::try_assume_unique_for_key(&nonce[..12])?;
    content_key.seal_in_place_append_tag(nonce, Aad::empty(), &mut sealed)?;

    let mut message = Vec::with_capacity(HEADER_BYTES + sealed.len());
    message.extend_from_slice(&salt);
    message.extend_from_slice(&RECORD_BYTES.to_be_bytes());
    message.push(u8::try_from(public.len()).map_err(|_| Unspecified)?);
    message.extend_from_slice(public);
    message.append(&mut sealed);
    Ok(message)
}

/// HKDF's first and only block (RFC 5869): none of the keys is longer than a hash.
fn expand(key: &[u8], info: &[&[u8]]) -> Vec<u8> {
    let mut parts = info.to_vec();
    parts.push(&[1]);
    mac(key, &parts)
}

fn mac(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key));
    for part in parts {
        context.update(part);
    }
    context.sign().as_ref().to_vec()
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};

    use super::*;

    fn bytes<const N: usize>(text: &str) -> [u8; N] {
        BASE64_URL_SAFE_NO_PAD.decode(text).unwrap().try_into().unwrap()
    }

    /// RFC 8291, section 5 and appendix A.
    #[test]
    fn a_message_is_that_of_the_rfc() {
        let own: [u8; 32] = bytes("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw");
        let own = PrivateKey::from_private_key(&ECDH_P256, &own).unwrap();
        let browser = bytes(
            "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
        );
        let auth = bytes("BTBZMqHH6r4Tts7J_aSIgg");
        let salt = bytes("DGv6ra1nlYgDCS1FRnbzlw");
        let text = b"When I grow up, I want to be a watermelon";
        let message = encrypt_with(text, &browser, &auth, &own, salt).unwrap();
        let expected = "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlml\
                        MoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf\
                        1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN";
        assert_eq!(BASE64_URL_SAFE_NO_PAD.encode(message), expected);
    }

    #[test]
    fn the_longest_text_makes_a_message_that_services_carry() {
        let browser = PrivateKey::generate(&ECDH_P256).unwrap().compute_public_key().unwrap();
        let browser = browser.as_ref().try_into().unwrap();
        let message = encrypt(&[b'x'; TEXT_BYTES], &browser, &[7; AUTH_BYTES]).unwrap();
        assert_eq!(message.len(), RECORD_BYTES as usize);
    }

    #[test]
    fn what_is_no_key_is_refused() {
        assert!(encrypt(b"x", &[4; PUBLIC_KEY_BYTES], &[7; AUTH_BYTES]).is_err());
    }
}
