//! Runs a plan from its beginning to its end.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Once,
};

use bellwire_checker::Limits;
use tokio::runtime::Handle;

use crate::{
    plan::{Fault, Plan, What},
    world::{AppOf, Shape, TENANTS, World, people, tenants},
};

/// How late a deadline may be acted on where nothing is broken, in milliseconds.
const SLACK_MS: u64 = 3_000;

/// How a history went.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// What broke a rule, if anything did.
    pub failure: Option<Failure>,
    /// A number made of every frame, row and time: the same whenever the plan is the same.
    pub fingerprint: u64,
    /// Requests that were made.
    pub commands: u64,
    /// Faults that happened.
    pub faults: u64,
    /// Frames that devices got.
    pub frames: u64,
    /// How often the server died.
    pub crashes: u64,
    /// Offers of media that the server took.
    pub connections: u64,
    /// How many calls ended for which reason.
    pub ends: BTreeMap<String, u64>,
    /// What happened, line by line, where that was asked for.
    pub trace: Vec<String>,
}

/// A broken rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Failure {
    /// The rule's name.
    pub rule: String,
    /// What is wrong, and the frames that show it.
    pub text: String,
}

/// Runs `plan`; `traced` keeps what happened line by line.
pub fn run(plan: &Plan, traced: bool) -> Outcome {
    watch_for_panics();
    PANIC.with_borrow_mut(|panic| *panic = None);
    let mut world = World::new(shape(plan, traced));
    PLAYING.set(true);
    let ran = catch_unwind(AssertUnwindSafe(|| play(&mut world, plan)));
    PLAYING.set(false);
    let panicked = PANIC.with_borrow_mut(Option::take);
    let mut failure = world
        .broken()
        .map(|broken| Failure { rule: broken.rule.clone(), text: broken.text.clone() });
    if let Some(text) = panicked {
        failure = Some(Failure { rule: "no panic".to_owned(), text });
    } else if ran.is_err() && failure.is_none() {
        failure = Some(Failure { rule: "no panic".to_owned(), text: "a panic".to_owned() });
    }
    let counts = world.counts();
    Outcome {
        failure,
        fingerprint: world.fingerprint(),
        commands: counts.commands,
        faults: counts.faults,
        frames: counts.frames,
        crashes: counts.crashes,
        connections: counts.connections,
        ends: world.ends().clone(),
        trace: world.into_lines(),
    }
}

fn shape(plan: &Plan, traced: bool) -> Shape {
    let mut slack_ms = SLACK_MS;
    let mut steady_clock = true;
    for act in &plan.acts {
        match act.what {
            What::Fault(Fault::Crash { down_ms, .. } | Fault::CrashAtCommit { down_ms, .. }) => {
                slack_ms += down_ms;
            }
            // What was decided meanwhile is lost with a crash, and decided again after it.
            What::Fault(Fault::DiskFull { ms } | Fault::SlowCommits { ms, .. }) => slack_ms += ms,
            What::Fault(Fault::ClockJump { ms }) => {
                slack_ms += u64::try_from(ms).unwrap_or(0);
                steady_clock = false;
            }
            _ => {}
        }
    }
    Shape {
        seed: plan.seed,
        people: people(),
        devices_each: 2,
        tenants: tenants(usize::try_from(plan.seed % TENANTS as u64).unwrap_or(0)),
        limits: Limits { slack_ms, steady_clock, complete: true },
        unruly: true,
        media: plan.media,
        traced,
        remembers: false,
    }
}

fn play(world: &mut World, plan: &Plan) {
    for act in &plan.acts {
        world.run_until(act.at);
        if world.broken().is_some() {
            return;
        }
        // A mark that stays the same when other acts are left out.
        let mark = act.at % 1_000;
        world.act(&act.what, mark);
    }
    world.finish();
}

impl World {
    /// Carries an act out now.
    pub(crate) fn act(&mut self, what: &What, mark: u64) {
        let runtime = self.runtime();
        let _inside = runtime.as_ref().map(Handle::enter);
        match what {
            What::Ask { device, ask } => {
                self.ask(usize::from(*device), ask, mark);
            }
            What::On { device, back } => self.switch_on(*device, *back),
            What::Off { device } => self.switch_off(*device),
            What::Again { device, back } => self.connect_again(*device, *back),
            What::Repeat { device } => self.repeat(*device),
            What::Api { bank, ask } => {
                let app = if *bank { AppOf::Bank } else { AppOf::Shop };
                self.ask_api(app, *ask, mark);
            }
            What::Fault(fault) => self.break_it(*fault),
        }
    }
}

thread_local! {
    static PLAYING: Cell<bool> = const { Cell::new(false) };
    static PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Notes what panics on a thread that simulates: the runtime swallows the panics of its tasks.
fn watch_for_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !PLAYING.get() {
                return usual(info);
            }
            let text = info.to_string();
            PANIC.with_borrow_mut(|panic| {
                panic.get_or_insert(text);
            });
        }));
    });
}
