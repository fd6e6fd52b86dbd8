//! What a call is.
//!
//! A call is its log. [`start()`] and [`decide()`] hold every rule and say what happens,
//! [`evolve()`] folds what happened into a [`Call`], [`audience()`] says who is told of it, and
//! [`Call::next_deadline`] says when time alone must be looked at again. All of it is pure: time
//! and chance are arguments, nothing here waits, reads a clock or does I/O.

mod audience;
mod availability;
mod call;
mod collision;
mod command;
mod deadline;
mod decide;
mod draft;
mod erase;
mod event;
mod evolve;
mod hook;
mod id;
mod link;
mod note;
mod push;
mod settings;
mod start;

pub use audience::*;
pub use availability::*;
pub use call::*;
pub use collision::*;
pub use command::*;
pub use decide::decide;
pub use erase::*;
pub use event::*;
pub use evolve::{evolve, fold, open};
pub use hook::*;
pub use id::*;
pub use link::*;
pub use note::*;
pub use push::*;
pub use settings::*;
pub use start::{Opening, start};
