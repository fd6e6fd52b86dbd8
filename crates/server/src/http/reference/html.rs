//! HTML in the making: markup is written in the program, everything else is escaped.

use std::collections::BTreeSet;

/// A page, or a part of one.
#[derive(Default)]
pub(super) struct Html {
    out: String,
    /// Schemas that are on the page: where prose names one, it leads there.
    schemas: BTreeSet<String>,
}

impl Html {
    /// An empty page on which these schemas will be.
    pub(super) fn new(schemas: BTreeSet<String>) -> Self {
        Self { out: String::new(), schemas }
    }

    /// Markup; only what stands in the program can be.
    pub(super) fn raw(&mut self, markup: &'static str) -> &mut Self {
        self.out.push_str(markup);
        self
    }

    /// Text, or the value of an attribute between double quotes.
    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        for c in text.chars() {
            match c {
                '&' => self.out.push_str("&amp;"),
                '<' => self.out.push_str("&lt;"),
                '>' => self.out.push_str("&gt;"),
                '"' => self.out.push_str("&quot;"),
                '\'' => self.out.push_str("&#39;"),
                c => self.out.push(c),
            }
        }
        self
    }

    /// A word of a program.
    pub(super) fn code(&mut self, text: &str) -> &mut Self {
        self.raw("<code>").text(text).raw("</code>")
    }

    /// A link to a place on the page.
    pub(super) fn link(&mut self, kind: &'static str, name: &str, shown: &str) -> &mut Self {
        self.raw("<a href=\"#").raw(kind).text(name).raw("\">").text(shown).raw("</a>")
    }

    /// What a documentation comment says: paragraphs, lists, blocks between fences, and code.
    pub(super) fn prose(&mut self, text: &str) -> &mut Self {
        for (i, part) in text.split("```").enumerate() {
            if i % 2 == 1 {
                // The first line says what it is written in.
                let block = part.split_once('\n').map_or("", |(_, block)| block);
                self.raw("<pre>").text(block.trim_end()).raw("</pre>");
                continue;
            }
            for paragraph in part.split("\n\n").map(str::trim).filter(|p| !p.is_empty()) {
                match paragraph.strip_prefix("- ") {
                    Some(items) => {
                        self.raw("<ul>");
                        for item in items.split("\n- ") {
                            self.raw("<li>").line(item).raw("</li>");
                        }
                        self.raw("</ul>");
                    }
                    None => {
                        self.raw("<p>").line(paragraph).raw("</p>");
                    }
                }
            }
        }
        self
    }

    /// The same on one line.
    pub(super) fn line(&mut self, text: &str) -> &mut Self {
        // Brackets around code are links between items of the program, which are not here.
        let text = text.replace("[`", "`").replace("`]", "`");
        for (i, part) in text.split('`').enumerate() {
            if i % 2 == 0 {
                self.text(part);
            } else if self.schemas.contains(part) {
                self.link(super::SCHEMA, part, part);
            } else {
                self.code(part);
            }
        }
        self
    }

    /// The markup.
    pub(super) fn finish(self) -> String {
        self.out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(make: impl FnOnce(&mut Html)) -> String {
        let mut html = Html::new(["Note".to_owned()].into());
        make(&mut html);
        html.finish()
    }

    #[test]
    fn what_is_not_markup_is_escaped_everywhere() {
        let nasty = "<b a=\"1\" c='2'>&";
        let safe = "&lt;b a=&quot;1&quot; c=&#39;2&#39;&gt;&amp;";
        assert_eq!(made(|h| _ = h.text(nasty)), safe);
        assert_eq!(made(|h| _ = h.code(nasty)), format!("<code>{safe}</code>"));
        assert_eq!(made(|h| _ = h.prose(nasty)), format!("<p>{safe}</p>"));
        let link = format!("<a href=\"#{safe}\">{safe}</a>");
        assert_eq!(made(|h| _ = h.link("", nasty, nasty)), link);
        let fenced = format!("```text\n{nasty}\n```");
        assert_eq!(made(|h| _ = h.prose(&fenced)), format!("<pre>{safe}</pre>"));
        let listed = format!("- {nasty}\n- `{nasty}`");
        let items = format!("<ul><li>{safe}</li><li><code>{safe}</code></li></ul>");
        assert_eq!(made(|h| _ = h.prose(&listed)), items);
    }

    #[test]
    fn a_schema_that_is_named_is_led_to() {
        let shown = made(|h| _ = h.line("a [`Note`], an `Order`"));
        assert_eq!(shown, "a <a href=\"#schema-Note\">Note</a>, an <code>Order</code>");
    }
}
