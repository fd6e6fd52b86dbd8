//! The load: devices on sockets, and the call lives they live, all on one thread.

pub(crate) mod faults;
pub(crate) mod generator;
pub(crate) mod latencies;
pub(crate) mod life;
pub(crate) mod line;
pub(crate) mod lines;
pub(crate) mod poll;
