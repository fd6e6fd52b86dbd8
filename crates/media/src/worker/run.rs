//! The loop of a worker.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ahash::AHashMap;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};

use super::command::{Command, Steer};
use super::demultiplex::{Demultiplexer, Route, ufrag_start, worker_of};
use super::timers::Timers;
use crate::event::{Event, Transport};
use crate::net::{Batch, Introduced, Link, Origin, Packed, Packet, Udp, accept};
use crate::room::{Path, Rooms};
use crate::webrtc::Ground;

/// Reads of the socket before anything is sent. A sender that floods must not hold up the others'
/// answers.
const READS_MAX: usize = 4;

/// What is taken at once of TCP connections and other workers.
const STEERS_MAX: usize = 32;

/// Datagrams given to another worker at once.
const ASTRAY_MAX: usize = 16;

/// Commands taken at once. Each may be an offer, which holds media up as long as it takes.
const COMMANDS_MAX: usize = 8;

/// Without a timer, a worker sleeps until something comes.
const FAR_OFF: Duration = Duration::from_hours(1);

/// How a worker reaches itself and the others.
#[derive(Clone)]
pub(crate) struct Neighbours {
    pub(crate) index: usize,
    pub(crate) steers: Vec<mpsc::Sender<Steer>>,
    /// Whether all take datagrams on one port, so that they come to the wrong one as well.
    pub(crate) share_port: bool,
}

impl Neighbours {
    /// Whether packets of a path may come to other workers than its own.
    fn share(&self, path: Path) -> bool {
        path.0 == Transport::Udp && self.share_port
    }
}

/// All that a worker starts with.
pub(crate) struct Worker {
    pub(crate) neighbours: Neighbours,
    pub(crate) ground: Arc<Ground>,
    pub(crate) udp: std::net::UdpSocket,
    /// With the first worker only.
    pub(crate) tcp: Option<std::net::TcpListener>,
    pub(crate) commands: mpsc::Receiver<Command>,
    pub(crate) steers: mpsc::Receiver<Steer>,
    pub(crate) stop: watch::Receiver<bool>,
    pub(crate) events: Arc<dyn Fn(Event) + Send + Sync>,
}

/// Starts a worker's thread. It ends when told to stop, or when nobody can ask it any more.
pub(crate) fn start(worker: Worker) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let name = format!("media-{}", worker.neighbours.index);
    let guard = runtime.enter();
    let stop = worker.stop.clone();
    let running = Running::new(worker)?;
    drop(guard);
    std::thread::Builder::new().name(name).spawn(move || {
        runtime.block_on(running.run(stop));
    })?;
    Ok(())
}

struct Running {
    neighbours: Neighbours,
    udp: Udp,
    rooms: Rooms,
    demultiplexer: Demultiplexer,
    timers: Timers,
    links: AHashMap<SocketAddr, Link>,
    batch: Batch,
    commands: mpsc::Receiver<Command>,
    steers: mpsc::Receiver<Steer>,
    events: Arc<dyn Fn(Event) + Send + Sync>,
    /// Datagrams read, until they are handled.
    read: Packed<Origin>,
    /// Those for each of the workers.
    astray: Vec<Packed<Origin>>,
}

impl Running {
    fn new(worker: Worker) -> io::Result<Self> {
        let Worker { neighbours, ground, udp, tcp, commands, steers, stop: _, events } = worker;
        let index = neighbours.index;
        let workers = neighbours.steers.len();
        if let Some(tcp) = tcp {
            let all = neighbours.steers.clone();
            let most = ground.limits.tcp_connections;
            let give = move |introduced: Introduced| {
                let worker = worker_of(&introduced.ufrag).and_then(|worker| all.get(worker));
                if let Some(worker) = worker {
                    // A worker that is too busy to take it lets the client try again.
                    let _ = worker.try_send(Steer::Link(introduced));
                }
            };
            tokio::spawn(accept(TcpListener::from_std(tcp)?, most, give));
        }
        Ok(Self {
            udp: Udp::new(udp)?,
            rooms: Rooms::new(ground, ufrag_start(index)),
            demultiplexer: Demultiplexer::new(index, workers),
            timers: Timers::default(),
            links: AHashMap::new(),
            batch: Batch::default(),
            neighbours,
            commands,
            steers,
            events,
            read: Packed::default(),
            astray: (0..workers).map(|_| Packed::default()).collect(),
        })
    }

