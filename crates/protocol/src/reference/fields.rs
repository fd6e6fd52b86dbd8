//! An object of the schema as a table of its fields.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::kinds::Kinds;

/// How the second question about a field is put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// The device sends it: must it?
    Asked,
    /// The server sends it: does it always?
    Told,
}

/// The fields of a note, which nearly every command and event carries.
const NOTE: [&str; 4] = ["app_code", "app_flags", "content", "param"];
/// What the sections say once for all.
const FRAME: [&str; 2] = ["do", "ev"];

/// The name at the end of a reference.
pub(super) fn name_of(reference: &str) -> &str {
    reference.rsplit('/').next().unwrap_or(reference)
}

/// A doc comment as a paragraph: one line, with a capital.
pub(super) fn prose(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut letters = text.chars();
    letters.next().map(|c| c.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// What a definition says after its first paragraph, which names it.
pub(super) fn rest_of(def: &Value) -> Option<String> {
    let (_, rest) = def.get("description")?.as_str()?.split_once("\n\n")?;
    Some(rest.split("\n\n").map(prose).collect::<Vec<_>>().join("\n\n"))
}

/// Writes the fields of the object `def`; nothing for one without fields.
pub(super) fn table(out: &mut String, kinds: &Kinds<'_>, def: &Value, style: Style) {
    let Some(all) = def.get("properties").and_then(Value::as_object) else { return };
    let required: Vec<&str> = def
        .get("required")
        .and_then(Value::as_array)
        .map(|r| r.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    let noted = has_note(all);
    let is_own = |name: &str| !(FRAME.contains(&name) || noted && NOTE.contains(&name));
    let first = required.iter().copied().filter(|name| all.contains_key(*name));
    let then = all.keys().map(String::as_str).filter(|name| !required.contains(name));
    let second = if style == Style::Asked { "needed" } else { "always" };
    let _ = writeln!(out, "| field | type | {second} | meaning |\n|---|---|---|---|");
    for name in first.chain(then).filter(|name| is_own(name)) {
        let field = &all[name];
        let kind = kinds.type_of(field);
        // What the server leaves out when it has nothing to say has no default in the schema.
        let told = style == Style::Told && field.get("default").is_some_and(|d| !d.is_null());
        let must = told || required.contains(&name) && !is_nullable(field);
        let must = if must { "yes" } else { "" };
        let text = field.get("description").and_then(Value::as_str);
        let text = text.or_else(|| kinds.about(field)).unwrap_or_default();
        let _ = writeln!(out, "| `{name}` | {kind} | {must} | {} |", prose(text));
    }
    if noted {
        let page = kinds.page_of_note();
        let names = "`content`, `param`, `app_code`, `app_flags`";
        let _ =
            writeln!(out, "| {names} | the [note]({page}#object-note) | | The app's own words. |");
    }
}

fn has_note(fields: &Map<String, Value>) -> bool {
    NOTE.iter().all(|name| fields.get(*name).is_some_and(is_nullable)) && fields.len() > NOTE.len()
}

fn is_nullable(field: &Value) -> bool {
    let null = Value::from("null");
    let types = field.get("type").and_then(Value::as_array);
    let any = field.get("anyOf").and_then(Value::as_array);
    types.is_some_and(|t| t.contains(&null))
        || any.is_some_and(|any| any.iter().any(|s| s.get("type") == Some(&null)))
}
