//! The way to a violation, told with the same names from beginning to end.

use std::fmt;

use super::{
    Scope,
    canon::{self, Canon},
    cast::Cast,
    search::{Property, guarded},
    step::{Step, steps},
    violation::Violation,
    world::World,
};

/// What happened, step by step, until a rule did not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Story {
    /// The steps from the beginning, each as a sentence.
    pub steps: Vec<String>,
    /// The rule that does not hold then.
    pub violation: Violation,
}

impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "everybody is connected and nobody calls; then")?;
        for (number, step) in (1..).zip(&self.steps) {
            writeln!(f, "{number:>3}. {step}")?;
        }
        write!(f, "     {}", self.violation)
    }
}

/// Follows `path`, which names the steps of canonical worlds, in a world in which everybody keeps
/// their name: there, the step is taken that leads to the same canonical world.
pub(crate) fn story(
    scope: Scope,
    path: &[u16],
    last: Option<u16>,
    violation: &Violation,
    property: Property,
) -> Story {
    let cast = Cast::of(scope.users, scope.devices);
    let mut canon = Canon::new(&cast);
    let mut told = Vec::with_capacity(path.len() + 1);
    let mut canonical = World::beginning(&cast, scope);
    let mut real = canonical.clone();
    for &nth in path {
        let Some(next) = nth_step(&canonical, nth).and_then(|step| taken(&canonical, step)) else {
            break;
        };
        let bytes = canon.of(&next).to_vec();
        let mut ways =
            steps(&real).into_iter().filter_map(|step| Some((step, taken(&real, step)?)));
        let Some((step, after)) = ways.find(|(_, after)| canon.of(after) == bytes) else { break };
        told.push(step.to_string());
        let Some(world) = canon::world(&cast, scope, &bytes) else { break };
        (canonical, real) = (world, after);
    }
    let Some(last) = last else {
        // With the names of the story, where the property finds the same in it.
        let seen = guarded(|| property(&real)).err().filter(|seen| seen.rule == violation.rule);
        return Story { steps: told, violation: seen.unwrap_or_else(|| violation.clone()) };
    };
    let fails = |step: Step| {
        let seen = guarded(|| real.after(step)).err()?;
        (seen.rule == violation.rule).then_some((step, seen))
    };
    let Some((step, seen)) = steps(&real).into_iter().find_map(fails) else {
        told.extend(nth_step(&canonical, last).map(|step| step.to_string()));
        return Story { steps: told, violation: violation.clone() };
    };
    told.push(step.to_string());
    Story { steps: told, violation: seen }
}

fn nth_step(world: &World<'_>, nth: u16) -> Option<Step> {
    steps(world).get(usize::from(nth)).copied()
}

fn taken<'c>(world: &World<'c>, step: Step) -> Option<World<'c>> {
    guarded(|| world.after(step)).ok().flatten()
}
