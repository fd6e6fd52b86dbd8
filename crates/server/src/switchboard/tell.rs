//! From what was appended to what devices are told.

use std::{collections::BTreeSet, sync::Arc, time::Instant};

use bellwire_core::{AppKey, Event, Phase, Tell, UserId};
use bellwire_protocol::{Json, Record, RecordCursor, record_frame};

use super::{
    Asker, Switchboard,
    render::{render, says_the_same_to_all},
};
use crate::calls::{Change, Finished, Plan, Step};

impl Switchboard {
    /// Appends the plan; once it is durable the asker is answered and the audience told. Gives
    /// the asker back if the calls have changed meanwhile: decide again.
    pub(super) fn append(
        self: &Arc<Self>,
        app: &AppKey,
        plan: Plan,
        ok: Json,
        asker: Option<Asker>,
    ) -> Result<(), Option<Asker>> {
        self.append_result(app, plan, Ok(ok), asker)
    }

    /// The same, with an answer that may be a refusal which is logged (R21).
    pub(super) fn append_result(
        self: &Arc<Self>,
        app: &AppKey,
        plan: Plan,
        result: Result<Json, Box<bellwire_protocol::WireError>>,
        asker: Option<Asker>,
    ) -> Result<(), Option<Asker>> {
        let stays = result.is_ok();
        let asker = asker.unwrap_or(Asker::Nobody);
        let (answer, rows) = asker.prepare(result);
        let plan = Arc::new(plan);
        // What is told runs only if the append succeeds; until then the asker waits in here.
        let parked = Arc::new(parking_lot::Mutex::new(Some((asker, answer))));
        let (board, told, slot) = (self.clone(), plan.clone(), parked.clone());
        let key = app.clone();
        let appended = self.calls.append(app, &plan, rows, move |finished| {
            let Some((asker, answer)) = slot.lock().take() else { return };
            if stays {
                begin_stay(&asker, &told);
            }
            let received = asker.received();
            asker.send(answer);
            board.tell(&key, &told, &finished, received);
        });
        match appended {
            Ok(()) => {
                for change in plan.iter() {
                    self.deadlines.changed(app, change.after.id);
                }
                Ok(())
            }
            Err(_) => Err(parked.lock().take().map(|(asker, _)| asker)),
        }
    }

    fn tell(
        self: &Arc<Self>,
        app: &AppKey,
        plan: &[Change],
        finished: &[Finished],
        received: Option<Instant>,
    ) {
        for change in plan {
            self.media.follow(&change.after);
            for step in &change.steps {
                if let Event::Moved { user, from, .. } = &step.entry.event {
                    self.media.passes.forget(change.after.id, user, from);
                }
                self.tell_step(app, step);
                self.wake(app, step);
                self.metrics.happened(step, received);
            }
            self.tell_business(app, change, finished);
        }
        for done in finished {
            self.tell_record(app, done);
        }
        self.feed.appended(app);
        for user in touched(plan) {
            self.tell_presence(app, user);
        }
    }

    fn tell_step(&self, app: &AppKey, step: &Step) {
        let (call, seq) = (step.after.id, step.entry.seq);
        tracing::info!(%call, seq, event = event_name(&step.entry.event), "call");
        // Frames that say the same to all are written once.
        let mut shared: Option<(&Tell, Arc<str>)> = None;
        for notice in &step.notices {
            let sessions = self.sessions.of(app, &notice.user);
            let mut told =
                sessions.iter().filter(|s| notice.devices.contains(&s.device)).peekable();
            if told.peek().is_none() {
                continue;
            }
            let frame = match &shared {
                Some((tell, frame)) if *tell == &notice.tell => frame.clone(),
                _ => {
                    let frame = render(&self.media, notice, &step.entry, &step.after, self.now());
                    if says_the_same_to_all(&notice.tell) {
                        shared = Some((&notice.tell, frame.clone()));
                    }
                    frame
                }
            };
            let terminal = notice.tell.is_terminal();
            told.for_each(|s| s.tell(call, seq, terminal, &frame));
        }
    }

    /// A finished call's record goes to every device of everyone in it.
    fn tell_record(&self, app: &AppKey, done: &Finished) {
        let cursor = RecordCursor(done.serial);
        let mut frame = record_frame(&done.record, cursor);
        for p in &done.call.participants {
            if Record::has_secrets(&done.call)
                && let Some(record) = Record::of(&done.call, done.serial)
            {
                frame = record_frame(&Json::of(&record.told(&p.user)), cursor);
            }
            for session in self.sessions.of(app, &p.user) {
                if let Some(outbox) = session.greeted() {
                    outbox.push(frame.clone());
                }
            }
        }
    }
}

/// The stay of the device that started, accepted, joined or moved begins with the reply. One that
/// has begun goes on: what its device causes in it later is told to it like anything else.
fn begin_stay(asker: &Asker, plan: &[Change]) {
    let Some(session) = asker.session() else { return };
    let Some(change) = plan.last() else { return };
    let first = change.first();
    let own = first.participant(&session.user).filter(|p| p.state.is_in());
    if own.is_some_and(|p| p.device.as_ref() == Some(&session.device)) {
        session.begin_stay(first.id, first.seq);
    }
}

/// Users whose being in a call a plan changed.
fn touched(plan: &[Change]) -> BTreeSet<&UserId> {
    let mut users = BTreeSet::new();
    for change in plan {
        let inside = |call: &bellwire_core::Call, user: &UserId| {
            call.phase != Phase::Ended && call.participant(user).is_some_and(|p| p.state.is_in())
        };
        for p in &change.after.participants {
            let was = change.before.as_ref().is_some_and(|call| inside(call, &p.user));
            if was != inside(&change.after, &p.user) {
                users.insert(&p.user);
            }
        }
    }
    users
}

/// The name of an event for the server's own log.
pub(crate) fn event_name(event: &Event) -> &'static str {
    match event {
        Event::Created(_) => "created",
        Event::Released { .. } => "released",
        Event::Reached { .. } => "reached",
        Event::Ringing { .. } => "ringing",
        Event::Silenced { .. } => "silenced",
        Event::Accepted { .. } => "accepted",
        Event::Started => "started",
        Event::Rejected { .. } => "rejected",
        Event::Canceled { .. } => "canceled",
        Event::Added { .. } => "added",
        Event::Joined { .. } => "joined",
        Event::Entered { .. } => "entered",
        Event::Left { .. } => "left",
        Event::Dropped { .. } => "dropped",
        Event::Restored { .. } => "restored",
        Event::Moved { .. } => "moved",
        Event::Edited(_) => "edited",
        Event::MediaProposed { .. } => "media_proposed",
        Event::MediaChanged { .. } => "media_changed",
        Event::MediaRefused { .. } => "media_refused",
        Event::Acknowledged { .. } => "acknowledged",
        Event::MediaReported { .. } => "media_reported",
        Event::Asked(_) => "asked",
        Event::Pushed(_) => "pushed",
        Event::Ended { .. } => "ended",
    }
}
