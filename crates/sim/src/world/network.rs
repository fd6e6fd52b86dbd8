//! Connections: how bytes travel, and how they do not.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bellwire_checker::Step;

use super::{
    Event, World,
    frame::{self, Decoder, Frame},
    pipe::{End, Pipe, pipe},
};

/// A connection, by its place among all there have been.
pub(crate) type LinkId = usize;

/// A device that has heard nothing for so long gives a connection up; the server pings every 25 s.
const SILENCE_MS: u64 = 70_000;

/// A connection.
pub(super) struct Link {
    pub(super) device: usize,
    pub(super) pipe: Pipe,
    decoder: Decoder,
    /// What is on its way to the device, in its order.
    coming: VecDeque<Vec<u8>>,
    /// How long a frame takes, in milliseconds.
    up_ms: u64,
    down_ms: u64,
    /// When the latest frame of each direction arrives: order holds within a connection.
    up_at: u64,
    down_at: u64,
    /// What is sent is lost.
    pub(super) lost: Lost,
    /// The device's side is over.
    pub(super) over: bool,
    /// The server's close is on its way.
    closing: bool,
    heard_at: u64,
}

/// In which directions bytes vanish.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Lost {
    pub(super) up: bool,
    pub(super) down: bool,
}

/// What the network is like for all.
#[derive(Debug, Default)]
pub(super) struct Weather {
    /// No connection can be made before.
    pub(super) out_until: u64,
    /// By device: until when it does not read.
    pub(super) slow_until: BTreeMap<usize, u64>,
    /// Devices that have no network at all.
    pub(super) away: BTreeSet<usize>,
    /// By device: until when frames take so much longer up and down.
    pub(super) lag: BTreeMap<usize, (u64, u64, u64)>,
}

impl World {
    /// A device tries to connect.
    pub(super) fn dial(&mut self, device: usize) {
        let refused = self.node.is_none()
            || self.network.out_until > self.now
            || self.network.away.contains(&device);
        if refused {
            self.devices[device].attempts += 1;
            return self.dial_later(device);
        }
        let Some(node) = self.node.clone() else { return };
        let id = self.links.len();
        let mut lot = self.lot(&[3, device as u64, id as u64]);
        let (room, near) = if self.shape.unruly {
            (lot.pick(&[2_000, 65_536, 65_536]), lot.pick(&[1, 1, 20, 150]))
        } else {
            (65_536, 1)
        };
        let (theirs, stream) = pipe(id, self.bell.clone(), room);
        self.links.push(Link {
            device,
            pipe: theirs,
            decoder: Decoder::default(),
            coming: VecDeque::new(),
            up_ms: lot.within(0, near),
            down_ms: lot.within(0, near),
            up_at: self.now,
            down_at: self.now,
            lost: Lost::default(),
            over: false,
            closing: false,
            heard_at: self.now,
        });
        tokio::spawn(async move { node.serve(stream, None).await });
        self.record(device, Step::Opened);
        let now = self.clock();
        let hello = self.devices[device].connect(id, now);
        self.counts.commands += 1;
        self.send(device, &hello);
        self.schedule(SILENCE_MS, Event::Silence(id));
    }

    fn dial_later(&mut self, device: usize) {
        let attempts = u64::from(self.devices[device].attempts);
        let mut lot = self.lot(&[4, device as u64, attempts, self.links.len() as u64]);
        let wait = match attempts {
            0 => lot.pick(&[5, 100, 700, 1_500]),
            n => lot.within(300, 1_000 * n.min(6)),
        };
        self.schedule(wait, Event::Dial(device));
    }

    /// What a device does when its time to dial has come.
    pub(super) fn dial_if_wanted(&mut self, device: usize) {
        if self.devices[device].is_on && self.devices[device].link.is_none() {
            self.dial(device);
        }
    }

    /// Bytes from a device set out.
    pub(super) fn transmit(&mut self, link: LinkId, bytes: Vec<u8>) {
        let now = self.now;
        let device = self.links[link].device;
        let (lag, _) = self.lag_of(device);
        let own = &mut self.links[link];
        own.up_at = own.up_at.max(now + own.up_ms + lag);
        let at = own.up_at;
        self.schedule_at(at, Event::ToServer(link, bytes));
    }

    fn lag_of(&self, device: usize) -> (u64, u64) {
        match self.network.lag.get(&device) {
            Some((until, up, down)) if *until > self.now => (*up, *down),
            Some(_) | None => (0, 0),
        }
    }

