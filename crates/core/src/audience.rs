//! Who is told of an event, and as what.

use std::collections::BTreeSet;

use crate::{
    call::{Call, Participant, Reason, State},
    event::{Event, Invitee, Refused},
    id::{DeviceId, UserId},
};

/// Which devices of a user are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Devices {
    /// This one.
    Only(DeviceId),
    /// All but these.
    AllBut(BTreeSet<DeviceId>),
}

impl Devices {
    /// Whether `device` is among them.
    pub fn contains(&self, device: &DeviceId) -> bool {
        match self {
            Self::Only(only) => only == device,
            Self::AllBut(out) => !out.contains(device),
        }
    }
}

/// How a user's other devices learn that one of them acted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// It answered.
    Accepted,
    /// It refused.
    Rejected,
    /// It took over.
    Moved,
}

/// Whom the end of a stay concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The call goes on without the device's user.
    You,
    /// The call is over.
    All,
}

/// What a device is told an event as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tell {
    /// `call.invited`
    Invited,
    /// `call.ringing`
    Ringing,
    /// `call.accepted`
    Accepted,
    /// `call.rejected`
    Rejected,
    /// `call.started`
    Started,
    /// `call.added`
    Added,
    /// `call.joined`
    Joined,
    /// `call.entered`
    Entered,
    /// `call.left`
    Left,
    /// `call.dropped`
    Dropped,
    /// `call.restored`
    Restored,
    /// `call.moved`
    Moved,
    /// `call.media_proposed`
    MediaProposed,
    /// `call.media_changed`
    MediaChanged,
    /// `call.media_refused`
    MediaRefused,
    /// `call.canceled`, which ends the stay.
    Canceled(Reason),
    /// `call.elsewhere`, which ends the stay.
    Elsewhere(How),
    /// `call.ended`, which ends the stay.
    Ended(Scope, Reason),
}

impl Tell {
    /// Whether it ends the stay of the device it is told to.
    pub fn is_terminal(&self) -> bool {
        match self {
            Self::Canceled(_) | Self::Elsewhere(_) | Self::Ended(..) => true,
            Self::Invited
            | Self::Ringing
            | Self::Accepted
            | Self::Rejected
            | Self::Started
            | Self::Added
            | Self::Joined
            | Self::Entered
            | Self::Left
            | Self::Dropped
            | Self::Restored
            | Self::Moved
            | Self::MediaProposed
            | Self::MediaChanged
            | Self::MediaRefused => false,
        }
    }
}

/// One thing to tell some devices of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Whom.
    pub user: UserId,
    /// On which devices.
    pub devices: Devices,
    /// What.
    pub tell: Tell,
}

impl Notice {
    /// Whether this device of this user is told.
    pub fn reaches(&self, user: &UserId, device: &DeviceId) -> bool {
        self.user == *user && self.devices.contains(device)
    }
}

/// Who is told of `event`. `before` is the call as it was; for `Created`, as that made it.
pub fn audience(before: &Call, event: &Event) -> Vec<Notice> {
    let mut told = Vec::new();
    match event {
        Event::Created(created) => {
            if created.caller.told {
                told.push(everywhere(&created.caller.user, Tell::Invited));
            }
            told.extend(invited(&created.callees));
        }
        Event::Released { users } => {
            let loud = |user: &&UserId| {
                before.participant(user).is_some_and(Participant::hears_invitations)
            };
            told.extend(users.iter().filter(loud).map(|user| everywhere(user, Tell::Invited)));
        }
        Event::Reached { .. }
        | Event::Acknowledged { .. }
        | Event::MediaReported { .. }
        | Event::Asked(_)
        | Event::Pushed(_) => {}
        Event::Ringing { user, .. } => told.extend(others(before, user, &Tell::Ringing)),
        Event::Silenced { user, device } => {
            // One who was only listed has no stay that could end.
            let rung = before.participant(user).is_some_and(Participant::is_rung);
            let out = Tell::Ended(Scope::You, Reason::Rejected);
            told.extend(rung.then(|| only(user, device, out)));
        }
        Event::Accepted { user, device, .. } => {
            told.extend(others(before, user, &Tell::Accepted));
            told.extend(elsewhere(before, user, Some(device), How::Accepted));
        }
        Event::Started => told.extend(inside(before, &Tell::Started)),
        Event::Rejected { user, device, reason, .. } => {
            told.extend(others(before, user, &Tell::Rejected));
            told.extend(refused(before, user, device.as_ref(), *reason));
        }
        Event::Canceled { users, reason, .. } => {
            let rung = users.iter().filter_map(|user| before.participant(user));
            told.extend(rung.filter_map(|p| ringing(p, None, Tell::Canceled(*reason))));
        }
        Event::Added { users, .. } => {
            told.extend(inside(before, &Tell::Added));
            told.extend(invited(users));
        }
        Event::Joined { user, device } => {
            told.extend(others(before, user, &Tell::Joined));
            told.extend(elsewhere(before, user, Some(device), How::Accepted));
        }
        Event::Entered { user, .. } => {
            if before.participant(user).is_some_and(|p| !p.entered) {
                told.extend(others(before, user, &Tell::Entered));
            }
        }
        Event::Left { user, how, .. } => {
            told.extend(others(before, user, &Tell::Left));
            let reason = match how {
                crate::Leaving::Left => Reason::Completed,
                crate::Leaving::Removed => Reason::Killed,
                crate::Leaving::Lost => Reason::Disconnected,
            };
            let device = before.participant(user).and_then(|p| p.device.as_ref());
            told.extend(device.map(|d| only(user, d, Tell::Ended(Scope::You, reason))));
        }
        Event::Dropped { user, .. } => {
            if before.participant(user).is_some_and(|p| p.state == State::Joined) {
                told.extend(others(before, user, &Tell::Dropped));
            }
        }
        Event::Restored { user, link } => {
            if before.participant(user).is_some_and(|p| p.links.with(*link).are_whole()) {
                told.extend(others(before, user, &Tell::Restored));
            }
        }
        Event::Moved { user, from, .. } => {
            told.extend(others(before, user, &Tell::Moved));
            told.push(only(user, from, Tell::Elsewhere(How::Moved)));
        }
        Event::MediaProposed { user, .. } => {
            told.extend(others(before, user, &Tell::MediaProposed));
        }
        Event::MediaChanged { .. } => told.extend(inside(before, &Tell::MediaChanged)),
        Event::MediaRefused { proposer, .. } => {
            let p = before.participant(proposer).and_then(|p| p.device.as_ref());
            told.extend(p.map(|device| only(proposer, device, Tell::MediaRefused)));
        }
        Event::Ended { reason, .. } => {
            told.extend(inside(before, &Tell::Ended(Scope::All, *reason)));
            told.extend(refusers(before, *reason));
        }
    }
    told
}

