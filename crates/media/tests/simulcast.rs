//! Each receiver gets the layer that it shows and that its network carries.
//!
//! 1. Bob shows Alice's picture small, then large, then nowhere: the small layer, the large one,
//!    nothing.
//! 2. Bob waits for Alice's picture: he gets it from its first key frame on; no other is asked for.
//! 3. Carol's network is held to 300 kbit/s: she gets a small layer. When it is fast again she gets
//!    the large one.

mod client;

use std::time::Duration;

use bellwire_media::Source;

use client::check::is_continuous;
use client::network::{Conditions, Network};
use client::world::World;
use client::{Client, Setup, simulcast};

fn camera() -> Setup {
    Setup { video: simulcast(), ..Setup::default() }
}

#[tokio::test]
async fn the_layer_follows_the_size_shown() {
    let world = World::start();
    let alice = Client::join(&world.sfu, (1, 1), camera()).await;
    let bob = Client::join(&world.sfu, (1, 2), Setup::default()).await;
    let slot = bob.video_slots[0];
    for (size, layer) in [((160, 90), b'q'), ((320, 180), b'h'), ((1280, 720), b'f')] {
        bob.receive(slot, 1, Source::Camera, Some(size)).await;
        shows(&bob, layer).await;
    }
    bob.receive(slot, 1, Source::Camera, Some((160, 90))).await;
    shows(&bob, b'q').await;
    bob.look(|seen| is_continuous(&seen.packets[&slot]));

    bob.receive(slot, 1, Source::Camera, Some((0, 0))).await;
    bob.receive(bob.audio_slots[0], 1, Source::Mic, None).await;
    bob.packets(bob.audio_slots[0], 5).await;
    let before = bob.look(|seen| seen.packets[&slot].len());
    bob.packets(bob.audio_slots[0], 50).await;
    assert_eq!(bob.look(|seen| seen.packets[&slot].len()), before);
    drop(alice);
}

#[tokio::test]
async fn a_picture_is_forwarded_from_its_first_key_frame_on() {
    let world = World::start();
    let bob = Client::join(&world.sfu, (1, 2), Setup::default()).await;
    let slot = bob.video_slots[0];
    bob.receive(slot, 1, Source::Camera, None).await;
    let alice = Client::join(&world.sfu, (1, 1), camera()).await;
    bob.packets(slot, 20).await;
    let first = bob.look(|seen| seen.packets[&slot][0].marks);
    assert!(first.is_key);
    let layer = char::from(first.layer).to_string();
    let is_asked = |seen: &client::Seen| {
        seen.key_frame_requests.iter().any(|(_, rid, _)| rid.as_ref() == Some(&layer))
    };
    assert!(!alice.look(is_asked));
}

#[tokio::test]
async fn the_layer_follows_the_bandwidth() {
    let world = World::start();
    let alice = Client::join(&world.sfu, (1, 1), camera()).await;
    let slow = Conditions { down_bps: 300_000, ..Conditions::default() };
    let network = Network::start(world.sfu.udp_addr(), slow, 7).await;
    let setup = Setup { by_way_of: Some(network.addr), ..Setup::default() };
    let carol = Client::join(&world.sfu, (1, 3), setup).await;
    let slot = carol.video_slots[0];
    carol.receive(slot, 1, Source::Camera, None).await;
    carol.packets(slot, 200).await;
    let last = carol.packets(slot, 100).await;
    let large = last.iter().filter(|packet| packet.marks.layer == b'f').count();
    assert_eq!(large, 0, "600 kbit/s do not fit into 300");

    network.set_down_bps(5_000_000);
    shows(&carol, b'f').await;
    network.set_down_bps(300_000);
    let falls = |seen: &client::Seen| {
        let last = seen.packets[&slot].last()?;
        (last.marks.layer != b'f').then_some(())
    };
    carol.wait("a smaller layer", falls).await;
    drop(alice);
}

/// Waits until only that layer has come for a while.
async fn shows(client: &Client, layer: u8) {
    let slot = client.video_slots[0];
    client
        .wait(&format!("layer {}", char::from(layer)), |seen| {
            let packets = seen.packets.get(&slot)?;
            let last = packets.last()?;
            let since = last.at.checked_sub(Duration::from_millis(400))?;
            let recent = packets.iter().rev().take_while(|packet| packet.at > since);
            let is_steady = recent.clone().all(|packet| packet.marks.layer == layer);
            (recent.count() >= 8 && is_steady).then_some(())
        })
        .await;
}
