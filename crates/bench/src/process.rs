//! What a process uses, from `/proc` (proc(5)).

use std::{
    collections::BTreeMap,
    fs,
    time::{Duration, Instant},
};

use anyhow::{Context, anyhow};

/// Nanoseconds of a clock tick: `USER_HZ` is 100 on every Linux we know of.
const TICK_NS: u64 = 10_000_000;
/// How often memory is looked at until it settles, and for how long at most.
const SETTLE_EVERY: Duration = Duration::from_millis(150);
const SETTLE_MOST: Duration = Duration::from_millis(2_500);

/// A running process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Process(pub(crate) u32);

/// The processor time that a process has had up to a moment.
#[derive(Debug)]
pub(crate) struct CpuReading {
    /// Of each thread, to the nanosecond; empty where the kernel does not tell.
    threads: BTreeMap<u32, u64>,
    /// Of all threads, ended ones included, in ticks.
    ticks_ns: u64,
    at: Instant,
}

/// The processor time between two readings.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct CpuUsed {
    pub(crate) seconds: f64,
    /// The part of the time that the busiest thread was running, 0 to 1.
    pub(crate) busiest_thread: f64,
    /// Cores in use on average.
    pub(crate) cores: f64,
}

impl Process {
    /// This process.
    pub(crate) fn own() -> Self {
        Self(std::process::id())
    }

    /// The processor time so far.
    pub(crate) fn cpu(self) -> anyhow::Result<CpuReading> {
        let stat = self.read("stat")?;
        // Fields 14 and 15 are the times; the name, field 2, may hold spaces.
        let after_name = stat.rsplit(')').next().unwrap_or_default();
        let times = after_name.split_whitespace().skip(11).take(2);
        let ticks: u64 = times.filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
        let threads = self.threads().unwrap_or_default();
        Ok(CpuReading { threads, ticks_ns: ticks * TICK_NS, at: Instant::now() })
    }

    /// The processor time since a reading.
    pub(crate) fn cpu_since(self, begin: &CpuReading) -> anyhow::Result<CpuUsed> {
        let end = self.cpu()?;
        Ok(used(begin, &end))
    }

    /// Resident memory in bytes.
    pub(crate) fn resident_bytes(self) -> anyhow::Result<u64> {
        // Exact, where `status` lags behind by some pages for each core.
        let (file, name) = match self.read("smaps_rollup") {
            Ok(text) => (text, "Rss:"),
            Err(_) => (self.read("status")?, "VmRSS:"),
        };
        let kib = file.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next());
        let kib = kib.and_then(|kib| kib.parse::<u64>().ok());
        Ok(kib.ok_or_else(|| anyhow!("no {name} for process {}", self.0))? * 1024)
    }

    /// Resident memory once it has stopped changing; `rest` passes the time until a moment.
    pub(crate) fn settled_bytes(
        self,
        mut rest: impl FnMut(Instant) -> anyhow::Result<()>,
    ) -> anyhow::Result<u64> {
        let give_up = Instant::now() + SETTLE_MOST;
        let mut last = [0, self.resident_bytes()?];
        loop {
            rest(Instant::now() + SETTLE_EVERY)?;
            let now = self.resident_bytes()?;
            // Some pages come and go in a server that answers pings.
            let same = last.iter().all(|&then| now.abs_diff(then) <= now / 500);
            if same || Instant::now() > give_up {
                return Ok(now);
            }
            last = [last[1], now];
        }
    }

    fn threads(self) -> std::io::Result<BTreeMap<u32, u64>> {
        let mut threads = BTreeMap::new();
        for entry in fs::read_dir(format!("/proc/{}/task", self.0))? {
            let entry = entry?;
            // A thread may have ended since.
            let Ok(text) = fs::read_to_string(entry.path().join("schedstat")) else { continue };
            let ns = text.split_whitespace().next().and_then(|ns| ns.parse::<u64>().ok());
            let id = entry.file_name().to_str().and_then(|id| id.parse::<u32>().ok());
            threads.extend(id.zip(ns));
        }
        Ok(threads)
    }

    fn read(self, file: &str) -> anyhow::Result<String> {
        let path = format!("/proc/{}/{file}", self.0);
        fs::read_to_string(&path).with_context(|| format!("{path}: is process {} there?", self.0))
    }
}

