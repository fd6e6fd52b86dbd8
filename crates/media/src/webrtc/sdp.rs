//! What the SFU itself must know of an offer (RFC 8866, RFC 8829), before the library reads all.

use std::collections::BTreeMap;

use crate::error::OfferError;
use crate::keys::{Kind, Mid};
use crate::settings::{LINES_MAX, SDP_MAX_BYTES};

use super::layer::Layer;

/// The most attributes of an m-line; a browser's have about a hundred.
const ATTRIBUTES_MAX: usize = 512;

/// The parts of an offer that decide what is done with it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Sdp {
    /// Hash and value of the DTLS certificate, by which a connection is known again.
    pub(crate) fingerprint: String,
    /// In the order of the offer.
    pub(crate) lines: Vec<Line>,
}

/// An m-line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) mid: Mid,
    pub(crate) kind: Kind,
    pub(crate) direction: Direction,
    /// Whether it is sent in simulcast layers.
    pub(crate) simulcast: bool,
}

/// Which way media flows on an m-line, as the peer sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// The peer sends.
    Send,
    /// The peer receives.
    Receive,
    /// Neither, or the line was rejected.
    Inactive,
}

impl Sdp {
    /// Reads an offer. Refuses what no client of ours makes, by name.
    pub(crate) fn read(text: &str) -> Result<Self, OfferError> {
        if text.len() > SDP_MAX_BYTES {
            return Err(OfferError::sdp(format!("at most {SDP_MAX_BYTES} bytes")));
        }
        let mut fingerprint = None;
        let mut lines = Vec::new();
        let mut types = PayloadTypes::default();
        let mut current: Option<Draft> = None;
        for line in text.lines() {
            if let Some(media) = line.strip_prefix("m=") {
                if let Some(draft) = current.take() {
                    types.end_line()?;
                    lines.push(draft.finish(&lines)?);
                }
                if lines.len() == LINES_MAX {
                    return Err(OfferError::sdp(format!("at most {LINES_MAX} m-lines")));
                }
                current = Some(Draft::new(media)?);
            } else if let Some(value) = line.strip_prefix("a=fingerprint:") {
                let value = value.trim().to_ascii_lowercase();
                if fingerprint.as_ref().is_some_and(|known| *known != value) {
                    return Err(OfferError::sdp("m-lines with different fingerprints"));
                }
                fingerprint = Some(value);
            } else if line == "a=ice-lite" {
                return Err(OfferError::sdp("the server is ICE-lite; a client is not"));
            } else if let (Some(draft), Some(attribute)) = (&mut current, line.strip_prefix("a=")) {
                draft.attribute(attribute, &mut types)?;
            }
        }
        if let Some(draft) = current {
            types.end_line()?;
            lines.push(draft.finish(&lines)?);
        }
        if lines.is_empty() {
            return Err(OfferError::sdp("no m-line"));
        }
        let fingerprint = fingerprint.ok_or_else(|| OfferError::sdp("no a=fingerprint"))?;
        Ok(Self { fingerprint, lines })
    }

    pub(crate) fn line(&self, mid: Mid) -> Option<&Line> {
        self.lines.iter().find(|line| line.mid == mid)
    }
}

/// An m-line while its attributes are read.
struct Draft {
    kind: Kind,
    mid: Option<Mid>,
    /// As RFC 8866 has it, what says nothing is `sendrecv`.
    direction: Option<Direction>,
    rids: usize,
    attributes: usize,
}

impl Draft {
    fn new(media: &str) -> Result<Self, OfferError> {
        let mut fields = media.split_ascii_whitespace();
        let kind = match fields.next() {
            Some("audio") => Kind::Audio,
            Some("video") => Kind::Video,
            _ => return Err(OfferError::sdp("an m-line is audio or video")),
        };
        let rejected = fields.next() == Some("0");
        check_payload_types(fields.skip(1))?;
        Ok(Self {
            kind,
            mid: None,
            direction: rejected.then_some(Direction::Inactive),
            rids: 0,
            attributes: 0,
        })
    }

