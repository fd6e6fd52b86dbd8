//! Target `configuration`: the text of a configuration file.

use bellwire::fuzzing;
use toml::{Table, Value};

/// Settings of an app that must never be shown.
const SECRETS: [&str; 3] = ["secrets", "api_keys", "private_key"];
/// Words that stand among secrets, in the scopes of an API key, and that messages list.
const SCOPES: [&str; 8] = [
    "calls:read",
    "calls:write",
    "users:read",
    "users:write",
    "records:read",
    "events:read",
    "webhooks:write",
    "business",
];
/// Shorter texts occur in any message by chance.
const SECRET_BYTES: usize = 8;

/// What is no text is no configuration; the rest is read as a server would.
///
/// Whatever is wrong, each problem says what, names its setting if it has one, and shows nothing
/// of a secret.
pub fn configuration(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let problems = fuzzing::configuration(text);
    let table = text.parse::<Table>();
    let secrets = table.as_ref().map(secrets).unwrap_or_default();
    for (path, says) in &problems {
        assert!(!says.is_empty(), "{path} has a problem that says nothing");
        assert!(table.is_err() || !path.is_empty(), "no setting is named: {says}");
        for secret in &secrets {
            let shown = path.contains(secret) || says.contains(secret);
            assert!(
                !shown || is_said_anyway(text, secret, says),
                "a secret is shown: {path}: {says}"
            );
        }
    }
}

/// Whether the same is said where the secret is another: then it is of words of our own.
fn is_said_anyway(text: &str, secret: &str, says: &str) -> bool {
    let other = text.replace(secret, &"x".repeat(secret.len()));
    fuzzing::configuration(&other).iter().any(|(_, said)| said == says)
}

/// The texts that stand where secrets belong, and nowhere else.
fn secrets(table: &Table) -> Vec<String> {
    let (mut found, mut others) = (Vec::new(), Vec::new());
    sort(&Value::Table(table.clone()), false, &mut found, &mut others);
    found.retain(|secret| {
        let known = others.iter().any(|other: &String| other.contains(secret.as_str()));
        secret.len() >= SECRET_BYTES && !known && !SCOPES.contains(&secret.as_str())
    });
    found
}

/// Parts the texts of `value` into those below a secret's name and all others, keys included.
fn sort(value: &Value, secret: bool, found: &mut Vec<String>, others: &mut Vec<String>) {
    match value {
        Value::String(text) if secret => found.push(text.clone()),
        Value::Array(list) => list.iter().for_each(|v| sort(v, secret, found, others)),
        Value::Table(table) => {
            for (key, value) in table {
                others.push(key.clone());
                // What is written in the place of a list of secrets may be meant as one.
                sort(value, secret || SECRETS.contains(&key.as_str()), found, others);
            }
        }
        Value::String(_)
        | Value::Integer(_)
        | Value::Float(_)
        | Value::Boolean(_)
        | Value::Datetime(_) => others.push(value.to_string()),
    }
}
