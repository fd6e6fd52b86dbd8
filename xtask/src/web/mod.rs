//! The web side: the SDK, the pages that the server carries, and their tests in a real browser.

mod node;
mod stamp;

use std::{fs, path::PathBuf};

use anyhow::{Context, Result};

use self::{node::Node, stamp::Stamp};
use crate::repository::{Repository, finish};

/// Checks how the web side is written, and builds the pages, so that the next build of the server
/// carries them.
pub(crate) fn check_and_build(repository: &Repository) -> Result<()> {
    let node = installed(repository)?;
    for script in ["lint", "types"] {
        finish(node.npm(&root(repository)).args(["run", "--silent", script]))?;
    }
    build(repository, &node)
}

/// Builds the pages.
pub(crate) fn build_pages(repository: &Repository) -> Result<()> {
    let node = installed(repository)?;
    build(repository, &node)
}

/// The SDK's tests and those in a browser, against the server that is built; and how large it is.
pub(crate) fn test(repository: &Repository) -> Result<()> {
    let node = installed(repository)?;
    for script in ["test", "size", "e2e"] {
        let mut npm = node.npm(&root(repository));
        npm.args(["run", "--silent", script]).env("CARGO_TARGET_DIR", &repository.target);
        finish(&mut npm)?;
    }
    Ok(())
}

/// What the pages are made of did not change: then they stay as they are, and with them the server.
fn build(repository: &Repository, node: &Node) -> Result<()> {
    let root = root(repository);
    let sources = ["apps", "build", "packages", "package-lock.json", "tsconfig.base.json"];
    let stamp = Stamp::of(&root, &sources)?;
    let kept = repository.tools().join("pages.stamp");
    if stamp.is_in(&kept) && root.join("dist/index.html").is_file() {
        return Ok(());
    }
    finish(node.npm(&root).args(["run", "--silent", "build"]))?;
    stamp.keep_in(&kept)
}

/// Node's program, for tests that run examples.
pub(crate) fn node(repository: &Repository) -> Result<PathBuf> {
    Ok(Node::find(repository)?.program())
}

/// Node, with the packages of the lock file beside it; installed only when that has changed.
fn installed(repository: &Repository) -> Result<Node> {
    let node = Node::find(repository)?;
    let root = root(repository);
    let stamp = Stamp::of(&root, &["package-lock.json", ".npmrc"])?;
    let kept = root.join("node_modules/.installed");
    if !stamp.is_in(&kept) {
        // No package here needs its scripts, and by a script a stranger's package does harm.
        finish(node.npm(&root).args(["ci", "--ignore-scripts", "--no-progress"]))
            .context("the packages come from the npm registry, which must be reachable once")?;
        let folder = root.join("node_modules");
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        stamp.keep_in(&kept)?;
    }
    Ok(node)
}

fn root(repository: &Repository) -> PathBuf {
    repository.root.join("web")
}
