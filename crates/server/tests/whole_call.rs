//! The example of WIRE.md, frame by frame.

mod support;

use serde_json::json;
use support::Server;

#[tokio::test]
async fn a_whole_call_is_told_to_the_letter() {
    let server = Server::start();
    let mut alice = server.device("alice", "a1").await;
    let mut bob = server.device("bob", "d1").await;

    let start =
        json!({"do": "call.start", "to": ["bob"], "media": "video", "content": "hi", "param": 7});
    let started = alice.ok(start).await;
    let call = started["call"].clone();
    let info = &started["info"];
    assert_eq!((&info["id"], &info["phase"], &info["seq"]), (&call, &json!("inviting"), &json!(1)));

    let invited = bob.expect("call.invited").await;
    assert_eq!(invited["seq"], 1);
    assert_eq!(
        (&invited["from"], &invited["content"], &invited["param"]),
        (&json!("alice"), &json!("hi"), &json!(7))
    );
    assert_eq!(invited["info"]["id"], call);

    bob.ok(json!({"do": "call.ringing", "call": call})).await;
    let ringing = alice.expect("call.ringing").await;
    assert_eq!(
        (&ringing["seq"], &ringing["user"], &ringing["device"]),
        (&json!(2), &json!("bob"), &json!("d1"))
    );

    bob.ok(json!({"do": "call.accept", "call": call})).await;
    let accepted = alice.expect("call.accepted").await;
    assert_eq!((&accepted["seq"], &accepted["user"]), (&json!(3), &json!("bob")));
    for device in [&mut alice, &mut bob] {
        let started = device.expect("call.started").await;
        assert_eq!(started["seq"], 4);
        assert_eq!(started["room"]["media"], "sfu");
        assert_eq!(started["room"]["allow"], json!(["audio", "video"]));
        assert!(started["room"]["id"].as_u64().is_some_and(|id| id > 0 && id < 1 << 31));
    }

    alice.ok(json!({"do": "call.hangup", "call": call})).await;
    for device in [&mut alice, &mut bob] {
        let ended = device.expect("call.ended").await;
        assert_eq!((&ended["seq"], &ended["call"]), (&json!(5), &call));
        let ended = &ended["ended"];
        assert_eq!((&ended["scope"], &ended["reason"]), (&json!("all"), &json!("completed")));
        assert_eq!((&ended["code"], &ended["by"]), (&json!(0), &json!("alice")));
        assert!(ended["duration_ms"].is_u64());
        device.expect_nothing().await;
    }
}
