//! `kill -9` under load, at random times: nothing acknowledged is lost, nothing is there twice.
//!
//! The devices of two apps call each other without a pause, pairs and groups, and answer, refuse,
//! take back, hang up, move, invite, let ring and lose their connections as chance has it. The
//! server is killed and started again beneath them; they resume and ask again what was not
//! answered. In the end their histories and the server's books go before the judge that also
//! judges the simulation.
//!
//! 1. A server is started on a data directory of its own, and devices log in.
//! 2. It is killed again and again, after some calls and some time by chance.
//! 3. The devices end what runs; nothing is left over.
//! 4. Logs and records are read over HTTP and judged with the histories.
//!
//! `BELLWIRE_CRASH_TIMES` says how often it is killed, `BELLWIRE_CRASH_SEED` what chance does; the
//! times of processes and packets nobody can repeat, so a seed repeats the load, not its timing.

#[path = "../support/mod.rs"]
mod support;

mod books;
mod device;
mod load;
mod phone;

use std::{
    fmt::Write as _,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bellwire_checker::{History, Limits, check_end};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use support::{Api, Server};
use tempfile::TempDir;

use crate::load::{Load, PATIENCE};

/// How often the server is killed where nothing is said.
const TIMES: u64 = 10;
/// Kills of one server before its books are judged: enough that a kill meets what earlier ones
/// left, few enough that judging them stays quick.
const TIMES_PER_ROUND: u64 = 10;
/// Calls that end between two kills, at most: from none, which kills a server that recovers, to
/// several group commits' worth.
const CALLS_BETWEEN: usize = 120;
/// What a kill waits beyond that, in milliseconds at most, to meet any moment of the work.
const JITTER_MS: u64 = 40;
/// The key of the second app's HTTP API.
const SHOP_API: &str = "shop-api-key-shop-api-key-shop-api-key";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_under_load_lose_nothing_acknowledged_and_double_nothing() {
    let times = number("BELLWIRE_CRASH_TIMES").unwrap_or(TIMES);
    let seed = number("BELLWIRE_CRASH_SEED").unwrap_or_else(chance);
    let mut done = 0;
    for round in 0.. {
        if done >= times {
            break;
        }
        let kills = TIMES_PER_ROUND.min(times - done);
        let seed = seed + round;
        println!("round {}: {kills} kills, seed {seed}", round + 1);
        let told = self::round(seed, kills).await;
        done += kills;
        println!("round {}: {told}; {done} of {times} kills", round + 1);
    }
}

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is a number, not {text:?}")))
}

/// A seed by chance, short enough to be typed again.
fn chance() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    u64::from(now.subsec_nanos()) / 1_000
}

/// One server, killed `kills` times; what was seen.
async fn round(seed: u64, kills: u64) -> String {
    let mut chance = StdRng::seed_from_u64(seed);
    let dir = tempfile::tempdir().expect("a directory");
    let mut server = start(&dir);
    let load = Load::begin(server.address(), seed);
    for _ in 0..kills {
        let goal = chance.random_range(0..=CALLS_BETWEEN);
        let jitter = Duration::from_millis(chance.random_range(0..=JITTER_MS));
        if !load.work(goal).await {
            break;
        }
        // The moment of the kill is the thing tried; nothing is waited for.
        tokio::time::sleep(jitter).await;
        tokio::task::block_in_place(|| {
            server.kill();
            server.restart();
        });
    }
    load.work(CALLS_BETWEEN / 4).await;
    let apis = [("dev", server.api()), ("shop", Api::new(server.address(), SHOP_API))];
    let histories = finish(load, &apis).await;
    let ledger = books::read(&apis, &histories).await;
    // A deadline waits for the server to be started again, which takes long on a busy machine.
    let limits = Limits { slack_ms: 15_000, ..Limits::default() };
    if let Err(violations) = check_end(&histories, &ledger, &limits) {
        panic!("seed {seed}: {violations}");
    }
    let mut told = format!("{} calls", ledger.calls());
    for (reason, count) in books::reasons(&apis).await {
        let _ = write!(told, ", {count} {reason}");
    }
    told
}

/// A server with the development app and another, whose devices log in by name.
fn start(dir: &TempDir) -> Server {
    let config = dir.path().join("bellwire.toml");
    let text = format!(
        "[[apps]]\nkey = \"shop\"\nlogin = \"open\"\nsecrets = [\"{}\"]\n\
         api_keys = [\"{SHOP_API}\"]\n",
        "shop-secret-".repeat(4)
    );
    std::fs::write(&config, text).expect("written");
    Server::start_with(&[
        "--config",
        config.to_str().expect("UTF-8"),
        "--calls-grace-s=2",
        "--calls-ack-time-s=3",
        "--limits-starts-per-minute=1000000",
        "--limits-requests-per-s=100000",
        "--limits-requests-burst=100000",
    ])
}

/// Lets the devices end what runs, and waits until nothing does and all have been told.
async fn finish(load: Load, apis: &[(&str, Api)]) -> Vec<History> {
    let mut devices = load.stop().await;
    let until = tokio::time::Instant::now() + PATIENCE;
    while books::live(apis).await > 0 {
        assert!(tokio::time::Instant::now() < until, "calls are left over");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for device in &mut devices {
        device.settle().await;
    }
    devices.into_iter().map(device::Device::into_history).collect()
}
