//! What is not granted does not flow, whatever is sent.
//!
//! 1. Bob hears and sees Alice; her camera's grant is taken away: no picture comes any more, though
//!    she sends nothing but key frames. Then that of her microphone: no sound.
//! 2. It is given back: her streams go on without a gap, her picture with a key frame.
//! 3. Mallory, who may send sound but no pictures, hides pictures in the m-line of the sound.

mod client;

use bellwire_media::{Event, Grant, PeerKey, RoomKey, Source};

use client::check::is_continuous;
use client::world::World;
use client::{Client, Setup};

const ROOM: RoomKey = RoomKey(1);

#[tokio::test]
async fn a_grant_can_be_taken_away_and_given_back() {
    let world = World::start();
    let alice = Client::join(&world.sfu, (1, 1), Setup::default()).await;
    let bob = Client::join(&world.sfu, (1, 2), Setup::default()).await;
    let (audio, video) = (bob.audio_slots[0], bob.video_slots[0]);
    bob.receive(audio, 1, Source::Mic, None).await;
    bob.receive(video, 1, Source::Camera, None).await;
    bob.packets(audio, 10).await;
    bob.packets(video, 10).await;
    alice.send_only_key_frames();

    let only_mic = Grant { camera: false, ..Grant::ALL };
    world.sfu.grant(ROOM, PeerKey(1), only_mic).await.unwrap();
    is_told(&world, &[(Source::Mic, true), (Source::Camera, false)]).await;
    // Sound sent after the last picture could flow has come for long: so would have pictures.
    bob.packets(audio, 5).await;
    let before = bob.look(|seen| seen.packets[&video].len());
    bob.packets(audio, 50).await;
    assert_eq!(bob.look(|seen| seen.packets[&video].len()), before);

    let only_camera = Grant { mic: false, ..Grant::ALL };
    world.sfu.grant(ROOM, PeerKey(1), only_camera).await.unwrap();
    is_told(&world, &[(Source::Mic, false), (Source::Camera, true)]).await;
    bob.packets(video, 5).await;
    let before = bob.look(|seen| seen.packets[&audio].len());
    bob.packets(video, 50).await;
    assert_eq!(bob.look(|seen| seen.packets[&audio].len()), before);

    world.sfu.grant(ROOM, PeerKey(1), Grant::ALL).await.unwrap();
    bob.packets(audio, 20).await;
    bob.look(|seen| {
        is_continuous(&seen.packets[&video]);
        is_continuous(&seen.packets[&audio]);
    });
}

#[tokio::test]
async fn pictures_hidden_in_the_line_of_the_sound_are_not_forwarded() {
    let world = World::start();
    let mallory = Client::new(&world.sfu, (1, 1), Setup::default()).await;
    let no_camera = Grant { camera: false, ..Grant::ALL };
    mallory.offer([].into(), no_camera, false).await;
    let bob = Client::join(&world.sfu, (1, 2), Setup::default()).await;
    let (audio, video) = (bob.audio_slots[0], bob.video_slots[0]);
    bob.receive(audio, 1, Source::Mic, None).await;
    bob.receive(video, 1, Source::Camera, None).await;
    bob.packets(audio, 20).await;
    mallory.cheat();
    let later = bob.packets(audio, 60).await;
    assert!(later.iter().all(|packet| packet.marks.kind == b'a'));
    assert!(bob.look(|seen| !seen.packets.contains_key(&video)));
}

/// Waits until a list of tracks was told that has these.
async fn is_told(world: &World, expected: &[(Source, bool)]) {
    world
        .wait("the tracks", |event| match event {
            Event::Tracks { tracks, .. } => expected
                .iter()
                .all(|(source, on)| tracks.contains(&(PeerKey(1), *source, *on)))
                .then_some(()),
            _ => None,
        })
        .await;
}
