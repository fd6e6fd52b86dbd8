//! Programs of Debian packages that tests drive: installed where that is possible, named otherwise.

use std::{
    env,
    path::PathBuf,
    process::{Command, Stdio},
};

use crate::repository::finish;

/// A program, and the package that has it.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) name: &'static str,
    package: &'static str,
    /// What goes wrong without it.
    without: Without,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Without {
    /// The tests cannot run.
    Fails,
    /// Some tests say that they looked at nothing.
    Skips,
}

/// Counts instructions.
pub(crate) const VALGRIND: Program =
    Program { name: "valgrind", package: "valgrind", without: Without::Fails };

/// The browser that the pages are tried in.
const CHROMIUM: Program =
    Program { name: "chromium", package: "chromium", without: Without::Fails };

/// The relay that media goes through in a test.
const COTURN: Program = Program { name: "turnserver", package: "coturn", without: Without::Fails };

/// All of them.
const PROGRAMS: [Program; 4] = [
    VALGRIND,
    CHROMIUM,
    COTURN,
    Program { name: "pebble", package: "pebble", without: Without::Skips },
];

/// Installs what is missing, as far as may be; returns what is to be said to a person whose tests
/// cannot run without it.
pub(crate) fn install() -> Vec<String> {
    let missing: Vec<_> = PROGRAMS.iter().filter(|program| !program.is_there()).collect();
    if !missing.is_empty()
        && may_install()
        && let Err(error) = apt(&missing)
    {
        println!("{error:#}");
    }
    let mut named = Vec::new();
    for program in missing.into_iter().filter(|program| !program.is_there()) {
        match program.without {
            Without::Fails => named.push(program.missing()),
            Without::Skips => println!("{}; its tests will be skipped", program.missing()),
        }
    }
    named
}

impl Program {
    /// Whether it is in the `PATH`.
    pub(crate) fn is_there(&self) -> bool {
        let folders = env::var_os("PATH").unwrap_or_default();
        env::split_paths(&folders).any(|folder: PathBuf| folder.join(self.name).is_file())
    }

    /// What to do where it is not.
    pub(crate) fn missing(&self) -> String {
        format!("{}: `apt-get install {}`, or as your system has it", self.name, self.package)
    }
}

/// Only root may: on a machine of one's own, tests do not run as root, and it is left as it is.
fn may_install() -> bool {
    rustix::process::geteuid().is_root()
}

fn apt(missing: &[&Program]) -> anyhow::Result<()> {
    let packages = missing.iter().map(|program| program.package);
    println!("installing {}", packages.clone().collect::<Vec<_>>().join(", "));
    let mut apt = Command::new("apt-get");
    apt.env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null());
    let mut update = Command::new("apt-get");
    finish(update.args(["update", "-qq"]).stdin(Stdio::null()))?;
    finish(apt.args(["install", "-y", "-qq", "--no-install-recommends"]).args(packages))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_in_the_path_and_otherwise_named_with_its_package() {
        let shell = Program { name: "sh", package: "dash", without: Without::Fails };
        assert!(shell.is_there());
        let none = Program { name: "no-such-program", package: "none", without: Without::Skips };
        assert!(!none.is_there());
        assert!(none.missing().contains("apt-get install none"));
    }
}
