//! The types of the schema as a reader of the docs meets them: objects with fields, words to
//! choose from, and plain values.

use std::{collections::BTreeSet, fmt::Write as _};

use serde_json::{Map, Value};

use super::fields::{Style, name_of, prose, rest_of, table};

/// Up to so many words are shown in place; more are linked.
const SHOWN: usize = 4;
/// Definitions that are described elsewhere on the page: frames, and errors.
const ELSEWHERE: [&str; 11] = [
    "Request",
    "Reply",
    "ServerEvent",
    "CallEvent",
    "ErrorCode",
    "Asking",
    "LoginAsk",
    "RequestAsk",
    "JoinAsk",
    "AnswerNews",
    "BusinessAnswer",
];
/// Words that have a table with their codes.
const REASON: &str = "Reason";
/// Objects that only devices send.
const ASKED: [&str; 5] = ["DeviceInfo", "Login", "PolicyAsk", "Push", "Resume"];

/// The definitions of the schema.
pub(super) struct Kinds<'a> {
    schema: &'a Value,
    /// Those that fields refer to, and that are described on this page.
    used: BTreeSet<&'a str>,
    /// Those that are described on another page, and which that is.
    known: BTreeSet<&'a str>,
    page: &'static str,
}

impl<'a> Kinds<'a> {
    pub(super) fn new(schema: &'a Value) -> Self {
        let mut used = BTreeSet::new();
        mentioned(schema, &mut used);
        used.retain(|name| !ELSEWHERE.contains(name));
        Self { schema, used, known: BTreeSet::new(), page: "" }
    }

    /// Those that `schema` has beyond the ones of `other`, which stand on its `page`.
    pub(super) fn beyond(schema: &'a Value, other: &'a Value, page: &'static str) -> Self {
        let mut kinds = Self::new(schema);
        let defs = other.get("$defs").and_then(Value::as_object);
        kinds.known = defs.into_iter().flat_map(Map::keys).map(String::as_str).collect();
        kinds.used.retain(|name| !kinds.known.contains(name));
        kinds.page = page;
        kinds
    }

