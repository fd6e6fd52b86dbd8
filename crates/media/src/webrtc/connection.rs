//! A peer's connection: ICE, DTLS, SRTP, RTCP and the estimate of its bandwidth.

use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ahash::AHashMap;
use str0m::bwe::{Bitrate, BweKind};
use str0m::change::SdpOffer;
use str0m::format::CodecConfig;
use str0m::media::{KeyframeRequestKind, MediaKind};
use str0m::net::{Protocol, Receive, TcpType, Transmit};
use str0m::{Candidate, Event, IceCreds, Input, RtcConfig};

use super::codec::{Codec, VideoCodec};
use super::ground::Ground;
use super::layer::Layer;
use super::packet::{Outgoing, Packet};
use super::run_loop::{RunLoop, Step};
use super::sdp::Sdp;
use crate::error::OfferError;
use crate::event::Transport;
use crate::keys::{Kind, Mid};
use crate::net::Packed;
use crate::settings::QUALITY_INTERVAL;

/// What is taken as a receiver's bandwidth before anything is known. Probes find more within a
/// second; much more would flood a slow line meanwhile.
const FIRST_ESTIMATE_BPS: u64 = 600_000;

/// Of what is sent on a stream, so much may be repeated packets. Beyond it, what waits to be
/// repeated is dropped: on a line that loses so much it makes things worse. The library's own.
const REPEATED_SHARE_MAX: f32 = 0.15;

/// What a connection asks to be done.
#[expect(clippy::large_enum_variant, reason = "nearly all are packets, which need no box each")]
#[derive(Debug)]
pub(crate) enum Output {
    /// DTLS is done: media can flow.
    Connected,
    /// Media came in.
    Packet(Packet),
    /// The peer's decoder needs a key frame in that slot.
    KeyFrameAsked(Mid),
    /// The peer can take so many bits per second.
    Estimate(u64),
    /// What was measured of one stream in the last [`QUALITY_INTERVAL`].
    Report(Report),
    /// The peer closed the connection.
    Left,
}

/// Packets to be sent, in order.
#[derive(Debug, Default)]
pub(crate) struct Transmits {
    pub(crate) udp: Packed<SocketAddr>,
    pub(crate) tcp: Vec<(SocketAddr, Vec<u8>)>,
}

/// What RTCP tells of a stream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Report {
    /// From the peer to us; otherwise from us to the peer.
    pub(crate) is_up: bool,
    pub(crate) packets: u64,
    pub(crate) loss: Option<f32>,
    pub(crate) rtt: Option<Duration>,
    /// Of streams of sound.
    pub(crate) jitter: Option<Duration>,
}

/// The connection cannot go on and is to be dropped.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Broken;

/// A connection of one peer.
pub(crate) struct Connection {
    run_loop: RunLoop,
    ground: Arc<Ground>,
    /// The start of every ufrag of this connection, by which packets find the worker.
    ufrag_start: String,
    ufrag: String,
    fingerprint: String,
    mids: Vec<Mid>,
    codecs: [Option<Codec>; 128],
    /// Which stream an SSRC is, as the library worked out from the first packets.
    streams: AHashMap<u32, (Mid, Layer)>,
}

impl Connection {
    /// A connection that awaits its first offer. `preference` is the order of video codecs in the
    /// answer.
    pub(crate) fn new(
        ground: &Arc<Ground>,
        ufrag_start: String,
        preference: &[VideoCodec],
        now: Instant,
    ) -> Self {
        let creds = credentials(&ufrag_start);
        let mut config = RtcConfig::new()
            .set_rtp_mode(true)
            .set_ice_lite(true)
            .set_dtls_cert(ground.cert.clone())
            .set_local_ice_credentials(creds.clone())
            .set_stats_interval(Some(QUALITY_INTERVAL))
            .enable_bwe(Some(Bitrate::from(FIRST_ESTIMATE_BPS)))
            .clear_codecs()
            .enable_opus(true, false);
        for codec in preference {
            config = match codec {
                VideoCodec::Vp8 => config.enable_vp8(true),
                VideoCodec::Vp9 => config.enable_vp9(true),
                VideoCodec::H264 => config.enable_h264(true),
                VideoCodec::Av1 => config.enable_av1(true),
            };
        }
        feed_back_video_only(config.codec_config());
        let mut rtc = config.build(now);
        for &addr in &ground.udp {
            if let Ok(candidate) = Candidate::builder().udp().host(addr).build() {
                rtc.add_local_candidate(candidate);
            }
        }
        for &addr in &ground.tcp {
            let candidate = Candidate::builder().tcp().host(addr).tcptype(TcpType::Passive).build();
            if let Ok(candidate) = candidate {
                rtc.add_local_candidate(candidate);
            }
        }
        Self {
            run_loop: RunLoop::new(rtc, now),
            ground: Arc::clone(ground),
            ufrag_start,
            ufrag: creds.ufrag,
            fingerprint: String::new(),
            mids: Vec::new(),
            codecs: [None; 128],
            streams: AHashMap::new(),
        }
    }

