//! Lines: how long, and how they end.

use super::{File, Finding};

/// In characters, as rustfmt's `max_width`, which leaves comments and macros alone.
const LONGEST_LINE: usize = 100;

pub(super) fn check(file: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in file.lines() {
        if line.ends_with([' ', '\t', '\r']) {
            findings.push(file.finding(number, "white space at the end"));
        }
        let length = line.chars().count();
        if file.is_any(&["rs"]) && length > LONGEST_LINE && can_be_broken(line) {
            let what = format!("{length} characters, {LONGEST_LINE} are allowed");
            findings.push(file.finding(number, what));
        }
    }
    if !file.text.is_empty() && (!file.text.ends_with('\n') || file.text.ends_with("\n\n")) {
        let last = file.text.lines().count();
        findings.push(file.finding(last, "a file ends with one line break"));
    }
    findings
}

/// Strings, addresses and the rows of a table in a comment lose by being broken.
fn can_be_broken(line: &str) -> bool {
    let comment = line.trim_start().trim_start_matches(['/', '!']).trim_start();
    !line.contains('"') && !line.contains("://") && !comment.starts_with('|')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::sample;

    fn told(path: &str, text: &str) -> Vec<(usize, String)> {
        let findings = check(&sample(path, text));
        findings.into_iter().map(|finding| (finding.line, finding.what)).collect()
    }

    #[test]
    fn white_space_at_the_end_of_a_line_is_found() {
        for text in ["a\nb \n", "a\nb\t\n", "a\nb\r\r\n"] {
            assert_eq!(told("README.md", text), [(2, "white space at the end".to_owned())]);
        }
    }

    #[test]
    fn a_long_line_is_found_in_code_alone() {
        let text = format!("// {}\n", "x".repeat(98));
        let what = "101 characters, 100 are allowed".to_owned();
        assert_eq!(told("a.rs", &text), [(1, what)]);
        assert_eq!(told("a.md", &text), []);
        assert_eq!(told("a.rs", &format!("// {}\n", "ü".repeat(97))), []);
    }

    #[test]
    fn strings_addresses_and_tables_may_be_long() {
        let long = "x".repeat(120);
        for line in [
            format!("f(\"{long}\");\n"),
            format!("// https://{long}\n"),
            format!("/// | {long} |\n"),
        ] {
            assert_eq!(told("a.rs", &line), []);
        }
    }

    #[test]
    fn a_file_ends_with_exactly_one_line_break() {
        assert_eq!(told("a.md", "a").len(), 1);
        assert_eq!(told("a.md", "a\n\n").len(), 1);
        assert_eq!(told("a.md", "a\n"), []);
        assert_eq!(told("a.md", ""), []);
    }
}
