//! Grades of a connection's quality.

use std::time::Duration;

use crate::event::{Grade, Quality};
use crate::webrtc::Report;

/// The worst that still has the grade: fraction lost, round-trip time, jitter. Loss of 1 % is
/// repaired unseen, from 3 % on speech suffers, at 15 % it breaks up; 150 ms one way is where talk
/// becomes hard by ITU-T G.114, so that a round trip above 400 ms is poor; jitter is bought with
/// as much delay.
const BOUNDS: [(u8, f32, u32, u32); 4] =
    [(1, 0.01, 150, 20), (2, 0.03, 250, 40), (3, 0.08, 400, 80), (4, 0.15, 700, 150)];

/// Beyond all bounds.
const BAD: u8 = 5;

/// What was reported of a peer since the last grade.
#[derive(Debug, Default)]
pub(super) struct Tally {
    up: Way,
    down: Way,
    rtt: Option<Duration>,
}

/// One direction.
#[derive(Debug, Default)]
struct Way {
    packets: u64,
    loss: f32,
    jitter: Duration,
}

impl Tally {
    /// So many packets came.
    pub(super) fn came(&mut self) {
        self.up.packets += 1;
    }

    /// A packet went.
    pub(super) fn went(&mut self) {
        self.down.packets += 1;
    }

    /// The library reported on a stream. The worst stream counts: it is the one that is noticed.
    pub(super) fn report(&mut self, report: &Report) {
        if report.packets == 0 {
            return;
        }
        let way = if report.is_up { &mut self.up } else { &mut self.down };
        way.loss = way.loss.max(report.loss.unwrap_or(0.0));
        way.jitter = way.jitter.max(report.jitter.unwrap_or_default());
        if let Some(rtt) = report.rtt {
            self.rtt = Some(rtt);
        }
    }

    /// The grades since the last call. The round-trip time is kept until another is measured.
    pub(super) fn grade(&mut self, is_lost: bool) -> Quality {
        let rtt = self.rtt.unwrap_or_default();
        let up = std::mem::take(&mut self.up);
        let down = std::mem::take(&mut self.down);
        let of = |way: &Way| {
            let is_known = way.packets > 0 && !is_lost;
            Grade(if is_known { grade(way.loss, rtt, way.jitter) } else { 0 })
        };
        Quality {
            up: of(&up),
            down: of(&down),
            rtt_ms: millis(rtt),
            loss: up.loss.max(down.loss),
            jitter_ms: millis(up.jitter.max(down.jitter)),
        }
    }
}

fn grade(loss: f32, rtt: Duration, jitter: Duration) -> u8 {
    BOUNDS
        .iter()
        .find(|(_, max_loss, max_rtt, max_jitter)| {
            loss <= *max_loss && millis(rtt) <= *max_rtt && millis(jitter) <= *max_jitter
        })
        .map_or(BAD, |(grade, ..)| *grade)
}

fn millis(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grades_follow_the_worst_figure() {
        let ms = Duration::from_millis;
        let table = [
            (0.0, 20, 5, 1),
            (0.01, 150, 20, 1),
            (0.02, 20, 5, 2),
            (0.0, 151, 5, 2),
            (0.0, 20, 41, 3),
            (0.08, 20, 5, 3),
            (0.1, 20, 5, 4),
            (0.0, 700, 5, 4),
            (0.16, 20, 5, 5),
            (0.0, 20, 151, 5),
        ];
        for (loss, rtt, jitter, expected) in table {
            assert_eq!(grade(loss, ms(rtt), ms(jitter)), expected, "{loss} {rtt} {jitter}");
        }
    }

    #[test]
    fn what_does_not_flow_has_no_grade() {
        let mut tally = Tally::default();
        tally.came();
        tally.report(&Report {
            is_up: true,
            packets: 10,
            loss: Some(0.1),
            rtt: Some(Duration::from_millis(30)),
            jitter: Some(Duration::from_millis(4)),
        });
        let quality = tally.grade(false);
        assert_eq!((quality.up, quality.down), (Grade(4), Grade(0)));
        assert_eq!((quality.rtt_ms, quality.jitter_ms), (30, 4));
        let quality = tally.grade(false);
        assert_eq!((quality.up, quality.rtt_ms), (Grade(0), 30));
        tally.came();
        assert_eq!(tally.grade(true).up, Grade(0), "a lost peer has none");
    }
}
