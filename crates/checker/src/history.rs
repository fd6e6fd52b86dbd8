//! What one device saw and did, in its own order.

use std::collections::BTreeMap;

use bellwire_core::{AppKey, CallId, DeviceId, RequestRef, SessionId, Timestamp, UserId};

use serde_json::value::RawValue;

use crate::{
    frame::{self, Asked, Entered, Glance, Name, Received, Resumed, Welcome},
    requests::{Answered, Requests},
    stay::Stay,
    violation::{Rule, Violation, Who},
};

/// How many earlier frames of a call are shown beside one that is wrong.
const SHOWN: usize = 6;

/// One thing that happened to a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    /// A connection was opened; one that was open before is lost, and what still comes over that
    /// one is seen by nobody: it is not recorded.
    Opened,
    /// A text frame was sent, whether or not it arrives.
    Sent(&'a str),
    /// A text frame came.
    Got(&'a str),
    /// The connection is gone, whoever closed it.
    Lost,
    /// Everything that the server has to say to this device has come: whatever of its calls it has
    /// not been told by now is missing. True until its connection is lost.
    Settled,
}

/// One device's story: it outlives connections and sessions.
#[derive(Debug)]
pub struct History {
    who: Who,
    pub(crate) steps: Vec<Noted>,
    requests: Requests,
    stays: BTreeMap<CallId, Stay>,
    session: Option<SessionId>,
    /// The hello that waits for its answer; what it wanted to resume.
    hello: Option<(u64, Option<Resumed>)>,
    /// Whether the present connection goes on with what an earlier one began.
    resumes: bool,
    settled: bool,
}

/// A step as it is kept.
#[derive(Debug)]
pub(crate) struct Noted {
    pub(crate) at: Timestamp,
    pub(crate) text: Box<str>,
    pub(crate) kind: Kind,
}

/// What a kept step was.
#[derive(Debug)]
pub(crate) enum Kind {
    /// Connections, requests, and what nobody can read.
    Mark,
    /// What the device sent; whether it repeats a request of the session.
    Sent { repeats: bool },
    /// The first answer to the request sent at a step; whether it is a yes, and whether it put the
    /// device into the call it shows.
    Reply { asked: usize, request: Option<RequestRef>, ok: bool, enters: bool },
    /// The answer to a hello, which had brought these cursors; the listed calls that are stays.
    Welcome { cursors: Option<BTreeMap<CallId, u64>>, stays: Vec<CallId> },
    /// An event of a call's log.
    Event { name: Name, call: CallId, seq: u64 },
    /// Another event; of a call, if it names one.
    Other { call: Option<CallId> },
    /// A logout was answered: what rings goes on without this device.
    LoggedOut,
}

impl History {
    /// The history of a device that has done nothing yet.
    pub fn new(app: AppKey, user: UserId, device: DeviceId) -> Self {
        Self {
            who: Who { app, user, device },
            steps: Vec::new(),
            requests: Requests::default(),
            stays: BTreeMap::new(),
            session: None,
            hello: None,
            resumes: false,
            settled: false,
        }
    }

    /// Takes note of a step, and looks at it with what this device alone can know. A step that
    /// breaks a rule is kept all the same.
    pub fn record(&mut self, at: Timestamp, step: Step<'_>) -> Result<(), Box<Violation>> {
        match step {
            Step::Opened | Step::Lost => {
                self.requests.connection_changed();
                self.stays.values_mut().for_each(Stay::connection_changed);
                (self.hello, self.resumes, self.settled) = (None, false, false);
                self.note(at, if step == Step::Opened { "opened" } else { "lost" }, Kind::Mark);
                Ok(())
            }
            Step::Sent(text) => {
                self.send(at, text);
                Ok(())
            }
            Step::Got(text) => self.get(at, text),
            Step::Settled => self.settle(),
        }
    }

    /// The business server answers `call` with this device: it may find itself in a call it has
    /// never been told of.
    pub fn placed(&mut self, call: CallId) {
        self.stays.entry(call).or_default().placed();
    }

    /// Whose history it is.
    pub fn who(&self) -> &Who {
        &self.who
    }

    /// Whether the device has been told everything (see [`Step::Settled`]).
    pub fn is_settled(&self) -> bool {
        self.settled
    }

    /// The calls it has heard of, each once.
    pub fn calls(&self) -> impl Iterator<Item = CallId> {
        self.stays.keys().copied()
    }

    fn note(&mut self, at: Timestamp, text: &str, kind: Kind) {
        self.steps.push(Noted { at, text: text.into(), kind });
    }

    fn send(&mut self, at: Timestamp, text: &str) {
        self.settled = false;
        let mut repeats = false;
        if let Some((id, asked)) = frame::request(text) {
            if let Asked::Hello(resume) = &asked {
                self.hello = Some((id, resume.clone()));
            }
            if let Asked::Offer { call } = asked
                && let Some(stay) = self.stays.get_mut(&call)
            {
                stay.offers();
            }
            repeats = self.requests.sent(id, asked, self.steps.len());
        }
        self.note(at, text, Kind::Sent { repeats });
    }

    fn get(&mut self, at: Timestamp, text: &str) -> Result<(), Box<Violation>> {
        match Received::read(text) {
            Ok(Received::Event { name, call, seq }) => {
                self.note(at, text, Kind::Event { name, call, seq });
                let forgiving = self.resumes || self.requests.may_enter(call);
                let told = self.stays.entry(call).or_default().event(name, seq, forgiving);
                told.map_err(|(rule, what)| {
                    self.wrong(rule, what).of(call).show(self.about(call))
                })?;
                Ok(())
            }
            Ok(Received::Reply { id, ok }) => self.reply(at, text, id, ok.map(RawValue::get)),
            Ok(Received::Room { call }) => {
                self.note(at, text, Kind::Other { call: Some(call) });
                let forgiving = self.resumes || self.requests.may_enter(call);
                let told = self.stays.entry(call).or_default().room(forgiving);
                told.map_err(|(rule, what)| {
                    self.wrong(rule, what).of(call).show(self.about(call))
                })?;
                Ok(())
            }
            Ok(Received::Other { call }) => {
                self.note(at, text, Kind::Other { call });
                Ok(())
            }
            Err(why) => {
                self.note(at, text, Kind::Mark);
                Err(Box::new(self.unreadable(&why)))
            }
        }
    }

    fn reply(
        &mut self,
        at: Timestamp,
        text: &str,
        id: u64,
        ok: Option<&str>,
    ) -> Result<(), Box<Violation>> {
        let step = self.steps.len();
        let counts = ok.is_some() || !frame::puts_off(text);
        if let Some(Asked::Offer { call }) = self.requests.known(id).map(|known| &known.asked)
            && let Some(stay) = self.stays.get_mut(call)
        {
            stay.offered();
        }
        match self.requests.answered(id, step, counts) {
            // Nothing was done, and nothing said of what was done before.
            Answered::First if !counts => {
                self.note(at, text, Kind::Mark);
                Ok(())
            }
            Answered::First => self.first_reply(at, text, id, ok),
            Answered::Again { first, over_earlier } => {
                self.note(at, text, Kind::Mark);
                let of = self.requests.known(id).and_then(|known| known.asked.call_of(ok));
                if let Some(stay) = of.and_then(|call| self.stays.get_mut(&call))
                    && over_earlier
                {
                    stay.repeated();
                }
                let before = &self.steps[first].text;
                if **before == *text {
                    return Ok(());
                }
                let shown = [before.to_string(), text.to_owned()];
                let what = "a repeated request got another answer than the first";
                Err(Box::new(self.wrong(Rule::FirstAnswerAgain, what).show(shown)))
            }
            Answered::Unasked => {
                self.note(at, text, Kind::Mark);
                let what = "a reply to nothing that waits on this connection";
                Err(Box::new(self.wrong(Rule::OneReply, what).show([text])))
            }
        }
    }

    fn first_reply(
        &mut self,
        at: Timestamp,
        text: &str,
        id: u64,
        ok: Option<&str>,
    ) -> Result<(), Box<Violation>> {
        // It has just been looked up.
        let Some(known) = self.requests.known(id) else { return Ok(()) };
        let (asked, fresh, sent) = (known.asked.clone(), known.is_fresh(), known.sent);
        let request = self.session.clone().map(|session| RequestRef { session, id });
        let reply = |enters| Kind::Reply { asked: sent, request, ok: ok.is_some(), enters };
        match (asked, ok) {
            (Asked::Hello(_), Some(ok)) => self.welcome(at, text, ok),
            (Asked::Enter { whole: true, .. }, Some(ok)) => {
                let Ok(Entered { info }) = serde_json::from_str(ok) else {
                    self.note(at, text, Kind::Mark);
                    return Err(Box::new(self.unreadable("the answer shows no call")));
                };
                let enters = info.is_stay_of(&self.who.user, &self.who.device);
                self.note(at, text, reply(enters));
                if enters {
                    self.stays.entry(info.id).or_default().entered(Some(info.seq), fresh);
                }
                Ok(())
            }
            (Asked::Enter { call: Some(call), .. }, Some(_)) => {
                self.note(at, text, reply(false));
                self.stays.entry(call).or_default().entered(None, fresh);
                Ok(())
            }
            (Asked::Logout, Some(_)) => {
                self.note(at, text, Kind::LoggedOut);
                self.stays.values_mut().for_each(Stay::forget);
                Ok(())
            }
            (_, _) => {
                self.note(at, text, reply(false));
                Ok(())
            }
        }
    }

    fn welcome(&mut self, at: Timestamp, text: &str, ok: &str) -> Result<(), Box<Violation>> {
        let Ok(Welcome { session, resumed, calls }) = serde_json::from_str(ok) else {
            self.note(at, text, Kind::Mark);
            return Err(Box::new(self.unreadable("the answer to hello lacks something")));
        };
        let asked = self.hello.take().and_then(|(_, resume)| resume);
        let wanted = asked.as_ref().map(|resume| resume.session.clone());
        let cursors = asked.map(|resume| {
            let cursors = resume.cursors.unwrap_or_default().into_iter();
            cursors.map(|(call, cursor)| (call, cursor.seq().unwrap_or(0))).collect()
        });
        self.resumes = wanted.is_some();
        self.meet(cursors.as_ref(), &calls);
        let is_stay = |g: &&Glance| g.is_stay_of(&self.who.user, &self.who.device);
        let stays = calls.iter().filter(is_stay).map(|glance| glance.id).collect();
        self.note(at, text, Kind::Welcome { cursors, stays });
        if resumed && wanted.as_ref() != Some(&session) {
            let what = "a session was resumed that was not asked for";
            return Err(Box::new(self.wrong(Rule::TrueToLog, what).show([text])));
        }
        if self.session.as_ref() != Some(&session) {
            self.requests.session_changed();
            self.session = Some(session);
        }
        Ok(())
    }

    /// Brings the stays to where hello and its answer say they are.
    fn meet(&mut self, cursors: Option<&BTreeMap<CallId, u64>>, calls: &[Glance]) {
        let named = |call: &CallId| cursors.and_then(|cursors| cursors.get(call)).copied();
        for (call, stay) in &mut self.stays {
            match named(call) {
                Some(seq) => stay.cursor(seq),
                None => stay.forget(),
            }
        }
        for glance in calls {
            let is_stay = glance.is_stay_of(&self.who.user, &self.who.device);
            let stay = self.stays.entry(glance.id).or_default();
            stay.listed(glance.seq, is_stay, named(&glance.id).is_some());
        }
    }

    fn settle(&mut self) -> Result<(), Box<Violation>> {
        self.settled = true;
        let waiting = self.requests.waiting();
        if waiting.is_empty() {
            return Ok(());
        }
        let sent = waiting.iter().filter_map(|id| self.requests.known(*id));
        let shown: Vec<String> =
            sent.map(|known| self.steps[known.sent].text.to_string()).collect();
        let what = "requests that were never answered, on a connection that lasts";
        Err(Box::new(self.wrong(Rule::OneReply, what).show(shown)))
    }

    pub(crate) fn wrong(&self, rule: Rule, what: impl Into<String>) -> Violation {
        Violation::new(rule, what).by(&self.who)
    }

    fn unreadable(&self, why: &str) -> Violation {
        let last = self.steps.last().map(|noted| noted.text.to_string());
        self.wrong(Rule::Readable, why).show(last)
    }

    /// The last frames about a call, oldest first.
    pub(crate) fn about(&self, call: CallId) -> Vec<String> {
        let of_call = |noted: &&Noted| match &noted.kind {
            Kind::Event { call: of, .. } => *of == call,
            Kind::Other { call: of } => *of == Some(call),
            Kind::Reply { .. } | Kind::Sent { .. } | Kind::Welcome { .. } => {
                noted.text.contains(&call.to_string())
            }
            Kind::Mark | Kind::LoggedOut => false,
        };
        let mut shown: Vec<_> =
            self.steps.iter().rev().filter(of_call).take(SHOWN).map(Noted::shown).collect();
        shown.reverse();
        shown
    }
}

impl Noted {
    /// The frame as it is shown to people.
    pub(crate) fn shown(&self) -> String {
        let way = match self.kind {
            Kind::Sent { .. } => "→",
            Kind::Mark
            | Kind::Reply { .. }
            | Kind::Welcome { .. }
            | Kind::Event { .. }
            | Kind::Other { .. }
            | Kind::LoggedOut => "←",
        };
        format!("{} {way} {}", self.at.0, self.text)
    }
}
