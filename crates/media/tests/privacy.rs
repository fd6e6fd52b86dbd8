//! No address stands in a log.
//!
//! 1. Two peers come, one of them over TCP; media flows; one moves, one is replaced; they leave.
//! 2. Nothing that was logged meanwhile, down to the level of debugging, names an address or a
//!    password.

mod client;

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;

use bellwire_media::{Grant, Source};
use parking_lot::Mutex;
use tracing_subscriber::fmt::MakeWriter;

use client::world::World;
use client::{Client, Setup};

/// Where the log goes.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn no_address_stands_in_a_log() {
    let log = Log::default();
    tracing_subscriber::fmt().with_max_level(tracing::Level::DEBUG).with_writer(log.clone()).init();
    let world = World::start();
    let alice = Client::join(&world.sfu, (1, 1), Setup::default()).await;
    let over_tcp = Setup { over_tcp: true, ..Setup::default() };
    let bob = Client::join(&world.sfu, (1, 2), over_tcp).await;
    bob.receive(bob.audio_slots[0], 1, Source::Mic, None).await;
    bob.packets(bob.audio_slots[0], 10).await;
    alice.move_to_other_address().await;
    alice.offer(BTreeMap::new(), Grant::ALL, true).await;
    bob.packets(bob.audio_slots[0], 50).await;
    let again = Client::join(&world.sfu, (1, 2), Setup::default()).await;
    again.close();
    alice.close();
    world.sfu.stop().await;
    let log = String::from_utf8(log.0.lock().clone()).unwrap();
    assert!(log.lines().count() > 100, "the library tells much of what it does");
    for line in log.lines() {
        assert!(!line.contains("127.0.0.1"), "{line}");
        assert!(!line.contains("ice-pwd"), "{line}");
    }
}