    async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let mut steers = Vec::with_capacity(STEERS_MAX);
        let mut commands = Vec::with_capacity(COMMANDS_MAX);
        let mut is_asked = true;
        while is_asked {
            let next = self.timers.next().unwrap_or_else(|| Instant::now() + FAR_OFF);
            tokio::select! {
                biased;
                _ = stop.changed() => is_asked = false,
                count = self.commands.recv_many(&mut commands, COMMANDS_MAX) => {
                    is_asked = count > 0;
                }
                _ = self.steers.recv_many(&mut steers, STEERS_MAX) => {}
                _ = self.udp.readable() => {}
                _ = self.udp.writable(), if !self.batch.is_empty() => {}
                () = tokio::time::sleep_until(next.into()) => {}
            }
            for command in commands.drain(..) {
                self.obey(command, Instant::now());
            }
            for steer in steers.drain(..) {
                self.steered(steer, Instant::now());
            }
            self.read();
            let now = Instant::now();
            while let Some((at, timer)) = self.timers.due(now) {
                self.rooms.wake(timer, at, now);
            }
            self.carry_out(now);
        }
        let now = Instant::now();
        self.rooms.close_all(now);
        self.carry_out(now);
    }

    fn obey(&mut self, command: Command, now: Instant) {
        match command {
            Command::Offer { room, peer, offer, grant, place, answer } => {
                let result = self.rooms.offer((room, peer), &offer, grant, place, now);
                // The checks of the client may come as soon as it has the answer.
                self.carry_out(now);
                // Who no longer waits has closed, or will.
                let _ = answer.send(result);
            }
            Command::Receive { room, peer, wants, answer } => {
                let result = self.rooms.receive_wants((room, peer), &wants, now);
                let _ = answer.send(result);
            }
            Command::Grant { room, peer, grant } => self.rooms.grant((room, peer), grant, now),
            Command::Close { room, peer } => self.rooms.close(room, peer, now),
            Command::CloseRoom { room } => self.rooms.close_room(room, now),
        }
    }

    fn steered(&mut self, steer: Steer, now: Instant) {
        match steer {
            Steer::Datagrams { datagrams, via } => {
                for (origin, bytes) in datagrams.iter() {
                    self.arrived(Transport::Udp, origin, bytes, Some(via), now);
                }
            }
            Steer::Learn { path, worker } => self.demultiplexer.learn_other(path, worker),
            Steer::Forget { path, worker } => self.demultiplexer.forget_other(path, worker),
            Steer::Link(introduced) => {
                let from = introduced.from;
                let own = self.neighbours.steers[self.neighbours.index].clone();
                if let Ok(link) = Link::new(introduced, own) {
                    self.links.insert(from, link);
                }
            }
            Steer::Packet(Packet { from, bytes }) if bytes.is_empty() => {
                self.links.remove(&from);
            }
            Steer::Packet(Packet { from, bytes }) => {
                let origin = Origin { from, to: None };
                self.arrived(Transport::Tcp, origin, &bytes, None, now);
                // A connection is for one peer, which its first packet must prove to be.
                if !self.demultiplexer.is_here((Transport::Tcp, from)) {
                    self.links.remove(&from);
                }
            }
        }
    }

    fn read(&mut self) {
        for _ in 0..READS_MAX {
            let mut read = std::mem::take(&mut self.read);
            let is_more = self.udp.receive(&mut read);
            let now = Instant::now();
            for (origin, bytes) in read.iter() {
                self.arrived(Transport::Udp, origin, bytes, None, now);
            }
            read.clear();
            self.read = read;
            self.pass_on();
            if !is_more {
                break;
            }
        }
    }

    /// Gives other workers what came for them.
    fn pass_on(&mut self) {
        let via = self.neighbours.index;
        for (astray, steer) in self.astray.iter_mut().zip(&self.neighbours.steers) {
            if !astray.is_empty() {
                let datagrams = std::mem::take(astray);
                // A worker that cannot keep up loses packets, as a full socket does.
                let _ = steer.try_send(Steer::Datagrams { datagrams, via });
            }
        }
    }

    /// A packet came, perhaps by way of another worker.
    fn arrived(
        &mut self,
        over: Transport,
        origin: Origin,
        bytes: &[u8],
        via: Option<usize>,
        now: Instant,
    ) {
        let path = (over, origin.from);
        match self.demultiplexer.route(path, bytes) {
            Route::Peer(peer) => {
                self.rooms.receive(peer, path, bytes, now);
                // The other worker may have missed it the first time.
                if let Some(via) = via.filter(|_| crate::net::is_stun(bytes)) {
                    self.teach(via, path);
                }
            }
            Route::Check(peer) => {
                if self.rooms.authenticate(peer, path, bytes, now) {
                    if self.demultiplexer.learn(path, peer, origin.to)
                        && self.neighbours.share(path)
                    {
                        for worker in 0..self.neighbours.steers.len() {
                            self.teach(worker, path);
                        }
                    }
                    self.rooms.receive(peer, path, bytes, now);
                }
            }
            Route::Worker(worker) if via.is_none() && self.neighbours.share(path) => {
                self.astray[worker].push(origin, bytes);
                if self.astray[worker].len() == ASTRAY_MAX {
                    self.pass_on();
                }
            }
            Route::Worker(_) | Route::Nobody => {}
        }
    }

    /// Tells another worker that a path is ours.
    fn teach(&self, worker: usize, path: Path) {
        if worker != self.neighbours.index {
            let learn = Steer::Learn { path, worker: self.neighbours.index };
            // Told again with the next check.
            let _ = self.neighbours.steers[worker].try_send(learn);
        }
    }

    /// Does what the rooms want done.
    fn carry_out(&mut self, now: Instant) {
        self.rooms.flush(now);
        let outbox = &mut self.rooms.outbox;
        for (ufrag, peer) in outbox.ufrags.drain(..) {
            self.demultiplexer.name(ufrag, peer);
        }
        let (udp, local) = (Transport::Udp, &self.demultiplexer);
        self.batch.send(&self.udp, &outbox.transmits.udp, |to| local.local((udp, to)));
        outbox.transmits.udp.clear();
        for (to, bytes) in outbox.transmits.tcp.drain(..) {
            if let Some(link) = self.links.get(&to) {
                link.send(bytes);
            }
        }
        for (path, peer) in outbox.gone.drain(..) {
            if !self.demultiplexer.forget(path, peer) {
                continue;
            }
            if path.0 == Transport::Tcp {
                self.links.remove(&path.1);
            }
            if self.neighbours.share(path) {
                let worker = self.neighbours.index;
                for (index, steer) in self.neighbours.steers.iter().enumerate() {
                    if index != worker {
                        // A stale entry sends packets here, where they are nobody's.
                        let _ = steer.try_send(Steer::Forget { path, worker });
                    }
                }
            }
        }
        for (at, timer) in outbox.timers.drain(..) {
            self.timers.add(at, timer);
        }
        for event in outbox.events.drain(..) {
            (self.events)(event);
        }
    }
}
