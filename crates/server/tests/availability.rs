//! Users who do not want to be rung: nothing rings, the caller sees what the app sets, and only
//! the business server and the user themselves read why.

mod support;

use serde_json::{Value, json};
use support::{Api, Server, ask, start};

fn set(mut what: Value) -> Value {
    what["do"] = "availability.set".into();
    what
}

/// The record of a call, as the business server reads it.
async fn record(api: &Api, call: &str) -> Value {
    let (status, page) = api.get("/v1/records").await;
    assert_eq!(status, 200, "{page}");
    let records = page["records"].as_array().expect("records").clone();
    let found = records.into_iter().find(|record| record["call"] == call);
    found.expect("the record of the call")
}

fn leg<'a>(record: &'a Value, user: &str) -> &'a Value {
    let legs = record["legs"].as_array().expect("legs");
    legs.iter().find(|leg| leg["user"] == user).expect("a leg")
}

#[tokio::test]
async fn who_does_not_want_to_be_disturbed_is_busy_to_callers() {
    let server = Server::start();
    let (mut alice, mut bob) =
        (server.device("alice", "a1").await, server.device("bob", "b1").await);
    let mut tablet = server.device("bob", "b2").await;
    let own = bob.ok(set(json!({"do_not_disturb": true, "allow": ["boss"]}))).await;
    assert_eq!(own, json!({"do_not_disturb": true, "allow": ["boss"]}));
    let told = tablet.expect("availability").await;
    assert_eq!((&told["do_not_disturb"], &told["allow"]), (&json!(true), &json!(["boss"])));

    let call = start(&mut alice, &["bob"]).await;
    let rejected = alice.expect("call.rejected").await;
    assert_eq!((&rejected["reason"], &rejected["cause"]), (&json!("busy"), &Value::Null));
    let ended = alice.expect("call.ended").await;
    assert_eq!(ended["ended"]["reason"], "busy");
    assert!(ended["ended"]["cause"].is_null(), "the caller is not told why: {ended}");
    bob.expect_nothing().await;

    // The caller's own view has no word of it anywhere: record, log, call.
    for request in [json!({"do": "record.list"}), ask("call.get", &call)] {
        let shown = alice.ok(request).await;
        let text = shown.to_string();
        assert!(!text.contains(r#""cause":"policy""#) && !text.contains("unavailable"), "{text}");
    }
    let missed = bob.ok(json!({"do": "record.list", "missed": true})).await;
    assert_eq!(missed["unread"], 1);
    assert_eq!(leg(&missed["records"][0], "bob")["cause"], "policy", "bob may know");

    let full = record(&server.api(), &call).await;
    assert_eq!((&full["cause"], &leg(&full, "bob")["cause"]), (&json!("policy"), &json!("policy")));
    let mut boss = server.device("boss", "o1").await;
    start(&mut boss, &["bob"]).await;
    bob.expect("call.invited").await;
}

#[tokio::test]
async fn a_blocked_caller_gets_no_answer_where_the_app_wants_it_so() {
    let flags = ["--calls-unavailable-as", "no_answer", "--calls-ring-time-s", "5"];
    let server = Server::start_with(&flags);
    let (mut eve, mut bob) = (server.device("eve", "e1").await, server.device("bob", "b1").await);
    let mut alice = server.device("alice", "a1").await;
    bob.ok(set(json!({"block": ["eve"]}))).await;
    let call = start(&mut eve, &["bob"]).await;

    // A device of bob's that logs in meanwhile is offered nothing, and bob is free for others.
    let second = server.device("bob", "b2").await;
    assert_eq!(second.welcome["calls"], json!([]));
    bob.refused(ask("call.accept", &call), "not_in_call").await;
    bob.refused(ask("call.get", &call), "not_in_call").await;
    let other = start(&mut alice, &["bob"]).await;
    assert_eq!(bob.expect("call.invited").await["call"], json!(other));

    let rejected = eve.expect("call.rejected").await;
    assert_eq!((&rejected["reason"], &rejected["cause"]), (&json!("timeout"), &Value::Null));
    let ended = eve.expect("call.ended").await;
    assert_eq!((&ended["call"], &ended["ended"]["reason"]), (&json!(call), &json!("timeout")));
    assert!(ended["ended"]["cause"].is_null(), "{ended}");
    let full = record(&server.api(), &call).await;
    assert_eq!((&full["reason"], &full["cause"]), (&json!("timeout"), &json!("policy")));
    let missed = bob.ok(json!({"do": "record.list", "missed": true})).await;
    assert!(!missed.to_string().contains(&call), "a blocked call is not missed: {missed}");
    // Messages of a blocked user do not come either.
    let sent = eve.ok(json!({"do": "message.send", "to": "bob", "body": 1})).await;
    assert_eq!(sent, json!({"received": false}));
}

#[tokio::test]
async fn wishes_outlast_a_kill_and_can_be_set_for_a_user() {
    let mut server = Server::start();
    let api = server.api();
    let path = "/v1/users/bob/availability";
    let hours = json!({"time_zone": "Asia/Tokyo", "spans": [{"days": ["mon"], "from": "22:00", "to": "06:30"}]});
    let asked = json!({"quiet_hours": hours, "block": ["eve"], "do_not_disturb": true});
    let (status, own) = api.patch(path, asked).await;
    assert_eq!((status, &own["quiet_hours"], &own["block"]), (200, &hours, &json!(["eve"])));
    server.restart();
    let api = server.api();
    assert_eq!(api.get(path).await, (200, own));
    let mut bob = server.device("bob", "b1").await;
    let asked = json!({"do_not_disturb": false, "unblock": ["eve"], "quiet_hours": {"time_zone": "UTC", "spans": []}});
    assert_eq!(api.patch(path, asked).await, (200, json!({"do_not_disturb": false})));
    assert_eq!(bob.expect("availability").await["do_not_disturb"], false);
    server.restart();
    assert_eq!(server.api().get(path).await.1, json!({"do_not_disturb": false}), "gone for good");
}

#[tokio::test]
async fn what_cannot_be_is_refused_by_name() {
    let server = Server::start();
    let mut bob = server.device("bob", "b1").await;
    let span =
        |from: &str, to: &str| json!({"time_zone": "UTC", "spans": [{"from": from, "to": to}]});
    for (asked, field) in [
        (json!({"until": 5}), "until"),
        (
            json!({"quiet_hours": {"time_zone": "Mars/Olympus", "spans": []}}),
            "quiet_hours.time_zone",
        ),
        (json!({"quiet_hours": span("25:00", "06:00")}), "quiet_hours.spans[0].from"),
        (json!({"block": [""]}), "block[0]"),
        (json!({"allow": [{"uid": 77}]}), "allow[0]"),
        (json!({"block": vec!["x"; 1001]}), "block"),
    ] {
        let error = bob.refused(set(asked.clone()), "invalid").await;
        assert_eq!(error["field"], json!(field), "{error}");
        let (status, problem) = server.api().patch("/v1/users/bob/availability", asked).await;
        assert_eq!(status, 400, "{problem}");
    }
    let own = bob.ok(json!({"do": "availability.get"})).await;
    assert_eq!(own, json!({"do_not_disturb": false}), "nothing of it was taken");
}

#[tokio::test]
async fn a_server_made_call_and_an_invitation_heed_them_too() {
    let server = Server::start();
    let api = server.api();
    let mut alice = server.device("alice", "a1").await;
    let (mut bob, mut carol) =
        (server.device("bob", "b1").await, server.device("carol", "c1").await);
    bob.ok(set(json!({"only_allowed": true, "allow": ["carol"]}))).await;
    let body = json!({"from": "alice", "to": ["bob"], "ring_both": true});
    let call = api.ok("/v1/calls", body).await["call"].take();
    assert_eq!(record(&api, call.as_str().expect("an id")).await["reason"], "busy");
    let talk = support::talk(&mut alice, &mut carol).await;
    alice.ok(json!({"do": "call.invite", "call": talk, "to": ["bob"]})).await;
    alice.expect("call.added").await;
    assert_eq!(alice.expect("call.rejected").await["reason"], "busy");
    bob.expect_nothing().await;
    alice.ok(ask("call.end", &talk)).await;
    start(&mut carol, &["bob"]).await;
    bob.expect("call.invited").await;
}
