//! One life of the server's process: a runtime, and the node on it.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use bellwire::{Chance, Clock, Ground, KEEP_MS, MediaGround, Node};
use bellwire_core::Timestamp;
use tokio::{
    runtime::{Builder, Handle, Runtime},
    time::Instant,
};

use super::{EPOCH_MS, World, sfu::Sfu};

/// A runtime with time of its own.
pub(super) struct House {
    pub(super) runtime: Runtime,
    /// The runtime's time at its beginning.
    pub(super) start: Instant,
    /// Milliseconds of the world that had passed by then.
    pub(super) base_ms: u64,
}

/// The time of day of the simulated machine: the runtime's time, and what it has jumped.
struct MachineClock {
    start: Instant,
    base_ms: u64,
    offset: Arc<AtomicI64>,
}

impl Clock for MachineClock {
    fn now(&self) -> Timestamp {
        let at = EPOCH_MS + self.base_ms + millis(self.start);
        Timestamp(at.saturating_add_signed(self.offset.load(Ordering::Relaxed)))
    }
}

impl House {
    pub(super) fn new(base_ms: u64) -> Self {
        // After each poll of a task the world may look: a crash is possible at any await.
        let runtime = Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .event_interval(1)
            .build();
        // A runtime without I/O needs nothing of the system that could be refused.
        let runtime = runtime.expect("a runtime without I/O can be made");
        let start = {
            let _inside = runtime.enter();
            Instant::now()
        };
        Self { runtime, start, base_ms }
    }

    pub(super) fn now(&self) -> u64 {
        self.base_ms + millis(self.start)
    }
}

/// Milliseconds of the present runtime since `start`.
pub(super) fn millis(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX)
}

impl World {
    /// The runtime of the present process, if there has been one.
    pub(crate) fn runtime(&self) -> Option<Handle> {
        self.house.as_ref().map(|house| house.runtime.handle().clone())
    }

    /// The process starts: what the disk kept goes on.
    pub(super) fn open_node(&mut self, start: Instant, base_ms: u64) {
        self.incarnation += 1;
        let clock = MachineClock { start, base_ms, offset: self.clock_offset.clone() };
        let since = Timestamp(clock.now().0.saturating_sub(KEEP_MS));
        let seed = self.lot(&[6, self.incarnation]).next();
        let lot = self.lot(&[7, self.incarnation]);
        let media = self.shape.media.then(|| {
            let (sfu, events) = Sfu::start(lot);
            self.sfu = Some(sfu.clone());
            MediaGround { forwarder: Arc::new(sfu), events }
        });
        let ground = Ground {
            storage: self.store.clone(),
            recovered: self.store.recovered(since),
            clock: Arc::new(clock),
            chance: Chance::from_seed(seed),
            media,
        };
        let (tenants, bell) = (self.shape.tenants.clone(), self.bell.clone());
        self.trace.note(self.now, "server", "starts");
        tokio::spawn(async move {
            let node = Node::open(tenants, ground).await;
            bell.ring(|rung| rung.node = Some(node));
        });
    }
}
