//! One random step of a history.

use bellwire_core::{
    CallId, Command, Edit, Forbid, Kind, Media, Mode, Note, Order, Origin, Refusing, ShownAs,
    Start, Unavailable, Verdict,
};
use proptest::prelude::*;

use super::{super::support::*, USERS};

/// What somebody does. Numbers pick among what there is when the step is taken.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// A direct call is started and answered, which chance alone brings about too rarely.
    Talk {
        by: usize,
        to: usize,
    },
    Start {
        by: usize,
        to: Vec<(usize, u8)>,
        how: How,
    },
    Order {
        by: usize,
        call: usize,
        order: Doing,
    },
    Entered {
        user: usize,
        call: usize,
    },
    /// The media of a device comes up, or is lost.
    Routed {
        device: usize,
        up: bool,
    },
    /// A user does not want to be rung, or does again.
    Availability {
        user: usize,
        is_wanted: bool,
        shown_as: ShownAs,
    },
    Gone(usize),
    Back(usize),
    Restart,
    Kill {
        call: usize,
        user: Option<usize>,
    },
    /// The app has no token for the room.
    Barred {
        call: usize,
        user: usize,
    },
    /// The business server changes what may be sent, and the longest time.
    Edit {
        call: usize,
        silent: bool,
        max_s: u64,
    },
    Pass(u64),
    Jump(u64),
}

/// How a call is asked for.
#[allow(clippy::struct_excessive_bools)] // Independent coins, thrown for each start.
#[derive(Debug, Clone)]
pub(super) struct How {
    origin: u8,
    group: bool,
    invite: bool,
    audio: bool,
    denied: bool,
    reach_ms: u64,
}

/// An order, by what is random about it.
#[derive(Debug, Clone)]
pub(super) enum Doing {
    Ringing,
    Accept(bool),
    Reject { busy: bool, only_me: bool },
    Cancel(Option<usize>),
    Hangup,
    Logout,
    End,
    Invite(Vec<(usize, u8)>),
    Join,
    Move,
    Media(bool),
    MediaAnswer(bool),
    Acknowledge(u64),
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    let device = 0..USERS.len() * 2;
    let user = 0..USERS.len();
    prop_oneof![
        // The first is what shrinking turns a step without effect into.
        1 => Just(Step::Pass(0)),
        3 => (device.clone(), 0..USERS.len() * 2).prop_map(|(by, to)| Step::Talk { by, to }),
        5 => (device.clone(), callees(), how())
            .prop_map(|(by, to, how)| Step::Start { by, to, how }),
        24 => (device.clone(), 0..5_usize, doing())
            .prop_map(|(by, call, order)| Step::Order { by, call, order }),
        1 => (user.clone(), 0..3_usize).prop_map(|(user, call)| Step::Entered { user, call }),
        2 => (device.clone(), prop::bool::weighted(0.6))
            .prop_map(|(device, up)| Step::Routed { device, up }),
        1 => (user.clone(), any::<bool>(), shown_as())
            .prop_map(|(user, is_wanted, shown_as)| Step::Availability {
                user,
                is_wanted,
                shown_as,
            }),
        2 => device.clone().prop_map(Step::Gone),
        3 => device.prop_map(Step::Back),
        1 => prop::bool::weighted(0.3)
            .prop_map(|restart| if restart { Step::Restart } else { Step::Pass(1) }),
        1 => (0..4_usize, prop::option::weighted(0.6, user.clone()))
            .prop_map(|(call, user)| Step::Kill { call, user }),
        1 => (0..4_usize, user).prop_map(|(call, user)| Step::Barred { call, user }),
        1 => (0..4_usize, any::<bool>(), 0..40_u64)
            .prop_map(|(call, silent, max_s)| Step::Edit { call, silent, max_s }),
        4 => prop_oneof![0..50_u64, 900..5_000_u64, 5_000..25_000_u64].prop_map(Step::Pass),
        1 => (0..60_000_u64).prop_map(Step::Jump),
    ]
}

