//! All that touches the WebRTC library. Its types end here, since its API changes often.

mod codec;
mod connection;
mod ground;
mod layer;
mod packet;
mod run_loop;
mod sdp;
#[cfg(test)]
mod tests;

pub(crate) use codec::Codec;
pub(crate) use codec::VideoCodec;
pub(crate) use connection::{Broken, Connection, Output, Report, Transmits};
pub(crate) use ground::{Certificate, Ground};
pub(crate) use layer::{LAYERS, Layer};
pub(crate) use packet::{Outgoing, Packet};
pub(crate) use sdp::{Direction, Sdp};
