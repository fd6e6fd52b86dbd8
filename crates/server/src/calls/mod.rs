//! The embedded store of calls: logs, claims and rooms of live calls in memory, one lock per app,
//! made durable by the journal. An append changes all of it together or nothing.

mod plan;
mod rooms;
mod store;

pub(crate) use plan::{Change, Plan, Step};
pub(crate) use rooms::Rooms;
pub(crate) use store::{Calls, Finished, Known};
