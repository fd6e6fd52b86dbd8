//! From a history that breaks a rule to the shortest that still breaks it.

use crate::{
    plan::Plan,
    run::{Failure, run},
};

/// The shortest plan that was found to break the same rule as `failure`, by leaving out ever
/// smaller parts of `plan` until none can be left out any more.
pub fn shrink(plan: &Plan, failure: &Failure) -> Plan {
    let breaks = |places: &[usize]| {
        run(&plan.keep(places), false).failure.is_some_and(|found| found.rule == failure.rule)
    };
    let mut places: Vec<usize> = (0..plan.len()).collect();
    let mut part = places.len() / 2;
    while part > 0 {
        let mut at = 0;
        let mut left_out = false;
        while at < places.len() {
            let rest = without(&places, at, part);
            if breaks(&rest) {
                (places, left_out) = (rest, true);
            } else {
                at += part;
            }
        }
        // Single acts are gone over until each that is left is needed.
        if part > 1 || !left_out {
            part /= 2;
        }
    }
    plan.keep(&places)
}

fn without(places: &[usize], at: usize, count: usize) -> Vec<usize> {
    let end = (at + count).min(places.len());
    places[..at].iter().chain(&places[end..]).copied().collect()
}
