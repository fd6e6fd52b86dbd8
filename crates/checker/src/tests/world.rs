//! A server small enough to be right by looking at it: the rules, a map of logs, devices that note
//! what they see. A tamper may change each frame on its way to one, and each log before judgement.

use std::collections::BTreeMap;

use bellwire_core::{
    Actor, AppKey, Call, CallId, Callee, Changes, Command, DeviceId, EVENT_VERSION, Entry, Event,
    Forbid, Media, Mode, Note, Opening, Order, Origin, Reach, Refusing, RequestRef, RingMode,
    RoomId, SessionId, Settings, Start, Timestamp, UserId, Verdict, audience, decide, evolve, open,
    start,
};
use bellwire_protocol::{
    CallEvent, CallInfo, Command as Wire, Cursor, ParticipantInfo, Record, RecordCursor, Reply,
    Request, RoomInfo, ServerEvent, WireError,
    event::RecordEvent,
    reply::{Empty, HelloOk, Limits as Sizes, StartOk},
};
use uuid::Uuid;

use crate::{
    History, Ledger, Limits, Rule, Standing, Step, Violation, Violations, Watch, check_end,
    end::expected_change,
};

/// What becomes of a frame on its way to the device: none, one, or several.
pub(super) type Tamper = fn(device: &str, frame: &str) -> Vec<String>;

pub(super) struct World {
    now: Timestamp,
    pub(super) histories: Vec<History>,
    devices: Vec<Device>,
    calls: BTreeMap<CallId, (Call, Vec<Entry>)>,
    pub(super) records: Vec<(AppKey, Record)>,
    tamper: Option<Tamper>,
    watch: Watch,
    /// What was found on the way.
    pub(super) found: Vec<Violation>,
}

struct Device {
    connected: bool,
    session: SessionId,
    next_id: u64,
    cursors: BTreeMap<CallId, u64>,
    answers: BTreeMap<u64, String>,
}

impl World {
    pub(super) fn new() -> Self {
        Self {
            now: Timestamp(1_000_000),
            histories: Vec::new(),
            devices: Vec::new(),
            calls: BTreeMap::new(),
            records: Vec::new(),
            tamper: None,
            watch: Watch::new(Limits::default()),
            found: Vec::new(),
        }
    }

    /// Lets `tamper` change every frame that the server sends from now on.
    pub(super) fn tamper(&mut self, tamper: Tamper) {
        self.tamper = Some(tamper);
    }

    /// A device `app/user/device`, logged in.
    pub(super) fn login(&mut self, name: &str) {
        let mut parts = name.split('/');
        let mut next = || parts.next().expect("app/user/device");
        let app = AppKey::parse(next()).unwrap();
        let (user, device) = (UserId::parse(next()).unwrap(), DeviceId::parse(next()).unwrap());
        self.histories.push(History::new(app, user, device));
        self.devices.push(Device {
            connected: false,
            session: SessionId::parse(&format!("s-{}", self.devices.len())).unwrap(),
            next_id: 1,
            cursors: BTreeMap::new(),
            answers: BTreeMap::new(),
        });
        self.connect(self.devices.len() - 1, false);
    }

    /// The connection of `device` is lost; others in its calls are told.
    pub(super) fn lose(&mut self, device: &str) {
        let at = self.find(device);
        self.devices[at].connected = false;
        self.step(at, Step::Lost);
        let who = self.histories[at].who().clone();
        for call in self.live() {
            let (user, device) = (who.user.clone(), who.device.clone());
            self.act(call, &Command::Gone { user, device });
        }
    }

    /// `device` resumes with its cursors.
    pub(super) fn resume(&mut self, device: &str) {
        let at = self.find(device);
        let who = self.histories[at].who().clone();
        for call in self.live() {
            let (user, device) = (who.user.clone(), who.device.clone());
            self.act(call, &Command::Back { user, device });
        }
        self.connect(at, true);
    }

