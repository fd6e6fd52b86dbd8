//! What is told of a room, and rooms on several threads.
//!
//! 1. Alice speaks, Bob is silent: only she is told as a speaker. Then the other way round.
//! 2. The quality of good connections is told as such.
//! 3. A server on all addresses answers from the one it was sent to.
//! 4. With several threads on one port, packets reach the right one wherever the system delivered
//!    them, and rooms do not hear each other. With a port for each, all goes by way of that one.

mod client;

use bellwire_media::{Event, Grade, PeerKey, RoomKey, Settings, Source};

use client::check::is_continuous;
use client::world::World;
use client::{Client, Setup};

#[tokio::test]
async fn speakers_and_quality_are_told() {
    let world = World::start();
    let voice = |level_dbov| Setup { level_dbov, ..Setup::default() };
    let alice = Client::join(&world.sfu, (1, 1), voice(-30)).await;
    let bob = Client::join(&world.sfu, (1, 2), voice(-90)).await;
    alice.receive(alice.audio_slots[0], 2, Source::Mic, None).await;
    bob.receive(bob.video_slots[0], 1, Source::Camera, None).await;
    let speakers = world
        .wait("speakers", |event| match event {
            Event::Speakers { speakers, .. } => Some(speakers.clone()),
            _ => None,
        })
        .await;
    let [(PeerKey(1), dbov)] = speakers[..] else {
        panic!("{speakers:?}");
    };
    assert!((-60..=-30).contains(&dbov), "{dbov}");
    world
        .wait("quality", |event| match event {
            Event::Quality { room: RoomKey(1), peers } => {
                let good = |quality: bellwire_media::Quality| {
                    quality.up == Grade(1) && quality.down == Grade(1) && quality.loss < 0.01
                };
                (peers.len() == 2 && peers.iter().all(|(_, quality)| good(*quality))).then_some(())
            }
            _ => None,
        })
        .await;
}

#[tokio::test]
async fn a_server_on_all_addresses_is_reached_under_one() {
    for all in ["0.0.0.0:0", "[::]:0"] {
        let settings = Settings {
            udp: all.parse().unwrap(),
            announce: vec![[127, 0, 0, 1].into()],
            ..Settings::loopback()
        };
        let world = World::with(&settings);
        let alice = Client::join(&world.sfu, (1, 1), Setup::default()).await;
        let bob = Client::join(&world.sfu, (1, 2), Setup::default()).await;
        bob.receive(bob.video_slots[0], 1, Source::Camera, None).await;
        is_continuous(&bob.packets(bob.video_slots[0], 30).await);
        drop(alice);
    }
}

#[tokio::test]
async fn packets_reach_the_thread_of_their_room() {
    packets_reach_their_thread(&Settings { threads: 3, ..Settings::loopback() }).await;
}

#[tokio::test]
async fn packets_come_to_the_port_of_their_thread() {
    let settings = Settings { threads: 3, udp_per_thread: true, ..Settings::loopback() };
    packets_reach_their_thread(&settings).await;
}

async fn packets_reach_their_thread(settings: &Settings) {
    let world = World::with(settings);
    let mut pairs = Vec::new();
    // On one port each of these 12 clients comes to the wrong thread with a chance of two in three.
    for room in 0..6 {
        let alice = Client::join(&world.sfu, (room, 1), Setup::default()).await;
        let over_tcp = Setup { over_tcp: room == 5, ..Setup::default() };
        let bob = Client::join(&world.sfu, (room, 2), over_tcp).await;
        alice.receive(alice.video_slots[0], 2, Source::Camera, None).await;
        bob.receive(bob.video_slots[0], 1, Source::Camera, None).await;
        pairs.push((alice, bob));
    }
    for (alice, bob) in &pairs {
        for client in [alice, bob] {
            is_continuous(&client.packets(client.video_slots[0], 30).await);
        }
    }
    world.sfu.stop().await;
}
