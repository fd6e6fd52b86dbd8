//! One step of a history, out of bytes.

use arbitrary::Arbitrary;
use bellwire_core::{
    CallId, Command, Forbid, Kind, Media, Mode, Note, Order, Origin, Refusing, ShownAs, Start,
    Unavailable, Verdict,
};

use super::{
    USERS,
    rules::{World, actor, callee, device, owner, user},
};

/// What somebody does. Numbers pick among what there is when the step is taken.
#[derive(Debug, Arbitrary)]
pub(super) enum Step {
    /// A call is asked for.
    Start {
        by: u8,
        to: Few<Named>,
        how: How,
    },
    /// A direct call is started and answered, which chance alone brings about too rarely.
    Talk {
        by: u8,
        to: u8,
    },
    /// A participant, or a stranger, asks something of a call.
    Order {
        by: u8,
        is_server: bool,
        call: u8,
        order: Doing,
    },
    /// The same command reaches a call twice in a row.
    Twice {
        by: u8,
        call: u8,
        order: Doing,
    },
    /// Media is connected.
    Entered {
        user: u8,
        call: u8,
    },
    /// A device is gone, or back.
    Gone(u8),
    Back(u8),
    /// A loss or return is told to one call alone, true or not.
    Told {
        device: u8,
        call: u8,
        is_back: bool,
    },
    /// The server was killed.
    Restart,
    /// The business server ends a call or takes somebody out.
    Kill {
        call: u8,
        user: Option<u8>,
        code: u32,
    },
    /// A user can be woken by push, or no longer.
    Push(u8),
    /// Milliseconds pass; seconds pass; the clock stands still and then jumps.
    PassMs(u16),
    PassS(u8),
    JumpS(u8),
    /// A user does not want to be rung, or does again.
    Availability {
        who: u8,
        is_wanted: bool,
        shown_as_busy: bool,
    },
}

/// At most three.
#[derive(Debug, Arbitrary)]
pub(super) struct Few<T>(Option<T>, Option<T>, Option<T>);

/// A user as named for a call; one of them does not exist.
#[derive(Debug, Arbitrary)]
pub(super) struct Named {
    who: u8,
    ring: u8,
    ring_s: Option<u8>,
}

/// How a call is asked for.
#[derive(Debug, Arbitrary)]
pub(super) struct How {
    origin: u8,
    kind: u8,
    is_invite: bool,
    is_audio: bool,
    verdict: u8,
    forbid: u8,
    reach_s: Option<u8>,
    said: Said,
}

/// A note.
#[derive(Debug, Arbitrary)]
pub(super) struct Said {
    content: Option<[char; 2]>,
    param: Option<i32>,
    app_code: Option<u32>,
    app_flags: Option<u32>,
}

/// What is asked of a call.
#[derive(Debug, Arbitrary)]
pub(super) enum Doing {
    Ringing,
    Accept { media: Option<bool>, said: Said },
    Reject { is_busy: bool, is_only_me: bool, said: Said },
    Cancel { to: Option<Few<Named>>, said: Said },
    Hangup(Said),
    Logout,
    End(Said),
    Invite { to: Few<Named>, said: Said },
    Join,
    Move(u8),
    Media(bool),
    MediaAnswer(bool),
    Acknowledge(u8),
}

impl Step {
    /// Takes the step. Refusals are part of life.
    pub(super) fn take(self, w: &mut World) {
        match self {
            Self::Start { by, to, how } => {
                let ask = how.ask(w, by, &to);
                drop(w.start(ask));
            }
            Self::Talk { by, to } => {
                let (by, to) = (nth_device(w, by), nth_device(w, to));
                let ask = w.ask(&by, &[&*owner(&device(&to))]);
                if let Ok(call) = w.start(ask) {
                    drop(w.accept(&to, call));
                }
            }
            Self::Order { by, is_server, call, order } => {
                let name = nth_device(w, by);
                if let Some(call) = pick(w, call) {
                    let order = order.order(w, call);
                    let by = if is_server { owner(&device(&name)).to_string() } else { name };
                    drop(w.command(call, Command::User { by: actor(&by), order }));
                }
            }
            Self::Twice { by, call, order } => {
                let by = nth_device(w, by);
                if let Some(call) = pick(w, call) {
                    let order = order.order(w, call);
                    drop(w.order(&by, call, order.clone()));
                    drop(w.order(&by, call, order));
                }
            }
            Self::Entered { user: who, call } => {
                if let Some(call) = pick(w, call) {
                    let entered = Command::Entered { user: user(nth_user(who)) };
                    w.command(call, entered).expect("what happened is never refused");
                }
            }
            Self::Gone(n) => w.gone(&nth_device(w, n)),
            Self::Back(n) => w.back(&nth_device(w, n)),
            Self::Told { device: n, call, is_back } => {
                let device = device(&nth_device(w, n));
                if let Some(call) = pick(w, call) {
                    // A call that was told wrongly asks for an audit, or would never end.
                    if is_back == w.online.contains(&device) {
                        let user = owner(&device);
                        let told = if is_back {
                            Command::Back { user, device }
                        } else {
                            Command::Gone { user, device }
                        };
                        w.command(call, told).expect("what happened is never refused");
                    }
                }
            }
            Self::Restart => w.restart(),
            Self::Kill { call, user, code } => {
                if let Some(call) = pick(w, call) {
                    drop(match user {
                        Some(who) => w.remove(call, nth_user(who)),
                        None => w.kill(call, code),
                    });
                }
            }
            Self::Push(who) => {
                let user = user(nth_user(who));
                if !w.pushable.remove(&user) {
                    w.pushable.insert(user);
                }
            }
            Self::PassMs(ms) => w.pass_ms(ms.into()),
            Self::PassS(s) => w.pass_s(s.into()),
            Self::JumpS(s) => w.jump_ms(1000 * u64::from(s)),
            Self::Availability { who, is_wanted, shown_as_busy } => {
                let shown_as = if shown_as_busy { ShownAs::Busy } else { ShownAs::NoAnswer };
                let user = user(nth_user(who));
                if is_wanted {
                    w.unavailable.remove(&user);
                } else {
                    w.unavailable.insert(user, Unavailable { shown_as, blocked: false });
                }
            }
        }
    }
}

