//! The app's own server: asked before something happens, told of what did.
//!
//! A question goes to a business server that is connected to `/v1/business`, else it is posted to
//! the app's address. It is bounded in time; when no answer comes, the app's setting decides.

mod absence;
mod breaker;
mod desk;
mod question;
mod socket;

use std::{collections::BTreeMap, sync::Arc};

use bellwire_core::{AppKey, Asked, Hook, HookOutcome, Label, Timestamp, UserId};
use bellwire_protocol::business::{Asking, HookAnswer, HookBody};
use parking_lot::Mutex;
use tokio::time::Instant;

pub(crate) use absence::Absence;
pub(crate) use socket::upgrade;

use self::desk::Desk;
use crate::{
    config::{Absent, Apps, HookSettings},
    metrics::Metrics,
    post::Message,
};

/// All apps' business servers.
pub(crate) struct Business {
    apps: Apps,
    desks: Mutex<BTreeMap<AppKey, Arc<Desk>>>,
    metrics: Arc<Metrics>,
}

/// What was said, or why nothing was.
#[derive(Debug, Clone)]
pub(crate) struct Said {
    hook: Hook,
    pub(crate) answer: Result<HookAnswer, Absence>,
    /// What the app wants without an answer.
    pub(crate) absent: Absent,
    ms: u32,
}

impl Business {
    pub(crate) fn new(apps: Apps, metrics: Arc<Metrics>) -> Self {
        Self { apps, desks: Mutex::default(), metrics }
    }

    /// Whether the app's business server is to be asked this.
    pub(crate) fn asks(&self, app: &AppKey, hook: Hook) -> bool {
        self.apps.get(app).is_some_and(|app| app.hooks.ask.contains(&hook))
            || self.known_desk(app).is_some_and(|desk| desk.takes(hook))
    }

    /// Asks, and says what came of it within the app's time limit.
    pub(crate) async fn ask(&self, app: &AppKey, id: Label, at: Timestamp, asking: Asking) -> Said {
        let (hook, begun) = (asking.hook(), Instant::now());
        let Some(settings) = self.settings(app) else {
            let answer = Err(Absence::Nobody);
            return Said { hook, answer, absent: Absent::Deny, ms: 0 };
        };
        let body = HookBody { id, app: app.clone(), at, asking };
        let deadline = begun + settings.timeout;
        let asked = self.ask_somebody(&settings, hook, &body, deadline);
        let answer = tokio::time::timeout_at(deadline, asked).await;
        let answer = answer.unwrap_or(Err(Absence::Late));
        if let Err(absence) = &answer {
            tracing::warn!(%app, hook = hook.as_str(), %absence, "the business server is absent");
        }
        let ms = u32::try_from(begun.elapsed().as_millis()).unwrap_or(u32::MAX);
        // Where nothing was to be asked, it was only a business server that has gone again.
        let absent = if settings.ask.contains(&hook) { settings.absent } else { Absent::Allow };
        let said = Said { hook, answer, absent, ms };
        self.metrics.asked(hook, said.outcome(), begun.elapsed());
        said
    }

    async fn ask_somebody(
        &self,
        settings: &HookSettings,
        hook: Hook,
        body: &HookBody,
        deadline: Instant,
    ) -> Result<HookAnswer, Absence> {
        let desk = self.desk(&body.app);
        let leave = desk.breaker.enter().ok_or(Absence::Resting)?;
        let text: Arc<str> =
            serde_json::to_string(body).expect("types of the wire serialize").into();
        while let Some(line) = desk.pick(hook) {
            match line.ask(&body.id, text.clone()).await {
                // Another one may be there.
                Err(Absence::Broken) => desk.close(&line),
                answer => return leave.concluded(answer),
            }
        }
        let url = settings.url.as_ref().ok_or(Absence::Nobody)?;
        let message = Message {
            url,
            keys: &settings.keys,
            id: &body.id,
            at_s: body.at.0 / 1000,
            body: &text,
        };
        leave.concluded(question::ask(&message, deadline).await)
    }

    /// Says goodbye to every business server that is connected.
    pub(crate) fn close_all(&self) {
        for desk in self.desks.lock().values() {
            desk.close_all();
        }
    }

    fn settings(&self, app: &AppKey) -> Option<HookSettings> {
        self.apps.get(app).map(|app| app.hooks.clone())
    }

    fn desk(&self, app: &AppKey) -> Arc<Desk> {
        self.desks.lock().entry(app.clone()).or_default().clone()
    }

    fn known_desk(&self, app: &AppKey) -> Option<Arc<Desk>> {
        self.desks.lock().get(app).cloned()
    }
}

impl Said {
    /// How the log and the metrics name it.
    pub(crate) fn outcome(&self) -> HookOutcome {
        match (&self.answer, self.hook) {
            (Err(_), _) => HookOutcome::Absent,
            (Ok(_), Hook::Answer | Hook::Finish) => HookOutcome::Told,
            (Ok(answer), _) if !answer.allow => HookOutcome::Denied,
            (Ok(answer), _) if answer.changes() => HookOutcome::Changed,
            (Ok(_), _) => HookOutcome::Allowed,
        }
    }

    /// For the log of the call: it was about what `user` did.
    pub(crate) fn entry(&self, user: &UserId) -> Asked {
        let denial = self.answer.as_ref().ok().filter(|answer| !answer.allow);
        Asked {
            hook: self.hook,
            user: Some(user.clone()),
            outcome: self.outcome(),
            code: denial.and_then(|answer| answer.code),
            why: self.answer.as_ref().err().map(Absence::label),
            ms: self.ms,
        }
    }
}
