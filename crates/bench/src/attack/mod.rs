//! Attackers: a process of its own that does to the server what honest devices never do.

mod kinds;
mod rude;

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::SocketAddr,
    process::{Child, ChildStdout, Command, Stdio},
};

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};

pub(crate) use kinds::run;

/// What they do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// Connections that say nothing, or half a request, and are dropped or left open.
    Connections,
    /// Hellos with bad tokens, and connections that never say hello.
    Hellos,
    /// One user starts calls as fast as the wire takes them.
    Starts,
    /// Frames as long as they may be, and longer.
    Frames,
    /// Devices that are sent much and read nothing.
    SlowReaders,
}

/// How the attackers' process is started.
#[derive(Debug, Clone, Args)]
pub(crate) struct AttackArgs {
    #[arg(long)]
    server: SocketAddr,
    #[arg(long)]
    kind: Kind,
    /// Attempts a second.
    #[arg(long)]
    pace: f64,
    /// Devices that take part, where there is a number of them.
    #[arg(long)]
    devices: usize,
    /// What their users are named with.
    #[arg(long)]
    name: String,
}

/// Attackers at work; they stop when this is dropped.
#[derive(Debug)]
pub(crate) struct Attack {
    child: Child,
    said: BufReader<ChildStdout>,
}

impl Kind {
    /// All of them, in the order in which they are tried.
    pub(crate) const ALL: [Self; 5] =
        [Self::Connections, Self::Hellos, Self::Starts, Self::Frames, Self::SlowReaders];

    /// The name on the command line and in reports.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::Hellos => "hellos",
            Self::Starts => "starts",
            Self::Frames => "frames",
            Self::SlowReaders => "slow-readers",
        }
    }

    /// Attempts a second when nothing else is asked for: as many as one attacker of modest means
    /// has, so that the server's share of the machine is measured and not the attacker's.
    pub(crate) fn usual_pace(self) -> f64 {
        match self {
            Self::Connections => 1_000.0,
            Self::Hellos => 500.0,
            Self::Starts => 5_000.0,
            // 25 MB a second.
            Self::Frames => 100.0,
            // 30 KiB each.
            Self::SlowReaders => 500.0,
        }
    }
}

impl Attack {
    /// Lets the attackers loose; they are at work when this returns.
    pub(crate) fn begin(
        kind: Kind,
        server: SocketAddr,
        pace: f64,
        devices: usize,
        name: &str,
    ) -> anyhow::Result<Self> {
        let own = std::env::current_exe().context("where this program is")?;
        let mut child = Command::new(own)
            .args(["attack", "--kind", kind.name(), "--server", &server.to_string()])
            .args(["--pace", &pace.to_string(), "--devices", &devices.to_string()])
            .args(["--name", name])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("the attackers do not start")?;
        let stdout = child.stdout.take().context("their output is piped")?;
        let mut attack = Self { child, said: BufReader::new(stdout) };
        let mut line = String::new();
        attack.said.read_line(&mut line)?;
        if line.trim() != "attacking" {
            bail!("the {} attackers do not begin", kind.name());
        }
        Ok(attack)
    }

    /// Stops them; how many attempts they made.
    pub(crate) fn end(mut self) -> anyhow::Result<u64> {
        // The end of their input is the sign.
        drop(self.child.stdin.take());
        let mut text = String::new();
        self.said.read_to_string(&mut text)?;
        text.trim().parse().with_context(|| format!("the attackers say `{text}`"))
    }
}

impl Drop for Attack {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Tells the parent that the attack begins.
fn announce() -> anyhow::Result<()> {
    println!("attacking");
    Ok(std::io::stdout().flush()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_known_to_the_command_line_by_the_name_in_reports() {
        assert_eq!(Kind::value_variants(), Kind::ALL);
        for kind in Kind::ALL {
            assert_eq!(Kind::from_str(kind.name(), false), Ok(kind));
            assert!(kind.usual_pace() > 0.0);
        }
    }
}
