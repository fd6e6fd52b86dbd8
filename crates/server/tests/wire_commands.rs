//! Every command of the wire, asked as the table of commands writes it, and what its `ok` holds.

mod support;

use serde_json::{Value, json};
use support::{Device, Server};

/// alice calls bob and he answers; the call.
async fn talking(alice: &mut Device, bob: &mut Device, media: &str) -> String {
    let started = alice.ok(json!({"do": "call.start", "to": ["bob"], "media": media})).await;
    let call = started["call"].as_str().expect("a call").to_owned();
    bob.expect("call.invited").await;
    bob.ok(json!({"do": "call.accept", "call": call})).await;
    bob.expect("call.started").await;
    alice.expect("call.accepted").await;
    alice.expect("call.started").await;
    call
}

/// Who is in a call, and in which state.
fn users(info: &Value) -> Vec<(&str, &str)> {
    let participants = info["participants"].as_array().expect("participants");
    participants.iter().filter_map(|p| p["user"].as_str().zip(p["state"].as_str())).collect()
}

#[tokio::test]
async fn hello_tells_the_session_the_user_and_the_limits() {
    let server = Server::start();
    let token = server.token("alice");
    let alice = Device::login_with(server.address(), &token, "a1").await;
    let ok = &alice.welcome;
    assert_eq!(ok["user"], "alice");
    assert_eq!(ok["resumed"], false);
    assert!(ok["uid"].as_u64().is_some_and(|uid| (1..1 << 31).contains(&uid)), "{ok}");
    assert!(ok["time"].as_u64().is_some_and(|ms| ms > 1_700_000_000_000), "{ok}");
    assert_eq!((&ok["caps"], &ok["calls"]), (&json!([]), &json!([])));
    assert_eq!(ok["limits"], json!({"content": 8192, "body": 32768, "frame": 262_144}));
    let again = Device::login_with(server.address(), &token, "a2").await;
    assert_eq!(again.welcome["uid"], ok["uid"], "a uid is stable");
    assert_ne!(again.session(), alice.session());
}

#[tokio::test]
async fn a_start_with_every_field_is_told_and_shown_as_asked() {
    let server = Server::start();
    let mut alice = server.device("alice", "a1").await;
    let mut bob = server.device("bob", "b1").await;
    let mut carol = server.device("carol", "c1").await;
    let carol_uid = carol.welcome["uid"].clone();
    let start = json!({"do": "call.start", "media": "video", "mode": "call", "kind": "group",
        "to": [{"user": "bob", "ring": "ring", "ring_time": 30}, {"uid": carol_uid, "ring": "notify"}],
        "content": "hi", "param": -7, "app_code": 8, "app_flags": 9, "forbid": ["callee_video"],
        "ring_time": 40, "reach_time": 0, "max_time": 600, "group": "g", "channel": "c",
        "policy": {"invite": "joined", "join": "invited", "end": "caller"},
        "push": {"enabled": true, "title": "t", "content": "c", "payload": {"x": [1]}, "badge": 1,
                 "sound": "s"},
        "unknown": "ignored"});
    let ok = alice.ok(start).await;
    let (call, info) = (&ok["call"], &ok["info"]);
    assert_eq!(*call, info["id"]);
    assert_eq!(
        (&info["mode"], &info["kind"], &info["media"]),
        (&json!("call"), &json!("group"), &json!("video"))
    );
    assert_eq!((&info["phase"], &info["caller"]), (&json!("inviting"), &json!("alice")));
    assert_eq!((&info["group"], &info["channel"]), (&json!("g"), &json!("c")));
    assert_eq!(
        (&info["content"], &info["param"], &info["app_flags"]),
        (&json!("hi"), &json!(-7), &json!(9))
    );
    assert_eq!(info["forbid"], json!(["callee_video"]));
    assert_eq!(
        (&info["started_at"], &info["room"], &info["ended"]),
        (&Value::Null, &Value::Null, &Value::Null)
    );
    assert_eq!(users(info), [("alice", "joined"), ("bob", "invited"), ("carol", "invited")]);
    let told = bob.expect("call.invited").await;
    assert_eq!(
        (&told["from"], &told["content"], &told["param"]),
        (&json!("alice"), &json!("hi"), &json!(-7))
    );
    assert_eq!((&told["app_code"], &told["app_flags"]), (&json!(8), &json!(9)));
    assert!(told["info"]["ring_left_ms"].as_u64().is_some_and(|ms| ms <= 30_000), "{told}");
    let told = carol.expect("call.invited").await;
    assert_eq!(told["info"]["participants"][2]["ring"], "notify");
    alice.ok(json!({"do": "call.end", "call": call})).await;
}

