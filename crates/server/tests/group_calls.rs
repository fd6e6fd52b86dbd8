//! Group calls: several callees, late joiners, quiet rings, and who may do what.

mod support;

use serde_json::{Value, json};
use support::{Device, Server, ask, bring, outcome, start, talk};

/// Alice, Bob and Carol in an active group call; Dave rings.
async fn three_and_one(server: &Server, more: Value) -> (Vec<Device>, String) {
    let mut all = Vec::new();
    for user in ["alice", "bob", "carol", "dave"] {
        all.push(server.device(user, &format!("{}1", &user[..1])).await);
    }
    let mut request = json!({"do": "call.start", "to": ["bob", "carol", "dave"], "media": "video"});
    if let (Some(request), Value::Object(more)) = (request.as_object_mut(), more) {
        request.extend(more);
    }
    let ok = all[0].ok(request).await;
    assert_eq!(ok["info"]["kind"], "group");
    let call = ok["call"].as_str().expect("an id").to_owned();
    for device in &mut all[1..] {
        device.expect("call.invited").await;
    }
    for i in [1, 2] {
        all[i].ok(ask("call.accept", &call)).await;
    }
    // The first answer starts the call; the second is an answer and an entry.
    assert_eq!(all[0].expect("call.accepted").await["user"], "bob");
    all[0].expect("call.started").await;
    all[1].expect("call.started").await;
    for device in &mut all[..2] {
        assert_eq!(device.expect("call.accepted").await["user"], "carol");
        assert_eq!(device.expect("call.joined").await["user"], "carol");
    }
    all[2].expect_nothing().await;
    (all, call)
}

#[tokio::test]
async fn each_callee_has_an_outcome_and_a_late_one_may_join_while_it_runs() {
    let server = Server::start();
    let (mut all, call) = three_and_one(&server, json!({})).await;
    all[3].ok(bring("call.reject", &call, json!({"content": "later"}))).await;
    let ended = all[3].expect("call.ended").await;
    assert_eq!(outcome(&ended["ended"]), ("you", "rejected", 100_104));
    for device in &mut all[..3] {
        let rejected = device.expect("call.rejected").await;
        assert_eq!((&rejected["user"], &rejected["content"]), (&json!("dave"), &json!("later")));
    }
    // A new stay begins.
    let ok = all[3].ok(ask("call.join", &call)).await;
    assert!(ok["info"]["room"]["id"].is_u64(), "the room is in the reply: {ok}");
    for device in &mut all[..3] {
        assert_eq!(device.expect("call.joined").await["user"], "dave");
    }
    all[3].expect_nothing().await;
    all[1].ok(ask("call.hangup", &call)).await;
    let ended = all[1].expect("call.ended").await;
    assert_eq!(outcome(&ended["ended"]), ("you", "completed", 0));
    for i in [0, 2, 3] {
        let left = all[i].expect("call.left").await;
        assert_eq!((&left["user"], &left["reason"]), (&json!("bob"), &json!("left")));
    }
    // Whoever left may come back.
    all[1].ok(ask("call.join", &call)).await;
    for i in [0, 2, 3] {
        assert_eq!(all[i].expect("call.joined").await["user"], "bob");
    }
    all[0].ok(ask("call.end", &call)).await;
    for device in &mut all {
        let ended = device.expect("call.ended").await;
        assert_eq!(outcome(&ended["ended"]), ("all", "completed", 0));
        assert_eq!(ended["ended"]["by"], "alice");
        device.expect_nothing().await;
    }
}

#[tokio::test]
async fn it_ends_when_fewer_than_two_remain_and_nobody_is_rung() {
    let server = Server::start();
    let (mut all, call) = three_and_one(&server, json!({})).await;
    all[0].ok(ask("call.hangup", &call)).await;
    all[1].ok(ask("call.hangup", &call)).await;
    for device in &mut all[..2] {
        let ended = device.wait_for("call.ended").await;
        assert_eq!(ended["ended"]["scope"], "you", "a caller's hang-up is a leave");
    }
    assert_eq!(all[2].expect("call.left").await["user"], "alice");
    assert_eq!(all[2].expect("call.left").await["user"], "bob");
    // Carol is alone, but Dave still rings.
    all[2].expect_nothing().await;
    all[3].ok(ask("call.reject", &call)).await;
    assert_eq!(all[2].expect("call.rejected").await["user"], "dave");
    let ended = all[2].expect("call.ended").await;
    assert_eq!(outcome(&ended["ended"]), ("all", "completed", 0));
    all[3].expect("call.ended").await;
    for device in &mut all {
        device.expect_nothing().await;
    }
}

#[tokio::test]
async fn the_end_for_all_reaches_those_who_ring_and_is_the_callers_to_give() {
    let server = Server::start();
    let (mut all, call) = three_and_one(&server, json!({})).await;
    all[1].refused(ask("call.end", &call), "forbidden").await;
    all[0].ok(bring("call.end", &call, json!({"content": "bye", "app_flags": 9}))).await;
    for device in &mut all[..3] {
        let ended = device.expect("call.ended").await;
        assert_eq!(
            (&ended["ended"]["scope"], &ended["ended"]["content"]),
            (&json!("all"), &json!("bye"))
        );
        assert_eq!(ended["ended"]["app_flags"], 9);
    }
    let canceled = all[3].expect("call.canceled").await;
    assert_eq!((&canceled["reason"], &canceled["content"]), (&json!("canceled"), &json!("bye")));
    for device in &mut all {
        device.expect_nothing().await;
    }
}

