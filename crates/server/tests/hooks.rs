//! The business server decides: what it is asked before something happens, over HTTP and over its
//! own connection, and what its absence means.

mod support;

use serde_json::{Value, json};
use support::{Business, KEY, Manner, Receiver, Shop, outcome};

const SECRETS: [&str; 2] =
    ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_b3RoZXIgc2VjcmV0IG90aGVyIHNlY3JldA=="];

/// A shop whose hooks are `hooks`.
fn asking(login: &str, hooks: &str) -> Shop {
    Shop::open(login, &format!("[apps.hooks]\n{hooks}"))
}

/// A shop that posts its questions.
fn posting(receiver: &Receiver, ask: &[&str], more: &str) -> Shop {
    let hooks =
        format!("ask = {ask:?}\nurl = \"{}\"\nsecrets = {SECRETS:?}\n{more}\n", receiver.url());
    asking("open", &hooks)
}

/// The log of a call: its entries' types, and the one of the hook.
async fn log_of(shop: &Shop, call: &str) -> (Vec<String>, Value) {
    let (status, whole) = shop.api().get(&format!("/v1/calls/{call}")).await;
    assert_eq!(status, 200, "{whole}");
    let log = whole["log"].as_array().expect("a log");
    let kind = |entry: &Value| entry["type"].as_str().expect("a type").to_owned();
    let asked = log.iter().find(|entry| entry["type"] == "asked").cloned();
    (log.iter().map(kind).collect(), asked.unwrap_or(Value::Null))
}

fn call_bob() -> Value {
    json!({"do": "call.start", "to": ["bob"], "media": "video", "content": "hello", "param": 3})
}

#[tokio::test]
async fn a_veto_reaches_the_caller_and_rings_nobody() {
    let receiver =
        Receiver::start(json!({"allow": false, "code": 4711, "text": "no credit"})).await;
    let shop = posting(&receiver, &["call.request"], "absent = \"allow\"");
    let (mut alice, mut bob) = (shop.device("alice").await, shop.device("bob").await);
    let error = alice.refused(call_bob(), "denied").await;
    assert_eq!((&error["number"], &error["message"]), (&json!(4711), &json!("no credit")));
    bob.expect_nothing().await;
    assert_eq!(alice.expect("call.rejected").await["reason"], "denied");
    assert_eq!(outcome(&alice.expect("call.ended").await["ended"]), ("all", "denied", 4711));

    let post = receiver.next().await;
    assert_eq!(post.body["hook"], "call.request");
    assert_eq!(post.body["app"], "shop");
    let data = &post.body["data"];
    assert_eq!(data["from"], json!({"user": "alice", "uid": 1, "device": "d1"}), "{data}");
    assert_eq!(data["to"][0]["user"], "bob");
    assert_eq!((&data["content"], &data["param"]), (&json!("hello"), &json!(3)));
    assert_eq!((&data["kind"], &data["media"]), (&json!("direct"), &json!("video")));
    assert_eq!(post.signature.split(' ').count(), 2, "a signature by each secret");
    assert!(post.signature.split(' ').all(|signature| signature.starts_with("v1,")));
    assert_eq!(post.id, post.body["id"].as_str().expect("an id"));
    assert!(post.timestamp.parse::<u64>().is_ok());

    let record = alice.record().await["record"].take();
    assert_eq!((&record["reason"], &record["code"]), (&json!("denied"), &json!(4711)));
    let call = record["call"].as_str().expect("an id");
    assert_eq!(data["call"], call);
    let (log, asked) = log_of(&shop, call).await;
    assert_eq!(log, ["created", "asked", "rejected", "ended"]);
    assert_eq!((&asked["outcome"], &asked["code"]), (&json!("denied"), &json!(4711)));
    assert!(asked["ms"].is_u64(), "{asked}");
}

