//! The task that drives a client's connection.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use bellwire_media::{Kind, Mid, Sfu, Source};
use parking_lot::Mutex;
use str0m::change::SdpPendingOffer;
use str0m::format::{Codec, PayloadParams};
use str0m::media::KeyframeRequestKind;
use str0m::net::{Protocol, Receive};
use str0m::rtp::rtcp::Rtcp;
use str0m::rtp::{ExtensionValues, RawPacket, RtpWrite, SeqNo};
use str0m::{Candidate, Event, Input, Output, Rtc};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::{Notify, mpsc};

use super::media::{Marks, Writer};
use super::{Act, Received, Seen, Setup};

pub struct Driver {
    rtc: Rtc,
    udp: UdpSocket,
    tcp: Option<TcpStream>,
    framed: Vec<u8>,
    first_offer: Option<(String, SdpPendingOffer)>,
    sends: BTreeMap<Mid, Source>,
    writers: Vec<(Mid, Writer, Option<&'static str>)>,
    server: SocketAddr,
    by_way_of: Option<SocketAddr>,
    level_dbov: i8,
    is_silent: bool,
    /// A cheat's own count of the packets in the line of its sound.
    cheat_seq: Option<u64>,
    seen: Arc<Mutex<Seen>>,
    changed: Arc<Notify>,
}

impl Driver {
    pub fn new(
        rtc: Rtc,
        (udp, tcp): (UdpSocket, Option<TcpStream>),
        first_offer: (String, SdpPendingOffer),
        sends: BTreeMap<Mid, Source>,
        setup: &Setup,
        sfu: &Sfu,
        (seen, changed): (Arc<Mutex<Seen>>, Arc<Notify>),
    ) -> Self {
        let now = Instant::now();
        let mut writers = Vec::new();
        for (mid, source) in &sends {
            match source.kind() {
                Kind::Audio => writers.push((*mid, Writer::sound(now), None)),
                Kind::Video => {
                    let has_layers = *source == Source::Camera && setup.video.len() > 1;
                    for shape in setup.video.iter().take(if has_layers { 9 } else { 1 }) {
                        let rid = has_layers.then_some(shape.rid);
                        writers.push((*mid, Writer::video(shape.clone(), now), rid));
                    }
                }
            }
        }
        Self {
            rtc,
            udp,
            server: match &tcp {
                Some(_) => sfu.tcp_addr().unwrap(),
                // Bound to all addresses it is told under this one.
                None => ([127, 0, 0, 1], sfu.udp_addr().port()).into(),
            },
            tcp,
            framed: Vec::new(),
            first_offer: Some(first_offer),
            sends,
            writers,
            by_way_of: setup.by_way_of,
            level_dbov: setup.level_dbov,
            is_silent: false,
            cheat_seq: None,
            seen,
            changed,
        }
    }

