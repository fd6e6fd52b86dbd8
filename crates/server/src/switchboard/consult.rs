//! What the business server is asked about calls, and what the rules make of its answers.

use std::sync::Arc;

use bellwire_core::{
    Actor, AppKey, Asked, Call, CallId, Changes, Command, Event, Forbid, Hook, HookOutcome, Kind,
    Label, Refused, Start, UserId, Verdict,
};
use bellwire_protocol::{
    ErrorCode, Forbids, Record, Target, WireError,
    business::{
        AnswerNews, Asking, HookAnswer, HookCallee, HookUser, JoinAsk, LoginAsk, RequestAsk,
    },
    command::{DeviceInfo, Login},
};

use super::{Inviting, Switchboard, wire};
use crate::{
    business::{Absence, Said},
    calls::{Change, Finished, Step},
    config::Absent,
};

/// The number of a denial for want of an answer: what HTTP calls "service unavailable".
const ABSENT_CODE: u32 = 503;
/// The longest text of a denial that is passed on, in bytes.
const TEXT_BYTES: usize = 1024;

/// What the business server said of a start.
#[derive(Debug)]
pub(super) struct Consulted {
    said: Said,
    /// The callees it put in the place of others.
    targets: Option<Vec<(UserId, Target)>>,
}

impl Consulted {
    /// What the rules are told.
    pub(super) fn verdict(&self, board: &Switchboard, app: &AppKey, how: &Inviting<'_>) -> Verdict {
        let answer = match denial(&self.said) {
            Ok(answer) => answer,
            Err((code, text)) => return Verdict::Deny { code, text },
        };
        let ms = |s: u64| s.saturating_mul(1000);
        Verdict::Allow(Box::new(Changes {
            forbid: answer.forbid.as_ref().map(Forbid::from),
            ring_ms: answer.ring_time.map(ms),
            max_ms: answer.max_time.map(ms),
            callees: self.targets.as_ref().map(|targets| board.callees(app, targets, how)),
            content: answer.content.as_deref().map(Arc::from),
        }))
    }

    /// What the log says of it.
    pub(super) fn entry(&self, caller: &UserId) -> Asked {
        self.said.entry(caller)
    }

    /// Whether the start is to be otherwise than asked for.
    pub(super) fn changes(&self) -> bool {
        self.said.outcome() == HookOutcome::Changed
    }

    /// What it wants may not be: that is no answer.
    pub(super) fn is_wrong(&mut self, why: String) {
        self.said.answer = Err(Absence::Wrong(why));
        self.targets = None;
    }
}

/// A denial's number and text.
pub(crate) type Denial = (u32, String);

/// The answer that allows; the denial where there is none.
pub(super) fn denial(said: &Said) -> Result<HookAnswer, Denial> {
    match (&said.answer, said.absent) {
        (Ok(answer), _) if answer.allow => Ok(answer.clone()),
        (Ok(answer), _) => {
            let text = reason(answer, "the app does not allow it");
            Err((answer.code.unwrap_or(0), text))
        }
        (Err(_), Absent::Allow) => Ok(HookAnswer::default()),
        (Err(_), Absent::Deny) => {
            let text = "the app's own server has to allow it and cannot be asked now; try again";
            Err((ABSENT_CODE, text.to_owned()))
        }
    }
}

/// The text of a denial, cut where it is long.
fn reason(answer: &HookAnswer, usual: &str) -> String {
    let text = answer.text.as_deref().unwrap_or(usual);
    text[..text.floor_char_boundary(TEXT_BYTES)].to_owned()
}

/// What is asked of a start.
pub(super) fn request(start: &Start) -> RequestAsk {
    let direct = start.callees.len() == 1;
    let kind = start.kind.unwrap_or(if direct { Kind::Direct } else { Kind::Group });
    let callee = |c: &bellwire_core::Callee| HookCallee {
        who: HookUser { user: c.user.clone(), uid: c.uid, device: None },
        ring: c.ring,
        busy: c.claimed.is_some(),
        unavailable: c.unavailable.is_some(),
    };
    let caller = &start.caller;
    RequestAsk {
        call: start.call,
        from: HookUser { user: caller.user.clone(), uid: start.uid, device: caller.device.clone() },
        to: start.callees.iter().map(callee).collect(),
        mode: start.mode,
        kind,
        media: start.media,
        forbid: Forbids::from(start.forbid),
        ring_time: start.settings.ring_ms / 1000,
        max_time: start.settings.max_ms.map(|ms| ms / 1000),
        group: start.group.clone(),
        channel: start.channel.clone(),
        note: start.note.clone(),
    }
}

impl Switchboard {
    /// Asks whether a start may be.
    pub(super) async fn consult(&self, app: &AppKey, asked: RequestAsk) -> Consulted {
        let id = question(&[&asked.call.to_string(), "request"]);
        let said = self.business.ask(app, id, self.now(), Asking::Request(Box::new(asked))).await;
        let to = said.answer.as_ref().ok().and_then(|answer| answer.to.as_ref());
        let targets = to.map(|to| self.resolve(app, to)).transpose();
        match targets {
            Ok(targets) => Consulted { said, targets },
            Err(error) => {
                let mut consulted = Consulted { said, targets: None };
                consulted.is_wrong(error.message.clone());
                consulted
            }
        }
    }

