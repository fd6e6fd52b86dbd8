//! Every file of code begins by saying what it is.

use super::{File, Finding};

pub(super) fn check(file: &File) -> Vec<Finding> {
    let first = file.text.lines().next().unwrap_or_default();
    let said = first.strip_prefix("//!").is_some_and(|said| !said.trim().is_empty());
    if !file.is_any(&["rs"]) || said {
        return Vec::new();
    }
    vec![file.finding(1, "begin with `//!` and one sentence: what is in this file")]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::sample;

    #[test]
    fn a_file_that_does_not_say_what_it_is_is_found() {
        for text in ["", "fn main() {}\n", "//!\nfn main() {}\n", "// A file.\n", "\n//! Late.\n"] {
            assert_eq!(check(&sample("a.rs", text)).len(), 1, "{text:?}");
        }
        assert_eq!(check(&sample("a.rs", "//! What a call is.\n")), []);
        assert_eq!(check(&sample("a.md", "# Title\n")), []);
    }
}