    fn page_of(&self, name: &str) -> &'static str {
        if self.known.contains(name) { self.page } else { "" }
    }

    /// The definition called `name`.
    pub(super) fn def(&self, name: &str) -> &'a Value {
        self.schema.get("$defs").and_then(|defs| defs.get(name)).unwrap_or(&Value::Null)
    }

    /// The words of the definition `name` with their meanings.
    pub(super) fn words_of(&self, name: &str) -> Vec<(&'a str, String)> {
        let all = self.def(name).get("oneOf").and_then(Value::as_array);
        let read = |v: &'a Value| {
            let text = v.get("description").and_then(Value::as_str).unwrap_or_default();
            Some((v.get("const")?.as_str()?, prose(text)))
        };
        all.map(|all| all.iter().filter_map(read).collect()).unwrap_or_default()
    }

    /// The page that describes the note, where it is not this one.
    pub(super) fn page_of_note(&self) -> &'static str {
        self.page
    }

    /// What the type of a field says of itself.
    pub(super) fn about(&self, field: &Value) -> Option<&'a str> {
        let def = self.def(name_of(field.get("$ref")?.as_str()?));
        def.get("description")?.as_str()
    }

    /// The type of a field in a cell of a table.
    pub(super) fn type_of(&self, field: &Value) -> String {
        if let Some(name) = field.get("$ref").and_then(Value::as_str) {
            return self.link(name_of(name));
        }
        if let Some(any) = field.get("anyOf").and_then(Value::as_array) {
            let some = any.iter().find(|s| s.get("type").and_then(Value::as_str) != Some("null"));
            return some.map(|s| self.type_of(s)).unwrap_or_default();
        }
        let kind = match field.get("type") {
            Some(Value::String(kind)) => kind.as_str(),
            Some(Value::Array(kinds)) => kinds.first().and_then(Value::as_str).unwrap_or_default(),
            _ => "any",
        };
        match kind {
            "array" => {
                let items = field.get("items").map(|i| self.type_of(i)).unwrap_or_default();
                let most = field.get("maxItems").map(|n| format!(", at most {n}"));
                format!("list of {items}{}", most.unwrap_or_default())
            }
            "object" => {
                let of = field.get("additionalProperties").filter(|v| v.is_object());
                of.map_or("object".to_owned(), |of| format!("object of {}", self.type_of(of)))
            }
            "string" => format!("string{}", extent(field, "minLength", "maxLength", " bytes")),
            "integer" => match field.get("format").and_then(Value::as_str) {
                Some("int32") => "integer, signed 32 bits".to_owned(),
                Some("uint32") => "integer, unsigned 32 bits".to_owned(),
                _ => format!("integer{}", extent(field, "minimum", "maximum", "")),
            },
            other => other.to_owned(),
        }
    }

    fn link(&self, name: &str) -> String {
        let page = self.page_of(name);
        if name == "ErrorCode" {
            return format!("[error code]({page}#error-codes)");
        }
        if name == REASON {
            return format!("[Reason]({page}#reasons-and-their-codes)");
        }
        let words = self.words_of(name);
        let anchor = name.to_lowercase();
        if !words.is_empty() {
            if words.len() > SHOWN {
                return format!("[{}]({page}#words-{anchor})", shown(name));
            }
            let words: Vec<String> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
            return format!("[{}]({page}#words-{anchor})", words.join(", "));
        }
        let def = self.def(name);
        if is_object(def) {
            return format!("[{0}]({page}#object-{1})", shown(name), shown(name).to_lowercase());
        }
        if def.get("items").is_some() {
            return self.type_of(def);
        }
        format!("[{}]({page}#values)", shown(name))
    }

    /// The section of the objects.
    pub(super) fn objects(&self, out: &mut String) {
        out.push_str("\n## Objects\n");
        for name in self.used.iter().filter(|name| is_object(self.def(name))) {
            let def = self.def(name);
            let _ = writeln!(out, "\n### Object `{}`\n\n{}\n", shown(name), first_of(def));
            if let Some(rest) = rest_of(def) {
                let _ = writeln!(out, "{rest}\n");
            }
            let style = if ASKED.contains(name) { Style::Asked } else { Style::Told };
            table(out, self, def, style);
        }
    }

    /// The section of the words.
    pub(super) fn words(&self, out: &mut String) {
        out.push_str(
            "\n## Words\n\nLater servers may add words; take one you do not know as such.\n",
        );
        for name in &self.used {
            let words = self.words_of(name);
            if words.is_empty() || *name == REASON {
                continue;
            }
            let text = first_of(self.def(name));
            let _ = writeln!(out, "\n### Words `{}`\n\n{text}\n\n| word | meaning |", shown(name));
            out.push_str("|---|---|\n");
            for (word, text) in words {
                let _ = writeln!(out, "| `{word}` | {text} |");
            }
        }
    }

    /// The section of the plain values.
    pub(super) fn values(&self, out: &mut String) {
        out.push_str("\n## Values\n\n| type | form | meaning |\n|---|---|---|\n");
        for name in &self.used {
            let def = self.def(name);
            let is_value = self.words_of(name).is_empty() && !is_object(def);
            if is_value && def.get("items").is_none() {
                let form = match def.get("anyOf") {
                    Some(_) => "string or object".to_owned(),
                    None => self.type_of(def),
                };
                let _ = writeln!(out, "| {} | {form} | {} |", shown(name), first_of(def));
            }
        }
    }
}

/// The name in the docs: an object is called what it is, not that it informs of it.
fn shown(name: &str) -> &str {
    match name {
        "WireError" => "Error",
        "PolicyAsk" => "Policy",
        "Device" => name,
        _ => name.strip_suffix("Info").unwrap_or(name),
    }
}

fn is_object(def: &Value) -> bool {
    def.get("properties").is_some() && def.get("anyOf").is_none() && def.get("oneOf").is_none()
}

fn first_of(def: &Value) -> String {
    let text = def.get("description").and_then(Value::as_str).unwrap_or_default();
    prose(text.split("\n\n").next().unwrap_or_default())
}

fn extent(field: &Value, least: &str, most: &str, unit: &str) -> String {
    match (field.get(least).and_then(Value::as_u64), field.get(most).and_then(Value::as_u64)) {
        (Some(least), Some(most)) => format!(", {least} to {most}{unit}"),
        (None, Some(most)) => format!(", at most {most}{unit}"),
        (Some(least), None) if least > 0 => format!(", at least {least}{unit}"),
        (Some(_) | None, None) => String::new(),
    }
}

/// Collects the definitions that fields, items and replies refer to. A variant of a union refers
/// to its fields beside its tag; those have a section of their own.
fn mentioned<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
    match value {
        Value::Object(map) => {
            let tagged = map.get("properties").is_some();
            let is_reply = |key: &str| key.starts_with("x-");
            if let Some(name) = map.get("$ref").and_then(Value::as_str).filter(|_| !tagged) {
                found.insert(name_of(name));
            }
            for (_, value) in map.iter().filter(|(key, _)| !is_reply(key)) {
                mentioned(value, found);
            }
        }
        Value::Array(all) => all.iter().for_each(|value| mentioned(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
