//! Lost packets are repeated, in both directions.
//!
//! 1. The network between Bob and the server loses 5 % of all packets.
//! 2. Bob gets Alice's pictures whole, and Alice his.

mod client;

use std::collections::BTreeSet;

use bellwire_media::Source;

use client::check::is_one_stream;
use client::network::{Conditions, Network};
use client::world::World;
use client::{Client, Received, Setup};

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
        let newest = client.packets(slot, 300).await.iter().map(|packet| packet.seq).max();
        // What was lost on the way there comes later, however long a busy machine takes.
        let all = client
            .wait("what was lost", |seen| {
                let packets = seen.packets[&slot].iter();
                let all: Vec<Received> =
                    packets.filter(|packet| Some(packet.seq) <= newest).cloned().collect();
                let numbers: BTreeSet<u64> = all.iter().map(|packet| packet.seq).collect();
                let whole = numbers.last()? - numbers.first()? + 1;
                // On a busy machine the same is asked for often, and who is asked too much stops
                // repeating for a while.
                (numbers.len() as u64 * 100 >= whole * 99).then_some(all)
            })
            .await;
        is_one_stream(&all);
        let swapped = all.windows(2).filter(|pair| pair[1].seq < pair[0].seq).count();
        assert!(swapped > 0, "nothing had to be repeated");
    }
    assert!(network.dropped() - before > 20);
    assert!(bob.look(|seen| seen.nacks) > 0, "the server asked for what it missed");
}