    /// Asks `text` with a fresh id; the answer.
    pub(super) fn ask(&mut self, device: &str, rest: &str) -> String {
        let at = self.find(device);
        let id = self.devices[at].next_id;
        self.devices[at].next_id += 1;
        self.send(at, &format!(r#"{{"id":{id},{rest}}}"#))
    }

    /// Asks again what was asked under `id`.
    pub(super) fn ask_again(&mut self, device: &str, id: u64, rest: &str) -> String {
        let at = self.find(device);
        self.send(at, &format!(r#"{{"id":{id},{rest}}}"#))
    }

    /// Starts a call; its id.
    pub(super) fn start(&mut self, device: &str, to: &str) -> CallId {
        let answer = self.ask(device, &format!(r#""do":"call.start","to":[{to}]"#));
        let reply: Reply = serde_json::from_str(&answer).unwrap();
        reply.ok.expect("a start is not refused").read::<StartOk>().unwrap().call
    }

    /// A command about a call that has no more fields.
    pub(super) fn order(&mut self, device: &str, what: &str, call: CallId) -> String {
        self.ask(device, &format!(r#""do":"{what}","call":"{call}""#))
    }

    /// Time passes, and deadlines with it.
    pub(super) fn pass(&mut self, ms: u64) {
        self.now = self.now.after_ms(ms);
        for call in self.live() {
            self.act(call, &Command::Tick);
        }
    }

    /// The log of a call, to be changed.
    pub(super) fn log(&mut self, call: CallId) -> &mut Vec<Entry> {
        &mut self.calls.get_mut(&call).expect("the call is there").1
    }

    pub(super) fn forget(&mut self, call: CallId) {
        self.calls.remove(&call);
    }

    /// Hands a frame to a device as if the server had sent it.
    pub(super) fn tell(&mut self, device: &str, frame: &str) {
        let at = self.find(device);
        self.step(at, Step::Got(frame));
    }

    /// Everything that is wrong, on the way and in the end.
    pub(super) fn judge(mut self) -> Vec<Violation> {
        for at in 0..self.devices.len() {
            if self.devices[at].connected {
                self.step(at, Step::Settled);
            }
        }
        let mut ledger = Ledger::default();
        for (id, (call, log)) in self.calls {
            ledger.log(&call.app, id, log);
        }
        for (app, record) in self.records {
            ledger.record(&app, record);
        }
        if let Err(Violations(more)) = check_end(&self.histories, &ledger, &Limits::default()) {
            self.found.extend(more);
        }
        self.found
    }

    fn find(&self, device: &str) -> usize {
        let found = self.histories.iter().position(|h| h.who().device.as_str() == device);
        found.expect("a device that has logged in")
    }

    fn live(&self) -> Vec<CallId> {
        let live = self.calls.iter().filter(|(_, (call, _))| call.ended.is_none());
        live.map(|(id, _)| *id).collect()
    }

    fn step(&mut self, at: usize, step: Step<'_>) {
        if let Err(wrong) = self.histories[at].record(self.now, step) {
            self.found.push(*wrong);
        }
    }

    fn deliver(&mut self, at: usize, frame: &str) {
        if !self.devices[at].connected {
            return;
        }
        let device = self.histories[at].who().device.clone();
        let frames = match self.tamper {
            Some(tamper) => tamper(&device, frame),
            None => vec![frame.to_owned()],
        };
        for frame in frames {
            self.step(at, Step::Got(&frame));
            if let Ok(ServerEvent::Call(event)) = ServerEvent::parse(&frame) {
                self.devices[at].cursors.insert(event.call, event.seq);
            }
        }
    }

    fn connect(&mut self, at: usize, resumes: bool) {
        self.step(at, Step::Opened);
        self.devices[at].connected = true;
        let who = self.histories[at].who().clone();
        let device = &mut self.devices[at];
        let id = device.next_id;
        device.next_id += 1;
        let cursors = device.cursors.clone();
        let session = device.session.clone();
        let named: BTreeMap<_, _> = cursors.iter().map(|(c, seq)| (*c, Cursor::of(*seq))).collect();
        let resume = if resumes {
            let cursors = serde_json::to_string(&named).unwrap();
            format!(r#","resume":{{"session":"{session}","cursors":{cursors}}}"#)
        } else {
            String::new()
        };
        let hello =
            format!(r#"{{"id":{id},"do":"hello","device":{{"id":"{}"}}{resume}}}"#, who.device);
        self.step(at, Step::Sent(&hello));
        let mine = |call: &&Call| {
            call.app == who.app
                && call.ended.is_none()
                && call.participant(&who.user).is_some_and(|p| p.state.is_in() || p.may_answer())
        };
        let calls = self.calls.values().map(|(call, _)| call).filter(mine);
        let info = |call: &Call| CallInfo::of(call, Some(&who.user), self.now, None);
        let ok = HelloOk {
            session,
            resumed: resumes,
            user: who.user.clone(),
            uid: bellwire_core::Uid(1),
            time: self.now,
            caps: Vec::new(),
            calls: calls.map(info).collect(),
            limits: Sizes::default(),
            web_push_key: None,
        };
        let answer = Reply::ok(id, &ok).unwrap().to_frame();
        let logs: Vec<(CallId, Vec<Entry>)> =
            cursors.keys().map(|call| (*call, self.calls[call].1.clone())).collect();
        self.deliver(at, &answer);
        for (call, log) in logs.into_iter().filter(|_| resumes) {
            self.replay(at, &log, cursors[&call]);
        }
    }

    fn replay(&mut self, at: usize, log: &[Entry], after: u64) {
        let mut call: Option<Call> = None;
        for entry in log {
            let before = call.take();
            let (frames, next) = frames(before.as_ref(), entry, &self.histories[at..=at]);
            for (_, frame) in frames.into_iter().filter(|_| entry.seq > after) {
                self.deliver(at, &frame);
            }
            call = Some(next);
        }
    }

    fn send(&mut self, at: usize, text: &str) -> String {
        self.step(at, Step::Sent(text));
        let Request { id, command } = Request::parse(text).unwrap();
        if let Some(answer) = self.devices[at].answers.get(&id).cloned() {
            self.deliver(at, &answer);
            return answer;
        }
        let answer = self.carry_out(at, id, &command);
        self.devices[at].answers.insert(id, answer.clone());
        answer
    }

    fn carry_out(&mut self, at: usize, id: u64, command: &Wire) -> String {
        let who = self.histories[at].who().clone();
        let request = RequestRef { session: self.devices[at].session.clone(), id };
        let by = Actor { user: who.user.clone(), device: Some(who.device) };
        let note = Note::default();
        let (call, order) = match command {
            Wire::Start(ask) => return self.begin(at, &request, ask),
            Wire::Ringing(c) => (c.call, Order::Ringing),
            Wire::Accept(c) => (c.call, Order::Accept { media: None, claimed: None, note }),
            Wire::Reject(c) => {
                let (how, only_me) = (Refusing::Rejected, c.only_me.unwrap_or(false));
                (c.call, Order::Reject { how, only_me, note })
            }
            Wire::Cancel(c) => (c.call, Order::Cancel { to: None, note }),
            Wire::Hangup(c) => (c.call, Order::Hangup { note }),
            Wire::Move(c) => (c.call, Order::Move { from: c.from.clone() }),
            Wire::Ack(c) => (c.call, Order::Acknowledge { seq: c.seq }),
            other => panic!("{} is not served here", other.name()),
        };
        let before = self.calls[&call].0.clone();
        let events = match decide(&before, &Command::User { by, order }, self.now) {
            Ok(events) => events,
            Err(refusal) => {
                let answer = Reply::refused(id, WireError::from(refusal)).to_frame().to_string();
                self.deliver(at, &answer);
                return answer;
            }
        };
        let whole = matches!(command, Wire::Accept(_));
        self.append(Some(before), events, Some((at, request, whole)))
    }

    fn begin(
        &mut self,
        at: usize,
        request: &RequestRef,
        ask: &bellwire_protocol::command::Start,
    ) -> String {
        let who = self.histories[at].who().clone();
        let number = self.calls.len() as u128 + 1;
        let callee = |target: &bellwire_protocol::Target| {
            let bellwire_protocol::UserRef::Id(user) = &target.user else { panic!("by name") };
            let claims = |c: &&Call| c.app == who.app && c.claims().any(|u| u == user);
            Callee {
                user: user.clone(),
                uid: None,
                ring: RingMode::Ring,
                ring_ms: None,
                claimed: self.calls.values().map(|(call, _)| call).find(claims).map(|c| c.id),
                reach: Reach::Online,
                pending_invites: 0,
                unavailable: None,
            }
        };
        let wanted = Start {
            app: who.app.clone(),
            call: CallId(Uuid::from_u128(number)),
            room: RoomId(u32::try_from(number).unwrap()),
            origin: Origin::User,
            caller: Actor { user: who.user.clone(), device: Some(who.device.clone()) },
            uid: None,
            reach: Reach::Online,
            pending_invites: 0,
            mode: Mode::Call,
            kind: None,
            media: Media::Video,
            callees: ask.to.iter().map(callee).collect(),
            note: ask.note.clone(),
            forbid: Forbid::default(),
            settings: Settings::default(),
            group: None,
            channel: None,
            verdict: Verdict::Allow(Box::<Changes>::default()),
            asked: None,
            push: None,
        };
        match start(wanted, None, self.now) {
            Ok(Opening::New(events)) => {
                self.append(None, events, Some((at, request.clone(), true)))
            }
            other => panic!("no plain start: {other:?}"),
        }
    }

    fn act(&mut self, call: CallId, command: &Command) {
        let before = self.calls[&call].0.clone();
        let events = decide(&before, command, self.now).unwrap_or_default();
        if !events.is_empty() {
            self.append(Some(before), events, None);
        }
    }

    /// Appends, answers, and tells; the answer.
    fn append(
        &mut self,
        before: Option<Call>,
        events: Vec<Event>,
        asker: Option<(usize, RequestRef, bool)>,
    ) -> String {
        let request = asker.as_ref().map(|(_, request, _)| request.clone());
        let mut call = before;
        let mut told = Vec::new();
        let mut first = None;
        let mut entries = Vec::new();
        for event in events {
            let seq = call.as_ref().map_or(1, |call| call.seq + 1);
            let entry =
                Entry { v: EVENT_VERSION, seq, at: self.now, request: request.clone(), event };
            let (frames, next) = frames(call.as_ref(), &entry, &self.histories);
            told.extend(frames);
            entries.push(entry);
            first.get_or_insert_with(|| next.clone());
            call = Some(next);
        }
        let (call, first) = call.zip(first).expect("something happened");
        let kept = self.calls.entry(call.id).or_insert_with(|| (call.clone(), Vec::new()));
        kept.0 = call.clone();
        kept.1.extend(entries);
        let mut answer = String::new();
        if let Some((at, request, whole)) = asker {
            let viewer = self.histories[at].who().user.clone();
            let info = Box::new(CallInfo::of(&first, Some(&viewer), self.now, None));
            let reply = if whole {
                Reply::ok(request.id, &StartOk { call: call.id, info })
            } else {
                Reply::ok(request.id, &Empty {})
            };
            answer = reply.unwrap().to_frame().to_string();
            self.deliver(at, &answer);
        }
        for (at, frame) in told {
            self.deliver(at, &frame);
        }
        self.record(&call);
        self.look();
        answer
    }

    fn record(&mut self, call: &Call) {
        let serial = self.records.iter().filter(|(app, _)| *app == call.app).count() as u64 + 1;
        let kept = self.records.iter().any(|(_, record)| record.call == call.id);
        let Some(record) = Record::of(call, serial).filter(|_| !kept) else { return };
        self.records.push((call.app.clone(), record.clone()));
        let (record, cursor) = (Box::new(record), RecordCursor(serial));
        let frame = ServerEvent::Record(RecordEvent { record, cursor }).to_frame();
        for at in 0..self.histories.len() {
            let who = self.histories[at].who();
            if who.app == call.app && call.participant(&who.user).is_some() {
                self.deliver(at, &frame);
            }
        }
    }

    /// Looks at the live calls of `dev`, `ms` from now, as if these were the claims.
    pub(super) fn claimed(&mut self, ms: u64, claims: &[(&str, CallId)]) -> Option<Rule> {
        let app = AppKey::parse("dev").unwrap();
        let live: Vec<&Call> = self.calls.values().map(|(call, _)| call).collect();
        let live: Vec<&Call> = live.into_iter().filter(|c| c.ended.is_none()).collect();
        let name = |(user, call): &(&str, CallId)| (UserId::parse(user).unwrap(), *call);
        let claims: Vec<_> = claims.iter().map(name).collect();
        let standing = Standing { app: &app, claims: &claims, live: &live };
        let now = self.now.after_ms(ms);
        let looked = self.watch.check_step(&self.histories, now, &[standing]);
        looked.err().map(|wrong| wrong.rule)
    }

    fn look(&mut self) {
        let apps: Vec<AppKey> = self.histories.iter().map(|h| h.who().app.clone()).collect();
        for app in &apps {
            let live: Vec<&Call> = self.calls.values().map(|(call, _)| call).collect();
            let live: Vec<&Call> =
                live.into_iter().filter(|c| c.app == *app && c.ended.is_none()).collect();
            let claims: Vec<_> =
                live.iter().flat_map(|c| c.claims().map(|u| (u.clone(), c.id))).collect();
            let standing = Standing { app, claims: &claims, live: &live };
            let looked = self.watch.check_step(&self.histories, self.now, &[standing]);
            self.found.extend(looked.err().map(|wrong| *wrong));
        }
    }
}

/// The frames that tell an entry to those it concerns, and the call after it.
fn frames(
    before: Option<&Call>,
    entry: &Entry,
    histories: &[History],
) -> (Vec<(usize, String)>, Call) {
    let (notices, after) = match (before, &entry.event) {
        (None, Event::Created(created)) => {
            let opened = open(created, entry.at);
            (audience(&opened, &entry.event), opened)
        }
        (Some(call), event) => (audience(call, event), evolve(call.clone(), event, entry.at)),
        (None, _) => panic!("a log begins with its call"),
    };
    let mut told = Vec::new();
    for (at, history) in histories.iter().enumerate() {
        let who = history.who();
        let mine =
            |n: &&bellwire_core::Notice| who.app == after.app && n.reaches(&who.user, &who.device);
        let Some(notice) = notices.iter().find(mine) else { continue };
        let mut change = expected_change(notice, entry, &after).expect("it can be told");
        if let bellwire_protocol::Change::Started(started) = &mut change {
            started.room = after.room.map(RoomInfo::external);
        }
        let event = CallEvent {
            change,
            call: after.id,
            seq: entry.seq,
            at: entry.at,
            cursor: Cursor::of(entry.seq),
            participants: ParticipantInfo::all(&after),
        };
        told.push((at, ServerEvent::Call(Box::new(event)).to_frame().to_string()));
    }
    (told, after)
}

/// Whether `found` names the rule.
pub(super) fn names(found: &[Violation], rule: Rule) -> bool {
    found.iter().any(|violation| violation.rule == rule)
}
