//! From what a plan has a device ask to the command on the wire, by what the device knows then.

use std::collections::BTreeMap;

use bellwire_core::{CallId, DeviceId, Kind, Media, Mode, Note, Timestamp, UserId};
use bellwire_protocol::{
    Body, Command, Recipients, Target, UserRef,
    command::{
        Accept, Ack, Cancel, ChangeMedia, End, Get, Hangup, Invite, Join, ListRecords, MediaAnswer,
        Move, PresenceOf, Reject, RejectReason, RenewToken, Ringing, Send, SendMessage, SetState,
        Start,
    },
    media::{MediaClose, MediaReceive, Source, Want},
};

use super::{
    cast::{AppOf, name, token},
    device::{Device, Stand},
};
use crate::plan::{Ask, Callee, Which};

/// What a device needs to know of the world to name its people.
pub(crate) struct Names<'a> {
    pub(crate) app: AppOf,
    /// The users of the device's app.
    pub(crate) users: &'a [UserId],
    /// The user's other devices.
    pub(crate) siblings: &'a [DeviceId],
    /// The latest call of the world.
    pub(crate) any_call: Option<CallId>,
    pub(crate) now: Timestamp,
}

/// The command, if the device knows enough to ask it. `mark` goes into its note.
pub(crate) fn command(ask: &Ask, device: &Device, names: &Names<'_>, mark: u64) -> Option<Command> {
    let note = || Note {
        content: Some(format!("note {mark}").into()),
        param: i32::try_from(mark).ok(),
        ..Note::default()
    };
    let ringing = |which| pick(device, names, which, &[Stand::Ringing]);
    let inside = |which| pick(device, names, which, &[Stand::In]);
    let any = |which| pick(device, names, which, &[Stand::In, Stand::Ringing, Stand::Listed]);
    Some(match ask {
        Ask::Start { .. } => Command::Start(Box::new(start(ask, names, note())?)),
        Ask::Ringing { call } => Command::Ringing(Ringing { call: ringing(*call)? }),
        Ask::Accept { call, audio } => {
            let media = audio.then_some(Media::Audio);
            Command::Accept(Accept { call: ringing(*call)?, note: note(), media })
        }
        Ask::Reject { call, busy, only_me } => Command::Reject(Reject {
            call: ringing(*call)?,
            note: note(),
            reason: busy.then_some(RejectReason::Busy),
            only_me: Some(*only_me),
        }),
        Ask::Cancel { call, to } => {
            let to = to.map(|user| vec![UserRef::Id(user_at(user, names))]);
            Command::Cancel(Cancel { call: inside(*call)?, note: note(), to })
        }
        Ask::Hangup { call } => Command::Hangup(Hangup { call: inside(*call)?, note: note() }),
        Ask::End { call } => Command::End(End { call: inside(*call)?, note: note() }),
        Ask::Invite { call, to, ring_s } => Command::Invite(Box::new(Invite {
            call: inside(*call)?,
            to: targets(to, names),
            note: note(),
            ring_time: *ring_s,
            push: None,
        })),
        Ask::Join { call } => Command::Join(Join { call: any(*call)? }),
        Ask::Move { call } => {
            let call = pick(device, names, *call, &[Stand::Over, Stand::Listed])?;
            Command::Move(Move { call, from: names.siblings.first()?.clone() })
        }
        Ask::Media { call, video } => {
            Command::Media(ChangeMedia { call: inside(*call)?, media: media(*video) })
        }
        Ask::MediaAnswer { call, accept } => {
            Command::MediaAnswer(MediaAnswer { call: inside(*call)?, accept: *accept })
        }
        Ask::MediaOffer { call } => device.media_offer(inside(*call)?),
        Ask::MediaReceive { call } => {
            let user = names.users.first()?.clone();
            let (width, height) = (Some(320), None);
            let want = Want { user, source: Source::Camera, width, height };
            let receive = BTreeMap::from([("9".to_owned(), Some(want))]);
            Command::MediaReceive(MediaReceive { call: inside(*call)?, receive })
        }
        Ask::MediaClose { call } => Command::MediaClose(MediaClose { call: inside(*call)? }),
        Ask::Ack => {
            let (call, seq) = *device.stops.last()?;
            Command::Ack(Ack { call, seq })
        }
        Ask::State { call, video } => Command::State(SetState {
            call: inside(*call)?,
            audio: Some(true),
            video: Some(*video),
            screen: None,
        }),
        Ask::Send { call, bytes } => Command::Send(Send {
            call: inside(*call)?,
            to: recipients(names, mark),
            body: body(*bytes)?,
        }),
        Ask::Get { call } => Command::Get(Get { call: any(*call)?, after: None, limit: None }),
        Ask::Message { to, bytes } => Command::SendMessage(SendMessage {
            to: user_at(*to, names).into(),
            body: body(*bytes)?,
        }),
        Ask::Presence { watch } => {
            let users = names.users.iter().cloned().map(UserRef::Id).collect();
            let of = PresenceOf { users };
            match watch {
                None => Command::PresenceGet(of),
                Some(true) => Command::PresenceWatch(of),
                Some(false) => Command::PresenceUnwatch(of),
            }
        }
        Ask::Records { missed } => Command::ListRecords(ListRecords {
            before: None,
            limit: Some(5),
            missed: Some(*missed),
        }),
        Ask::Renew { ttl_s } => match device.app {
            AppOf::Bank => {
                let token = token(&device.user, names.now, *ttl_s);
                Command::RenewToken(RenewToken { token })
            }
            AppOf::Shop => Command::Ping,
        },
        Ask::Ping => Command::Ping,
        Ask::Logout => Command::Logout,
    })
}

fn start(ask: &Ask, names: &Names<'_>, note: Note) -> Option<Start> {
    let Ask::Start { to, invite, group, audio, ring_s, reach_s, max_s } = ask else { return None };
    Some(Start {
        to: targets(to, names),
        media: Some(media(!audio)),
        mode: invite.then_some(Mode::Invite),
        kind: group.then_some(Kind::Group),
        note,
        ring_time: *ring_s,
        reach_time: *reach_s,
        max_time: *max_s,
        ..Start::default()
    })
}

fn pick(device: &Device, names: &Names<'_>, which: Which, fits: &[Stand]) -> Option<CallId> {
    let latest = || device.calls.last().map(|seen| seen.call);
    match which {
        Which::Fitting => {
            let fitting = device.calls.iter().rev().find(|seen| fits.contains(&seen.stand));
            fitting.map(|seen| seen.call).or_else(latest)
        }
        Which::Latest => latest(),
        Which::Any => names.any_call,
    }
}

fn user_at(at: u8, names: &Names<'_>) -> UserId {
    // One place beyond the last is somebody who has never been there.
    let known = names.users.get(usize::from(at) % (names.users.len() + 1));
    known
        .cloned()
        .unwrap_or_else(|| name(UserId::parse(&format!("nobody-of-{}", names.app.name()))))
}

fn targets(to: &[Callee], names: &Names<'_>) -> Vec<Target> {
    let target = |callee: &Callee| Target {
        user: user_at(callee.user, names).into(),
        ring: callee.ring,
        ring_time: None,
    };
    to.iter().map(target).collect()
}

fn recipients(names: &Names<'_>, mark: u64) -> Option<Recipients> {
    mark.is_multiple_of(2)
        .then(|| Recipients(names.users.iter().take(2).cloned().map(UserRef::Id).collect()))
}

fn media(video: bool) -> Media {
    if video { Media::Video } else { Media::Audio }
}

fn body(bytes: usize) -> Option<Body> {
    Body::new(&"x".repeat(bytes)).ok()
}
