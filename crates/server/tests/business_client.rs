//! The Rust client of `/v1/business` against the real server.

mod support;

use bellwire_client::{
    Business, Error, FromServer,
    core::Hook,
    protocol::{ErrorCode, business::Asking},
};
use serde_json::{Value, json};
use support::{PATIENCE, Server, ask, start};

fn address(server: &Server) -> String {
    format!("ws://{}", server.address())
}

#[tokio::test]
async fn it_answers_hooks_hears_events_and_asks_the_api() {
    let server = Server::start();
    let builder = Business::to(address(&server), server.api_key());
    let (business, mut incomings) =
        builder.hooks([Hook::Request]).events(None).connect().await.expect("let in");
    let (mut mallory, mut bob) =
        (server.device("mallory", "m1").await, server.device("bob", "b1").await);
    let mut alice = server.device("alice", "a1").await;

    let answering = tokio::spawn(async move {
        let mut heard = Vec::new();
        while let Some(incoming) = incomings.next().await {
            match incoming {
                FromServer::Hook(question) => match question.asking() {
                    Asking::Request(asked) if &*asked.from.user == "mallory" => {
                        question.deny(4711, "no credit");
                    }
                    _ => question.allow(),
                },
                FromServer::Event(event) => {
                    heard.push(event.entry.kind().to_owned());
                    if heard.last().is_some_and(|kind| kind == "accepted") {
                        return heard;
                    }
                }
                other => panic!("{other:?}"),
            }
        }
        panic!("the connection ended after {heard:?}");
    });
    let denied = mallory.refused(json!({"do": "call.start", "to": ["bob"]}), "denied").await;
    assert_eq!((&denied["number"], &denied["message"]), (&json!(4711), &json!("no credit")));
    let call = start(&mut alice, &["bob"]).await;
    bob.expect("call.invited").await;
    bob.ok(ask("call.accept", &call)).await;
    let heard =
        tokio::time::timeout(PATIENCE, answering).await.expect("in time").expect("no panic");
    let of_both = ["created", "asked", "rejected", "ended", "created", "asked", "accepted"];
    assert_eq!(heard, of_both, "of both calls, in order");

    let live: Value = business.ask("GET", "/v1/calls", &()).await.expect("an answer");
    assert_eq!(live["calls"][0]["id"], json!(call));
    let path = format!("/v1/calls/{call}/end");
    let ended: Value = business.ask("POST", &path, &json!({"app_code": 7})).await.expect("done");
    assert_eq!(ended, json!({}));
    let again: Result<Value, Error> = business.ask("POST", &path, &json!({})).await;
    let error = again.expect_err("it is over");
    assert_eq!(error.refused().map(|error| error.code), Some(ErrorCode::NotInCall), "{error}");
}

#[tokio::test]
async fn a_wrong_key_and_a_server_that_goes_away_are_told() {
    let mut server = Server::start();
    let wrong = Business::to(address(&server), "a-key-of-nobody-a-key-of-nobody-x");
    let error = wrong.connect().await.expect_err("not let in").to_string();
    assert!(error.contains("401"), "{error}");
    let builder = Business::to(address(&server), server.api_key()).hooks([]);
    let (business, mut incomings) = builder.connect().await.expect("let in");
    server.kill();
    let next = tokio::time::timeout(PATIENCE, incomings.next()).await.expect("in time");
    assert!(next.is_none(), "the stream ends");
    let error = business.ask::<Value>("GET", "/v1/calls", &()).await.expect_err("nobody is there");
    assert!(matches!(error, Error::Closed(_)), "{error}");
}
