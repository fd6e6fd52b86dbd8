//! `bellwire config`: looks at a configuration without serving it.

use std::{path::PathBuf, process::ExitCode};

use clap::Subcommand;

use crate::config::{SettingFlags, Sources, docs_page, sample};

/// `bellwire config`.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Says what is wrong with the file and the environment, and where; "ok" if nothing is.
    Check {
        /// The configuration file; without it the one the variable `BELLWIRE_CONFIG` names.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Prints a configuration file with every setting, explained.
    Sample,
    /// Prints the reference of every setting, as Markdown.
    Docs,
}

/// Runs it; a configuration with problems is exit code 1.
pub(crate) fn run(command: ConfigCommand) -> anyhow::Result<ExitCode> {
    match command {
        ConfigCommand::Sample => super::print(&sample()),
        ConfigCommand::Docs => super::print(&docs_page()),
        ConfigCommand::Check { config } => {
            match Sources::of_process(config, SettingFlags::default()).load() {
                Ok(_) => super::print("ok\n"),
                Err(error) => {
                    let lines: Vec<_> = error.problems.iter().map(ToString::to_string).collect();
                    super::print(&format!("{}\n", lines.join("\n")))?;
                    Ok(ExitCode::FAILURE)
                }
            }
        }
    }
}
