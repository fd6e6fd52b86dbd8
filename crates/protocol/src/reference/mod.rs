//! The page of the docs about the wire, made from the schema and the tables of this crate.
//!
//! What the page says of a command, event or field is its doc comment; only the rules that belong
//! to no single type stand in `intro.md`.

mod business;
mod fields;
mod kinds;

use std::fmt::Write as _;

use bellwire_core::Reason;
use serde_json::Value;

use self::{
    fields::{Style, prose, rest_of, table},
    kinds::Kinds,
};
use crate::{CloseCode, error_reference, limits, schema};

pub use business::business_reference;

/// The reference of the wire as Markdown.
pub fn reference() -> String {
    let schema = schema();
    let kinds = Kinds::new(&schema);
    let mut out = include_str!("intro.md").to_owned();
    commands(&mut out, &schema, &kinds);
    events(&mut out, &kinds);
    kinds.objects(&mut out);
    kinds.words(&mut out);
    kinds.values(&mut out);
    numbers(&mut out, &kinds);
    out
}

/// A variant of a tagged union: its name, what it says of itself, the fields' definition.
struct Variant<'a> {
    name: &'a str,
    text: &'a str,
    fields: Option<&'a str>,
}

/// The variants of the definition `union` whose tag is `tag`.
fn variants<'a>(kinds: &Kinds<'a>, union: &str, tag: &str) -> Vec<Variant<'a>> {
    let def = kinds.def(union);
    let all = def.get("oneOf").or_else(|| def.get("anyOf")).and_then(Value::as_array);
    let read = |v: &'a Value| {
        Some(Variant {
            name: v.pointer(&format!("/properties/{tag}/const"))?.as_str()?,
            text: v.get("description").and_then(Value::as_str).unwrap_or_default(),
            fields: v
                .get("$ref")
                .or_else(|| v.pointer("/properties/data/$ref"))
                .and_then(Value::as_str)
                .map(fields::name_of),
        })
    };
    all.map(|all| all.iter().filter_map(read).collect()).unwrap_or_default()
}

fn commands(out: &mut String, schema: &Value, kinds: &Kinds<'_>) {
    out.push_str("\n## Commands\n\nBesides `id` and `do` a request has these fields.\n");
    for command in variants(kinds, "Request", "do") {
        section(out, kinds, &command, Style::Asked);
        let ok = schema.pointer(&format!("/x-oks/{}/$ref", command.name)).and_then(Value::as_str);
        match ok.map(|ok| kinds.def(fields::name_of(ok))) {
            Some(ok) => {
                out.push_str("\nReply, in `ok`:\n\n");
                table(out, kinds, ok, Style::Told);
            }
            None => out.push_str("\nReply: `ok` is empty.\n"),
        }
    }
}

fn events(out: &mut String, kinds: &Kinds<'_>) {
    out.push_str(
        "\n## Events of a call\n\n\"In the call\" means joined or dropped, the caller from the start. \
         A terminal event ends the device's stay in the call; nothing of that call follows it.\n\
         Every event of a call has, besides its own fields:\n\n",
    );
    table(out, kinds, kinds.def("CallEvent"), Style::Told);
    for event in variants(kinds, "CallEvent", "ev") {
        section(out, kinds, &event, Style::Told);
    }
    out.push_str(
        "\n## Other events\n\nThey have no `seq` and are in no log. Except `record`, a device that is \
         away misses them.\n",
    );
    for event in variants(kinds, "ServerEvent", "ev") {
        section(out, kinds, &event, Style::Told);
    }
}

fn section(out: &mut String, kinds: &Kinds<'_>, variant: &Variant<'_>, style: Style) {
    let _ = writeln!(out, "\n### `{}`\n\n{}", variant.name, prose(variant.text));
    let Some(def) = variant.fields.map(|name| kinds.def(name)) else { return };
    if let Some(rest) = rest_of(def) {
        let _ = writeln!(out, "\n{rest}");
    }
    out.push('\n');
    table(out, kinds, def, style);
}

fn numbers(out: &mut String, kinds: &Kinds<'_>) {
    out.push_str("\n## Reasons and their codes\n\n| reason | code | meaning |\n|---|---|---|\n");
    for (word, text) in kinds.words_of("Reason") {
        let reason: Option<Reason> = serde_json::from_value(Value::from(word)).ok();
        let code = match reason {
            Some(Reason::Denied | Reason::Killed) => "the decider's own, or 0".to_owned(),
            Some(reason) => reason.code().to_string(),
            None => String::new(),
        };
        let _ = writeln!(out, "| `{word}` | {code} | {text} |");
    }
    out.push_str("\n## Error codes\n\n");
    out.push_str(&error_reference());
    out.push_str("\n## Close codes\n\n| code | meaning | session may resume |\n|---|---|---|\n");
    for (code, number, meaning) in CloseCode::TABLE {
        let resume = if code.may_resume() { "yes" } else { "no" };
        let _ = writeln!(out, "| {number} | {meaning} | {resume} |");
    }
    out.push_str("\n## Limits\n\nSizes are bytes after JSON decoding.\n\n");
    out.push_str("| what | limit | setting |\n|---|---|---|\n");
    for row in &limits::TABLE {
        let setting = row.setting.map(|s| format!("`{s}`")).unwrap_or_default();
        let _ = writeln!(out, "| {} | {} {} | {setting} |", row.what, row.value, row.unit);
    }
    out.push_str(
        "\nWhat else a user or an app may do at once or in a minute is the operator's choice: \
         [configuration](configuration.md#limits).\n",
    );
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    /// Regenerate with `UPDATE=1 cargo test -p bellwire-protocol`.
    #[test]
    fn the_pages_of_the_docs_are_fresh() {
        for (name, fresh) in pages() {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name);
            if std::env::var_os("UPDATE").is_some() {
                fs::write(&path, &fresh).unwrap();
            }
            let kept = fs::read_to_string(&path).unwrap_or_default();
            assert!(kept == fresh, "{} is stale: run with UPDATE=1", path.display());
        }
    }

    fn pages() -> [(&'static str, String); 2] {
        [("wire.md", super::reference()), ("business.md", super::business_reference())]
    }

    fn anchors(page: &str) -> Vec<String> {
        let titles = page.lines().filter_map(|line| line.strip_prefix('#'));
        let anchor = |title: &str| {
            let title = title.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
            title.chars().filter(|c| c.is_alphanumeric() || "-_".contains(*c)).collect()
        };
        titles.map(anchor).collect()
    }

    #[test]
    fn every_link_between_the_pages_leads_somewhere() {
        let pages = pages();
        for (name, page) in &pages {
            for (there, other) in &pages {
                let link = if name == there { "](#".to_owned() } else { format!("]({there}#") };
                let anchors = anchors(other);
                for link in page.split(&link).skip(1) {
                    let anchor = link.split(')').next().unwrap();
                    assert!(anchors.iter().any(|a| a == anchor), "{there}#{anchor} is nowhere");
                }
            }
        }
    }
}
