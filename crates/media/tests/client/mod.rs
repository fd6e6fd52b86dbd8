//! A client of the SFU: a real WebRTC connection on a socket of its own, which sends made-up media
//! and writes down what it gets.

#![allow(dead_code, reason = "each test uses a part of it")]
#![allow(unreachable_pub, reason = "a module of several test crates")]
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

pub mod check;
mod driver;
mod media;
pub mod network;
pub mod world;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bellwire_media::{Grant, Mid, Offer, PeerKey, RoomKey, Sfu, Source, Want};
use parking_lot::Mutex;
use str0m::change::{SdpAnswer, SdpPendingOffer};
use str0m::media::{Direction, MediaKind, Simulcast, SimulcastLayer};
use str0m::{Candidate, Rtc, RtcConfig};
use tokio::net::UdpSocket;
use tokio::sync::{Notify, mpsc, oneshot};

pub use media::{Marks, VideoShape};

/// How long anything is waited for. Generous: the machine may be busy.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// What a client is made of.
#[derive(Clone, Debug)]
pub struct Setup {
    /// What it sends.
    pub sends: Vec<Source>,
    /// How many slots it has for sound and for pictures.
    pub audio_slots: usize,
    pub video_slots: usize,
    /// The pictures it sends, per layer; more than one is simulcast (camera only).
    pub video: Vec<VideoShape>,
    /// Over TCP instead of UDP.
    pub over_tcp: bool,
    /// Where packets go instead of the server: an emulated network.
    pub by_way_of: Option<SocketAddr>,
    /// Level of the voice in dBov.
    pub level_dbov: i8,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            sends: vec![Source::Mic, Source::Camera],
            audio_slots: 1,
            video_slots: 1,
            video: vec![VideoShape::new("", 640, 360, 300_000)],
            over_tcp: false,
            by_way_of: None,
            level_dbov: -25,
        }
    }
}

/// The camera in three layers, of about 70, 200 and 600 kbit/s.
pub fn simulcast() -> Vec<VideoShape> {
    vec![
        VideoShape::new("q", 160, 90, 70_000),
        VideoShape::new("h", 320, 180, 200_000),
        VideoShape::new("f", 640, 360, 600_000),
    ]
}

/// A packet that came.
#[derive(Clone, Debug)]
pub struct Received {
    pub at: Instant,
    pub ssrc: u32,
    pub seq: u64,
    pub time: u32,
    /// What the sender wrote into it.
    pub marks: Marks,
    pub bytes: usize,
}

/// What a client has seen.
#[derive(Debug, Default)]
pub struct Seen {
    pub connected: bool,
    pub closed: bool,
    /// By slot.
    pub packets: BTreeMap<Mid, Vec<Received>>,
    /// Key frames asked of us: m-line, layer, when.
    pub key_frame_requests: Vec<(Mid, Option<String>, Instant)>,
    /// Requests to repeat lost packets.
    pub nacks: u64,
}

pub struct Client {
    pub sfu: Sfu,
    pub room: RoomKey,
    pub key: PeerKey,
    /// What is sent where.
    pub send: BTreeMap<Mid, Source>,
    pub audio_slots: Vec<Mid>,
    pub video_slots: Vec<Mid>,
    seen: Arc<Mutex<Seen>>,
    changed: Arc<Notify>,
    acts: mpsc::UnboundedSender<Act>,
}

/// What the driver of a client is asked to do.
pub(crate) enum Act {
    Offer {
        restart: bool,
        reply: oneshot::Sender<(String, SdpPendingOffer)>,
    },
    Answer(Box<(SdpPendingOffer, SdpAnswer)>),
    AskKeyFrame(Mid),
    /// From now on packets go from another socket.
    MoveTo(UdpSocket, Option<SocketAddr>),
    /// Stops (or goes on) sending and receiving anything at all.
    Silence(bool),
    /// Says goodbye.
    Close,
    /// Sends key frames without being asked.
    OnlyKeyFrames,
    /// Sends pictures in place of the sound of that m-line, and sound in place of pictures.
    Cheat,
}

