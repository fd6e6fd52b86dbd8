//! The check itself is checked: it finds what is wrong, and merges only what is alike.

use std::collections::BTreeSet;

use bellwire_core::{Call, Event, Kind, Media, Note, Phase, Reason, Refused};

use super::{
    Bounds, Scope,
    append::append,
    canon::{self, Canon},
    cast::{Cast, DeviceNo, UserNo},
    check,
    search::search,
    step::{Step, steps},
    violation::Violation,
    world::World,
};

const TWO: Scope = Scope { users: 2, devices: 2, calls: 1, max_time: false, routed: false };

fn bounds(depth: u32) -> Bounds {
    Bounds { depth: Some(depth), states: u32::MAX, threads: 2 }
}

/// Small enough for every run of the tests; `cargo xtask model` goes further.
#[test]
fn every_rule_holds_in_every_short_history() {
    let scopes = [
        (TWO, 2),
        (Scope { devices: 1, calls: 2, max_time: true, ..TWO }, 1),
        (Scope { users: 3, devices: 1, ..TWO }, 1),
    ];
    for (scope, depth) in scopes {
        let outcome = check(scope, bounds(depth), &mut |_| {});
        assert_eq!(outcome.broken.map(|story| story.to_string()), None);
    }
}

#[test]
fn the_outcome_is_the_same_with_any_number_of_threads() {
    let scope = Scope { devices: 1, ..TWO };
    let outcome = |threads| check(scope, Bounds { threads, ..bounds(2) }, &mut |_| {});
    assert_eq!(outcome(1), outcome(3));
}

/// Pretends that nobody must ever talk, while someone is away.
fn nobody_talks_to_one_who_dropped(world: &World<'_>) -> Result<(), Violation> {
    let talks = |call: &&Call| call.phase == Phase::Active && call.next_deadline().is_some();
    match world.calls.iter().find(talks) {
        Some(_) => Err(Violation::of("I0", "somebody talks to one who dropped")),
        None => Ok(()),
    }
}

#[test]
fn a_violation_comes_with_the_shortest_way_to_it() {
    let outcome = search(TWO, bounds(9), nobody_talks_to_one_who_dropped, &mut |_| {});
    let story = outcome.broken.expect("it is found");
    assert_eq!(story.violation.rule, "I0");
    assert_eq!(story.steps.len(), 3, "{story}");
    assert!(story.steps[0].contains("starts a"), "{story}");
    let drops = ["loses", "reconnects", "restarts"];
    assert!(story.steps.iter().any(|step| drops.iter().any(|d| step.contains(d))), "{story}");
}

/// What an append of `events` to an unanswered direct call from alice to bob breaks.
fn broken_by(events: impl FnOnce(&Cast) -> Vec<Event>) -> &'static str {
    let cast = Cast::of(2, 2);
    let world = World::beginning(&cast, TWO);
    let is_start = |step: &Step| matches!(step, Step::Start { .. });
    let start = steps(&world).into_iter().find(is_start).unwrap();
    let call = world.after(start).unwrap().unwrap().calls.remove(0);
    assert_eq!((call.kind, call.caller.as_str()), (Kind::Direct, "alice"));
    append(&cast, Some(call), events(&cast), world.now, None).expect_err("it is found").rule
}

#[test]
fn appends_that_break_a_rule_are_found() {
    let (alice, bob) = (UserNo(0), UserNo(1));
    let first = |user| DeviceNo { user, nth: 0 };
    let rejected = |cast: &Cast| Event::Rejected {
        user: cast.user(bob).clone(),
        device: Some(cast.device(first(bob)).clone()),
        reason: Refused::Rejected,
        code: Reason::Rejected.code(),
        cause: None,
        note: Note::default(),
    };
    let ended = |reason: Reason| Event::Ended {
        reason,
        code: reason.code(),
        by: None,
        cause: None,
        note: Note::default(),
    };
    let accepted = |cast: &Cast, device| Event::Accepted {
        user: cast.user(bob).clone(),
        device: cast.device(device).clone(),
        media: Media::Video,
        note: Note::default(),
    };

    // The device that refused is never told that the call is over.
    assert_eq!(broken_by(|cast| vec![rejected(cast)]), "I3");
    // One side hears of a refusal, the other of a good end.
    assert_eq!(broken_by(|cast| vec![rejected(cast), ended(Reason::Completed)]), "I4");
    // The callee is still invited when the call is over.
    assert_eq!(broken_by(|_| vec![ended(Reason::Canceled)]), "I3");
    // Something happens after the end.
    let after = |cast: &Cast| vec![rejected(cast), ended(Reason::Rejected), Event::Started];
    assert_eq!(broken_by(after), "I6");
    // Somebody answers with a device that is not theirs.
    assert_eq!(broken_by(|cast| vec![accepted(cast, first(alice))]), "I5");
    // A second device answers, and the first is not told.
    let second = DeviceNo { user: bob, nth: 1 };
    let never = |cast: &Cast| vec![accepted(cast, first(bob)), accepted(cast, second)];
    assert_eq!(broken_by(never), "I3");
}

/// Numbers that look random and are the same in every run (xorshift).
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % most as u64).unwrap()
    }
}

/// Where a world can go to, and what the check says of the steps that break a rule.
fn ways(world: &World<'_>, canon: &mut Canon) -> BTreeSet<Vec<u8>> {
    let steps = steps(world).into_iter();
    steps.filter_map(|step| world.after(step).unwrap().map(|w| canon.of(&w).to_vec())).collect()
}

#[test]
fn worlds_with_the_same_bytes_can_go_to_the_same_worlds() {
    let scopes = [
        Scope { calls: 2, max_time: true, ..TWO },
        Scope { users: 3, devices: 1, calls: 2, max_time: false, routed: false },
    ];
    let mut dice = Dice(0x5eed_be11);
    for scope in scopes {
        let cast = Cast::of(scope.users, scope.devices);
        let mut canon = Canon::new(&cast);
        for _ in 0..3 {
            let mut world = World::beginning(&cast, scope);
            for _ in 0..9 {
                let bytes = canon.of(&world).to_vec();
                let read = canon::world(&cast, scope, &bytes).unwrap();
                assert_eq!(canon.of(&read), bytes, "what is written is read");
                // Not `assert_eq!`: hundreds of worlds would be printed.
                let same = ways(&world, &mut canon) == ways(&read, &mut canon);
                assert!(same, "{:?} is not {:?}", world.calls, read.calls);
                let next: Vec<_> = steps(&world)
                    .into_iter()
                    .filter_map(|step| world.after(step).unwrap())
                    // Live calls are what there is to see.
                    .filter(|next| !next.calls.is_empty())
                    .collect();
                let Some(next) = (!next.is_empty()).then(|| next[dice.below(next.len())].clone())
                else {
                    break;
                };
                world = next;
            }
        }
    }
}