    /// Takes an offer and gives the answer to it.
    ///
    /// An error that is [`Err`] of the inner kind leaves the connection as it was; after
    /// [`Broken`] it is half changed, and of no more use.
    pub(crate) fn accept(
        &mut self,
        text: &str,
        sdp: &Sdp,
        now: Instant,
    ) -> Result<String, (OfferError, Option<Broken>)> {
        let kept = |error| (error, None);
        let offer = SdpOffer::from_sdp_string(text)
            .map_err(|error| kept(OfferError::sdp(error.to_string())))?;
        if !self.mids.iter().zip(&sdp.lines).all(|(old, new)| *old == new.mid)
            || sdp.lines.len() < self.mids.len()
        {
            return Err(kept(OfferError::sdp(
                "a further offer keeps the m-lines and their order, and adds behind them",
            )));
        }
        self.run_loop
            .pass(now)
            .map_err(|error| (OfferError::sdp(error.to_string()), Some(Broken)))?;
        // The library panics on some offers that contradict themselves. What it has half changed
        // is dropped.
        let rtc = &mut self.run_loop.rtc;
        let answer = catch_unwind(AssertUnwindSafe(|| rtc.sdp_api().accept_offer(offer)));
        let answer = match answer {
            Ok(Ok(answer)) => answer.to_sdp_string(),
            Ok(Err(error)) => return Err((OfferError::sdp(error.to_string()), Some(Broken))),
            Err(_) => {
                let error = OfferError::sdp("contradicts itself");
                return Err((error, Some(Broken)));
            }
        };
        self.fingerprint.clone_from(&sdp.fingerprint);
        self.mids = sdp.lines.iter().map(|line| line.mid).collect();
        self.streams.clear();
        self.learn_codecs();
        Ok(self.name_worker(answer))
    }

    /// Hands in what came from the network. What is not understood is dropped.
    pub(crate) fn receive(
        &mut self,
        now: Instant,
        transport: Transport,
        from: SocketAddr,
        bytes: &[u8],
    ) -> Result<(), Broken> {
        let Some(receive) = self.parse(transport, from, bytes) else {
            return Ok(());
        };
        // Anybody can send nonsense from a forged address, so that an error is the packet's and
        // not the connection's.
        let run_loop = &mut self.run_loop;
        let taken = catch_unwind(AssertUnwindSafe(|| run_loop.receive(now, receive).is_ok()));
        match taken {
            Ok(_) if self.run_loop.rtc.is_alive() => Ok(()),
            Ok(_) | Err(_) => Err(Broken),
        }
    }

    /// Lets time pass.
    pub(crate) fn pass(&mut self, now: Instant) -> Result<(), Broken> {
        guarded(|| self.run_loop.pass(now))
    }

    /// Takes all that is to be done, and says when to call [`Self::pass`] next.
    pub(crate) fn drain(
        &mut self,
        now: Instant,
        transmits: &mut Transmits,
        outputs: &mut Vec<Output>,
    ) -> Result<Instant, Broken> {
        guarded(|| {
            loop {
                match self.run_loop.step(now)? {
                    Step::Rest(until) => return Ok(until),
                    Step::Transmit(Transmit { proto, destination, contents, .. }) => match proto {
                        Protocol::Udp => transmits.udp.push(destination, &contents),
                        Protocol::Tcp | Protocol::SslTcp | Protocol::Tls => {
                            transmits.tcp.push((destination, contents.into()));
                        }
                    },
                    Step::Event(event) => {
                        if let Some(output) = self.understand(event) {
                            outputs.push(output);
                        }
                    }
                }
            }
        })
    }

    /// Sends a packet in the stream of that SSRC, with the next [`Self::pass`] or
    /// [`Self::receive`].
    pub(crate) fn write(&mut self, ssrc: u32, outgoing: Outgoing<'_>, now: Instant) {
        let now = self.run_loop.clock(now);
        if let Some(stream) = self.run_loop.rtc.direct_api().stream_tx(&ssrc.into()) {
            stream.write_rtp(outgoing.into_write(now));
        }
    }