fn only(user: &UserId, device: &DeviceId, tell: Tell) -> Notice {
    Notice { user: user.clone(), devices: Devices::Only(device.clone()), tell }
}

fn everywhere(user: &UserId, tell: Tell) -> Notice {
    Notice { user: user.clone(), devices: Devices::AllBut(BTreeSet::new()), tell }
}

fn invited(invitees: &[Invitee]) -> impl Iterator<Item = Notice> {
    invitees.iter().filter(|i| i.told).map(|i| everywhere(&i.user, Tell::Invited))
}

/// The devices in the call.
fn inside(call: &Call, tell: &Tell) -> impl Iterator<Item = Notice> {
    call.inside().filter_map(|p| Some(only(&p.user, p.device.as_ref()?, tell.clone())))
}

/// The devices in the call, but not `user`'s.
fn others(call: &Call, user: &UserId, tell: &Tell) -> impl Iterator<Item = Notice> {
    inside(call, tell).filter(move |n| n.user != *user)
}

/// The devices of a user that ring, but not `out`.
fn ringing(p: &Participant, out: Option<&DeviceId>, tell: Tell) -> Option<Notice> {
    p.is_rung().then(|| {
        let mut but = p.silenced.clone();
        but.extend(out.cloned());
        Notice { user: p.user.clone(), devices: Devices::AllBut(but), tell }
    })
}

fn elsewhere(call: &Call, user: &UserId, by: Option<&DeviceId>, how: How) -> Option<Notice> {
    ringing(call.participant(user)?, by, Tell::Elsewhere(how))
}

/// What the refuser's own devices are told. In a direct call the device that refused is told by
/// the end of the call, which follows at once.
fn refused(call: &Call, user: &UserId, device: Option<&DeviceId>, reason: Refused) -> Vec<Notice> {
    let Some(p) = call.participant(user).filter(|p| p.is_rung()) else { return Vec::new() };
    let rest = match reason {
        Refused::Rejected | Refused::Busy => Tell::Elsewhere(How::Rejected),
        Refused::Timeout | Refused::Offline => Tell::Canceled(Reason::Timeout),
        Refused::Denied => Tell::Canceled(Reason::Denied),
    };
    let own = device.filter(|_| !call.is_direct()).map(|d| {
        let reason = if reason == Refused::Busy { Reason::Busy } else { Reason::Rejected };
        only(user, d, Tell::Ended(Scope::You, reason))
    });
    own.into_iter().chain(ringing(p, device, rest)).collect()
}

/// In a direct call, the device that refused: its stay ends with the call.
fn refusers(call: &Call, reason: Reason) -> impl Iterator<Item = Notice> {
    call.participants.iter().filter(|p| call.is_direct() && p.told).filter_map(move |p| {
        let refused = matches!(p.state, State::Rejected | State::Busy);
        let device = p.device.as_ref().filter(|_| refused)?;
        Some(only(&p.user, device, Tell::Ended(Scope::All, reason)))
    })
}
