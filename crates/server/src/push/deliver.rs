//! Brings one notice to one device: again and again, as long as it is of use.

use std::{
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use bellwire_core::{PushNews, PushOutcome, UserId};
use tokio::time::{sleep, timeout};

use super::{answer::Answer, payload::Notice, ring::Times, tokens::Way};
use crate::switchboard::Switchboard;

/// The first pause before another attempt; each later one is up to twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// The longest pause: of a ring time of a minute a service that comes back still gets most.
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// A device, and one of the ways to wake it.
#[derive(Clone)]
pub(super) struct Sleeper {
    pub(super) user: UserId,
    pub(super) way: Way,
    pub(super) times: Arc<Times>,
}

impl Sleeper {
    pub(super) fn new(user: &UserId, way: Way) -> Self {
        Self { user: user.clone(), way, times: Arc::default() }
    }
}

/// Who is told something, and by whom.
pub(super) struct Target {
    pub(super) board: Arc<Switchboard>,
    pub(super) sleeper: Sleeper,
    /// Whether a device that seems to be connected is told all the same.
    pub(super) insists: bool,
}

/// What the device may have got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Got {
    Perhaps,
    Nothing,
    /// Nothing, and nothing else will reach it by this way.
    Dead,
}

/// What is known of the attempts so far.
#[derive(Default)]
struct Tried {
    times: u32,
    status: Option<u16>,
    why: String,
}

impl Target {
    /// Delivers until it is taken, refused or too late, or `halt` is done. What became of it is
    /// logged, unless the device was there before anything left.
    pub(super) async fn deliver(&self, notice: &Notice, halt: impl Future<Output = ()>) -> Got {
        let begun = Instant::now();
        let id = self.board.chance.call(self.board.now()).to_string();
        let (mut tried, mut got) = (Tried::default(), Got::Nothing);
        let mut halt = pin!(halt);
        let done = |outcome, tried: &Tried| self.done(notice, outcome, tried, begun);
        loop {
            if !self.insists && self.is_connected(notice) {
                return got;
            }
            let left = Duration::from_millis(notice.expires_at.since_ms(self.board.now()));
            if left.is_zero() {
                done(PushOutcome::Late, &tried);
                return got;
            }
            // Its settings may have changed since the last attempt.
            let services = self.board.push.services(&notice.app);
            let Some(gate) = services.gate(self.sleeper.way.slot.provider()) else {
                "the app has no such service any more".clone_into(&mut tried.why);
                done(PushOutcome::Failed, &tried);
                return got;
            };
            let place = tokio::select! {
                biased;
                () = &mut halt => return self.halted(notice, &tried, got, begun),
                place = timeout(left, gate.enter()) => place,
            };
            let place = match place {
                Ok(Ok(place)) => place,
                // Too late, which is found above.
                Err(_) => continue,
                Ok(Err(_)) => {
                    "too many wait for this service".clone_into(&mut tried.why);
                    done(PushOutcome::Failed, &tried);
                    return got;
                }
            };
            tried.times += 1;
            // An attempt is not given up half-way: what follows has to come after it.
            let sending = services.send(&id, &self.sleeper.way, notice, self.board.now());
            let answer = timeout(left, sending).await;
            drop(place);
            let after = match answer {
                Ok(Answer::Again { status, why, after }) => {
                    if status.is_none() {
                        got = Got::Perhaps;
                    }
                    (tried.status, tried.why) = (status, why);
                    after
                }
                Ok(answer) => return self.settle(notice, answer, &mut tried, got, begun),
                Err(_) => {
                    (tried.status, tried.why) = (None, "no answer in time".to_owned());
                    got = Got::Perhaps;
                    continue;
                }
            };
            self.board.metrics.push_repeated(self.sleeper.way.slot.provider());
            let left = Duration::from_millis(notice.expires_at.since_ms(self.board.now()));
            let pause = pause(tried.times, after);
            if pause >= left {
                done(PushOutcome::Late, &tried);
                return got;
            }
            tokio::select! {
                () = &mut halt => return self.halted(notice, &tried, got, begun),
                () = sleep(pause) => {}
            }
        }
    }

    /// A device that is connected is told over its connection.
    fn is_connected(&self, notice: &Notice) -> bool {
        let (app, device) = (&notice.app, &self.sleeper.way.device);
        self.board.sessions.is_connected(app, &self.sleeper.user, device)
    }

    /// It came to an end before it was taken.
    fn halted(&self, notice: &Notice, tried: &Tried, got: Got, begun: Instant) -> Got {
        if tried.times > 0 {
            self.done(notice, PushOutcome::Late, tried, begun);
        }
        got
    }

    /// What an answer that ends it leads to.
    fn settle(
        &self,
        notice: &Notice,
        answer: Answer,
        tried: &mut Tried,
        got: Got,
        begun: Instant,
    ) -> Got {
        let (outcome, status, why) = match answer {
            Answer::Sent { status } => (PushOutcome::Sent, Some(status), String::new()),
            // It was dead before the device registered it anew: then it is not that one.
            Answer::Dead { status, why, since }
                if since.is_some_and(|since| since < self.sleeper.way.token.set_at) =>
            {
                (PushOutcome::Refused, Some(status), why)
            }
            Answer::Dead { status, why, since: _ } => (PushOutcome::Dead, Some(status), why),
            Answer::Refused { status, why } => (PushOutcome::Refused, status, why),
            Answer::Again { status, why, after: _ } => (PushOutcome::Failed, status, why),
        };
        (tried.status, tried.why) = (status, why);
        if outcome == PushOutcome::Dead {
            self.board.forget_token(&notice.app, &self.sleeper.user, &self.sleeper.way);
        }
        self.done(notice, outcome, tried, begun);
        match outcome {
            PushOutcome::Sent => {}
            PushOutcome::Dead => return Got::Dead,
            _ => return got,
        }
        if notice.news == PushNews::Invite {
            self.sleeper.times.sent(Instant::now());
            if self.is_connected(notice) {
                // It was faster than the answer.
                self.board.woke(notice.call, &self.sleeper, &notice.app);
            }
        }
        Got::Perhaps
    }

    fn done(&self, notice: &Notice, outcome: PushOutcome, tried: &Tried, begun: Instant) {
        let (status, why) = (tried.status, tried.why.as_str());
        self.board.receipt(notice, &self.sleeper, outcome, status, why, begun.elapsed());
    }
}

/// How long to wait after so many attempts. No two wait equally long, so that those whom a service
/// turned away together do not come again together.
fn pause(attempts: u32, asked_for: Option<Duration>) -> Duration {
    let most = FIRST_PAUSE.saturating_mul(1 << attempts.min(8)).min(LONGEST_PAUSE);
    match asked_for {
        Some(asked_for) => asked_for + FIRST_PAUSE.mul_f64(rand::random()),
        None => most.mul_f64(0.5 + rand::random::<f64>() / 2.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_bound_and_a_wish_is_honoured() {
        for attempts in 1..100 {
            let pause = pause(attempts, None);
            assert!(pause >= FIRST_PAUSE && pause <= LONGEST_PAUSE, "{attempts}: {pause:?}");
        }
        assert!(pause(20, None) >= LONGEST_PAUSE / 2);
        let asked_for = Duration::from_secs(30);
        for attempts in [1, 20] {
            let pause = pause(attempts, Some(asked_for));
            assert!(pause >= asked_for && pause <= asked_for + FIRST_PAUSE);
        }
    }
}
