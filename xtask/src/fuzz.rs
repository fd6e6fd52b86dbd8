//! `cargo xtask fuzz`: runs targets under libFuzzer, and says what to do with what it finds.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::{
    prerequisites,
    repository::{Repository, finish},
};

/// As the corpora in the repository: larger inputs only take longer.
const INPUT_BYTES: u32 = 4096;
/// An input that takes so long hangs. The slowest take a fiftieth of a second.
const INPUT_S: u32 = 20;
/// No sanitizer: these need a nightly compiler, and there is no unsafe code of ours to watch.
/// Assertions are on, in the dependencies too.
const HOW: [&str; 3] = ["--sanitizer", "none", "--debug-assertions"];

/// What to fuzz.
#[derive(Debug, Args)]
pub(crate) struct Fuzz {
    /// The target; without one they are listed.
    target: Option<String>,
    /// All targets, one after the other.
    #[arg(long, conflicts_with = "target")]
    all: bool,
    /// How long each target is fuzzed.
    #[arg(long, default_value_t = 60, value_name = "N")]
    seconds: u32,
    /// Only run this input through the target, without libFuzzer.
    #[arg(long, value_name = "FILE", requires = "target")]
    input: Vec<PathBuf>,
}

pub(crate) fn run(repository: &Repository, fuzz: &Fuzz) -> Result<()> {
    let known = targets(repository)?;
    let wanted = match &fuzz.target {
        Some(target) if known.contains(target) => vec![target.clone()],
        Some(target) => bail!("no target {target}; there are {}", known.join(", ")),
        None if fuzz.all => known,
        None => bail!("name a target, or all of them with --all: {}", known.join(", ")),
    };
    if !fuzz.input.is_empty() {
        return reproduce(repository, &wanted[0], &fuzz.input);
    }
    let program = prerequisites::cargo_fuzz(repository)?;
    let mut broken = Vec::new();
    for target in &wanted {
        println!("== fuzzing {target} for {} s ==", fuzz.seconds);
        if !holds(repository, &program, target, fuzz.seconds)? {
            broken.push(target.as_str());
        }
    }
    if broken.is_empty() { Ok(()) } else { bail!("inputs break {}", broken.join(", ")) }
}

/// The programs in `fuzz/fuzz_targets`.
fn targets(repository: &Repository) -> Result<Vec<String>> {
    let folder = repository.root.join("fuzz/fuzz_targets");
    let mut names = Vec::new();
    for file in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
        let path = file.with_context(|| folder.display().to_string())?.path();
        names.extend(path.file_stem().map(|name| name.to_string_lossy().into_owned()));
    }
    names.sort();
    Ok(names)
}

/// Runs inputs through a target in an ordinary build, with an ordinary backtrace.
fn reproduce(repository: &Repository, target: &str, inputs: &[PathBuf]) -> Result<()> {
    let mut command = repository.cargo();
    command.args(["run", "--package", "bellwire-fuzz", "--", target]);
    for input in inputs {
        command.arg(fs::canonicalize(input).with_context(|| input.display().to_string())?);
    }
    finish(command.env("RUST_BACKTRACE", "1"))
}

/// Fuzzes one target; false, with what to do about it, if an input breaks it.
fn holds(repository: &Repository, program: &Path, target: &str, seconds: u32) -> Result<bool> {
    let (found, artifacts) =
        (repository.target.join("fuzz/found").join(target), artifacts(repository, target));
    for folder in [&found, &artifacts] {
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    let before = files(&artifacts)?;
    let mut build = cargo_fuzz(repository, program, "build", target);
    finish(&mut build)?;
    let mut run = cargo_fuzz(repository, program, "run", target);
    // What libFuzzer finds new goes to the first folder, the others it only reads.
    run.arg(&found);
    for kind in ["corpus", "regressions"] {
        let folder = repository.root.join("fuzz").join(kind).join(target);
        if folder.is_dir() {
            run.arg(folder);
        }
    }
    run.arg("--")
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-max_len={INPUT_BYTES}"))
        .arg(format!("-timeout={INPUT_S}"));
    let words = repository.root.join("fuzz/dictionaries").join(format!("{target}.dict"));
    if words.is_file() {
        run.arg(format!("-dict={}", words.display()));
    }
    if run.status().context("cannot start cargo-fuzz")?.success() {
        return Ok(true);
    }
    let new: Vec<_> = files(&artifacts)?.difference(&before).cloned().collect();
    if new.is_empty() {
        bail!("fuzzing {target} failed, and not by an input; see above");
    }
    for input in &new {
        print!("{}", advice(repository, program, target, input));
    }
    Ok(false)
}

fn cargo_fuzz(repository: &Repository, program: &Path, what: &str, target: &str) -> Command {
    let mut command = Command::new(program);
    // A folder of its own: every crate is built once more, with coverage counted in it.
    command
        .args(["fuzz", what])
        .args(HOW)
        .arg("--target-dir")
        .arg(repository.target.join("fuzz"))
        .arg(target)
        .current_dir(&repository.root)
        .stdin(Stdio::null());
    command
}

/// What to do with an input that breaks a target.
fn advice(repository: &Repository, program: &Path, target: &str, input: &Path) -> String {
    let input = input.strip_prefix(&repository.root).unwrap_or(input).display();
    let build = repository.target.join("fuzz");
    format!(
        "\n{input} breaks {target}\n  \
         see it:    cargo xtask fuzz {target} --input {input}\n  \
         make less: {} fuzz tmin {} --target-dir {} {target} {input}\n  \
         keep it:   mv {input} fuzz/regressions/{target}/\n",
        Repository::shown(program),
        HOW.join(" "),
        Repository::shown(&build),
    )
}

fn artifacts(repository: &Repository, target: &str) -> PathBuf {
    repository.root.join("fuzz/artifacts").join(target)
}

fn files(folder: &Path) -> Result<BTreeSet<PathBuf>> {
    let listed = fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let listed = listed.with_context(|| format!("cannot list {}", folder.display()))?;
    Ok(listed.into_iter().map(|file| file.path()).collect())
}
