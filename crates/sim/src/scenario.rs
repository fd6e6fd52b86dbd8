//! A history written by hand: who does what, and what each device must see of it.

use bellwire::BadConfiguration;
use bellwire_checker::Limits;
use bellwire_core::{CallId, Timestamp, UserId};
use bellwire_protocol::{
    CallEvent, Command, Reply, ServerEvent, WireError,
    command::{Accept, Hangup, Start},
    reply::StartOk,
};
use tokio::runtime::Handle;

use crate::{
    plan::{Back, DeviceNo, Fault},
    run::Failure,
    world::{AppOf, Person, Shape, World, configured, device_id},
};

/// How long an answer may take, in milliseconds.
const ANSWER_MS: u64 = 10_000;
/// How much later than due a deadline may be acted on; a server that is down adds its own.
const SLACK_MS: u64 = 60_000;

/// A device of a scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Device(usize);

/// A small world to try an app in: the real server, and devices that do as they are told. What they
/// do by themselves is what a good SDK does: they say that they ring, confirm that they stopped,
/// come back when their connection is lost, and go on where they were.
///
/// Time is virtual: a minute takes as long as what happens in it.
pub struct Scenario {
    world: World,
    users: Vec<UserId>,
    devices_each: usize,
    /// By device: how far what it read has been looked at.
    looked: Vec<usize>,
}

/// Why a scenario did not go as written.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// A user's name is none, or is not in the scenario.
    #[error("{0:?} is no user of this scenario")]
    User(String),
    /// The settings are none.
    #[error(transparent)]
    Settings(#[from] BadConfiguration),
    /// The device is not connected.
    #[error("{0} is not connected")]
    Away(String),
    /// The server said no.
    #[error("{device} was refused `{command}`: {error}")]
    Refused {
        /// Who asked.
        device: String,
        /// What.
        command: &'static str,
        /// What the server said.
        error: Box<WireError>,
    },
    /// The server did not answer.
    #[error("{device} got no answer to `{command}`")]
    Unanswered {
        /// Who asked.
        device: String,
        /// What.
        command: &'static str,
    },
    /// A device did not see what it should have.
    #[error(
        "{device} did not see `{event}` within {within_ms} ms; since the last look it saw: {seen}"
    )]
    NotSeen {
        /// Who.
        device: String,
        /// What it should have seen.
        event: String,
        /// How long it was waited for, in milliseconds.
        within_ms: u64,
        /// What it saw instead.
        seen: String,
    },
    /// A rule of the server was broken.
    #[error(transparent)]
    Broken(#[from] Failure),
}

impl Scenario {
    /// A world of these users with `devices_each` devices each, up to four, which are all switched
    /// on. `calls` are settings as they stand below `[calls]` in a configuration.
    pub fn new(
        seed: u64,
        users: &[&str],
        devices_each: usize,
        calls: &str,
    ) -> Result<Self, ScenarioError> {
        let name =
            |user: &&str| UserId::parse(user).map_err(|_| ScenarioError::User((*user).to_owned()));
        let users: Vec<UserId> = users.iter().map(name).collect::<Result<_, _>>()?;
        let devices_each = devices_each.clamp(1, 4);
        let person = |user: &UserId| Person { app: AppOf::Shop, user: user.clone() };
        let shape = Shape {
            seed,
            people: users.iter().map(person).collect(),
            devices_each,
            tenants: configured(calls)?,
            limits: Limits { slack_ms: SLACK_MS, steady_clock: true, complete: true },
            unruly: false,
            media: false,
            traced: true,
            remembers: true,
        };
        let looked = vec![0; users.len() * devices_each];
        let mut scenario = Self { world: World::new(shape), users, devices_each, looked };
        for device in 0..scenario.looked.len() {
            scenario.world.switch_on(number(device), Back::Resume);
        }
        let until = scenario.world.now() + ANSWER_MS;
        let all = scenario.looked.len();
        scenario.world.run(until, &mut |world| (0..all).all(|device| world.is_here(device)));
        scenario.whole()?;
        Ok(scenario)
    }

    /// The device number `number`, from 0, of a user.
    pub fn device(&self, user: &str, number: usize) -> Result<Device, ScenarioError> {
        let at = self.users.iter().position(|known| known.as_str() == user);
        match at.filter(|_| number < self.devices_each) {
            Some(at) => Ok(Device(at * self.devices_each + number)),
            None => Err(ScenarioError::User(user.to_owned())),
        }
    }

    /// A device asks a command; the server's answer.
    pub fn ask(&mut self, device: Device, command: Command) -> Result<Reply, ScenarioError> {
        let (who, name) = (self.name(device), command.name());
        if !self.world.is_here(device.0) {
            return Err(ScenarioError::Away(who));
        }
        let before = self.world.read_by(device.0).len();
        let id = self.inside(|world| world.say(device.0, command));
        let answer = |world: &World| {
            let new = world.read_by(device.0).get(before..).unwrap_or_default();
            new.iter()
                .filter_map(|text| serde_json::from_str::<Reply>(text).ok())
                .find(|r| r.id == id)
        };
        let until = self.world.now() + ANSWER_MS;
        self.world.run(until, &mut |world| answer(world).is_some());
        self.whole()?;
        match answer(&self.world) {
            Some(Reply { error: Some(error), .. }) => {
                Err(ScenarioError::Refused { device: who, command: name, error })
            }
            Some(reply) => Ok(reply),
            None => Err(ScenarioError::Unanswered { device: who, command: name }),
        }
    }

