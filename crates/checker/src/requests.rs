//! Requests of one device: each is answered once, and again with the same answer (R14).

use std::collections::BTreeMap;

use bellwire_core::CallId;
use bellwire_protocol::limits::ANSWERS;

use crate::frame::Asked;

/// The requests of the present session, and those that wait on the present connection.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    known: BTreeMap<u64, Known>,
    /// Ids sent on this connection and not answered on it; one sent twice stands here twice.
    waiting: Vec<u64>,
    /// Requests that may put the device into a call and have never been answered.
    entering: Vec<(u64, Option<CallId>)>,
    connection: u32,
    /// Counts kept answers: one with [`ANSWERS`] newer ones may have been forgotten.
    answers: usize,
}

/// A request as it was sent.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) asked: Asked,
    /// Where in the history it was first sent.
    pub(crate) sent: usize,
    /// On which connection it was sent last.
    connection: u32,
    repeated: bool,
    answer: Option<Answer>,
}

/// The first answer: where in the history, on which connection, and the how many-th.
#[derive(Debug, Clone, Copy)]
struct Answer {
    step: usize,
    connection: u32,
    number: usize,
}

/// What a reply is to the request it names.
#[derive(Debug)]
pub(crate) enum Answered {
    /// The first answer.
    First,
    /// An answer after the first, which stands at this step; whether that came over an earlier
    /// connection.
    Again { first: usize, over_earlier: bool },
    /// It names no request of this connection.
    Unasked,
}

impl Requests {
    /// A connection begins or is lost: what waits on it is not answered on it any more.
    pub(crate) fn connection_changed(&mut self) {
        self.connection += 1;
        self.waiting.clear();
    }

    /// Takes note of a request; whether it repeats one of the session.
    pub(crate) fn sent(&mut self, id: u64, asked: Asked, step: usize) -> bool {
        self.waiting.push(id);
        if let Asked::Enter { call, .. } = &asked
            && !self.known.contains_key(&id)
        {
            self.entering.push((id, *call));
        }
        let connection = self.connection;
        if let Some(known) = self.known.get_mut(&id).filter(|known| known.asked == asked) {
            (known.connection, known.repeated) = (connection, true);
            return true;
        }
        let known = Known { asked, sent: step, connection, repeated: false, answer: None };
        self.known.insert(id, known);
        false
    }

    /// A reply. `counts` is false for one that only puts the device off.
    pub(crate) fn answered(&mut self, id: u64, step: usize, counts: bool) -> Answered {
        let Some(waits) = self.waiting.iter().position(|waiting| *waiting == id) else {
            return Answered::Unasked;
        };
        self.waiting.swap_remove(waits);
        let Some(known) = self.known.get_mut(&id) else { return Answered::Unasked };
        let kept = |answer: &Answer| self.answers - answer.number < ANSWERS;
        if let Some(answer) =
            known.answer.filter(|a| counts && known.asked.is_changing() && kept(a))
        {
            let over_earlier = answer.connection != self.connection;
            return Answered::Again { first: answer.step, over_earlier };
        }
        if counts {
            self.entering.retain(|(entering, _)| *entering != id);
            self.answers += usize::from(known.asked.is_changing());
            let (connection, number) = (self.connection, self.answers);
            known.answer = Some(Answer { step, connection, number });
        }
        Answered::First
    }

    /// Another session has begun, in which ids count anew; only this connection's are of it.
    pub(crate) fn session_changed(&mut self) {
        let connection = self.connection;
        self.known.retain(|_, known| known.connection == connection);
        for known in self.known.values_mut() {
            known.answer = known.answer.filter(|answer| answer.connection == connection);
        }
        let known = &self.known;
        self.entering.retain(|(id, _)| known.contains_key(id));
    }

    pub(crate) fn known(&self, id: u64) -> Option<&Known> {
        self.known.get(&id)
    }

    /// Whether the device may be in `call` by a request whose answer it has not got.
    pub(crate) fn may_enter(&self, call: CallId) -> bool {
        self.entering.iter().any(|(_, named)| named.is_none_or(|named| named == call))
    }

    /// Requests of this connection that wait for their reply.
    pub(crate) fn waiting(&self) -> &[u64] {
        &self.waiting
    }
}

impl Known {
    /// Whether it was sent once only.
    pub(crate) fn is_fresh(&self) -> bool {
        !self.repeated
    }
}
