//! The rules of a call, told as scenarios: devices act, time passes, and every device's story is
//! compared with the text of the rules. The rows of the race table bear their ids (`r01_…`).

// All of this crate is a test; clippy's own exemption sees only the functions marked so.
#![allow(clippy::unwrap_used)]

mod support;

mod availability;
mod deadlines;
mod editing;
mod group;
mod log_bound;
mod media_links;
mod outcomes;
mod properties;
mod races_answer;
mod races_collision;
mod races_liveness;
mod races_media;
mod races_requests;
mod races_server;
mod room_tokens;
mod server_started;
