//! `cargo xtask instructions`: what a call life costs in instructions, held against what it is
//! expected to cost. Unlike time, they do not depend on what else the machine does.

mod expected;
mod profile;

use std::{
    env, fs,
    path::PathBuf,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;

use crate::{
    debian::VALGRIND,
    repository::{Repository, finish},
};
use expected::Expected;
use profile::{Life, Profile};

/// Where the figures stand.
const EXPECTED: &str = "xtask/src/instructions/expected.txt";
/// How the bench is built.
const BUILD: &str = "xtask/src/instructions/build.toml";
/// The lives of two runs. The difference between more of them moves by less than 0.2 % from run to
/// run, and costs seconds.
const LIVES: [u32; 2] = [20, 120];
/// Parts of a life that a function must cost to be listed.
const LISTED: u32 = 500;

/// What to do with the figures.
#[derive(Debug, Default, Args)]
pub(crate) struct Instructions {
    /// Writes what is seen as what is expected from now on.
    #[arg(long)]
    write: bool,
    /// Prints what each function costs in a life, instead of comparing.
    #[arg(long, conflicts_with = "write")]
    list: bool,
}

/// Counts a life, and fails when it costs more than expected.
pub(crate) fn run(repository: &Repository, instructions: &Instructions) -> Result<()> {
    let file = repository.root.join(EXPECTED);
    let text = fs::read_to_string(&file).with_context(|| format!("cannot read {EXPECTED}"))?;
    let expected = Expected::parse(&text).context(EXPECTED)?;
    let life = life(repository)?;
    if instructions.list {
        for (name, cost) in life.dearest(life.whole / LISTED) {
            println!("{cost:>9} {name}");
        }
        return Ok(());
    }
    let compiler = compiler(repository)?;
    let compared = expected.compare(&life).context(EXPECTED)?;
    print!("{}", compared.table());
    if instructions.write {
        let text = expected.renewed(&compiler, &compared);
        fs::write(&file, text).with_context(|| format!("cannot write {EXPECTED}"))?;
        println!("written to {EXPECTED}");
        return Ok(());
    }
    if host(&compiler) != host(&expected.compiler) {
        let counted = &expected.compiler;
        println!("nothing is compared: {EXPECTED} was counted by {counted}, this is {compiler}");
        return Ok(());
    }
    let (more, less) = (compared.more(), compared.less());
    if more > 0 {
        if compiler != expected.compiler {
            let counted = &expected.compiler;
            println!("expected was counted by {counted}, this is {compiler}: that may be why");
        }
        bail!(
            "{more} of the figures are more than {} % above {EXPECTED}. Look at what made them so \
             (`cargo xtask instructions --list`); if it is worth that, `cargo xtask instructions \
             --write` writes the new ones",
            compared.tolerance_percent
        );
    }
    if less > 0 {
        println!(
            "{less} of the figures are less than expected: `cargo xtask instructions --write` \
             lowers them, so that what was won is not lost unseen"
        );
    }
    Ok(())
}

/// What one life costs.
fn life(repository: &Repository) -> Result<Life> {
    ensure!(VALGRIND.is_there(), "missing: {}", VALGRIND.missing());
    finish(bench(repository, &[]).arg("--no-run"))?;
    let [few, many] = LIVES.map(|lives| profile(repository, lives));
    Life::between(&few?, &many?, LIVES[1] - LIVES[0])
}

/// Runs the bench under callgrind.
fn profile(repository: &Repository, lives: u32) -> Result<Profile> {
    let folder = repository.target.join("instructions");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let written = folder.join(format!("{lives}-lives.callgrind"));
    let runner = runner(&written)?;
    let mut run = bench(repository, &["--config", &runner]);
    run.args(["--quiet", "--"]).arg(lives.to_string());
    let output = run.output().context("cannot start cargo")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{lives} lives under callgrind failed ({}):\n{said}", output.status);
    }
    let shown = Repository::shown(&written);
    let text = fs::read_to_string(&written).with_context(|| format!("cannot read {shown}"))?;
    Profile::parse(&text).context(shown)
}

/// A call of cargo for the bench, built for counting.
///
/// It is the bench of the workspace and not of its package, or cargo would choose other features
/// for the dependencies than the tests have, and build them all.
fn bench(repository: &Repository, configuration: &[&str]) -> Command {
    let mut bench = repository.cargo();
    bench
        .args(["--config", BUILD])
        .args(configuration)
        .args(["bench", "--locked", "--profile", "dev", "--workspace", "--bench", "life"])
        .stdin(Stdio::null());
    bench
}

/// The setting that makes cargo start the bench under callgrind.
fn runner(written: &PathBuf) -> Result<String> {
    // What an earlier run left must not be taken for this one's.
    if written.exists() {
        fs::remove_file(written).with_context(|| format!("cannot remove {}", written.display()))?;
    }
    let words = [
        "valgrind".to_owned(),
        "--quiet".to_owned(),
        "--tool=callgrind".to_owned(),
        "--compress-strings=no".to_owned(),
        "--compress-pos=no".to_owned(),
        format!("--callgrind-out-file={}", written.display()),
    ];
    // A list of TOML strings is written as Rust writes one.
    Ok(format!("target.'cfg(all())'.runner={words:?}"))
}

/// Version and host of the compiler: `rustc 1.95.0 x86_64-unknown-linux-gnu`.
fn compiler(repository: &Repository) -> Result<String> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("-vV").current_dir(&repository.root).output();
    let text = String::from_utf8(output.context("cannot start rustc")?.stdout)?;
    let line = |key: &str| text.lines().find_map(|line| line.strip_prefix(key));
    let (release, host) = line("release: ").zip(line("host: ")).context("rustc has no version")?;
    Ok(format!("rustc {release} {host}"))
}

/// The host in what `compiler` says.
fn host(compiler: &str) -> &str {
    compiler.rsplit(' ').next().unwrap_or(compiler)
}
