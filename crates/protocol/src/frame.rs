//! Text frames as they are sent: written once into memory that is shared by all who get them.

use std::{cell::RefCell, sync::Arc};

use serde::{Serialize, de::DeserializeOwned};

use crate::RecordCursor;

/// A thread's buffer keeps at most so much; what is larger is rare.
const KEPT_BYTES: usize = 64 * 1024;

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// JSON text written here, shared by all who need it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Json(Arc<str>);

impl Json {
    /// `value` as JSON; it has string keys and finite numbers, as all types of the wire do.
    pub fn of(value: &impl Serialize) -> Self {
        Self(text(value))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads it as a `T`.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_str(&self.0)
    }
}

impl From<Json> for Arc<str> {
    fn from(json: Json) -> Self {
        json.0
    }
}

/// The frame of a [`Reply`](crate::Reply) that says yes.
pub fn reply_frame(id: u64, ok: &Json) -> Arc<str> {
    format!(r#"{{"id":{id},"ok":{}}}"#, ok.as_str()).into()
}

/// The frame of a `record` event, whose record is also stored.
pub fn record_frame(record: &Json, cursor: RecordCursor) -> Arc<str> {
    format!(r#"{{"ev":"record","record":{},"cursor":"{}"}}"#, record.as_str(), cursor.0).into()
}

/// `value` as JSON text. It is written into one buffer a thread, so that only the text itself is
/// allocated.
pub(crate) fn text(value: &impl Serialize) -> Arc<str> {
    BUFFER.with_borrow_mut(|buffer| {
        buffer.clear();
        // The wire's types have string keys and finite numbers; JSON refuses nothing else.
        let written = serde_json::to_writer(&mut *buffer, value);
        debug_assert!(written.is_ok(), "{written:?}");
        let text = std::str::from_utf8(buffer).unwrap_or_default().into();
        buffer.shrink_to(KEPT_BYTES);
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Reply, reply::Received};

    #[test]
    fn a_reply_put_together_is_the_one_that_is_serialized() {
        let ok = Received { received: true };
        let whole = Reply::ok(7, &ok).unwrap().to_frame();
        assert_eq!(reply_frame(7, &Json::of(&ok)), whole);
        assert_eq!(Json::of(&ok).read::<Received>().unwrap(), ok);
    }
}
