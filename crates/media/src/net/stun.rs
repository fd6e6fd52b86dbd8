//! As much of STUN (RFC 8489) as finding the worker and the peer of an ICE check needs.

/// Type, length, magic cookie, transaction id.
const HEADER_BYTES: usize = 20;

const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];

const BINDING_REQUEST: u16 = 0x0001;

const USERNAME: u16 = 0x0006;

const MESSAGE_INTEGRITY: u16 = 0x0008;

/// Whether it looks like STUN rather than DTLS, RTP or RTCP (RFC 7983).
pub(crate) fn is_stun(bytes: &[u8]) -> bool {
    bytes.len() >= HEADER_BYTES && bytes[0] < 4
}

/// The receiver's half of the user name of a binding request: the ufrag we gave out.
pub(crate) fn binding_username(bytes: &[u8]) -> Option<&str> {
    let (header, mut attributes) = bytes.split_at_checked(HEADER_BYTES)?;
    let kind = u16::from_be_bytes([header[0], header[1]]);
    let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
    if kind != BINDING_REQUEST || header[4..8] != MAGIC_COOKIE || length != attributes.len() {
        return None;
    }
    // The last one counts, as for the WebRTC library, should somebody send two.
    let mut found = None;
    while let Some((head, rest)) = attributes.split_at_checked(4) {
        let kind = u16::from_be_bytes([head[0], head[1]]);
        let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
        // What follows is not covered by it and does not count (section 14.5).
        if kind == MESSAGE_INTEGRITY {
            break;
        }
        if kind == USERNAME {
            let name = std::str::from_utf8(rest.get(..length)?).ok()?;
            found = name.split_once(':').map(|(ours, _)| ours);
        }
        // Attributes are padded to multiples of four bytes.
        attributes = rest.get(length.next_multiple_of(4)..)?;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(attributes: &[(u16, &[u8])]) -> Vec<u8> {
        let mut body = Vec::new();
        for (kind, value) in attributes {
            body.extend(kind.to_be_bytes());
            body.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
            body.extend(*value);
            body.resize(body.len().next_multiple_of(4), 0);
        }
        let mut packet = BINDING_REQUEST.to_be_bytes().to_vec();
        packet.extend(u16::try_from(body.len()).unwrap().to_be_bytes());
        packet.extend(MAGIC_COOKIE);
        packet.extend([7; 12]);
        packet.extend(body);
        packet
    }

    #[test]
    fn the_receivers_half_of_the_name_is_found() {
        let packet = request(&[(0x0024, &[1, 2, 3, 4]), (USERNAME, b"00abc:xyz9")]);
        assert_eq!(binding_username(&packet), Some("00abc"));
        assert!(is_stun(&packet));
        let twice = request(&[(USERNAME, b"nocolon!"), (USERNAME, b"00abc:xyz9")]);
        assert_eq!(binding_username(&twice), Some("00abc"));
        let unsigned = [(USERNAME, &b"00abc:xyz9"[..]), (MESSAGE_INTEGRITY, &[2; 20])];
        let behind = request(&[&unsigned[..], &[(USERNAME, b"01def:x")]].concat());
        assert_eq!(binding_username(&behind), Some("00abc"), "what is not covered does not count");
        let padded = request(&[(0x8022, b"abcde"), (USERNAME, b"a:b")]);
        assert_eq!(binding_username(&padded), Some("a"));
    }

    #[test]
    fn nonsense_has_no_name() {
        let good = request(&[(USERNAME, b"00abc:xyz9")]);
        for length in 0..good.len() {
            assert_eq!(binding_username(&good[..length]), None, "cut at {length}");
        }
        assert_eq!(binding_username(&request(&[(USERNAME, b"nocolon!")])), None);
        assert_eq!(binding_username(&request(&[(USERNAME, b"\xff\xff:a")])), None);
        let mut response = good.clone();
        response[0] = 1;
        assert_eq!(binding_username(&response), None);
        let mut long = good;
        long[23] = 200;
        assert_eq!(binding_username(&long), None);
        assert!(!is_stun(&[0x80; 40]));
    }
}
