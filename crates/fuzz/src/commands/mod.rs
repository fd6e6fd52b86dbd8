//! Target `commands`: sequences of commands over the pure core.

mod rules;
mod step;

use arbitrary::{Arbitrary, Unstructured};
use bellwire_core::{Policy, Settings, Who};

use rules::{World, check_end, check_step};
use step::Step;

/// Whose devices act; each has two.
const USERS: [&str; 4] = ["alice", "bob", "carol", "dave"];
/// More steps teach nothing new, and each costs a look at everything.
const STEPS: usize = 160;
/// Past every deadline there can be: the longest ring and reach times, the grace, an audit.
const LONG_S: u64 = 4 * 600;

/// Times and policy of an app, within what its configuration may say.
#[derive(Debug, Arbitrary)]
struct Ground {
    ring_s: u16,
    reach_s: u16,
    ack_s: Option<u16>,
    grace_s: u16,
    max_s: Option<u16>,
    group_size: u8,
    policy: u8,
}

/// Decodes to the settings of an app and steps of four users, two devices each.
///
/// The invariants I1 to I7 hold after every step and when everybody has gone: the log adds up to
/// the call, survives being written, and ends every stay it began.
pub fn commands(data: &[u8]) {
    let mut data = Unstructured::new(data);
    let Ok(ground) = Ground::arbitrary(&mut data) else { return };
    let mut world = World::of(&USERS);
    world.settings = ground.settings();
    for _ in 0..STEPS {
        if data.is_empty() {
            break;
        }
        let Ok(step) = Step::arbitrary(&mut data) else { break };
        step.take(&mut world);
        // Where the grace is none at all, a step leaves what is due at once.
        world.pass_ms(0);
        check_step(&world);
    }
    world.online.clear();
    world.pass_s(LONG_S);
    check_step(&world);
    check_end(&world);
}

impl Ground {
    fn settings(&self) -> Settings {
        let within = |s: u16, least: u64, most: u64| 1000 * (least + u64::from(s) % (most - least));
        let who = |n: u8| match n % 3 {
            0 => Who::Caller,
            1 => Who::Joined,
            _ => Who::Invited,
        };
        Settings {
            ring_ms: within(self.ring_s, 5, 601),
            reach_ms: within(self.reach_s, 0, 601),
            ack_ms: self.ack_s.map(|s| within(s, 1, 601)),
            grace_ms: within(self.grace_s, 0, 601),
            max_ms: self.max_s.map(|s| within(s, 1, 3_600)),
            group_size: usize::from(self.group_size % 7) + 2,
            policy: Policy {
                invite: who(self.policy),
                join: who(self.policy / 3),
                end: who(self.policy / 9),
            },
            ..Settings::default()
        }
    }
}
