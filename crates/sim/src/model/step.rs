//! What can happen in a world, and which of it at a given moment.

use std::fmt;

use bellwire_core::{Kind, Media, MediaLink, Mode, Origin, Reach, Refusing, RingMode, State};

use super::{
    cast::{By, DeviceNo, UserNo},
    world::{Presence, World},
};

/// One thing that happens. Calls are named by their place among the live ones, oldest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// A call is asked for.
    Start { by: By, ask: Ask },
    /// Something is asked of a call.
    Order { call: usize, by: By, wish: Wish },
    /// Media is connected.
    Entered { call: usize, user: UserNo },
    /// Media that the server routes is connected.
    MediaUp { call: usize, user: UserNo },
    /// Media that the server routes is lost.
    MediaLost { call: usize, user: UserNo },
    /// The business server ends the call.
    Kill { call: usize },
    /// The business server takes somebody out.
    Remove { call: usize, user: UserNo },
    /// The device connects.
    Connect(DeviceNo),
    /// The connection is lost, and that is noticed.
    Lose(DeviceNo),
    /// The connection is lost, and only an audit will notice (no close, or a flapping one).
    Vanish(DeviceNo),
    /// The connection is lost and replaced before the loss is noticed.
    Replace(DeviceNo),
    /// The resume window passes.
    Expire(DeviceNo),
    /// The device logs out.
    Logout(DeviceNo),
    /// Those who are in calls are asked whether they are there.
    Audit,
    /// The server is killed and comes back, at once or after a unit of time.
    Restart { late: bool },
    /// A call's deadline is looked at.
    Tick { call: usize },
    /// A unit of time passes.
    Wait,
}

/// A call as asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ask {
    pub(crate) origin: Origin,
    pub(crate) mode: Mode,
    pub(crate) kind: Option<Kind>,
    pub(crate) media: Media,
    pub(crate) ring: RingMode,
    /// The callees, a second one only in worlds of three.
    pub(crate) to: (UserNo, Option<UserNo>),
    /// Whether one who is absent is waited for.
    pub(crate) waits: bool,
    /// Whether the business server denies it.
    pub(crate) denied: bool,
}

/// What is asked of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    Ringing,
    Accept { media: Option<Media> },
    Reject { how: Refusing, only_me: bool },
    Cancel { only: Option<UserNo> },
    Hangup,
    End,
    Invite { user: UserNo, ring: RingMode },
    Join,
    Move { from: DeviceNo },
    Media(Media),
    MediaAnswer { accept: bool },
}

const RINGS: [RingMode; 3] = [RingMode::Ring, RingMode::Notify, RingMode::Silent];

/// All that can happen now. The order is fixed, so a place in it names a step.
pub(crate) fn steps(world: &World<'_>) -> Vec<Step> {
    let mut steps = Vec::with_capacity(160);
    for device in world.cast.devices() {
        connections(world, device, &mut steps);
        if world.presence(device) == Presence::Connected {
            starts(world, By::device(device), &mut steps);
        }
    }
    for user in world.cast.users() {
        starts(world, By::server(user), &mut steps);
    }
    for call in 0..world.calls.len() {
        about(world, call, &mut steps);
    }
    if world.needs_audit() {
        steps.push(Step::Audit);
    }
    let due = |call| world.is_due(call);
    steps.extend((0..world.calls.len()).filter(|c| due(*c)).map(|call| Step::Tick { call }));
    if !world.calls.is_empty() {
        steps.push(Step::Restart { late: false });
        if !(0..world.calls.len()).any(due) {
            steps.push(Step::Restart { late: true });
            steps.push(Step::Wait);
        }
    }
    steps
}

fn connections(world: &World<'_>, device: DeviceNo, steps: &mut Vec<Step>) {
    match world.presence(device) {
        Presence::Connected => {
            steps.extend([Step::Lose(device), Step::Logout(device)]);
            if world.is_joined_with(device) {
                steps.extend([Step::Vanish(device), Step::Replace(device)]);
            }
        }
        Presence::Asleep => steps.extend([Step::Connect(device), Step::Expire(device)]),
        Presence::Away => steps.push(Step::Connect(device)),
    }
}