#[tokio::test]
async fn the_calls_policy_says_who_may_invite_join_and_end() {
    let server = Server::start();
    let policy = json!({"policy": {"invite": "caller", "join": "caller", "end": "joined"}});
    let (mut all, call) = three_and_one(&server, policy).await;
    let mut eve = server.device("eve", "e1").await;
    let more = bring("call.invite", &call, json!({"to": ["eve"]}));
    all[1].refused(more.clone(), "forbidden").await;
    eve.expect_nothing().await;
    assert_eq!(all[0].ok(more).await["skipped"], json!([]));
    eve.expect("call.invited").await;
    all[2].ok(ask("call.hangup", &call)).await;
    all[2].refused(ask("call.join", &call), "forbidden").await;
    all[3].refused(ask("call.end", &call), "forbidden").await;
    all[1].ok(ask("call.end", &call)).await;
    assert_eq!(all[0].wait_for("call.ended").await["ended"]["by"], "bob");
}

#[tokio::test]
async fn a_direct_call_becomes_a_group_when_a_third_is_invited() {
    let server = Server::start();
    let mut alice = server.device("alice", "a1").await;
    let mut bob = server.device("bob", "b1").await;
    let mut carol = server.device("carol", "c1").await;
    let call = talk(&mut alice, &mut bob).await;
    let note = json!({"to": ["carol", "nobody", "alice"], "content": "join us", "param": 3});
    let ok = bob.ok(bring("call.invite", &call, note)).await;
    assert_eq!(ok["skipped"], json!(["alice"]));
    let invited = carol.expect("call.invited").await;
    assert_eq!((&invited["from"], &invited["content"]), (&json!("bob"), &json!("join us")));
    assert_eq!((&invited["param"], &invited["info"]["kind"]), (&json!(3), &json!("group")));
    for device in [&mut alice, &mut bob] {
        let added = device.expect("call.added").await;
        assert_eq!((&added["users"], &added["by"]), (&json!(["carol", "nobody"]), &json!("bob")));
        let rejected = device.expect("call.rejected").await;
        assert_eq!((&rejected["user"], &rejected["reason"]), (&json!("nobody"), &json!("offline")));
    }
    carol.ok(ask("call.accept", &call)).await;
    bob.ok(ask("call.hangup", &call)).await;
    alice.wait_for("call.left").await;
    assert_eq!(carol.expect("call.left").await["user"], "bob");
    // The direct call's rule of one hang-up no longer holds.
    carol.expect_nothing().await;
}

#[tokio::test]
async fn quiet_rings_claim_nobody_until_they_join() {
    let server = Server::start();
    let mut alice = server.device("alice", "a1").await;
    let mut bob = server.device("bob", "b1").await;
    let mut carol = server.device("carol", "c1").await;
    let mut dave = server.device("dave", "d1").await;
    let to =
        json!(["bob", {"user": "carol", "ring": "notify"}, {"user": "dave", "ring": "silent"}]);
    let ok = alice.ok(json!({"do": "call.start", "to": to})).await;
    let call = ok["call"].as_str().expect("an id").to_owned();
    bob.expect("call.invited").await;
    let notice = carol.expect("call.invited").await;
    let own = notice["info"]["participants"].as_array().into_iter().flatten();
    let rings: Vec<&Value> = own.filter(|p| p["user"] == "carol").map(|p| &p["ring"]).collect();
    assert_eq!(rings, [&json!("notify")]);
    dave.expect_nothing().await;
    let listed = server.device("dave", "d2").await;
    assert_eq!(listed.welcome["calls"][0]["id"], call.as_str());

    // Carol and Dave are free: they may call each other meanwhile.
    let other = start(&mut carol, &["dave"]).await;
    assert_eq!(dave.expect("call.invited").await["call"], other.as_str());
    carol.refused(ask("call.accept", &call), "busy_self").await;
    carol.ok(ask("call.cancel", &other)).await;
    carol.expect("call.ended").await;
    dave.expect("call.canceled").await;

    bob.ok(ask("call.accept", &call)).await;
    carol.ok(ask("call.join", &call)).await;
    dave.ok(ask("call.join", &call)).await;
    let busy = dave.refused(json!({"do": "call.start", "to": ["eve"]}), "busy_self").await;
    assert_eq!(busy["call"], call.as_str());
}

#[tokio::test]
async fn a_group_nobody_answers_ends_with_the_first_reason_of_the_list() {
    let server = Server::start();
    let mut alice = server.device("alice", "a1").await;
    let mut bob = server.device("bob", "b1").await;
    let mut carol = server.device("carol", "c1").await;
    let mut dave = server.device("dave", "d1").await;
    talk(&mut carol, &mut dave).await;
    let call = start(&mut alice, &["bob", "carol", "nobody"]).await;
    bob.expect("call.invited").await;
    bob.ok(ask("call.reject", &call)).await;
    let mut reasons = Vec::new();
    for _ in 0..3 {
        let rejected = alice.expect("call.rejected").await;
        reasons.push(rejected["reason"].as_str().unwrap_or_default().to_owned());
    }
    assert_eq!(reasons, ["busy", "offline", "rejected"]);
    let ended = alice.expect("call.ended").await;
    assert_eq!(outcome(&ended["ended"]), ("all", "rejected", 100_104));
    let bobs = bob.expect("call.ended").await;
    assert_eq!(bobs["ended"]["reason"], "rejected");
    bob.expect_nothing().await;
    let record = alice.record().await;
    let legs = record["record"]["legs"].as_array().map(Vec::len);
    assert_eq!(legs, Some(4), "one leg per participant: {record}");
}
