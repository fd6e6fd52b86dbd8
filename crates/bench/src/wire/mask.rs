//! Masking keys, and the masking itself.

/// A masking key.
pub(crate) type Mask = [u8; 4];

/// Makes masking keys. They need not be hard to guess: that guards browsers, whose scripts choose
/// the payload, and no script speaks through this program (RFC 6455, 10.3).
#[derive(Debug)]
pub(crate) struct Masks(u32);

impl Masks {
    /// A sequence of its own for each `seed`.
    pub(crate) fn new(seed: u32) -> Self {
        // Xorshift never leaves zero.
        Self(seed.wrapping_mul(0x9E37_79B9) | 1)
    }

    /// The next key (xorshift32).
    pub(crate) fn next(&mut self) -> Mask {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0.to_ne_bytes()
    }
}

/// Masks `bytes`, or takes the mask off again.
pub(crate) fn apply(mask: Mask, bytes: &mut [u8]) {
    let [a, b, c, d] = mask;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (words, rest) = bytes.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(mask.into_iter().cycle()) {
        *byte ^= key;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masking_twice_changes_nothing_and_once_is_as_the_rfc_has_it() {
        let mut hello = *b"Hello";
        apply([0x37, 0xfa, 0x21, 0x3d], &mut hello);
        assert_eq!(hello, [0x7f, 0x9f, 0x4d, 0x51, 0x58]);
        for length in 0..40_u8 {
            let plain: Vec<u8> = (0..length).collect();
            let mut bytes = plain.clone();
            apply([1, 2, 3, 4], &mut bytes);
            let slow: Vec<u8> =
                plain.iter().zip([1, 2, 3, 4].iter().cycle()).map(|(b, k)| b ^ k).collect();
            assert_eq!(bytes, slow);
            apply([1, 2, 3, 4], &mut bytes);
            assert_eq!(bytes, plain);
        }
    }

    #[test]
    fn keys_differ() {
        let mut masks = Masks::new(0);
        assert_ne!(masks.next(), masks.next());
    }
}
