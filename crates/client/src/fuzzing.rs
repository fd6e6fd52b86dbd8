//! A door to the inside for a fuzzer: what it may call that nobody else should. No stable part of
//! this library.

use std::{sync::Arc, time::Duration};

use bellwire_core::{DeviceId, Uid, UserId};
use bellwire_protocol::{
    Command,
    command::{DeviceInfo, Start},
    reply::HelloOk,
};
use futures_util::FutureExt as _;
use tokio::sync::{mpsc, oneshot};

use crate::{
    Client, Event, Events,
    client::Inner,
    connection::{Dialer, Who},
    driver::{Ask, Driver},
    events::Told,
};

/// Reads text frames as a connection does that has `asked` requests open, each the start of a
/// call, and after a reconnect whose hello is `hello`: what the app is told, and how many of its
/// requests are answered.
pub fn read(asked: u64, hello: Option<HelloOk>, frames: &[&str]) -> (Vec<Event>, usize) {
    let (asks_to, asks) = mpsc::unbounded_channel();
    // Room for all that one frame may lead to, and for every call of the hello.
    let room = 2 * frames.len() + hello.as_ref().map_or(0, |hello| hello.calls.len()) + 1;
    let (told_to, told) = mpsc::channel::<Told>(room);
    let Ok(device) = DeviceId::parse("device") else { return Default::default() };
    let Ok(user) = UserId::parse("alice") else { return Default::default() };
    let who = Who { token: None, login: None };
    let info = DeviceInfo { id: device.clone(), name: None, platform: None };
    let backoff = (Duration::ZERO, Duration::ZERO);
    let mut driver = Driver::new(Dialer::new(Vec::new(), None, who, info), asks, told_to, backoff);
    let mut answers = Vec::new();
    for _ in 0..asked {
        let (to, answer) = oneshot::channel();
        let start = Command::Start(Box::<Start>::default());
        driver.take(Some(Ask::Request(Box::new(start), Some(to))));
        answers.push(answer);
    }
    if let Some(hello) = hello {
        driver.resumed(&hello);
    }
    for frame in frames {
        if driver.read_text(frame).is_some() {
            break;
        }
    }
    let answered = answers.iter_mut().filter_map(|answer| answer.try_recv().ok()).count();
    drop(driver);
    let client = Client::new(Arc::new(Inner { asks: asks_to, user, uid: Uid(1), device }));
    let mut events = Events::new(client, told);
    let mut seen = Vec::new();
    while let Some(Some(event)) = events.next().now_or_never() {
        seen.push(event);
    }
    (seen, answered)
}
