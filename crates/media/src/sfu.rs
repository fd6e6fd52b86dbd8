//! The SFU as its embedder sees it.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot, watch};

use crate::error::{Error, OfferError};
use crate::event::Event;
use crate::keys::{Grant, Mid, PeerKey, RoomKey, Want};
use crate::net::{Udp, reachable};
use crate::placement::Placement;
use crate::room::Offer;
use crate::settings::Settings;
use crate::webrtc::{Certificate, Ground};
use crate::worker::{Command, Neighbours, Steer, Worker, start};

/// Commands that wait for a worker; who asks then waits in turn.
const COMMANDS_MAX: usize = 1_024;

/// What waits for a worker: packets of its TCP connections, and datagrams that another worker read
/// for it, up to 16 together; 20 MB of usual ones. What comes on top is lost.
const STEERS_MAX: usize = 1_024;

/// A running SFU. Clones are the same one; it ends with the last of them, or when stopped.
#[derive(Clone)]
pub struct Sfu {
    inner: Arc<Inner>,
}

struct Inner {
    commands: Vec<mpsc::Sender<Command>>,
    placement: Placement,
    rooms_max: usize,
    udp: SocketAddr,
    tcp: Option<SocketAddr>,
    stop: watch::Sender<bool>,
}

impl Sfu {
    /// Opens the ports and starts the threads. `events` is called on them and must not block.
    pub fn start(
        settings: &Settings,
        events: impl Fn(Event) + Send + Sync + 'static,
    ) -> Result<Self, Error> {
        settings.check()?;
        let listen = |what| move |source| Error::Listen { what, source };
        let open = if settings.udp_per_thread { Udp::open_apart } else { Udp::open_shared };
        let sockets = open(settings.udp, settings.threads).map_err(listen("udp"))?;
        let udp: Result<Vec<_>, _> = sockets.iter().map(UdpSocket::local_addr).collect();
        let udp = udp.map_err(listen("udp"))?;
        let mut listener = settings
            .tcp
            .map(|addr| {
                let listener = TcpListener::bind(addr)?;
                listener.set_nonblocking(true)?;
                Ok(listener)
            })
            .transpose()
            .map_err(listen("tcp"))?;
        let tcp =
            listener.as_ref().map(TcpListener::local_addr).transpose().map_err(listen("tcp"))?;
        let candidates = |bound| reachable(bound, &settings.announce);
        let tcp_candidates = tcp.map(candidates).unwrap_or_default();
        let certificate = Certificate::generate().ok_or_else(|| {
            Error::Worker(std::io::Error::other("no DTLS certificate could be made"))
        })?;
        let events: Arc<dyn Fn(Event) + Send + Sync> = Arc::new(events);
        let (stop, stopped) = watch::channel(false);
        let (steers, inboxes): (Vec<_>, Vec<_>) =
            (0..settings.threads).map(|_| mpsc::channel::<Steer>(STEERS_MAX)).unzip();
        let mut commands = Vec::with_capacity(settings.threads);
        for (index, (socket, inbox)) in sockets.into_iter().zip(inboxes).enumerate() {
            let (sender, receiver) = mpsc::channel(COMMANDS_MAX);
            commands.push(sender);
            let (udp, tcp) = (candidates(udp[index]), tcp_candidates.clone());
            let ground = Ground::new(&certificate, udp, tcp, settings.limits);
            start(Worker {
                neighbours: Neighbours {
                    index,
                    steers: steers.clone(),
                    share_port: !settings.udp_per_thread,
                },
                ground: Arc::new(ground),
                udp: socket,
                tcp: listener.take(),
                commands: receiver,
                steers: inbox,
                stop: stopped.clone(),
                events: Arc::clone(&events),
            })
            .map_err(Error::Worker)?;
        }
        Ok(Self {
            inner: Arc::new(Inner {
                commands,
                placement: Placement::new(settings.threads),
                rooms_max: settings.limits.rooms,
                udp: udp[0],
                tcp,
                stop,
            }),
        })
    }

