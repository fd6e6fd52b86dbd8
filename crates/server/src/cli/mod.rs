//! The command line.
//!
//! `serve` is the server; everything else is a tool for people and ends by itself.

mod api;
mod calls;
mod configuration;
mod ladder;
mod records;
mod table;
mod token;
mod webhooks;
mod when;

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};

use crate::{
    config::{SettingFlags, Sources},
    serve,
};

/// Does what the command line asks for.
pub async fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Serve(args) => serve::run(args.sources()).await,
        Command::Tool(tool) => tool.run().await,
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("bellwire: {error:#}");
        ExitCode::FAILURE
    })
}

/// Bellwire makes apps ring like a phone.
#[derive(Debug, Parser)]
#[command(name = "bellwire", version, about, disable_help_subcommand = true)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Runs the server.
    Serve(ServeArgs),
    /// Does something and ends.
    #[command(flatten)]
    Tool(Tool),
}

/// A tool for people.
#[derive(Debug, Subcommand)]
pub(crate) enum Tool {
    /// Prints a token for a user, as the last line.
    Token(token::TokenArgs),
    /// Prints the API key of the development app.
    Apikey(token::ApikeyArgs),
    /// Looks at configurations.
    #[command(subcommand)]
    Config(configuration::ConfigCommand),
    /// Is a phone: calls and is called, from this terminal.
    Phone(crate::phone::PhoneArgs),
    /// Lists the live calls, or draws the log of one call.
    Calls(calls::CallsArgs),
    /// Lists the records of finished calls, newest first.
    Records(records::RecordsArgs),
    /// Receives what hooks and webhooks post, for development.
    #[command(subcommand)]
    Webhooks(webhooks::WebhooksCommand),
}

/// `bellwire serve`.
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Serves one development app where everybody logs in by name. Not for production.
    #[arg(long)]
    dev: bool,
    /// Speaks TLS with a certificate of its own making, so that phones on the same network may use
    /// their cameras; browsers ask whether to go on.
    #[arg(long, requires = "dev")]
    dev_tls: bool,
    /// The configuration file (TOML); without it the one the variable `BELLWIRE_CONFIG` names.
    /// `bellwire config sample` prints one.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    settings: SettingFlags,
}

impl ServeArgs {
    /// Where the configuration comes from: these flags, the environment, the file.
    pub(crate) fn sources(self) -> Sources {
        let sources = Sources::of_process(self.config, self.settings);
        Sources { dev: self.dev, dev_tls: self.dev_tls, ..sources }
    }
}

impl Tool {
    /// Runs the tool to its end.
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Token(args) => token::token(&args),
            Self::Apikey(args) => token::apikey(&args),
            Self::Config(command) => configuration::run(command),
            Self::Phone(args) => crate::phone::run(args).await,
            Self::Calls(args) => calls::run(args).await,
            Self::Records(args) => records::run(args).await,
            Self::Webhooks(command) => webhooks::run(command).await,
        }
    }
}

/// Writes a tool's answer. A reader that has gone (`| head`) is no error.
fn print(text: &str) -> anyhow::Result<ExitCode> {
    use std::io::{ErrorKind, Write};
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        Ok(()) | Err(_) => Ok(ExitCode::SUCCESS),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn sources(args: &[&str]) -> Sources {
        match Cli::try_parse_from(args).expect("parses").command {
            Command::Serve(args) => args.sources(),
            Command::Tool(tool) => panic!("not serve: {tool:?}"),
        }
    }

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_setting_is_a_flag_of_serve() {
        let args = ["bellwire", "serve", "--dev", "--config", "b.toml", "--listen", "[::]:1"];
        let sources = sources(&args);
        assert!(sources.dev);
        assert_eq!(sources.file, Some("b.toml".into()));
        assert_eq!(sources.flags.0, [("server.listen", "[::]:1".to_owned())]);
        let help = Cli::command().find_subcommand_mut("serve").expect("serve").render_help();
        assert!(help.to_string().contains("--calls-policy-end"));
    }

    #[test]
    fn tools_are_parsed() {
        for line in [
            "token alice --data d --ttl 90m --name Alice",
            "token alice --config b.toml --app shop",
            "apikey",
            "config check --config b.toml",
            "config sample",
            "calls",
            "calls 0198c0de-0000-7000-8000-000000000000 --server http://h:1 --key k",
            "records --user alice --reason busy --limit 5",
            "webhooks listen --listen 127.0.0.1:0 --json",
        ] {
            let args = std::iter::once("bellwire").chain(line.split(' '));
            assert!(Cli::try_parse_from(args).is_ok(), "{line}");
        }
        for line in ["token", "token alice --ttl forever", "token alice --app shop", "calls x", ""]
        {
            let args = std::iter::once("bellwire").chain(line.split(' '));
            assert!(Cli::try_parse_from(args).is_err(), "{line}");
        }
    }
}