fn shown_as() -> impl Strategy<Value = ShownAs> {
    prop_oneof![Just(ShownAs::Busy), Just(ShownAs::NoAnswer)]
}

fn callees() -> impl Strategy<Value = Vec<(usize, u8)>> {
    // Mostly one or two; now and then nobody, oneself, or someone twice. User 4 is unknown.
    prop_oneof![
        4 => prop::collection::vec((0..5_usize, 0..5_u8), 1),
        3 => prop::collection::vec((0..5_usize, 0..5_u8), 2..4),
        1 => Just(Vec::new()),
    ]
}

fn how() -> impl Strategy<Value = How> {
    let flag = |often| prop::bool::weighted(often);
    let reach = prop_oneof![Just(0), 1_000..15_000_u64];
    (0..5_u8, flag(0.3), flag(0.2), flag(0.5), flag(0.08), reach).prop_map(
        |(origin, group, invite, audio, denied, reach_ms)| How {
            origin,
            group,
            invite,
            audio,
            denied,
            reach_ms,
        },
    )
}

fn doing() -> impl Strategy<Value = Doing> {
    prop_oneof![
        4 => Just(Doing::Ringing),
        6 => any::<bool>().prop_map(Doing::Accept),
        2 => (any::<bool>(), any::<bool>())
            .prop_map(|(busy, only_me)| Doing::Reject { busy, only_me }),
        1 => prop::option::of(0..USERS.len()).prop_map(Doing::Cancel),
        2 => Just(Doing::Hangup),
        1 => Just(Doing::Logout),
        1 => Just(Doing::End),
        3 => callees().prop_map(Doing::Invite),
        2 => Just(Doing::Join),
        2 => Just(Doing::Move),
        3 => any::<bool>().prop_map(Doing::Media),
        2 => any::<bool>().prop_map(Doing::MediaAnswer),
        1 => (0..20_u64).prop_map(Doing::Acknowledge),
    ]
}

impl Step {
    /// Takes the step. Refusals are part of life.
    pub(super) fn take(&self, w: &mut World) {
        match self {
            Self::Start { by, to, how } => {
                let ask = how.ask(w, *by, to);
                let _ = w.start(ask);
            }
            Self::Talk { by, to } => {
                let [by, to] = [by, to].map(|n| w.devices[*n].to_string());
                let ask = Start { media: Media::Audio, ..w.ask(&by, &[&*owner(&device(&to))]) };
                if let Ok(call) = w.start(ask) {
                    let _ = w.accept(&to, call);
                }
            }
            Self::Order { by, call, order } => {
                let name = w.devices[*by].to_string();
                if let Some(call) = pick(w, *call, Some(&name)) {
                    let order = order.order(w, call, &name);
                    let _ = w.order(&name, call, order);
                }
            }
            Self::Entered { user: who, call } => {
                if let Some(call) = pick(w, *call, None) {
                    w.command(call, Command::Entered { user: user(USERS[*who]) }).unwrap();
                }
            }
            Self::Routed { device, up: true } => w.media_up(&w.devices[*device].clone()),
            Self::Routed { device, up: false } => w.media_lost(&w.devices[*device].clone()),
            Self::Availability { user: who, is_wanted: true, .. } => {
                w.unavailable.remove(&user(USERS[*who]));
            }
            Self::Availability { user: who, is_wanted: false, shown_as } => {
                let unavailable = Unavailable { shown_as: *shown_as, blocked: false };
                w.unavailable.insert(user(USERS[*who]), unavailable);
            }
            Self::Gone(device) => w.gone(&w.devices[*device].to_string()),
            Self::Back(device) => w.back(&w.devices[*device].to_string()),
            Self::Restart => {
                w.restart();
                // Most clients find back.
                for n in [0, 1, 2, 4, 5, 7] {
                    w.back(&w.devices[n].to_string());
                }
            }
            Self::Kill { call, user } => {
                if let Some(call) = pick(w, *call, None) {
                    let _ = match user {
                        Some(who) => w.remove(call, USERS[*who]),
                        None => w.kill(call, 9),
                    };
                }
            }
            Self::Barred { call, user: who } => {
                if let Some(call) = pick(w, *call, None) {
                    let _ = w.barred(call, USERS[*who]);
                }
            }
            Self::Edit { call, silent, max_s } => {
                if let Some(call) = pick(w, *call, None) {
                    let forbid = Forbid { caller_audio: *silent, ..Forbid::default() };
                    let edit = Edit { forbid: Some(forbid), max_ms: Some(1000 * max_s) };
                    let _ = w.command(call, Command::Edit(edit));
                }
            }
            Self::Pass(ms) => w.pass_ms(*ms),
            Self::Jump(ms) => w.jump_ms(*ms),
        }
    }
}

