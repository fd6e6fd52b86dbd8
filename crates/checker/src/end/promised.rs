//! What was answered is what is in the books: nothing acknowledged is lost, nothing is done twice,
//! and what was refused was not done.

use std::collections::{BTreeMap, BTreeSet};

use bellwire_core::{CallId, DeviceId, Entry, Event, RequestRef, UserId};
use bellwire_protocol::{Command, ErrorCode, Reply, Request, reply::StartOk};

use super::Found;
use crate::{
    frame,
    history::{History, Kind, Noted},
    ledger::Ledger,
    violation::{Rule, Violation, Who},
};

/// Holds each first answer against the logs.
pub(super) fn check(histories: &[History], ledger: &Ledger, found: &mut Found) {
    let causes = causes(ledger, found);
    for history in histories {
        let mut starts = Starts::default();
        for (at, noted) in history.steps.iter().enumerate() {
            match &noted.kind {
                Kind::Sent { repeats: false } => starts.sent(&noted.text, at),
                Kind::Reply { asked, request, ok, .. } => {
                    let sent = &history.steps[*asked];
                    starts.answered(*asked, *ok, &noted.text);
                    let kept = if *ok {
                        promise(history.who(), sent, noted, ledger, request.as_ref(), &causes)
                    } else {
                        refused(noted, request.as_ref(), &causes)
                    };
                    if let Err(wrong) = kept {
                        let wrong = wrong.by(history.who());
                        found.push(wrong.show([sent.shown(), noted.shown()]));
                    }
                }
                _ => {}
            }
        }
        starts.check(history, ledger, found);
    }
}

/// What each request caused, where the ledger says so: the call and the place in its log.
type Causes<'a> = BTreeMap<(&'a str, u64), Vec<(CallId, u64)>>;

/// Collects what requests caused. One request appends once: its entries stand together.
fn causes<'a>(ledger: &'a Ledger, found: &mut Found) -> Causes<'a> {
    let mut causes = Causes::new();
    let logs = ledger.apps.values().flat_map(|books| &books.logs);
    for (call, log) in logs {
        for entry in log {
            let Some(RequestRef { session, id }) = &entry.request else { continue };
            let places = causes.entry((session.as_str(), *id)).or_default();
            let apart = places.last().is_some_and(|(of, seq)| of == call && seq + 1 != entry.seq);
            let begun = matches!(entry.event, Event::Created(_))
                && places.iter().any(|(of, seq)| of != call && *seq == 1);
            if apart || begun {
                let what = format!("request {id} of session {session} was carried out twice");
                found.push(Violation::new(Rule::FirstAnswerAgain, what).of(*call));
            }
            places.push((*call, entry.seq));
        }
    }
    causes
}

/// A refused request has done nothing, but for a veto, which is logged (R21).
fn refused(
    answer: &Noted,
    request: Option<&RequestRef>,
    causes: &Causes<'_>,
) -> Result<(), Violation> {
    if frame::puts_off(&answer.text) {
        return Ok(());
    }
    let done = request.and_then(|request| causes.get(&(request.session.as_str(), request.id)));
    let Some((call, _)) = done.and_then(|places| places.first()) else { return Ok(()) };
    let reply: Option<Reply> = serde_json::from_str(&answer.text).ok();
    if reply.and_then(|reply| reply.error).is_some_and(|error| error.code == ErrorCode::Denied) {
        return Ok(());
    }
    Err(Violation::new(Rule::TrueToLog, "refused, and done all the same").of(*call))
}

/// A request that was answered with a yes has left its mark in the log.
fn promise(
    who: &Who,
    sent: &Noted,
    answer: &Noted,
    ledger: &Ledger,
    request: Option<&RequestRef>,
    causes: &Causes<'_>,
) -> Result<(), Violation> {
    let Ok(Request { command, .. }) = Request::parse(&sent.text) else {
        // Refused by its form; an answer that says yes to it would be the mistake.
        let what = "a request that is none was answered with a yes";
        return Err(Violation::new(Rule::TrueToLog, what));
    };
    let Some(call) = call_of(&command, answer) else { return Ok(()) };
    let Some(log) = ledger.find(&who.app, call) else {
        let what = "an acknowledged call is not in the books";
        return Err(Violation::new(Rule::NothingLost, what).of(call));
    };
    if !is_kept(log, &command, who) {
        let what = format!("`{}` was acknowledged and is not in the log", command.name());
        return Err(Violation::new(Rule::NothingLost, what).of(call));
    }
    let named = request.filter(|_| must_append(&command) && !causes.is_empty());
    if named.is_some_and(|name| !causes.contains_key(&(name.session.as_str(), name.id))) {
        let what = format!("no entry says that `{}` caused it", command.name());
        return Err(Violation::new(Rule::NothingLost, what).of(call));
    }
    Ok(())
}