    /// Asks the peer for a key frame (PLI, RFC 4585 section 6.3.1).
    pub(crate) fn ask_key_frame(&mut self, mid: Mid, layer: Option<Layer>) {
        let rid = layer.map(|layer| layer.rid().into());
        let mut api = self.run_loop.rtc.direct_api();
        if let Some(stream) = api.stream_rx_by_mid(mid.as_str().into(), rid) {
            stream.request_keyframe(KeyframeRequestKind::Pli);
        }
    }

    /// Says what rate is needed: `next_bps` for the next better layer, which is worth padding, and
    /// `desired_bps` for the best, which is worth probing.
    pub(crate) fn want_bitrate(&mut self, next_bps: u64, desired_bps: u64) {
        let (next, desired) = (Bitrate::from(next_bps), Bitrate::from(desired_bps));
        self.run_loop.rtc.bwe().set_bitrate(next, desired);
    }

    /// Says goodbye; what it has to say is in the next [`Self::drain`].
    pub(crate) fn close(&mut self) {
        // Only an open DTLS layer can fail to close, and then there is nobody to tell.
        let _ = guarded(|| self.run_loop.rtc.close());
    }

    /// Whether the packet is a check of this peer's ICE agent: it knows our password (RFC 8445
    /// section 7.3).
    pub(crate) fn authenticates(
        &self,
        now: Instant,
        transport: Transport,
        from: SocketAddr,
        bytes: &[u8],
    ) -> bool {
        self.parse(transport, from, bytes)
            .is_some_and(|receive| self.run_loop.rtc.accepts(&Input::Receive(now, receive)))
    }

    pub(crate) fn ufrag(&self) -> &str {
        &self.ufrag
    }

    /// Whether an offer with that fingerprint is of this connection.
    pub(crate) fn is_of(&self, sdp: &Sdp) -> bool {
        self.fingerprint == sdp.fingerprint
    }

    /// The SSRC under which we send on that m-line, if we do.
    pub(crate) fn ssrc(&mut self, mid: Mid) -> Option<u32> {
        let mut api = self.run_loop.rtc.direct_api();
        Some(*api.stream_tx_by_mid(mid.as_str().into(), None)?.ssrc())
    }

    /// Makes the stream we send on that m-line ready for packets of others.
    pub(crate) fn lay_stream(&mut self, mid: Mid, kind: Kind) {
        let limits = self.ground.limits;
        let packets = match kind {
            Kind::Audio => limits.repeat_audio,
            Kind::Video => limits.repeat_video,
        };
        let mut api = self.run_loop.rtc.direct_api();
        let Some(stream) = api.stream_tx_by_mid(mid.as_str().into(), None) else {
            return;
        };
        // Packets are sent when they come; the sender has paced them, and a second queue would
        // only add delay. Probes and padding are paced nevertheless.
        stream.set_unpaced(true);
        stream.set_rtx_cache(packets, limits.repeat, Some(REPEATED_SHARE_MAX));
    }

    /// What the peer can take on that m-line: payload types with their codecs.
    pub(crate) fn payload_types(&self, mid: Mid, kind: Kind) -> Vec<(u8, Codec)> {
        let Some(media) = self.run_loop.rtc.media(mid.as_str().into()) else {
            return Vec::new();
        };
        let matches = match media.kind() {
            MediaKind::Audio => kind == Kind::Audio,
            MediaKind::Video => kind == Kind::Video,
        };
        let negotiated = media.remote_pts().iter().map(|pt| **pt);
        negotiated
            .filter_map(|pt| Some((pt, self.codec(pt)?)))
            .filter(|(_, codec)| matches && codec.kind() == kind)
            .collect()
    }

    fn codec(&self, payload_type: u8) -> Option<Codec> {
        *self.codecs.get(usize::from(payload_type))?
    }

    fn learn_codecs(&mut self) {
        self.codecs = [None; 128];
        for params in self.run_loop.rtc.codec_config().params() {
            if let Some(place) = self.codecs.get_mut(usize::from(*params.pt())) {
                *place = Codec::of(params);
            }
        }
    }

