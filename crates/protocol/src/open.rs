//! Words that may grow.

use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

/// A word of `T`, or one a later server has added. Clients tolerate states and reasons they do
/// not know; a closed enum alone would make them lose the whole event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Open<T> {
    /// A word of this version.
    Known(T),
    /// A word of a later version, as it came.
    Other(String),
}

impl<T> Open<T> {
    /// The word, if this version knows it.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(word) => Some(word),
            Self::Other(_) => None,
        }
    }
}

impl<T> From<T> for Open<T> {
    fn from(word: T) -> Self {
        Self::Known(word)
    }
}

impl<T: PartialEq> PartialEq<T> for Open<T> {
    fn eq(&self, word: &T) -> bool {
        self.known() == Some(word)
    }
}

impl<T: Serialize> fmt::Display for Open<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match serde_json::to_value(self) {
            Ok(serde_json::Value::String(word)) => f.write_str(&word),
            Ok(other) => write!(f, "{other}"),
            Err(_) => Err(fmt::Error),
        }
    }
}

impl<T: JsonSchema> JsonSchema for Open<T> {
    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    // The schema names the words of this version; that others may follow is a rule of the wire.
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use bellwire_core::Reason;

    use super::Open;

    #[test]
    fn a_word_of_a_later_version_is_kept() {
        let known: Open<Reason> = serde_json::from_str("\"busy\"").unwrap();
        assert_eq!(known, Reason::Busy);
        assert_eq!(known.to_string(), "busy");
        let later: Open<Reason> = serde_json::from_str("\"bored\"").unwrap();
        assert_eq!(later.known(), None);
        assert_eq!(later.to_string(), "bored");
        assert_eq!(serde_json::to_string(&later).unwrap(), "\"bored\"");
    }
}
