//! What the forwarder has to tell, brought to the calls and the devices it concerns.

use std::{collections::BTreeMap, sync::Arc};

use bellwire_core::{Call, Command, DeviceId, UserId};
use bellwire_media::{CloseReason, Event, PeerKey, RoomKey, Source};
use bellwire_protocol::{
    ServerEvent,
    event::{Quality, QualityEvent},
    media::{
        MediaClosedEvent, MediaEnd, Source as WireSource, Speaker, SpeakersEvent, Track,
        TracksEvent,
    },
};
use tokio::sync::mpsc;

use super::{
    Router,
    rooms::{Member, Named, Place},
};
use crate::switchboard::Switchboard;

/// Hears the forwarder out until the server ends.
pub(crate) async fn hear_forever(
    board: Arc<Switchboard>,
    mut events: mpsc::UnboundedReceiver<Event>,
) {
    while let Some(event) = events.recv().await {
        if let Some(router) = &board.media.router {
            router.hear(&board, event).await;
        }
    }
}

impl Router {
    async fn hear(&self, board: &Arc<Switchboard>, event: Event) {
        match event {
            Event::Connected { room, peer, .. } | Event::Restored { room, peer } => {
                self.set_up(board, room, peer, true).await;
            }
            Event::Lost { room, peer } => self.set_up(board, room, peer, false).await,
            Event::Closed { room, peer, reason } => match reason {
                // The newer connection is the one that counts.
                CloseReason::Replaced => {}
                CloseReason::Failed | CloseReason::Left | CloseReason::Idle => {
                    self.closed(board, room, peer).await;
                }
            },
            Event::Tracks { room, tracks } => {
                let all = tracks.clone();
                self.rooms.set_tracks(room, tracks, |place, peer, member, named| {
                    let event = tracks_event(place, peer, &all, named);
                    tell(board, place, member, &ServerEvent::Tracks(event));
                });
            }
            Event::Speakers { room, speakers } => {
                self.rooms.tell(room, |place, _, member, named| {
                    let speakers = speakers.iter().filter_map(|(peer, level)| {
                        Some(Speaker { user: named.user(*peer)?.clone(), level: *level })
                    });
                    let (call, speakers) = (place.call, speakers.collect());
                    let event = SpeakersEvent { call, speakers };
                    tell(board, place, member, &ServerEvent::Speakers(event));
                });
            }
            Event::Quality { room, peers } => {
                self.rooms.tell(room, |place, _, member, named| {
                    let users = peers.iter().filter_map(|(peer, quality)| {
                        Some((named.user(*peer)?.clone(), wire_quality(*quality)))
                    });
                    let (call, users) = (place.call, users.collect::<BTreeMap<_, _>>());
                    let event = QualityEvent { call, users };
                    tell(board, place, member, &ServerEvent::Quality(event));
                });
            }
        }
    }

    /// The call is told that a device's media flows, or no longer does.
    async fn set_up(&self, board: &Arc<Switchboard>, room: RoomKey, peer: PeerKey, up: bool) {
        let Some((place, user, device)) = self.rooms.set_up(room, peer, up) else { return };
        let command = if up {
            Command::MediaUp { user, device }
        } else {
            Command::MediaLost { user, device }
        };
        board.act(&place.app, place.call, command).await;
    }

    async fn closed(&self, board: &Arc<Switchboard>, room: RoomKey, peer: PeerKey) {
        let whose =
            self.rooms.closed(room, peer, |place, member| tell_closed(board, place, member));
        if let Some((place, user, device)) = whose {
            board.act(&place.app, place.call, Command::MediaLost { user, device }).await;
        }
    }

    /// The answer to a device's offer is on its way: what was held back until then follows it.
    pub(crate) fn offered(&self, board: &Switchboard, call: &Call, user: &UserId, number: u64) {
        let Some((room, peer)) = super::names(call, user) else { return };
        self.rooms.offered(
            room,
            peer,
            number,
            |place, member, tracks, named| {
                let event = tracks_event(place, peer, tracks, named);
                tell(board, place, member, &ServerEvent::Tracks(event));
            },
            |place, member| tell_closed(board, place, member),
        );
    }
}

fn tell_closed(board: &Switchboard, place: &Place, member: &Member) {
    let event = MediaClosedEvent { call: place.call, reason: MediaEnd::Failed.into() };
    tell(board, place, member, &ServerEvent::MediaClosed(event));
}

fn tell(board: &Switchboard, place: &Place, member: &Member, event: &ServerEvent) {
    let frame = event.to_frame();
    let is_theirs = |device: &DeviceId| *device == member.device;
    for session in board.sessions.of(&place.app, &member.user) {
        if is_theirs(&session.device) {
            session.send_ephemeral(&frame);
        }
    }
}

/// The tracks of everybody but `peer`.
fn tracks_event(
    place: &Place,
    peer: PeerKey,
    tracks: &[(PeerKey, Source, bool)],
    named: &Named<'_>,
) -> TracksEvent {
    let others = tracks.iter().filter(|(whose, ..)| *whose != peer);
    let tracks = others.filter_map(|(whose, source, on)| {
        let user = named.user(*whose)?.clone();
        Some(Track { user, source: wire_source(*source).into(), on: *on })
    });
    TracksEvent { call: place.call, tracks: tracks.collect() }
}

fn wire_source(source: Source) -> WireSource {
    match source {
        Source::Mic => WireSource::Mic,
        Source::Camera => WireSource::Camera,
        Source::Screen => WireSource::Screen,
        Source::ScreenAudio => WireSource::ScreenAudio,
    }
}

fn wire_quality(quality: bellwire_media::Quality) -> Quality {
    Quality {
        up: quality.up.0,
        down: quality.down.0,
        rtt_ms: quality.rtt_ms,
        loss: quality.loss,
        jitter_ms: quality.jitter_ms,
    }
}
