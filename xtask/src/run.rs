//! `cargo xtask run`: a development server, and what one needs to call through it.

use std::{
    env,
    ffi::OsString,
    io::ErrorKind,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{self, Command, Stdio},
};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::{
    repository::{Repository, finish},
    web,
};

/// Where it listens when nothing is said: B-E-L-L on a phone's keys.
const PORT: u16 = 2355;

/// What may be chosen for the development server.
#[derive(Debug, Args)]
pub(crate) struct Run {
    /// Builds with optimisations; slower to build, faster to call.
    #[arg(long)]
    release: bool,
    /// Where it listens; 127.0.0.1:2355 when not given.
    #[arg(long)]
    listen: Option<SocketAddr>,
    /// Serves phones on the same network too, over TLS, so that their browsers let the page use the
    /// camera. Anybody on that network can log in as anybody.
    #[arg(long)]
    lan: bool,
    /// Where it keeps its data; `dev-data` in cargo's target folder when not given.
    #[arg(long)]
    data: Option<PathBuf>,
    /// More arguments for `bellwire serve`.
    #[arg(last = true)]
    args: Vec<OsString>,
}

/// Builds the pages and the server and turns this process into it.
///
/// The server takes this process's place, so that ctrl-c and every other signal reaches it
/// directly and the terminal waits for it to drain. A second, small process stays beside it
/// until it answers, to print the addresses (see [`crate::announce`]).
pub(crate) fn become_server(repository: &Repository, run: &Run) -> Result<()> {
    let ip = if run.lan { Ipv4Addr::UNSPECIFIED } else { Ipv4Addr::LOCALHOST };
    let listen = run.listen.unwrap_or_else(|| SocketAddr::from((ip, PORT)));
    check_free(listen)?;
    if let Err(error) = web::build_pages(repository) {
        eprintln!("the phone page is left out: {error:#}");
    }
    let profile = if run.release { "release" } else { "debug" };
    let mut build = repository.cargo();
    build.args(["build", "--package", "bellwire"]);
    if run.release {
        build.arg("--release");
    }
    finish(&mut build)?;

    let server = repository.target.join(profile).join("bellwire");
    let data = run.data.clone().unwrap_or_else(|| repository.target.join("dev-data"));
    start_announcer(&server, listen, run.lan, &data)?;
    let error = Command::new(&server)
        .args(["serve", "--dev", "--listen", &listen.to_string(), "--data"])
        .arg(&data)
        .args(run.lan.then_some("--dev-tls"))
        .args(&run.args)
        .exec();
    Err(error).with_context(|| format!("cannot start {}", server.display()))
}

/// Starts the process that prints the addresses once the server answers.
fn start_announcer(server: &Path, listen: SocketAddr, lan: bool, data: &Path) -> Result<()> {
    let me = env::current_exe().context("cannot find this program")?;
    Command::new(me)
        .arg("announce")
        .args(["--server-pid", &process::id().to_string()])
        .args(["--listen", &listen.to_string()])
        .arg("--data")
        .arg(data)
        .arg("--server")
        .arg(server)
        .args(lan.then_some("--tls"))
        .stdin(Stdio::null())
        .spawn()
        .context("cannot start the process that prints the addresses")?;
    Ok(())
}

/// Says so before the long build when the address cannot be had.
fn check_free(listen: SocketAddr) -> Result<()> {
    if listen.port() == 0 {
        bail!("--listen {listen}: name a port, so that the phones know where to call");
    }
    match TcpListener::bind(listen) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AddrInUse => bail!(
            "{listen} is taken: stop what listens there, or choose another with --listen \
             127.0.0.1:PORT"
        ),
        Err(error) => Err(error).with_context(|| format!("cannot listen on {listen}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_address_is_refused_with_a_way_out() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        let error = check_free(address).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{address} is taken")), "{error}");
        assert!(error.contains("--listen"), "{error}");
    }

    #[test]
    fn a_port_must_be_named() {
        let error = check_free("127.0.0.1:0".parse().unwrap()).unwrap_err().to_string();
        assert!(error.contains("name a port"), "{error}");
    }
}
