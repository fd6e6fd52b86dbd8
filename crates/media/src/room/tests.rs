//! Rooms in time that is made up.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::peer::Stage;
use super::{Offer, Rooms, Timer};
use crate::event::{CloseReason, Event};
use crate::keys::{Grant, PeerKey, RoomKey};
use crate::placement::Placement;
use crate::settings::{CONNECT_WITHIN, IDLE_AFTER, LOST_AFTER, Limits};
use crate::webrtc::{Certificate, Ground};

const ROOM: RoomKey = RoomKey(1);
const ALICE: PeerKey = PeerKey(1);

const SDP: &str = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n\
    a=fingerprint:sha-256 00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:\
    10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F\r\n\
    a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\na=setup:actpass\r\n\
    m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=rtcp-mux\r\na=mid:0\r\n\
    a=sendonly\r\na=rtpmap:111 opus/48000/2\r\n";

/// A room with Alice, whose connection is not up.
fn with_alice(now: Instant) -> Rooms {
    let addr = ([127, 0, 0, 1], 9).into();
    let certificate = Certificate::generate().unwrap();
    let ground = Ground::new(&certificate, vec![addr], vec![], Limits::default());
    let mut rooms = Rooms::new(Arc::new(ground), "00".to_owned());
    let place = Placement::new(1).place(ROOM, 1).unwrap();
    let offer = Offer { sdp: SDP.to_owned(), ..Offer::default() };
    rooms.offer((ROOM, ALICE), &offer, Grant::ALL, place, now).unwrap();
    rooms
}

/// Calls the rooms whenever they want, until they tell something. What, and when.
fn next_event(rooms: &mut Rooms, timers: &mut Vec<(Instant, Timer)>) -> (Instant, Event) {
    rooms.outbox.events.clear();
    loop {
        timers.append(&mut rooms.outbox.timers);
        timers.sort_unstable();
        assert!(!timers.is_empty(), "nothing is wanted, and nothing was told");
        let (at, timer) = timers.remove(0);
        rooms.wake(timer, at, at);
        rooms.flush(at);
        let told = rooms.outbox.events.drain(..).find(|event| match event {
            Event::Lost { .. } | Event::Closed { .. } => true,
            Event::Connected { .. }
            | Event::Restored { .. }
            | Event::Tracks { .. }
            | Event::Speakers { .. }
            | Event::Quality { .. } => false,
        });
        if let Some(event) = told {
            return (at, event);
        }
    }
}

fn closed(reason: CloseReason) -> Event {
    Event::Closed { room: ROOM, peer: ALICE, reason }
}

#[test]
fn a_connection_that_does_not_come_up_has_failed() {
    let start = Instant::now();
    let mut rooms = with_alice(start);
    let (at, event) = next_event(&mut rooms, &mut Vec::new());
    assert_eq!((at - start, event), (CONNECT_WITHIN, closed(CloseReason::Failed)));
    assert!(rooms.rooms.is_empty());
    assert!(rooms.peers.is_empty());
    let ufrags = &rooms.outbox.ufrags;
    assert_eq!(ufrags.len(), 2, "named, and forgotten");
    assert_eq!(ufrags[0].0, ufrags[1].0);
    assert!(ufrags[0].1.is_some() && ufrags[1].1.is_none());
}

#[test]
fn a_silent_peer_is_lost_and_then_closed() {
    let start = Instant::now();
    let mut rooms = with_alice(start);
    let heard = start + Duration::from_secs(1);
    let id = rooms.member(ROOM, ALICE).unwrap();
    let peer = rooms.peer_mut(id).unwrap();
    peer.stage = Stage::Connected;
    peer.heard_at = heard;
    let mut timers = Vec::new();
    rooms.call_at(id, start);
    let lost = Event::Lost { room: ROOM, peer: ALICE };
    assert_eq!(next_event(&mut rooms, &mut timers), (heard + LOST_AFTER, lost));
    let (at, event) = next_event(&mut rooms, &mut timers);
    assert_eq!((at, event), (heard + IDLE_AFTER, closed(CloseReason::Idle)));
}

#[test]
fn the_embedder_is_not_told_what_it_did() {
    let now = Instant::now();
    let mut rooms = with_alice(now);
    rooms.outbox.events.clear();
    rooms.close(ROOM, ALICE, now);
    assert_eq!(rooms.outbox.events, []);
    assert!(rooms.rooms.is_empty());
}