    fn attribute(&mut self, attribute: &str, types: &mut PayloadTypes) -> Result<(), OfferError> {
        self.attributes += 1;
        if self.attributes > ATTRIBUTES_MAX {
            return Err(OfferError::sdp(format!(
                "at most {ATTRIBUTES_MAX} attributes in an m-line"
            )));
        }
        let (name, value) = attribute.split_once(':').unwrap_or((attribute, ""));
        match name {
            "mid" => self.mid = Some(value.trim().parse()?),
            "sendonly" => self.direct(Direction::Send),
            "recvonly" => self.direct(Direction::Receive),
            "inactive" => self.direct(Direction::Inactive),
            "rtpmap" => types.is_codec(value)?,
            "fmtp" => types.is_described(value)?,
            "rid" => {
                let (rid, direction) = value.split_once(' ').unwrap_or((value, ""));
                if !direction.starts_with("send") || Layer::of_rid(rid).is_none() {
                    return Err(OfferError::sdp("the rids of simulcast are q, h and f, sent"));
                }
                self.rids += 1;
            }
            _ => {}
        }
        Ok(())
    }

    /// A rejected line stays rejected, whatever its attributes still say.
    fn direct(&mut self, direction: Direction) {
        self.direction.get_or_insert(direction);
    }

    fn finish(self, before: &[Line]) -> Result<Line, OfferError> {
        let mid = self.mid.ok_or_else(|| OfferError::sdp("an m-line without a=mid"))?;
        if before.iter().any(|line| line.mid == mid) {
            return Err(OfferError::sdp(format!("mid {mid} twice")));
        }
        let direction = self
            .direction
            .ok_or_else(|| OfferError::sdp(format!("mid {mid}: a slot is sendonly or recvonly")))?;
        if self.rids > 0 && (self.kind, direction) != (Kind::Video, Direction::Send) {
            return Err(OfferError::sdp(format!("mid {mid}: only video that is sent has layers")));
        }
        Ok(Line { mid, kind: self.kind, direction, simulcast: self.rids > 0 })
    }
}

/// What each payload type stands for: the same in all lines of a bundle (RFC 8843 section 9.1).
#[derive(Default)]
struct PayloadTypes {
    codecs: BTreeMap<u8, String>,
    /// The type of what a type repeats (RFC 4588).
    repeated: BTreeMap<u8, u8>,
    /// Which form of its codec a type stands for, and does in the line that is being read.
    formats: BTreeMap<u8, Vec<String>>,
    in_line: BTreeMap<u8, Vec<String>>,
}

/// Parameters that tell forms of a codec apart: H.264 (RFC 6184), VP9 (RFC 9628), AV1. What others
/// say is a wish for one stream, and may differ from line to line.
const FORMAT: [&str; 6] = [
    "packetization-mode",
    "profile-level-id",
    "level-asymmetry-allowed",
    "profile-id",
    "profile",
    "tier",
];