/// The call a request is about, as it says or as the answer does.
fn call_of(command: &Command, answer: &Noted) -> Option<CallId> {
    match command {
        Command::Start(_) => {
            let reply: Reply = serde_json::from_str(&answer.text).ok()?;
            Some(reply.ok?.read::<StartOk>().ok()?.call)
        }
        Command::Ringing(c) => Some(c.call),
        Command::Accept(c) => Some(c.call),
        Command::Reject(c) => Some(c.call),
        Command::Cancel(c) => Some(c.call),
        Command::Hangup(c) => Some(c.call),
        Command::End(c) => Some(c.call),
        Command::Invite(c) => Some(c.call),
        Command::Join(c) => Some(c.call),
        Command::Move(c) => Some(c.call),
        Command::Media(c) => Some(c.call),
        Command::MediaAnswer(c) => Some(c.call),
        Command::Ack(c) => Some(c.call),
        Command::Hello(_)
        | Command::State(_)
        | Command::Send(_)
        | Command::Get(_)
        | Command::SendMessage(_)
        | Command::PresenceGet(_)
        | Command::PresenceWatch(_)
        | Command::PresenceUnwatch(_)
        | Command::GetAvailability
        | Command::SetAvailability(_)
        | Command::ListRecords(_)
        | Command::ReadRecords(_)
        | Command::PushSet(_)
        | Command::PushClear(_)
        | Command::MediaOffer(_)
        | Command::MediaReceive(_)
        | Command::MediaClose(_)
        | Command::MediaReport(_)
        | Command::RenewToken(_)
        | Command::Ping
        | Command::Logout => None,
    }
}

/// Whether a yes to it means that it was appended; others may have found the call as they want it.
fn must_append(command: &Command) -> bool {
    matches!(
        command,
        Command::Start(_)
            | Command::Accept(_)
            | Command::Reject(_)
            | Command::Cancel(_)
            | Command::Hangup(_)
            | Command::End(_)
            | Command::Join(_)
            | Command::Move(_)
    )
}

/// Whether the log shows what a yes to the command promised.
fn is_kept(log: &[Entry], command: &Command, who: &Who) -> bool {
    let leaves_mark =
        must_append(command) || matches!(command, Command::Ringing(_) | Command::Ack(_));
    !leaves_mark || log.iter().any(|entry| is_mark(&entry.event, command, who))
}

/// Whether the event is one of those the command may lead to.
fn is_mark(event: &Event, command: &Command, who: &Who) -> bool {
    use Command as C;
    let me = |user: &UserId| *user == who.user;
    let here = |user: &UserId, device: &DeviceId| me(user) && *device == who.device;
    match (command, event) {
        (C::Start(_), Event::Created(created)) => {
            let caller = &created.caller;
            caller.device.as_ref().is_some_and(|device| here(&caller.user, device))
        }
        // In glare a start is the acceptance of the other's call.
        (
            C::Start(_) | C::Accept(_) | C::Join(_),
            Event::Accepted { user, device, .. } | Event::Joined { user, device },
        )
        | (C::Ringing(_) | C::Reject(_), Event::Silenced { user, device })
        | (C::Move(_), Event::Moved { user, to: device, .. })
        // Before an answer a hang-up is a reject, and so is the cancel of a caller who is rung.
        | (
            C::Reject(_) | C::Cancel(_) | C::Hangup(_),
            Event::Rejected { user, device: Some(device), .. },
        ) => here(user, device),
        (C::Ringing(_), Event::Ringing { user, .. })
        | (C::Hangup(_), Event::Left { user, .. })
        | (C::Cancel(_) | C::Hangup(_) | C::End(_), Event::Ended { by: Some(user), .. }) => me(user),
        (C::Cancel(_), Event::Canceled { .. }) => true,
        (C::Ack(ack), Event::Acknowledged { user, device, seq }) => {
            here(user, device) && *seq == ack.seq
        }
        _ => false,
    }
}

/// The starts of one device: each began at most one call.
#[derive(Debug, Default)]
struct Starts {
    /// Those that may have begun a call the device does not know of, by the step that sent them.
    open: BTreeSet<usize>,
    began: BTreeSet<CallId>,
}

impl Starts {
    fn sent(&mut self, text: &str, at: usize) {
        if text.contains("\"call.start\"")
            && let Some((_, frame::Asked::Enter { call: None, .. })) = frame::request(text)
        {
            self.open.insert(at);
        }
    }

    fn answered(&mut self, asked: usize, ok: bool, text: &str) {
        if !self.open.contains(&asked) {
            return;
        }
        if ok {
            let reply: Option<Reply> = serde_json::from_str(text).ok();
            let ok = reply.and_then(|reply| reply.ok?.read::<StartOk>().ok());
            self.began.extend(ok.map(|ok| ok.call));
        }
        // A denied start began a call that its device is not told of.
        if ok || !(text.contains("\"denied\"") || frame::puts_off(text)) {
            self.open.remove(&asked);
        }
    }

    /// Calls that the device began, by the logs, without having asked for so many.
    fn check(&self, history: &History, ledger: &Ledger, found: &mut Found) {
        let who = history.who();
        let Some(books) = ledger.apps.get(&who.app) else { return };
        let began = |(call, log): (&CallId, &Vec<Entry>)| match &log.first()?.event {
            Event::Created(c)
                if c.caller.user == who.user && c.caller.device.as_ref() == Some(&who.device) =>
            {
                Some(*call)
            }
            _ => None,
        };
        let began = books.logs.iter().filter_map(began);
        let more: Vec<CallId> = began.filter(|call| !self.began.contains(call)).collect();
        if more.len() > self.open.len() {
            let what = format!("{} calls begun that nobody asked for: {more:?}", more.len());
            found.push(history.wrong(Rule::FirstAnswerAgain, what));
        }
    }
}