#[tokio::test]
async fn a_call_is_rewritten_before_anything_rings() {
    let said = json!({"allow": true, "to": [{"user": "carol"}], "forbid": ["callee_video"],
                      "ring_time": 30, "max_time": 600, "content": "from the shop"});
    let receiver = Receiver::start(said).await;
    let shop = posting(&receiver, &["call.request"], "absent = \"deny\"");
    let (mut alice, mut bob) = (shop.device("alice").await, shop.device("bob").await);
    let mut carol = shop.device("carol").await;
    let info = alice.ok(call_bob()).await["info"].take();
    assert_eq!(
        (&info["content"], &info["forbid"]),
        (&json!("from the shop"), &json!(["callee_video"]))
    );
    let invited = carol.expect("call.invited").await;
    assert_eq!((&invited["from"], &invited["content"]), (&json!("alice"), &json!("from the shop")));
    let left = invited["info"]["ring_left_ms"].as_u64().expect("a ring time");
    assert!(left <= 30_000, "{invited}");
    bob.expect_nothing().await;
    let call = info["id"].as_str().expect("an id");
    carol.ok(json!({"do": "call.accept", "call": call})).await;
    let started = alice.wait_for("call.started").await;
    assert_eq!(started["ev"], "call.started");
    let (log, asked) = log_of(&shop, call).await;
    assert_eq!(
        (&log[..2], &asked["outcome"]),
        (&["created".to_owned(), "asked".to_owned()][..], &json!("changed"))
    );
    let info = alice.ok(json!({"do": "call.get", "call": call})).await["info"].take();
    assert!(info["ends_by"].is_u64(), "the longest time holds: {info}");
}

#[tokio::test]
async fn absence_means_what_the_app_says() {
    let receiver = Receiver::start(json!({})).await;
    for (policy, is_allowed) in [("allow", true), ("deny", false)] {
        let more = format!("absent = \"{policy}\"\ntimeout_ms = 300");
        let shop = posting(&receiver, &["call.request"], &more);
        let (mut alice, mut bob) = (shop.device("alice").await, shop.device("bob").await);
        let wrong = [
            (Manner::Silent, "no answer in time"),
            (Manner::Says(500, String::new()), "answered with status 500"),
            (Manner::Says(302, String::new()), "answered with status 302"),
            (Manner::Says(200, "yes".to_owned()), "wrong answer"),
            (Manner::Says(200, json!({"ring_time": 1}).to_string()), "wrong answer: ring_time"),
            (Manner::Says(200, json!({"to": ["alice"]}).to_string()), "wrong answer: to[0]"),
            (Manner::Says(200, json!({"to": [{"uid": 77}]}).to_string()), "wrong answer"),
        ];
        for (manner, why) in wrong {
            receiver.answers(manner);
            let call = if is_allowed {
                let call = alice.ok(call_bob()).await["call"].as_str().expect("an id").to_owned();
                bob.wait_for("call.invited").await;
                alice.ok(json!({"do": "call.cancel", "call": call})).await;
                bob.wait_for("call.canceled").await;
                alice.wait_for("call.ended").await;
                call
            } else {
                let error = alice.refused(call_bob(), "denied").await;
                assert_eq!(error["number"], 503, "{error}");
                bob.expect_nothing().await;
                alice.record().await["record"]["call"].as_str().expect("an id").to_owned()
            };
            let (_, asked) = log_of(&shop, &call).await;
            assert_eq!(asked["outcome"], "absent", "{asked}");
            assert!(asked["why"].as_str().unwrap_or_default().starts_with(why), "{why}: {asked}");
            // What came after it shows that it is there, so the next is asked again.
            receiver.says(&json!({"allow": false}));
            alice.refused(call_bob(), "denied").await;
            if !is_allowed {
                alice.record().await;
            }
        }
    }
}