    /// Asks whether somebody may enter a running group call; the log keeps what was said.
    pub(crate) async fn may_join(
        self: &Arc<Self>,
        app: &AppKey,
        call: CallId,
        by: &Actor,
    ) -> Result<(), Box<WireError>> {
        let known = self.calls.load(app, call);
        let concerns = known.is_some_and(|known| known.participant(&by.user).is_some());
        if !concerns || !self.business.asks(app, Hook::Join) {
            // The rules refuse whoever has no business there.
            return Ok(());
        }
        let asking = Asking::Join(JoinAsk { call, by: self.hook_user(app, by) });
        let said = self.business.ask(app, self.new_question(), self.now(), asking).await;
        self.act(app, call, Command::Asked(said.entry(&by.user))).await;
        denial(&said)
            .map(drop)
            .map_err(|(code, text)| wire(bellwire_core::Refusal::Denied { code, text }, call))
    }

    /// Asks whether somebody may log in by name. Without an answer nobody may, whatever the app
    /// lets happen otherwise.
    pub(crate) async fn vouch(
        &self,
        app: &AppKey,
        login: &Login,
        device: &DeviceInfo,
    ) -> Result<HookAnswer, Box<WireError>> {
        let (user, password) = (login.user.clone(), login.password.clone());
        let asking = Asking::Login(LoginAsk { user, password, device: device.clone() });
        let said = self.business.ask(app, self.new_question(), self.now(), asking).await;
        let refusal = match said.answer {
            Ok(answer) if answer.allow => return Ok(answer),
            Ok(answer) => {
                let text = reason(&answer, "name or password is wrong");
                WireError::new(ErrorCode::Unauthorized, text)
            }
            Err(_) => {
                let text = "the app's own server cannot be asked who you are; try again later";
                WireError::new(ErrorCode::Unavailable, text)
            }
        };
        Err(Box::new(refusal))
    }

    /// Tells the business server of answers and the end, if it wants to know.
    pub(super) fn tell_business(
        self: &Arc<Self>,
        app: &AppKey,
        change: &Change,
        finished: &[Finished],
    ) {
        if self.business.asks(app, Hook::Answer) {
            for step in &change.steps {
                self.tell_answer(app, step);
            }
        }
        let Some(done) = finished.iter().find(|done| done.call.id == change.after.id) else {
            return;
        };
        if self.business.asks(app, Hook::Finish)
            && let Some(record) = Record::of(&done.call, done.serial)
        {
            let (call, caller) = (&change.after, &change.after.caller);
            self.tell_later(app, call, call.seq, caller, Asking::Finish(Box::new(record)));
        }
    }

    fn tell_answer(self: &Arc<Self>, app: &AppKey, step: &Step) {
        let after = &step.after;
        let (user, accepted, device, code, note) = match &step.entry.event {
            Event::Accepted { user, device, note, .. } => (user, true, Some(device), 0, note),
            Event::Rejected { user, device, reason, code, note, .. }
                if *reason != Refused::Denied =>
            {
                (user, false, device.as_ref(), *code, note)
            }
            _ => return,
        };
        let by = Actor { user: user.clone(), device: device.cloned() };
        let news = AnswerNews {
            call: after.id,
            by: self.hook_user(app, &by),
            accepted,
            code,
            media: after.media,
            note: note.clone(),
        };
        let news = Asking::Answer(Box::new(news));
        self.tell_later(app, after, step.entry.seq, user, news);
    }

    /// Tells beside everything else; the log keeps whether it was heard.
    fn tell_later(
        self: &Arc<Self>,
        app: &AppKey,
        call: &Call,
        seq: u64,
        user: &UserId,
        news: Asking,
    ) {
        let (board, app, call, user) = (self.clone(), app.clone(), call.id, user.clone());
        tokio::spawn(async move {
            let id = question(&[&call.to_string(), &seq.to_string()]);
            let said = board.business.ask(&app, id, board.now(), news).await;
            board.act(&app, call, Command::Asked(said.entry(&user))).await;
        });
    }

    /// The name of a question that is asked anew each time.
    pub(super) fn new_question(&self) -> Label {
        question(&[&self.chance.call(self.now()).to_string()])
    }

    pub(super) fn hook_user(&self, app: &AppKey, who: &Actor) -> HookUser {
        let uid = self.directory.get(app, &who.user).map(|user| user.uid);
        HookUser { user: who.user.clone(), uid, device: who.device.clone() }
    }
}

/// The name of a question. It is the same for the same question, so that one sent again can be
/// known; it need not be secret.
fn question(parts: &[&str]) -> Label {
    let name = parts.join(":");
    // A hook's name, a UUID and a position.
    Label::parse(&name).expect("at most 64 bytes")
}
