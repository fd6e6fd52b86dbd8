//! `cargo xtask model`: the model check, built to be fast.

use std::{ffi::OsString, process::Command};

use anyhow::Result;
use clap::Args;

use crate::repository::{Repository, finish};

/// The profile of the workspace that the check is built with: optimised, and with the assertions
/// of the rules.
const PROFILE: &str = "model";

/// What is checked when nothing is asked for: each line is a world, in arguments of
/// `bellwire-sim model`.
const WORLDS: [&str; 9] = [
    "--users 2 --devices 1",
    "--users 2 --devices 1 --max-time",
    "--users 2 --devices 1 --routed",
    "--users 2 --devices 2",
    "--users 2 --devices 1 --calls 2 --depth 3",
    "--users 2 --devices 2 --calls 2 --depth 2",
    "--users 3 --devices 1 --depth 5",
    "--users 3 --devices 1 --calls 2 --depth 2",
    "--users 3 --devices 2 --depth 4",
];

/// What is to be checked.
#[derive(Debug, Args)]
pub(crate) struct Model {
    /// Arguments of `bellwire-sim model` for one world, instead of the usual ones.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<OsString>,
}

/// Builds the check and runs it, up to the first world that breaks a rule.
pub(crate) fn run(repository: &Repository, model: &Model) -> Result<()> {
    let mut build = repository.cargo();
    finish(build.args(["build", "--profile", PROFILE, "--package", "bellwire-sim"]))?;
    let program = repository.target.join(PROFILE).join("bellwire-sim");
    let check = || {
        let mut command = Command::new(&program);
        command.arg("model");
        command
    };
    if !model.args.is_empty() {
        return finish(check().args(&model.args));
    }
    for world in WORLDS {
        finish(check().args(world.split(' ')))?;
    }
    Ok(())
}
