//! How long a file may be.

use super::{File, Finding};

/// In lines. A longer file holds more than one idea.
const WANTED: usize = 500;
/// In lines. Between the two a file must be named below, with the reason; beyond it must be parted.
const MOST: usize = 600;

/// Files that a program writes, as long as what they are made from is.
const GENERATED: [&str; 1] = ["web/packages/client/src/wire.ts"];

/// Files between the two limits, and why they are one idea all the same.
const EXCEPTIONS: &[(&str, &str)] = &[];

pub(super) fn check(files: &[File]) -> Vec<Finding> {
    check_with(files, EXCEPTIONS)
}

fn check_with(files: &[File], exceptions: &[(&str, &str)]) -> Vec<Finding> {
    let is_written = |file: &&File| !GENERATED.contains(&file.path.as_str());
    let code = files.iter().filter(is_written).filter(|file| file.is_any(&["rs", "ts", "tsx"]));
    let mut findings: Vec<_> = code
        .filter_map(|file| {
            let lines = file.text.lines().count();
            let excepted = exceptions.iter().any(|&(path, _)| path == file.path);
            let rule = match lines {
                0..=WANTED if excepted => "it needs no exception any more",
                0..=WANTED => return None,
                _ if lines > MOST => "600 is the most, 500 is wanted: part it by its ideas",
                _ if excepted => return None,
                _ => "500 is wanted: part it, or say in xtask/src/tidy/size.rs why not",
            };
            Some(file.finding(0, format!("{lines} lines: {rule}")))
        })
        .collect();
    for &(path, _) in exceptions {
        if !files.iter().any(|file| file.path == path) {
            let what = "excepted in xtask/src/tidy/size.rs, but not there".to_owned();
            findings.push(Finding { path: path.to_owned(), line: 0, what });
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::sample;

    fn told(path: &str, lines: usize, exceptions: &[(&str, &str)]) -> Vec<String> {
        let findings = check_with(&[sample(path, &"x\n".repeat(lines))], exceptions);
        findings.iter().map(Finding::to_string).collect()
    }

    #[test]
    fn a_file_is_short_or_excepted_and_never_over_the_limit() {
        let excepted = [("a.rs", "one table")];
        assert!(told("a.rs", 500, &[]).is_empty());
        assert!(told("a.ts", 501, &[])[0].starts_with("a.ts: 501 lines: 500 is wanted"));
        assert!(told("a.rs", 600, &excepted).is_empty());
        assert!(told("a.rs", 601, &excepted)[0].starts_with("a.rs: 601 lines: 600 is the most"));
        assert!(told("a.md", 5_000, &[]).is_empty());
        assert!(told(GENERATED[0], 5_000, &[]).is_empty());
    }

    #[test]
    fn an_exception_nobody_needs_is_found() {
        let excepted = [("a.rs", "one table")];
        assert!(told("a.rs", 20, &excepted)[0].contains("needs no exception"));
        assert!(told("b.rs", 20, &excepted)[0].contains("but not there"));
    }
}
