//! A user is erased: nothing that the server keeps names them or holds their words, in the very
//! bytes of its files, and nothing of others is missing.

mod support;

use std::{fs, path::Path};

use serde_json::{Value, json};
use support::{Api, Device, PATIENCE, Server, ask, bring, ring, start, talk};

const WHO: &str = "zacharias";
const PHONE: &str = "the-phone-of-zach";
const WORDS: &str = "what-zach-wrote";

/// What is there of the erased user, in all files of the data directory together.
fn left(data: &Path) -> Vec<&'static str> {
    let files = fs::read_dir(data).expect("the directory").map(|file| file.expect("a file").path());
    let bytes: Vec<u8> = files.flat_map(|file| fs::read(file).unwrap_or_default()).collect();
    let is_left = |text: &&str| bytes.windows(text.len()).any(|part| part == text.as_bytes());
    [WHO, PHONE, WORDS].into_iter().filter(is_left).collect()
}

/// Ends the server in order and looks into its files.
fn nothing_is_left(mut server: Server) {
    server.signal("TERM");
    assert!(server.wait_for_exit(PATIENCE).success());
    assert_eq!(left(server.data()), Vec::<&str>::new());
}

/// A talk that `zach` ends, and a call of his that `other` does not hear.
async fn acquaint(zach: &mut Device, other: &mut Device) {
    let call = talk(other, zach).await;
    zach.ok(bring("call.hangup", &call, json!({"content": WORDS}))).await;
    other.wait_for("call.ended").await;
    zach.wait_for("call.ended").await;
    let user = other.welcome["user"].clone();
    let asked = json!({"do": "call.start", "to": [user], "content": WORDS, "param": 5});
    let call = zach.ok(asked).await["call"].as_str().expect("an id").to_owned();
    other.wait_for("call.invited").await;
    zach.ok(bring("call.cancel", &call, json!({"content": WORDS}))).await;
    let canceled = other.wait_for("call.canceled").await;
    other.ok(bring("ack", &call, json!({"seq": canceled["seq"]}))).await;
    zach.wait_for("call.ended").await;
}

/// Everything in the feed: where, of which call, what kind.
async fn feed(api: &Api) -> Vec<Value> {
    let (status, page) = api.get("/v1/events?limit=500").await;
    assert_eq!(status, 200, "{page}");
    let events = page["events"].as_array().expect("events").iter();
    events.map(|e| json!([e["cursor"], e["call"], e["seq"], e["type"]])).collect()
}

async fn exported(api: &Api) -> Vec<Value> {
    let (status, lines) = api.text("/v1/records/export?format=jsonl").await;
    assert_eq!(status, 200);
    lines.lines().map(|line| serde_json::from_str(line).expect("a record")).collect()
}

