//! Packages from `PyPI`, in folders of the build: nothing of the machine is changed.

use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result};

use crate::repository::{Repository, finish};

/// What the examples of the docs need, what tries the API against its document, and what reads
/// tokens as a `LiveKit` server does.
const FOR_TESTS: [&str; 3] = ["websockets==17.4", "schemathesis==4.32.5", "livekit-api==1.2.2"];

/// The folders with the packages that tests need, as `PYTHONPATH` has them; fetched when they are
/// not there.
pub(crate) fn for_tests(repository: &Repository) -> Result<OsString> {
    let folders = FOR_TESTS.iter().map(|package| fetched(repository, package));
    let folders: Vec<PathBuf> = folders.collect::<Result<_>>()?;
    env::join_paths(&folders).context("a folder whose name has a colon cannot be in PYTHONPATH")
}

fn fetched(repository: &Repository, package: &str) -> Result<PathBuf> {
    let folder = repository.tools().join("python").join(package);
    if !folder.is_dir() {
        println!("fetching {package} into {}, once", folder.display());
        // Into its place only as a whole.
        let half = folder.with_extension("new");
        install(&half, package)
            .context("tests in Python need python3 with pip, and PyPI reachable once")?;
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
