//! What the page says of values: their types in words, their fields as tables, a sample of each.

use serde_json::{Map, Value, json};

use super::{SCHEMA, html::Html};

/// Where the document has its schemas.
const SCHEMAS: &str = "#/components/schemas/";

/// The type of a value in words, with links to the schemas it is made of.
pub(super) fn kind(schema: &Value, html: &mut Html) {
    if let Some(name) = reference(schema) {
        html.link(SCHEMA, name, name);
    } else if let Some(word) = schema.get("const") {
        html.code(&word.to_string());
    } else if let Some(any) = one_of(schema) {
        alternatives(any.iter(), html, kind);
    } else if let Some(kinds) = schema["type"].as_array() {
        alternatives(kinds.iter(), html, |one, html| of_type(one, schema, html));
    } else {
        of_type(&schema["type"], schema, html);
    }
}

/// The fields of a table, those that must be given first.
pub(super) fn fields(schema: &Value, html: &mut Html) {
    let Some(properties) = schema["properties"].as_object() else { return };
    let required = |name: &str| {
        let required = schema["required"].as_array();
        required.is_some_and(|required| required.iter().any(|r| r == name))
    };
    html.raw("<table><thead><tr><th>Field<th>Type<th>Meaning</thead><tbody>");
    let (must, may): (Vec<_>, Vec<_>) = properties.iter().partition(|(name, _)| required(name));
    for (name, schema) in must {
        row(name, schema, &schema["description"], true, html);
    }
    for (name, schema) in may {
        row(name, schema, &schema["description"], false, html);
    }
    html.raw("</tbody></table>");
    if schema["additionalProperties"] == true {
        html.raw("<p class=\"faint\">And others.</p>");
    }
}

/// A line of a table of fields or parameters.
pub(super) fn row(name: &str, schema: &Value, about: &Value, is_required: bool, html: &mut Html) {
    html.raw("<tr><td>").code(name);
    if is_required {
        html.raw(" <span class=\"must\">required</span>");
    }
    html.raw("<td>");
    kind(schema, html);
    html.raw("<td>").line(about.as_str().unwrap_or_default());
    let default = &schema["default"];
    if !default.is_null() && *default != json!("") && *default != json!([]) {
        html.raw(" <span class=\"faint\">Without it: ").code(&default.to_string());
        html.raw(".</span>");
    }
}

/// The words a value may be, each with its meaning; nothing where it is none of words.
pub(super) fn words(schema: &Value, html: &mut Html) {
    let Some(words) = one_of(schema) else { return };
    if !words.iter().any(|word| word.get("const").is_some()) {
        return;
    }
    html.raw("<table><thead><tr><th>Value<th>Meaning</thead><tbody>");
    for word in words {
        html.raw("<tr><td>");
        kind(word, html);
        html.raw("<td>").line(word["description"].as_str().unwrap_or_default());
    }
    html.raw("</tbody></table>");
}

/// A value of the schema, with nothing in it that may be left out. `user` is whom it names.
pub(super) fn sample(schema: &Value, schemas: &Map<String, Value>, user: &str) -> Value {
    if let Some(name) = reference(schema) {
        return match name {
            "UserId" => user.into(),
            _ => sample(&schemas[name], schemas, user),
        };
    }
    if let Some(word) = schema.get("const") {
        return word.clone();
    }
    if let Some(first) = one_of(schema).and_then(|any| any.first()) {
        return sample(first, schemas, user);
    }
    match schema["type"].as_str().unwrap_or("object") {
        "array" => json!([sample(&schema["items"], schemas, "bob")]),
        "string" => "…".into(),
        "integer" | "number" => schema["minimum"].as_u64().unwrap_or(0).into(),
        "boolean" => true.into(),
        _ => {
            let required = schema["required"].as_array().into_iter().flatten();
            let named = required.filter_map(Value::as_str);
            let fields = named
                .map(|name| (name.to_owned(), sample(&schema["properties"][name], schemas, user)));
            Value::Object(fields.collect())
        }
    }
}

/// The schema that is referred to.
pub(super) fn reference(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str()?.strip_prefix(SCHEMAS)
}

fn one_of(schema: &Value) -> Option<&Vec<Value>> {
    schema.get("oneOf").or_else(|| schema.get("anyOf"))?.as_array()
}

fn alternatives<'a>(
    all: impl Iterator<Item = &'a Value>,
    html: &mut Html,
    mut show: impl FnMut(&Value, &mut Html),
) {
    for (i, one) in all.enumerate() {
        if i > 0 {
            html.raw(" or ");
        }
        show(one, html);
    }
}

fn of_type(name: &Value, schema: &Value, html: &mut Html) {
    match name.as_str() {
        Some("array") => {
            html.raw("list of ");
            kind(&schema["items"], html);
            bounds(schema, ["minItems", "maxItems"], "", html);
        }
        Some("integer") => {
            html.raw("integer");
            bounds(schema, ["minimum", "maximum"], "", html);
        }
        Some("string") => {
            html.raw("string");
            if let Some(format) = schema["format"].as_str() {
                html.raw(", ").text(format);
            }
            bounds(schema, ["minLength", "maxLength"], " characters", html);
            if let Some(pattern) = schema["pattern"].as_str() {
                html.raw(", like ").code(pattern);
            }
        }
        Some("object") => {
            html.raw("object");
            let fields = schema["properties"].as_object().into_iter().flatten();
            for (i, (name, field)) in fields.enumerate() {
                html.raw(if i == 0 { " of " } else { ", " }).code(name).raw(" (");
                kind(field, html);
                html.raw(")");
            }
        }
        Some(other) => {
            html.text(other);
        }
        None => {
            html.raw("anything");
        }
    }
}

fn bounds(schema: &Value, names: [&str; 2], unit: &'static str, html: &mut Html) {
    let [least, most] = names.map(|name| schema[name].as_u64().filter(|bound| *bound > 0));
    match (least, most) {
        (Some(least), Some(most)) => html.text(&format!(", {least} to {most}")),
        (Some(least), None) => html.text(&format!(", at least {least}")),
        (None, Some(most)) => html.text(&format!(", at most {most}")),
        (None, None) => return,
    };
    html.raw(unit);
}
