//! `bellwire-sim model`.

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use bellwire_sim::model::{self, Bounds, DEVICES_MAX, Level, Scope, USERS_MAX};
use clap::Args;

/// How often progress is printed.
const PROGRESS_EVERY: Duration = Duration::from_secs(2);

/// How large the world is, and how far the search goes.
#[derive(Debug, Args)]
pub(crate) struct Model {
    /// Users.
    #[arg(long, default_value_t = 2)]
    users: u8,
    /// Devices of each user.
    #[arg(long, default_value_t = 2)]
    devices: u8,
    /// Calls and invitations that live at once.
    #[arg(long, default_value_t = 1)]
    calls: u8,
    /// Bounds the length of every call.
    #[arg(long)]
    max_time: bool,
    /// Has the server route the media, which comes up and is lost.
    #[arg(long)]
    routed: bool,
    /// The most steps from the beginning; without it, as many as there are.
    #[arg(long)]
    depth: Option<u32>,
    /// The most states to keep, at about 40 bytes each.
    #[arg(long, default_value_t = 100_000_000)]
    states: u32,
    /// Threads.
    #[arg(long, default_value_t = 2)]
    threads: usize,
}

impl Model {
    pub(crate) fn run(&self) -> Result<ExitCode> {
        ensure!((2..=USERS_MAX).contains(&self.users), "--users: 2 to {USERS_MAX}");
        ensure!((1..=DEVICES_MAX).contains(&self.devices), "--devices: 1 to {DEVICES_MAX}");
        ensure!(self.calls > 0, "--calls: at least 1");
        let Self { users, devices, calls, max_time, routed, depth, states, threads } = *self;
        let scope = Scope { users, devices, calls, max_time, routed };
        println!("{users} users, {devices} devices each, {calls} at once");

        let begun = Instant::now();
        let (mut said, mut depth_said) = (begun, None);
        let mut progress = |level: Level| {
            let ended = level.done == level.frontier && depth_said != Some(level.depth);
            if ended || said.elapsed() >= PROGRESS_EVERY {
                said = Instant::now();
                depth_said = ended.then_some(level.depth).or(depth_said);
                println!("{}", line(level, begun.elapsed()));
            }
        };
        let outcome = model::check(scope, Bounds { depth, states, threads }, &mut progress);

        let Level { depth, states, steps, .. } = outcome.level;
        let seconds = begun.elapsed().as_secs_f64();
        println!("{states} states, {steps} steps between them, depth {depth}, {seconds:.1} s");
        if let Some(story) = outcome.broken {
            println!("\n{story}");
            return Ok(ExitCode::FAILURE);
        }
        let what = if outcome.closed { "closed: there are no others" } else { "not closed" };
        println!("every rule holds in all of them; {what}");
        Ok(ExitCode::SUCCESS)
    }
}

fn line(level: Level, took: Duration) -> String {
    let Level { depth, states, frontier, done, .. } = level;
    let rate = f64::from(states) / took.as_secs_f64().max(0.001);
    format!("depth {depth:>3}  states {states:>10}  {rate:>8.0}/s  frontier {done}/{frontier}")
}
