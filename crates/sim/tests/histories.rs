//! Simulated histories against the real server:
//!
//! 1. a bounded number of seeds breaks no rule, and calls end in all ways there are;
//! 2. the same seed twice is the same history, to the last byte;
//! 3. every history that once broke a rule breaks none now;
//! 4. histories are as full as they are said to be; media is connected where the server routes it.

use std::{fs, path::Path, time::Duration};

use bellwire_sim::{Campaign, Plan, run};

/// So many seeds take a quarter of a minute with debug assertions on; `cargo xtask sim` plays as
/// many as wanted, faster.
const SEEDS: u64 = 120;

#[test]
fn histories_break_no_rule() {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let campaign = Campaign { from: 1_000_000, seeds: SEEDS, threads, stop: true };
    let mut last = None;
    let failed =
        campaign.run(Duration::from_hours(1), &mut |progress| last = Some(progress.clone()));
    let broken = failed.iter().map(|(seed, outcome)| (seed, &outcome.failure)).next();
    assert!(broken.is_none(), "`bellwire-sim run --seed` shows what breaks a rule: {broken:?}");
    let last = last.expect("a report at the end");
    assert!(last.commands > SEEDS * 200, "{last}");
    assert!(last.faults > SEEDS * 10, "{last}");
    assert!(last.crashes > SEEDS / 2, "{last}");
    for reason in [
        "completed",
        "canceled",
        "offline",
        "busy",
        "rejected",
        "timeout",
        "disconnected",
        "killed",
    ] {
        assert!(last.ends.contains_key(reason), "no call ended {reason}: {}", last.ends());
    }
}

#[test]
fn the_same_seed_is_the_same_history() {
    for seed in [1, 2, 3] {
        let plan = Plan::from_seed(seed);
        let (one, two) = (run(&plan, true), run(&plan, true));
        for (at, (one, two)) in one.trace.iter().zip(&two.trace).enumerate() {
            assert_eq!(one, two, "seed {seed}, line {at}");
        }
        assert_eq!(one.fingerprint, two.fingerprint, "seed {seed}");
        assert_eq!(one.frames, two.frames, "seed {seed}");
    }
    for seed in 4..12 {
        let plan = Plan::from_seed(seed);
        assert_eq!(run(&plan, false).fingerprint, run(&plan, false).fingerprint, "seed {seed}");
    }
    let other = run(&Plan::from_seed(4), false);
    assert_ne!(run(&Plan::from_seed(5), false).fingerprint, other.fingerprint);
}

#[test]
fn what_once_broke_a_rule_breaks_none_now() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("regressions");
    let mut played = 0;
    for entry in fs::read_dir(folder).expect("the folder of regressions") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let text = fs::read_to_string(&path).expect("a plan");
        let plan: Plan = serde_json::from_str(&text).expect("a plan");
        let outcome = run(&plan, false);
        assert!(outcome.failure.is_none(), "{}: {:?}", path.display(), outcome.failure);
        played += 1;
    }
    assert!(played > 0, "no regression was played");
}

#[test]
fn media_is_connected_where_the_server_routes_it() {
    let [mut routed, mut external] = [(0, 0); 2];
    for seed in 20..32 {
        let plan = Plan::from_seed(seed);
        let (plans, connections) = if plan.media { &mut routed } else { &mut external };
        *plans += 1;
        *connections += run(&plan, false).connections;
    }
    assert!(routed.0 > 0 && routed.1 > 5 * routed.0, "{routed:?}");
    assert!(external.0 > 0 && external.1 == 0, "{external:?}");
}

#[test]
fn a_plan_without_its_acts_is_an_empty_history() {
    let empty = run(&Plan::from_seed(7).keep(&[]), false);
    assert!(empty.failure.is_none(), "{:?}", empty.failure);
    assert_eq!(empty.faults, 0);
}
