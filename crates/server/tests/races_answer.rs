//! Who answers first, and what the others are told: R1, R2, R3, R12, R13, R18.

mod support;

use serde_json::{Value, json};
use support::{Device, Server, ask, bring, outcome, ring, start, talk};
use tokio::join;

#[tokio::test]
async fn r01_of_two_devices_that_accept_the_first_wins() {
    let server = Server::start();
    let mut alice = server.device("alice", "a1").await;
    let mut b1 = server.device("bob", "b1").await;
    let mut b2 = server.device("bob", "b2").await;
    for _ in 0..10 {
        let call = start(&mut alice, &["bob"]).await;
        b1.expect("call.invited").await;
        b2.expect("call.invited").await;
        let accept = ask("call.accept", &call);
        let (r1, r2) = join!(b1.request(accept.clone()), b2.request(accept));
        let (winner, loser, error, device) = if r1["ok"].is_object() {
            (&mut b1, &mut b2, &r2["error"], "b1")
        } else {
            (&mut b2, &mut b1, &r1["error"], "b2")
        };
        assert_eq!(error["code"], "answered_elsewhere");
        assert_eq!(error["device"], device);
        let elsewhere = loser.expect("call.elsewhere").await;
        assert_eq!((&elsewhere["how"], &elsewhere["device"]), (&json!("accepted"), &json!(device)));
        assert_eq!(alice.expect("call.accepted").await["device"], device);
        alice.expect("call.started").await;
        winner.expect("call.started").await;
        alice.ok(ask("call.hangup", &call)).await;
        alice.expect("call.ended").await;
        winner.expect("call.ended").await;
        loser.expect_nothing().await;
    }
}

#[tokio::test]
async fn r02_a_late_cancel_is_told_that_it_was_accepted() {
    let server = Server::start();
    let mut alice = server.device("alice", "a1").await;
    let mut bob = server.device("bob", "b1").await;
    let call = talk(&mut alice, &mut bob).await;
    alice.refused(ask("call.cancel", &call), "already_accepted").await;
    alice.expect_nothing().await;
    bob.expect_nothing().await;
}

#[tokio::test]
async fn r02_a_late_accept_is_told_of_the_cancel() {
    let server = Server::start();
    let mut alice = server.device("alice", "a1").await;
    let mut bob = server.device("bob", "b1").await;
    let call = ring(&mut alice, &mut bob).await;
    alice.ok(ask("call.cancel", &call)).await;
    let ended = alice.expect("call.ended").await;
    assert_eq!(outcome(&ended["ended"]), ("all", "canceled", 100_101));
    let canceled = bob.expect("call.canceled").await;
    assert_eq!((&canceled["reason"], &canceled["code"]), (&json!("canceled"), &json!(100_101)));
    let error = bob.refused(ask("call.accept", &call), "not_in_call").await;
    assert_eq!((&error["reason"], &error["number"]), (&json!("canceled"), &json!(100_107)));
    assert_eq!(error["ended_at"], ended["ended"]["at"]);
}

#[tokio::test]
async fn r02_accept_and_cancel_at_once_make_one_story() {
    let server = Server::start();
    let mut alice = server.device("alice", "a1").await;
    let mut bob = server.device("bob", "b1").await;
    for _ in 0..20 {
        let call = start(&mut alice, &["bob"]).await;
        bob.expect("call.invited").await;
        let (canceled, accepted) =
            join!(alice.request(ask("call.cancel", &call)), bob.request(ask("call.accept", &call)));
        if accepted["ok"].is_object() {
            assert_eq!(canceled["error"]["code"], "already_accepted");
            alice.expect("call.accepted").await;
            alice.expect("call.started").await;
            bob.expect("call.started").await;
            bob.ok(ask("call.hangup", &call)).await;
            assert_eq!(alice.expect("call.ended").await["ended"]["reason"], "completed");
            assert_eq!(bob.expect("call.ended").await["ended"]["reason"], "completed");
        } else {
            assert!(canceled["ok"].is_object(), "{canceled}");
            assert_eq!(accepted["error"]["code"], "not_in_call");
            assert_eq!(accepted["error"]["reason"], "canceled");
            assert_eq!(alice.expect("call.ended").await["ended"]["reason"], "canceled");
            assert_eq!(bob.expect("call.canceled").await["reason"], "canceled");
        }
        alice.expect_nothing().await;
        bob.expect_nothing().await;
    }
}

