//! A world in one thread: the real node on virtual time, and around it simulated devices,
//! connections, disk and clock.
//!
//! Time is that of the node's own runtime, which stands still while anything can run and jumps to
//! the next timer when nothing can. The world is the runtime's root: it is polled between any two
//! polls of the server's tasks, so it can stop the runtime between any two steps of any task. A
//! stopped runtime is a dead process: it is dropped with all its tasks, and the next node starts on
//! a new one with what the disk kept.

mod api;
mod ask;
mod bell;
mod cast;
mod connect;
mod device;
mod drive;
mod end;
mod fault;
mod frame;
mod heard;
mod house;
mod kept;
mod network;
mod pipe;
mod rooms;
mod sfu;
mod store;
mod trace;

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use axum::Router;
use bellwire::{Node, Tenants};
use bellwire_checker::{History, Limits, Standing, Step, Violation, Watch};
use bellwire_core::{AppKey, Call, CallId, Timestamp, UserId};
use bellwire_protocol::Command;

pub(crate) use self::cast::{AppOf, Person, TENANTS, configured, device_id, people, tenants};
use self::{
    ask::Names,
    bell::Bell,
    device::{Device, Habits, Reaction},
    fault::Relief,
    house::House,
    network::{Link, LinkId},
    pipe::End,
    rooms::Strays,
    sfu::Sfu,
    store::Store,
    trace::Trace,
};
use crate::{
    lot::Lot,
    plan::{Ask, Back, DeviceNo},
};

/// When the world begins, by the server's clock: some day in 2026.
const EPOCH_MS: u64 = 1_795_118_400_000;

/// How a world is made.
#[derive(Debug, Clone)]
#[allow(clippy::struct_excessive_bools)] // Independent settings.
pub(crate) struct Shape {
    pub(crate) seed: u64,
    pub(crate) people: Vec<Person>,
    /// Devices of each person.
    pub(crate) devices_each: usize,
    /// The apps, with their settings.
    pub(crate) tenants: Tenants,
    /// What the judge has to know.
    pub(crate) limits: Limits,
    /// Habits and delays are drawn by lot; else every device is well-behaved and near.
    pub(crate) unruly: bool,
    /// The server routes media; else every call's is the app's own.
    pub(crate) media: bool,
    /// Keep the lines of the trace.
    pub(crate) traced: bool,
    /// Keep what devices read.
    pub(crate) remembers: bool,
}

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Broken {
    /// Which rule.
    pub(crate) rule: String,
    /// All that is known of it.
    pub(crate) text: String,
}

/// What is going to happen in the world.
enum Event {
    Dial(usize),
    ToServer(LinkId, Vec<u8>),
    /// The next of what the server has written arrives.
    ToDevice(LinkId),
    ServerEnd(LinkId, End),
    DeviceEnd(LinkId),
    /// A device looks whether it has heard anything.
    Silence(LinkId),
    /// A device asks something by itself.
    Say(usize, Box<Command>),
    Commit,
    Tell,
    NodeUp,
    Relief(Relief),
}

/// How much has happened.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    /// Requests of devices, hellos among them, and of the business server.
    pub(crate) commands: u64,
    pub(crate) faults: u64,
    /// Frames that devices got.
    pub(crate) frames: u64,
    pub(crate) crashes: u64,
    /// Offers of media that were taken.
    pub(crate) connections: u64,
}

/// The world.
pub(crate) struct World {
    shape: Shape,
    /// Milliseconds from the beginning.
    now: u64,
    events: BTreeMap<(u64, u64), Event>,
    next_event: u64,
    devices: Vec<Device>,
    histories: Vec<History>,
    links: Vec<Link>,
    calls: Vec<(AppOf, CallId)>,
    store: Arc<Store>,
    bell: Arc<Bell>,
    clock_offset: Arc<AtomicI64>,
    house: Option<House>,
    node: Option<Node>,
    /// Its HTTP API.
    api: Option<Router>,
    /// What carries media, where the server routes it.
    sfu: Option<Sfu>,
    strays: Strays,
    incarnation: u64,
    doom: fault::Doom,
    network: network::Weather,
    watch: Watch,
    trace: Trace,
    counts: Counts,
    broken: Option<Broken>,
    /// What each device has read, where that is kept.
    read: Vec<Vec<String>>,
    keys: [AppKey; 2],
    /// How calls ended, by the records.
    ends: BTreeMap<String, u64>,
}

