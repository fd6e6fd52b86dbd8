//! What files held when something was made of them.

use std::{
    collections::hash_map::DefaultHasher,
    fs,
    hash::{Hash as _, Hasher as _},
    path::Path,
};

use anyhow::{Context, Result};

/// Folders of what is made, not written.
const MADE: [&str; 2] = ["node_modules", "dist"];

/// A hash of names and contents. Another version of Rust may hash otherwise, which costs one
/// build too many.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stamp(String);

impl Stamp {
    /// Of these files and folders below `root`.
    pub(super) fn of(root: &Path, names: &[&str]) -> Result<Self> {
        let mut hasher = DefaultHasher::new();
        for name in names {
            add(&mut hasher, &root.join(name))?;
        }
        Ok(Self(format!("{:016x}\n", hasher.finish())))
    }

    /// Whether `path` keeps the same.
    pub(super) fn is_in(&self, path: &Path) -> bool {
        fs::read_to_string(path).is_ok_and(|kept| kept == self.0)
    }

    pub(super) fn keep_in(&self, path: &Path) -> Result<()> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)
                .with_context(|| format!("cannot make {}", folder.display()))?;
        }
        fs::write(path, &self.0).with_context(|| format!("cannot write {}", path.display()))
    }
}

fn add(hasher: &mut DefaultHasher, path: &Path) -> Result<()> {
    let shown = path.display();
    let name = path.file_name().unwrap_or_default();
    name.hash(hasher);
    if !path.is_dir() {
        fs::read(path).with_context(|| format!("cannot read {shown}"))?.hash(hasher);
        return Ok(());
    }
    let entries = fs::read_dir(path).with_context(|| format!("cannot list {shown}"))?;
    let mut paths = Vec::new();
    for entry in entries {
        let entry = entry.with_context(|| format!("cannot list {shown}"))?;
        if !MADE.iter().any(|&made| entry.file_name() == made) {
            paths.push(entry.path());
        }
    }
    // The order of a folder is the file system's.
    paths.sort();
    paths.len().hash(hasher);
    paths.iter().try_for_each(|path| add(hasher, path))
}

#[cfg(test)]
mod tests {
    use std::env;

    use super::*;

    #[test]
    fn a_stamp_changes_with_a_file_and_not_with_what_is_made() {
        let root = env::temp_dir().join(format!("bellwire-stamp-{}", std::process::id()));
        let file = |name: &str, text: &str| {
            let path = root.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        file("src/a.ts", "one");
        let first = Stamp::of(&root, &["src"]).unwrap();
        let kept = root.join("kept");
        first.keep_in(&kept).unwrap();
        file("src/dist/a.js", "made");
        assert!(Stamp::of(&root, &["src"]).unwrap().is_in(&kept));
        file("src/a.ts", "two");
        assert!(!Stamp::of(&root, &["src"]).unwrap().is_in(&kept));
        file("src/a.ts", "one");
        file("src/b.ts", "");
        assert_ne!(Stamp::of(&root, &["src"]).unwrap(), first);
        assert!(Stamp::of(&root, &["nowhere"]).is_err());
        fs::remove_dir_all(root).unwrap();
    }
}