/// One of the last calls; the newest for 0.
fn pick(w: &World, n: u8) -> Option<CallId> {
    let most = w.calls.len().clamp(1, 8);
    w.calls.keys().rev().nth(usize::from(n) % most).copied()
}

fn nth_device(w: &World, n: u8) -> String {
    w.devices[usize::from(n) % w.devices.len()].to_string()
}

fn nth_user(n: u8) -> &'static str {
    USERS[usize::from(n) % USERS.len()]
}

impl Few<Named> {
    fn each(&self) -> impl Iterator<Item = &Named> {
        [&self.0, &self.1, &self.2].into_iter().flatten()
    }

    fn callees(&self) -> Vec<bellwire_core::Callee> {
        let named = self.each().map(|named| {
            let mark = match named.ring % 8 {
                0 => "?",
                1 => "-",
                _ => "",
            };
            let ring_ms = named.ring_s.map(|s| 1000 * u64::from(s.max(5)));
            let name = format!("{}{mark}", named.name());
            bellwire_core::Callee { ring_ms, ..callee(&name) }
        });
        named.collect()
    }
}

impl Named {
    fn name(&self) -> &'static str {
        USERS.get(usize::from(self.who) % (USERS.len() + 1)).copied().unwrap_or("nobody")
    }
}

impl Said {
    fn note(&self) -> Note {
        Note {
            content: self.content.map(|chars| chars.iter().collect::<String>().into()),
            param: self.param,
            app_code: self.app_code,
            app_flags: self.app_flags,
        }
    }
}

impl How {
    fn ask(&self, w: &mut World, by: u8, to: &Few<Named>) -> Start {
        let name = nth_device(w, by);
        let (by, origin) = match self.origin % 8 {
            0 => (owner(&device(&name)).to_string(), Origin::Server),
            1 => (owner(&device(&name)).to_string(), Origin::ServerBoth),
            _ => (name, Origin::User),
        };
        let mut ask = w.ask(&by, &[]);
        ask.callees = to.callees();
        ask.origin = origin;
        ask.kind = match self.kind % 4 {
            0 => Some(Kind::Group),
            1 => Some(Kind::Direct),
            _ => None,
        };
        ask.mode = if self.is_invite { Mode::Invite } else { Mode::Call };
        ask.media = if self.is_audio { Media::Audio } else { Media::Video };
        ask.note = self.said.note();
        let bit = |n: u8| self.forbid & (1 << n) != 0;
        ask.forbid = Forbid {
            caller_audio: bit(0),
            caller_video: bit(1),
            callee_audio: bit(2),
            callee_video: bit(3),
        };
        if let Some(s) = self.reach_s {
            ask.settings.reach_ms = 1000 * u64::from(s);
        }
        match self.verdict {
            0..16 => ask.verdict = Verdict::Deny { code: 5, text: "no".to_owned() },
            16..32 => {
                let changes = bellwire_core::Changes {
                    callees: Some(to.callees().into_iter().rev().collect()),
                    ring_ms: Some(7_000),
                    max_ms: Some(60_000),
                    ..bellwire_core::Changes::default()
                };
                ask.verdict = Verdict::Allow(Box::new(changes));
            }
            _ => {}
        }
        ask
    }
}

impl Doing {
    fn order(self, w: &World, call: CallId) -> Order {
        let media = |is_video: bool| if is_video { Media::Video } else { Media::Audio };
        match self {
            Self::Ringing => Order::Ringing,
            Self::Accept { media: lowered, said } => {
                Order::Accept { media: lowered.map(media), claimed: None, note: said.note() }
            }
            Self::Reject { is_busy, is_only_me, said } => Order::Reject {
                how: if is_busy { Refusing::Busy } else { Refusing::Rejected },
                only_me: is_only_me,
                note: said.note(),
            },
            Self::Cancel { to, said } => {
                let to = to.map(|few| few.each().map(|named| user(named.name())).collect());
                Order::Cancel { to, note: said.note() }
            }
            Self::Hangup(said) => Order::Hangup { note: said.note() },
            Self::Logout => Order::Logout,
            Self::End(said) => Order::End { note: said.note() },
            Self::Invite { to, said } => {
                Order::Invite { to: to.callees(), note: said.note(), push: None }
            }
            Self::Join => Order::Join { claimed: None },
            Self::Move(from) => {
                let inside = w.at(call).inside().find_map(|p| p.device.clone());
                let any = device(&nth_device(w, from));
                Order::Move { from: inside.filter(|_| from < 128).unwrap_or(any) }
            }
            Self::Media(is_video) => Order::Media { media: media(is_video) },
            Self::MediaAnswer(accept) => Order::MediaAnswer { accept },
            Self::Acknowledge(seq) => Order::Acknowledge { seq: seq.into() },
        }
    }
}
