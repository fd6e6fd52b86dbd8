//! Connections move, come back and are replaced.
//!
//! 1. Bob's phone leaves its network and restarts ICE from another address: his streams go on.
//! 2. Bob's page is reloaded: the new connection takes the place of the old one.
//! 3. Bob is silent for long: he is lost; he is heard again: he is restored.
//! 4. Bob leaves.

mod client;

use std::collections::BTreeMap;

use bellwire_media::{CloseReason, Event, Grant, PeerKey, Source};

use client::check::is_continuous;
use client::world::World;
use client::{Client, Setup};

const BOB: PeerKey = PeerKey(2);

#[tokio::test]
async fn ice_is_restarted_from_another_address() {
    let world = World::start();
    let alice = Client::join(&world.sfu, (1, 1), Setup::default()).await;
    let bob = Client::join(&world.sfu, (1, 2), Setup::default()).await;
    bob.receive(bob.audio_slots[0], 1, Source::Mic, None).await;
    alice.receive(alice.audio_slots[0], 2, Source::Mic, None).await;
    bob.packets(bob.audio_slots[0], 20).await;
    bob.move_to_other_address().await;
    bob.offer(BTreeMap::new(), Grant::ALL, true).await;
    let after = bob.packets(bob.audio_slots[0], 100).await;
    let before = bob.look(|seen| seen.packets[&bob.audio_slots[0]][0].clone());
    assert_eq!(before.ssrc, after[0].ssrc, "the stream goes on");
    is_continuous(&after[50..]);
    alice.packets(alice.audio_slots[0], 100).await;
    let closed = |event: &Event| matches!(event, Event::Closed { .. });
    assert!(!world.told().iter().any(closed));
}

#[tokio::test]
async fn another_certificate_replaces_the_connection() {
    let world = World::start();
    let alice = Client::join(&world.sfu, (1, 1), Setup::default()).await;
    let bob = Client::join(&world.sfu, (1, 2), Setup::default()).await;
    let slot = alice.video_slots[0];
    alice.receive(slot, 2, Source::Camera, None).await;
    alice.packets(slot, 20).await;
    let again = Client::join(&world.sfu, (1, 2), Setup::default()).await;
    bob.wait("goodbye", |seen| seen.closed.then_some(())).await;
    world.wait("replaced", closed(CloseReason::Replaced)).await;
    // Alice did not have to ask for the new one.
    let after = alice.packets(slot, 50).await;
    assert!(after.iter().any(|packet| packet.marks.is_key));
    alice.look(|seen| is_continuous(&seen.packets[&slot]));
    drop(again);
}

#[tokio::test]
async fn a_silent_peer_is_lost_and_restored() {
    let world = World::start();
    let bob = Client::join(&world.sfu, (1, 2), Setup::default()).await;
    bob.silence(true);
    world.wait("lost", |event| matches!(event, Event::Lost { peer: BOB, .. }).then_some(())).await;
    bob.silence(false);
    world
        .wait("restored", |event| matches!(event, Event::Restored { peer: BOB, .. }).then_some(()))
        .await;
}

#[tokio::test]
async fn who_closes_has_left() {
    let world = World::start();
    let bob = Client::join(&world.sfu, (1, 2), Setup::default()).await;
    bob.close();
    world.wait("left", closed(CloseReason::Left)).await;
}

#[tokio::test]
async fn what_the_embedder_closes_is_not_told() {
    let world = World::start();
    let bob = Client::join(&world.sfu, (1, 2), Setup::default()).await;
    let alice = Client::join(&world.sfu, (1, 1), Setup::default()).await;
    world.sfu.close(bob.room, bob.key).await.unwrap();
    bob.wait("goodbye", |seen| seen.closed.then_some(())).await;
    world.sfu.close_room(alice.room).await.unwrap();
    alice.wait("goodbye", |seen| seen.closed.then_some(())).await;
    assert!(!world.told().iter().any(|event| matches!(event, Event::Closed { .. })));
    let gone = world.sfu.receive(bob.room, bob.key, BTreeMap::new()).await;
    assert!(matches!(gone, Err(bellwire_media::Error::UnknownPeer)), "{gone:?}");
}

fn closed(expected: CloseReason) -> impl FnMut(&Event) -> Option<()> {
    move |event| match event {
        Event::Closed { peer: BOB, reason, .. } => (*reason == expected).then_some(()),
        _ => None,
    }
}
