//! What a frame of the server says, read with as little work as tells it from every other.

use std::sync::LazyLock;

use memchr::memmem::Finder;
use serde_json::Value;

/// A call's id as it stands in frames.
pub(crate) type CallId = [u8; 36];

/// An event that belongs to a call life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LifeEvent {
    Invited,
    Ringing,
    Accepted,
    Started,
    Ended,
}

/// What a frame says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Said {
    /// A request was granted, with the call it is about where the reply names one.
    Granted { id: u64, call: Option<CallId> },
    /// A request was refused, with the error's code.
    Refused { id: u64, code: String },
    /// Something happened in a call.
    Event { event: LifeEvent, call: CallId },
    /// A finished call's record.
    Record,
    /// An event of no call.
    Aside,
    /// An event that no call life of ours causes.
    Stray(String),
    /// Nothing that a server says.
    Garbage,
}

static CALL: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(br#""call":""#));

/// Reads a frame: the order in which the server writes the fields is guessed first, and any other
/// order is read in full.
pub(crate) fn read(text: &[u8]) -> Said {
    quickly(text).unwrap_or_else(|| in_full(text))
}

fn quickly(text: &[u8]) -> Option<Said> {
    if let Some(rest) = text.strip_prefix(br#"{"id":"#) {
        let digits = rest.iter().take(17).take_while(|b| b.is_ascii_digit()).count();
        let id = rest[..digits].iter().fold(0, |id, b| id * 10 + u64::from(b - b'0'));
        let granted = digits > 0 && rest[digits..].starts_with(br#","ok":{"#);
        return granted.then(|| Said::Granted { id, call: call_in(rest) });
    }
    let rest = text.strip_prefix(br#"{"ev":""#)?;
    let end = memchr::memchr(b'"', rest)?;
    let event = match &rest[..end] {
        b"call.invited" => LifeEvent::Invited,
        b"call.ringing" => LifeEvent::Ringing,
        b"call.accepted" => LifeEvent::Accepted,
        b"call.started" => LifeEvent::Started,
        b"call.ended" => LifeEvent::Ended,
        b"record" => return Some(Said::Record),
        _ => return None,
    };
    call_in(rest).map(|call| Said::Event { event, call })
}

/// What follows the first `"call":"`.
fn call_in(text: &[u8]) -> Option<CallId> {
    let at = CALL.find(text)? + CALL.needle().len();
    text.get(at..)?.first_chunk().copied()
}

fn in_full(text: &[u8]) -> Said {
    let Ok(Value::Object(frame)) = serde_json::from_slice(text) else { return Said::Garbage };
    let call = |of: Option<&Value>| {
        of.and_then(Value::as_str).and_then(|id| id.as_bytes().try_into().ok())
    };
    if let Some(id) = frame.get("id").and_then(Value::as_u64) {
        return match (frame.get("ok"), frame.get("error")) {
            (Some(ok), None) => Said::Granted { id, call: call(ok.get("call")) },
            (None, Some(error)) => {
                let code = error.get("code").and_then(Value::as_str).unwrap_or("without a code");
                Said::Refused { id, code: code.to_owned() }
            }
            _ => Said::Garbage,
        };
    }
    let Some(name) = frame.get("ev").and_then(Value::as_str) else { return Said::Garbage };
    let event = match name {
        "call.invited" => LifeEvent::Invited,
        "call.ringing" => LifeEvent::Ringing,
        "call.accepted" => LifeEvent::Accepted,
        "call.started" => LifeEvent::Started,
        "call.ended" => LifeEvent::Ended,
        "record" => return Said::Record,
        name if name.starts_with("call.") => return Said::Stray(name.to_owned()),
        _ => return Said::Aside,
    };
    call(frame.get("call")).map_or(Said::Garbage, |call| Said::Event { event, call })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "01a1fc74-40b5-770e-9113-f02202be4a81";

    fn id() -> CallId {
        ID.as_bytes().try_into().expect("36 bytes")
    }

    #[test]
    fn a_reply_is_read_in_any_order_of_its_fields() {
        let granted = Said::Granted { id: 17, call: Some(id()) };
        let usual = format!(r#"{{"id":17,"ok":{{"call":"{ID}","info":{{"id":"{ID}"}}}}}}"#);
        let other = format!(r#"{{"ok":{{"call":"{ID}"}}, "id": 17}}"#);
        assert_eq!(read(usual.as_bytes()), granted);
        assert_eq!(read(other.as_bytes()), granted);
        assert_eq!(read(br#"{"id":3,"ok":{}}"#), Said::Granted { id: 3, call: None });
    }

    #[test]
    fn a_refusal_gives_its_code() {
        let text = br#"{"id":7,"error":{"code":"busy_self","number":100103,"message":"x"}}"#;
        assert_eq!(read(text), Said::Refused { id: 7, code: "busy_self".to_owned() });
    }

    #[test]
    fn events_are_told_apart_wherever_their_call_stands() {
        let ended = Said::Event { event: LifeEvent::Ended, call: id() };
        let usual = format!(r#"{{"ev":"call.ended","ended":{{"by":"a"}},"call":"{ID}","seq":5}}"#);
        let other = format!(r#"{{"seq":5,"call":"{ID}","ev":"call.ended"}}"#);
        assert_eq!(read(usual.as_bytes()), ended);
        assert_eq!(read(other.as_bytes()), ended);
        assert_eq!(read(br#"{"ev":"record","record":{}}"#), Said::Record);
        assert_eq!(read(br#"{"ev":"server.draining"}"#), Said::Aside);
        let stray = r#"{"ev":"call.dropped","call":"x"}"#;
        assert_eq!(read(stray.as_bytes()), Said::Stray("call.dropped".to_owned()));
    }

    #[test]
    fn what_no_server_says_is_garbage() {
        for text in ["", "{", "[]", r#"{"id":1}"#, r#"{"ev":"call.ended","call":"short"}"#] {
            assert_eq!(read(text.as_bytes()), Said::Garbage, "{text}");
        }
    }
}