impl World {
    pub(crate) fn new(shape: Shape) -> Self {
        let bell = Arc::new(Bell::default());
        let mut devices = Vec::new();
        for (at, person) in shape.people.iter().enumerate() {
            for number in 0..shape.devices_each {
                let mut lot = Lot::of(shape.seed, &[1, at as u64, number as u64]);
                let mut habits = if shape.unruly { Habits::draw(&mut lot) } else { Habits::GOOD };
                habits.offers = habits.offers.filter(|_| shape.media);
                let id = device_id(number);
                devices.push(Device::new(person.app, person.user.clone(), id, habits));
            }
        }
        let history = |d: &Device| History::new(d.key.clone(), d.user.clone(), d.id.clone());
        let mut world = Self {
            now: 0,
            events: BTreeMap::new(),
            next_event: 0,
            histories: devices.iter().map(history).collect(),
            devices,
            links: Vec::new(),
            calls: Vec::new(),
            store: Arc::new(Store::new(bell.clone())),
            bell,
            clock_offset: Arc::new(AtomicI64::new(0)),
            house: None,
            node: None,
            api: None,
            sfu: None,
            strays: Strays::default(),
            incarnation: 0,
            doom: fault::Doom::default(),
            network: network::Weather::default(),
            watch: Watch::new(shape.limits),
            trace: Trace::new(shape.traced),
            counts: Counts::default(),
            broken: None,
            keys: AppOf::ALL.map(AppOf::key),
            ends: BTreeMap::new(),
            read: vec![Vec::new(); shape.people.len() * shape.devices_each],
            shape,
        };
        world.schedule(0, Event::NodeUp);
        world
    }

    /// Milliseconds from the beginning.
    pub(crate) fn now(&self) -> u64 {
        self.now
    }

    /// The server's clock.
    pub(crate) fn clock(&self) -> Timestamp {
        let at = EPOCH_MS + self.now;
        Timestamp(at.saturating_add_signed(self.clock_offset.load(Ordering::Relaxed)))
    }

    pub(crate) fn broken(&self) -> Option<&Broken> {
        self.broken.as_ref()
    }

    pub(crate) fn counts(&self) -> Counts {
        self.counts
    }

    /// A number of all that has happened so far.
    pub(crate) fn fingerprint(&mut self) -> u64 {
        let stored = self.store.fingerprint();
        self.trace.mix(stored);
        self.trace.fingerprint()
    }

    /// How many calls ended for which reason, once the end was judged.
    pub(crate) fn ends(&self) -> &BTreeMap<String, u64> {
        &self.ends
    }

    /// The lines of the trace, where they were kept.
    pub(crate) fn into_lines(self) -> Vec<String> {
        self.trace.into_lines()
    }

    fn schedule(&mut self, in_ms: u64, event: Event) {
        self.schedule_at(self.now + in_ms, event);
    }

    fn schedule_at(&mut self, at: u64, event: Event) {
        self.next_event += 1;
        self.events.insert((at.max(self.now), self.next_event), event);
    }

    /// Draws for something that concerns `what` now.
    fn lot(&self, what: &[u64]) -> Lot {
        let mut lot = Lot::of(self.shape.seed, what);
        // Not the time: what is drawn should not change with what was left out before.
        lot.next();
        lot
    }

    fn fail(&mut self, rule: &str, text: String) {
        if self.broken.is_none() {
            self.trace.note(self.now, "broken", &text);
            self.broken = Some(Broken { rule: rule.to_owned(), text });
        }
    }

    fn violated(&mut self, violation: &Violation) {
        self.fail(violation.rule.name(), violation.to_string());
    }

    fn record(&mut self, device: usize, step: Step<'_>) {
        let who = &self.devices[device];
        if self.trace.is_kept() {
            let who = format!("{}/{}/{}", who.app.name(), who.user, who.id);
            self.trace.note(self.now, &who, &shown(step));
        } else {
            let (what, text) = plain(step);
            self.trace.mix((device as u64) << 8 | what);
            self.trace.note(self.now, "", text);
        }
        let now = self.clock();
        if let Err(violation) = self.histories[device].record(now, step) {
            self.violated(&violation);
        }
    }

    /// A device asks something now, if it is in a position to; whether it was.
    pub(crate) fn ask(&mut self, device: usize, ask: &Ask, mark: u64) -> bool {
        if !self.devices[device].greeted {
            return false;
        }
        let own = &self.devices[device];
        let users: Vec<UserId> = self.users_of(own.app);
        let siblings: Vec<_> = self
            .devices
            .iter()
            .filter(|d| d.app == own.app && d.user == own.user && d.id != own.id)
            .map(|d| d.id.clone())
            .collect();
        let names = Names {
            app: own.app,
            users: &users,
            siblings: &siblings,
            any_call: self.calls.last().map(|(_, call)| *call),
            now: self.clock(),
        };
        match ask::command(ask, own, &names, mark) {
            Some(command) => {
                self.say(device, command);
                true
            }
            None => false,
        }
    }

