//! The VP8 payload descriptor (RFC 7741) and the start of a key frame (RFC 6386 section 9.1).

use super::picture::{Picture, read_picture_id};

/// What the descriptor says of the picture; nothing where it is cut short.
pub(crate) fn read_vp8(payload: &[u8]) -> Picture {
    descriptor(payload).map_or_else(Picture::default, |(picture, _)| picture)
}

/// Width and height of the picture, if the payload starts a key frame.
pub(crate) fn key_frame_size(payload: &[u8]) -> Option<(u16, u16)> {
    let first = *payload.first()?;
    // The start of the first partition (S set, PID 0) carries the frame's header.
    if first & 0x10 == 0 || first & 0x07 != 0 {
        return None;
    }
    let (_, length) = descriptor(payload)?;
    let frame = payload.get(length..length + 10)?;
    let is_key = frame[0] & 1 == 0;
    if !is_key || frame[3..6] != [0x9d, 0x01, 0x2a] {
        return None;
    }
    // The upper two bits of each are a scale, which receivers ignore.
    let width = u16::from_le_bytes([frame[6], frame[7]]) & 0x3fff;
    let height = u16::from_le_bytes([frame[8], frame[9]]) & 0x3fff;
    Some((width, height))
}

/// The picture and the length of the descriptor.
fn descriptor(payload: &[u8]) -> Option<(Picture, usize)> {
    let mut picture = Picture::default();
    if payload.first()? & 0x80 == 0 {
        return Some((picture, 1));
    }
    let flags = *payload.get(1)?;
    let mut at = 2;
    if flags & 0x80 != 0 {
        let (id, width) = read_picture_id(payload.get(at..)?)?;
        picture.id = Some(id);
        at += width;
    }
    if flags & 0x40 != 0 {
        picture.tl0 = Some(*payload.get(at)?);
        at += 1;
    }
    if flags & 0x30 != 0 {
        payload.get(at)?;
        at += 1;
    }
    Some((picture, at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rewrite::PictureId;

    #[test]
    fn descriptors_are_read() {
        let wide = |value| Some(PictureId { value, wide: true });
        let narrow = |value| Some(PictureId { value, wide: false });
        let table: [(&[u8], Picture); 6] = [
            (&[], Picture::default()),
            (&[0x10, 0xaa], Picture::default()),
            (&[0x90, 0x80, 0x11], Picture { id: narrow(0x11), tl0: None }),
            (&[0x90, 0x80, 0x92, 0x34], Picture { id: wide(0x1234), tl0: None }),
            (&[0x90, 0xe0, 0x92, 0x34, 0x07, 0x20, 0], Picture { id: wide(0x1234), tl0: Some(7) }),
            (&[0x90, 0xe0, 0x92], Picture::default()),
        ];
        for (payload, expected) in table {
            assert_eq!(read_vp8(payload), expected, "{payload:x?}");
        }
    }

    #[test]
    fn a_key_frame_tells_its_size() {
        let frame = [0x50, 0, 0, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0x68, 0x01];
        let with = |descriptor: &[u8]| [descriptor, &frame].concat();
        assert_eq!(key_frame_size(&with(&[0x10])), Some((640, 360)));
        assert_eq!(key_frame_size(&with(&[0x90, 0x80, 0x11])), Some((640, 360)));
        assert_eq!(key_frame_size(&with(&[0x00])), None, "not the start of a frame");
        assert_eq!(key_frame_size(&with(&[0x11])), None, "not the first partition");
        let mut delta = with(&[0x10]);
        delta[1] |= 1;
        assert_eq!(key_frame_size(&delta), None, "not a key frame");
        assert_eq!(key_frame_size(&with(&[0x10])[..8]), None, "cut short");
    }
}
