//! `mode: invite`: only the invitation.

mod support;

use serde_json::{Value, json};
use support::{Device, Server, ask, bring, outcome, talk};

async fn invite(caller: &mut Device, to: &str) -> String {
    let start = json!({"do": "call.start", "mode": "invite", "to": [to], "content": "come"});
    caller.ok(start).await["call"].as_str().expect("an id").to_owned()
}

#[tokio::test]
async fn an_accepted_invitation_is_over_at_the_answer() {
    let server = Server::start();
    let mut alice = server.device("alice", "a1").await;
    let mut b1 = server.device("bob", "b1").await;
    let mut b2 = server.device("bob", "b2").await;
    let call = invite(&mut alice, "bob").await;
    for device in [&mut b1, &mut b2] {
        let invited = device.expect("call.invited").await;
        assert_eq!(
            (&invited["info"]["mode"], &invited["content"]),
            (&json!("invite"), &json!("come"))
        );
    }
    b1.ok(ask("call.ringing", &call)).await;
    alice.expect("call.ringing").await;
    let ok = b1.ok(bring("call.accept", &call, json!({"content": "coming"}))).await;
    assert_eq!(ok["info"]["room"], Value::Null);
    let accepted = alice.expect("call.accepted").await;
    assert_eq!((&accepted["user"], &accepted["content"]), (&json!("bob"), &json!("coming")));
    let elsewhere = b2.expect("call.elsewhere").await;
    assert_eq!((&elsewhere["how"], &elsewhere["device"]), (&json!("accepted"), &json!("b1")));
    for device in [&mut alice, &mut b1] {
        let ended = device.expect("call.ended").await;
        assert_eq!(outcome(&ended["ended"]), ("all", "completed", 0));
        assert_eq!(ended["ended"]["content"], "coming");
    }
    for device in [&mut alice, &mut b1, &mut b2] {
        device.expect_nothing().await;
        let record = device.record().await;
        assert_eq!(record["record"]["call"], call.as_str());
        assert_eq!(record["record"]["mode"], "invite");
    }
    alice.refused(ask("call.cancel", &call), "already_accepted").await;
    b2.refused(ask("call.accept", &call), "answered_elsewhere").await;
}

#[tokio::test]
async fn an_invitation_is_refused_canceled_or_expires() {
    let server = Server::start();
    let mut alice = server.device("alice", "a1").await;
    let mut b1 = server.device("bob", "b1").await;
    let mut b2 = server.device("bob", "b2").await;

    let call = invite(&mut alice, "bob").await;
    b1.expect("call.invited").await;
    b2.expect("call.invited").await;
    b1.ok(bring("call.reject", &call, json!({"content": "no"}))).await;
    let rejected = alice.expect("call.rejected").await;
    assert_eq!((&rejected["reason"], &rejected["content"]), (&json!("rejected"), &json!("no")));
    assert_eq!(b2.expect("call.elsewhere").await["how"], "rejected");
    for device in [&mut alice, &mut b1] {
        let ended = device.expect("call.ended").await;
        assert_eq!(outcome(&ended["ended"]), ("all", "rejected", 100_104));
    }

    let call = invite(&mut alice, "bob").await;
    b1.expect("call.invited").await;
    b2.expect("call.invited").await;
    alice.ok(bring("call.cancel", &call, json!({"content": "never mind"}))).await;
    alice.expect("call.ended").await;
    for device in [&mut b1, &mut b2] {
        let canceled = device.expect("call.canceled").await;
        assert_eq!(
            (&canceled["reason"], &canceled["content"]),
            (&json!("canceled"), &json!("never mind"))
        );
    }

    let short = json!({"do": "call.start", "mode": "invite", "to": ["bob"], "ring_time": 5});
    let call = alice.ok(short).await["call"].as_str().expect("an id").to_owned();
    b1.expect("call.invited").await;
    b1.ok(ask("call.ringing", &call)).await;
    b2.expect("call.invited").await;
    let ended = alice.wait_for("call.ended").await;
    assert_eq!(outcome(&ended["ended"]), ("all", "timeout", 100_105));
    for device in [&mut b1, &mut b2] {
        device.expect("call.canceled").await;
        device.expect_nothing().await;
    }
}

#[tokio::test]
async fn an_invitation_takes_nobody_and_minds_no_claim() {
    let server = Server::start();
    let mut alice = server.device("alice", "a1").await;
    let mut bob = server.device("bob", "b1").await;
    let mut carol = server.device("carol", "c1").await;
    let running = talk(&mut alice, &mut bob).await;
    let invitation = invite(&mut alice, "bob").await;
    bob.expect("call.invited").await;
    bob.ok(ask("call.accept", &invitation)).await;
    bob.expect("call.ended").await;
    alice.expect("call.accepted").await;
    alice.expect("call.ended").await;
    invite(&mut carol, "bob").await;
    bob.expect("call.invited").await;
    let info = alice.ok(ask("call.get", &running)).await;
    assert_eq!(info["info"]["phase"], "active");
    // Carol waits for an answer and is free all the same.
    alice.ok(ask("call.hangup", &running)).await;
    alice.expect("call.ended").await;
    support::ring(&mut alice, &mut carol).await;
}

#[tokio::test]
async fn a_user_has_32_invitations_pending_each_way() {
    let server = Server::start();
    let mut alice = server.device("alice", "a1").await;
    let mut bob = server.device("bob", "b1").await;
    let mut carol = server.device("carol", "c1").await;
    let mut last = String::new();
    for _ in 0..32 {
        last = invite(&mut alice, "bob").await;
        bob.expect("call.invited").await;
    }
    let more = |to: &str| json!({"do": "call.start", "mode": "invite", "to": [to]});
    assert_eq!(alice.refused(more("carol"), "invalid").await["field"], "to");
    assert_eq!(carol.refused(more("bob"), "invalid").await["field"], "to[0]");
    invite(&mut bob, "carol").await;
    carol.expect("call.invited").await;
    bob.ok(ask("call.reject", &last)).await;
    invite(&mut carol, "bob").await;
    let second = server.device("bob", "b2").await;
    assert_eq!(second.welcome["calls"].as_array().map(Vec::len), Some(33));
}