    /// What a device has read, oldest first, where that is kept.
    pub(crate) fn read_by(&self, device: usize) -> &[String] {
        &self.read[device]
    }

    /// Whether a device's hello has been answered on its present connection.
    pub(crate) fn is_here(&self, device: usize) -> bool {
        self.devices[device].greeted
    }

    fn users_of(&self, app: AppOf) -> Vec<UserId> {
        let of_app = self.shape.people.iter().filter(|person| person.app == app);
        of_app.map(|person| person.user.clone()).collect()
    }

    /// A device asks a command; the id of its request.
    pub(crate) fn say(&mut self, device: usize, command: Command) -> u64 {
        let (id, text) = self.devices[device].request(command);
        self.counts.commands += 1;
        self.send(device, &text);
        id
    }

    /// Sends a text on the device's present connection.
    fn send(&mut self, device: usize, text: &str) {
        let Some(link) = self.devices[device].link else { return };
        self.record(device, Step::Sent(text));
        let mask = u32::try_from(self.lot(&[2, self.next_event]).next() >> 32).unwrap_or(0);
        self.transmit(link, frame::text(text, mask));
    }

    /// A device reads a text on its present connection.
    fn hear(&mut self, device: usize, text: &str) {
        self.counts.frames += 1;
        self.record(device, Step::Got(text));
        if self.shape.remembers {
            self.read[device].push(text.to_owned());
        }
        let now = self.clock();
        let Reaction { commands, texts, new_calls, connected } =
            self.devices[device].read(text, now);
        self.counts.connections += u64::from(connected);
        let app = self.devices[device].app;
        for call in new_calls {
            if !self.calls.iter().any(|(_, known)| *known == call) {
                self.calls.push((app, call));
            }
        }
        for text in texts {
            self.counts.commands += 1;
            self.send(device, &text);
        }
        for (in_ms, command) in commands {
            self.schedule(in_ms, Event::Say(device, Box::new(command)));
        }
    }

    /// Switches a device on.
    pub(crate) fn switch_on(&mut self, device: DeviceNo, back: Back) {
        let device = usize::from(device);
        let own = &mut self.devices[device];
        own.back = back;
        if !std::mem::replace(&mut own.is_on, true) && own.link.is_none() {
            self.schedule(0, Event::Dial(device));
        }
    }

    /// Closes a device's connection, and keeps it away.
    pub(crate) fn switch_off(&mut self, device: DeviceNo) {
        let device = usize::from(device);
        self.devices[device].is_on = false;
        if let Some(link) = self.devices[device].link {
            self.hang_up(link);
        }
    }

    /// Connects a device once more, over the connection it has.
    pub(crate) fn connect_again(&mut self, device: DeviceNo, back: Back) {
        let device = usize::from(device);
        if self.devices[device].link.is_some() {
            self.devices[device].back = back;
            self.dial(device);
        }
    }

    /// Sends a device's latest request again.
    pub(crate) fn repeat(&mut self, device: DeviceNo) {
        let device = usize::from(device);
        if self.devices[device].greeted
            && let Some(text) = self.devices[device].repeat()
        {
            self.counts.commands += 1;
            self.send(device, &text);
        }
    }

    /// The judge's look after a step.
    fn look(&mut self) {
        if self.broken.is_some() {
            return;
        }
        let now = self.clock();
        if let Some(bad) = self.store.bad_row() {
            self.fail("whole log", bad.to_string());
            return;
        }
        let Some(node) = &self.node else { return };
        let all = node.live_calls();
        let apps = &self.keys;
        let claims = apps.each_ref().map(|app| node.claims(app));
        let of = |app: &AppKey| -> Vec<&Call> {
            all.iter().filter(|call| call.app == *app).map(|call| &**call).collect()
        };
        let live = apps.each_ref().map(of);
        let standing = |(at, app): (usize, _)| Standing {
            app,
            claims: claims[at].as_slice(),
            live: live[at].as_slice(),
        };
        let standings: Vec<_> = apps.iter().enumerate().map(standing).collect();
        if let Err(violation) = self.watch.check_step(&self.histories, now, &standings) {
            self.violated(&violation);
        }
        self.look_at_rooms(&all);
    }
}

fn shown(step: Step<'_>) -> String {
    match step {
        Step::Opened => "opened".to_owned(),
        Step::Sent(text) => format!("→ {text}"),
        Step::Got(text) => format!("← {text}"),
        Step::Lost => "lost".to_owned(),
        Step::Settled => "settled".to_owned(),
    }
}

fn plain(step: Step<'_>) -> (u64, &str) {
    match step {
        Step::Opened => (1, ""),
        Step::Sent(text) => (2, text),
        Step::Got(text) => (3, text),
        Step::Lost => (4, ""),
        Step::Settled => (5, ""),
    }
}
