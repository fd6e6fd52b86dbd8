//! What strangers can send, for fuzzing: not part of the interface, and free to change.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use crate::error::OfferError;
use crate::event::Transport;
use crate::net::{self, Frames};
use crate::rewrite::{Continuity, Numbers, Picture, key_frame_size, read_vp8, read_vp9, write_vp9};
use crate::settings::Limits;
use crate::webrtc::{Certificate, Connection, Ground, Sdp, Transmits, VideoCodec};

/// The receiver's half of the user name of a STUN binding request.
pub fn stun_username(packet: &[u8]) -> Option<&str> {
    net::binding_username(packet)
}

/// The same as the WebRTC library reads it, of what is STUN by its first byte.
pub fn stun_username_by_library(packet: &[u8]) -> Option<String> {
    if !net::is_stun(packet) {
        return None;
    }
    let message = str0m::ice::StunMessage::parse(packet).ok()?;
    let (ours, _) = message.split_username().filter(|_| message.is_binding_request())?;
    Some(ours.to_owned())
}

/// Takes packets framed by RFC 4571 out of a stream that comes in pieces: the packets, and whether
/// the stream could be read to its end.
pub fn unframe(pieces: &[&[u8]]) -> (Vec<Vec<u8>>, bool) {
    let mut frames = Frames::default();
    let mut packets = Vec::new();
    for piece in pieces {
        frames.push(piece);
        loop {
            match frames.next() {
                Ok(Some(packet)) => packets.push(packet.to_vec()),
                Ok(None) => break,
                Err(_) => return (packets, false),
            }
        }
    }
    (packets, true)
}

/// Frames packets as RFC 4571 has it.
pub fn frame(packets: &[Vec<u8>]) -> Vec<u8> {
    let mut stream = Vec::new();
    for packet in packets {
        net::frame(packet, &mut stream);
    }
    stream
}

/// Reads the numbers of a VP9 payload, moves them there and back, and gives what became of it.
pub fn vp9_there_and_back(payload: &[u8], pictures: u16) -> Vec<u8> {
    let old = read_vp9(payload);
    let moved = Picture {
        id: old.id.map(|id| id.plus(pictures)),
        tl0: old.tl0.map(|tl0| tl0.wrapping_add(pictures.to_le_bytes()[0])),
    };
    let mut written = payload.to_vec();
    write_vp9(&mut written, moved);
    assert_eq!(read_vp9(&written), moved);
    write_vp9(&mut written, old);
    written
}

/// The size that a VP8 payload tells, if it starts a key frame.
pub fn vp8_size(payload: &[u8]) -> Option<(u16, u16)> {
    key_frame_size(payload)
}

/// The sequence numbers under which VP8 packets are sent on, in which `is_switch` begins another
/// source.
pub fn rewrite(
    start: u16,
    packets: impl Iterator<Item = (bool, u64, u32, Vec<u8>)>,
    now: Instant,
) -> Vec<Option<u64>> {
    let mut continuity = Continuity::new(90_000, start, 0);
    packets
        .map(|(is_switch, seq, time, payload)| {
            let picture = read_vp8(&payload);
            let numbers = Numbers { seq, time, picture };
            if is_switch {
                continuity.switch(&numbers, now);
            }
            continuity.rewrite(&numbers, now).map(|numbers| numbers.seq)
        })
        .collect()
}

/// A connection that takes whatever comes.
pub struct Fuzzed {
    connection: Connection,
    now: Instant,
}

impl Fuzzed {
    /// One that awaits an offer.
    pub fn new(now: Instant) -> Self {
        let addr = SocketAddr::from(([127, 0, 0, 1], 9));
        // Made of the system's chance alone, which does not fail.
        let certificate = Certificate::generate().expect("a certificate");
        let ground = Ground::new(&certificate, vec![addr], vec![addr], Limits::default());
        let ground = Arc::new(ground);
        let order = &VideoCodec::PREFERENCE;
        let connection = Connection::new(&ground, "00".to_owned(), order, now);
        Self { connection, now }
    }

    /// Takes an offer and gives the answer.
    pub fn offer(&mut self, text: &str) -> Result<String, OfferError> {
        let sdp = Sdp::read(text)?;
        let answer = self.connection.accept(text, &sdp, self.now);
        answer.map_err(|(error, _)| error)
    }

    /// Takes a packet; whether the connection is still of use.
    pub fn receive(&mut self, packet: &[u8]) -> bool {
        let from = SocketAddr::from(([127, 0, 0, 1], 10));
        let taken = self.connection.receive(self.now, Transport::Udp, from, packet);
        let (transmits, outputs) = (&mut Transmits::default(), &mut Vec::new());
        taken.is_ok() && self.connection.drain(self.now, transmits, outputs).is_ok()
    }
}
