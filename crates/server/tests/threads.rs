//! Connections are served by several threads, and a call goes through all of them.

mod support;

use serde_json::json;
use support::{Server, ask};

#[tokio::test]
async fn devices_on_different_threads_call_each_other() {
    let server = Server::start_with(&["--server-threads", "3"]);
    let mut alice = server.device("alice", "a1").await;
    let mut b1 = server.device("bob", "b1").await;
    let mut b2 = server.device("bob", "b2").await;
    for _ in 0..20 {
        let start = json!({"do": "call.start", "to": ["bob"], "media": "audio"});
        let call = alice.ok(start).await["call"].as_str().expect("an id").to_owned();
        for device in [&mut b1, &mut b2] {
            assert_eq!(device.wait_for("call.invited").await["call"], call.as_str());
        }
        b1.ok(ask("call.ringing", &call)).await;
        b2.ok(ask("call.accept", &call)).await;
        b1.wait_for("call.elsewhere").await;
        alice.wait_for("call.started").await;
        alice.ok(ask("call.hangup", &call)).await;
        b2.wait_for("call.ended").await;
        alice.wait_for("call.ended").await;
    }
    // The other connections go on when one has gone, and the gone one comes back.
    b1.resume(server.address()).await;
    alice.ok(json!({"do": "message.send", "to": "bob", "body": 1})).await;
    assert_eq!(b1.wait_for("message").await["body"], 1);
}
