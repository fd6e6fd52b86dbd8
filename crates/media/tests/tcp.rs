//! Where no datagram gets through, media travels in a TCP connection.
//!
//! 1. Alice comes over TCP, Bob over UDP; both hear and see each other.
//! 2. A connection that says nothing of use is closed.

mod client;

use bellwire_media::{Event, PeerKey, Source, Transport};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use client::check::is_continuous;
use client::world::World;
use client::{Client, PATIENCE, Setup};

#[tokio::test]
async fn media_travels_in_a_tcp_connection() {
    let world = World::start();
    let over_tcp = Setup { over_tcp: true, ..Setup::default() };
    let alice = Client::join(&world.sfu, (1, 1), over_tcp).await;
    let bob = Client::join(&world.sfu, (1, 2), Setup::default()).await;
    for (client, other) in [(&alice, 2), (&bob, 1)] {
        client.receive(client.audio_slots[0], other, Source::Mic, None).await;
        client.receive(client.video_slots[0], other, Source::Camera, None).await;
        is_continuous(&client.packets(client.audio_slots[0], 50).await);
        is_continuous(&client.packets(client.video_slots[0], 50).await);
    }
    let transport = world
        .wait("connected", |event| match event {
            Event::Connected { peer: PeerKey(1), transport, .. } => Some(*transport),
            _ => None,
        })
        .await;
    assert_eq!(transport, Transport::Tcp);
}

#[tokio::test]
async fn a_connection_without_a_name_is_closed() {
    let world = World::start();
    let http = *b"GET / HTTP/1.1\r\n\r\n";
    // A binding request for a worker that does not exist, with the cookie and a user name.
    let mut stranger = vec![0, 36, 0, 1, 0, 16, 0x21, 0x12, 0xa4, 0x42];
    stranger.extend([7; 12]);
    stranger.extend([0, 6, 0, 9]);
    stranger.extend(b"00none:ab\0\0\0");
    for bytes in [&http[..], &[0, 1, 9], &stranger] {
        let mut stream = TcpStream::connect(world.sfu.tcp_addr().unwrap()).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
        // Closed or reset, whichever the bytes still unread make of it.
        assert!(read.is_ok(), "{bytes:?} was not closed");
        assert_eq!(answer, []);
    }
}