#[tokio::test]
async fn ringing_accept_get_and_hangup_make_a_whole_call() {
    let server = Server::start();
    let mut alice = server.device("alice", "a1").await;
    let mut bob = server.device("bob", "b1").await;
    let call =
        alice.ok(json!({"do": "call.start", "to": ["bob"], "media": "video"})).await["call"].take();
    bob.expect("call.invited").await;
    assert_eq!(bob.ok(json!({"do": "call.ringing", "call": call})).await, json!({}));
    let ringing = alice.expect("call.ringing").await;
    assert_eq!((&ringing["user"], &ringing["device"]), (&json!("bob"), &json!("b1")));
    let accept = json!({"do": "call.accept", "call": call, "media": "audio", "content": "yes"});
    let ok = bob.ok(accept).await;
    assert_eq!((&ok["call"], &ok["info"]["phase"]), (&call, &json!("active")));
    assert_eq!(ok["info"]["media"], "audio", "an answer may lower video to audio");
    let accepted = alice.expect("call.accepted").await;
    assert_eq!(
        (&accepted["device"], &accepted["media"], &accepted["content"]),
        (&json!("b1"), &json!("audio"), &json!("yes"))
    );
    let (a, b) = (alice.expect("call.started").await, bob.expect("call.started").await);
    assert_eq!(a["room"]["id"], b["room"]["id"]);
    assert_ne!(a["room"]["token"], b["room"]["token"], "each device has its own");
    assert_eq!(a["room"]["media"], "sfu");
    assert!(a["room"]["id"].as_u64().is_some_and(|id| (1..1 << 31).contains(&id)), "{a}");

    let whole = alice.ok(json!({"do": "call.get", "call": call})).await;
    let seqs: Vec<_> =
        whole["log"].as_array().expect("a log").iter().map(|e| e["seq"].as_u64()).collect();
    assert_eq!(seqs, (1..=seqs.len() as u64).map(Some).collect::<Vec<_>>(), "no gaps");
    assert_eq!(whole["info"]["room"], a["room"]);
    let page = alice.ok(json!({"do": "call.get", "call": call, "after": 1, "limit": 2})).await;
    assert_eq!(page["log"], Value::from(whole["log"].as_array().expect("a log")[1..3].to_vec()));

    assert_eq!(
        alice.ok(json!({"do": "call.hangup", "call": call, "content": "bye"})).await,
        json!({})
    );
    for device in [&mut alice, &mut bob] {
        let ended = device.expect("call.ended").await["ended"].take();
        assert_eq!(
            (&ended["scope"], &ended["reason"], &ended["code"]),
            (&json!("all"), &json!("completed"), &json!(0))
        );
        assert_eq!((&ended["by"], &ended["content"]), (&json!("alice"), &json!("bye")));
    }
}

#[tokio::test]
async fn a_callee_refuses_and_a_caller_cancels() {
    let server = Server::start();
    let mut alice = server.device("alice", "a1").await;
    let mut bob = server.device("bob", "b1").await;
    let mut tablet = server.device("bob", "b2").await;
    let start = json!({"do": "call.start", "to": ["bob"]});
    let call = alice.ok(start.clone()).await["call"].take();
    bob.expect("call.invited").await;
    tablet.expect("call.invited").await;
    tablet.ok(json!({"do": "call.reject", "call": call, "only_me": true})).await;
    let silenced = tablet.expect("call.ended").await;
    assert_eq!(silenced["ended"]["scope"], "you");
    alice.expect_nothing().await;
    bob.ok(json!({"do": "call.reject", "call": call, "reason": "busy", "content": "later"})).await;
    let rejected = alice.expect("call.rejected").await;
    assert_eq!((&rejected["reason"], &rejected["code"]), (&json!("busy"), &json!(100_103)));
    assert_eq!(rejected["content"], "later");
    assert_eq!(alice.expect("call.ended").await["ended"]["reason"], "busy");
    assert_eq!(bob.expect("call.ended").await["ended"]["scope"], "all");
    tablet.expect_nothing().await;

    let call = alice.ok(start).await["call"].take();
    bob.expect("call.invited").await;
    tablet.expect("call.invited").await;
    alice.ok(json!({"do": "call.cancel", "call": call, "app_code": 5})).await;
    for device in [&mut bob, &mut tablet] {
        let canceled = device.expect("call.canceled").await;
        assert_eq!((&canceled["reason"], &canceled["code"]), (&json!("canceled"), &json!(100_101)));
        assert_eq!(canceled["app_code"], 5);
        device.ok(json!({"do": "ack", "call": call, "seq": canceled["seq"]})).await;
    }
    assert_eq!(alice.expect("call.ended").await["ended"]["code"], 100_101);
    let log = alice.ok(json!({"do": "call.get", "call": call})).await["log"].take();
    let acks =
        log.as_array().expect("a log").iter().filter(|e| e.to_string().contains("acknowledged"));
    assert_eq!(acks.count(), 2, "the log shows who has stopped ringing: {log}");
}