    /// The server has written to a link, or closed it.
    pub(super) fn collect(&mut self, link: LinkId) {
        let (bytes, gone) = self.links[link].pipe.take_written();
        let (_, lag) = self.lag_of(self.links[link].device);
        let now = self.now;
        let own = &mut self.links[link];
        own.down_at = own.down_at.max(now + own.down_ms + lag);
        let at = own.down_at;
        let ends = gone && !std::mem::replace(&mut own.closing, gone);
        if !bytes.is_empty() {
            own.coming.push_back(bytes);
            self.schedule_at(at, Event::ToDevice(link));
        }
        if ends {
            self.schedule_at(at, Event::DeviceEnd(link));
        }
    }

    pub(super) fn reach_server(&mut self, link: LinkId, bytes: &[u8]) {
        let own = &self.links[link];
        if !own.lost.up {
            own.pipe.arrive(bytes);
        }
    }

    pub(super) fn reach_device(&mut self, link: LinkId) {
        let own = &mut self.links[link];
        if own.over || own.lost.down {
            own.coming.clear();
            return;
        }
        let slow = self.network.slow_until.get(&own.device).copied().unwrap_or(0);
        if slow > self.now {
            own.down_at = own.down_at.max(slow);
            self.schedule_at(slow, Event::ToDevice(link));
            return;
        }
        let Some(bytes) = own.coming.pop_front() else { return };
        own.heard_at = self.now;
        own.pipe.drained(bytes.len());
        own.decoder.feed(&bytes);
        let device = own.device;
        while let Some(frame) = self.links[link].decoder.next() {
            match frame {
                Frame::Text(text) if self.devices[device].link == Some(link) => {
                    self.hear(device, &text);
                }
                Frame::Text(_) => {}
                Frame::Ping(payload) => self.transmit(link, frame::pong(&payload, 7)),
                Frame::Close(_) => {
                    self.hang_up(link);
                    return;
                }
                Frame::Odd(opcode) => {
                    self.fail("readable frames", format!("a frame with opcode {opcode}"));
                }
            }
        }
    }

    /// A device closes a connection in order.
    pub(super) fn hang_up(&mut self, link: LinkId) {
        if std::mem::replace(&mut self.links[link].over, true) {
            return;
        }
        self.transmit(link, frame::close(3));
        let at = self.links[link].up_at;
        if !self.links[link].lost.up {
            self.schedule_at(at, Event::ServerEnd(link, End::Closed));
        }
        self.lose(link);
    }

    /// A connection is torn; both sides learn of it.
    pub(super) fn tear(&mut self, link: LinkId) {
        if std::mem::replace(&mut self.links[link].over, true) {
            return;
        }
        self.links[link].lost.up = true;
        let late = self.lot(&[5, link as u64]).pick(&[0, 0, 3, 400]);
        self.schedule(late, Event::ServerEnd(link, End::Reset));
        self.lose(link);
    }

    /// The server's end of a connection has reached the device.
    pub(super) fn server_ended(&mut self, link: LinkId) {
        let own = &mut self.links[link];
        if own.lost.down {
            return;
        }
        let slow = self.network.slow_until.get(&own.device).copied().unwrap_or(0);
        if slow > self.now || !own.coming.is_empty() {
            self.schedule_at(slow.max(self.now + 1), Event::DeviceEnd(link));
            return;
        }
        if !std::mem::replace(&mut own.over, true) {
            own.pipe.end(End::Reset);
            self.lose(link);
        }
    }

    fn lose(&mut self, link: LinkId) {
        let device = self.links[link].device;
        if self.devices[device].link != Some(link) {
            return;
        }
        self.record(device, Step::Lost);
        self.devices[device].lose();
        if self.devices[device].is_on {
            self.dial_later(device);
        }
    }

    /// A device looks whether its connection is alive.
    pub(super) fn listen(&mut self, link: LinkId) {
        let own = &mut self.links[link];
        if own.over {
            return;
        }
        let due = own.heard_at + SILENCE_MS;
        if due > self.now {
            self.schedule_at(due, Event::Silence(link));
            return;
        }
        // The server may never learn of it from the network.
        own.over = true;
        if !own.lost.up {
            self.schedule(0, Event::ServerEnd(link, End::Reset));
        }
        self.lose(link);
    }

    /// A device's network is gone: nobody is told.
    pub(crate) fn lose_network(&mut self, device: usize) {
        self.network.away.insert(device);
        if let Some(link) = self.devices[device].link {
            self.links[link].lost = Lost { up: true, down: true };
        }
    }

    /// A device's network is back; the device notices, the server does not.
    pub(crate) fn find_network(&mut self, device: usize) {
        self.network.away.remove(&device);
        if let Some(link) = self.devices[device].link {
            self.links[link].over = true;
            self.lose(link);
        }
    }

    /// The connections that devices hold for open.
    pub(super) fn links_open(&self) -> Vec<LinkId> {
        (0..self.links.len()).filter(|link| !self.links[*link].over).collect()
    }
}