/// A call: 0 and 1 one that lives and concerns the device, then any, the newest first.
fn pick(w: &World, n: usize, device: Option<&str>) -> Option<CallId> {
    let mine = w.live().filter(|call| {
        device.is_none_or(|d| call.participant(d.split_once('.').unwrap().0).is_some())
    });
    let mut mine: Vec<_> = mine.map(|call| call.id).collect();
    mine.reverse();
    let mut any = w.calls.keys().rev();
    mine.get(n.saturating_sub(1)).copied().filter(|_| n < 4).or_else(|| any.nth(n).copied())
}

fn named(to: &[(usize, u8)]) -> Vec<String> {
    let mark = |ring| match ring {
        0 => "?",
        1 => "-",
        _ => "",
    };
    let name = |n: usize| USERS.get(n).copied().unwrap_or("nobody");
    to.iter().map(|(n, ring)| format!("{}{}", name(*n), mark(*ring))).collect()
}

impl How {
    fn ask(&self, w: &mut World, by: usize, to: &[(usize, u8)]) -> Start {
        let names = named(to);
        let names: Vec<&str> = names.iter().map(|n| &**n).collect();
        let device = w.devices[by].to_string();
        let (by, origin) = match self.origin {
            0 => (owner(&w.devices[by]).to_string(), Origin::Server),
            1 => (owner(&w.devices[by]).to_string(), Origin::ServerBoth),
            _ => (device, Origin::User),
        };
        let mut ask = w.ask(&by, &names);
        ask.origin = origin;
        ask.kind = self.group.then_some(Kind::Group);
        ask.mode = if self.invite { Mode::Invite } else { Mode::Call };
        ask.media = if self.audio { Media::Audio } else { Media::Video };
        ask.settings.reach_ms = self.reach_ms;
        ask.note = note("n", 1);
        if self.denied {
            ask.verdict = Verdict::Deny { code: 5, text: "no".into() };
        }
        ask
    }
}

impl Doing {
    fn order(&self, w: &World, call: CallId, by: &str) -> Order {
        let media = |video: bool| if video { Media::Video } else { Media::Audio };
        let said = Note::default();
        match self {
            Self::Ringing => Order::Ringing,
            Self::Accept(video) => {
                Order::Accept { media: Some(media(*video)), claimed: None, note: said }
            }
            Self::Reject { busy, only_me } => Order::Reject {
                how: if *busy { Refusing::Busy } else { Refusing::Rejected },
                only_me: *only_me,
                note: said,
            },
            Self::Cancel(to) => Order::Cancel { to: to.map(|n| vec![user(USERS[n])]), note: said },
            Self::Hangup => Order::Hangup { note: said },
            Self::Logout => Order::Logout,
            Self::End => Order::End { note: said },
            Self::Invite(to) => {
                let to = named(to).iter().map(|name| callee(name)).collect();
                Order::Invite { to, note: said, push: None }
            }
            Self::Join => Order::Join { claimed: None },
            Self::Move => {
                let me = w.at(call).participant(by.split_once('.').unwrap().0);
                let from = me.and_then(|p| p.device.clone()).unwrap_or_else(|| device(by));
                Order::Move { from }
            }
            Self::Media(video) => Order::Media { media: media(*video) },
            Self::MediaAnswer(accept) => Order::MediaAnswer { accept: *accept },
            Self::Acknowledge(seq) => Order::Acknowledge { seq: *seq },
        }
    }
}
