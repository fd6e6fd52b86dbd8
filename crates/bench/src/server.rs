//! The server under load: one that runs already, or one of our own.

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use clap::Args;
use tempfile::TempDir;

use crate::{business::Business, files, process::Process};

/// How long our own server may take until it listens.
const PATIENCE: Duration = Duration::from_secs(15);

/// Which server.
#[derive(Debug, Clone, Args)]
pub(crate) struct ServerArgs {
    /// A server that runs already, as `ws://127.0.0.1:2355`; its development app is used. Without
    /// it a server is started, and ended afterwards.
    #[arg(long, value_name = "URL", requires = "pid")]
    server: Option<String>,
    /// The process id of that server, whose processor time and memory are read.
    #[arg(long, requires = "server")]
    pid: Option<u32>,
    #[command(flatten)]
    own: OwnServerArgs,
}

/// What to start as a server.
#[derive(Debug, Clone, Args)]
pub(crate) struct OwnServerArgs {
    /// The server's binary; by default `bellwire` beside this one. A server that is started has
    /// an empty journal in a folder that goes away with it.
    #[arg(long, value_name = "PATH")]
    bellwire: Option<PathBuf>,
}

/// A server under load; our own is ended with it.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) process: Process,
    /// Ended with us, if we started it.
    _own: Option<Own>,
}

#[derive(Debug)]
struct Own {
    child: Child,
    /// Removed after the server has ended.
    _data: TempDir,
}

impl Server {
    /// The server that `args` name, with room for every device one process can play.
    pub(crate) fn open(args: &ServerArgs) -> anyhow::Result<Self> {
        Self::open_with(args, None)
    }

    /// The same beside a business server, which only one of our own has.
    pub(crate) fn open_with(
        args: &ServerArgs,
        business: Option<&mut Business>,
    ) -> anyhow::Result<Self> {
        if let (Some(url), Some(pid)) = (&args.server, args.pid) {
            if business.is_some() {
                bail!("--business is for a server that the bench starts; leave --server out");
            }
            return Ok(Self { address: address(url)?, process: Process(pid), _own: None });
        }
        Self::start_with(&args.own, business, &[])
    }

    /// The same with more flags for one of our own.
    pub(crate) fn open_flagged(args: &ServerArgs, flags: &[&str]) -> anyhow::Result<Self> {
        match args.server {
            Some(_) => Self::open(args),
            None => Self::start_with(&args.own, None, flags),
        }
    }

    /// A server of our own, with an empty journal.
    pub(crate) fn start(args: &OwnServerArgs) -> anyhow::Result<Self> {
        Self::start_with(args, None, &[])
    }

    fn start_with(
        args: &OwnServerArgs,
        business: Option<&mut Business>,
        flags: &[&str],
    ) -> anyhow::Result<Self> {
        let binary = args.bellwire.clone().map_or_else(sibling, Ok)?;
        let data = tempfile::tempdir().context("a folder for the server's data")?;
        let config =
            business.as_ref().map(|business| business.configure(data.path())).transpose()?;
        // Between finding the port and using it somebody else may take it.
        for _ in 0..3 {
            let address = free_address()?;
            let mut child = start(&binary, data.path(), address, config.as_deref(), flags)?;
            if wait(&mut child, address)? {
                if let Some(business) = business {
                    business.attend(address);
                }
                let process = Process(child.id());
                return Ok(Self { address, process, _own: Some(Own { child, _data: data }) });
            }
        }
        bail!("{} does not start: see what it says above", binary.display())
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        // It may have ended already; its data go away with it, so it need not say goodbye.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// An address on the loopback that nobody listens on now.
fn free_address() -> anyhow::Result<SocketAddr> {
    let probe = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("a free port")?;
    Ok(probe.local_addr()?)
}

fn sibling() -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe().context("where this program is")?;
    let path = own.with_file_name("bellwire");
    if !path.exists() {
        let build = "build it with `cargo build --package bellwire`, or name one with --bellwire";
        bail!("there is no {}: {build}", path.display());
    }
    Ok(path)
}

fn start(
    binary: &Path,
    data: &Path,
    address: SocketAddr,
    config: Option<&Path>,
    flags: &[&str],
) -> anyhow::Result<Child> {
    let mut command = Command::new(binary);
    // The settings are those of the flags, not of somebody's environment.
    let names = std::env::vars_os().map(|(name, _)| name);
    for name in names.filter(|name| name.to_string_lossy().starts_with("BELLWIRE_")) {
        command.env_remove(name);
    }
    command.arg("serve");
    match config {
        Some(config) => command.arg("--config").arg(config),
        None => command.arg("--dev"),
    };
    command
        .args(["--server-log-level", "error", "--listen", &address.to_string()])
        // Those beside its own port may be somebody else's.
        .args(["--media-udp", "127.0.0.1:0", "--media-tcp", "127.0.0.1:0"])
        .args(["--limits-connections", &files::most_devices().min(1_000_000).to_string()])
        .args(flags)
        .arg("--data")
        .arg(data)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot start {}", binary.display()))
}

/// Waits until `child` serves; false if it ends instead.
fn wait(child: &mut Child, address: SocketAddr) -> anyhow::Result<bool> {
    let patience = Instant::now() + PATIENCE;
    while !serves(address) {
        if child.try_wait()?.is_some() {
            return Ok(false);
        }
        if Instant::now() > patience {
            drop(child.kill());
            drop(child.wait());
            bail!("the server does not serve within {} s", PATIENCE.as_secs());
        }
        thread::sleep(Duration::from_millis(10));
    }
    Ok(true)
}

/// Whether a server answers there. That somebody listens is not enough: a server that cannot have
/// its ports for media ends only after that.
fn serves(address: SocketAddr) -> bool {
    let asked = || -> std::io::Result<bool> {
        let mut socket = TcpStream::connect(address)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.write_all(b"GET /healthz HTTP/1.1\r\nhost: bench\r\nconnection: close\r\n\r\n")?;
        let mut answer = String::new();
        socket.read_to_string(&mut answer)?;
        Ok(answer.starts_with("HTTP/1.1 200"))
    };
    asked().unwrap_or(false)
}

fn address(url: &str) -> anyhow::Result<SocketAddr> {
    if url.starts_with("wss:") || url.starts_with("https:") {
        bail!("{url}: the bench speaks plain TCP only; give it a `ws://` address");
    }
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = rest.split('/').next().unwrap_or_default();
    let mut found = host.to_socket_addrs().with_context(|| format!("{url}: no `host:port`"))?;
    found.next().with_context(|| format!("{url}: an unknown host"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_named_with_or_without_scheme_and_path() {
        let wanted: SocketAddr = ([127, 0, 0, 1], 2355).into();
        for url in ["ws://127.0.0.1:2355", "http://127.0.0.1:2355/v1/ws", "127.0.0.1:2355"] {
            assert_eq!(address(url).expect(url), wanted);
        }
        assert!(address("wss://127.0.0.1:2355").is_err());
        assert!(address("127.0.0.1").is_err());
    }
}
