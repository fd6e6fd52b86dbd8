//! The page of the docs about the business server, made as that about the wire is.

use std::fmt::Write as _;

use super::{
    fields::{Style, table},
    kinds::Kinds,
    section, variants,
};
use crate::{business_schema, schema};

/// The reference of hooks and of the business server's connection as Markdown.
pub fn business_reference() -> String {
    let (wire, schema) = (schema(), business_schema());
    let kinds = Kinds::beyond(&schema, &wire, "wire.md");
    let mut out = include_str!("business_intro.md").to_owned();
    out.push_str("\n## Hooks\n\nThe fields of `data`, by `hook`.\n");
    for hook in variants(&kinds, "Asking", "hook") {
        section(&mut out, &kinds, &hook, Style::Told);
    }
    let mut object = |title: &str, text: &str, name: &str, style: Style| {
        let _ = writeln!(out, "\n## {title}\n\n{text}\n");
        table(&mut out, &kinds, kinds.def(name), style);
    };
    let text = "What the business server says to a hook. Without fields it allows; fields that are \
                of no use for the hook are passed over.";
    object("The answer", text, "HookAnswer", Style::Asked);
    let text = "The body of `hello` on the connection.";
    object("The hello", text, "BusinessHello", Style::Asked);
    let text = "A finished call in the answers of `GET /v1/records`. What devices are told is \
                the same without `hook` and `receipts`.";
    object("The record", text, "FullRecord", Style::Told);
    kinds.objects(&mut out);
    kinds.words(&mut out);
    kinds.values(&mut out);
    out
}
