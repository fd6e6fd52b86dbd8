//! The numbers by which decoders tell pictures apart (RFC 7741 section 4.2, RFC 9628 section 4.2).

/// What a payload descriptor says of its picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Picture {
    /// The running number of the picture, if present.
    pub(crate) id: Option<PictureId>,
    /// The running number of the lowest temporal layer's picture, if present.
    pub(crate) tl0: Option<u8>,
}

/// A picture id, in the width it is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PictureId {
    pub(crate) value: u16,
    /// 15 bits wide; otherwise 7.
    pub(crate) wide: bool,
}

impl PictureId {
    /// The id so many pictures on, in the same width.
    pub(crate) fn plus(self, delta: u16) -> Self {
        let mask = if self.wide { 0x7fff } else { 0x7f };
        Self { value: self.value.wrapping_add(delta) & mask, wide: self.wide }
    }
}

/// The picture id at the start of `bytes`, and how many bytes it takes. Both VP8 and VP9 write it
/// so: the top bit says that a second byte follows.
pub(super) fn read_picture_id(bytes: &[u8]) -> Option<(PictureId, usize)> {
    let first = *bytes.first()?;
    if first & 0x80 == 0 {
        let value = u16::from(first);
        return Some((PictureId { value, wide: false }, 1));
    }
    let value = u16::from_be_bytes([first & 0x7f, *bytes.get(1)?]);
    Some((PictureId { value, wide: true }, 2))
}
