//! Two peers hear and see each other.
//!
//! 1. Alice and Bob join a room, each sending sound and pictures.
//! 2. Each lets the other's tracks flow in a slot.
//! 3. Both get all packets, in one stream each, beginning with a key frame.
//! 4. When the server stops, it says goodbye.

mod client;

use bellwire_media::{Event, PeerKey, RoomKey, Source, Transport};

use client::check::is_continuous;
use client::world::World;
use client::{Client, Setup};

#[tokio::test]
async fn two_peers_hear_and_see_each_other() {
    let world = World::start();
    let alice = Client::join(&world.sfu, (1, 1), Setup::default()).await;
    let bob = Client::join(&world.sfu, (1, 2), Setup::default()).await;
    for (client, other) in [(&alice, 2), (&bob, 1)] {
        client.receive(client.audio_slots[0], other, Source::Mic, None).await;
        client.receive(client.video_slots[0], other, Source::Camera, None).await;
    }
    for client in [&alice, &bob] {
        let sound = client.packets(client.audio_slots[0], 50).await;
        assert!(sound.iter().all(|packet| packet.marks.kind == b'a'));
        is_continuous(&sound);
        let video = client.packets(client.video_slots[0], 50).await;
        assert!(video.iter().all(|packet| packet.marks.kind == b'v'));
        is_continuous(&video);
        let slot = client.video_slots[0];
        let first = client.look(|seen| seen.packets[&slot][0].marks);
        assert!(first.is_key, "began with {first:?}");
    }
    for key in [1, 2] {
        let (peer, room) = (PeerKey(key), RoomKey(1));
        let over = world.wait("connected", |event| match event {
            Event::Connected { room: r, peer: p, transport, .. } if (*r, *p) == (room, peer) => {
                Some(*transport)
            }
            _ => None,
        });
        assert_eq!(over.await, Transport::Udp);
    }
    world.sfu.stop().await;
    alice.wait("goodbye", |seen| seen.closed.then_some(())).await;
}
