//! Waits for the development server and prints how to call through it.

use std::{
    io::{Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream},
    os::unix::process::parent_id,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::repository::Repository;

/// The server listens within 10 s of its start; twice that is a machine in trouble.
const PATIENCE: Duration = Duration::from_secs(20);
/// Between two looks: short enough to feel immediate, long enough to leave the server the core.
const PAUSE: Duration = Duration::from_millis(50);
/// For one answer on the loopback.
const ANSWER_TIME: Duration = Duration::from_secs(2);
/// Where phones call when they are not told; other addresses are named in the lines to paste.
const DEFAULT_PORT: u16 = 2355;

/// What to wait for.
#[derive(Debug, Args)]
pub(crate) struct Announcement {
    /// The process that is, or is about to become, the server.
    #[arg(long)]
    server_pid: u32,
    /// Where it listens.
    #[arg(long)]
    listen: SocketAddr,
    /// Where its data is.
    #[arg(long)]
    data: PathBuf,
    /// The binary.
    #[arg(long)]
    server: PathBuf,
    /// Whether the port speaks TLS.
    #[arg(long)]
    tls: bool,
}

/// Waits until the server answers, then prints; is silent when the server has gone.
pub(crate) fn run(announcement: &Announcement) -> Result<()> {
    let address = reachable(announcement.listen);
    let begun = Instant::now();
    let answers = if announcement.tls { speaks_tls } else { is_healthy };
    while !answers(address) {
        // The server is our parent. It has said itself why it stopped.
        if parent_id() != announcement.server_pid {
            return Ok(());
        }
        if begun.elapsed() > PATIENCE {
            bail!("no answer from {address} within {} s", PATIENCE.as_secs());
        }
        thread::sleep(PAUSE);
    }
    let token = |user| token(&announcement.server, &announcement.data, user);
    let (alice, bob) = (token("alice")?, token("bob")?);
    if announcement.tls {
        let mut others = own_addresses();
        others.retain(|ip| is_listened_on(announcement.listen.ip(), *ip));
        print!("{}", text_for_phones(address, &others, &alice, &bob));
        return Ok(());
    }
    let program = Repository::shown(&announcement.server);
    print!("{}", text(address, &program, &alice, &bob));
    Ok(())
}

/// The address to call where "any" was listened on.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        named => named,
    };
    SocketAddr::new(ip, listen.port())
}

/// Whether `GET /healthz` is answered with 200.
fn is_healthy(address: SocketAddr) -> bool {
    status_line(address).is_ok_and(|line| line.starts_with(b"HTTP/1.1 200"))
}

/// Whether what is no handshake is answered with an alert (RFC 8446, section 6), as only a port
/// does that speaks TLS and is served.
fn speaks_tls(address: SocketAddr) -> bool {
    const ALERT: u8 = 21;
    let first = || {
        let mut stream = TcpStream::connect_timeout(&address, ANSWER_TIME)?;
        stream.set_read_timeout(Some(ANSWER_TIME))?;
        stream.write_all(b"hello\r\n\r\n")?;
        let mut byte = [0];
        stream.read_exact(&mut byte).map(|()| byte[0])
    };
    first().is_ok_and(|byte| byte == ALERT)
}

/// The addresses of this machine that others on its network may reach.
fn own_addresses() -> Vec<IpAddr> {
    let all = if_addrs::get_if_addrs().unwrap_or_default();
    let wide = all.iter().filter(|i| !i.is_loopback() && !i.is_link_local());
    wide.map(if_addrs::Interface::ip).collect()
}

/// Whether who listens on `listen`, and means any address by it, is reached by `ip`. Any of IPv6 is
/// any of IPv4 too.
fn is_listened_on(listen: IpAddr, ip: IpAddr) -> bool {
    listen.is_unspecified() && (listen.is_ipv6() || ip.is_ipv4())
}

