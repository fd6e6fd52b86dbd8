//! A stretch of calls, and what it cost whom.

use std::time::{Duration, Instant};

use serde::Serialize;

use crate::{
    load::generator::{Generator, Pace, Round},
    process::{self, CpuUsed, Machine, Process},
};

/// From here on a thread or a machine counts as busy all the time: what is left goes into
/// switching.
const BUSY: f64 = 0.9;
/// Other programs that take more of the machine than this are what limits.
const OTHERS: f64 = 0.15;

/// A stretch of calls, and what it cost.
#[derive(Debug, Clone)]
pub(crate) struct Measured {
    pub(crate) round: Round,
    /// Of the process under load.
    pub(crate) subject: CpuUsed,
    /// Of this process.
    pub(crate) generator: CpuUsed,
    /// Cores in use on the whole machine, on average; NaN where it cannot be read.
    machine_cores: f64,
    pace: Pace,
}

/// What kept a run from going faster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Limit {
    /// The rate that was asked for.
    Rate,
    /// The server: a thread of it, or all cores that the generator leaves.
    ServerCpu,
    /// The generator's one thread.
    GeneratorCpu,
    /// Other programs on the machine.
    OtherPrograms,
    /// Pairs: each may only call so often.
    Pairs,
    /// Open files of one process.
    OpenFiles,
    /// The number in flight: nobody is busy, the server waits for something else.
    InFlight,
}

impl Limit {
    /// For people.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Rate => "the rate asked for",
            Self::ServerCpu => "the server's processor time",
            Self::GeneratorCpu => "the load generator's processor time",
            Self::OtherPrograms => "other programs on this machine",
            Self::Pairs => "the number of pairs",
            Self::OpenFiles => "open files of one process",
            Self::InFlight => "the number in flight (nobody is busy)",
        }
    }
}

/// Lives calls with a process for a while.
pub(crate) fn measure(
    generator: &mut Generator,
    subject: Process,
    pace: Pace,
    length: Duration,
) -> anyhow::Result<Measured> {
    let own = Process::own();
    let (begun, machine) = (Instant::now(), Machine::read());
    let (subject_begin, own_begin) = (subject.cpu()?, own.cpu()?);
    let round = generator.drive(pace, length)?;
    let (subject, generator) = (subject.cpu_since(&subject_begin)?, own.cpu_since(&own_begin)?);
    let busy = machine.zip(Machine::read()).map(|(begin, end)| end.busy_since(begin));
    let machine_cores = busy.map_or(f64::NAN, |busy| busy / begun.elapsed().as_secs_f64());
    Ok(Measured { round, subject, generator, machine_cores, pace })
}

impl Measured {
    /// Lives that ended in time, a second.
    pub(crate) fn calls_per_s(&self) -> f64 {
        count(self.round.lives_in_time) / self.round.seconds.max(f64::EPSILON)
    }

    /// All lives, by the processor time of the process under load.
    pub(crate) fn calls_per_cpu_s(&self) -> f64 {
        count(self.round.lives) / self.subject.seconds.max(f64::EPSILON)
    }

    /// Cores taken by neither the process under load nor the generator, on average.
    pub(crate) fn others_cores(&self) -> f64 {
        (self.machine_cores - self.subject.cores - self.generator.cores).max(0.0)
    }

    /// What kept it from going faster.
    pub(crate) fn limit(&self) -> Limit {
        if matches!(self.pace, Pace::Rate(_)) && self.round.missed == 0 {
            return Limit::Rate;
        }
        if let Some(limit) = busy(&self.subject, &self.generator, self.machine_cores) {
            return limit;
        }
        if self.round.short_of_pairs { Limit::Pairs } else { Limit::InFlight }
    }
}

/// Who of those on the machine is busy all the time: the process under load, the generator, or
/// other programs.
pub(crate) fn busy(subject: &CpuUsed, generator: &CpuUsed, machine_cores: f64) -> Option<Limit> {
    #[expect(clippy::cast_precision_loss, reason = "a number of cores")]
    let cores = process::cores() as f64;
    let full = machine_cores >= BUSY * cores;
    let others = machine_cores - subject.cores - generator.cores;
    if full && others >= OTHERS * cores {
        return Some(Limit::OtherPrograms);
    }
    if generator.busiest_thread >= BUSY {
        return Some(Limit::GeneratorCpu);
    }
    (full || subject.busiest_thread >= BUSY).then_some(Limit::ServerCpu)
}

/// The value in the middle; of an even number, halfway between the two.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.get(middle) {
        Some(value) if values.len() % 2 == 1 => *value,
        Some(value) => f64::midpoint(values[middle - 1], *value),
        None => 0.0,
    }
}

/// A count as a number to divide.
#[expect(clippy::cast_precision_loss, reason = "counts of a run stay far below 2^53")]
pub(crate) fn count(of: u64) -> f64 {
    of as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(pace: Pace) -> Measured {
        let idle = CpuUsed { seconds: 0.5, busiest_thread: 0.2, cores: 0.5 };
        let round = Round { lives: 1_000, lives_in_time: 900, seconds: 1.0, ..Round::default() };
        Measured { round, subject: idle, generator: idle, machine_cores: 1.0, pace }
    }

    #[test]
    fn calls_are_counted_by_the_second_of_wall_and_of_processor() {
        let measured = measured(Pace::InFlight(64));
        assert!((measured.calls_per_s() - 900.0).abs() < 1e-6);
        assert!((measured.calls_per_cpu_s() - 2_000.0).abs() < 1e-6);
    }

    #[test]
    fn the_limit_is_named() {
        #[expect(clippy::cast_precision_loss, reason = "a number of cores")]
        let cores = process::cores() as f64;
        let mut seen = measured(Pace::InFlight(64));
        seen.machine_cores = 0.5 * cores;
        assert_eq!(seen.limit(), Limit::InFlight);
        seen.round.short_of_pairs = true;
        assert_eq!(seen.limit(), Limit::Pairs);
        seen.subject.busiest_thread = 0.95;
        assert_eq!(seen.limit(), Limit::ServerCpu);
        seen.generator.busiest_thread = 0.95;
        assert_eq!(seen.limit(), Limit::GeneratorCpu);
        (seen.machine_cores, seen.subject.cores, seen.generator.cores) = (cores, 0.1, 0.1);
        assert_eq!(seen.limit(), Limit::OtherPrograms);
        seen.pace = Pace::Rate(10.0);
        assert_eq!(seen.limit(), Limit::Rate);
        seen.round.missed = 1;
        assert_eq!(seen.limit(), Limit::OtherPrograms);
    }

    #[test]
    fn the_median_is_in_the_middle() {
        let is = |values: &[f64], wanted: f64| {
            assert!((median(values.iter().copied()) - wanted).abs() < 1e-9);
        };
        is(&[3.0, 1.0, 2.0], 2.0);
        is(&[4.0, 1.0, 2.0, 3.0], 2.5);
        is(&[], 0.0);
    }
}
