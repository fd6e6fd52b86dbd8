//! The list of settings, read off the schema of [`Config`].

use std::sync::LazyLock;

use bellwire_core::Policy;
use serde_json::Value;

use super::{
    business::Hooks,
    livekit::LiveKitServer,
    media::{Media, Turn},
    order::fields,
    push::{Apns, Fcm, Push, PushWebhook, Web},
    schema::{Acme, AppConfig, Calls, Config, Limits, Server, Storage, Tls},
    webhooks::Webhook,
};

/// What a setting's value may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Any text; taken as it stands from the environment and flags.
    Text,
    /// One of these words, each with its meaning.
    Choice(Vec<(String, String)>),
    /// A whole number.
    Number,
    /// Yes or no: `true` or `false`.
    Switch,
    /// A list of texts.
    List,
}

/// One setting: a leaf of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Setting {
    /// Its path, such as `server.listen`.
    pub path: String,
    /// What its value may be.
    pub kind: Kind,
    /// Its value when nothing is said; none where it is optional or must be given.
    pub default: Option<Value>,
    /// A value to show where there is no default.
    pub example: Option<Value>,
    /// What it means.
    pub about: String,
}

impl Setting {
    /// The environment variable: `BELLWIRE_SERVER_LISTEN`.
    pub(crate) fn variable(&self) -> String {
        format!("{VARIABLE_PREFIX}{}", self.path.replace('.', "_").to_uppercase())
    }

    /// The flag without its dashes: `server-listen`.
    pub(crate) fn flag(&self) -> String {
        self.path.replace(['.', '_'], "-")
    }

    /// A short name for the flag, for the two that are typed often.
    pub(crate) fn alias(&self) -> Option<&'static str> {
        match self.path.as_str() {
            "server.listen" => Some("listen"),
            "server.data" => Some("data"),
            _ => None,
        }
    }
}

/// A section: a table of settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Section {
    /// Its name, such as `server` or `apps`.
    pub name: String,
    /// What it is about.
    pub about: String,
    /// Its settings; those of nested tables have dots in the rest of their path.
    pub settings: Vec<Setting>,
    /// Whether there may be several of it (`[[apps]]`).
    pub repeated: bool,
}

/// What every variable's name begins with.
pub(crate) const VARIABLE_PREFIX: &str = "BELLWIRE_";

static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    let settings = schemars::generate::SchemaSettings::draft2020_12().with(|s| {
        s.inline_subschemas = true;
    });
    settings.into_generator().into_root_schema_for::<Config>().to_value()
});

static SECTIONS: LazyLock<Vec<Section>> = LazyLock::new(|| {
    properties("", &SCHEMA)
        .map(|(name, schema)| {
            let repeated = schema.get("items").is_some();
            let mut settings = Vec::new();
            leaves(name, schema.get("items").unwrap_or(schema), None, &mut settings);
            Section { name: name.to_owned(), about: about(schema), settings, repeated }
        })
        .collect()
});

/// Tables of which an app may have several.
pub(crate) const SEVERAL: [&str; 1] = ["apps.webhooks"];

/// The schema of the whole configuration, without references.
pub(crate) fn schema() -> &'static Value {
    &SCHEMA
}

/// The sections, in order.
pub(crate) fn sections() -> &'static [Section] {
    &SECTIONS
}

/// The settings that have a variable and a flag: all but those of apps.
pub(crate) fn settings() -> impl Iterator<Item = &'static Setting> {
    SECTIONS.iter().filter(|s| !s.repeated).flat_map(|s| &s.settings)
}

/// The properties of the table at `path`, in the order of the struct's fields.
fn properties<'a>(
    path: &str,
    schema: &'a Value,
) -> impl Iterator<Item = (&'static str, &'a Value)> + use<'a> {
    let order = match path {
        "" => fields::<Config>(),
        "server" => fields::<Server>(),
        "limits" => fields::<Limits>(),
        "media" => fields::<Media>(),
        "media.turn" => fields::<Turn>(),
        "tls" => fields::<Tls>(),
        "tls.acme" => fields::<Acme>(),
        "storage" => fields::<Storage>(),
        "calls" => fields::<Calls>(),
        "livekit" => fields::<LiveKitServer>(),
        "calls.policy" => fields::<Policy>(),
        "apps" => fields::<AppConfig>(),
        "apps.hooks" => fields::<Hooks>(),
        "apps.webhooks" => fields::<Webhook>(),
        "apps.push" => fields::<Push>(),
        "apps.push.apns" => fields::<Apns>(),
        "apps.push.fcm" => fields::<Fcm>(),
        "apps.push.web" => fields::<Web>(),
        "apps.push.webhook" => fields::<PushWebhook>(),
        _ => &[],
    };
    order.iter().filter_map(|name| Some((*name, schema.get("properties")?.get(name)?)))
}

