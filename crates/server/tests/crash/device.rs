//! A device that does what chance tells it to, as people do.

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use bellwire_checker::History;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{
    load::{PATIENCE, Shared},
    phone::{Gone, Phone},
};

/// The longest a device thinks before it does something, in milliseconds.
const THINK_MS: u64 = 12;
/// How often a free device starts a call after a thought: seldom enough that some are free.
const STARTS: f64 = 0.25;
/// Requests that may be asked again; well under what a session remembers.
const KEPT: usize = 60;
/// Cursors brought back at most; a hello takes 1 024.
const CURSORS: usize = 300;
/// Longer than the grace: a participant who stays away is lost.
const AWAY: Duration = Duration::from_millis(2_500);

/// One device of one user.
pub(crate) struct Device {
    phone: Phone,
    chance: StdRng,
    others: Vec<&'static str>,
    /// Whether it brings back cursors of calls that are over for it, too.
    keeps_all: bool,
    calls: BTreeMap<String, Place>,
    /// The request that waits for its answer.
    waiting: Option<(u64, String)>,
    /// Whether that was sent over an earlier connection, too.
    repeated: bool,
    /// Requests that were answered, to be asked again now and then.
    answered: VecDeque<String>,
    /// A call that another device of the user is in, and which.
    aside: Option<(String, String)>,
}

/// How far a call was read, and where the device stands in it.
#[derive(Debug, Clone)]
struct Place {
    seq: u64,
    cursor: String,
    role: Role,
    /// Its last end.
    over: u64,
    is_caller: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    None,
    Rung,
    In,
}

impl Device {
    pub(crate) fn new(
        server: SocketAddr,
        name: (&str, &str, &str),
        others: Vec<&'static str>,
        seed: u64,
    ) -> Self {
        let mut chance = StdRng::seed_from_u64(seed);
        Self {
            phone: Phone::new(server, name),
            keeps_all: chance.random_bool(0.5),
            chance,
            others,
            calls: BTreeMap::new(),
            waiting: None,
            repeated: false,
            answered: VecDeque::new(),
            aside: None,
        }
    }

    /// Lives until it is told to stop and is in no call.
    pub(crate) async fn live(mut self, shared: Arc<Shared>) -> Self {
        let mut patience: Option<Instant> = None;
        loop {
            let stopping = shared.stop.load(Ordering::Relaxed);
            if stopping {
                if self.waiting.is_none() && self.standing().is_none() {
                    return self;
                }
                let until = *patience.get_or_insert_with(|| Instant::now() + PATIENCE);
                // What never came is for the judge to say.
                if Instant::now() > until {
                    return self;
                }
            }
            if self.turn(stopping, &shared).await.is_err() {
                self.come_back().await;
            }
        }
    }

    /// Answers whatever is still on its way, and sees to it that nothing is.
    pub(crate) async fn settle(&mut self) {
        loop {
            if self.ping().await.is_ok() {
                return self.phone.settled();
            }
            self.come_back().await;
        }
    }

    pub(crate) fn into_history(self) -> History {
        self.phone.into_history()
    }

    async fn ping(&mut self) -> Result<(), Gone> {
        let id = self.phone.fresh_id();
        self.phone.send(&json!({"id": id, "do": "ping"}).to_string()).await?;
        while self.phone.read().await?["id"] != id {}
        Ok(())
    }

    /// Reads for a moment of thought, then does something.
    async fn turn(&mut self, stopping: bool, shared: &Shared) -> Result<(), Gone> {
        if !self.phone.is_connected() {
            return Err(Gone);
        }
        let think = Duration::from_millis(self.chance.random_range(0..=THINK_MS));
        if let Some(frame) = self.phone.read_within(think).await? {
            return self.heard(&frame, shared).await;
        }
        if self.waiting.is_some() {
            return Ok(());
        }
        if !stopping && self.chance.random_bool(0.02) {
            return self.stumble().await;
        }
        self.act(stopping).await
    }

    /// Loses the connection, or asks again what was answered.
    async fn stumble(&mut self) -> Result<(), Gone> {
        if self.chance.random_bool(0.5) {
            let at = self.chance.random_range(0..=self.answered.len());
            let Some(text) = self.answered.get(at).cloned() else { return Ok(()) };
            return self.phone.send(&text).await;
        }
        if self.chance.random_bool(0.1) {
            self.phone.lose();
            tokio::time::sleep(AWAY).await;
        }
        Err(self.phone.lose())
    }

