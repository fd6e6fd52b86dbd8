//! A slot is one stream, whatever is switched into it.
//!
//! 1. Carol's slot shows Alice, then Bob, nobody, Alice again; then a peer who comes only later.
//! 2. It is one SSRC without a gap, and each picture that follows another's begins with a key
//!    frame.
//! 3. Requests for key frames by many receivers are coalesced.

mod client;

use std::time::Duration;

use bellwire_media::Source;

use client::check::is_continuous;
use client::world::World;
use client::{Client, Received, Setup, VideoShape};

#[tokio::test]
async fn a_slot_is_one_stream_whatever_is_switched_into_it() {
    let world = World::start();
    let of = |letter| Setup {
        video: vec![VideoShape::new(letter, 640, 360, 300_000)],
        ..Setup::default()
    };
    let alice = Client::join(&world.sfu, (1, 1), of("a")).await;
    let bob = Client::join(&world.sfu, (1, 2), of("b")).await;
    let carol = Client::join(&world.sfu, (1, 3), Setup::default()).await;
    let (audio, video) = (carol.audio_slots[0], carol.video_slots[0]);
    let shows = |peer: u64, letter: u8| {
        let carol = &carol;
        async move {
            carol.receive(video, peer, Source::Camera, None).await;
            carol.receive(audio, peer, Source::Mic, None).await;
            let is_shown = |packets: &Vec<Received>| {
                let last = packets.iter().rev().take(20);
                packets.len() >= 20 && last.clone().all(|packet| packet.marks.layer == letter)
            };
            let look = |seen: &client::Seen| seen.packets.get(&video).is_some_and(is_shown);
            carol.wait("the other picture", |seen| look(seen).then_some(())).await;
            carol.packets(audio, 10).await;
        }
    };
    shows(1, b'a').await;
    shows(2, b'b').await;
    carol.wants([(video, None), (audio, None)]).await;
    shows(1, b'a').await;
    carol.receive(video, 4, Source::Camera, None).await;
    let dave = Client::join(&world.sfu, (1, 4), of("d")).await;
    shows(4, b'd').await;
    drop(dave);
    carol.look(|seen| {
        is_continuous(&seen.packets[&audio]);
        let mut packets = seen.packets[&video].clone();
        is_continuous(&packets);
        packets.sort_by_key(|packet| packet.seq);
        let mut shown = vec![];
        for pair in packets.windows(2) {
            if pair[0].marks.layer != pair[1].marks.layer {
                assert!(pair[1].marks.is_key, "{:?}", pair[1]);
                shown.push(char::from(pair[1].marks.layer));
            }
        }
        assert_eq!(shown, ['b', 'a', 'd']);
    });
    drop((alice, bob));
}

#[tokio::test]
async fn requests_for_key_frames_are_coalesced() {
    let world = World::start();
    let alice = Client::join(&world.sfu, (1, 1), Setup::default()).await;
    let mut receivers = vec![];
    for key in 2..5 {
        let receiver = Client::join(&world.sfu, (1, key), Setup::default()).await;
        receiver.receive(receiver.video_slots[0], 1, Source::Camera, None).await;
        receivers.push(receiver);
    }
    for receiver in &receivers {
        receiver.packets(receiver.video_slots[0], 5).await;
    }
    // All ask again and again, for as long as 60 packets take: more than a second.
    for _ in 0..6 {
        for receiver in &receivers {
            receiver.ask_key_frame(receiver.video_slots[0]);
        }
        receivers[0].packets(receivers[0].video_slots[0], 10).await;
    }
    alice.wait("more requests", |seen| (seen.key_frame_requests.len() >= 3).then_some(())).await;
    alice.look(|seen| {
        for pair in seen.key_frame_requests.windows(2) {
            // A request may be held up on its way, and the next not: half of the interval is sure.
            let passed = pair[1].2 - pair[0].2;
            assert!(passed > Duration::from_millis(250), "{passed:?} apart");
        }
    });
}
