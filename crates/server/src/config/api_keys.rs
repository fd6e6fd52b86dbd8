//! Keys of an app's HTTP API, and what each of them may do.

use std::{borrow::Cow, collections::BTreeSet, fmt, sync::Arc};

use bellwire_protocol::Secret;
use schemars::JsonSchema;
use serde::{
    Deserialize, Deserializer,
    de::{self, value::MapAccessDeserializer},
};

use super::{app, error::Problem};

/// The most API keys of an app: one with its own scopes for each service that asks, and one more
/// for the one that is being replaced. Who needs more has keys of people in mind, who come and go
/// oftener than a file should change.
const KEYS_MAX: usize = 16;
/// The longest name of a key, in bytes: it is told whoever lacks a scope.
const NAME_BYTES: usize = 64;

/// A part of the HTTP API that a key may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, JsonSchema)]
pub(crate) enum Scope {
    /// The live calls, and any call with its log.
    #[serde(rename = "calls:read")]
    CallsRead,
    /// To start, answer, refuse, cancel, edit and end calls, and to invite to them and remove
    /// from them.
    #[serde(rename = "calls:write")]
    CallsWrite,
    /// Users: where they are, their devices, and by whom they want to be rung.
    #[serde(rename = "users:read")]
    UsersRead,
    /// To change by whom users want to be rung, to take them out of calls, to log them out, to
    /// erase them.
    #[serde(rename = "users:write")]
    UsersWrite,
    /// To make tokens, with which whoever has them is that user.
    #[serde(rename = "tokens")]
    Tokens,
    /// Records of finished calls, and their export.
    #[serde(rename = "records:read")]
    RecordsRead,
    /// The feed of events, and how webhooks stand.
    #[serde(rename = "events:read")]
    EventsRead,
    /// To have webhooks post again.
    #[serde(rename = "webhooks:write")]
    WebhooksWrite,
    /// To connect as the business server, answer hooks and be told events. What such a connection
    /// asks of the API needs the scope of that.
    #[serde(rename = "business")]
    Business,
}

impl Scope {
    /// Every scope, in the order of the documentation.
    pub(crate) const ALL: [Self; 9] = [
        Self::CallsRead,
        Self::CallsWrite,
        Self::UsersRead,
        Self::UsersWrite,
        Self::Tokens,
        Self::RecordsRead,
        Self::EventsRead,
        Self::WebhooksWrite,
        Self::Business,
    ];

    /// Its name in the configuration.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::CallsRead => "calls:read",
            Self::CallsWrite => "calls:write",
            Self::UsersRead => "users:read",
            Self::UsersWrite => "users:write",
            Self::Tokens => "tokens",
            Self::RecordsRead => "records:read",
            Self::EventsRead => "events:read",
            Self::WebhooksWrite => "webhooks:write",
            Self::Business => "business",
        }
    }
}

/// An API key as the configuration has it.
#[derive(Debug, Clone, JsonSchema)]
#[schemars(untagged)]
pub(crate) enum ApiKeyConfig {
    /// Only the key: it may do everything.
    Whole(Secret),
    /// A key with a name that may do what its scopes say.
    Scoped(ScopedKey),
}

/// A key with a name that may do what its scopes say.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScopedKey {
    key: Secret,
    name: String,
    scopes: BTreeSet<Scope>,
}

// Not derived: an untagged enum would not say which of the table's fields is wrong.
impl<'de> Deserialize<'de> for ApiKeyConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> de::Visitor<'de> for Visitor {
            type Value = ApiKeyConfig;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key, or a table of `key`, `name` and `scopes`")
            }

            fn visit_str<E: de::Error>(self, key: &str) -> Result<Self::Value, E> {
                Ok(ApiKeyConfig::Whole(key.into()))
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                ScopedKey::deserialize(MapAccessDeserializer::new(map)).map(ApiKeyConfig::Scoped)
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

impl ApiKeyConfig {
    /// The key itself.
    pub(crate) fn secret(&self) -> &Secret {
        match self {
            Self::Whole(key) | Self::Scoped(ScopedKey { key, .. }) => key,
        }
    }
}

/// A key of an app's HTTP API, ready for use.
#[derive(Debug)]
pub(crate) struct ApiKey {
    /// The key itself.
    pub secret: Secret,
    /// Its name; one that was given none may do everything.
    pub name: Option<String>,
    scopes: BTreeSet<Scope>,
}

impl ApiKey {
    /// Whether it may do this.
    pub(crate) fn may(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }

    /// What to call it where people read.
    pub(crate) fn shown(&self) -> Cow<'_, str> {
        self.name.as_ref().map_or(Cow::Borrowed("this API key"), |name| {
            Cow::Owned(format!("the API key `{name}`"))
        })
    }
}

