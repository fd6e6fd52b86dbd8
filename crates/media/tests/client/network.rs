//! A network between one client and the server, in user space: delay, loss and rate. What is lost
//! is decided by a seed.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::net::UdpSocket;
use tokio::task::AbortHandle;

/// What a network does to packets, each way.
#[derive(Clone, Copy, Debug)]
pub struct Conditions {
    pub delay: Duration,
    /// Lost packets, in percent.
    pub loss_percent: u64,
    /// Bits per second; 0 is as fast as it comes.
    pub down_bps: u64,
    /// How much may queue where the rate is not enough; what comes on top is lost.
    pub queue: Duration,
}

impl Default for Conditions {
    fn default() -> Self {
        Self {
            delay: Duration::from_millis(10),
            loss_percent: 0,
            down_bps: 0,
            queue: Duration::from_millis(200),
        }
    }
}

pub struct Network {
    /// Where the client sends to.
    pub addr: SocketAddr,
    shared: Arc<Shared>,
    task: AbortHandle,
}

struct Shared {
    down_bps: AtomicU64,
    loss_percent: AtomicU64,
    dropped: AtomicU64,
}

impl Network {
    pub async fn start(server: SocketAddr, conditions: Conditions, seed: u64) -> Self {
        let inner = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let outer = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        outer.connect(server).await.unwrap();
        let addr = inner.local_addr().unwrap();
        let shared = Arc::new(Shared {
            down_bps: AtomicU64::new(conditions.down_bps),
            loss_percent: AtomicU64::new(conditions.loss_percent),
            dropped: AtomicU64::new(0),
        });
        let running = run(inner, outer, conditions, Arc::clone(&shared), seed);
        let task = tokio::spawn(running).abort_handle();
        Self { addr, shared, task }
    }

    /// Changes the rate towards the client.
    pub fn set_down_bps(&self, bps: u64) {
        self.shared.down_bps.store(bps, Ordering::Relaxed);
    }

    pub fn set_loss_percent(&self, percent: u64) {
        self.shared.loss_percent.store(percent, Ordering::Relaxed);
    }

    /// How many packets were lost so far.
    pub fn dropped(&self) -> u64 {
        self.shared.dropped.load(Ordering::Relaxed)
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// One direction.
#[derive(Default)]
struct Pipe {
    free_at: Option<Instant>,
    on_their_way: VecDeque<(Instant, Vec<u8>)>,
}

impl Pipe {
    /// Takes a packet in; whether it gets through.
    fn push(&mut self, bytes: &[u8], bps: u64, conditions: Conditions, now: Instant) -> bool {
        let bits = u64::try_from(bytes.len() + 28).unwrap() * 8;
        // Without a rate nothing waits.
        let takes = (bits * 1_000_000_000).checked_div(bps).unwrap_or(0);
        let free_at = self.free_at.unwrap_or(now).max(now);
        if free_at - now > conditions.queue {
            return false;
        }
        let leaves = free_at + Duration::from_nanos(takes);
        self.free_at = Some(leaves);
        let arrives = leaves + conditions.delay;
        self.on_their_way.push_back((arrives, bytes.to_vec()));
        true
    }

    fn next(&self) -> Option<Instant> {
        self.on_their_way.front().map(|(at, _)| *at)
    }

    fn arrived(&mut self, now: Instant) -> Option<Vec<u8>> {
        self.next().filter(|at| *at <= now)?;
        self.on_their_way.pop_front().map(|(_, bytes)| bytes)
    }
}

async fn run(
    inner: UdpSocket,
    outer: UdpSocket,
    conditions: Conditions,
    shared: Arc<Shared>,
    seed: u64,
) {
    let mut chance = StdRng::seed_from_u64(seed);
    let (mut up, mut down) = (Pipe::default(), Pipe::default());
    let mut client = None;
    let (mut from_client, mut from_server) = (vec![0; 4_096], vec![0; 4_096]);
    loop {
        let next = up.next().into_iter().chain(down.next()).min();
        let due = next.unwrap_or_else(|| Instant::now() + Duration::from_secs(1));
        let mut drops = || {
            let is_lost = chance.random_range(0..100) < shared.loss_percent.load(Ordering::Relaxed);
            if is_lost {
                shared.dropped.fetch_add(1, Ordering::Relaxed);
            }
            is_lost
        };
        tokio::select! {
            Ok((length, from)) = inner.recv_from(&mut from_client) => {
                client = Some(from);
                if !drops() {
                    up.push(&from_client[..length], 0, conditions, Instant::now());
                }
            }
            Ok(length) = outer.recv(&mut from_server) => {
                let bps = shared.down_bps.load(Ordering::Relaxed);
                let now = Instant::now();
                if !drops() && !down.push(&from_server[..length], bps, conditions, now) {
                    shared.dropped.fetch_add(1, Ordering::Relaxed);
                }
            }
            () = tokio::time::sleep_until(due.into()) => {}
        }
        let now = Instant::now();
        while let Some(bytes) = up.arrived(now) {
            let _ = outer.send(&bytes).await;
        }
        while let Some(bytes) = down.arrived(now) {
            if let Some(client) = client {
                let _ = inner.send_to(&bytes, client).await;
            }
        }
    }
}