    pub async fn run(mut self, mut acts: mpsc::UnboundedReceiver<Act>) {
        let mut buffer = vec![0; 4_096];
        let mut stream = vec![0; 64 * 1_024];
        let mut timeout = Instant::now();
        loop {
            let next = self.writers.iter().map(|(_, writer, _)| writer.due).min();
            let due = next.map_or(timeout, |due| due.min(timeout));
            tokio::select! {
                act = acts.recv() => match act {
                    Some(act) => self.act(act),
                    None => return,
                },
                Ok((length, from)) = self.udp.recv_from(&mut buffer), if self.tcp.is_none() => {
                    assert_eq!(from, self.by_way_of.unwrap_or(self.server), "another address");
                    if !self.is_silent {
                        self.take(Protocol::Udp, &buffer[..length]);
                        self.drain(Instant::now()).await;
                    }
                }
                read = read_some(&mut self.tcp, &mut stream) => {
                    let Ok(length @ 1..) = read else { return };
                    self.framed.extend_from_slice(&stream[..length]);
                    while let Some(packet) = unframe(&mut self.framed) {
                        self.take(Protocol::Tcp, &packet);
                        self.drain(Instant::now()).await;
                    }
                }
                () = tokio::time::sleep_until(due.into()) => {}
            }
            let now = Instant::now();
            self.rtc.handle_input(Input::Timeout(now)).unwrap();
            self.write(now);
            timeout = self.drain(now).await;
            if !self.rtc.is_alive() {
                self.see(|seen| seen.closed = true);
                return;
            }
        }
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::Offer { restart, reply } => {
                let made = if restart {
                    let mut api = self.rtc.sdp_api();
                    api.ice_restart(true);
                    let (offer, pending) = api.apply().unwrap();
                    (offer.to_sdp_string(), pending)
                } else {
                    self.first_offer.take().unwrap()
                };
                reply.send(made).ok().unwrap();
            }
            Act::Answer(both) => {
                let (pending, answer) = *both;
                if self.tcp.is_none() {
                    self.server.set_port(udp_port(&answer.to_sdp_string()));
                }
                self.rtc.sdp_api().accept_answer(pending, answer).unwrap();
            }
            Act::AskKeyFrame(mid) => {
                let mut api = self.rtc.direct_api();
                if let Some(stream) = api.stream_rx_by_mid(mid.as_str().into(), None) {
                    stream.request_keyframe(KeyframeRequestKind::Pli);
                }
            }
            Act::MoveTo(socket, by_way_of) => {
                let host = Candidate::host(socket.local_addr().unwrap(), "udp").unwrap();
                let old = Candidate::host(self.udp.local_addr().unwrap(), "udp").unwrap();
                self.rtc.direct_api().invalidate_candidate(&old);
                self.rtc.add_local_candidate(host);
                self.udp = socket;
                self.by_way_of = by_way_of;
            }
            Act::Silence(is_silent) => self.is_silent = is_silent,
            Act::Close => self.rtc.close().unwrap(),
            Act::OnlyKeyFrames => {
                for (_, writer, _) in &mut self.writers {
                    writer.only_keys = true;
                }
            }
            Act::Cheat => {
                let is_sound = |mid: &Mid| self.sends[mid].kind() == Kind::Audio;
                let sound = self.writers.iter().find(|(mid, ..)| is_sound(mid));
                self.cheat_seq = sound.map(|(_, writer, _)| writer.seq);
            }
        }
    }

    fn take(&mut self, protocol: Protocol, bytes: &[u8]) {
        let local = match &self.tcp {
            Some(tcp) => tcp.local_addr().unwrap(),
            None => self.udp.local_addr().unwrap(),
        };
        if let Ok(receive) = Receive::new(protocol, self.server, local, bytes) {
            let _ = self.rtc.handle_input(Input::Receive(Instant::now(), receive));
        }
    }

    /// Sends the media that is due.
    fn write(&mut self, now: Instant) {
        let is_connected = self.rtc.is_connected();
        let codecs = self.rtc.codec_config();
        let of = |codec| codecs.find(|params| params.spec().codec == codec).map(PayloadParams::pt);
        let (opus, vp8) = (of(Codec::Opus).unwrap(), of(Codec::Vp8).unwrap());
        let sound_mid = self.sends.iter().find(|(_, source)| source.kind() == Kind::Audio);
        let sound_mid = sound_mid.map(|(mid, _)| *mid);
        for (mid, writer, rid) in &mut self.writers {
            while writer.due <= now {
                let is_video = self.sends[mid].kind() == Kind::Video;
                let written = writer.next();
                // A cheat hides its pictures in the m-line of its sound.
                let mid = match sound_mid {
                    Some(sound) if self.cheat_seq.is_some() && is_video => sound,
                    Some(_) | None => *mid,
                };
                let rid = rid.filter(|_| self.cheat_seq.is_none());
                let mut api = self.rtc.direct_api();
                let stream = api.stream_tx_by_mid(mid.as_str().into(), rid.map(Into::into));
                let Some(stream) = stream.filter(|_| is_connected) else {
                    // What is sent begins with a key frame.
                    writer.wants_key = true;
                    continue;
                };
                stream.set_unpaced(true);
                for packet in written {
                    let extensions = ExtensionValues {
                        audio_level: (!is_video).then_some(self.level_dbov),
                        voice_activity: (!is_video).then_some(true),
                        ..ExtensionValues::default()
                    };
                    let pt = if is_video { vp8 } else { opus };
                    let seq = match &mut self.cheat_seq {
                        Some(seq) => {
                            *seq += 1;
                            *seq
                        }
                        None => packet.seq,
                    };
                    let seq = SeqNo::from(seq);
                    let write = RtpWrite::new(pt, seq, packet.time, now, packet.payload)
                        .marker(packet.marker)
                        .ext_vals(extensions)
                        .nackable(is_video);
                    stream.write_rtp(write);
                }
            }
        }
        self.rtc.handle_input(Input::Timeout(now)).unwrap();
    }