#[tokio::test]
async fn r02_a_late_accept_is_told_of_the_time_out() {
    let server = Server::start_with(&["--calls-ring-time-s", "5"]);
    let mut alice = server.device("alice", "a1").await;
    let mut bob = server.device("bob", "b1").await;
    let call = ring(&mut alice, &mut bob).await;
    let canceled = bob.expect("call.canceled").await;
    assert_eq!((&canceled["reason"], &canceled["code"]), (&json!("timeout"), &json!(100_105)));
    let rejected = alice.expect("call.rejected").await;
    assert_eq!((&rejected["reason"], &rejected["code"]), (&json!("timeout"), &json!(100_105)));
    let ended = alice.expect("call.ended").await;
    assert_eq!(outcome(&ended["ended"]), ("all", "timeout", 100_105));
    let error = bob.refused(ask("call.accept", &call), "not_in_call").await;
    assert_eq!(error["reason"], "timeout");
    assert_eq!(error["ended_at"], ended["ended"]["at"]);
    alice.refused(ask("call.cancel", &call), "not_in_call").await;
}

#[tokio::test]
async fn r02_a_kill_ends_what_rings_and_what_runs() {
    let server = Server::start();
    let api = server.api();
    let mut alice = server.device("alice", "a1").await;
    let mut bob = server.device("bob", "b1").await;

    let call = ring(&mut alice, &mut bob).await;
    let path = format!("/v1/calls/{call}/end");
    api.ok(&path, json!({"app_code": 77, "content": "closing time"})).await;
    let canceled = bob.expect("call.canceled").await;
    assert_eq!((&canceled["reason"], &canceled["code"]), (&json!("killed"), &json!(77)));
    assert_eq!(canceled["content"], "closing time");
    let ended = alice.expect("call.ended").await;
    assert_eq!(outcome(&ended["ended"]), ("all", "killed", 77));
    assert_eq!(ended["ended"]["content"], "closing time");
    let error = bob.refused(ask("call.accept", &call), "not_in_call").await;
    assert_eq!(error["reason"], "killed");

    let call = talk(&mut alice, &mut bob).await;
    api.ok(&format!("/v1/calls/{call}/end"), json!({"app_code": 78})).await;
    for device in [&mut alice, &mut bob] {
        let ended = device.expect("call.ended").await;
        assert_eq!(outcome(&ended["ended"]), ("all", "killed", 78));
        device.expect_nothing().await;
    }
}