    /// Where datagrams are taken, or where the first thread takes them.
    pub fn udp_addr(&self) -> SocketAddr {
        self.inner.udp
    }

    /// Where TCP connections are taken.
    pub fn tcp_addr(&self) -> Option<SocketAddr> {
        self.inner.tcp
    }

    /// Takes an offer of a peer and gives the answer to it.
    ///
    /// An offer with the DTLS fingerprint of the peer's connection changes that connection: more
    /// slots, other tracks, or with new ICE credentials another network. One with another
    /// fingerprint makes a new connection, and ends the old one once it is accepted.
    pub async fn offer(
        &self,
        room: RoomKey,
        peer: PeerKey,
        offer: Offer,
        grant: Grant,
    ) -> Result<String, Error> {
        let answered = self.begin_offer(room, peer, offer, grant).await?;
        Ok(answered.await.map_err(|_| Error::Stopped)??)
    }

    /// Likewise, but waits only until the offer is in line: what is asked of the room afterwards
    /// takes effect after it. The answer comes out of the receiver.
    pub async fn begin_offer(
        &self,
        room: RoomKey,
        peer: PeerKey,
        offer: Offer,
        grant: Grant,
    ) -> Result<oneshot::Receiver<Result<String, OfferError>>, Error> {
        let inner = &self.inner;
        let full = || OfferError::sdp("the server has its most rooms");
        let place = inner.placement.place(room, inner.rooms_max).ok_or_else(full)?;
        let (answer, answered) = oneshot::channel();
        let command = Command::Offer {
            room,
            peer,
            offer: Box::new(offer),
            grant,
            place: place.clone(),
            answer,
        };
        self.command(place.worker(), command).await?;
        Ok(answered)
    }

    /// Changes what flows in a peer's receiving slots. Only those named change; `None` empties one.
    pub async fn receive(
        &self,
        room: RoomKey,
        peer: PeerKey,
        wants: BTreeMap<Mid, Option<Want>>,
    ) -> Result<(), Error> {
        let worker = self.inner.placement.worker(room).ok_or(Error::UnknownPeer)?;
        let (answer, answered) = oneshot::channel();
        let command = Command::Receive { room, peer, wants, answer };
        self.command(worker, command).await?;
        answered.await.map_err(|_| Error::Stopped)?
    }

    /// Changes what may flow from a peer, whatever it sends. Nothing happens for one that has no
    /// connection: the grant comes with its offer.
    pub async fn grant(&self, room: RoomKey, peer: PeerKey, grant: Grant) -> Result<(), Error> {
        self.tell(room, Command::Grant { room, peer, grant }).await
    }

    /// Ends a peer's connection, if it has one.
    pub async fn close(&self, room: RoomKey, peer: PeerKey) -> Result<(), Error> {
        self.tell(room, Command::Close { room, peer }).await
    }

    /// Ends all connections of a room.
    pub async fn close_room(&self, room: RoomKey) -> Result<(), Error> {
        self.tell(room, Command::CloseRoom { room }).await
    }

    /// Ends all connections and the threads, and waits for that. No event comes afterwards.
    pub async fn stop(&self) {
        self.inner.stop.send_replace(true);
        self.inner.stop.closed().await;
    }

    /// Tells the worker of a room something; nothing to do where there is no such room.
    async fn tell(&self, room: RoomKey, command: Command) -> Result<(), Error> {
        match self.inner.placement.worker(room) {
            Some(worker) => self.command(worker, command).await,
            None => Ok(()),
        }
    }

    async fn command(&self, worker: usize, command: Command) -> Result<(), Error> {
        let sent = self.inner.commands[worker].send(command).await;
        sent.map_err(|_| Error::Stopped)
    }
}

impl std::fmt::Debug for Sfu {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sfu").field("threads", &self.inner.commands.len()).finish_non_exhaustive()
    }
}
