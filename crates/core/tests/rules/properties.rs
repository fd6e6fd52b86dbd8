//! Random histories of four users with two devices each keep the invariants I1 to I8.
//!
//! I6 is looked at as far as calls go (the log is what a record is made from).

mod invariants;
mod step;

use bellwire_core::Settings;
use proptest::prelude::*;

use super::support::World;
use invariants::{check_end, check_step};
use step::step;

const USERS: [&str; 4] = ["alice", "bob", "carol", "dave"];

fn world(app: &str) -> World {
    let mut w = World::in_app(app, &USERS);
    // Short times make deadlines and commands meet often.
    w.settings = Settings {
        ring_ms: 20_000,
        ack_ms: Some(12_000),
        max_ms: Some(90_000),
        group_size: 4,
        ..Settings::default()
    };
    w
}

/// Everybody goes away and time passes until nothing can be left.
fn run_out(w: &mut World) {
    w.online.clear();
    // The longest call, the flap window, an audit and the grace are all over by then.
    w.pass_s(600);
    check_step(w);
    check_end(w);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn i1_to_i7_hold_over_random_histories(steps in prop::collection::vec(step(), 200..240)) {
        let mut w = world("app");
        for step in &steps {
            step.take(&mut w);
            check_step(&w);
        }
        run_out(&mut w);
    }

    #[test]
    fn i8_apps_with_the_same_names_never_meet(
        steps in prop::collection::vec((any::<bool>(), step()), 200..240)
    ) {
        let (mut red, mut blue) = (world("red"), world("blue"));
        for (in_red, step) in &steps {
            step.take(if *in_red { &mut red } else { &mut blue });
        }
        // Alone, red lives through the very same history, and no call is in the other's hands.
        let mut alone = world("red");
        for (_, step) in steps.iter().filter(|(in_red, _)| *in_red) {
            step.take(&mut alone);
        }
        prop_assert_eq!(&red.calls, &alone.calls);
        for (w, app) in [(&red, "red"), (&blue, "blue")] {
            prop_assert!(w.calls.values().all(|s| s.call.app.as_str() == app));
        }
        run_out(&mut red);
        run_out(&mut blue);
    }
}

/// The random histories would prove little if they never got anywhere.
#[test]
fn random_histories_reach_every_outcome() {
    use proptest::{strategy::ValueTree, test_runner::TestRunner};
    let mut runner = TestRunner::deterministic();
    let mut reasons = std::collections::BTreeSet::new();
    let mut events = std::collections::BTreeSet::new();
    for _ in 0..100 {
        let steps = prop::collection::vec(step(), 240).new_tree(&mut runner).unwrap().current();
        let mut w = world("app");
        for step in &steps {
            step.take(&mut w);
        }
        for stored in w.calls.values() {
            reasons.extend(stored.call.ended.as_ref().map(|o| format!("{:?}", o.reason)));
            events.extend(stored.log.iter().map(|e| {
                let value = serde_json::to_value(&e.event).unwrap();
                value["type"].as_str().unwrap().to_owned()
            }));
        }
    }
    let all = [
        "Busy",
        "Canceled",
        "Completed",
        "Denied",
        "Disconnected",
        "Killed",
        "Offline",
        "Rejected",
        "Timeout",
    ];
    assert_eq!(reasons.iter().map(|r| &**r).collect::<Vec<_>>(), all);
    assert_eq!(events.len(), 22, "every kind of event: {events:?}");
}
