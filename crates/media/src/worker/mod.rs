//! Threads that serve rooms.
//!
//! Each worker has a thread, a runtime on it, a socket, on a port of its own or on the common one,
//! and its own rooms; no lock is taken for a packet. All that has come is handled, then all that
//! came of it is sent.

mod command;
mod demultiplex;
mod run;
mod timers;

pub(crate) use command::{Command, Steer};
pub(crate) use run::{Neighbours, Worker, start};
