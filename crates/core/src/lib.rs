//! What a call is.
//!
//! A call is its log. [`start`] and [`decide`] hold every rule and say what happens,
//! [`evolve`] folds what happened into a [`Call`], [`audience`] says who is told of it, and
//! [`Call::next_deadline`] says when time alone must be looked at again. All of it is pure: time
//! and chance are arguments, nothing here waits, reads a clock or does I/O.

mod call;
mod command;
mod event;
mod id;
mod note;
mod settings;

pub use call::*;
pub use command::*;
pub use event::*;
pub use id::*;
pub use note::*;
pub use settings::*;
