//! The rules of style that neither rustfmt nor clippy checks, one small file each.

mod dependencies;
mod layout;
mod module_docs;
mod names;
mod paths;
mod purity;
mod size;
mod words;

use std::{
    fmt, fs,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

use crate::repository::Repository;

/// Folders of files that nobody writes as text.
const INPUTS: [&str; 2] = ["fuzz/corpus/", "fuzz/regressions/"];

/// A text file of the repository.
#[derive(Debug)]
struct File {
    /// From the root, parted by `/`.
    path: String,
    text: String,
}

impl File {
    /// Whether the name ends with one of `extensions`.
    fn is_any(&self, extensions: &[&str]) -> bool {
        self.path.rsplit_once('.').is_some_and(|(_, extension)| extensions.contains(&extension))
    }

    /// The lines with their numbers, from 1.
    fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(at, line)| (at + 1, line))
    }

    fn finding(&self, line: usize, what: impl Into<String>) -> Finding {
        Finding { path: self.path.clone(), line, what: what.into() }
    }
}

/// A breach of a rule.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    path: String,
    /// From 1; 0 means the file as a whole.
    line: usize,
    what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.path, self.what),
            line => write!(f, "{}:{line}: {}", self.path, self.what),
        }
    }
}

/// Checks every file of the repository; the findings are printed, one a line.
pub(crate) fn run(repository: &Repository) -> Result<()> {
    let files = files(&repository.root)?;
    let findings = findings(&files);
    for finding in &findings {
        eprintln!("{finding}");
    }
    if !findings.is_empty() {
        bail!("{} findings; the rules stand in CONTRIBUTING.md", findings.len());
    }
    println!("{} files are tidy", files.len());
    Ok(())
}

/// All breaches of all rules.
fn findings(files: &[File]) -> Vec<Finding> {
    let each = [
        layout::check,
        module_docs::check,
        names::check,
        paths::check,
        purity::check,
        words::check,
    ];
    let mut findings: Vec<_> =
        files.iter().flat_map(|file| each.iter().flat_map(|check| check(file))).collect();
    findings.extend(size::check(files));
    findings.extend(dependencies::check(files));
    findings
}

/// The text files of the repository: tracked ones, and new ones that git does not ignore.
fn files(root: &Path) -> Result<Vec<File>> {
    let mut paths = match listed_by_git(root) {
        Some(paths) => paths,
        None => walked(root)?,
    };
    paths.sort();
    paths.dedup();
    let mut files = Vec::new();
    for path in paths {
        // Inputs of the fuzzer are bytes, whatever they look like.
        if INPUTS.iter().any(|folder| path.starts_with(folder)) {
            continue;
        }
        let whole = root.join(&path);
        // What is deleted but not yet committed, and what is a link, is nobody's style.
        if !fs::symlink_metadata(&whole).is_ok_and(|meta| meta.is_file()) {
            continue;
        }
        let bytes = fs::read(&whole).with_context(|| format!("cannot read {path}"))?;
        // What is no UTF-8 is a picture or the like.
        if let Ok(text) = String::from_utf8(bytes) {
            files.push(File { path, text });
        }
    }
    Ok(files)
}

/// None where there is no git, or no repository of it (an unpacked archive).
fn listed_by_git(root: &Path) -> Option<Vec<String>> {
    let output = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .stderr(Stdio::null())
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    let names = String::from_utf8(output.stdout).ok()?;
    Some(names.split_terminator('\0').map(str::to_owned).collect())
}

/// Every file below `root`, without what is built, fetched or hidden by git itself.
fn walked(root: &Path) -> Result<Vec<String>> {
    const SKIPPED: [&str; 4] = [".git", "target", "node_modules", "data"];
    let mut paths = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let shown = folder.display();
        for entry in fs::read_dir(&folder).with_context(|| format!("cannot list {shown}"))? {
            let entry = entry.with_context(|| format!("cannot list {shown}"))?;
            let kind = entry.file_type().with_context(|| format!("cannot look into {shown}"))?;
            let name = entry.file_name();
            if kind.is_dir() && !SKIPPED.iter().any(|&skipped| name == skipped) {
                folders.push(entry.path());
            } else if kind.is_file()
                && let Some(path) = entry.path().strip_prefix(root).ok().and_then(Path::to_str)
            {
                paths.push(path.to_owned());
            }
        }
    }
    Ok(paths)
}

#[cfg(test)]
fn sample(path: &str, text: &str) -> File {
    File { path: path.to_owned(), text: text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_name_file_line_and_breach() {
        let file = sample("crates/core/src/utils.rs", "//! All sorts.\n\nfn f() {} \n");
        let told: Vec<_> = findings(&[file]).iter().map(Finding::to_string).collect();
        assert_eq!(told[0], "crates/core/src/utils.rs:3: white space at the end");
        assert!(told[1].starts_with("crates/core/src/utils.rs: `utils` says nothing"), "{told:?}");
    }

    #[test]
    fn without_git_the_folders_are_walked() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let paths = walked(root).unwrap();
        assert!(paths.iter().any(|path| path == "src/tidy/mod.rs"), "{paths:?}");
    }
}