fn starts(world: &World<'_>, by: By, steps: &mut Vec<Step>) {
    let origins: &[Origin] = match by.device {
        Some(_) => &[Origin::User],
        None => &[Origin::Server, Origin::ServerBoth],
    };
    let free = world.claim(by.user).is_none();
    let others = || world.cast.users().filter(|user| *user != by.user);
    for &origin in origins {
        let plain = |to: (UserNo, Option<UserNo>)| Ask {
            origin,
            mode: Mode::Call,
            kind: None,
            media: Media::Video,
            ring: RingMode::Ring,
            to,
            waits: false,
            denied: false,
        };
        let mut asks = Vec::with_capacity(24);
        for user in others() {
            let direct = plain((user, None));
            asks.extend([
                direct,
                Ask { media: Media::Audio, ..direct },
                Ask { kind: Some(Kind::Group), ..direct },
                Ask { mode: Mode::Invite, ..direct },
                Ask { denied: true, ..direct },
            ]);
            // How one who is taken would have told the callees is never looked at.
            for ring in [RingMode::Notify, RingMode::Silent].into_iter().filter(|_| free) {
                asks.extend([
                    Ask { ring, ..direct },
                    Ask { ring, media: Media::Audio, ..direct },
                    Ask { ring, kind: Some(Kind::Group), ..direct },
                    Ask { ring, mode: Mode::Invite, ..direct },
                ]);
            }
            for second in others().filter(|second| *second != user) {
                let both = plain((user, Some(second)));
                asks.push(both);
                asks.extend(free.then_some(Ask { ring: RingMode::Notify, ..both }));
            }
        }
        for ask in asks {
            steps.push(Step::Start { by, ask });
            let absent = |user| world.reach(user) == Reach::Absent;
            let someone = [Some(by.user), Some(ask.to.0), ask.to.1].into_iter().flatten();
            if free && !ask.denied && someone.into_iter().any(absent) {
                steps.push(Step::Start { by, ask: Ask { waits: true, ..ask } });
            }
        }
    }
}

/// What can be asked of one call, by whom, and what the server itself does to it.
fn about(world: &World<'_>, call: usize, steps: &mut Vec<Step>) {
    let order = |by, wish| Step::Order { call, by, wish };
    for device in world.cast.devices() {
        let by = By::device(device);
        if world.presence(device) != Presence::Connected {
            // The business server may answer with any device.
            steps.push(order(by, Wish::Accept { media: None }));
            continue;
        }
        let wishes = [
            Wish::Ringing,
            Wish::Accept { media: None },
            Wish::Accept { media: Some(Media::Audio) },
            Wish::Reject { how: Refusing::Rejected, only_me: false },
            Wish::Reject { how: Refusing::Busy, only_me: false },
            Wish::Reject { how: Refusing::Rejected, only_me: true },
            Wish::Join,
            Wish::Media(Media::Audio),
            Wish::Media(Media::Video),
            Wish::MediaAnswer { accept: true },
            Wish::MediaAnswer { accept: false },
        ];
        steps.extend(wishes.into_iter().map(|wish| order(by, wish)));
        let own = world.cast.devices_of(device.user).filter(|from| *from != device);
        steps.extend(own.map(|from| order(by, Wish::Move { from })));
        leaving_and_inviting(world, call, by, steps);
    }
    for user in world.cast.users() {
        let by = By::server(user);
        steps.push(order(by, Wish::Reject { how: Refusing::Rejected, only_me: false }));
        leaving_and_inviting(world, call, by, steps);
        steps.push(Step::Remove { call, user });
        if world.part(call, user).is_some_and(|p| p.state == State::Joined && !p.entered) {
            steps.push(Step::Entered { call, user });
        }
        match world.part(call, user).filter(|p| world.scope.routed && p.state.is_in()) {
            Some(p) if p.links.media == MediaLink::Up => steps.push(Step::MediaLost { call, user }),
            Some(_) => steps.push(Step::MediaUp { call, user }),
            None => {}
        }
    }
    steps.push(Step::Kill { call });
}