    /// A device calls these users.
    pub fn start(&mut self, device: Device, to: &[&str]) -> Result<CallId, ScenarioError> {
        let mut start = Start::default();
        for user in to {
            let user = UserId::parse(user).map_err(|_| ScenarioError::User((*user).to_owned()))?;
            start.to.push(user.into());
        }
        let reply = self.ask(device, Command::Start(Box::new(start)))?;
        let ok = reply.ok.and_then(|body| body.read::<StartOk>().ok());
        ok.map(|ok| ok.call).ok_or_else(|| ScenarioError::Unanswered {
            device: self.name(device),
            command: "call.start",
        })
    }

    /// A device answers a call that rings.
    pub fn accept(&mut self, device: Device, call: CallId) -> Result<(), ScenarioError> {
        let accept = Accept { call, note: bellwire_core::Note::default(), media: None };
        self.ask(device, Command::Accept(accept)).map(drop)
    }

    /// A device hangs up.
    pub fn hang_up(&mut self, device: Device, call: CallId) -> Result<(), ScenarioError> {
        let hangup = Hangup { call, note: bellwire_core::Note::default() };
        self.ask(device, Command::Hangup(hangup)).map(drop)
    }

    /// Waits until a device sees an event of a call by this name (`call.ringing`), looking at what
    /// it has read since the last look; fails after `within_ms` milliseconds.
    pub fn see(
        &mut self,
        device: Device,
        event: &str,
        within_ms: u64,
    ) -> Result<CallEvent, ScenarioError> {
        let from = self.looked[device.0];
        let quoted = format!("{{\"ev\":\"{event}\"");
        let find = |world: &World| {
            let new = world.read_by(device.0).get(from..).unwrap_or_default();
            new.iter().position(|text| text.starts_with(&quoted))
        };
        let until = self.world.now() + within_ms;
        self.world.run(until, &mut |world| find(world).is_some());
        self.whole()?;
        let found = find(&self.world);
        let event_of =
            |at: usize| match ServerEvent::parse(&self.world.read_by(device.0)[from + at]) {
                Ok(ServerEvent::Call(event)) => Some(event),
                Ok(_) | Err(_) => None,
            };
        match found.and_then(|at| Some((at, event_of(at)?))) {
            Some((at, event)) => {
                self.looked[device.0] = from + at + 1;
                Ok(*event)
            }
            None => Err(ScenarioError::NotSeen {
                device: self.name(device),
                event: event.to_owned(),
                within_ms,
                seen: self.world.read_by(device.0)[from..].join("\n  "),
            }),
        }
    }

    /// Lets time pass.
    pub fn wait(&mut self, ms: u64) -> Result<(), ScenarioError> {
        let until = self.world.now() + ms;
        self.world.run_until(until);
        self.whole()
    }

    /// A device's network is gone. Neither it nor the server is told.
    pub fn lose_network(&mut self, device: Device) {
        self.inside(|world| world.lose_network(device.0));
    }

    /// A device's network is back; it connects anew.
    pub fn find_network(&mut self, device: Device) {
        self.inside(|world| world.find_network(device.0));
    }

    /// The server's process dies at once, and is started again after `down_ms` milliseconds.
    pub fn kill_server(&mut self, down_ms: u64) {
        self.inside(|world| world.break_it(Fault::Crash { after_polls: 0, down_ms }));
    }

    /// What the server's clock says.
    pub fn clock(&self) -> Timestamp {
        self.world.clock()
    }

    /// Heals what is broken, brings everybody back, ends what runs, and judges the whole history;
    /// the lines of all that happened.
    pub fn finish(mut self) -> Result<Vec<String>, ScenarioError> {
        self.world.finish();
        self.whole()?;
        Ok(self.world.into_lines())
    }

    fn inside<T>(&mut self, act: impl FnOnce(&mut World) -> T) -> T {
        let runtime = self.world.runtime();
        let _inside = runtime.as_ref().map(Handle::enter);
        act(&mut self.world)
    }

    fn whole(&self) -> Result<(), ScenarioError> {
        match self.world.broken() {
            Some(broken) => {
                Err(Failure { rule: broken.rule.clone(), text: broken.text.clone() }.into())
            }
            None => Ok(()),
        }
    }

    fn name(&self, device: Device) -> String {
        let user = &self.users[device.0 / self.devices_each];
        format!("{user}'s {}", device_id(device.0 % self.devices_each))
    }
}

fn number(device: usize) -> DeviceNo {
    DeviceNo::try_from(device).unwrap_or(DeviceNo::MAX)
}
