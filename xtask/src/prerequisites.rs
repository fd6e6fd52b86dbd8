//! What the stages need beside Rust: named when it cannot be had, installed when it can.

use std::{
    env, fs,
    path::PathBuf,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

use crate::{
    debian, python,
    repository::{Repository, finish},
};

/// Pinned, so that the same change passes or fails on every machine.
const CARGO_DENY_VERSION: &str = "0.20.2";
const CARGO_FUZZ_VERSION: &str = "0.13.2";

/// Looks for all of it.
pub(crate) fn check(repository: &Repository) -> Result<()> {
    let mut missing = Vec::<String>::new();
    match c_compiler() {
        Some(compiler) => println!("C compiler: {}", compiler.to_string_lossy()),
        None => missing.push(
            "a C compiler (it builds SQLite and the crypto library): install gcc and libc6-dev, \
             or name another in CC"
                .to_owned(),
        ),
    }
    if !answers(repository.cargo().args(["fmt", "--version"])) {
        missing.push("rustfmt: `rustup component add rustfmt`".to_owned());
    }
    if !answers(repository.cargo().args(["clippy", "--version"])) {
        missing.push("clippy: `rustup component add clippy`".to_owned());
    }
    missing.extend(debian::install());
    if !missing.is_empty() {
        bail!("missing:\n  {}", missing.join("\n  "));
    }
    println!("cargo-deny: {}", cargo_deny(repository)?.display());
    println!("packages for tests: {}", python::for_tests(repository)?.display());
    Ok(())
}

/// The path of cargo-deny in the pinned version; installs it when it is not there.
///
/// Unoptimised it builds in about 80 s on two cores and then checks in 3 s, which no optimised
/// build earns back.
pub(crate) fn cargo_deny(repository: &Repository) -> Result<PathBuf> {
    tool(repository, "cargo-deny", CARGO_DENY_VERSION)
}

/// The path of cargo-fuzz in the pinned version; installs it when it is not there.
pub(crate) fn cargo_fuzz(repository: &Repository) -> Result<PathBuf> {
    tool(repository, "cargo-fuzz", CARGO_FUZZ_VERSION)
}

/// The path of a tool in its pinned version; installs it when it is not there.
fn tool(repository: &Repository, name: &str, version: &str) -> Result<PathBuf> {
    let tools = repository.tools();
    let program = tools.join("bin").join(name);
    if version_of(&program).is_some_and(|found| found == version) {
        return Ok(program);
    }
    println!("installing {name} {version} into {}, once", tools.display());
    // A folder for each: two of them may be installed at the same time.
    let build = tools.join(format!("build-{name}"));
    let mut install = repository.cargo();
    install
        .args(["install", "--locked", "--debug", "--force", "--version", version])
        .arg("--root")
        .arg(&tools)
        .arg(name)
        .env("CARGO_TARGET_DIR", &build);
    finish(&mut install)
        .with_context(|| format!("{name} comes from crates.io, which must be reachable once"))?;
    fs::remove_dir_all(&build).with_context(|| format!("cannot remove {}", build.display()))?;
    Ok(program)
}

/// The C compiler that build scripts will find.
fn c_compiler() -> Option<std::ffi::OsString> {
    let named = env::var_os("CC").into_iter();
    let usual = ["cc", "gcc", "clang"].into_iter().map(Into::into);
    named.chain(usual).find(|compiler| answers(Command::new(compiler).arg("--version")))
}

/// Whether a program is there and content with its arguments.
fn answers(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// The last word a program says of its version; none when there is no such program.
fn version_of(program: &PathBuf) -> Option<String> {
    let output = Command::new(program).arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.split_whitespace().last().map(str::to_owned)
}
