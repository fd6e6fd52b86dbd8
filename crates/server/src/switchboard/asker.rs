//! Who asked, and how they are answered: after what they asked for is durable, before the events
//! it causes.

use std::{sync::Arc, time::Instant};

use bellwire_core::RequestRef;
use bellwire_protocol::{Json, Reply, WireError, reply_frame};
use tokio::sync::oneshot;

use super::Switchboard;
use crate::{
    idempotency::Once,
    journal::{AnswerRow, Row},
    sessions::{Outbox, Session},
};

/// Who asked.
#[derive(Debug)]
pub(crate) enum Asker {
    /// A device.
    Device {
        /// Its session.
        session: Arc<Session>,
        /// The connection it asked on.
        outbox: Arc<Outbox>,
        /// The request's id.
        id: u64,
        /// Whether the answer is kept for a repetition (R14).
        changing: bool,
        /// When the request was read.
        received: Instant,
    },
    /// The business server.
    Server {
        /// Who waits for the answer.
        to: oneshot::Sender<Result<Json, Box<WireError>>>,
        /// Keeps the answer for a repetition.
        once: Option<Once>,
    },
    /// Nobody: a deadline, a connection.
    Nobody,
}

/// An answer, ready to be sent.
#[derive(Debug)]
pub(crate) struct Answer {
    result: Result<Json, Box<WireError>>,
    frame: Option<Arc<str>>,
}

impl Asker {
    /// The request, if a device asked; names the cause of the events.
    pub(crate) fn request(&self) -> Option<RequestRef> {
        match self {
            Self::Device { session, id, .. } => Some(session.request(*id)),
            Self::Server { .. } | Self::Nobody => None,
        }
    }

    /// The session that asked.
    pub(crate) fn session(&self) -> Option<&Arc<Session>> {
        match self {
            Self::Device { session, .. } => Some(session),
            Self::Server { .. } | Self::Nobody => None,
        }
    }

    /// When the request was read.
    pub(crate) fn received(&self) -> Option<Instant> {
        match self {
            Self::Device { received, .. } => Some(*received),
            Self::Server { .. } | Self::Nobody => None,
        }
    }

    /// Makes the answer, and the rows that keep it.
    pub(crate) fn prepare(&self, result: Result<Json, Box<WireError>>) -> (Answer, Vec<Row>) {
        let Self::Device { session, id, changing, .. } = self else {
            let once = if let Self::Server { once, .. } = self { once.as_ref() } else { None };
            let rows = once.map(|once| once.rows(&result)).unwrap_or_default();
            return (Answer { result, frame: None }, rows);
        };
        let frame = match &result {
            Ok(ok) => reply_frame(*id, ok),
            Err(error) => Reply::refused(*id, WireError::clone(error)).to_frame(),
        };
        let passes = result.as_ref().is_err_and(|error| error.code.is_passing());
        let row = (*changing && !passes).then(|| {
            Row::Answer(AnswerRow {
                session: session.id.clone(),
                request: *id,
                body: frame.clone(),
            })
        });
        (Answer { result, frame: Some(frame) }, row.into_iter().collect())
    }

    /// Sends the answer.
    pub(crate) fn send(self, answer: Answer) {
        match self {
            Self::Device { outbox, .. } => {
                if let Some(frame) = answer.frame {
                    outbox.push(frame);
                }
            }
            // Whoever asked over HTTP may have gone; what they asked for is done all the same.
            Self::Server { to, once } => {
                if let Some(once) = once {
                    once.answered(&answer.result);
                }
                drop(to.send(answer.result));
            }
            Self::Nobody => {}
        }
    }
}

impl Switchboard {
    /// Answers in turn: after everything asked before it is durable.
    pub(crate) fn answer(&self, asker: Option<Asker>, ok: Json) {
        self.conclude(asker, Ok(ok));
    }

    /// Likewise, when `rows` are durable too, and does something before anything else is told.
    pub(crate) fn answer_and(
        &self,
        asker: Asker,
        ok: Json,
        rows: Vec<Row>,
        then: impl FnOnce() + Send + 'static,
    ) {
        self.conclude_and(asker, Ok(ok), rows, then);
    }

    /// Refuses in turn.
    pub(crate) fn refuse(&self, asker: Option<Asker>, error: Box<WireError>) {
        if !matches!(asker, None | Some(Asker::Nobody)) {
            self.metrics.refused(error.code);
        }
        self.conclude(asker, Err(error));
    }

    /// Likewise, and does something before anything else is told.
    pub(crate) fn refuse_and(
        &self,
        asker: Asker,
        error: Box<WireError>,
        then: impl FnOnce() + Send + 'static,
    ) {
        self.metrics.refused(error.code);
        self.conclude_and(asker, Err(error), Vec::new(), then);
    }

    fn conclude(&self, asker: Option<Asker>, result: Result<Json, Box<WireError>>) {
        let Some(asker) = asker else { return };
        let (answer, rows) = asker.prepare(result);
        self.storage.submit(rows, move || asker.send(answer));
    }

    fn conclude_and(
        &self,
        asker: Asker,
        result: Result<Json, Box<WireError>>,
        mut rows: Vec<Row>,
        then: impl FnOnce() + Send + 'static,
    ) {
        let (answer, kept) = asker.prepare(result);
        rows.extend(kept);
        self.storage.submit_in_turn(rows, move || {
            asker.send(answer);
            then();
        });
    }
}