#[tokio::test]
async fn r03_reject_against_accept_on_another_device() {
    let server = Server::start();
    let mut alice = server.device("alice", "a1").await;
    let mut b1 = server.device("bob", "b1").await;
    let mut b2 = server.device("bob", "b2").await;
    for round in 0..10 {
        let call = start(&mut alice, &["bob"]).await;
        b1.expect("call.invited").await;
        b2.expect("call.invited").await;
        let (reject, accept) = (ask("call.reject", &call), ask("call.accept", &call));
        let (rejected, accepted) = if round == 0 {
            (b1.request(reject).await, b2.request(accept).await)
        } else {
            join!(b1.request(reject), b2.request(accept))
        };
        if rejected["ok"].is_object() {
            assert_eq!(accepted["error"]["code"], "rejected_elsewhere");
            assert_eq!(accepted["error"]["device"], "b1");
            assert_eq!(alice.expect("call.rejected").await["reason"], "rejected");
            for device in [&mut alice, &mut b1] {
                let ended = device.expect("call.ended").await;
                assert_eq!(outcome(&ended["ended"]), ("all", "rejected", 100_104));
                assert_eq!(ended["ended"]["by"], "bob");
            }
            let elsewhere = b2.expect("call.elsewhere").await;
            assert_eq!(
                (&elsewhere["how"], &elsewhere["device"]),
                (&json!("rejected"), &json!("b1"))
            );
        } else {
            assert_ne!(round, 0, "{rejected}");
            assert_eq!(rejected["error"]["code"], "answered_elsewhere");
            assert_eq!(b1.expect("call.elsewhere").await["how"], "accepted");
            alice.expect("call.accepted").await;
            alice.expect("call.started").await;
            b2.expect("call.started").await;
            b2.ok(ask("call.hangup", &call)).await;
            alice.expect("call.ended").await;
            b2.expect("call.ended").await;
        }
        for device in [&mut alice, &mut b1, &mut b2] {
            device.expect_nothing().await;
        }
    }
}

#[tokio::test]
async fn r03_only_me_silences_one_device_and_leaves_the_others_ringing() {
    let server = Server::start();
    let mut alice = server.device("alice", "a1").await;
    let mut b1 = server.device("bob", "b1").await;
    let mut b2 = server.device("bob", "b2").await;
    let call = start(&mut alice, &["bob"]).await;
    b1.expect("call.invited").await;
    b2.expect("call.invited").await;
    b1.ok(bring("call.reject", &call, json!({"only_me": true}))).await;
    let ended = b1.expect("call.ended").await;
    assert_eq!(
        (&ended["ended"]["scope"], &ended["ended"]["reason"]),
        (&json!("you"), &json!("rejected"))
    );
    alice.expect_nothing().await;
    b2.expect_nothing().await;
    b1.refused(ask("call.accept", &call), "not_in_call").await;
    b2.ok(ask("call.accept", &call)).await;
    alice.expect("call.accepted").await;
    alice.expect("call.started").await;
    b2.expect("call.started").await;
    b1.expect_nothing().await;
}

#[tokio::test]
async fn r12_a_hang_up_while_ringing_is_a_reject_or_a_cancel() {
    let server = Server::start();
    let mut alice = server.device("alice", "a1").await;
    let mut bob = server.device("bob", "b1").await;
    let call = ring(&mut alice, &mut bob).await;
    bob.ok(ask("call.hangup", &call)).await;
    assert_eq!(alice.expect("call.rejected").await["reason"], "rejected");
    for device in [&mut alice, &mut bob] {
        let ended = device.expect("call.ended").await;
        assert_eq!(outcome(&ended["ended"]), ("all", "rejected", 100_104));
    }
    let call = ring(&mut alice, &mut bob).await;
    alice.ok(ask("call.hangup", &call)).await;
    assert_eq!(outcome(&alice.expect("call.ended").await["ended"]), ("all", "canceled", 100_101));
    assert_eq!(bob.expect("call.canceled").await["reason"], "canceled");
}