#[tokio::test]
async fn a_group_call_is_invited_into_joined_left_and_ended() {
    let server = Server::start();
    let mut alice = server.device("alice", "a1").await;
    let mut bob = server.device("bob", "b1").await;
    let mut carol = server.device("carol", "c1").await;
    let call = talking(&mut alice, &mut bob, "audio").await;
    let invite = json!({"do": "call.invite", "call": call, "to": ["carol", "bob"], "content": "come",
                        "ring_time": 20});
    let ok = alice.ok(invite).await;
    assert_eq!(ok["skipped"], json!(["bob"]));
    assert_eq!(carol.expect("call.invited").await["content"], "come");
    for device in [&mut alice, &mut bob] {
        let added = device.expect("call.added").await;
        assert_eq!((&added["users"], &added["by"]), (&json!(["carol"]), &json!("alice")));
    }
    let joined = carol.ok(json!({"do": "call.join", "call": call})).await;
    assert!(joined["info"]["room"]["id"].is_u64(), "later joiners find the room: {joined}");
    assert_eq!(joined["info"]["kind"], "group");
    for device in [&mut alice, &mut bob] {
        assert_eq!(device.expect("call.accepted").await["user"], "carol");
        assert_eq!(device.expect("call.joined").await["user"], "carol");
    }
    bob.ok(json!({"do": "call.hangup", "call": call})).await;
    assert_eq!(bob.expect("call.ended").await["ended"]["scope"], "you");
    for device in [&mut alice, &mut carol] {
        let left = device.expect("call.left").await;
        assert_eq!((&left["user"], &left["reason"]), (&json!("bob"), &json!("left")));
    }
    bob.ok(json!({"do": "call.join", "call": call})).await;
    assert_eq!(carol.expect("call.joined").await["user"], "bob");
    alice.expect("call.joined").await;
    carol.refused(json!({"do": "call.end", "call": call}), "forbidden").await;
    alice.ok(json!({"do": "call.end", "call": call})).await;
    for device in [&mut alice, &mut bob, &mut carol] {
        assert_eq!(device.expect("call.ended").await["ended"]["scope"], "all");
    }
}

#[tokio::test]
async fn a_cancel_may_name_some_callees_only() {
    let server = Server::start();
    let mut alice = server.device("alice", "a1").await;
    let mut bob = server.device("bob", "b1").await;
    let mut carol = server.device("carol", "c1").await;
    let call = alice.ok(json!({"do": "call.start", "to": ["bob", "carol"]})).await["call"].take();
    bob.expect("call.invited").await;
    carol.expect("call.invited").await;
    alice.ok(json!({"do": "call.cancel", "call": call, "to": ["bob"]})).await;
    bob.expect("call.canceled").await;
    carol.expect_nothing().await;
    carol.ok(json!({"do": "call.accept", "call": call})).await;
    alice.wait_for("call.started").await;
    alice.ok(json!({"do": "call.hangup", "call": call})).await;
    carol.wait_for("call.ended").await;
}

