//! `bellwire webhooks listen`: what is posted to it is verified and printed.

mod support;

use std::{
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    process::{Child, Stdio},
    sync::mpsc,
    thread,
};

use support::{PATIENCE, Shop, ask, bellwire, free_address, start};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const OTHER: &str = "whsec_YmVuY2gtYmVuY2gtYmVuY2gtYmVuY2gtYmVuY2g=";

/// The command, ended when it is dropped, and its lines.
struct Listener {
    child: Child,
    lines: mpsc::Receiver<String>,
}

impl Listener {
    fn start(address: SocketAddr, args: &[&str]) -> Self {
        let mut child = bellwire()
            .args(["webhooks", "listen", "--listen", &address.to_string()])
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("bellwire starts");
        let (to, lines) = mpsc::channel();
        let (out, errors) = (child.stdout.take(), child.stderr.take());
        let mut errors = BufReader::new(errors.expect("it is piped"));
        let mut first = String::new();
        errors.read_line(&mut first).expect("it says where it listens");
        assert!(first.starts_with("listening on http://"), "{first}");
        let out = BufReader::new(out.expect("it is piped"));
        thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                // The test may be over.
                drop(to.send(line));
            }
        });
        Self { child, lines }
    }

    fn next(&self) -> String {
        self.lines.recv_timeout(PATIENCE).expect("a line")
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn tables(address: SocketAddr) -> String {
    format!(
        "[apps.hooks]\nask = [\"call.request\"]\nurl = \"http://{address}/\"\n\
         secrets = [\"{SECRET}\"]\nabsent = \"deny\"\n\
         [[apps.webhooks]]\nname = \"dev\"\nurl = \"http://{address}/\"\nsecrets = [\"{SECRET}\"]\n"
    )
}

#[tokio::test]
async fn hooks_are_allowed_and_events_printed() {
    let address = free_address();
    let listener = Listener::start(address, &["--secret", SECRET]);
    let shop = Shop::open("open", &tables(address));
    let (mut alice, mut bob) = (shop.device("alice").await, shop.device("bob").await);
    let call = start(&mut alice, &["bob"]).await;
    bob.expect("call.invited").await;
    let asked = listener.next();
    assert!(asked.contains(&format!("asks call.request  {call}  from alice")), "{asked}");
    bob.ok(ask("call.reject", &call)).await;
    let mut lines = vec![listener.next()];
    while !lines.last().is_some_and(|line| line.contains("call.ended")) {
        lines.push(listener.next());
    }
    assert!(lines[0].contains(&format!("call.created  {call}  1")), "{lines:?}");
    let rejected = lines.iter().find(|line| line.contains("call.rejected")).expect("told");
    assert!(rejected.contains("bob") && rejected.contains("rejected"), "{rejected}");
}

#[tokio::test]
async fn what_another_secret_signed_is_refused() {
    let address = free_address();
    let listener = Listener::start(address, &["--secret", OTHER]);
    let shop = Shop::open("open", &tables(address));
    let mut alice = shop.device("alice").await;
    let request = serde_json::json!({"do": "call.start", "to": ["bob"]});
    let error = alice.refused(request, "denied").await;
    assert_eq!(error["number"], 503, "the app wants calls denied without an answer: {error}");
    assert!(listener.next().contains("refused: its signature is of another secret"));
}
