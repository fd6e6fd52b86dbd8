//! What an operator does to a server: checks its configuration, makes tokens, changes keys,
//! stops it, starts it on what is there, reads its log, and runs out of disk.

mod support;

use std::{
    fs,
    path::Path,
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

use serde_json::json;
use support::{Device, Server, bellwire};

fn run(args: &[&str]) -> Output {
    bellwire().args(args).output().expect("bellwire runs")
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a UTF-8 path")
}

fn app(secrets: &[&str]) -> String {
    format!("[[apps]]\nkey = \"shop\"\nsecrets = {secrets:?}\n")
}

const OLD: &str = "old-secret-old-secret-old-secret-old";
const NEW: &str = "new-secret-new-secret-new-secret-new";

/// Starts a server that must refuse to run; what it says.
fn refused_start(data: &Path) -> String {
    let from = Instant::now();
    let output = run(&["serve", "--dev", "--listen", "127.0.0.1:0", "--data", text(data)]);
    assert!(!output.status.success());
    assert!(from.elapsed() < Duration::from_secs(10));
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn config_check_says_what_is_wrong_and_where() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("bellwire.toml");
    fs::write(&path, app(&[OLD])).expect("written");
    assert!(run(&["config", "check", "--config", text(&path)]).status.success());
    let wrong = "[calls]\nring_time_s = 1\n".to_owned() + &app(&["short"]);
    for (toml, says) in [
        (wrong.as_str(), &["ring_time_s", "apps[0].secrets[0]", "32"][..]),
        ("[calls]\nring_tme_s = 9\n", &["ring_tme_s"]),
        (
            "[[apps]]\nkey = \"x\"\n[apps.hooks]\nask = [\"call.request\"]\n",
            &["apps[0].hooks.absent", "deny"],
        ),
        ("calls = [\n", &["bellwire.toml"]),
    ] {
        fs::write(&path, toml).expect("written");
        let output = run(&["config", "check", "--config", text(&path)]);
        let told =
            String::from_utf8_lossy(&output.stderr) + String::from_utf8_lossy(&output.stdout);
        assert!(!output.status.success(), "{toml}");
        for word in says {
            assert!(told.contains(word), "{word}: {told}");
        }
        assert!(!told.contains("\"short\""), "no secret is shown: {told}");
    }
}

#[tokio::test]
async fn tokens_and_keys_are_made_before_the_first_run_and_while_it_runs() {
    let dir = tempfile::tempdir().expect("a directory");
    let made = |args: &[&str]| {
        let output = run(&[args, &["--data", text(dir.path())]].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        text.lines().last().expect("a line").to_owned()
    };
    let (token, key) = (made(&["token", "alice", "--ttl", "90m"]), made(&["apikey"]));
    let server = Server::start_on(dir.path(), &[]);
    let alice = Device::login_with(server.address(), &token, "a1").await;
    assert_eq!(alice.welcome["user"], "alice");
    assert_eq!(made(&["apikey"]), key);
    let bob = Device::login_with(server.address(), &made(&["token", "bob"]), "b1").await;
    assert_eq!(bob.welcome["user"], "bob");
}

#[tokio::test]
async fn sighup_changes_keys_and_drops_no_call() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("bellwire.toml");
    fs::write(&path, app(&[OLD])).expect("written");
    let server = Server::start_with(&["--config", text(&path)]);
    let token = |user: &str| Server::tool(&["token", user, "--config", text(&path)]);
    let old_token = token("alice");
    let mut alice = Device::login_with(server.address(), &old_token, "a1").await;
    let mut bob = Device::login_with(server.address(), &token("bob"), "b1").await;
    let call = alice.ok(json!({"do": "call.start", "to": ["bob"]})).await["call"].take();
    bob.ok(json!({"do": "call.accept", "call": call})).await;
    alice.wait_for("call.started").await;
    bob.wait_for("call.started").await;
    let reload = async |secrets: &[&str], reads: usize| {
        fs::write(&path, app(secrets)).expect("written");
        server.signal("HUP");
        let until = Instant::now() + support::PATIENCE;
        while server.log().matches("configuration re").count() < reads {
            assert!(Instant::now() < until, "{}", server.log());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    reload(&[NEW, OLD], 1).await;
    let both = token("carol");
    drop(Device::login_with(server.address(), &both, "c1").await);
    drop(Device::login_with(server.address(), &old_token, "a2").await);
    reload(&[NEW], 2).await;
    drop(Device::login_with(server.address(), &both, "c1").await);
    let mut late = Device::connect(server.address(), json!(null)).await;
    let hello = json!({"do": "hello", "token": old_token, "device": {"id": "a3"}});
    late.refused(hello, "unauthorized").await;
    // A file that cannot be used changes nothing.
    fs::write(&path, "nonsense").expect("written");
    server.signal("HUP");
    alice.ok(json!({"do": "call.send", "call": call, "body": 1})).await;
    bob.expect("call.message").await;
    alice.ok(json!({"do": "call.hangup", "call": call})).await;
    assert_eq!(bob.expect("call.ended").await["ended"]["reason"], "completed");
}

#[tokio::test]
async fn sigterm_ends_at_once_when_idle_and_within_15_s_with_a_call_that_goes_on_afterwards() {
    let mut idle = Server::start();
    let mut alice = idle.device("alice", "a1").await;
    let from = Instant::now();
    idle.signal("TERM");
    alice.expect("server.draining").await;
    assert!(idle.wait_for_exit(Duration::from_secs(15)).success());
    assert!(from.elapsed() < Duration::from_secs(3), "{:?}", from.elapsed());

    let mut server = Server::start_with(&["--server-drain-s", "2"]);
    let mut alice = server.device("alice", "a1").await;
    let mut bob = server.device("bob", "b1").await;
    let call = alice.ok(json!({"do": "call.start", "to": ["bob"]})).await["call"].take();
    bob.ok(json!({"do": "call.accept", "call": call})).await;
    alice.wait_for("call.started").await;
    bob.wait_for("call.started").await;
    server.signal("TERM");
    for device in [&mut alice, &mut bob] {
        device.expect("server.draining").await;
    }
    alice.refused(json!({"do": "call.start", "to": ["carol"]}), "unavailable").await;
    alice.ok(json!({"do": "call.send", "call": call, "body": 1})).await;
    bob.expect("call.message").await;
    assert_eq!(alice.expect_close().await.code, 4503);
    assert!(server.wait_for_exit(Duration::from_secs(15)).success());
    server.restart();
    alice.resume(server.address()).await;
    bob.resume(server.address()).await;
    assert_eq!(alice.welcome["calls"][0]["id"], call);
    bob.ok(json!({"do": "call.hangup", "call": call})).await;
    assert_eq!(alice.wait_for("call.ended").await["ended"]["reason"], "completed");
}

#[test]
fn a_second_server_on_the_same_data_is_refused() {
    let server = Server::start();
    let said = refused_start(server.data());
    assert!(said.contains("in use by another process"), "{said}");
}

#[test]
fn databases_that_are_damaged_newer_or_foreign_are_refused_unchanged() {
    let original = {
        let mut server = Server::start();
        server.signal("TERM");
        assert!(server.wait_for_exit(Duration::from_secs(15)).success());
        fs::read(server.data().join("bellwire.db")).expect("a database")
    };
    let mut damaged = original.clone();
    let middle = original.len() / 2;
    damaged[4096..middle].fill(0x5a);
    let mut newer = original.clone();
    // `PRAGMA user_version`: https://sqlite.org/fileformat.html#the_database_header.
    newer[60..64].copy_from_slice(&99_u32.to_be_bytes());
    for (bytes, says) in [
        (damaged, "damaged"),
        (newer, "schema version 99"),
        (b"not a database, but someone's diary".to_vec(), "not a Bellwire database"),
        (original[..5000].to_vec(), "damaged"),
    ] {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("bellwire.db");
        fs::write(&path, &bytes).expect("written");
        let said = refused_start(dir.path());
        assert!(said.contains(says), "{says}: {said}");
        assert!(fs::read(&path).expect("still there") == bytes, "{says}: the file was changed");
    }
}

#[tokio::test]
async fn no_token_address_or_note_reaches_the_log() {
    let server = Server::start_with(&["--server-log-level", "debug"]);
    let token = server.token("alice");
    let key = Server::tool(&["apikey", "--data", text(server.data())]);
    let mut alice = Device::login_with(server.address(), &token, "a1").await;
    let mut bob = server.device("bob", "b1").await;
    let start = json!({"do": "call.start", "to": ["bob"], "content": "Marked-note", "param": 987_654_321,
        "app_code": 876_543_210, "push": {"title": "Marked-push", "payload": "Marked-payload"}});
    let call = alice.ok(start).await["call"].take();
    bob.ok(json!({"do": "call.accept", "call": call, "content": "Marked-answer"})).await;
    bob.ok(json!({"do": "call.send", "call": call, "body": "Marked-body"})).await;
    bob.ok(json!({"do": "message.send", "to": "alice", "body": "Marked-message"})).await;
    alice.wait_for("message").await;
    server.api().get("/v1/calls").await;
    server.api().with_key(Some("Marked-key")).get("/v1/calls").await;
    let mut stranger = Device::connect(server.address(), json!(null)).await;
    let hello = json!({"do": "hello", "token": "Marked-token", "device": {"id": "d"}});
    stranger.refused(hello, "unauthorized").await;
    let mut bad = server.device("carol", "c1").await;
    bad.send_text("Marked-garbage").await;
    bad.expect_close().await;
    bob.ok(json!({"do": "call.hangup", "call": call, "content": "Marked-bye"})).await;
    alice.wait_for("call.ended").await;
    let log = server.log();
    assert!(log.contains(call.as_str().expect("an id")), "logs carry the call: {log}");
    let own = format!("\"address\":\"{}\"", server.address());
    for (n, line) in log.lines().enumerate() {
        for marked in
            ["Marked", "987654321", "876543210", token.as_str(), key.as_str(), alice.session()]
        {
            assert!(!line.contains(marked), "line {n} holds {marked}: {line}");
        }
        assert!(!line.replace(&own, "").contains("127.0.0.1"), "line {n} holds an address: {line}");
    }
}

/// A small file system of its own, where the tests may mount one.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount() -> Option<Self> {
        let dir = tempfile::tempdir().expect("a directory");
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=4m", "tmpfs", text(dir.path())])
            .stderr(Stdio::null())
            .status();
        mount.is_ok_and(|status| status.success()).then_some(Self(dir))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // What is still mounted then shows in the next run of `mount`.
        drop(Command::new("umount").arg("-l").arg(self.0.path()).status());
    }
}

#[tokio::test]
async fn a_full_disk_refuses_new_calls_and_ends_none_that_runs() {
    let Some(disk) = SmallDisk::mount() else {
        eprintln!("skipped: no file system may be mounted here");
        return;
    };
    let server = Server::start_on(disk.0.path(), &["--storage-reserve-mib", "1"]);
    let mut alice = server.device("alice", "a1").await;
    let mut bob = server.device("bob", "b1").await;
    let mut carol = server.device("carol", "c1").await;
    let call = alice.ok(json!({"do": "call.start", "to": ["bob"]})).await["call"].take();
    bob.ok(json!({"do": "call.accept", "call": call})).await;
    alice.wait_for("call.started").await;
    bob.wait_for("call.started").await;
    // Whatever else lies on the disk takes the rest of it.
    let fill = disk.0.path().join("fill");
    let _ = fs::write(&fill, vec![1; 8 * 1024 * 1024]);
    let until = Instant::now() + support::PATIENCE;
    let refused = loop {
        let reply = carol
            .request(json!({"do": "call.start", "to": ["dave"], "content": "x".repeat(8000)}))
            .await;
        if reply["error"].is_object() {
            break reply["error"].clone();
        }
        assert!(Instant::now() < until, "the disk does not fill");
    };
    assert_eq!(refused["code"], "overloaded", "{refused}");
    assert!(
        refused["message"].as_str().is_some_and(|text| text.contains("disk is full")),
        "{refused}"
    );
    assert_eq!(server.api().text("/readyz").await.0, 503);
    alice.ok(json!({"do": "call.media", "call": call, "media": "audio"})).await;
    alice.ok(json!({"do": "call.hangup", "call": call})).await;
    for device in [&mut alice, &mut bob] {
        assert_eq!(device.wait_for("call.ended").await["ended"]["reason"], "completed");
    }
    fs::remove_file(&fill).expect("removed");
    let until = Instant::now() + support::PATIENCE;
    while carol.request(json!({"do": "call.start", "to": ["dave"]})).await["ok"].is_null() {
        assert!(Instant::now() < until, "room again, and calls are taken again");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
