//! Requests that have no answer yet.
//!
//! A request keeps its id until it is answered. After a reconnect that resumed the session it is
//! sent again with that id, and the server gives its first answer again if it had acted already:
//! so it is done exactly once.

use std::collections::{BTreeMap, VecDeque};

use bellwire_protocol::{Body, Command, Reply, Request};
use tokio::sync::oneshot;

use crate::Error;

/// Where an answer goes; none for what is sent by itself.
pub(crate) type Answer = Option<oneshot::Sender<Result<Body, Error>>>;

struct Waiting {
    frame: String,
    changing: bool,
    /// Whether its answer carries a call that the device has a stay in from now on.
    opens: bool,
    sent: bool,
    answer: Answer,
}

/// All requests without an answer, in order of their ids.
pub(crate) struct Outstanding {
    next_id: u64,
    waiting: BTreeMap<u64, Waiting>,
    unsent: VecDeque<u64>,
}

impl Outstanding {
    pub(crate) fn new() -> Self {
        Self { next_id: 1, waiting: BTreeMap::new(), unsent: VecDeque::new() }
    }

    /// An id for a request that is not kept: a hello.
    pub(crate) fn take_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id - 1
    }

    pub(crate) fn add(&mut self, command: Command, answer: Answer) {
        let id = self.take_id();
        let changing = command.is_changing();
        let opens = matches!(command, Command::Start(_) | Command::Accept(_) | Command::Join(_));
        let frame = Request { id, command }.to_frame();
        self.waiting.insert(id, Waiting { frame, changing, opens, sent: false, answer });
        self.unsent.push_back(id);
    }

    /// The frames to be sent now.
    pub(crate) fn take_unsent(&mut self) -> Vec<String> {
        let mut frames = Vec::with_capacity(self.unsent.len());
        for id in self.unsent.drain(..) {
            if let Some(waiting) = self.waiting.get_mut(&id) {
                waiting.sent = true;
                frames.push(waiting.frame.clone());
            }
        }
        frames
    }

    /// A new connection: what was sent is sent again, in order. In a new session the server does
    /// not know the ids, so what may have changed something is not repeated but given up.
    pub(crate) fn reconnected(&mut self, resumed: bool) {
        if !resumed {
            let lost = self.waiting.extract_if(.., |_, w| w.sent && w.changing);
            for (_, waiting) in lost {
                settle(waiting.answer, Err(Error::SessionLost));
            }
        }
        self.unsent = self.waiting.keys().copied().collect();
    }

    /// Passes a reply on. The body is given back when it opens a stay in a call.
    pub(crate) fn answered(&mut self, reply: Reply) -> Option<Body> {
        let waiting = self.waiting.remove(&reply.id)?;
        let opened = if waiting.opens { reply.ok.clone() } else { None };
        settle(waiting.answer, reply.into_body().map_err(Error::Refused));
        opened
    }

    /// Answers all with `error`.
    pub(crate) fn fail(&mut self, error: &Error) {
        self.unsent.clear();
        while let Some((_, waiting)) = self.waiting.pop_first() {
            settle(waiting.answer, Err(error.clone()));
        }
    }
}

fn settle(answer: Answer, result: Result<Body, Error>) {
    if let Some(answer) = answer {
        // Whoever asked may have stopped waiting.
        let _ = answer.send(result);
    }
}