impl Client {
    /// A client that is about to join.
    pub async fn new(sfu: &Sfu, (room, key): (u64, u64), setup: Setup) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let mut config = RtcConfig::new().set_rtp_mode(true).enable_raw_packets(true);
        config = config.clear_codecs().enable_opus(true, false).enable_vp8(true);
        let mut rtc: Rtc = config.build(Instant::now());
        let mut stream = None;
        if setup.over_tcp {
            let server = sfu.tcp_addr().unwrap();
            let tcp = tokio::net::TcpStream::connect(server).await.unwrap();
            let candidate = Candidate::builder()
                .tcp()
                .host(tcp.local_addr().unwrap())
                .tcptype(str0m::net::TcpType::Active)
                .build();
            rtc.add_local_candidate(candidate.unwrap());
            stream = Some(tcp);
        } else {
            let host = Candidate::host(socket.local_addr().unwrap(), "udp").unwrap();
            rtc.add_local_candidate(host);
        }
        let mut api = rtc.sdp_api();
        let mut send = BTreeMap::new();
        for source in &setup.sends {
            let kind = match source.kind() {
                bellwire_media::Kind::Audio => MediaKind::Audio,
                bellwire_media::Kind::Video => MediaKind::Video,
            };
            let layers = (*source == Source::Camera && setup.video.len() > 1).then(|| {
                let mut simulcast = Simulcast::new();
                for shape in &setup.video {
                    simulcast.add_send_layer(SimulcastLayer::new(shape.rid));
                }
                simulcast
            });
            let mid = api.add_media(kind, Direction::SendOnly, None, None, layers);
            send.insert(mid.parse().unwrap(), *source);
        }
        let mut slots = |kind, count| -> Vec<Mid> {
            (0..count)
                .map(|_| {
                    api.add_media(kind, Direction::RecvOnly, None, None, None).parse().unwrap()
                })
                .collect()
        };
        let audio_slots = slots(MediaKind::Audio, setup.audio_slots);
        let video_slots = slots(MediaKind::Video, setup.video_slots);
        let (offer, pending) = api.apply().unwrap();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let changed = Arc::new(Notify::new());
        let (acts, inbox) = mpsc::unbounded_channel();
        let driver = driver::Driver::new(
            rtc,
            (socket, stream),
            (offer.to_sdp_string(), pending),
            send.clone(),
            &setup,
            sfu,
            (Arc::clone(&seen), Arc::clone(&changed)),
        );
        tokio::spawn(driver.run(inbox));
        Self {
            sfu: sfu.clone(),
            room: RoomKey(room),
            key: PeerKey(key),
            send,
            audio_slots,
            video_slots,
            seen,
            changed,
            acts,
        }
    }

    /// Makes an offer, takes the answer, and waits until connected.
    pub async fn join(sfu: &Sfu, keys: (u64, u64), setup: Setup) -> Self {
        let client = Self::new(sfu, keys, setup).await;
        client.offer(BTreeMap::new(), Grant::ALL, false).await;
        client.wait("connection", |seen| seen.connected.then_some(())).await;
        client
    }

    /// Makes an offer, or the first one again with other ICE credentials.
    pub async fn offer(&self, receive: BTreeMap<Mid, Want>, grant: Grant, restart: bool) {
        let (reply, made) = oneshot::channel();
        self.acts.send(Act::Offer { restart, reply }).ok().unwrap();
        let (sdp, pending) = made.await.unwrap();
        let offer = Offer { sdp, send: self.send.clone(), receive };
        let answer = self.sfu.offer(self.room, self.key, offer, grant).await.unwrap();
        let answer = SdpAnswer::from_sdp_string(&answer).unwrap();
        self.acts.send(Act::Answer(Box::new((pending, answer)))).ok().unwrap();
    }

    /// Lets a track flow in a slot.
    pub async fn receive(&self, slot: Mid, peer: u64, source: Source, size: Option<(u16, u16)>) {
        let want = Want { peer: PeerKey(peer), source, size };
        self.wants([(slot, Some(want))]).await;
    }

    pub async fn wants<const N: usize>(&self, wants: [(Mid, Option<Want>); N]) {
        let wants = BTreeMap::from(wants);
        self.sfu.receive(self.room, self.key, wants).await.unwrap();
    }

    pub fn ask_key_frame(&self, slot: Mid) {
        self.acts.send(Act::AskKeyFrame(slot)).ok().unwrap();
    }

    /// Goes on from another address, as a phone that leaves its Wi-Fi.
    pub async fn move_to_other_address(&self) {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        self.acts.send(Act::MoveTo(socket, None)).ok().unwrap();
    }

    pub fn silence(&self, is_silent: bool) {
        self.acts.send(Act::Silence(is_silent)).ok().unwrap();
    }

    pub fn close(&self) {
        self.acts.send(Act::Close).ok().unwrap();
    }

    pub fn send_only_key_frames(&self) {
        self.acts.send(Act::OnlyKeyFrames).ok().unwrap();
    }

    pub fn cheat(&self) {
        self.acts.send(Act::Cheat).ok().unwrap();
    }

    /// Looks at what was seen.
    pub fn look<T>(&self, look: impl FnOnce(&Seen) -> T) -> T {
        look(&self.seen.lock())
    }

    /// Waits until `what` is to be seen.
    pub async fn wait<T>(&self, what: &str, mut find: impl FnMut(&Seen) -> Option<T>) -> T {
        let waiting = async {
            loop {
                let changed = self.changed.notified();
                if let Some(found) = find(&self.seen.lock()) {
                    return found;
                }
                changed.await;
            }
        };
        let found = tokio::time::timeout(PATIENCE, waiting).await;
        found.unwrap_or_else(|_| panic!("peer {} waited in vain for {what}", self.key.0))
    }

    /// Waits for so many further packets in a slot, and gives them.
    pub async fn packets(&self, slot: Mid, count: usize) -> Vec<Received> {
        let before = self.look(|seen| seen.packets.get(&slot).map_or(0, Vec::len));
        self.wait(&format!("{count} packets"), |seen| {
            let all = seen.packets.get(&slot)?;
            (all.len() >= before + count).then(|| all[before..before + count].to_vec())
        })
        .await
    }
}