fn leaves(path: &str, schema: &Value, default: Option<&Value>, into: &mut Vec<Setting>) {
    for (name, schema) in properties(path, schema) {
        let path = format!("{path}.{name}");
        let default = default.and_then(|d| d.get(name)).or_else(|| schema.get("default"));
        let nested = present(schema);
        let nested =
            nested.get("items").filter(|i| i.get("properties").is_some()).unwrap_or(nested);
        if nested.get("properties").is_some() {
            // An app's own table of another section is described where these are.
            if !is_optional(schema) {
                leaves(&path, nested, default, into);
                continue;
            }
        }
        into.push(Setting {
            path,
            kind: kind(nested),
            default: default.filter(|d| !d.is_null()).cloned(),
            example: schema.get("examples").and_then(|e| e.get(0)).cloned(),
            about: about(schema),
        });
    }
}

/// The schema of the value itself, where the value may be absent; that of the table, where it may
/// be a table or less.
pub(crate) fn present(schema: &Value) -> &Value {
    let any = schema.get("anyOf").and_then(Value::as_array);
    let table = |s: &&Value| s.get("properties").is_some();
    let there = |s: &&Value| s.get("type") != Some(&"null".into());
    any.and_then(|any| any.iter().find(table).or_else(|| any.iter().find(there))).unwrap_or(schema)
}

fn is_optional(schema: &Value) -> bool {
    let null = Value::from("null");
    schema.get("anyOf").and_then(Value::as_array).is_some()
        || schema.get("type").and_then(Value::as_array).is_some_and(|t| t.contains(&null))
}

fn kind(schema: &Value) -> Kind {
    if let Some(words) = schema.get("oneOf").and_then(Value::as_array) {
        let word = |s: &Value| s.get("const").and_then(Value::as_str).map(str::to_owned);
        return Kind::Choice(words.iter().filter_map(|s| Some((word(s)?, about(s)))).collect());
    }
    let is = |name: &str| match schema.get("type") {
        Some(Value::String(found)) => found == name,
        Some(Value::Array(found)) => found.iter().any(|f| f == name),
        _ => false,
    };
    if is("integer") {
        Kind::Number
    } else if is("array") {
        Kind::List
    } else if is("boolean") {
        Kind::Switch
    } else {
        Kind::Text
    }
}

fn about(schema: &Value) -> String {
    let text = schema.get("description").and_then(Value::as_str).unwrap_or_default();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_is_found_with_its_kind_and_meaning() {
        let listen = settings().find(|s| s.path == "server.listen").expect("a setting");
        assert_eq!(listen.kind, Kind::Text);
        assert_eq!(listen.default, Some("127.0.0.1:2355".into()));
        assert_eq!(listen.variable(), "BELLWIRE_SERVER_LISTEN");
        assert_eq!(listen.flag(), "server-listen");
        let invite = settings().find(|s| s.path == "calls.policy.invite").expect("a setting");
        assert!(matches!(&invite.kind, Kind::Choice(words) if words.len() == 3));
        assert_eq!(invite.default, Some("joined".into()));
        let ack = settings().find(|s| s.path == "calls.ack_time_s").expect("a setting");
        assert_eq!((&ack.kind, &ack.default), (&Kind::Number, &None));
        for setting in sections().iter().flat_map(|s| &s.settings) {
            assert!(!setting.about.is_empty(), "{} has no meaning", setting.path);
        }
    }

    #[test]
    fn no_property_of_the_schema_is_lost() {
        fn count(schema: &Value) -> usize {
            if is_optional(schema) {
                return 1;
            }
            let nested = schema.get("items").unwrap_or(schema);
            let Some(fields) = nested.get("properties").and_then(Value::as_object) else {
                return 1;
            };
            fields.values().map(count).sum()
        }
        let found: usize = sections().iter().map(|s| s.settings.len()).sum();
        assert_eq!(found, count(schema()));
    }

    #[test]
    fn names_of_variables_and_flags_do_not_collide() {
        let mut names: Vec<_> = settings().map(Setting::variable).collect();
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
