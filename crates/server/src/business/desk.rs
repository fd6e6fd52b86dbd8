//! Where the connected business servers of an app are asked.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use bellwire_core::Hook;
use bellwire_protocol::business::HookAnswer;
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};

use super::{absence::Absence, breaker::Breaker};

/// Frames that may wait for a connection before it counts as too slow.
const WAITING: usize = 1_024;

/// What is known of an app's business servers while the node runs.
#[derive(Debug, Default)]
pub(super) struct Desk {
    pub(super) breaker: Breaker,
    lines: Mutex<Vec<Arc<Line>>>,
}

/// One connection of a business server.
#[derive(Debug)]
pub(super) struct Line {
    /// The hooks it answers; all where none.
    hooks: Option<BTreeSet<Hook>>,
    out: mpsc::Sender<Out>,
    waiting: Mutex<HashMap<String, oneshot::Sender<Result<HookAnswer, Absence>>>>,
    is_gone: AtomicBool,
}

/// What goes out on a connection.
#[derive(Debug)]
pub(super) enum Out {
    Frame(Arc<str>),
    Close,
}

impl Desk {
    /// Adds a connection; its frames come out of the receiver.
    pub(super) fn open(&self, hooks: Option<BTreeSet<Hook>>) -> (Arc<Line>, mpsc::Receiver<Out>) {
        let (out, frames) = mpsc::channel(WAITING);
        let (waiting, is_gone) = (Mutex::default(), AtomicBool::new(false));
        let line = Arc::new(Line { hooks, out, waiting, is_gone });
        self.lines.lock().push(line.clone());
        self.breaker.reset();
        (line, frames)
    }

    /// Takes a connection away; whoever waits for its answer hears that it broke.
    pub(super) fn close(&self, line: &Arc<Line>) {
        self.lines.lock().retain(|other| !Arc::ptr_eq(other, line));
        line.is_gone.store(true, Ordering::SeqCst);
        line.waiting.lock().clear();
    }

    /// Whether somebody who is connected answers the hook.
    pub(super) fn takes(&self, hook: Hook) -> bool {
        self.lines.lock().iter().any(|line| line.takes(hook))
    }

    /// The one with the fewest questions of those who answer the hook.
    pub(super) fn pick(&self, hook: Hook) -> Option<Arc<Line>> {
        let lines = self.lines.lock();
        let taking = lines.iter().filter(|line| line.takes(hook));
        taking.min_by_key(|line| line.waiting.lock().len()).cloned()
    }

    /// Says goodbye to all.
    pub(super) fn close_all(&self) {
        for line in self.lines.lock().iter() {
            // One whose queue is full is too slow to hear it.
            let _ = line.out.try_send(Out::Close);
        }
    }
}

impl Line {
    fn takes(&self, hook: Hook) -> bool {
        self.hooks.as_ref().is_none_or(|hooks| hooks.contains(&hook))
    }

    /// Asks here; [`Absence::Broken`] if the connection ends first.
    pub(super) async fn ask(&self, id: &str, frame: Arc<str>) -> Result<HookAnswer, Absence> {
        let (to, answer) = oneshot::channel();
        let _forget = Forget { line: self, id };
        {
            let mut waiting = self.waiting.lock();
            if self.is_gone.load(Ordering::SeqCst) {
                return Err(Absence::Broken);
            }
            waiting.insert(id.to_owned(), to);
        }
        self.out.try_send(Out::Frame(frame)).map_err(|_| Absence::Broken)?;
        answer.await.unwrap_or(Err(Absence::Broken))
    }

    /// Hands an answer to whoever waits for it; false if nobody does (any more).
    pub(super) fn answered(&self, id: &str, answer: Result<HookAnswer, Absence>) -> bool {
        let waiting = self.waiting.lock().remove(id);
        waiting.is_some_and(|to| to.send(answer).is_ok())
    }

    /// Sends a frame, waiting for room.
    pub(super) async fn send(&self, frame: Arc<str>) {
        // Whoever left hears no more.
        let _ = self.out.send(Out::Frame(frame)).await;
    }
}

/// A question that nobody waits for any more is forgotten.
struct Forget<'a> {
    line: &'a Line,
    id: &'a str,
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        self.line.waiting.lock().remove(self.id);
    }
}