#[tokio::test]
async fn a_call_moves_and_changes_its_media() {
    let server = Server::start();
    let mut alice = server.device("alice", "a1").await;
    let mut bob = server.device("bob", "b1").await;
    let call = talking(&mut alice, &mut bob, "video").await;
    let mut tablet = server.device("bob", "b2").await;
    assert_eq!(tablet.welcome["calls"][0]["id"], call.as_str());
    tablet.ok(json!({"do": "call.move", "call": call, "from": "b1"})).await;
    let elsewhere = bob.expect("call.elsewhere").await;
    assert_eq!((&elsewhere["how"], &elsewhere["device"]), (&json!("moved"), &json!("b2")));
    assert_eq!(alice.expect("call.moved").await["device"], "b2");

    alice.ok(json!({"do": "call.media", "call": call, "media": "audio"})).await;
    for device in [&mut alice, &mut tablet] {
        let changed = device.expect("call.media_changed").await;
        assert_eq!((&changed["user"], &changed["media"]), (&json!("alice"), &json!("audio")));
    }
    tablet.ok(json!({"do": "call.media", "call": call, "media": "video"})).await;
    assert_eq!(alice.expect("call.media_proposed").await["user"], "bob");
    alice.ok(json!({"do": "call.media_answer", "call": call, "accept": false})).await;
    assert_eq!(tablet.expect("call.media_refused").await["media"], "video");
    tablet.ok(json!({"do": "call.media", "call": call, "media": "video"})).await;
    alice.expect("call.media_proposed").await;
    alice.ok(json!({"do": "call.media_answer", "call": call, "accept": true})).await;
    for device in [&mut alice, &mut tablet] {
        assert_eq!(device.expect("call.media_changed").await["media"], "video");
    }
}

#[tokio::test]
async fn state_and_messages_travel_beside_the_log() {
    let server = Server::start();
    let mut alice = server.device("alice", "a1").await;
    let mut bob = server.device("bob", "b1").await;
    let call = talking(&mut alice, &mut bob, "audio").await;
    alice.ok(json!({"do": "call.state", "call": call, "audio": true, "video": false})).await;
    // What is ephemeral may overtake what is written down first.
    let (mut entered, mut state) = (bob.next().await, bob.next().await);
    if state["ev"] == "call.entered" {
        std::mem::swap(&mut entered, &mut state);
    }
    assert_eq!((&entered["ev"], &entered["user"]), (&json!("call.entered"), &json!("alice")));
    assert_eq!(state["ev"], "call.state");
    assert_eq!(
        (&state["user"], &state["audio"], &state["video"]),
        (&json!("alice"), &json!(true), &json!(false))
    );
    assert!(state.get("seq").is_none(), "ephemeral events have no seq: {state}");
    alice.ok(json!({"do": "call.state", "call": call, "audio": false, "screen": true})).await;
    assert_eq!(bob.expect("call.state").await["screen"], true);

    for to in [json!(null), json!("bob"), json!(["bob"]), json!([{"uid": bob.welcome["uid"]}])] {
        let body = json!({"deep": [1, {"x": "é"}]});
        alice.ok(json!({"do": "call.send", "call": call, "to": to, "body": body})).await;
        let message = bob.expect("call.message").await;
        assert_eq!((&message["from"], &message["body"]), (&json!("alice"), &body));
    }
    alice.ok(json!({"do": "call.send", "call": call, "to": ["carol"], "body": "x"})).await;
    bob.expect_nothing().await;
}

#[tokio::test]
async fn messages_and_presence_need_no_call() {
    let server = Server::start();
    let mut alice = server.device("alice", "a1").await;
    let mut bob = server.device("bob", "b1").await;
    let ok = alice.ok(json!({"do": "message.send", "to": "bob", "body": {"n": 1}})).await;
    assert_eq!(ok, json!({"received": true}));
    let message = bob.expect("message").await;
    assert_eq!((&message["from"], &message["body"]["n"]), (&json!("alice"), &json!(1)));
    assert!(message["at"].is_u64());
    let nobody = alice.ok(json!({"do": "message.send", "to": "nobody", "body": "x"})).await;
    assert_eq!(nobody, json!({"received": false}));

    let asked = alice.ok(json!({"do": "presence.get", "users": ["bob", "nobody"]})).await;
    assert_eq!(asked["users"], json!({"bob": "online", "nobody": "offline"}));
    alice.ok(json!({"do": "presence.watch", "users": ["bob", "carol"]})).await;
    let mut carol = server.device("carol", "c1").await;
    assert_eq!(alice.expect("presence").await["users"], json!({"carol": "online"}));
    let call = carol.ok(json!({"do": "call.start", "to": ["bob"]})).await["call"].take();
    assert_eq!(alice.expect("presence").await["users"], json!({"carol": "in_call"}));
    carol.ok(json!({"do": "call.cancel", "call": call})).await;
    assert_eq!(alice.expect("presence").await["users"], json!({"carol": "online"}));
    carol.drop_connection();
    assert_eq!(alice.expect("presence").await["users"], json!({"carol": "unreachable"}));
    alice.ok(json!({"do": "presence.unwatch", "users": ["carol"]})).await;
    let _carol = server.device("carol", "c1").await;
    alice.expect_nothing().await;
}