/// Resolves an app's API keys; `at` is the path of the app's table.
pub(super) fn resolve(
    keys: &[ApiKeyConfig],
    at: &str,
    problems: &mut Vec<Problem>,
) -> Vec<Arc<ApiKey>> {
    if keys.len() > KEYS_MAX {
        let says = format!("must hold at most {KEYS_MAX}, holds {}", keys.len());
        problems.push(Problem::new(format!("{at}.api_keys"), says));
    }
    let mut names = BTreeSet::new();
    let mut resolved = Vec::new();
    for (i, key) in keys.iter().enumerate() {
        let at = format!("{at}.api_keys[{i}]");
        let (at_secret, name, scopes) = match key {
            ApiKeyConfig::Whole(_) => (at.clone(), None, Scope::ALL.into()),
            ApiKeyConfig::Scoped(ScopedKey { key: _, name, scopes }) => {
                let mut refuse = |field: &str, says: String| {
                    problems.push(Problem::new(format!("{at}.{field}"), says));
                };
                if name.is_empty() || name.len() > NAME_BYTES || name.contains(char::is_control) {
                    refuse("name", format!("must be 1 to {NAME_BYTES} bytes on one line"));
                } else if !names.insert(name) {
                    refuse("name", "is the name of another API key of the app".to_owned());
                }
                if scopes.is_empty() {
                    let says = "is empty, so the key could do nothing; name its scopes, or take \
                                the key away";
                    refuse("scopes", says.to_owned());
                }
                (format!("{at}.key"), Some(name.clone()), scopes.clone())
            }
        };
        app::long_enough(key.secret(), &at_secret, problems);
        resolved.push(Arc::new(ApiKey { secret: key.secret().clone(), name, scopes }));
    }
    resolved
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::{setting, sources};

    const SECRET: &str = "hunter2hunter2hunter2hunter2hunter2";

    fn of_app(api_keys: &str) -> String {
        let secret = "s".repeat(32);
        format!("[[apps]]\nkey = \"shop\"\nsecrets = [\"{secret}\"]\napi_keys = [{api_keys}]\n")
    }

    fn refused(api_keys: &str) -> String {
        sources::tests::load(&of_app(api_keys), &[]).expect_err("refused").to_string()
    }

    #[test]
    fn scopes_are_named_alike_everywhere() {
        let keys = setting::sections().iter().flat_map(|s| &s.settings);
        let about = &keys.into_iter().find(|s| s.path == "apps.api_keys").expect("it is one").about;
        for scope in Scope::ALL {
            let read: Scope = serde_json::from_value(json!(scope.as_str())).expect("a scope");
            assert_eq!(read, scope);
            assert!(about.contains(&format!("`{}`", scope.as_str())), "{scope:?}: {about}");
        }
        let schema = schemars::schema_for!(Scope).to_value();
        assert_eq!(schema["oneOf"].as_array().map(Vec::len), Some(Scope::ALL.len()));
    }

    #[test]
    fn a_plain_key_may_do_everything_and_a_table_what_it_says() {
        let text = of_app(&format!(
            "\"{}\", {{ key = \"{SECRET}\", name = \"desk\", scopes = [\"calls:read\"] }}",
            "p".repeat(32)
        ));
        let (_, apps) = sources::tests::load(&text, &[]).expect("a configuration");
        let (app, plain) = apps.by_api_key(&"p".repeat(32)).expect("the plain key");
        let (same, desk) = apps.by_api_key(SECRET).expect("the desk's key");
        assert_eq!((app.key.as_str(), same.key.as_str()), ("shop", "shop"));
        for scope in Scope::ALL {
            assert!(plain.may(scope));
            assert_eq!(desk.may(scope), scope == Scope::CallsRead);
        }
        assert_eq!(desk.shown(), "the API key `desk`");
        assert!(!format!("{app:?}").contains("hunter2"));
    }

    #[test]
    fn what_is_wrong_with_a_key_is_said_without_showing_it() {
        let desk = |rest: &str| refused(&format!("{{ key = \"{SECRET}\", {rest} }}"));
        for (found, path, says) in [
            (desk("name = \"d\""), "api_keys[0]", "missing field `scopes`"),
            (desk("name = \"d\", scopes = []"), "api_keys[0].scopes", "is empty"),
            (desk("name = \"\", scopes = [\"tokens\"]"), "api_keys[0].name", "1 to 64"),
            (desk("name = \"d\", scope = 1"), "api_keys[0].scope", "did you mean scopes?"),
            (desk("name = 3, scopes = []"), "api_keys[0].name", "expected a string"),
            (
                desk(&format!("name = \"d\", scopes = [\"{SECRET}\"]")),
                "api_keys[0].scopes[0]",
                "expected one of `calls:read`",
            ),
            (desk(&format!("name = \"d\", scopes = \"{SECRET}\"")), "api_keys[0].scopes", ""),
            (refused(&format!("[\"{SECRET}\"]")), "api_keys[0]", "expected a key, or a table"),
            (
                refused("{ key = \"hunter2\", name = \"d\", scopes = [\"tokens\"] }"),
                "api_keys[0].key",
                "is 7 bytes long",
            ),
        ] {
            assert!(found.contains(&format!("apps[0].{path} ")), "{path}: {found}");
            assert!(found.contains(says), "{path}: {found}");
            assert!(!found.contains("hunter2"), "{path}: {found}");
        }
    }

    #[test]
    fn an_app_has_so_many_keys_each_different_and_of_another_name() {
        let keys = |count: usize, name: fn(usize) -> usize| {
            let key = |n: usize| {
                let name = name(n);
                format!("{{ key = \"{n:032}\", name = \"{name}\", scopes = [\"tokens\"] }}")
            };
            (0..count).map(key).collect::<Vec<_>>().join(", ")
        };
        let fits = of_app(&keys(KEYS_MAX, |n| n));
        assert!(sources::tests::load(&fits, &[]).is_ok());
        let found = refused(&keys(KEYS_MAX + 1, |n| n));
        assert!(found.contains("apps[0].api_keys ") && found.contains("at most 16"), "{found}");
        let found = refused(&keys(2, |_| 0));
        assert!(found.contains("apps[0].api_keys[1].name "), "{found}");
        let one = keys(1, |n| n);
        let found = refused(&format!("\"{:032}\", {one}", 0));
        assert!(found.contains("apps[0].api_keys[1] "), "{found}");
    }
}
