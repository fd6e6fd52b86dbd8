//! Offers that cannot be are refused by name, and change nothing.
//!
//! 1. Alice's connection is up; she makes offers that are wrong in many ways.
//! 2. Each is refused with the field at fault; her streams go on.

mod client;

use std::collections::BTreeMap;

use bellwire_media::{Error, Grant, Mid, Offer, OfferField, PeerKey, RoomKey, Source, Want};

use client::world::World;
use client::{Client, Setup};

const HEAD: &str = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n\
    a=fingerprint:sha-256 00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:\
    10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F\r\n\
    a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\na=group:BUNDLE 0 1\r\n";

fn lines(direction: &str) -> String {
    format!(
        "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=rtcp-mux\r\na=mid:0\r\n\
         a={direction}\r\na=setup:actpass\r\na=rtpmap:111 opus/48000/2\r\n\
         m=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=rtcp-mux\r\na=mid:1\r\n\
         a=recvonly\r\na=setup:actpass\r\na=rtpmap:96 VP8/90000\r\n"
    )
}

fn mid(text: &str) -> Mid {
    text.parse().expect("a name of letters and digits")
}

#[tokio::test]
async fn what_is_wrong_with_an_offer_is_named() {
    let world = World::start();
    let good = format!("{HEAD}{}", lines("sendonly"));
    let want = Want { peer: PeerKey(1), source: Source::Mic, size: None };
    let plain = |sdp: String| Offer { sdp, ..Offer::default() };
    let sends = |send: &[(&str, Source)]| Offer {
        send: send.iter().map(|(name, source)| (mid(name), *source)).collect(),
        ..plain(good.clone())
    };
    let receives =
        |name: &str| Offer { receive: BTreeMap::from([(mid(name), want)]), ..plain(good.clone()) };
    let no_ice = good.replace("a=ice-ufrag:abcd\r\n", "");
    let table = [
        (plain("nonsense".to_owned()), OfferField::Sdp),
        (plain(format!("{HEAD}{}", lines("sendrecv"))), OfferField::Sdp),
        (plain(good.replace("a=mid:1", "a=mid:0")), OfferField::Sdp),
        (plain(no_ice), OfferField::Sdp),
        (plain(good.replace("m=video", "m=application")), OfferField::Sdp),
        (sends(&[("1", Source::Camera)]), OfferField::Send),
        (sends(&[("0", Source::Camera)]), OfferField::Send),
        (sends(&[("9", Source::Mic)]), OfferField::Send),
        (receives("0"), OfferField::Receive),
        (receives("1"), OfferField::Receive),
        (receives("9"), OfferField::Receive),
    ];
    for (offer, field) in table {
        let refused = world.sfu.offer(RoomKey(9), PeerKey(1), offer, Grant::ALL).await;
        match refused {
            Err(Error::Offer(error)) => assert_eq!(error.field, field, "{error}"),
            other => panic!("not refused for {field:?}: {other:?}"),
        }
    }
    assert_eq!(world.told(), [], "nothing has happened");
    let accepted =
        world.sfu.offer(RoomKey(9), PeerKey(1), sends(&[("0", Source::Mic)]), Grant::ALL);
    let answer = accepted.await.unwrap();
    assert!(answer.contains("a=ice-lite"));
    assert!(answer.contains(" typ host tcptype passive"));
    assert!(answer.contains("a=candidate:"));
}

#[tokio::test]
async fn a_wrong_want_changes_nothing() {
    let world = World::start();
    let alice = Client::join(&world.sfu, (1, 1), Setup::default()).await;
    let bob = Client::join(&world.sfu, (1, 2), Setup::default()).await;
    let (audio, video) = (bob.audio_slots[0], bob.video_slots[0]);
    bob.receive(audio, 1, Source::Mic, None).await;
    let want = |source| Some(Want { peer: PeerKey(1), source, size: None });
    let wrong = BTreeMap::from([(audio, None), (video, want(Source::ScreenAudio))]);
    let refused = world.sfu.receive(bob.room, bob.key, wrong).await;
    assert!(matches!(refused, Err(Error::Offer(_))), "{refused:?}");
    bob.packets(audio, 20).await;
    drop(alice);
}

#[tokio::test]
async fn rooms_and_their_peers_are_bounded() {
    let mut settings = bellwire_media::Settings::loopback();
    settings.limits.room_peers = 2;
    settings.limits.rooms = 1;
    let world = World::with(&settings);
    let sdp = format!("{HEAD}{}", lines("sendonly"));
    let offer = |room, peer| {
        let offer = Offer { sdp: sdp.clone(), ..Offer::default() };
        world.sfu.offer(RoomKey(room), PeerKey(peer), offer, Grant::ALL)
    };
    offer(1, 1).await.unwrap();
    offer(1, 2).await.unwrap();
    assert!(offer(1, 3).await.is_err(), "a third peer");
    assert!(offer(2, 1).await.is_err(), "a second room");
    world.sfu.close_room(RoomKey(1)).await.unwrap();
    // The room is gone once its worker has done what it was told before.
    let gone = world.sfu.receive(RoomKey(1), PeerKey(1), BTreeMap::new()).await;
    assert!(matches!(gone, Err(Error::UnknownPeer)));
    offer(2, 1).await.unwrap();
}