    async fn drain(&mut self, now: Instant) -> Instant {
        loop {
            match self.rtc.poll_output().unwrap() {
                Output::Timeout(at) if at <= now => {
                    self.rtc.handle_input(Input::Timeout(now)).unwrap();
                }
                Output::Timeout(at) => return at,
                Output::Transmit(transmit) => {
                    if self.is_silent {
                        continue;
                    }
                    if let Some(tcp) = &mut self.tcp {
                        let length = u16::try_from(transmit.contents.len()).unwrap();
                        let mut framed = length.to_be_bytes().to_vec();
                        framed.extend_from_slice(&transmit.contents);
                        let _ = tcp.write_all(&framed).await;
                    } else {
                        let to = self.by_way_of.unwrap_or(transmit.destination);
                        let _ = self.udp.send_to(&transmit.contents, to).await;
                    }
                }
                Output::Event(event) => self.happened(event),
            }
        }
    }

    fn happened(&mut self, event: Event) {
        match event {
            Event::Connected => self.see(|seen| seen.connected = true),
            Event::Closed => self.see(|seen| seen.closed = true),
            Event::KeyframeRequest(request) => {
                let rid = request.rid.map(|rid| rid.to_string());
                for (mid, writer, layer) in &mut self.writers {
                    if mid.as_str() == &*request.mid && layer.map(str::to_owned) == rid {
                        writer.wants_key = true;
                    }
                }
                let mid = request.mid.parse().unwrap();
                self.see(|seen| seen.key_frame_requests.push((mid, rid, Instant::now())));
            }
            Event::RawPacket(packet) => {
                if let RawPacket::RtcpRx(Rtcp::Nack(_)) = *packet {
                    self.see(|seen| seen.nacks += 1);
                }
            }
            Event::RtpPacket(packet) => {
                let ssrc = packet.header.ssrc;
                let mid = self.rtc.direct_api().stream_rx(&ssrc).map(|stream| stream.mid());
                let marks = Marks::read(&packet.payload);
                if let Some((mid, marks)) = mid.zip(marks) {
                    let received = Received {
                        at: Instant::now(),
                        ssrc: *ssrc,
                        seq: *packet.seq_no,
                        time: packet.header.timestamp,
                        marks,
                        bytes: packet.payload.len(),
                    };
                    let mid = mid.parse().unwrap();
                    self.see(|seen| seen.packets.entry(mid).or_default().push(received));
                }
            }
            _ => {}
        }
    }

    fn see(&self, change: impl FnOnce(&mut Seen)) {
        change(&mut self.seen.lock());
        self.changed.notify_waiters();
    }
}

/// The port of the first candidate for datagrams (RFC 8839, section 5.1).
fn udp_port(answer: &str) -> u16 {
    let mut candidates = answer.lines().filter_map(|line| line.strip_prefix("a=candidate:"));
    let is_udp = |line: &&str| line.split(' ').nth(2) == Some("udp");
    candidates.find(is_udp).and_then(|line| line.split(' ').nth(5)).unwrap().parse().unwrap()
}

async fn read_some(tcp: &mut Option<TcpStream>, buffer: &mut [u8]) -> std::io::Result<usize> {
    match tcp {
        Some(tcp) => tcp.read(buffer).await,
        None => std::future::pending().await,
    }
}

fn unframe(framed: &mut Vec<u8>) -> Option<Vec<u8>> {
    let length = usize::from(u16::from_be_bytes([*framed.first()?, *framed.get(1)?]));
    let packet = framed.get(2..2 + length)?.to_vec();
    framed.drain(..2 + length);
    Some(packet)
}
