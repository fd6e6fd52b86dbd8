//! A WebRTC connection of a client on a socket of its own: it sends made-up media and tells what
//! comes.

use std::{
    io::IoSlice,
    net::{IpAddr, SocketAddr, UdpSocket},
    time::{Duration, Instant},
};

use anyhow::{Context, anyhow};
use rustix::{
    io::Errno,
    net::{MMsgHdr, RecvFlags, SendAncillaryBuffer, SendFlags, SocketAddrAny},
};
use str0m::{
    Candidate, Event, Input, Output, Rtc, RtcConfig,
    change::{SdpAnswer, SdpOffer, SdpPendingOffer},
    format::{Codec, PayloadParams},
    media::{Direction, MediaKind, Mid, Pt},
    net::{Protocol, Receive, Transmit},
    rtp::{ExtensionValues, RtpWrite, SeqNo},
};

use super::content::{Mark, Writer};
use crate::files;

/// What the system may hold for a client that is not read at once.
const SOCKET_BUFFER_BYTES: usize = 1 << 20;
/// The longest datagram.
const DATAGRAM_BYTES: usize = 2_048;
/// Datagrams sent with one call. They stay datagrams each: browsers do not let the system cut
/// them up (GSO).
const SENT_AT_ONCE: usize = 64;
/// The level that the sounds are said to have, in dBov: speech.
const LEVEL_DBOV: i8 = -30;

/// A connection.
pub(super) struct Endpoint {
    rtc: Rtc,
    pub(super) socket: UdpSocket,
    local: SocketAddr,
    voices: Vec<Voice>,
    /// When the connection wants to be called.
    timeout: Instant,
    is_connected: bool,
    transmits: Vec<Transmit>,
}

/// A stream that is sent.
struct Voice {
    mid: Mid,
    writer: Writer,
}

/// An offer that waits for its answer.
pub(super) struct Offered {
    pub(super) sdp: String,
    pending: SdpPendingOffer,
    /// The m-lines, in the order in which they were asked for.
    pub(super) mids: Vec<String>,
}

/// An m-line of an offer.
#[derive(Debug, Clone, Copy)]
pub(super) enum Line {
    Sound(Direction),
    Picture(Direction),
}

impl Endpoint {
    /// One that is about to connect from that address of the machine.
    pub(super) fn new(ip: IpAddr) -> anyhow::Result<Self> {
        let socket = UdpSocket::bind((ip, 0)).map_err(files::explain)?;
        socket.set_nonblocking(true)?;
        // The system may allow less.
        let _ = rustix::net::sockopt::set_socket_recv_buffer_size(&socket, SOCKET_BUFFER_BYTES);
        let local = socket.local_addr()?;
        let now = Instant::now();
        let config = RtcConfig::new().set_rtp_mode(true).clear_codecs();
        let mut rtc = config.enable_opus(true, false).enable_vp8(true).build(now);
        let host = Candidate::host(local, "udp").context("a host candidate")?;
        rtc.add_local_candidate(host);
        Ok(Self {
            rtc,
            socket,
            local,
            voices: Vec::new(),
            timeout: now,
            is_connected: false,
            transmits: Vec::new(),
        })
    }

    /// Offers these m-lines.
    pub(super) fn offer(&mut self, lines: &[Line]) -> anyhow::Result<Offered> {
        let mut api = self.rtc.sdp_api();
        let mut mids = Vec::with_capacity(lines.len());
        for line in lines {
            let (kind, direction) = match *line {
                Line::Sound(direction) => (MediaKind::Audio, direction),
                Line::Picture(direction) => (MediaKind::Video, direction),
            };
            mids.push(api.add_media(kind, direction, None, None, None).to_string());
        }
        let (offer, pending) = api.apply().ok_or_else(|| anyhow!("an offer without m-lines"))?;
        Ok(Offered { sdp: offer.to_sdp_string(), pending, mids })
    }

    /// Takes the answer to an offer.
    pub(super) fn accept(&mut self, offered: Offered, answer: &str) -> anyhow::Result<()> {
        let answer = SdpAnswer::from_sdp_string(answer).context("the server's answer")?;
        let taken = self.rtc.sdp_api().accept_answer(offered.pending, answer);
        taken.context("the server's answer")
    }

    /// Answers an offer.
    pub(super) fn answer(&mut self, offer: &str) -> anyhow::Result<String> {
        let offer = SdpOffer::from_sdp_string(offer).context("the server's offer")?;
        let answer = self.rtc.sdp_api().accept_offer(offer).context("the server's offer")?;
        Ok(answer.to_sdp_string())
    }

    /// Sends a stream on an m-line, once connected.
    pub(super) fn send(&mut self, mid: &str, writer: Writer) {
        self.voices.push(Voice { mid: mid.into(), writer });
    }

    /// When [`Self::tend`] is due.
    pub(super) fn due(&self) -> Instant {
        let voices = self.voices.iter().filter(|_| self.is_connected);
        voices.map(|voice| voice.writer.due()).fold(self.timeout, Instant::min)
    }

    /// Does what is due by time.
    pub(super) fn tend(&mut self, now: Instant, begin: Instant, each: impl FnMut(Mark, usize)) {
        if self.is_connected {
            self.write(now, begin);
        }
        // An error shows as a connection that does not go on.
        let _ = self.rtc.handle_input(Input::Timeout(now));
        self.drain(now, each);
        self.flush();
    }