impl CpuReading {
    /// The processor time from this reading to a later one.
    pub(crate) fn used_until(&self, end: &Self) -> CpuUsed {
        used(self, end)
    }
}

fn used(begin: &CpuReading, end: &CpuReading) -> CpuUsed {
    let wall_ns = nanos(end.at.saturating_duration_since(begin.at)).max(1);
    let mut busiest = 0;
    let mut sum = 0;
    for (thread, ns) in &end.threads {
        let ns = ns.saturating_sub(begin.threads.get(thread).copied().unwrap_or_default());
        busiest = busiest.max(ns);
        sum += ns;
    }
    // What an ended thread used is in the ticks alone.
    let all_there = begin.threads.keys().all(|thread| end.threads.contains_key(thread));
    if end.threads.is_empty() || !all_there {
        sum = end.ticks_ns.saturating_sub(begin.ticks_ns);
    }
    CpuUsed {
        seconds: seconds(sum),
        busiest_thread: seconds(busiest) / seconds(wall_ns),
        cores: seconds(sum) / seconds(wall_ns),
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

fn seconds(ns: u64) -> f64 {
    Duration::from_nanos(ns).as_secs_f64()
}

/// The processor time of the whole machine, all cores together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Machine {
    /// Seconds in which a core had something to do.
    busy_s: f64,
}

impl Machine {
    /// The time so far; `None` where it cannot be read.
    pub(crate) fn read() -> Option<Self> {
        let stat = fs::read_to_string("/proc/stat").ok()?;
        let fields = stat.lines().next()?.strip_prefix("cpu ")?.split_whitespace();
        let ticks: Vec<u32> = fields.filter_map(|field| field.parse().ok()).collect();
        // user nice system idle iowait irq softirq; what follows is counted in them already.
        let busy: f64 =
            [0, 1, 2, 5, 6].iter().filter_map(|&i| ticks.get(i)).copied().map(f64::from).sum();
        Some(Self { busy_s: busy / 100.0 })
    }

    /// Core seconds in use since an earlier reading.
    pub(crate) fn busy_since(self, earlier: Self) -> f64 {
        (self.busy_s - earlier.busy_s).max(0.0)
    }
}

/// How many cores there are.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(threads: &[(u32, u64)], ticks_ns: u64, at: Instant) -> CpuReading {
        CpuReading { threads: threads.iter().copied().collect(), ticks_ns, at }
    }

    #[test]
    fn threads_are_added_up_and_an_ended_one_is_found_in_the_ticks() {
        let now = Instant::now();
        let later = now + Duration::from_secs(1);
        let begin = reading(&[(1, 0), (2, 500_000_000)], 500_000_000, now);
        let all = reading(&[(1, 100_000_000), (2, 900_000_000), (3, 50_000_000)], 0, later);
        let CpuUsed { seconds, busiest_thread, cores } = used(&begin, &all);
        assert!((seconds - 0.55).abs() < 1e-9 && (cores - 0.55).abs() < 1e-9);
        assert!((busiest_thread - 0.4).abs() < 1e-9);
        let one_ended = reading(&[(1, 100_000_000)], 1_200_000_000, later);
        assert!((used(&begin, &one_ended).seconds - 0.7).abs() < 1e-9);
    }

    #[test]
    fn our_own_process_can_be_read() {
        let own = Process::own();
        let begin = own.cpu().expect("a reading");
        assert!(own.resident_bytes().expect("memory") > 100_000);
        assert!(own.cpu_since(&begin).expect("a reading").seconds >= 0.0);
        assert!(Process(u32::MAX).cpu().is_err());
    }
}
