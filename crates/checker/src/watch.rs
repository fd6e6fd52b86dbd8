//! The look after each step: what is new in all histories, and what the server holds now.

use std::collections::BTreeMap;

use bellwire_core::{AppKey, Call, CallId, State, Timestamp, UserId};
use bellwire_protocol::Ended;
use serde::Deserialize;

use crate::{
    frame::Name,
    history::{History, Kind, Noted},
    limits::Limits,
    violation::{Rule, Violation},
};

/// What the server holds of one app at a moment.
#[derive(Debug, Clone, Copy)]
pub struct Standing<'a> {
    /// The app.
    pub app: &'a AppKey,
    /// Who is claimed, and by which call; a user with two claims stands here twice.
    pub claims: &'a [(UserId, CallId)],
    /// The app's live calls, in any order.
    pub live: &'a [&'a Call],
}

/// Looks at each frame once and at the server's standing each time.
#[derive(Debug)]
pub struct Watch {
    limits: Limits,
    /// How far each history was read.
    read: Vec<usize>,
    /// The app whose device was first told of a call.
    apps: BTreeMap<CallId, AppKey>,
    /// The first outcome told of each call, and the frame that told it.
    outcomes: BTreeMap<CallId, (Ended, Box<str>)>,
}

#[derive(Deserialize)]
struct EndedFrame {
    ended: Ended,
}

impl Watch {
    /// A watch that has seen nothing.
    pub fn new(limits: Limits) -> Self {
        Self { limits, read: Vec::new(), apps: BTreeMap::new(), outcomes: BTreeMap::new() }
    }

    /// Looks at what the histories have got since the last look (I4, I8) and at what the server
    /// holds at `now` (I1, I2, I5). The histories have to be the same ones each time, in the same
    /// order.
    pub fn check_step(
        &mut self,
        histories: &[History],
        now: Timestamp,
        standings: &[Standing<'_>],
    ) -> Result<(), Box<Violation>> {
        self.read.resize(histories.len(), 0);
        for (at, history) in histories.iter().enumerate() {
            let from = std::mem::replace(&mut self.read[at], history.steps.len());
            for noted in &history.steps[from..] {
                self.frame(history, noted)?;
            }
        }
        standings.iter().try_for_each(|standing| self.standing(now, standing))
    }

    fn frame(&mut self, history: &History, noted: &Noted) -> Result<(), Box<Violation>> {
        let (call, ended) = match noted.kind {
            Kind::Event { name, call, .. } => (call, name == Name::Ended),
            Kind::Other { call: Some(call) } => (call, false),
            _ => return Ok(()),
        };
        let own = &history.who().app;
        let app = self.apps.entry(call).or_insert_with(|| own.clone());
        if app != own {
            let what = format!("told of a call of app {app}");
            let wrong = history.wrong(Rule::AppsApart, what).of(call).show([noted.shown()]);
            return Err(Box::new(wrong));
        }
        if ended { self.ended(history, call, noted) } else { Ok(()) }
    }

    fn ended(
        &mut self,
        history: &History,
        call: CallId,
        noted: &Noted,
    ) -> Result<(), Box<Violation>> {
        let Ok(EndedFrame { ended }) = serde_json::from_str(&noted.text) else {
            let wrong = history.wrong(Rule::Readable, "`call.ended` without its outcome");
            return Err(Box::new(wrong.of(call).show([noted.shown()])));
        };
        if ended.scope != bellwire_protocol::Scope::All {
            return Ok(());
        }
        let first =
            self.outcomes.entry(call).or_insert_with(|| (ended.clone(), noted.text.clone()));
        if first.0 == ended {
            return Ok(());
        }
        let what = "another device was told another outcome";
        let shown = [first.1.to_string(), noted.text.to_string()];
        Err(Box::new(history.wrong(Rule::OneStory, what).of(call).show(shown)))
    }

    fn standing(&self, now: Timestamp, standing: &Standing<'_>) -> Result<(), Box<Violation>> {
        let mut claims = BTreeMap::new();
        for (user, call) in standing.claims {
            if let Some(other) = claims.insert(user, *call) {
                let what = format!("{user} is claimed by {other} too");
                return Err(Box::new(Violation::new(Rule::OneClaim, what).of(*call)));
            }
            let claimed_by = standing.live.iter().find(|live| live.id == *call);
            if !claimed_by.is_some_and(|live| live.claims().any(|claimed| claimed == user)) {
                let what = format!("{user} is claimed by a call that is over or not theirs");
                return Err(Box::new(Violation::new(Rule::OneClaim, what).of(*call)));
            }
        }
        for call in standing.live {
            for user in call.claims() {
                if claims.get(user) != Some(&call.id) {
                    let what = format!("{user} is in a call that does not claim them");
                    return Err(Box::new(Violation::new(Rule::OneClaim, what).of(call.id)));
                }
            }
            self.in_time(now, call)?;
            one_device_each(call)?;
        }
        Ok(())
    }

    fn in_time(&self, now: Timestamp, call: &Call) -> Result<(), Box<Violation>> {
        let what = match call.next_deadline() {
            Some(due) if now.since_ms(due) > self.limits.slack_ms => {
                format!("a deadline passed {} ms ago and nothing was done", now.since_ms(due))
            }
            None if !call.needs_audit() => "nothing will ever end this call".to_owned(),
            Some(_) | None => return Ok(()),
        };
        let shown = [format!("{:?} at seq {}", call.phase, call.seq)];
        Err(Box::new(Violation::new(Rule::Ends, what).of(call.id).show(shown)))
    }
}

/// I5, as the state of a call shows it.
pub(crate) fn one_device_each(call: &Call) -> Result<(), Box<Violation>> {
    for (at, p) in call.participants.iter().enumerate() {
        let what = if matches!(p.state, State::Joined | State::Dropped) && p.device.is_none() {
            format!("{} is joined without a device", p.user)
        } else if call.participants[..at].iter().any(|other| other.user == p.user) {
            format!("{} takes part twice", p.user)
        } else {
            continue;
        };
        return Err(Box::new(Violation::new(Rule::OneDeviceJoined, what).of(call.id)));
    }
    Ok(())
}
