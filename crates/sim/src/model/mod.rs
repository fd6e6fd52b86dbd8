//! A breadth-first search over every history of a small world.
//!
//! The world is one app with a few users, each with a few devices. Whatever can happen in it
//! happens: starts of every mode, kind and origin, every order from every device and from the
//! business server, connections lost, lost unseen, replaced, resumed and expired, audits, restarts,
//! and time. The rules that decide are those of production, [`bellwire_core`]; the facts they are
//! given are looked up as the switchboard does. Worlds that differ in nothing a rule reads are
//! one, so the search can come to an end, and then has seen everything.
//!
//! What it leaves out, and why that is little:
//! - Time moves in units that divide every time of a call, so every order in which deadlines and
//!   commands can meet is met, deadlines and commands of the same instant included.
//! - A [`Scope`] bounds the calls that live at once; a start beyond it is decided, and looked at,
//!   and not followed.
//! - What ends in one step is not of the same instant as what the next one ends.
//! - A callee who is not asked to ring is not claimed, so a start of theirs that crosses the call
//!   is no glare (R4), and a device that refused a call for itself alone cannot answer it by a
//!   start. The search takes both as they are.
//! - Losses are not counted, so none is damped for flapping. A loss that nobody notices until the
//!   audit stands for those.
//! - The log is not bounded. Notes, limits and refusals for a wrong value are left to the tests of
//!   the rules.

mod append;
mod canon;
mod cast;
mod invariants;
mod over;
mod races;
mod search;
mod seen;
mod step;
mod story;
mod take;
#[cfg(test)]
mod tests;
mod violation;
mod world;

pub use cast::{DEVICES_MAX, USERS_MAX};
pub use search::{Level, Outcome, check};
pub use story::Story;
pub use violation::Violation;

/// How large the world is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope {
    /// How many users, 2 to [`USERS_MAX`].
    pub users: u8,
    /// How many devices each has, 1 to [`DEVICES_MAX`].
    pub devices: u8,
    /// How many calls and invitations may live at once.
    pub calls: u8,
    /// Whether calls have a longest time.
    pub max_time: bool,
    /// Whether the server routes media, so that it comes up and is lost.
    pub routed: bool,
}

/// When a search stops before it has seen everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// The most steps from the beginning; none for as many as there are.
    pub depth: Option<u32>,
    /// The most worlds to keep; each takes about 40 bytes.
    pub states: u32,
    /// How many threads search; the outcome is the same with any number.
    pub threads: usize,
}
