//! Sockets, and what is known of packets before anybody is asked about them.

mod addresses;
mod batch;
mod packed;
mod rfc4571;
mod stun;
mod tcp;
mod udp;

pub(crate) use addresses::reachable;
pub(crate) use batch::Batch;
pub(crate) use packed::Packed;
pub(crate) use rfc4571::{Frames, frame};
pub(crate) use stun::{binding_username, is_stun};
pub(crate) use tcp::{Introduced, Link, Packet, accept};
pub(crate) use udp::{Origin, Udp};