impl PayloadTypes {
    /// Takes the value of an `a=rtpmap`.
    fn is_codec(&mut self, value: &str) -> Result<(), OfferError> {
        let Some((kind, codec)) = number(value) else {
            return Ok(());
        };
        let codec = codec.trim().to_ascii_lowercase();
        self.in_line.entry(kind).or_default();
        match self.codecs.insert(kind, codec.clone()) {
            Some(other) if other != codec => {
                Err(OfferError::sdp(format!("payload type {kind} stands for two codecs")))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// A line is read. The WebRTC library holds a type of two forms to be two types of one number.
    fn end_line(&mut self) -> Result<(), OfferError> {
        for (kind, format) in std::mem::take(&mut self.in_line) {
            if self.formats.insert(kind, format.clone()).is_some_and(|other| other != format) {
                let text = format!("payload type {kind} stands for two forms of a codec");
                return Err(OfferError::sdp(text));
            }
        }
        Ok(())
    }

    /// Takes the value of an `a=fmtp`.
    fn is_described(&mut self, value: &str) -> Result<(), OfferError> {
        let Some((kind, parameters)) = number(value) else {
            return Ok(());
        };
        let told = parameters.split(';').map(|parameter| parameter.trim().to_ascii_lowercase());
        let mut format: Vec<String> = told
            .filter(|told| FORMAT.contains(&told.split('=').next().unwrap_or_default().trim()))
            .collect();
        format.sort();
        self.in_line.insert(kind, format);
        let mut parameters = parameters.split(';');
        let apt = parameters.find_map(|parameter| parameter.trim().strip_prefix("apt="));
        let Some(apt) = apt.and_then(|apt| apt.parse().ok()) else {
            return Ok(());
        };
        match self.repeated.insert(kind, apt) {
            Some(other) if other != apt => {
                Err(OfferError::sdp(format!("payload type {kind} repeats two others")))
            }
            Some(_) | None => Ok(()),
        }
    }
}

/// The number at the start, and the rest.
fn number(value: &str) -> Option<(u8, &str)> {
    let (number, rest) = value.split_once(' ')?;
    Some((number.parse().ok()?, rest))
}

/// Payload types are 7 bits and each stands once in a line.
fn check_payload_types<'a>(types: impl Iterator<Item = &'a str>) -> Result<(), OfferError> {
    let mut seen = [false; 128];
    for text in types {
        let number: usize =
            text.parse().map_err(|_| OfferError::sdp("a payload type is a number"))?;
        match seen.get_mut(number) {
            Some(seen) if !*seen => *seen = true,
            Some(_) => return Err(OfferError::sdp(format!("payload type {number} twice"))),
            None => return Err(OfferError::sdp("a payload type is 0 to 127")),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n\
                        a=fingerprint:sha-256 AA:BB\r\n";

    fn read(lines: &str) -> Result<Sdp, OfferError> {
        Sdp::read(&format!("{HEAD}{}", lines.replace('\n', "\r\n")))
    }

    #[test]
    fn lines_are_read() {
        let sdp = read(
            "m=audio 9 UDP/TLS/RTP/SAVPF 111\na=mid:0\na=sendonly\n\
             m=video 9 UDP/TLS/RTP/SAVPF 96 97\na=mid:1\na=sendonly\na=rid:q send\na=rid:f send\n\
             m=video 9 UDP/TLS/RTP/SAVPF 96\na=mid:b\na=recvonly\n\
             m=video 0 UDP/TLS/RTP/SAVPF 96\na=mid:c\na=recvonly\n",
        )
        .unwrap();
        assert_eq!(sdp.fingerprint, "sha-256 aa:bb");
        let short: Vec<_> = sdp
            .lines
            .iter()
            .map(|line| (line.mid.as_str(), line.kind, line.direction, line.simulcast))
            .collect();
        assert_eq!(
            short,
            [
                ("0", Kind::Audio, Direction::Send, false),
                ("1", Kind::Video, Direction::Send, true),
                ("b", Kind::Video, Direction::Receive, false),
                ("c", Kind::Video, Direction::Inactive, false),
            ]
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        let audio = "m=audio 9 UDP/TLS/RTP/SAVPF 111\n";
        let many = format!("{audio}a=mid:x\na=sendonly\n").repeat(LINES_MAX + 1);
        let table = [
            (String::new(), "no m-line"),
            ("m=application 9 UDP/DTLS/SCTP 5000\n".to_owned(), "audio or video"),
            (format!("{audio}a=sendonly\n"), "without a=mid"),
            (format!("{audio}a=mid:a-b\n"), "letters and digits"),
            (format!("{audio}a=mid:0\na=sendrecv\n"), "sendonly or recvonly"),
            (format!("{audio}a=mid:0\na=sendonly\na=rid:q send\n"), "only video"),
            (format!("{audio}a=mid:0\na=sendonly\na=ice-lite\n"), "ICE-lite"),
            ("m=video 9 UDP/TLS/RTP/SAVPF 96 96\n".to_owned(), "96 twice"),
            ("m=video 9 UDP/TLS/RTP/SAVPF 128\n".to_owned(), "0 to 127"),
            ("m=video 9 S 96\na=mid:0\na=rid:x send\n".to_owned(), "q, h and f"),
            (format!("{audio}a=mid:0\na=sendonly\n").repeat(2), "twice"),
            (many, "twice"),
            (
                "m=audio 9 S 96\na=mid:0\na=sendonly\na=rtpmap:96 opus/48000/2\n\
                 m=video 9 S 96\na=mid:1\na=sendonly\na=rtpmap:96 VP8/90000\n"
                    .to_owned(),
                "two codecs",
            ),
            (
                "m=video 9 S 96 97\na=mid:0\na=sendonly\na=fmtp:97 apt=96\n\
                 m=video 9 S 98 97\na=mid:1\na=sendonly\na=fmtp:97 apt=98\n"
                    .to_owned(),
                "repeats two",
            ),
            (
                "m=video 9 S 96\na=mid:0\na=sendonly\na=rtpmap:96 H264/90000\n\
                 a=fmtp:96 packetization-mode=1;profile-level-id=42e01f\n\
                 m=video 9 S 96\na=mid:1\na=sendonly\na=rtpmap:96 H264/90000\n"
                    .to_owned(),
                "two forms",
            ),
        ];
        for (lines, part) in table {
            let error = read(&lines).unwrap_err();
            assert!(error.text.contains(part), "{lines:?} gave {error}");
        }
    }
}
