//! A test that `SECURITY.md` names is there.

use super::{File, Finding};

const MODEL: &str = "SECURITY.md";
/// Where the files are that it names: tests, and code with tests in it.
const BELOW: [&str; 2] = ["crates/server/tests/", "crates/server/"];

pub(super) fn check(files: &[File]) -> Vec<Finding> {
    let Some(model) = files.iter().find(|file| file.path == MODEL) else { return Vec::new() };
    let mut findings = Vec::new();
    for (number, line) in model.lines() {
        // What stands between backticks is every second part.
        for named in line.split('`').skip(1).step_by(2) {
            let Some((path, test)) = named.split_once(".rs::") else { continue };
            let is_it = |file: &&File| BELOW.iter().any(|b| file.path == format!("{b}{path}.rs"));
            let function = format!("fn {test}(");
            if !files.iter().filter(is_it).any(|file| file.text.contains(&function)) {
                findings.push(model.finding(number, format!("there is no test `{named}`")));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::sample;

    #[test]
    fn a_test_that_is_not_there_is_found() {
        let files = [
            sample("crates/server/tests/tls.rs", "async fn it_holds() {}\n"),
            sample("crates/server/src/a/b.rs", "fn it_counts() {}\n"),
            sample(MODEL, "| `tls.rs::it_holds`, `src/a/b.rs::it_counts` | `--dev` |\n"),
        ];
        assert_eq!(check(&files), []);
        let files = [sample(MODEL, "fine\n`tls.rs::it_holds`\n")];
        let told: Vec<_> = check(&files).iter().map(Finding::to_string).collect();
        assert_eq!(told, ["SECURITY.md:2: there is no test `tls.rs::it_holds`"]);
    }
}
