//! What the relay says in a life.

use anyhow::bail;
use serde::{Deserialize, Serialize};

use crate::{
    load::life::Side,
    wire::said::{self, LifeEvent, Said},
};

/// The frames of a life, by the request that causes them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Script {
    pub(crate) start: Answer,
    pub(crate) ringing: Answer,
    pub(crate) accept: Answer,
    pub(crate) hangup: Answer,
}

/// What a request causes: one write to each side.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Answer {
    pub(crate) caller: Vec<String>,
    pub(crate) callee: Vec<String>,
}

impl Script {
    /// From the frames of one real life, in the order in which each side received them.
    pub(crate) fn from_life(frames: &[(Side, String)]) -> anyhow::Result<Self> {
        let mut script = Self::default();
        let mut replies = [0, 0];
        for (side, text) in frames {
            let step = match said::read(text.as_bytes()) {
                Said::Granted { .. } => {
                    replies[*side as usize] += 1;
                    match (side, replies[*side as usize]) {
                        (Side::Caller, 1) => &mut script.start,
                        (Side::Caller, _) => &mut script.hangup,
                        (Side::Callee, 1) => &mut script.ringing,
                        (Side::Callee, _) => &mut script.accept,
                    }
                }
                Said::Event { event: LifeEvent::Invited, .. } => &mut script.start,
                Said::Event { event: LifeEvent::Ringing, .. } => &mut script.ringing,
                Said::Event { event: LifeEvent::Accepted | LifeEvent::Started, .. } => {
                    &mut script.accept
                }
                Said::Event { event: LifeEvent::Ended, .. } | Said::Record => &mut script.hangup,
                Said::Refused { .. } | Said::Aside | Said::Stray(_) | Said::Garbage => {
                    bail!("a frame that belongs to no life: {text}")
                }
            };
            match side {
                Side::Caller => step.caller.push(text.clone()),
                Side::Callee => step.callee.push(text.clone()),
            }
        }
        Ok(script)
    }

    /// The steps in their order, each with the side that asks.
    pub(crate) fn steps(&self) -> [(Side, &Answer); 4] {
        [
            (Side::Caller, &self.start),
            (Side::Callee, &self.ringing),
            (Side::Callee, &self.accept),
            (Side::Caller, &self.hangup),
        ]
    }

    /// Frames and bytes of JSON that go out in a life.
    pub(crate) fn size(&self) -> (usize, usize) {
        let frames = self.steps().into_iter().flat_map(|(_, a)| a.caller.iter().chain(&a.callee));
        frames.fold((0, 0), |(count, bytes), frame| (count + 1, bytes + frame.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_life_falls_into_eight_writes() {
        use Side::{Callee, Caller};
        let call = "01a1fc74-40b5-770e-9113-f02202be4a81";
        let event = |name| format!(r#"{{"ev":"call.{name}","call":"{call}"}}"#);
        let (reply, record) = (r#"{"id":2,"ok":{}}"#.to_owned(), r#"{"ev":"record"}"#.to_owned());
        let frames = [
            (Callee, event("invited")),
            (Caller, reply.clone()),
            (Caller, event("ringing")),
            (Callee, reply.clone()),
            (Callee, reply.clone()),
            (Callee, event("started")),
            (Caller, event("accepted")),
            (Caller, event("started")),
            (Caller, reply.clone()),
            (Caller, event("ended")),
            (Caller, record.clone()),
            (Callee, event("ended")),
            (Callee, record.clone()),
        ];
        let script = Script::from_life(&frames).expect("a script");
        let sizes = script.steps().map(|(_, a)| (a.caller.len(), a.callee.len()));
        assert_eq!(sizes, [(1, 1), (1, 1), (2, 2), (3, 2)]);
        assert_eq!(script.hangup.caller, [reply, event("ended"), record]);
        assert_eq!(script.size().0, 13);
        assert!(Script::from_life(&[(Caller, event("dropped"))]).is_err());
    }
}
