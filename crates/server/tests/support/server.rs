//! A real `bellwire serve --dev`, ended when it is dropped.

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, mpsc},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use super::{Api, Device, PATIENCE, free_address};

/// A running server with its own data directory, on a port of its own.
pub(crate) struct Server {
    child: Child,
    data: PathBuf,
    /// Removed with the server, where it is the server's own.
    own: Option<TempDir>,
    address: SocketAddr,
    flags: Vec<String>,
    log: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Starts one with the settings as they are.
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts one with more flags, such as `&["--calls-grace-s", "1"]`.
    pub(crate) fn start_with(flags: &[&str]) -> Self {
        let data = tempfile::tempdir().expect("a data directory");
        let mut server = Self::start_on(data.path(), flags);
        server.own = Some(data);
        server
    }

    /// Starts one on a data directory that stays when it ends.
    pub(crate) fn start_on(data: &Path, flags: &[&str]) -> Self {
        Self::start_at(free_address(), data, flags)
    }

    /// The same at an address that others have to know before.
    pub(crate) fn start_at(address: SocketAddr, data: &Path, flags: &[&str]) -> Self {
        let flags: Vec<String> = flags.iter().map(|&f| f.to_owned()).collect();
        let log = Arc::default();
        let (child, address) = launch(data, address, &flags, &log);
        Self { child, data: data.to_owned(), own: None, address, flags, log }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its data directory.
    pub(crate) fn data(&self) -> &Path {
        &self.data
    }

    /// The process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A device of `user`, logged in by name.
    pub(crate) async fn device(&self, user: &str, device: &str) -> Device {
        Device::login(self.address, user, device).await
    }

    /// The HTTP API with the development app's key.
    pub(crate) fn api(&self) -> Api {
        Api::new(self.address, &self.api_key())
    }

    /// The development app's key.
    pub(crate) fn api_key(&self) -> String {
        Self::tool(&["apikey", "--data", &self.data_arg()])
    }

    /// A token as `bellwire token` makes it.
    pub(crate) fn token(&self, user: &str) -> String {
        Self::tool(&["token", user, "--data", &self.data_arg()])
    }

    /// Runs a `bellwire` command that has to succeed; its last line on standard output.
    pub(crate) fn tool(args: &[&str]) -> String {
        let output = bellwire().args(args).output().expect("bellwire runs");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "bellwire {args:?}: {errors}");
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        text.lines().last().unwrap_or_default().to_owned()
    }

    /// `kill -9`: no goodbye to anybody.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("it was running");
        self.child.wait().expect("it has ended");
    }

    /// Starts it again on the same data and port, with the flags as before.
    pub(crate) fn restart(&mut self) {
        let flags = std::mem::take(&mut self.flags);
        self.restart_with(&flags.iter().map(String::as_str).collect::<Vec<_>>());
    }

    /// Starts it again on the same data and port, with other flags.
    pub(crate) fn restart_with(&mut self, flags: &[&str]) {
        if self.child.try_wait().expect("a status").is_none() {
            self.kill();
        }
        self.flags = flags.iter().map(|&f| f.to_owned()).collect();
        let (child, address) = launch(&self.data, self.address, &self.flags, &self.log);
        (self.child, self.address) = (child, address);
    }

    /// Sends a signal, named as `kill` names it: `TERM`, `HUP`, `STOP`, `CONT`.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status().expect("kill runs");
        assert!(sent.success(), "signal {name}");
    }

    /// Waits until the process has ended by itself.
    pub(crate) fn wait_for_exit(&mut self, patience: Duration) -> ExitStatus {
        let until = Instant::now() + patience;
        loop {
            if let Some(status) = self.child.try_wait().expect("a status") {
                return status;
            }
            assert!(Instant::now() < until, "the server does not end");
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// What it has logged so far, over all its lives.
    pub(crate) fn log(&self) -> String {
        self.log.lock().expect("no reader has panicked").join("\n")
    }

    /// Waits until it has logged `text`.
    pub(crate) async fn logs(&self, text: &str) {
        let until = Instant::now() + PATIENCE;
        while !self.log().contains(text) {
            assert!(Instant::now() < until, "the server does not log {text:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    fn data_arg(&self) -> String {
        self.data.to_str().expect("a UTF-8 path").to_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
        if thread::panicking() {
            eprintln!("--- log of the server\n{}", self.log());
        }
    }
}

/// The command, deaf to what the tester's own environment says.
pub(crate) fn bellwire() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bellwire"));
    let own = std::env::vars_os().map(|(name, _)| name);
    for name in own.filter(|n| n.to_string_lossy().starts_with("BELLWIRE_")) {
        command.env_remove(name);
    }
    command.env("NO_COLOR", "1");
    command
}

fn launch(
    data: &Path,
    listen: SocketAddr,
    flags: &[String],
    log: &Arc<Mutex<Vec<String>>>,
) -> (Child, SocketAddr) {
    let mut child = bellwire()
        .args(["serve", "--dev", "--server-log-format", "json", "--listen", &listen.to_string()])
        .arg("--data")
        .arg(data)
        .args(flags)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("bellwire starts");
    let stderr = child.stderr.take().expect("it is piped");
    let (listening, address) = mpsc::channel();
    let lines = Arc::clone(log);
    thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            if let Some(address) = listens_on(&line) {
                // The test may have given up.
                let _ = listening.send(address);
            }
            lines.lock().expect("no reader has panicked").push(line);
        }
    });
    if let Ok(address) = address.recv_timeout(PATIENCE) {
        return (child, address);
    }
    drop(child.kill());
    drop(child.wait());
    panic!("no server: {}", log.lock().expect("no reader has panicked").join("\n"));
}

fn listens_on(line: &str) -> Option<SocketAddr> {
    let line: serde_json::Value = serde_json::from_str(line).ok()?;
    let fields = &line["fields"];
    (fields["message"] == "listening").then(|| fields["address"].as_str()?.parse().ok()).flatten()
}
