//! The examples of docs/business.md, as they are written there.

mod support;

use std::{
    io::{BufRead as _, BufReader, Lines},
    process::{Child, ChildStdout, Command, Stdio},
};

use serde_json::{Value, json};
use support::{Server, Shop, free_address, outcome};

/// Where the docs say that the server is.
const SAID: &str = "127.0.0.1:2355";

/// The examples in `language`, in order.
fn examples(language: &str, server: &Server) -> Vec<String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/business.md");
    let page = std::fs::read_to_string(path).expect("the page");
    let fence = format!("```{language}\n");
    let blocks = page.split(&fence).skip(1).filter_map(|rest| rest.split("```").next());
    blocks.map(|code| code.replace(SAID, &server.address().to_string())).collect()
}

/// A program that runs until it is dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn key(server: &Server) -> String {
    Server::tool(&["apikey", "--data", server.data().to_str().expect("UTF-8")])
}

/// Runs Python until the server says that it is connected.
async fn python(server: &Server, code: &str) -> Running {
    let mut command = Command::new("python3");
    command.args(["-c", code]).env("KEY", key(server)).stdin(Stdio::null());
    // Where `cargo xtask test` keeps the packages that the examples need.
    if let Some(packages) = std::env::var_os("BELLWIRE_TEST_PYTHON") {
        command.env("PYTHONPATH", packages);
    }
    let running = Running(command.spawn().expect("python3 runs"));
    server.logs("a business server is connected").await;
    running
}

/// Runs a script; what it prints, as JSON.
fn shell(server: &Server, code: &str) -> Value {
    let mut command = Command::new("bash");
    let output = command.args(["-c", code]).env("KEY", key(server)).output().expect("bash runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn call(to: &str) -> Value {
    json!({"do": "call.start", "to": [to], "media": "audio"})
}

#[tokio::test]
async fn a_veto_in_ten_lines() {
    let server = Server::start();
    let _business = python(&server, &examples("python", &server)[0]).await;
    let mut mallory = server.device("mallory", "m1").await;
    let (mut alice, mut bob) =
        (server.device("alice", "a1").await, server.device("bob", "b1").await);
    let error = mallory.refused(call("bob"), "denied").await;
    assert_eq!((&error["number"], &error["message"]), (&json!(4711), &json!("no credit")));
    bob.expect_nothing().await;
    alice.ok(call("bob")).await;
    assert_eq!(bob.expect("call.invited").await["from"], "alice");
}

#[tokio::test]
async fn a_rewrite_in_ten_lines() {
    let server = Server::start();
    let _business = python(&server, &examples("python", &server)[1]).await;
    let mut alice = server.device("alice", "a1").await;
    let mut carol = server.device("carol", "c1").await;
    let mut bob = server.device("bob", "b1").await;
    let info = alice.ok(call("support")).await["info"].take();
    let invited = carol.expect("call.invited").await;
    assert_eq!(invited["call"], info["id"]);
    assert!(invited["info"]["ring_left_ms"].as_u64().is_some_and(|ms| ms <= 20_000), "{invited}");
    alice.ok(json!({"do": "call.cancel", "call": info["id"]})).await;
    alice.wait_for("call.ended").await;
    alice.ok(call("bob")).await;
    bob.expect("call.invited").await;
}

#[tokio::test]
async fn a_call_made_and_ended_by_the_server() {
    let server = Server::start();
    let [make, end] = &examples("sh", &server)[..] else { panic!("two scripts") };
    let (mut alice, mut bob) =
        (server.device("alice", "a1").await, server.device("bob", "b1").await);
    let call = shell(&server, make)["call"].take();
    let invited = alice.expect("call.invited").await;
    assert_eq!((&invited["call"], &invited["content"]), (&call, &json!("about your order")));
    alice.ok(json!({"do": "call.accept", "call": call})).await;
    bob.expect("call.invited").await;
    bob.ok(json!({"do": "call.accept", "call": call})).await;
    alice.wait_for("call.started").await;
    assert_eq!(shell(&server, end), json!({"calls": 1}));
    let ended = bob.wait_for("call.ended").await["ended"].take();
    assert_eq!((outcome(&ended).0, &ended["content"]), ("all", &json!("closing time")));
}

/// Lines of a program that ends with the test.
fn next(lines: &mut Lines<BufReader<ChildStdout>>) -> String {
    lines.next().expect("it goes on").expect("a line")
}

#[tokio::test]
async fn a_receiver_that_verifies() {
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let address = free_address();
    let tables = format!(
        "[apps.hooks]\nask = [\"call.request\"]\nurl = \"http://{address}/\"\n\
         secrets = [\"{SECRET}\"]\nabsent = \"deny\"\n\
         [[apps.webhooks]]\nname = \"dev\"\nurl = \"http://{address}/\"\nsecrets = [\"{SECRET}\"]\n"
    );
    let shop = Shop::open("open", &tables);
    let code = examples("ts", &shop.server).remove(0).replace("8787", &address.port().to_string());
    // Where `cargo xtask test` found or put it; otherwise that of the `PATH`.
    let node = std::env::var_os("BELLWIRE_TEST_NODE").unwrap_or_else(|| "node".into());
    let mut node = Command::new(node)
        .args(["--input-type=module", "--eval", &code])
        .env("SECRET", SECRET)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("node runs");
    let mut lines = BufReader::new(node.stdout.take().expect("it is piped")).lines();
    let _ends = Running(node);
    assert_eq!(next(&mut lines), "listening");

    let (mut alice, mut bob) = (shop.device("alice").await, shop.device("bob").await);
    let info = alice.ok(call("bob")).await;
    let id = info["call"].as_str().expect("an id");
    bob.expect("call.invited").await;
    assert_eq!(next(&mut lines), format!("call.request {id} "));
    bob.ok(json!({"do": "call.reject", "call": id})).await;
    let mut told = vec![next(&mut lines)];
    while !told.last().is_some_and(|line| line.starts_with("call.ended")) {
        told.push(next(&mut lines));
    }
    assert!(told.contains(&format!("call.rejected {id} bob")), "{told:?}");
    let forged = reqwest::Client::builder().no_proxy().build().expect("a client");
    let forged = forged.post(format!("http://{address}/")).body("{}").send().await;
    assert_eq!(forged.expect("an answer").status(), 401);
    assert_eq!(next(&mut lines), "refused undefined ");
}
