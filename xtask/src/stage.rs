//! The stages a change must pass, and the order they run in: what is quick to fail comes first.

use std::{
    fmt::Write,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use clap::ValueEnum;

use crate::{
    instructions::{self, Instructions},
    prerequisites, python,
    repository::{Repository, finish},
    tidy, web,
};

/// One part of what a change must pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Stage {
    /// What the other stages need is there, or is installed.
    Prerequisites,
    /// The code is formatted.
    Fmt,
    /// The lints are silent.
    Clippy,
    /// The docs build without a warning, private items too.
    Docs,
    /// The rules of style that no other tool checks.
    Tidy,
    /// Licences and sources of the dependencies.
    Deny,
    /// The web side is well written, and the pages build.
    Pages,
    /// The server builds, with the pages in it.
    Build,
    /// Tests beside the code: units, tables, properties, examples, docs.
    Unit,
    /// The fuzz targets over their corpora and seeded mutations of them.
    Fuzz,
    /// Tests from outside: real servers, real sockets, real files.
    EndToEnd,
    /// The web SDK and the pages against that server, in Node and in a browser; their size.
    Web,
    /// A call life costs no more instructions than expected.
    Instructions,
}

/// Runs the stages named, all when none is, up to the first that fails.
pub(crate) fn run(repository: &Repository, named: &[Stage]) -> Result<()> {
    let stages = if named.is_empty() { Stage::value_variants() } else { named };
    let mut took = Vec::new();
    let mut outcome = Ok(());
    for &stage in stages {
        println!("== stage {} ==", stage.name());
        let begun = Instant::now();
        outcome = stage.run(repository);
        took.push((stage, begun.elapsed()));
        if outcome.is_err() {
            break;
        }
    }
    print!("\n{}", table(&took, outcome.is_ok()));
    outcome.with_context(|| {
        let failed = took.last().map_or("", |(stage, _)| stage.name());
        format!("stage {failed} failed; `cargo xtask test {failed}` runs it alone")
    })
}

impl Stage {
    /// The name on the command line.
    fn name(self) -> &'static str {
        match self {
            Self::Prerequisites => "prerequisites",
            Self::Fmt => "fmt",
            Self::Clippy => "clippy",
            Self::Docs => "docs",
            Self::Tidy => "tidy",
            Self::Deny => "deny",
            Self::Pages => "pages",
            Self::Build => "build",
            Self::Unit => "unit",
            Self::Fuzz => "fuzz",
            Self::EndToEnd => "end-to-end",
            Self::Web => "web",
            Self::Instructions => "instructions",
        }
    }

    fn run(self, repository: &Repository) -> Result<()> {
        let cargo = |line: &str| finish(&mut cargo(repository, line));
        match self {
            Self::Prerequisites => prerequisites::check(repository),
            Self::Fmt => {
                cargo("fmt --all --check")?;
                // A workspace of its own, which `--all` does not reach.
                cargo("fmt --manifest-path fuzz/Cargo.toml --check")
            }
            Self::Clippy => cargo("clippy --locked --workspace --all-targets -- -D warnings"),
            Self::Docs => {
                let line = "doc --locked --workspace --no-deps --document-private-items";
                finish(self::cargo(repository, line).env("RUSTDOCFLAGS", "-D warnings"))
            }
            Self::Tidy => tidy::run(repository),
            Self::Deny => {
                let mut deny = Command::new(prerequisites::cargo_deny(repository)?);
                // Without the graph of who needs what, which is long and hides the finding.
                deny.args(["--locked", "check", "--hide-inclusion-graph"])
                    .args(["licenses", "bans", "sources"])
                    .current_dir(&repository.root)
                    .stdin(Stdio::null());
                finish(&mut deny)
            }
            Self::Pages => web::check_and_build(repository),
            Self::Build => cargo("build --locked --package bellwire"),
            Self::Unit => {
                cargo("test --locked --workspace --lib --bins --examples")?;
                cargo("test --locked --workspace --doc")
            }
            Self::Fuzz => cargo("test --locked --package bellwire-fuzz --test corpus"),
            Self::EndToEnd => {
                let line = "test --locked --workspace --exclude bellwire-fuzz --test *";
                let packages = python::for_tests(repository)?;
                let mut tests = self::cargo(repository, line);
                tests.env("BELLWIRE_TEST_PYTHON", packages);
                finish(tests.env("BELLWIRE_TEST_NODE", web::node(repository)?))
            }
            Self::Web => web::test(repository),
            Self::Instructions => instructions::run(repository, &Instructions::default()),
        }
    }
}

/// A call of cargo with the arguments of `line`, which are parted by spaces.
fn cargo(repository: &Repository, line: &str) -> Command {
    let mut command = repository.cargo();
    // A test that asks the terminal something would wait forever where nobody sits.
    command.args(line.split(' ')).stdin(Stdio::null());
    command
}

/// What each stage took, in seconds; the last of them failed unless `passed`.
fn table(took: &[(Stage, Duration)], passed: bool) -> String {
    let mut text = String::new();
    let mut line = |name: &str, took: Duration, outcome: &str| {
        // Writing to a `String` cannot fail.
        let _ = writeln!(text, "{name:<14}{:>8.1} s  {outcome}", took.as_secs_f64());
    };
    for (at, &(stage, duration)) in took.iter().enumerate() {
        let failed = !passed && at + 1 == took.len();
        line(stage.name(), duration, if failed { "FAILED" } else { "ok" });
    }
    line("all", took.iter().map(|&(_, duration)| duration).sum(), "");
    text.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stage_is_known_to_the_command_line_by_the_name_it_prints() {
        for stage in Stage::value_variants() {
            assert_eq!(Stage::from_str(stage.name(), false), Ok(*stage));
        }
    }

    #[test]
    fn the_table_marks_the_stage_that_failed() {
        let took = [
            (Stage::Fmt, Duration::from_millis(1_240)),
            (Stage::EndToEnd, Duration::from_secs(100)),
        ];
        let passed = "fmt                1.2 s  ok\nend-to-end       100.0 s  ok\n\
                      all              101.2 s\n";
        assert_eq!(table(&took, true), passed);
        assert!(table(&took, false).contains("100.0 s  FAILED\n"));
        assert!(table(&took, false).contains("1.2 s  ok\n"));
    }
}
