//! The ceiling: a relay without logic, for 4 frames in and 8 writes out a life.
//!
//! It runs as a process of its own, as the server does, and says the very frames that the server
//! said in one life, in the eight writes they coalesce to at best. What a life costs here is what
//! sockets and WebSocket cost; what it costs the server beyond that is its own.

mod script;
mod serve;

use std::{
    io::{BufRead, BufReader, Write},
    net::SocketAddr,
    process::{Child, Command, Stdio},
};

use anyhow::Context;

pub(crate) use script::Script;
pub(crate) use serve::run;

use crate::process::Process;

/// A relay that runs; ended when dropped.
#[derive(Debug)]
pub(crate) struct Relay {
    child: Child,
    pub(crate) address: SocketAddr,
    pub(crate) process: Process,
}

impl Relay {
    /// Starts one that says the frames of `script`.
    pub(crate) fn start(script: &Script) -> anyhow::Result<Self> {
        let own = std::env::current_exe().context("where this program is")?;
        let mut child = Command::new(own)
            .arg("relay")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("the relay does not start")?;
        let process = Process(child.id());
        // The pipe stays open: when it closes, the relay knows that nobody needs it.
        let stdin = child.stdin.as_mut().context("the relay's input is piped")?;
        writeln!(stdin, "{}", serde_json::to_string(script)?)
            .context("the relay takes no script")?;
        let stdout = child.stdout.take().context("the relay's output is piped")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).context("the relay says nothing")?;
        let address = line.trim().parse().with_context(|| format!("the relay says `{line}`"))?;
        Ok(Self { child, address, process })
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
