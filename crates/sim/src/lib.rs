//! Proof by trying: histories of users, devices, connections and time, carried out by the code of
//! production and judged after each step.
//!
//! - [`run()`] plays a [`Plan`] against the real server in a simulated world: virtual time,
//!   simulated devices, network, disk and clock, everything drawn from one seed.
//! - [`Scenario`] is a history written by hand, for apps that want to see how theirs goes.
//! - [`model`] walks through every history there is in a small world of the rules alone.

mod campaign;
mod lot;
pub mod model;
mod plan;
mod run;
mod scenario;
mod shrink;
mod world;

pub use campaign::{Campaign, Progress};
pub use plan::Plan;
pub use run::{Failure, Outcome, run};
pub use scenario::{Device, Scenario, ScenarioError};
pub use shrink::shrink;