    /// Connects until it succeeds, and asks again what was not answered.
    async fn come_back(&mut self) {
        loop {
            let cursors = self.cursors();
            if let Ok(welcome) = self.phone.connect(&cursors).await {
                for info in welcome["calls"].as_array().expect("calls") {
                    self.found(info);
                }
                let Some((_, text)) = self.waiting.clone() else { return };
                self.repeated = true;
                if self.phone.send(&text).await.is_ok() {
                    return;
                }
            }
            // The server is being started again; how long that takes nobody tells.
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    fn cursors(&self) -> BTreeMap<String, String> {
        let held = self.calls.iter().rev();
        let held = held.filter(|(_, place)| self.keeps_all || place.role != Role::None);
        held.take(CURSORS).map(|(call, place)| (call.clone(), place.cursor.clone())).collect()
    }

    /// The call it is in, else one that rings.
    fn standing(&self) -> Option<(&String, &Place)> {
        let of = |role| self.calls.iter().rev().find(move |(_, place)| place.role == role);
        of(Role::In).or_else(|| of(Role::Rung))
    }

    async fn ask(&mut self, mut request: Value) -> Result<(), Gone> {
        let id = self.phone.fresh_id();
        request["id"] = id.into();
        let text = request.to_string();
        self.waiting = Some((id, text.clone()));
        self.repeated = false;
        self.phone.send(&text).await
    }

    async fn act(&mut self, stopping: bool) -> Result<(), Gone> {
        if let Some((call, from)) = self.aside.take().filter(|_| !stopping) {
            return self.ask(json!({"do": "call.move", "call": call, "from": from})).await;
        }
        let standing = self.standing().map(|(call, place)| (call.clone(), place.clone()));
        let request = match standing {
            Some((call, place)) => self.about(&call, &place, stopping),
            None if stopping || !self.chance.random_bool(STARTS) => None,
            None => Some(self.start()),
        };
        match request {
            Some(request) => self.ask(request).await,
            None => Ok(()),
        }
    }

    fn start(&mut self) -> Value {
        let many = self.others.len() > 2 && self.chance.random_bool(0.3);
        let count = if many { self.chance.random_range(2..=3) } else { 1 };
        let first = self.chance.random_range(0..self.others.len());
        let to: Vec<&str> =
            (0..count).map(|i| self.others[(first + i) % self.others.len()]).collect();
        let number: i32 = self.chance.random_range(0..1_000);
        let reach = if self.chance.random_bool(0.8) { 30 } else { 0 };
        let mode = if !many && self.chance.random_bool(0.1) { "invite" } else { "call" };
        json!({"do": "call.start", "to": to, "mode": mode, "reach_time": reach, "ring_time": 5,
               "content": "hello", "param": number})
    }

    /// What to do about a call that rings or that it is in.
    fn about(&mut self, call: &str, place: &Place, stopping: bool) -> Option<Value> {
        let dice = self.chance.random_range(0..100);
        if !stopping && is_left_alone(call) {
            // Some ring for nothing, and some do not even ring.
            let rings = place.role == Role::Rung && dice < 30 && !call.ends_with("00");
            return rings.then(|| json!({"do": "call.ringing", "call": call}));
        }
        let ask = |what: &str| Some(json!({"do": what, "call": call}));
        match place.role {
            Role::None => None,
            Role::Rung if stopping => ask("call.reject"),
            Role::Rung => match dice {
                0..30 => ask("call.ringing"),
                30..55 => ask("call.accept"),
                55..65 => ask("call.reject"),
                65..68 => Some(json!({"do": "call.reject", "call": call, "only_me": true})),
                68..71 => Some(json!({"do": "call.reject", "call": call, "reason": "busy"})),
                _ => None,
            },
            Role::In if stopping => ask("call.hangup"),
            Role::In => match dice {
                0..20 => Some(json!({"do": "call.hangup", "call": call, "content": "bye"})),
                20..25 if place.is_caller => ask("call.cancel"),
                25..28 if place.is_caller => ask("call.end"),
                28..32 => Some(json!({"do": "call.media", "call": call, "media": "audio"})),
                32..35 => {
                    let third = self.others[self.chance.random_range(0..self.others.len())];
                    Some(json!({"do": "call.invite", "call": call, "to": [third]}))
                }
                _ => None,
            },
        }
    }

    async fn heard(&mut self, frame: &Value, shared: &Shared) -> Result<(), Gone> {
        if frame["seq"].is_u64() {
            return self.told(frame, shared).await;
        }
        let own = self.waiting.as_ref().is_some_and(|(id, _)| frame["id"] == *id);
        if own && let Some((_, request)) = self.waiting.take() {
            self.reply(frame, &request);
            self.answered.push_back(request);
            if self.answered.len() > KEPT {
                self.answered.pop_front();
            }
        }
        Ok(())
    }

    fn reply(&mut self, frame: &Value, request: &str) {
        let info = &frame["ok"]["info"];
        if info.is_object() {
            self.found(info);
            let seq = info["seq"].as_u64().expect("a seq");
            let call = info["id"].as_str().expect("an id");
            let inside = self.is_in(info);
            if let Some(place) = self.calls.get_mut(call)
                && inside
                && seq > place.over
            {
                place.role = Role::In;
            }
            return;
        }
        let request: Value = serde_json::from_str(request).expect("own JSON");
        let Some(place) = request["call"].as_str().and_then(|call| self.calls.get_mut(call)) else {
            return;
        };
        if frame["ok"].is_object() && request["do"] == "call.move" && !self.repeated {
            place.role = Role::In;
        }
        let code = frame["error"]["code"].as_str();
        if matches!(code, Some("not_in_call" | "answered_elsewhere" | "rejected_elsewhere")) {
            place.role = Role::None;
        }
    }

    async fn told(&mut self, frame: &Value, shared: &Shared) -> Result<(), Gone> {
        let call = frame["call"].as_str().expect("a call").to_owned();
        let seq = frame["seq"].as_u64().expect("a seq");
        let cursor = frame["cursor"].as_str().expect("a cursor").to_owned();
        let fresh = Place { seq, cursor, role: Role::None, over: 0, is_caller: false };
        let place = self.calls.entry(call.clone()).or_insert_with(|| fresh.clone());
        (place.seq, place.cursor) = (seq, fresh.cursor);
        match frame["ev"].as_str().expect("a name") {
            "call.invited" => place.role = Role::Rung,
            "call.ended" => {
                (place.role, place.over) = (Role::None, seq);
                shared.ended.fetch_add(1, Ordering::Relaxed);
            }
            name @ ("call.canceled" | "call.elsewhere") => {
                (place.role, place.over) = (Role::None, seq);
                let device = frame["device"].as_str().filter(|_| name == "call.elsewhere");
                let device = device.filter(|_| frame["how"] != "rejected").map(str::to_owned);
                if let Some(device) = device.filter(|_| self.chance.random_bool(0.3)) {
                    self.aside = Some((call.clone(), device));
                }
                // Beside whatever waits: the answer to it is of no interest.
                let id = self.phone.fresh_id();
                let ack = json!({"id": id, "do": "ack", "call": call, "seq": seq});
                return self.phone.send(&ack.to_string()).await;
            }
            _ => {}
        }
        Ok(())
    }

    /// A call as an answer shows it.
    fn found(&mut self, info: &Value) {
        let call = info["id"].as_str().expect("an id").to_owned();
        if self.calls.get(&call).is_some_and(|place| self.keeps_all || place.role != Role::None) {
            return;
        }
        let seq = info["seq"].as_u64().expect("a seq");
        let over = self.calls.get(&call).map_or(0, |place| place.over);
        let cursor = info["cursor"].as_str().expect("a cursor").to_owned();
        let mine = |p: &&Value| p["user"] == self.phone.user();
        let me = info["participants"].as_array().and_then(|all| all.iter().find(mine));
        let role = match me.and_then(|me| me["state"].as_str()) {
            Some("invited" | "ringing") => Role::Rung,
            Some("joined" | "dropped") if self.is_in(info) => Role::In,
            _ => Role::None,
        };
        let is_caller = info["caller"] == self.phone.user();
        self.calls.insert(call, Place { seq, cursor, role, over, is_caller });
    }

    fn is_in(&self, info: &Value) -> bool {
        let participants = info["participants"].as_array().expect("participants");
        participants.iter().any(|p| {
            p["user"] == self.phone.user()
                && p["device"] == self.phone.device()
                && matches!(p["state"].as_str(), Some("joined" | "dropped"))
        })
    }
}

/// Whether nobody does anything about a call, so that time ends it: one in sixteen, which each
/// device knows by the last digit of its id, a random one.
fn is_left_alone(call: &str) -> bool {
    call.ends_with('0')
}
