//! Every dependency has its reason in `docs/dependencies.md`.

use super::{File, Finding};

const MANIFEST: &str = "Cargo.toml";
const REASONS: &str = "docs/dependencies.md";

pub(super) fn check(files: &[File]) -> Vec<Finding> {
    let text_of = |path| files.iter().find(|file| file.path == path);
    let Some(manifest) = text_of(MANIFEST) else { return Vec::new() };
    let reasons = text_of(REASONS).map_or("", |file| &file.text);
    let (taken, given) = (dependencies(&manifest.text), reasoned(reasons));

    let mut findings = Vec::new();
    for &(line, name) in &taken {
        if !given.iter().any(|&(_, given)| given == name) {
            findings.push(manifest.finding(line, format!("`{name}` has no line in {REASONS}")));
        }
    }
    for &(line, name) in &given {
        if !taken.iter().any(|&(_, taken)| taken == name) {
            let what = format!("`{name}` is no dependency of the workspace");
            findings.push(Finding { path: REASONS.to_owned(), line, what });
        }
    }
    findings
}

/// What `[workspace.dependencies]` names, without our own crates; with line numbers.
fn dependencies(manifest: &str) -> Vec<(usize, &str)> {
    let lines = manifest.lines().enumerate().map(|(at, line)| (at + 1, line));
    lines
        .skip_while(|&(_, line)| line != "[workspace.dependencies]")
        .skip(1)
        .take_while(|&(_, line)| !line.starts_with('['))
        .filter(|&(_, line)| !line.starts_with([' ', '#']) && !line.contains("path = "))
        .filter_map(|(number, line)| Some((number, line.split_once('=')?.0.trim())))
        .collect()
}

/// What the rows of the tables name in their first column; with line numbers.
fn reasoned(reasons: &str) -> Vec<(usize, &str)> {
    let rows = reasons.lines().enumerate();
    rows.filter_map(|(at, line)| {
        let (name, _) = line.strip_prefix("| `")?.split_once("` |")?;
        Some((at + 1, name))
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::sample;

    const TWO: &str = "[workspace]\nresolver = \"3\"\n\n[workspace.dependencies]\n\
                       bellwire-core = { path = \"crates/core\" }\naxum = \"0.8\"\n\
                       tokio = { version = \"1\", features = [\n  \"net\",\n] }\n\n[profile.dev]\n\
                       debug = 1\n";

    fn told(reasons: &str) -> Vec<String> {
        let files = [sample(MANIFEST, TWO), sample(REASONS, reasons)];
        check(&files).iter().map(Finding::to_string).collect()
    }

    #[test]
    fn each_dependency_wants_its_line() {
        assert!(told("| `axum` | HTTP |\n| `tokio` | waits |\n").is_empty());
        assert_eq!(
            told("| `axum` | HTTP |\n"),
            ["Cargo.toml:7: `tokio` has no line in docs/dependencies.md"]
        );
    }

    #[test]
    fn a_line_for_nothing_is_found() {
        assert_eq!(
            told("| `axum` | HTTP |\n| `tokio` | waits |\n| `warp` | HTTP |\n"),
            ["docs/dependencies.md:3: `warp` is no dependency of the workspace"]
        );
    }
}
