//! Words that mark unfinished work.

use super::{File, Finding};

/// What may not stand in code, and what to do instead. Parted, or this file would find itself.
const UNFINISHED: [(&str, &str); 7] = [
    (concat!("todo", "!"), "write the code"),
    (concat!("unimplemented", "!"), "write the code"),
    (concat!("dbg", "!"), "log it, or leave it out"),
    (concat!("#[", "ignore"), "mend the test, or remove it with what it tests"),
    (concat!("TO", "DO"), "do it, or leave it out"),
    (concat!("FIX", "ME"), "mend it"),
    (concat!("XX", "X"), "mend it, or say what is odd"),
];

pub(super) fn check(file: &File) -> Vec<Finding> {
    if !file.is_any(&["rs", "ts", "tsx", "js", "mjs", "toml", "sh", "yml", "yaml", "sql"]) {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for (number, line) in file.lines() {
        for (word, instead) in UNFINISHED {
            if holds_word(line, word) {
                findings.push(file.finding(number, format!("`{word}`: {instead}")));
            }
        }
    }
    findings
}

/// Whether `word` stands in `line` and not inside a longer word.
fn holds_word(line: &str, word: &str) -> bool {
    let is_part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    line.match_indices(word).any(|(at, _)| {
        !is_part(line[..at].chars().next_back()) && !is_part(line[at + word.len()..].chars().next())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::sample;

    #[test]
    fn every_mark_of_unfinished_work_is_found() {
        for (word, _) in UNFINISHED {
            let line = format!("//! Code.\n    {word}(\"later\")\n");
            let findings = check(&sample("a.rs", &line));
            assert_eq!(findings.len(), 1, "{word}");
            assert_eq!(findings[0].line, 2);
            assert!(check(&sample("a.md", &line)).is_empty(), "prose may name it");
        }
    }

    #[test]
    fn a_longer_word_is_another_word() {
        assert!(!holds_word("mktemp aXXXXXX", concat!("XX", "X")));
        assert!(!holds_word("my_dbg!(x)", concat!("dbg", "!")));
        assert!(holds_word(concat!("(XX", "X)"), concat!("XX", "X")));
    }
}