fn leaving_and_inviting(world: &World<'_>, call: usize, by: By, steps: &mut Vec<Step>) {
    let order = |wish| Step::Order { call, by, wish };
    steps.extend([Wish::Cancel { only: None }, Wish::Hangup, Wish::End].map(order));
    for user in world.cast.users().filter(|user| *user != by.user) {
        steps.push(order(Wish::Cancel { only: Some(user) }));
        steps.extend(RINGS.map(|ring| order(Wish::Invite { user, ring })));
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start { by, ask } => write!(f, "{by} starts {ask}"),
            Self::Order { call, by, wish } => write!(f, "{by}, call {call}: {wish}"),
            Self::Entered { call, user } => write!(f, "{user}'s media connects in call {call}"),
            Self::MediaUp { call, user } => {
                write!(f, "{user}'s media flows through the server in call {call}")
            }
            Self::MediaLost { call, user } => {
                write!(f, "{user}'s media is lost in call {call}")
            }
            Self::Kill { call } => write!(f, "the business server ends call {call}"),
            Self::Remove { call, user } => {
                write!(f, "the business server takes {user} out of call {call}")
            }
            Self::Connect(device) => write!(f, "{device} connects"),
            Self::Lose(device) => write!(f, "{device} loses its connection"),
            Self::Vanish(device) => write!(f, "{device} vanishes without a sign"),
            Self::Replace(device) => write!(f, "{device} reconnects, then its loss is noticed"),
            Self::Expire(device) => write!(f, "{device}'s session expires"),
            Self::Logout(device) => write!(f, "{device} logs out"),
            Self::Audit => write!(f, "connections are audited"),
            Self::Restart { late: false } => write!(f, "the server restarts"),
            Self::Restart { late: true } => {
                write!(f, "the server is killed and comes back a unit of time later")
            }
            Self::Tick { call } => write!(f, "call {call}'s deadline fires"),
            Self::Wait => write!(f, "a unit of time passes"),
        }
    }
}

impl fmt::Display for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { origin, mode, kind, media, ring, to, waits, denied } = self;
        let what = match (mode, kind, to.1) {
            (Mode::Invite, ..) => "an invitation",
            (Mode::Call, Some(Kind::Group), _) | (Mode::Call, None, Some(_)) => "a group call",
            (Mode::Call, Some(Kind::Direct) | None, _) => "a direct call",
        };
        write!(f, "{what} ({media:?}, {ring:?}) to {}", to.0)?;
        if let Some(second) = to.1 {
            write!(f, " and {second}")?;
        }
        if *origin == Origin::ServerBoth {
            f.write_str(", both ringing at once")?;
        }
        if *waits {
            f.write_str(", waiting for who is absent")?;
        }
        if *denied {
            f.write_str(", which is denied")?;
        }
        Ok(())
    }
}

impl fmt::Display for Wish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ringing => f.write_str("it rings"),
            Self::Accept { media: None } => f.write_str("accept"),
            Self::Accept { media: Some(media) } => write!(f, "accept with {media:?}"),
            Self::Reject { how, only_me: false } => write!(f, "reject as {how:?}"),
            Self::Reject { how, only_me: true } => write!(f, "reject as {how:?} here only"),
            Self::Cancel { only: None } => f.write_str("cancel"),
            Self::Cancel { only: Some(user) } => write!(f, "cancel the invitation of {user}"),
            Self::Hangup => f.write_str("hang up"),
            Self::End => f.write_str("end for all"),
            Self::Invite { user, ring } => write!(f, "invite {user} ({ring:?})"),
            Self::Join => f.write_str("join"),
            Self::Move { from } => write!(f, "move here from {from}"),
            Self::Media(media) => write!(f, "propose {media:?}"),
            Self::MediaAnswer { accept: true } => f.write_str("consent to the media"),
            Self::MediaAnswer { accept: false } => f.write_str("refuse the media"),
        }
    }
}
