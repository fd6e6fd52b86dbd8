//! Alice calls bob; bob's phone answers and drives into a tunnel; the server dies meanwhile. Both
//! hear of the same end, whatever happened between.
//!
//! `cargo run -p bellwire-sim --example tunnel`

use bellwire_sim::{Scenario, ScenarioError};

fn main() -> Result<(), ScenarioError> {
    for line in tunnel()? {
        println!("{line}");
    }
    Ok(())
}

/// The scenario; the lines of all that happened in it.
pub(crate) fn tunnel() -> Result<Vec<String>, ScenarioError> {
    // The seed fixes every id and every delay; grace is how long a lost participant may stay away.
    let mut scenario = Scenario::new(1, &["alice", "bob"], 2, "ring_time_s = 30\ngrace_s = 15")?;
    let alice = scenario.device("alice", 0)?;
    let (phone, web) = (scenario.device("bob", 0)?, scenario.device("bob", 1)?);

    let call = scenario.start(alice, &["bob"])?;
    scenario.see(phone, "call.invited", 100)?;
    scenario.see(web, "call.invited", 100)?;
    scenario.see(alice, "call.ringing", 100)?;

    scenario.accept(phone, call)?;
    scenario.see(alice, "call.started", 100)?;
    scenario.see(web, "call.elsewhere", 100)?;

    // In a call a device is pinged every five seconds, and two misses are a loss.
    scenario.lose_network(phone);
    scenario.see(alice, "call.dropped", 16_000)?;
    scenario.find_network(phone);
    scenario.see(alice, "call.restored", 5_000)?;

    // The call outlives the server's process.
    scenario.kill_server(2_000);
    scenario.wait(10_000)?;
    scenario.hang_up(alice, call)?;
    scenario.see(phone, "call.ended", 1_000)?;

    scenario.finish()
}
