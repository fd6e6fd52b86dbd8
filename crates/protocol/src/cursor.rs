//! How far a device has read.

use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The place of an event in a call's log, as a device keeps and returns it. Opaque to devices.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct Cursor(String);

impl Cursor {
    /// The cursor of the event at `seq`.
    pub fn of(seq: u64) -> Self {
        Self(seq.to_string())
    }

    /// The position it names; none when this server did not make it.
    pub fn seq(&self) -> Option<u64> {
        self.0.parse().ok()
    }

    /// The text a device keeps.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The place of a record among all records: its serial. Written as text, read from text or number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordCursor(pub u64);

impl Serialize for RecordCursor {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for RecordCursor {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Either;
        impl de::Visitor<'_> for Either {
            type Value = RecordCursor;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a record's serial")
            }
            fn visit_u64<E: de::Error>(self, serial: u64) -> Result<RecordCursor, E> {
                Ok(RecordCursor(serial))
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<RecordCursor, E> {
                let wrong = || E::invalid_value(de::Unexpected::Str(text), &self);
                text.parse().map(RecordCursor).map_err(|_| wrong())
            }
        }
        from.deserialize_any(Either)
    }
}

impl JsonSchema for RecordCursor {
    fn schema_name() -> Cow<'static, str> {
        "RecordCursor".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "The place of a record among all records; opaque.",
            "type": ["string", "integer"],
        })
    }
}

/// A place in the feed of an app. Opaque; written as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FeedCursor(pub u64);

/// The text is no cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no cursor of this server")]
pub struct NoCursor;

impl std::str::FromStr for FeedCursor {
    type Err = NoCursor;

    fn from_str(text: &str) -> Result<Self, NoCursor> {
        text.parse().map(Self).map_err(|_| NoCursor)
    }
}

impl Serialize for FeedCursor {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for FeedCursor {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Cow::<str>::deserialize(from)?.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for FeedCursor {
    fn schema_name() -> Cow<'static, str> {
        "FeedCursor".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "description": "A place in the feed of an app; opaque.", "type": "string" })
    }
}