#[tokio::test]
async fn one_that_is_down_is_left_alone_and_tried_again() {
    // Nothing listens there; the port was free a moment ago.
    let gone = Receiver::start(json!({})).await;
    let address = gone.address;
    let shop = posting(&gone, &["call.request"], "absent = \"deny\"\ntimeout_ms = 200");
    drop(gone);
    let mut alice = shop.device("alice").await;
    let mut last = Value::Null;
    for _ in 0..6 {
        alice.refused(call_bob(), "denied").await;
        let call = alice.record().await["record"]["call"].as_str().expect("an id").to_owned();
        last = log_of(&shop, &call).await.1;
    }
    assert_eq!(last["why"], "left alone after failures");
    // It comes back, at the same address, and is asked again after a while.
    let back = Receiver::start_at(address, json!({"allow": false, "code": 1})).await;
    loop {
        let error = alice.refused(call_bob(), "denied").await;
        if error["number"] == 1 {
            break;
        }
        // Each question is a call that is logged; some in a second are enough.
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    assert!(back.waiting() > 0);
}

#[tokio::test]
async fn a_device_waits_for_nothing_but_its_own_start() {
    let receiver = Receiver::start(json!({})).await;
    receiver.answers(Manner::Silent);
    let shop = posting(&receiver, &["call.request"], "absent = \"allow\"\ntimeout_ms = 5000");
    let (mut alice, mut bob) = (shop.device("alice").await, shop.device("bob").await);
    let id = alice.send(call_bob()).await;
    receiver.next().await;
    alice.ok(json!({"do": "ping"})).await;
    // Nothing is claimed while it is asked (R21): the other side's call comes through.
    let mut api_call = json!({"from": "carol", "to": ["alice"], "ring_both": true});
    api_call["media"] = "audio".into();
    shop.device("carol").await;
    let theirs = shop.api().ok("/v1/calls", api_call).await["call"].take();
    assert_eq!(alice.wait_for("call.invited").await["call"], theirs);
    let reply = alice.reply(id).await;
    assert_eq!(reply["error"]["code"], "busy_self", "{reply}");
    bob.expect_nothing().await;
}

#[tokio::test]
async fn a_request_repeated_while_it_is_asked_is_asked_once() {
    let receiver = Receiver::start(json!({"allow": true})).await;
    receiver.answers(Manner::Silent);
    let shop = posting(&receiver, &["call.request"], "absent = \"allow\"\ntimeout_ms = 1500");
    let (mut alice, mut bob) = (shop.device("alice").await, shop.device("bob").await);
    let id = alice.send(call_bob()).await;
    receiver.next().await;
    alice.drop_connection();
    alice.resume(shop.server.address()).await;
    alice.send_as(id, call_bob()).await;
    let reply = alice.reply(id).await;
    let call = reply["ok"]["call"].as_str().expect("a call").to_owned();
    assert_eq!(bob.expect("call.invited").await["call"], json!(call));
    assert_eq!(receiver.waiting(), 0, "asked once");
    assert_eq!(shop.api().get("/v1/calls").await.1["calls"].as_array().expect("calls").len(), 1);
}

#[tokio::test]
async fn one_that_is_connected_is_asked_there() {
    let receiver = Receiver::start(json!({"allow": false, "code": 1})).await;
    let shop = posting(&receiver, &["call.request"], "absent = \"deny\"");
    let (mut alice, mut bob) = (shop.device("alice").await, shop.device("bob").await);
    let mut business = shop.business(json!({"hooks": ["call.request"]})).await;
    let id = alice.send(call_bob()).await;
    let question = business.question().await;
    assert_eq!((&question["hook"], &question["app"]), (&json!("call.request"), &json!("shop")));
    assert_eq!(question["data"]["from"]["user"], "alice");
    business.answer(&question, json!({"allow": true, "ring_time": 20})).await;
    let call = alice.reply(id).await["ok"]["call"].take();
    assert_eq!(bob.expect("call.invited").await["call"], call);
    assert_eq!(receiver.waiting(), 0);
    alice.ok(json!({"do": "call.cancel", "call": call})).await;

    // It goes away in the middle of a question: another connection is asked, with the same id.
    let id = alice.send(call_bob()).await;
    let question = business.question().await;
    let mut other = shop.business(json!({"hooks": ["call.request"]})).await;
    drop(business);
    let again = other.question().await;
    assert_eq!((&again["id"], &again["data"]), (&question["id"], &question["data"]));
    other.answer(&again, json!({"allow": false, "code": 2, "text": "no"})).await;
    assert_eq!(alice.reply(id).await["error"]["number"], 2);

    // With nobody connected it is posted.
    drop(other);
    let error = loop {
        let error = alice.refused(call_bob(), "denied").await;
        if error["number"] == 1 {
            break error;
        }
    };
    assert_eq!(error["number"], 1);
}

#[tokio::test]
async fn a_connection_carries_the_api() {
    let shop = asking("open", "");
    let mut alice = shop.device("alice").await;
    let mut bob = shop.device("bob").await;
    let mut business = shop.business(json!({"hooks": []})).await;
    let body = json!({"from": "alice", "to": ["bob"], "ring_both": true});
    let reply = business.ask("POST /v1/calls", body).await;
    assert_eq!(reply["status"], 200, "{reply}");
    let call = reply["body"]["call"].as_str().expect("an id").to_owned();
    alice.wait_for("call.invited").await;
    bob.wait_for("call.invited").await;
    let live = business.ask("GET /v1/calls", Value::Null).await;
    assert_eq!(live["body"]["calls"][0]["id"], json!(call));
    business.ask(&format!("POST /v1/calls/{call}/end"), json!({"app_code": 5})).await;
    let canceled = alice.wait_for("call.canceled").await;
    assert_eq!((&canceled["reason"], &canceled["code"]), (&json!("killed"), &json!(5)));
    let wrong = business.ask("POST /v1/calls", json!({"from": "alice"})).await;
    assert_eq!((&wrong["status"], &wrong["body"]["code"]), (&json!(400), &json!("invalid")));
    for what in ["", "POST", "GET /healthz", "GET /v1/nowhere"] {
        let reply = business.ask(what, Value::Null).await;
        assert!(reply["status"].as_u64().is_some_and(|s| s >= 400), "{what}: {reply}");
    }
}

#[tokio::test]
async fn who_has_no_key_or_no_manners_is_not_let_in() {
    let shop = asking("open", "");
    let address = shop.server.address();
    assert_eq!(Business::connect(address, "another-key").await.err(), Some(401));
    let faults = [
        (json!({"id": 1, "do": "GET /v1/calls"}), 4401),
        (json!({"do": "hello"}), 4400),
        (json!({"id": 1, "do": "hello", "body": {"hooks": ["call.nothing"]}}), 4400),
        (json!([1]), 4400),
    ];
    for (frame, code) in faults {
        let mut business = Business::connect(address, KEY).await.expect("let in");
        business.send(&frame).await;
        assert_eq!(business.closed().await, code, "{frame}");
    }
    let mut business = shop.business(Value::Null).await;
    business.send(&json!({"id": "one", "do": "GET /v1/calls"})).await;
    assert_eq!(business.closed().await, 4400);
}

#[tokio::test]
async fn a_login_by_name_is_what_the_business_server_says() {
    let shop = asking("hook", "timeout_ms = 500");
    let login =
        |user: &str, password: &str| json!({"app": "shop", "user": user, "password": password});
    // Nobody is there to vouch for anybody, and nobody is let in.
    let mut early = shop.connect(login("alice", "secret")).await;
    let hello = json!({"do": "hello", "login": login("alice", "secret"), "device": {"id": "d1"}});
    early.refused(hello.clone(), "unavailable").await;
    assert_eq!(early.expect_close().await.code, 4401);

    let mut business = shop.business(json!({"hooks": ["session.login"]})).await;
    let mut alice = shop.connect(login("alice", "secret")).await;
    let id = alice.send(hello.clone()).await;
    let question = business.question().await;
    assert_eq!(question["hook"], "session.login");
    assert_eq!(question["data"]["user"], "alice");
    assert_eq!(question["data"]["password"], "secret");
    assert_eq!(question["data"]["device"]["id"], "d1");
    let said = json!({"allow": true, "user": "u-17", "uid": 4711, "name": "Alice"});
    business.answer(&question, said).await;
    let welcome = alice.reply(id).await["ok"].take();
    assert_eq!((&welcome["user"], &welcome["uid"]), (&json!("u-17"), &json!(4711)));
    let (_, user) = shop.api().get("/v1/users/u-17").await;
    assert_eq!((&user["name"], &user["uid"]), (&json!("Alice"), &json!(4711)));

    let mut mallory = shop.connect(login("alice", "guess")).await;
    let id = mallory.send(hello).await;
    let question = business.question().await;
    business.answer(&question, json!({"allow": false, "text": "wrong password"})).await;
    let error = mallory.reply(id).await["error"].take();
    assert_eq!(
        (&error["code"], &error["message"]),
        (&json!("unauthorized"), &json!("wrong password"))
    );
    assert_eq!(mallory.expect_close().await.code, 4401);
    assert!(!shop.server.log().contains("secret"), "no password in the log");
}

#[tokio::test]
async fn answers_and_ends_are_told_and_joining_is_asked() {
    let shop = asking(
        "open",
        "ask = [\"call.join\", \"call.answer\", \"call.finish\"]\nabsent = \"allow\"",
    );
    let mut business = shop.business(Value::Null).await;
    // Without a list it answers everything, so what is not asked by setting is asked all the same.
    let mut alice = shop.device("alice").await;
    let (mut bob, mut carol) = (shop.device("bob").await, shop.device("carol").await);
    let id = alice.send(json!({"do": "call.start", "to": ["bob", "carol"]})).await;
    let question = business.question().await;
    assert_eq!(question["hook"], "call.request");
    business.answer(&question, json!({})).await;
    let call = alice.reply(id).await["ok"]["call"].as_str().expect("an id").to_owned();
    let ask = |what: &str| json!({"do": what, "call": call});
    bob.wait_for("call.invited").await;
    carol.wait_for("call.invited").await;
    bob.ok(json!({"do": "call.accept", "call": call, "content": "hi"})).await;
    let told = business.question().await;
    assert_eq!((&told["hook"], &told["data"]["accepted"]), (&json!("call.answer"), &json!(true)));
    assert_eq!(
        (&told["data"]["by"]["user"], &told["data"]["content"]),
        (&json!("bob"), &json!("hi"))
    );
    business.answer(&told, json!({})).await;
    carol.ok(json!({"do": "call.reject", "call": call})).await;
    let told = business.question().await;
    assert_eq!(
        (&told["data"]["accepted"], &told["data"]["code"]),
        (&json!(false), &json!(100_104))
    );
    business.answer(&told, json!({})).await;

    let id = carol.send(ask("call.join")).await;
    let question = business.question().await;
    assert_eq!(
        (&question["hook"], &question["data"]["by"]["user"]),
        (&json!("call.join"), &json!("carol"))
    );
    business.answer(&question, json!({"allow": false, "code": 8, "text": "too late"})).await;
    let error = carol.reply(id).await["error"].take();
    assert_eq!((&error["code"], &error["number"]), (&json!("denied"), &json!(8)));

    bob.ok(ask("call.hangup")).await;
    let finish = business.question().await;
    assert_eq!((&finish["hook"], &finish["data"]["call"]), (&json!("call.finish"), &json!(call)));
    assert_eq!(finish["data"]["reason"], "completed");
    business.answer(&finish, json!({})).await;
    loop {
        let (log, _) = log_of(&shop, &call).await;
        if log.iter().filter(|kind| *kind == "asked").count() == 5 {
            break;
        }
        tokio::task::yield_now().await;
    }
}
