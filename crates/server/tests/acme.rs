//! A certificate from an ACME authority, with `pebble` as the authority: it checks the signatures
//! of requests and proves the domain by connecting. Both programs of the Debian package `pebble`
//! are looked for in the `PATH`; where they are not, the tests that need them say so and pass.
//!
//! 1. The port refuses handshakes until there is a certificate; then it is the authority's. Key
//!    and account are the server's alone. After a restart it is there without the authority.
//! 2. A certificate of which two thirds are over is replaced.
//! 3. An authority that cannot be reached is told in the log, and the server runs.

mod support;

use std::{
    fs,
    net::SocketAddr,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant, SystemTime},
};

use rcgen::{CertificateParams, KeyPair};
use serde_json::json;
use support::{Authority, PATIENCE, Server, believing, free_address};
use tempfile::TempDir;

const DOMAIN: &str = "calls.bellwire.test";

/// A program that is ended when it is dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// A running pebble that finds every domain on this machine.
struct Pebble {
    _authority: Running,
    _dns: Running,
    folder: TempDir,
    own: Authority,
    directory: SocketAddr,
    management: SocketAddr,
}

impl Pebble {
    /// Starts one that proves domains at `server`; none where it is not installed.
    async fn start(server: SocketAddr) -> Option<Self> {
        let (Some(pebble), Some(dns)) = (program("pebble"), program("pebble-challtestsrv")) else {
            eprintln!("skipped: there is no `pebble` in the PATH");
            return None;
        };
        let (folder, own) = (tempfile::tempdir().expect("a folder"), Authority::new());
        own.write(folder.path());
        fs::write(folder.path().join("root.pem"), own.root()).expect("written");
        let [directory, management, names, ports] = [(); 4].map(|()| free_address());
        let config = json!({"pebble": {
            "listenAddress": directory.to_string(),
            "managementListenAddress": management.to_string(),
            "certificate": folder.path().join("cert.pem"),
            "privateKey": folder.path().join("key.pem"),
            "httpPort": ports.port(),
            "tlsPort": server.port(),
            "ocspResponderURL": "",
            "externalAccountBindingRequired": false,
        }});
        let config_file = folder.path().join("pebble.json");
        fs::write(&config_file, config.to_string()).expect("written");
        let names = names.to_string();
        let dns = Command::new(dns)
            .args(["-dns01", &names, "-management", &ports.to_string()])
            .args(["-http01", "", "-https01", "", "-tlsalpn01", ""])
            .args(["-defaultIPv4", "127.0.0.1", "-defaultIPv6", ""])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let pebble = Command::new(pebble)
            .arg("-config")
            .arg(&config_file)
            .args(["-dnsserver", &names, "-strict"])
            // It would wait some seconds before it proves anything, as the real ones do.
            .env("PEBBLE_VA_NOSLEEP", "1")
            // Nonces are refused now and then, as the real ones do.
            .env("PEBBLE_WFE_NONCEREJECT", "20")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let this = Self {
            _authority: Running(pebble.expect("pebble starts")),
            _dns: Running(dns.expect("pebble-challtestsrv starts")),
            folder,
            own,
            directory,
            management,
        };
        let (client, until) = (this.own.client(), Instant::now() + PATIENCE);
        while client.get(this.directory_url()).send().await.is_err() {
            assert!(Instant::now() < until, "pebble does not answer");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Some(this)
    }

    fn directory_url(&self) -> String {
        format!("https://localhost:{}/dir", self.directory.port())
    }

    /// The flags that make a server its customer.
    fn flags(&self) -> Vec<String> {
        let root = self.folder.path().join("root.pem");
        customer(&self.directory_url(), &root)
    }

    /// The root of the certificates it gives.
    async fn root(&self) -> String {
        let address = format!("https://localhost:{}/roots/0", self.management.port());
        let answer = self.own.client().get(address).send().await.expect("an answer");
        answer.text().await.expect("PEM")
    }
}

fn customer(directory: &str, root: &Path) -> Vec<String> {
    let root = root.to_str().expect("a UTF-8 path");
    let domains = format!("[\"{DOMAIN}\"]");
    [
        ["--tls-acme-domains", &domains],
        ["--tls-acme-email", "ops@bellwire.test"],
        ["--tls-acme-directory", directory],
        ["--tls-acme-directory-root", root],
    ]
    .concat()
    .into_iter()
    .map(str::to_owned)
    .collect()
}

fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

fn start(address: SocketAddr, data: &Path, flags: &[String]) -> Server {
    Server::start_at(address, data, &flags.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Whether the server shows a certificate for the domain that comes from this root.
async fn shows(server: &Server, root: &str) -> bool {
    let client = believing(root).resolve(DOMAIN, server.address()).build().expect("a client");
    let address = format!("https://{DOMAIN}:{}/healthz", server.address().port());
    client.get(address).send().await.is_ok_and(|answer| answer.status() == 200)
}

async fn until_it_shows(server: &Server, root: &str) {
    let until = Instant::now() + 3 * PATIENCE;
    while !shows(server, root).await {
        assert!(Instant::now() < until, "no certificate of the authority");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_certificate_is_had_kept_and_there_after_a_restart() {
    let address = free_address();
    let Some(pebble) = Pebble::start(address).await else { return };
    let data = tempfile::tempdir().expect("a folder");
    let mut server = start(address, data.path(), &pebble.flags());
    server.logs("no certificate yet").await;
    let root = pebble.root().await;
    until_it_shows(&server, &root).await;
    for name in ["account.json", "certificate.json"] {
        let meta = fs::metadata(data.path().join("acme").join(name)).expect("kept");
        assert_eq!(meta.permissions().mode() & 0o777, 0o600, "{name}");
    }
    let kept = fs::read(data.path().join("acme/certificate.json")).expect("kept");
    drop(pebble);
    server.restart();
    assert!(shows(&server, &root).await, "at once, without the authority");
    assert!(fs::read(data.path().join("acme/certificate.json")).expect("kept") == kept);
    let log = server.log();
    assert!(!log.contains("PRIVATE KEY"), "keys are not told: {log}");
}

#[tokio::test]
async fn a_certificate_is_renewed_when_two_thirds_are_over() {
    let address = free_address();
    let Some(pebble) = Pebble::start(address).await else { return };
    let data = tempfile::tempdir().expect("a folder");
    let mut params = CertificateParams::new(vec![DOMAIN.to_owned()]).expect("a name");
    let day = Duration::from_hours(24);
    params.not_before = (SystemTime::now() - 61 * day).into();
    params.not_after = (SystemTime::now() + 29 * day).into();
    let key = KeyPair::generate().expect("a key");
    let old = params.self_signed(&key).expect("signed").pem();
    let kept = json!({
        "directory": pebble.directory_url(),
        "domains": [DOMAIN],
        "chain": old,
        "key": key.serialize_pem(),
    });
    fs::create_dir(data.path().join("acme")).expect("made");
    fs::write(data.path().join("acme/certificate.json"), kept.to_string()).expect("written");
    let server = start(address, data.path(), &pebble.flags());
    until_it_shows(&server, &pebble.root().await).await;
    assert!(!server.log().contains("no certificate yet"), "the old one was shown until then");
}

#[tokio::test]
async fn an_authority_that_is_away_is_told_and_the_server_runs() {
    let (data, own) = (tempfile::tempdir().expect("a folder"), Authority::new());
    fs::write(data.path().join("root.pem"), own.root()).expect("written");
    let nobody = format!("https://localhost:{}/dir", free_address().port());
    let flags = customer(&nobody, &data.path().join("root.pem"));
    let mut server = start(free_address(), data.path(), &flags);
    server.logs("no new certificate").await;
    assert!(!shows(&server, own.root()).await, "no certificate, no handshake");
    server.signal("TERM");
    assert!(server.wait_for_exit(PATIENCE).success());
}