#[tokio::test]
async fn records_are_listed_newest_first_and_missed_ones_alone() {
    let server = Server::start();
    let mut alice = server.device("alice", "a1").await;
    let mut bob = server.device("bob", "b1").await;
    let missed =
        alice.ok(json!({"do": "call.start", "to": ["bob"], "content": "one"})).await["call"].take();
    bob.expect("call.invited").await;
    alice.ok(json!({"do": "call.cancel", "call": missed})).await;
    bob.expect("call.canceled").await;
    alice.expect("call.ended").await;
    let call = talking(&mut alice, &mut bob, "audio").await;
    bob.ok(json!({"do": "call.hangup", "call": call})).await;
    bob.expect("call.ended").await;

    let listed = bob.ok(json!({"do": "record.list"})).await["records"].take();
    let calls: Vec<_> = listed.as_array().expect("records").iter().map(|r| &r["call"]).collect();
    assert_eq!(calls, [&json!(call), &missed], "readable when call.ended arrives, newest first");
    assert_eq!(
        (&listed[0]["reason"], &listed[0]["code"], &listed[0]["ended_by"]),
        (&json!("completed"), &json!(0), &json!("bob"))
    );
    assert_eq!(listed[0]["legs"][1]["device"], "b1");
    assert_eq!(listed[1]["legs"][1]["outcome"], "canceled");
    assert_eq!((&listed[1]["content"], &listed[1]["caller"]), (&json!("one"), &json!("alice")));
    let one = bob.ok(json!({"do": "record.list", "limit": 1})).await["records"].take();
    let rest = json!({"do": "record.list", "before": one[0]["serial"]});
    assert_eq!(bob.ok(rest).await["records"][0]["call"], missed);
    let missed_only = bob.ok(json!({"do": "record.list", "missed": true})).await["records"].take();
    assert_eq!(missed_only.as_array().map(Vec::len), Some(1));
    let told = bob.record().await;
    assert_eq!(told["record"]["call"], missed, "each party is sent the record: {told}");
}

#[tokio::test]
async fn the_session_is_pinged_renewed_and_ended() {
    let server = Server::start();
    let token = server.token("alice");
    let mut alice = Device::login_with(server.address(), &token, "a1").await;
    let mut bob = server.device("bob", "b1").await;
    assert_eq!(alice.ok(json!({"do": "ping"})).await, json!({}));
    assert_eq!(alice.ok(json!({"do": "token.renew", "token": token})).await, json!({}));
    let others = server.token("bob");
    alice.refused(json!({"do": "token.renew", "token": others}), "unauthorized").await;
    let call = talking(&mut alice, &mut bob, "audio").await;
    assert_eq!(alice.ok(json!({"do": "logout"})).await, json!({}));
    alice.expect_close().await;
    let ended = bob.expect("call.ended").await;
    assert_eq!((&ended["call"], &ended["ended"]["by"]), (&json!(call), &json!("alice")));
    let asked = bob.ok(json!({"do": "presence.get", "users": ["alice"]})).await;
    assert_eq!(asked["users"]["alice"], "offline", "a logout leaves nothing to resume");
}

#[tokio::test]
async fn commands_of_later_editions_are_unknown() {
    let server = Server::start();
    let mut alice = server.device("alice", "a1").await;
    for name in ["push.fly", "media.fly", "call.teleport", "", "CALL.START"] {
        let request = json!({"do": name, "provider": "x", "kind": "y", "token": "z"});
        alice.refused(request, "unknown_command").await;
    }
}
