//! What an app sends inside a message.

use std::{borrow::Cow, fmt, sync::Arc};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

/// Any JSON value, kept as the text it came in: the server passes it on and never looks inside.
/// It is read from JSON text only. `Debug` shows its length, since it must not be logged.
#[derive(Clone)]
pub struct Body(Arc<RawValue>);

impl Body {
    /// Takes `value` as a body.
    pub fn new(value: &impl Serialize) -> Result<Self, serde_json::Error> {
        serde_json::value::to_raw_value(value).map(|raw| Self(raw.into()))
    }

    /// `{}`
    pub fn empty() -> Self {
        // Two bytes of valid JSON cannot fail; were they to, `null` reads as absent.
        let raw = RawValue::from_string("{}".to_owned());
        Self(raw.map_or_else(|_| RawValue::NULL.to_owned().into(), Arc::from))
    }

    /// The JSON text.
    pub fn json(&self) -> &str {
        self.0.get()
    }

    /// Reads it as a `T`.
    pub fn read<'a, T: Deserialize<'a>>(&'a self) -> Result<T, serde_json::Error> {
        serde_json::from_str(self.0.get())
    }

    /// The text, when the body is a JSON string.
    pub fn text(&self) -> Option<String> {
        self.read().ok()
    }

    /// Whether it is `null`, which counts as absent.
    pub fn is_null(&self) -> bool {
        self.json() == "null"
    }

    /// Its size in bytes: of the text in a string, of the JSON otherwise.
    pub fn bytes(&self) -> usize {
        if self.json().starts_with('"') {
            return self.text().map_or(usize::MAX, |text| text.len());
        }
        self.json().len()
    }
}

impl PartialEq for Body {
    fn eq(&self, other: &Self) -> bool {
        self.json() == other.json()
    }
}

impl Eq for Body {}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Body({} bytes)", self.bytes())
    }
}

impl Serialize for Body {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(to)
    }
}

impl<'de> Deserialize<'de> for Body {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Box::<RawValue>::deserialize(from).map(|raw| Self(raw.into()))
    }
}

impl JsonSchema for Body {
    fn schema_name() -> Cow<'static, str> {
        "Body".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "description": "Any JSON value of the app's own." })
    }
}
