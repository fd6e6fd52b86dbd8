//! Packages from `PyPI`, in folders of the build: nothing of the machine is changed.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result};

use crate::repository::{Repository, finish};

/// What the examples of the docs need.
const FOR_EXAMPLES: &str = "websockets==17.4";

/// The folder with the packages that the examples of the docs need, for `PYTHONPATH`; fetched when
/// they are not there.
pub(crate) fn for_examples(repository: &Repository) -> Result<PathBuf> {
    let folder = repository.tools().join("python").join(FOR_EXAMPLES);
    if !folder.is_dir() {
        println!("fetching {FOR_EXAMPLES} into {}, once", folder.display());
        // Into its place only as a whole.
        let half = folder.with_extension("new");
        install(&half, FOR_EXAMPLES)
            .context("the examples in Python need python3 with pip, and PyPI reachable once")?;
        fs::rename(&half, &folder).with_context(|| folder.display().to_string())?;
    }
    Ok(folder)
}

/// Installs `package`, named with its version, into a folder of its own.
pub(crate) fn install(folder: &Path, package: &str) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"])
        .args(["--root-user-action=ignore", "--only-binary=:all:", "--upgrade", "--target"])
        .arg(folder)
        .arg(package)
        .stdin(Stdio::null());
    finish(&mut pip)
}
