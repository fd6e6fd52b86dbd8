//! One carrier, set up, measured once, and taken down.

use std::{
    ops::Range,
    time::{Duration, Instant},
};

use super::{
    Carrier, Media, MediaArgs, bellwire,
    crowd::{Crowd, Heard},
    direct,
    janus::Janus,
    shape::Shape,
};
use crate::{
    idle::{Point, slope},
    load::{faults::Faults, latencies::Stage},
    measure::{Limit, busy, count},
    process::{CpuReading, CpuUsed, Machine, Process},
    server::Server,
};

/// How long media flows before it is measured: the estimates of bandwidth have settled, and what
/// is kept to be repeated has filled.
const WARM_UP: Duration = Duration::from_secs(5);
/// The part of the rooms from which on the memory of a participant counts.
const FIRST_PART: usize = 4;

/// What was measured of a carrier in a round.
#[derive(Debug)]
pub(super) struct Turn {
    pub(super) carrier: Carrier,
    shape: Shape,
    heard: Heard,
    seconds: f64,
    /// None where nothing is between the clients.
    server: Option<CpuUsed>,
    pub(super) generator: CpuUsed,
    machine_cores: f64,
    /// Resident memory, with some rooms and with all.
    memory: Vec<Point>,
}

/// Who carries.
enum Running {
    Direct,
    Bellwire(Server),
    Janus(Janus),
}

/// What is read when a window begins and when it ends.
struct Reading {
    at: Instant,
    server: Option<CpuReading>,
    own: CpuReading,
    machine: Option<Machine>,
}

impl Turn {
    /// Starts the carrier, lets everybody join, and measures.
    pub(super) fn take(carrier: Carrier, args: &MediaArgs, media: Media) -> anyhow::Result<Self> {
        let media = carried(carrier, media);
        let running = Running::start(carrier, args)?;
        let mut crowd = Crowd::new()?;
        let (mut memory, shape) = (Vec::new(), media.shape);
        let length = Duration::from_secs_f64(args.seconds);
        let warm_up = WARM_UP.min(length);
        let some = shape.rooms / FIRST_PART;
        for rooms in [0..some, some..shape.rooms] {
            if rooms.is_empty() {
                continue;
            }
            let joined = shape.with_rooms(rooms.end).participants();
            running.join(&mut crowd, &media, rooms)?;
            crowd.connect()?;
            crowd.run(warm_up)?;
            if let Some(server) = running.process() {
                memory.push(Point { devices: joined, rss_bytes: server.resident_bytes()? });
            }
        }
        let mut readings = Vec::with_capacity(2);
        let heard = crowd.window(length, || {
            readings.push(Reading::take(running.process())?);
            Ok(())
        })?;
        let [begin, end] = &readings[..] else { anyhow::bail!("a window without its ends") };
        Ok(Self {
            carrier,
            shape,
            heard,
            seconds: end.at.duration_since(begin.at).as_secs_f64(),
            server: begin.server.as_ref().zip(end.server.as_ref()).map(|(b, e)| b.used_until(e)),
            generator: begin.own.used_until(&end.own),
            machine_cores: begin
                .machine
                .zip(end.machine)
                .map_or(f64::NAN, |(begin, end)| end.busy_since(begin))
                / end.at.duration_since(begin.at).as_secs_f64(),
            memory,
        })
    }

    /// For people, in a line.
    pub(super) fn text(&self) -> String {
        let by_cpu = self.by_cpu_s(self.mbit());
        let by_cpu = by_cpu.map_or(String::new(), |mbit| format!(", {mbit:.0} a processor second"));
        format!("{:?}: {:.0} Mbit/s{by_cpu}", self.carrier, self.mbit() / self.seconds)
    }

    /// What went wrong.
    pub(super) fn faults(&self) -> &Faults {
        &self.heard.faults
    }

    /// Payload that came to receivers.
    pub(super) fn mbit(&self) -> f64 {
        count(self.heard.tally.bytes) * 8.0 / 1e6
    }

    pub(super) fn packets(&self) -> f64 {
        count(self.heard.tally.packets)
    }

    /// A participant's sound and picture at another one, for a second.
    pub(super) fn streams(&self) -> f64 {
        let came = self.packets() / count(self.heard.expected).max(1.0);
        count(self.shape.forwarded() as u64) * self.seconds * came
    }

    pub(super) fn seconds(&self) -> f64 {
        self.seconds
    }

    /// So much of something by the second of the server's processor time.
    pub(super) fn by_cpu_s(&self, of: f64) -> Option<f64> {
        self.server.map(|server| of / server.seconds.max(f64::EPSILON))
    }

    pub(super) fn server_cores(&self) -> Option<f64> {
        self.server.map(|server| server.cores)
    }

    /// Cores taken by neither the server nor the clients.
    pub(super) fn other_cores(&self) -> f64 {
        (self.machine_cores - self.server.unwrap_or_default().cores - self.generator.cores).max(0.0)
    }

    pub(super) fn delays(&self) -> &Stage {
        &self.heard.tally.delays
    }

    pub(super) fn lost(&self) -> u64 {
        self.heard.lost
    }

    pub(super) fn expected(&self) -> u64 {
        self.heard.expected
    }

    /// Memory of the server for each participant, where there were rooms enough to tell.
    pub(super) fn bytes_per_participant(&self) -> Option<f64> {
        (self.memory.len() == 2).then(|| slope(&self.memory))
    }

    /// What kept more from flowing.
    pub(super) fn limit(&self) -> Limit {
        let server = self.server.unwrap_or_default();
        busy(&server, &self.generator, self.machine_cores).unwrap_or(Limit::Rate)
    }
}

impl Running {
    fn start(carrier: Carrier, args: &MediaArgs) -> anyhow::Result<Self> {
        Ok(match (carrier, &args.janus) {
            (Carrier::Direct, _) => Self::Direct,
            (Carrier::Janus, Some(binary)) => {
                Self::Janus(Janus::start(binary, args.janus_loops())?)
            }
            (Carrier::Bellwire | Carrier::Janus, _) => Self::Bellwire(Server::open(&args.server)?),
        })
    }

    fn join(&self, crowd: &mut Crowd, media: &Media, rooms: Range<usize>) -> anyhow::Result<()> {
        match self {
            Self::Direct => direct::join(crowd, media, rooms),
            Self::Bellwire(server) => bellwire::join(server.address, crowd, media, rooms),
            Self::Janus(janus) => janus.join(crowd, media, rooms),
        }
    }

    fn process(&self) -> Option<Process> {
        match self {
            Self::Direct => None,
            Self::Bellwire(server) => Some(server.process),
            Self::Janus(janus) => Some(janus.process),
        }
    }
}

impl Reading {
    fn take(server: Option<Process>) -> anyhow::Result<Self> {
        Ok(Self {
            at: Instant::now(),
            server: server.map(Process::cpu).transpose()?,
            own: Process::own().cpu()?,
            machine: Machine::read(),
        })
    }
}

/// Without a server, as many streams flow within pairs.
fn carried(carrier: Carrier, media: Media) -> Media {
    match carrier {
        Carrier::Bellwire | Carrier::Janus => media,
        Carrier::Direct => {
            let rooms = media.shape.forwarded().div_ceil(2);
            Media { shape: Shape { rooms, members: 2, senders: 2 }, ..media }
        }
    }
}