#[tokio::test]
async fn nothing_names_an_erased_user_and_nothing_of_others_is_missing() {
    let mut server = Server::start();
    let api = server.api();
    let mut alice = server.device("alice", "a1").await;
    let mut carol = server.device("carol", "c1").await;
    let mut zach = server.device(WHO, PHONE).await;
    acquaint(&mut zach, &mut alice).await;
    let between = talk(&mut alice, &mut carol).await;
    alice.ok(bring("call.hangup", &between, json!({"content": "of alice"}))).await;
    carol.wait_for("call.ended").await;
    let lists = json!({"do": "availability.set", "block": [WHO], "allow": ["carol"]});
    alice.ok(lists).await;
    zach.ok(json!({"do": "availability.set", "allow": ["alice"]})).await;
    zach.ok(json!({"do": "record.read"})).await;
    // One call runs, and will go on without him.
    let running = start(&mut carol, &["alice", WHO]).await;
    for device in [&mut alice, &mut zach] {
        device.wait_for("call.invited").await;
        device.ok(ask("call.accept", &running)).await;
    }
    carol.wait_for("call.joined").await;
    let (records, events) = (exported(&api).await, feed(&api).await);
    let unread = alice.ok(json!({"do": "record.list"})).await["unread"].clone();
    let uid = zach.welcome["uid"].as_u64();

    let (status, erased) = api.delete(&format!("/v1/users/{WHO}")).await;
    let expected = json!({"calls": 1, "devices": 1, "records": 2, "logs": 2, "running": [running]});
    assert_eq!((status, &erased), (200, &expected));
    assert_eq!(zach.expect_close().await.code, 4401);
    assert_eq!(alice.wait_for("call.left").await["user"], WHO, "they see him go");
    let told = alice.wait_for("availability").await;
    assert_eq!((&told["block"], &told["allow"]), (&Value::Null, &json!(["carol"])));
    assert_eq!(api.get(&format!("/v1/users/{WHO}")).await.0, 404);
    assert_eq!(api.get(&format!("/v1/records?user={WHO}")).await.1["records"], json!([]));

    // What others have is whole, and stays where it was.
    let kept = exported(&api).await;
    let serials = |all: &[Value]| all.iter().map(|r| r["serial"].clone()).collect::<Vec<_>>();
    assert_eq!(serials(&kept), serials(&records));
    assert_eq!(kept[2], records[2], "a call of others");
    assert_eq!(kept[0]["legs"][0], records[0]["legs"][0], "alice's part in a call with him");
    let name = kept[0]["legs"][1]["user"].as_str().expect("a name").to_owned();
    assert!(name.starts_with("erased-"), "{name}");
    assert_eq!(kept[1]["caller"], name.as_str(), "one name for all");
    assert_eq!(feed(&api).await[..events.len()], events);
    let own = alice.ok(json!({"do": "record.list"})).await;
    assert_eq!((&own["unread"], own["records"].as_array().map(Vec::len)), (&unread, Some(3)));
    let text = serde_json::to_string(&kept).expect("JSON");
    assert!(!text.contains(WHO) && !text.contains(WORDS) && !text.contains(PHONE), "{text}");
    assert!(text.contains("of alice"));

    // Whoever comes under that name is new.
    let back = server.device(WHO, "another").await;
    assert!(back.welcome["uid"].as_u64() > uid, "{}", back.welcome);
    let (status, erased) = api.delete(&format!("/v1/users/{WHO}")).await;
    assert_eq!((status, &erased["records"], &erased["devices"]), (200, &json!(0), &json!(1)));

    // The call that ran is seen to once it is over, also after a kill.
    alice.ok(ask("call.hangup", &running)).await;
    carol.wait_for("call.ended").await;
    server.kill();
    server.restart();
    let api = server.api();
    let path = format!("/v1/calls/{running}");
    while api.get(&path).await.1.to_string().contains(WHO) {
        tokio::task::yield_now().await;
    }
    assert_eq!(exported(&api).await.len(), 4);
    let repeated = api.delete(&format!("/v1/users/{WHO}")).await;
    let none = json!({"calls": 0, "devices": 0, "records": 0, "logs": 0, "running": []});
    assert_eq!(repeated, (200, none));
    nothing_is_left(server);
}

#[tokio::test]
async fn an_erasure_that_a_kill_cut_short_is_finished_by_asking_again() {
    let mut server = Server::start();
    let api = server.api();
    let mut alice = server.device("alice", "a1").await;
    let mut zach = server.device(WHO, PHONE).await;
    for _ in 0..40 {
        acquaint(&mut zach, &mut alice).await;
    }
    let records = exported(&api).await.len();
    let path = format!("/v1/users/{WHO}");
    let forgotten = async { while api.get(&path).await.0 != 404 {} };
    tokio::select! {
        biased;
        () = forgotten => {}
        _ = api.delete(&path) => {}
    }
    server.kill();
    server.restart();
    let api = server.api();
    assert_eq!(api.delete(&path).await.0, 200);
    assert_eq!(exported(&api).await.len(), records);
    let mut alice = server.device("alice", "a1").await;
    let call = ring(&mut alice, &mut server.device("carol", "c1").await).await;
    alice.ok(ask("call.cancel", &call)).await;
    alice.wait_for("call.ended").await;
    nothing_is_left(server);
}
