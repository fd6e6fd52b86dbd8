//! The VP9 payload descriptor (RFC 9628).

use super::picture::{Picture, read_picture_id};

/// What the descriptor says of the picture; nothing where it is cut short.
pub(crate) fn read_vp9(payload: &[u8]) -> Picture {
    places(payload).map_or_else(Picture::default, |places| places.picture)
}

/// Writes the numbers of `picture` over those that the descriptor has.
pub(crate) fn write_vp9(payload: &mut [u8], picture: Picture) {
    let Some(places) = places(payload) else {
        return;
    };
    if let (Some(old), Some(new)) = (places.picture.id, picture.id) {
        let [high, low] = new.value.to_be_bytes();
        if old.wide {
            payload[1] = 0x80 | high;
            payload[2] = low;
        } else {
            payload[1] = low & 0x7f;
        }
    }
    if let (Some(at), Some(tl0)) = (places.tl0_at, picture.tl0) {
        payload[at] = tl0;
    }
}

struct Places {
    picture: Picture,
    tl0_at: Option<usize>,
}

fn places(payload: &[u8]) -> Option<Places> {
    let flags = *payload.first()?;
    let mut picture = Picture::default();
    let mut at = 1;
    if flags & 0x80 != 0 {
        let (id, width) = read_picture_id(payload.get(at..)?)?;
        picture.id = Some(id);
        at += width;
    }
    let has_layers = flags & 0x20 != 0;
    let is_flexible = flags & 0x10 != 0;
    let tl0_at = (has_layers && !is_flexible).then_some(at + 1);
    if let Some(at) = tl0_at {
        picture.tl0 = Some(*payload.get(at)?);
    }
    Some(Places { picture, tl0_at })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rewrite::PictureId;

    #[test]
    fn numbers_are_read_and_written_where_they_stand() {
        let table: [(&[u8], Picture); 4] = [
            (&[0x00, 1, 2, 3], Picture { id: None, tl0: None }),
            (
                &[0x80, 0x21, 9],
                Picture { id: Some(PictureId { value: 0x21, wide: false }), tl0: None },
            ),
            (
                &[0xa0, 0xa1, 0x23, 0x40, 0x05, 9],
                Picture { id: Some(PictureId { value: 0x2123, wide: true }), tl0: Some(5) },
            ),
            // Flexible mode has no TL0PICIDX.
            (
                &[0xb0, 0xa1, 0x23, 0x40, 0x05, 9],
                Picture { id: Some(PictureId { value: 0x2123, wide: true }), tl0: None },
            ),
        ];
        for (payload, expected) in table {
            assert_eq!(read_vp9(payload), expected, "{payload:x?}");
            let moved = Picture {
                id: expected.id.map(|id| id.plus(100)),
                tl0: expected.tl0.map(|tl0| tl0.wrapping_add(3)),
            };
            let mut written = payload.to_vec();
            write_vp9(&mut written, moved);
            assert_eq!(read_vp9(&written), moved);
            write_vp9(&mut written, expected);
            assert_eq!(written, payload, "nothing else is touched");
        }
    }
}
