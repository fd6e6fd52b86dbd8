//! Lost packets are repeated, in both directions.
//!
//! 1. The network between Bob and the server loses 5 % of all packets.
//! 2. Bob gets Alice's pictures whole, and Alice his.

mod client;

use std::time::Duration;

use bellwire_media::Source;

use client::check::is_continuous;
use client::network::{Conditions, Network};
use client::world::World;
use client::{Client, Received, Setup};

/// What came in the last half second may still be repeated.
const REPEATED_WITHIN: Duration = Duration::from_millis(500);

#[tokio::test]
async fn five_percent_of_loss_are_repaired() {
    let world = World::start();
    let network = Network::start(world.sfu.udp_addr(), Conditions::default(), 3).await;
    let alice = Client::join(&world.sfu, (1, 1), Setup::default()).await;
    let setup = Setup { by_way_of: Some(network.addr), ..Setup::default() };
    let bob = Client::join(&world.sfu, (1, 2), setup).await;
    alice.receive(alice.video_slots[0], 2, Source::Camera, None).await;
    bob.receive(bob.video_slots[0], 1, Source::Camera, None).await;
    for client in [&alice, &bob] {
        client.packets(client.video_slots[0], 10).await;
    }
    // From the first pictures on, so that the streams begin whole.
    network.set_loss_percent(5);
    let before = network.dropped();
    for client in [&alice, &bob] {
        let slot = client.video_slots[0];
        client.packets(slot, 300).await;
        let whole: Vec<Received> = client.look(|seen| {
            let packets = &seen.packets[&slot];
            let until = packets[packets.len() - 1].at.checked_sub(REPEATED_WITHIN).unwrap();
            packets.iter().filter(|packet| packet.at < until).cloned().collect()
        });
        assert!(whole.len() > 200);
        let newest = whole.iter().map(|packet| packet.seq).max();
        // Late ones among the older half second fill the gaps.
        let all = client.look(|seen| seen.packets[&slot].clone());
        let all: Vec<Received> =
            all.into_iter().filter(|packet| Some(packet.seq) <= newest).collect();
        is_continuous(&all);
        let swapped = all.windows(2).filter(|pair| pair[1].seq < pair[0].seq).count();
        assert!(swapped > 0, "nothing had to be repeated");
    }
    assert!(network.dropped() - before > 20);
    assert!(bob.look(|seen| seen.nacks) > 0, "the server asked for what it missed");
}
