//! A connection to a client in memory, in time that is made up.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::{Duration, Instant};

use str0m::change::SdpAnswer;
use str0m::media::{Direction, MediaKind};
use str0m::net::{Protocol, Receive};
use str0m::{Candidate, Input, Rtc, RtcConfig};

use super::*;
use crate::event::Transport;
use crate::keys::{Kind, Mid};
use crate::rewrite::{Numbers, Picture};
use crate::settings::Limits;

/// What the two do when nothing is to be sent.
const PAUSE: Duration = Duration::from_millis(20);

struct Pair {
    server: Connection,
    server_addr: SocketAddr,
    client: Rtc,
    client_addr: SocketAddr,
    mid: Mid,
    now: Instant,
}

impl Pair {
    /// A connection that is up, by which a picture may be sent to the client.
    fn connected() -> Self {
        let now = Instant::now();
        let server_addr = SocketAddr::from(([127, 0, 0, 1], 1));
        let client_addr = SocketAddr::from(([127, 0, 0, 1], 2));
        let certificate = Certificate::generate().unwrap();
        let ground = Ground::new(&certificate, vec![server_addr], vec![], Limits::default());
        let ground = Arc::new(ground);
        let server = Connection::new(&ground, "00".to_owned(), &[VideoCodec::Vp8], now);
        let mut client = RtcConfig::new().set_rtp_mode(true).build(now);
        client.add_local_candidate(Candidate::host(client_addr, "udp").unwrap());
        let mut api = client.sdp_api();
        let mid = api.add_media(MediaKind::Video, Direction::RecvOnly, None, None, None);
        let (offer, pending) = api.apply().unwrap();
        let mid = mid.parse().unwrap();
        let mut pair = Self { server, server_addr, client, client_addr, mid, now };
        let offer = offer.to_sdp_string();
        let sdp = Sdp::read(&offer).unwrap();
        let answer = pair.server.accept(&offer, &sdp, now).map_err(|(error, _)| error).unwrap();
        let answer = SdpAnswer::from_sdp_string(&answer).unwrap();
        pair.client.sdp_api().accept_answer(pending, answer).unwrap();
        pair.server.lay_stream(mid, Kind::Video);
        let most = 500;
        let is_up = (0..most).any(|_| {
            pair.client_speaks();
            let outputs = pair.server_speaks();
            pair.now += PAUSE;
            pair.server.pass(pair.now).unwrap();
            outputs.iter().any(|output| matches!(output, Output::Connected))
        });
        assert!(is_up, "no connection after {most} rounds");
        pair
    }

    fn client_speaks(&mut self) {
        self.client.handle_input(Input::Timeout(self.now)).unwrap();
        loop {
            match self.client.poll_output().unwrap() {
                str0m::Output::Timeout(_) => return,
                str0m::Output::Event(_) => {}
                str0m::Output::Transmit(transmit) => {
                    let (from, bytes) = (self.client_addr, &transmit.contents);
                    self.server.receive(self.now, Transport::Udp, from, bytes).unwrap();
                }
            }
        }
    }

    /// What the server has to say now, of which the client hears the packets.
    fn server_speaks(&mut self) -> Vec<Output> {
        let (mut transmits, mut outputs) = (Transmits::default(), Vec::new());
        self.server.drain(self.now, &mut transmits, &mut outputs).unwrap();
        for (to, bytes) in transmits.udp.iter() {
            assert_eq!(to, self.client_addr);
            let receive = Receive::new(Protocol::Udp, self.server_addr, to, bytes).unwrap();
            self.client.handle_input(Input::Receive(self.now, receive)).unwrap();
        }
        outputs
    }

    /// Sends the packets of a picture with these numbers. How many of them go at once, and when the
    /// connection wants to be called next.
    fn send_picture(&mut self, numbers: RangeInclusive<u64>) -> (usize, Instant) {
        let ssrc = self.server.ssrc(self.mid).unwrap();
        let (payload_type, codec) = self.server.payload_types(self.mid, Kind::Video)[0];
        for seq in numbers {
            let numbers = Numbers { seq, time: 1, picture: Picture::default() };
            let packet = Packet::made_up(Layer::Full, 7, codec, numbers, true);
            let outgoing = Outgoing { packet: &packet, payload_type, numbers };
            self.server.write(ssrc, outgoing, self.now);
        }
        self.server.pass(self.now).unwrap();
        let mut transmits = Transmits::default();
        let next = self.server.drain(self.now, &mut transmits, &mut Vec::new()).unwrap();
        let packets = transmits.udp.iter();
        (packets.filter(|(_, bytes)| bytes[8..12] == ssrc.to_be_bytes()).count(), next)
    }
}

#[test]
fn the_packets_of_a_picture_are_sent_at_once() {
    let mut pair = Pair::connected();
    pair.server_speaks();
    for picture in 0..20 {
        let first = picture * 5 + 1;
        let (sent, next) = pair.send_picture(first..=first + 4);
        assert_eq!(sent, 5, "picture {picture}");
        // Nothing is left to do now, and nothing is put off for long.
        let wait = next.duration_since(pair.now);
        assert!((Duration::from_micros(2)..PAUSE * 2).contains(&wait), "{wait:?}");
        pair.now += Duration::from_millis(1);
    }
}
