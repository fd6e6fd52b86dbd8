//! A forwarder of media that has no packets: peers come up, fall silent, come back and fail. It
//! lives and dies with the server's process.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bellwire::{Answering, Forwarder, Forwarding};
use bellwire_media::{
    CloseReason, Error, Event, Grade, Grant, IDLE_AFTER, Mid, Offer, OfferError, OfferField,
    PeerKey, Quality, RoomKey, Source, Transport, Want,
};
use parking_lot::Mutex;
use tokio::{
    sync::{mpsc, oneshot},
    time::sleep,
};

use crate::lot::Lot;

/// Where a peer is.
type Place = (RoomKey, PeerKey);

/// The forwarder of one life of the server.
#[derive(Debug, Clone)]
pub(super) struct Sfu {
    commands: mpsc::UnboundedSender<Command>,
    floor: Arc<Floor>,
}

/// What the forwarder has, and where it tells of it.
#[derive(Debug)]
struct Floor {
    peers: Mutex<BTreeMap<Place, Peer>>,
    say: mpsc::UnboundedSender<Event>,
}

/// A connection.
#[derive(Debug, Clone)]
pub(super) struct Peer {
    /// What its offer says of whose it is.
    pub(super) owner: String,
    /// What may flow from it.
    pub(super) grant: Grant,
    sends: Vec<Source>,
    /// Its number among all connections.
    number: u64,
    pub(super) stage: Stage,
}

impl Peer {
    /// Whether its media flows. That is open while it connects: it may take the place of another
    /// connection, which counts until this one is up or has failed.
    pub(super) fn flows(&self) -> Option<bool> {
        match self.stage {
            Stage::Connecting => None,
            Stage::Connected => Some(true),
            Stage::Lost => Some(false),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Connecting,
    Connected,
    Lost,
}

#[derive(Debug)]
enum Command {
    Offer(Place, Box<Offer>, Grant, oneshot::Sender<Result<String, OfferError>>),
    Receive(Place, oneshot::Sender<Result<(), Error>>),
    Grant(Place, Grant),
    Close(Place),
    CloseRoom(RoomKey),
}

impl Sfu {
    /// Starts one on the present runtime; what it tells comes out of the receiver.
    pub(super) fn start(lot: Lot) -> (Self, mpsc::UnboundedReceiver<Event>) {
        let (commands, asked) = mpsc::unbounded_channel();
        let (say, events) = mpsc::unbounded_channel();
        let floor = Arc::new(Floor { peers: Mutex::default(), say });
        tokio::spawn(floor.clone().work(asked, lot));
        (Self { commands, floor }, events)
    }

    /// Every connection there is.
    pub(super) fn peers(&self) -> Vec<(Place, Peer)> {
        self.floor.peers.lock().iter().map(|(place, peer)| (*place, peer.clone())).collect()
    }

    /// Nothing is heard of a device's connections for `ms`.
    pub(super) fn silence(&self, owner: &str, ms: u64) {
        for (place, peer) in self.peers() {
            if peer.owner == owner && self.floor.turn(place, peer.number, Stage::Lost) {
                tokio::spawn(self.floor.clone().end_silence(place, peer.number, ms));
            }
        }
    }

    /// A device's connections break beyond repair.
    pub(super) fn fail(&self, owner: &str) {
        for (place, peer) in self.peers() {
            if peer.owner == owner {
                self.floor.end(place, peer.number, CloseReason::Failed);
            }
        }
    }

    fn ask(&self, command: Command) -> Result<(), Error> {
        self.commands.send(command).map_err(|_| Error::Stopped)
    }
}

impl Forwarder for Sfu {
    fn offer(
        &self,
        room: RoomKey,
        peer: PeerKey,
        offer: Offer,
        grant: Grant,
    ) -> Forwarding<'_, Answering> {
        Box::pin(async move {
            let (answer, answered) = oneshot::channel();
            self.ask(Command::Offer((room, peer), Box::new(offer), grant, answer))?;
            Ok(answered)
        })
    }

    fn receive(
        &self,
        room: RoomKey,
        peer: PeerKey,
        _: BTreeMap<Mid, Option<Want>>,
    ) -> Forwarding<'_, ()> {
        Box::pin(async move {
            let (answer, answered) = oneshot::channel();
            self.ask(Command::Receive((room, peer), answer))?;
            answered.await.map_err(|_| Error::Stopped)?
        })
    }

    fn grant(&self, room: RoomKey, peer: PeerKey, grant: Grant) -> Forwarding<'_, ()> {
        Box::pin(async move { self.ask(Command::Grant((room, peer), grant)) })
    }

    fn close(&self, room: RoomKey, peer: PeerKey) -> Forwarding<'_, ()> {
        Box::pin(async move { self.ask(Command::Close((room, peer))) })
    }

    fn close_room(&self, room: RoomKey) -> Forwarding<'_, ()> {
        Box::pin(async move { self.ask(Command::CloseRoom(room)) })
    }
}

