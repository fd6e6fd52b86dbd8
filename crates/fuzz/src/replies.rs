//! Target `replies`: text frames of a hostile server, as the SDK reads them.

use std::collections::BTreeMap;

use bellwire_client::{Event, fuzzing::read};
use bellwire_core::CallId;
use bellwire_protocol::{Reply, ServerEvent, reply::HelloOk};

/// How many requests wait for their answers.
const ASKED: u64 = 4;
/// More frames than these teach nothing new.
const FRAMES: usize = 64;

/// One frame a line. A first line that is the answer to a hello is read as one.
///
/// Nothing makes the SDK fall over, a request is answered once, the app is told each event of a
/// call once and in order, and what was read can be written and read again.
pub fn replies(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut frames: Vec<&str> = text.lines().take(FRAMES).collect();
    let hello: Option<HelloOk> = frames.first().and_then(|frame| serde_json::from_str(frame).ok());
    if hello.is_some() {
        frames.remove(0);
    }
    for frame in &frames {
        unchanged(frame);
    }
    let (events, answered) = read(ASKED, hello, &frames);
    assert!(answered <= frames.len(), "{answered} answers in {} frames", frames.len());
    in_order(&events);
}

/// What is read is what is written and read again.
fn unchanged(frame: &str) {
    if let Ok(event) = ServerEvent::parse(frame)
        && event != ServerEvent::Unknown
    {
        let written = event.to_frame();
        let again = ServerEvent::parse(&written).expect("what was written can be read");
        assert_eq!(again, event, "written as {written}");
    }
    if let Ok(reply) = serde_json::from_str::<Reply>(frame) {
        let again: Reply =
            serde_json::from_str(&reply.to_frame()).expect("what was written can be read");
        assert_eq!(again, reply);
    }
}

fn in_order(events: &[Event]) {
    let mut last: BTreeMap<CallId, u64> = BTreeMap::new();
    for event in events {
        if let Event::Call(_, event) = event
            && let Some(before) = last.insert(event.call, event.seq)
        {
            assert!(before < event.seq, "told {} after {before} of {}", event.seq, event.call);
        }
    }
}