/// The first bytes of the answer to `GET /healthz`.
fn status_line(address: SocketAddr) -> std::io::Result<[u8; 12]> {
    let mut stream = TcpStream::connect_timeout(&address, ANSWER_TIME)?;
    stream.set_read_timeout(Some(ANSWER_TIME))?;
    let request = format!("GET /healthz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut line = [0; 12];
    stream.read_exact(&mut line)?;
    Ok(line)
}

/// A token for `user`: the last line that `bellwire token` prints.
fn token(server: &Path, data: &Path, user: &str) -> Result<String> {
    let output = Command::new(server)
        .args(["token", user, "--data"])
        .arg(data)
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot start {}", server.display()))?;
    let printed = String::from_utf8(output.stdout).context("the token is not text")?;
    match printed.lines().last() {
        Some(token) if output.status.success() => Ok(token.to_owned()),
        _ => bail!("`bellwire token {user}` failed ({})", output.status),
    }
}

/// What is printed.
fn text(address: SocketAddr, program: &str, alice: &str, bob: &str) -> String {
    let server = match (address.ip(), address.port()) {
        (IpAddr::V4(Ipv4Addr::LOCALHOST), DEFAULT_PORT) => String::new(),
        _ => format!(" --server ws://{address}"),
    };
    format!(
        "
Bellwire is up, for development only.

  Phone      http://{address}/
  WebSocket  ws://{address}/v1/ws
  HTTP       http://{address}

Open the phone in two browser windows, log in by two names, and call one from the other.

Two terminal phones; paste each line into a terminal of its own:

  {program} phone alice{server}
  {program} phone bob{server}

then type `call bob` at alice's and `answer` at bob's.

Tokens for programs of your own, good for an hour:

  alice  {alice}
  bob    {bob}

ctrl-c stops the server.
"
    )
}

/// What is printed for phones on the same network.
fn text_for_phones(address: SocketAddr, others: &[IpAddr], alice: &str, bob: &str) -> String {
    let page = |ip| format!("  https://{}/\n", SocketAddr::new(ip, address.port()));
    let pages: String = others.iter().copied().chain([address.ip()]).map(page).collect();
    format!(
        "
Bellwire is up, for development only: anybody on this network can log in as anybody.

Open one of these on the phones, log in by two names, and call one from the other. The certificate
is the server's own, so browsers ask first whether to go on.

{pages}
Tokens for programs of your own, good for an hour:

  alice  {alice}
  bob    {bob}

ctrl-c stops the server.
"
    )
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    /// A server that answers one request with `answer`.
    fn answering(answer: &'static str) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 512];
            assert!(stream.read(&mut request).unwrap() > 0);
            stream.write_all(answer.as_bytes()).unwrap();
        });
        address
    }

    #[test]
    fn phones_are_told_every_address_they_may_reach() {
        let at = "127.0.0.1:2355".parse().unwrap();
        let text = text_for_phones(at, &["192.0.2.7".parse().unwrap()], "ta", "tb");
        assert!(
            text.contains("\n  https://192.0.2.7:2355/\n  https://127.0.0.1:2355/\n"),
            "{text}"
        );
    }

    #[test]
    fn no_address_is_told_that_is_not_listened_on() {
        let told =
            |listen: &str, ip: &str| is_listened_on(listen.parse().unwrap(), ip.parse().unwrap());
        assert!(told("0.0.0.0", "192.0.2.7"));
        assert!(!told("0.0.0.0", "2001:db8::7"));
        assert!(told("::", "192.0.2.7"));
        assert!(told("::", "2001:db8::7"));
        assert!(!told("192.0.2.8", "192.0.2.7"));
    }

    #[test]
    fn only_an_alert_is_tls() {
        assert!(speaks_tls(answering("\x15\x03\x03\0\x02\x02\x32")));
        assert!(!speaks_tls(answering("HTTP/1.1 400 Bad Request\r\n\r\n")));
    }

    #[test]
    fn only_an_ok_is_health() {
        assert!(is_healthy(answering("HTTP/1.1 200 OK\r\n\r\n")));
        assert!(!is_healthy(answering("HTTP/1.1 503 Service Unavailable\r\n\r\n")));
        assert!(!is_healthy(answering("SSH-2.0")));
    }

    #[test]
    fn an_address_that_means_any_is_called_on_the_loopback() {
        let reached = |listen: &str| reachable(listen.parse().unwrap()).to_string();
        assert_eq!(reached("0.0.0.0:2355"), "127.0.0.1:2355");
        assert_eq!(reached("[::]:9"), "[::1]:9");
        assert_eq!(reached("192.0.2.7:2355"), "192.0.2.7:2355");
    }

    #[test]
    fn the_phones_are_told_an_address_that_is_not_the_usual_one() {
        let at = |address: &str| text(address.parse().unwrap(), "bellwire", "ta", "tb");
        assert!(at("127.0.0.1:2355").contains("\n  bellwire phone alice\n"));
        assert!(
            at("127.0.0.1:9").contains("\n  bellwire phone bob --server ws://127.0.0.1:9\n"),
            "a port of one's own must be named"
        );
    }
}