impl Floor {
    /// Does what is asked, one after another, as a worker would.
    async fn work(self: Arc<Self>, mut asked: mpsc::UnboundedReceiver<Command>, mut lot: Lot) {
        let mut connections = 0;
        while let Some(command) = asked.recv().await {
            let busy_ms = if lot.happens(10) { lot.below(400) } else { lot.below(3) };
            sleep(Duration::from_millis(busy_ms)).await;
            // Whoever waited for an answer may have gone.
            match command {
                Command::Offer(_, offer, _, answer) if lot.happens(4) => {
                    drop(answer.send(Err(refusal(&offer))));
                }
                Command::Offer(place, offer, grant, answer) => {
                    connections += 1;
                    let keeps = lot.happens(40);
                    let is_new = self.take(place, *offer, grant, connections, keeps);
                    drop(answer.send(Ok(format!("an answer to offer {connections}"))));
                    if is_new {
                        tokio::spawn(self.clone().connect(place, connections, lot.next()));
                    }
                }
                Command::Receive(place, answer) => {
                    let known = self.peers.lock().contains_key(&place);
                    drop(answer.send(known.then_some(()).ok_or(Error::UnknownPeer)));
                }
                Command::Grant(place, grant) => {
                    let changed = self
                        .peers
                        .lock()
                        .get_mut(&place)
                        .is_some_and(|peer| std::mem::replace(&mut peer.grant, grant) != grant);
                    if changed {
                        self.tell_tracks(place.0);
                    }
                }
                Command::Close(place) => {
                    if self.peers.lock().remove(&place).is_some() {
                        self.tell_tracks(place.0);
                    }
                }
                Command::CloseRoom(room) => self.peers.lock().retain(|place, _| place.0 != room),
            }
        }
    }

    /// Takes an offer; whether it makes a new connection. One of the same device may as well change
    /// the connection that is there.
    fn take(&self, place: Place, offer: Offer, grant: Grant, number: u64, keeps: bool) -> bool {
        let sends = offer.send.into_values().collect();
        let peer = Peer { owner: offer.sdp, grant, sends, number, stage: Stage::Connecting };
        let mut peers = self.peers.lock();
        let known = peers.get_mut(&place).filter(|known| keeps && known.owner == peer.owner);
        let is_new = known.is_none();
        let replaced = match known {
            Some(known) => {
                (known.grant, known.sends) = (peer.grant, peer.sends);
                None
            }
            None => peers.insert(place, peer),
        };
        drop(peers);
        if replaced.is_some() {
            self.tell(closed(place, CloseReason::Replaced));
        }
        self.tell_tracks(place.0);
        is_new
    }

    /// ICE and DTLS take their time, and fail at times.
    async fn connect(self: Arc<Self>, place: Place, number: u64, seed: u64) {
        let mut lot = Lot::new(seed);
        let ms = lot.pick(&[0, 40, 200, 2_500]);
        sleep(Duration::from_millis(ms)).await;
        if lot.happens(6) {
            return self.end(place, number, CloseReason::Failed);
        }
        if !self.turn(place, number, Stage::Connected) {
            return;
        }
        let (room, grade) = (place.0, Grade(2));
        let quality = Quality { up: grade, down: grade, rtt_ms: 20, loss: 0.0, jitter_ms: 3 };
        self.tell(Event::Quality { room, peers: vec![(place.1, quality)] });
        self.tell(Event::Speakers { room, speakers: vec![(place.1, -30)] });
    }

    async fn end_silence(self: Arc<Self>, place: Place, number: u64, ms: u64) {
        let silent = Duration::from_millis(ms);
        sleep(silent.min(IDLE_AFTER)).await;
        if silent < IDLE_AFTER {
            self.turn(place, number, Stage::Connected);
        } else {
            self.end(place, number, CloseReason::Idle);
        }
    }

    /// Notes how a connection is, and tells of it; whether it was there and otherwise before.
    fn turn(&self, place: Place, number: u64, stage: Stage) -> bool {
        let (room, peer) = place;
        let event = {
            let mut peers = self.peers.lock();
            let Some(own) = peers.get_mut(&place).filter(|own| own.number == number) else {
                return false;
            };
            let event = match (own.stage, stage) {
                (Stage::Connecting, Stage::Connected) => {
                    let (transport, after) = (Transport::Udp, Duration::from_millis(40));
                    Event::Connected { room, peer, transport, after }
                }
                (Stage::Connected, Stage::Lost) => Event::Lost { room, peer },
                (Stage::Lost, Stage::Connected) => Event::Restored { room, peer },
                _ => return false,
            };
            own.stage = stage;
            event
        };
        self.tell(event);
        true
    }

    fn end(&self, place: Place, number: u64, reason: CloseReason) {
        let is_there = self.peers.lock().get(&place).is_some_and(|own| own.number == number);
        if is_there {
            self.peers.lock().remove(&place);
            self.tell(closed(place, reason));
            self.tell_tracks(place.0);
        }
    }

    fn tell_tracks(&self, room: RoomKey) {
        let tracks = {
            let peers = self.peers.lock();
            let of_room = peers.iter().filter(|(place, _)| place.0 == room);
            let tracks = of_room.flat_map(|((_, key), peer)| {
                peer.sends.iter().map(|source| (*key, *source, peer.grant.allows(*source)))
            });
            tracks.collect()
        };
        self.tell(Event::Tracks { room, tracks });
    }

    fn tell(&self, event: Event) {
        // Nobody listens any more when the server ends.
        drop(self.say.send(event));
    }
}

fn closed((room, peer): Place, reason: CloseReason) -> Event {
    Event::Closed { room, peer, reason }
}

fn refusal(offer: &Offer) -> OfferError {
    let text = format!("no session description: {}", offer.sdp);
    OfferError { field: OfferField::Sdp, text }
}