    /// An ICE restart makes the library choose credentials of its own, which would name no worker.
    fn name_worker(&mut self, answer: String) -> String {
        let chosen = self.run_loop.rtc.direct_api().local_ice_credentials();
        if chosen.ufrag == self.ufrag {
            return answer;
        }
        let creds = credentials(&self.ufrag_start);
        let answer = answer.replace(&chosen.ufrag, &creds.ufrag).replace(&chosen.pass, &creds.pass);
        self.ufrag.clone_from(&creds.ufrag);
        self.run_loop.rtc.direct_api().set_local_ice_credentials(creds);
        answer
    }

    fn parse<'a>(
        &self,
        transport: Transport,
        from: SocketAddr,
        bytes: &'a [u8],
    ) -> Option<Receive<'a>> {
        let (protocol, ours) = match transport {
            Transport::Udp => (Protocol::Udp, &self.ground.udp),
            Transport::Tcp => (Protocol::Tcp, &self.ground.tcp),
        };
        // Behind NAT the packet came to an address that no candidate has: it is the one of the
        // same family that it was sent to.
        let to = *ours.iter().find(|addr| addr.is_ipv4() == from.is_ipv4())?;
        Receive::new(protocol, from, to, bytes).ok()
    }

    fn understand(&mut self, event: Event) -> Option<Output> {
        match event {
            Event::Connected => Some(Output::Connected),
            Event::RtpPacket(packet) => {
                let (mid, layer) = self.stream(*packet.header.ssrc)?;
                let codec = self.codec(*packet.header.payload_type)?;
                Some(Output::Packet(Packet::new(mid, layer, codec, packet)))
            }
            Event::KeyframeRequest(request) => {
                Some(Output::KeyFrameAsked(request.mid.parse().ok()?))
            }
            Event::EgressBitrateEstimate(BweKind::Twcc { estimate, .. }) => {
                Some(Output::Estimate(estimate.as_u64()))
            }
            Event::MediaIngressStats(stats) => Some(Output::Report(Report {
                is_up: true,
                packets: stats.packets,
                loss: stats.loss,
                rtt: stats.rtt,
                jitter: self.jitter(&stats.mid, stats.jitter),
            })),
            Event::MediaEgressStats(stats) => Some(Output::Report(Report {
                is_up: false,
                packets: stats.packets,
                loss: stats.loss,
                rtt: stats.rtt,
                jitter: stats.remote.and_then(|remote| self.jitter(&stats.mid, remote.jitter)),
            })),
            Event::Closed => Some(Output::Left),
            // The list of the library is open; the others are of frames, data channels, or told by
            // other means.
            _ => None,
        }
    }

    fn stream(&mut self, ssrc: u32) -> Option<(Mid, Layer)> {
        if let Some(known) = self.streams.get(&ssrc) {
            return Some(*known);
        }
        let mut api = self.run_loop.rtc.direct_api();
        let stream = api.stream_rx(&ssrc.into())?;
        let mid = stream.mid().parse().ok()?;
        let layer = stream.rid().map_or(Some(Layer::Full), |rid| Layer::of_rid(&rid))?;
        self.streams.insert(ssrc, (mid, layer));
        Some((mid, layer))
    }

    /// Of sound alone: the packets of a picture have one timestamp and are spread over the time to
    /// the next one, which counts as jitter (RFC 3550, section 6.4.1) and is none of the network's.
    fn jitter(&self, mid: &str, ticks: u32) -> Option<Duration> {
        let media = self.run_loop.rtc.media(mid.into())?;
        let rate = Codec::clock_rate_hz(Kind::Audio);
        let is_audio = media.kind() == MediaKind::Audio;
        is_audio.then(|| Duration::from_secs(1) * ticks.min(rate) / rate)
    }
}

/// Runs a step of the library. A panic in it costs one connection, not a worker with all its
/// rooms.
fn guarded<T>(step: impl FnOnce() -> Result<T, str0m::RtcError>) -> Result<T, Broken> {
    match catch_unwind(AssertUnwindSafe(step)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(_)) | Err(_) => Err(Broken),
    }
}

/// Leaves sound out of the bandwidth estimation. It is too little to estimate by, and where it was
/// all that could be sent, the library would pad each connection to 50 kbit/s at all times.
fn feed_back_video_only(codecs: &mut CodecConfig) {
    let params = codecs.params().iter().map(|params| {
        let mut params = *params;
        params.set_fb_transport_cc(params.spec().codec.is_video());
        params
    });
    *codecs = CodecConfig::new_from_payload_params(params.collect());
}

fn credentials(ufrag_start: &str) -> IceCreds {
    let mut creds = IceCreds::new();
    creds.ufrag.insert_str(0, ufrag_start);
    creds
}
