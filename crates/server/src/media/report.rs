//! What the router has to tell, brought to the calls and the devices it concerns.

use std::{collections::BTreeMap, sync::Arc};

use bellwire_core::{Command, DeviceId, UserId};
use bellwire_media::{CloseReason, Event, PeerKey, RoomKey, Source};
use bellwire_protocol::{
    ServerEvent,
    event::{Quality, QualityEvent},
    media::{
        MediaClosedEvent, MediaEnd, Source as WireSource, Speaker, SpeakersEvent, Track,
        TracksEvent,
    },
};

use super::{
    Reports, Router,
    rooms::{Member, Named, Place},
};
use crate::switchboard::Switchboard;

/// Hears the router out until the server ends.
pub(crate) async fn hear_forever(board: Arc<Switchboard>, mut reports: Reports) {
    while let Some(event) = reports.recv().await {
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
        self.rooms.tell(room, |place, this, member, _| {
            if this == peer {
                let event = MediaClosedEvent { call: place.call, reason: MediaEnd::Failed.into() };
                tell(board, place, member, &ServerEvent::MediaClosed(event));
            }
        });
        self.set_up(board, room, peer, false).await;
    }

    /// Tells a device of the tracks that were held back until its offer was answered.
    pub(crate) fn tell_tracks(
        &self,
        board: &Switchboard,
        call: &bellwire_core::Call,
        user: &UserId,
    ) {
        let Some(tracks) = self.offered(call, user) else { return };
        let Some((room, peer)) = super::names(call, user) else { return };
        self.rooms.tell(room, |place, this, member, named| {
            if this == peer {
                let event = tracks_event(place, peer, &tracks, named);
                tell(board, place, member, &ServerEvent::Tracks(event));
            }
        });
    }
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
