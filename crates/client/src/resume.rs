//! What a session remembers, so that a new connection goes on where the last one broke.

use std::collections::{BTreeMap, VecDeque};

use bellwire_core::{CallId, SessionId};
use bellwire_protocol::{CallEvent, CallInfo, Cursor, RecordCursor, command::Resume};

/// How many finished stays are remembered, to know a repeated end for what it is.
const OVER: usize = 256;

/// The session, and how far its calls were read.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    session: Option<SessionId>,
    live: BTreeMap<CallId, Place>,
    over: VecDeque<(CallId, u64)>,
    record: Option<RecordCursor>,
}

#[derive(Debug)]
struct Place {
    seq: u64,
    cursor: Cursor,
}

impl Memory {
    /// What hello says of it; none before the first.
    pub(crate) fn resume(&self) -> Option<Resume> {
        let session = self.session.clone()?;
        let cursors = self.live.iter().map(|(call, place)| (*call, place.cursor.clone())).collect();
        Some(Resume { session, cursors: Some(cursors), records_after: self.record })
    }

    pub(crate) fn session(&mut self, session: SessionId) {
        self.session = Some(session);
    }

    /// Whether the device has a stay in any call.
    pub(crate) fn is_busy(&self) -> bool {
        !self.live.is_empty()
    }

    /// Takes note of an event; false when the app was told it before.
    pub(crate) fn see(&mut self, event: &CallEvent) -> bool {
        if event.seq <= self.seen(event.call) {
            return false;
        }
        self.over.retain(|(call, _)| *call != event.call);
        if event.change.is_terminal() {
            self.live.remove(&event.call);
            self.over.push_back((event.call, event.seq));
            if self.over.len() > OVER {
                self.over.pop_front();
            }
        } else {
            let place = Place { seq: event.seq, cursor: event.cursor.clone() };
            self.live.insert(event.call, place);
        }
        true
    }

    /// A call as hello showed it; false when events of it follow or the app knows it.
    pub(crate) fn found(&mut self, info: &CallInfo) -> bool {
        if info.seq <= self.seen(info.id) || self.live.contains_key(&info.id) {
            return false;
        }
        self.opened(info, info.seq);
        true
    }

    /// A call whose first sight is a reply: the events it caused follow, so none counts as seen.
    pub(crate) fn replied(&mut self, info: &CallInfo) {
        if !self.live.contains_key(&info.id) {
            self.opened(info, self.seen(info.id));
        }
    }

    pub(crate) fn record(&mut self, cursor: RecordCursor) {
        self.record = Some(cursor);
    }

    fn opened(&mut self, info: &CallInfo, seq: u64) {
        if let Some(cursor) = info.cursor.clone() {
            self.live.insert(info.id, Place { seq, cursor });
        }
    }

    fn seen(&self, call: CallId) -> u64 {
        let live = self.live.get(&call).map(|place| place.seq);
        let over = || self.over.iter().find(|(over, _)| *over == call).map(|(_, seq)| *seq);
        live.or_else(over).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use bellwire_protocol::{CallEvent, ServerEvent};

    use super::Memory;

    const CALL: &str = "01980000-0000-7000-8000-000000000001";

    fn event(seq: u64, rest: &str) -> CallEvent {
        let frame = format!(r#"{{"call":"{CALL}","seq":{seq},"at":1,"cursor":"c{seq}",{rest}}}"#);
        match ServerEvent::parse(&frame).unwrap() {
            ServerEvent::Call(event) => *event,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_event_is_new_once() {
        let mut memory = Memory::default();
        let ringing = event(2, r#""ev":"call.ringing","user":"bob","device":"d""#);
        let canceled = event(4, r#""ev":"call.canceled","reason":"canceled","code":100101"#);
        assert!(memory.see(&ringing) && !memory.see(&ringing));
        memory.session(bellwire_core::SessionId::parse("s-1").unwrap());
        let cursors = memory.resume().unwrap().cursors.unwrap();
        assert_eq!(cursors.values().next().unwrap().as_str(), "c2");
        assert!(memory.see(&canceled) && !memory.see(&canceled) && !memory.see(&ringing));
        assert!(!memory.is_busy());
        // Invited again: a new stay in the same call.
        assert!(memory.see(&event(6, r#""ev":"call.dropped","user":"bob""#)));
        assert!(memory.is_busy());
    }
}
