//! The search: level by level, every world is checked and every step of it taken.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    thread,
};

use super::{
    Bounds, Scope,
    canon::{self, Canon},
    cast::Cast,
    invariants,
    seen::{Print, Seen},
    step::steps,
    story::{Story, story},
    violation::Violation,
    world::World,
};

/// How many worlds are expanded before what they led to is put together. Few enough that the
/// successors stay in the cache, many enough that starting threads costs nothing.
const BATCH: usize = 8_192;

/// What is checked of each world.
pub(crate) type Property = fn(&World<'_>) -> Result<(), Violation>;

/// How far a search is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level {
    /// Steps from the beginning to the worlds that are being looked at.
    pub depth: u32,
    /// Worlds met so far.
    pub states: u32,
    /// Steps taken so far that changed anything.
    pub steps: u64,
    /// Worlds of this depth.
    pub frontier: usize,
    /// How many of those have been looked at.
    pub done: usize,
}

/// How a search ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Where it stopped.
    pub level: Level,
    /// Whether there is nothing beyond.
    pub closed: bool,
    /// The shortest way to a rule that does not hold.
    pub broken: Option<Story>,
}

/// Searches the worlds of `scope`; `progress` is told from time to time how far it is.
pub fn check(scope: Scope, bounds: Bounds, progress: &mut dyn FnMut(Level)) -> Outcome {
    search(scope, bounds, invariants::check, progress)
}

/// Worlds as bytes, one after the other.
#[derive(Debug, Default)]
struct Worlds {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Worlds {
    fn push(&mut self, world: &[u8]) {
        self.bytes.extend_from_slice(world);
        self.ends.push(self.bytes.len());
    }

    fn get(&self, place: usize) -> &[u8] {
        let from = place.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[from..self.ends[place]]
    }
}

/// What some worlds lead to that was not met before.
#[derive(Debug, Default)]
struct Found {
    worlds: Worlds,
    /// Of each, its print, the place of the world it came from, and the step.
    arrivals: Vec<(Print, usize, u16)>,
    steps: u64,
    broken: Option<Broken>,
}

/// A rule does not hold in the world at this place, or in the step taken there.
#[derive(Debug)]
struct Broken {
    place: usize,
    step: Option<u16>,
    violation: Violation,
}

pub(crate) fn search(
    scope: Scope,
    bounds: Bounds,
    property: Property,
    progress: &mut dyn FnMut(Level),
) -> Outcome {
    let cast = Cast::of(scope.users, scope.devices);
    let mut frontier = Worlds::default();
    let beginning = Canon::new(&cast).of(&World::beginning(&cast, scope)).to_vec();
    frontier.push(&beginning);
    let mut seen = Seen::new(Print::of(&beginning));
    let (mut depth, mut taken, mut first) = (0, 0, 0);
    loop {
        let mut next = Worlds::default();
        let next_first = seen.len();
        let count = frontier.ends.len();
        for from in (0..count).step_by(BATCH) {
            let batch = from..count.min(from + BATCH);
            let done = batch.end;
            for found in expand(&frontier, batch, &seen, scope, bounds.threads, property) {
                taken += found.steps;
                for (i, (print, place, step)) in found.arrivals.into_iter().enumerate() {
                    if seen.insert(print, first + number(place), step) {
                        next.push(found.worlds.get(i));
                    }
                }
                if let Some(broken) = found.broken {
                    let path = seen.path(first + number(broken.place));
                    let level = level(depth, &seen, taken, count, done);
                    let told = story(scope, &path, broken.step, &broken.violation, property);
                    return Outcome { level, closed: false, broken: Some(told) };
                }
            }
            progress(level(depth, &seen, taken, count, done));
            if seen.len() >= bounds.states {
                let level = level(depth, &seen, taken, count, done);
                return Outcome { level, closed: false, broken: None };
            }
        }
        let reached = level(depth, &seen, taken, count, count);
        let closed = next.ends.is_empty();
        if closed || bounds.depth.is_some_and(|most| depth >= most) {
            return Outcome { level: reached, closed, broken: None };
        }
        depth += 1;
        (frontier, first) = (next, next_first);
    }
}

fn level(depth: u32, seen: &Seen, steps: u64, frontier: usize, done: usize) -> Level {
    Level { depth, states: seen.len(), steps, frontier, done }
}

/// Places are within a frontier, whose worlds are numbered in 32 bits.
fn number(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}

/// Looks at the worlds of `batch`, shared out among threads; what they find comes in order.
fn expand(
    frontier: &Worlds,
    batch: std::ops::Range<usize>,
    seen: &Seen,
    scope: Scope,
    threads: usize,
    property: Property,
) -> Vec<Found> {
    let share = batch.len().div_ceil(threads.max(1)).max(64);
    let parts: Vec<_> = batch.clone().step_by(share).collect();
    let work = |from: usize| {
        let part = from..batch.end.min(from + share);
        look(frontier, part, seen, scope, property)
    };
    if parts.len() == 1 {
        return vec![work(batch.start)];
    }
    thread::scope(|scope| {
        let workers: Vec<_> = parts.iter().map(|&from| scope.spawn(move || work(from))).collect();
        // Panics of the rules are caught within; one beyond that is passed on.
        workers
            .into_iter()
            .map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    })
}

fn look(
    frontier: &Worlds,
    part: std::ops::Range<usize>,
    seen: &Seen,
    scope: Scope,
    property: Property,
) -> Found {
    let cast = Cast::of(scope.users, scope.devices);
    let mut canon = Canon::new(&cast);
    let mut found = Found::default();
    for place in part {
        let Some(world) = canon::world(&cast, scope, frontier.get(place)) else {
            let violation = Violation::of("canon", "the bytes of a world are not read back");
            found.broken = Some(Broken { place, step: None, violation });
            return found;
        };
        if let Err(violation) = guarded(|| property(&world)) {
            found.broken = Some(Broken { place, step: None, violation });
            return found;
        }
        for (nth, step) in (0_u16..).zip(steps(&world)) {
            match guarded(|| world.after(step)) {
                Ok(None) => {}
                Ok(Some(next)) => {
                    found.steps += 1;
                    let bytes = canon.of(&next);
                    let print = Print::of(bytes);
                    if !seen.contains(print) {
                        found.worlds.push(bytes);
                        found.arrivals.push((print, place, nth));
                    }
                }
                Err(violation) => {
                    found.broken = Some(Broken { place, step: Some(nth), violation });
                    return found;
                }
            }
        }
    }
    found
}

/// A panic of the rules is a violation like any other.
pub(crate) fn guarded<T>(act: impl FnOnce() -> Result<T, Violation>) -> Result<T, Violation> {
    catch_unwind(AssertUnwindSafe(act)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
        Err(Violation::of("panic", text))
    })
}