#[tokio::test]
async fn r13_a_command_for_no_call_of_the_senders_touches_nothing_and_tells_nothing() {
    let server = Server::start();
    let mut alice = server.device("alice", "a1").await;
    let mut bob = server.device("bob", "b1").await;
    let mut carol = server.device("carol", "c1").await;
    let over = talk(&mut alice, &mut bob).await;
    alice.ok(ask("call.hangup", &over)).await;
    let ended = alice.expect("call.ended").await;
    bob.expect("call.ended").await;
    let running = talk(&mut alice, &mut bob).await;

    let commands = |call: &str| -> Vec<Value> {
        vec![
            ask("call.ringing", call),
            ask("call.accept", call),
            ask("call.reject", call),
            ask("call.cancel", call),
            ask("call.hangup", call),
            ask("call.end", call),
            ask("call.join", call),
            bring("call.invite", call, json!({"to": ["dave"]})),
            bring("call.move", call, json!({"from": "b1"})),
            bring("call.media", call, json!({"media": "audio"})),
            bring("call.media_answer", call, json!({"accept": true})),
            bring("ack", call, json!({"seq": 1})),
            bring("call.state", call, json!({"audio": true})),
            bring("call.send", call, json!({"body": "hi"})),
        ]
    };
    let none = "0198c5a2-7c1e-7000-8000-000000000000";
    let mut strangers = Vec::new();
    for call in [none, &running, &over] {
        for request in commands(call) {
            let mut error = carol.refused(request, "not_in_call").await;
            assert_eq!(error["call"], call);
            error["call"] = Value::Null;
            strangers.push(error);
        }
    }
    let (unknown, theirs) = strangers.split_at(commands(none).len());
    assert!(theirs.chunks(unknown.len()).all(|chunk| chunk == unknown), "others' calls show");
    carol.refused(ask("call.get", &running), "not_in_call").await;
    for request in commands("no-uuid") {
        assert_eq!(carol.refused(request, "invalid").await["field"], "call");
    }

    for what in
        ["call.accept", "call.reject", "call.cancel", "call.hangup", "call.end", "call.join"]
    {
        // Only the caller has anything to cancel.
        let by = if what == "call.cancel" { &mut alice } else { &mut bob };
        let error = by.refused(ask(what, &over), "not_in_call").await;
        assert_eq!(error["reason"], "completed", "{what}");
        assert_eq!(error["ended_at"], ended["ended"]["at"], "{what}");
    }
    for device in [&mut alice, &mut bob, &mut carol] {
        device.expect_nothing().await;
    }
    let info = alice.ok(ask("call.get", &running)).await;
    assert_eq!(info["info"]["phase"], "active");
}

#[tokio::test]
async fn r18_a_device_takes_over_from_the_one_it_names() {
    let server = Server::start();
    let mut alice = server.device("alice", "a1").await;
    let mut b1 = server.device("bob", "b1").await;
    let call = talk(&mut alice, &mut b1).await;
    let mut b2 = server.device("bob", "b2").await;
    let mut b3 = server.device("bob", "b3").await;
    assert_eq!(b2.welcome["calls"][0]["id"], call.as_str());

    let take = bring("call.move", &call, json!({"from": "b1"}));
    let (r2, r3) = join!(b2.request(take.clone()), b3.request(take));
    let (there, other, refused, device) = if r2["ok"].is_object() {
        (&mut b2, &mut b3, r3, "b2")
    } else {
        (&mut b3, &mut b2, r2, "b3")
    };
    assert!(refused["error"]["code"].is_string(), "one of two that take over at once: {refused}");
    let moved = alice.expect("call.moved").await;
    assert_eq!((&moved["user"], &moved["device"]), (&json!("bob"), &json!(device)));
    let elsewhere = b1.expect("call.elsewhere").await;
    assert_eq!((&elsewhere["how"], &elsewhere["device"]), (&json!("moved"), &json!(device)));
    refused_one(&mut b1, &call).await;
    // What it has confirmed it is not told again, though it brings no cursor.
    b1.ok(json!({"do": "ack", "call": call, "seq": elsewhere["seq"]})).await;
    b1.drop_cursors();
    b1.resume(server.address()).await;
    b1.expect_nothing().await;

    there.ok(ask("call.hangup", &call)).await;
    assert_eq!(alice.expect("call.ended").await["ended"]["by"], "bob");
    there.expect("call.ended").await;
    for device in [&mut alice, &mut b1, other, there] {
        device.expect_nothing().await;
    }
}

/// The device that was taken over from is no longer in the call.
async fn refused_one(device: &mut Device, call: &str) {
    let reply = device.request(ask("call.hangup", call)).await;
    assert!(reply["error"].is_object(), "{reply}");
}