    /// Reads all that has come.
    pub(super) fn receive(&mut self, mut each: impl FnMut(Mark, usize)) {
        let mut buffer = [0; DATAGRAM_BYTES];
        loop {
            let read = rustix::net::recvfrom(&self.socket, &mut buffer[..], RecvFlags::empty());
            let (bytes, from) = match read {
                Ok((bytes, _, Some(from))) => (bytes, from),
                Ok((_, _, None)) | Err(Errno::INTR) => continue,
                Err(Errno::AGAIN) => break,
                // Of earlier sends, to a server that has ended (ICMP).
                Err(_) => continue,
            };
            let Ok(from) = SocketAddr::try_from(from) else { continue };
            let now = Instant::now();
            if let Ok(receive) = Receive::new(Protocol::Udp, from, self.local, &buffer[..bytes]) {
                let _ = self.rtc.handle_input(Input::Receive(now, receive));
                self.drain(now, &mut each);
            }
        }
        self.flush();
    }

    /// Counts anew from now on.
    pub(super) fn enter(&mut self, window: u32) {
        for voice in &mut self.voices {
            voice.writer.enter(window);
        }
    }

    /// The streams sent, each with the number of its packets in this window.
    pub(super) fn sent(&self) -> impl Iterator<Item = (u32, u32)> {
        self.voices.iter().map(|voice| (voice.writer.stream(), voice.writer.in_window()))
    }

    /// Whether DTLS is done.
    pub(super) fn is_connected(&self) -> bool {
        self.is_connected && self.rtc.is_alive()
    }

    fn write(&mut self, now: Instant, begin: Instant) {
        for voice in &mut self.voices {
            if voice.writer.due() > now {
                continue;
            }
            let codec = if voice.writer.is_picture() { Codec::Vp8 } else { Codec::Opus };
            let Some(payload_type) = payload_type(&self.rtc, codec) else { continue };
            let mut api = self.rtc.direct_api();
            let Some(stream) = api.stream_tx_by_mid(voice.mid, None) else { continue };
            // The time is read for each packet: what is due at once is not written at once.
            while let Some(packet) = voice.writer.next(now, nanos(begin.elapsed())) {
                let is_sound = codec == Codec::Opus;
                let extensions = ExtensionValues {
                    audio_level: is_sound.then_some(LEVEL_DBOV),
                    voice_activity: is_sound.then_some(true),
                    ..ExtensionValues::default()
                };
                let seq = SeqNo::from(packet.seq);
                let write = RtpWrite::new(payload_type, seq, packet.ticks, now, packet.payload);
                let write = write.marker(packet.marker).ext_vals(extensions);
                stream.write_rtp(write.nackable(!is_sound));
            }
        }
    }

    fn drain(&mut self, now: Instant, mut each: impl FnMut(Mark, usize)) {
        loop {
            match self.rtc.poll_output() {
                Ok(Output::Timeout(at)) if at <= now => {
                    let _ = self.rtc.handle_input(Input::Timeout(now));
                }
                Ok(Output::Timeout(at)) => {
                    self.timeout = at;
                    return;
                }
                Ok(Output::Transmit(transmit)) => self.transmits.push(transmit),
                Ok(Output::Event(event)) => match event {
                    Event::Connected => self.is_connected = true,
                    Event::Closed => self.is_connected = false,
                    Event::RtpPacket(packet) => {
                        if let Some(mark) = Mark::read(&packet.payload) {
                            each(mark, packet.payload.len());
                        }
                    }
                    Event::KeyframeRequest(request) => {
                        for voice in &mut self.voices {
                            if voice.mid == request.mid {
                                voice.writer.ask_key_frame();
                            }
                        }
                    }
                    _ => {}
                },
                Err(_) => {
                    self.rtc.disconnect();
                    self.is_connected = false;
                    self.timeout = now + Duration::from_hours(1);
                    return;
                }
            }
        }
    }

    /// Sends what waits, many datagrams to a call.
    fn flush(&mut self) {
        for batch in self.transmits.chunks(SENT_AT_ONCE) {
            let parts: Vec<[IoSlice<'_>; 1]> =
                batch.iter().map(|transmit| [IoSlice::new(&transmit.contents)]).collect();
            let addresses: Vec<SocketAddrAny> =
                batch.iter().map(|transmit| transmit.destination.into()).collect();
            let mut controls: Vec<SendAncillaryBuffer<'_, '_, '_>> =
                batch.iter().map(|_| SendAncillaryBuffer::default()).collect();
            let mut messages: Vec<MMsgHdr<'_>> = parts
                .iter()
                .zip(&addresses)
                .zip(&mut controls)
                .map(|((part, address), control)| MMsgHdr::new_with_addr(address, part, control))
                .collect();
            let mut rest = &mut messages[..];
            while !rest.is_empty() {
                match rustix::net::sendmmsg(&self.socket, rest, SendFlags::empty()) {
                    Ok(sent) => rest = &mut rest[sent.max(1)..],
                    Err(Errno::INTR) => {}
                    // Loopback takes all there is; what it does not take is lost, and counted so.
                    Err(_) => break,
                }
            }
        }
        self.transmits.clear();
    }
}

fn payload_type(rtc: &Rtc, codec: Codec) -> Option<Pt> {
    rtc.codec_config().find(|params| params.spec().codec == codec).map(PayloadParams::pt)
}

/// Nanoseconds as they stand in a mark.
pub(super) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
