//! A device: what it remembers, and what it does by itself as an SDK would.

use std::collections::BTreeMap;

use bellwire_core::{AppKey, CallId, DeviceId, RingMode, SessionId, Timestamp, UserId};
use bellwire_protocol::{
    Command, Cursor, RecordCursor, Request, Secret,
    command::{Ack, DeviceInfo, Hello, Login, RenewToken, Resume, Ringing},
};
use serde_json::value::RawValue;

use super::{
    cast::{AppOf, token},
    heard::{Entered, Frame, Glance, Info, Welcome},
    network::LinkId,
};
use crate::{lot::Lot, plan::Back};

/// How good a token is that nothing else is said of, in seconds.
const TTL_S: u64 = 3_600;

/// Where the device stands in a call, as far as it knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stand {
    /// It rings, or could.
    Ringing,
    /// In the call.
    In,
    /// The user has to do with it, this device has not.
    Listed,
    Over,
}

/// A call the device has heard of.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) call: CallId,
    pub(crate) stand: Stand,
}

/// What a device does by itself, and what it neglects.
#[derive(Debug, Clone, Copy)]
#[allow(clippy::struct_excessive_bools)] // Independent habits.
pub(crate) struct Habits {
    /// Says that it rings, after so many milliseconds.
    pub(crate) rings: Option<u64>,
    /// Confirms that it stopped ringing.
    pub(crate) acks: bool,
    /// Sends again after a reconnect what was not answered before.
    pub(crate) repeats: bool,
    /// Keeps the cursors of calls that are over for it.
    pub(crate) hoards: bool,
    /// Asks for the records it missed.
    pub(crate) collects: bool,
    /// Gets a new token when the old one runs out.
    pub(crate) renews: bool,
    /// Connects its media so many milliseconds after it has heard of the room.
    pub(crate) offers: Option<u64>,
}

/// A request whose answer has not come.
#[derive(Debug, Clone)]
struct Outstanding {
    id: u64,
    text: String,
    changing: bool,
    leaves: bool,
    /// The call a yes puts the device into.
    enters: Option<CallId>,
    /// Whether it may be a call that the device has left before.
    returns: bool,
    /// The call whose media a yes connects.
    links: Option<CallId>,
}

/// A device.
#[derive(Debug)]
pub(crate) struct Device {
    pub(crate) app: AppOf,
    pub(crate) key: AppKey,
    pub(crate) user: UserId,
    pub(crate) id: DeviceId,
    pub(crate) habits: Habits,
    /// Its present connection.
    pub(crate) link: Option<LinkId>,
    /// Whether its hello on that connection was answered.
    pub(crate) greeted: bool,
    /// Whether it comes back by itself.
    pub(crate) is_on: bool,
    /// Dials without success.
    pub(crate) attempts: u32,
    /// What it says when it dials next.
    pub(crate) back: Back,
    pub(crate) ttl_s: Option<u64>,
    pub(crate) calls: Vec<Seen>,
    pub(crate) stops: Vec<(CallId, u64)>,
    /// What lets it into rooms that the server routes.
    pub(super) tokens: BTreeMap<CallId, Secret>,
    /// The call whose media it has connected, as far as it knows.
    pub(super) linked: Option<CallId>,
    session: Option<SessionId>,
    last_id: u64,
    hello: u64,
    cursors: BTreeMap<CallId, Cursor>,
    outstanding: Vec<Outstanding>,
    latest: Option<Outstanding>,
    records_after: Option<RecordCursor>,
}

/// What a device does next, by itself: commands, each after so many milliseconds; and texts that
/// are sent again as they were.
#[derive(Debug, Default)]
pub(crate) struct Reaction {
    pub(crate) commands: Vec<(u64, Command)>,
    pub(crate) texts: Vec<String>,
    pub(crate) new_calls: Vec<CallId>,
    /// Its media was connected.
    pub(crate) connected: bool,
}

impl Habits {
    /// Those of a good SDK.
    pub(crate) const GOOD: Self = Self {
        rings: Some(0),
        acks: true,
        repeats: true,
        hoards: false,
        collects: true,
        renews: true,
        offers: Some(0),
    };

    pub(crate) fn draw(lot: &mut Lot) -> Self {
        Self {
            rings: lot.happens(85).then(|| lot.pick(&[0, 5, 80, 900])),
            acks: lot.happens(60),
            repeats: lot.happens(70),
            hoards: lot.happens(60),
            collects: lot.happens(50),
            renews: lot.happens(60),
            offers: lot.happens(80).then(|| lot.pick(&[0, 10, 300, 2_000])),
        }
    }
}

impl Device {
    pub(crate) fn new(app: AppOf, user: UserId, id: DeviceId, habits: Habits) -> Self {
        Self {
            app,
            key: app.key(),
            user,
            id,
            habits,
            link: None,
            greeted: false,
            is_on: false,
            attempts: 0,
            back: Back::Resume,
            ttl_s: None,
            calls: Vec::new(),
            stops: Vec::new(),
            tokens: BTreeMap::new(),
            linked: None,
            session: None,
            last_id: 0,
            hello: 0,
            cursors: BTreeMap::new(),
            outstanding: Vec::new(),
            latest: None,
            records_after: None,
        }
    }

    /// Whether nothing is asked that waits for its answer.
    pub(crate) fn is_answered(&self) -> bool {
        self.greeted && self.outstanding.is_empty()
    }

    /// Takes a new connection, and says hello on it.
    pub(crate) fn connect(&mut self, link: LinkId, now: Timestamp) -> String {
        self.link = Some(link);
        self.greeted = false;
        let back = std::mem::replace(&mut self.back, Back::Resume);
        let resume = self.resume(back);
        if back == Back::Fresh || (back == Back::Resume && resume.is_none()) {
            self.forget();
        }
        let (token, login) = match self.app {
            AppOf::Shop => {
                let (app, user) = (self.key.clone(), self.user.clone());
                (None, Some(Login { app, user, password: None }))
            }
            AppOf::Bank => {
                let ttl_s = self.ttl_s.take().unwrap_or(TTL_S);
                (Some(token(&self.user, now, ttl_s)), None)
            }
        };
        let device = DeviceInfo { id: self.id.clone(), name: None, platform: None };
        let hello = Hello { token, login, device, caps: None, resume };
        self.last_id += 1;
        self.hello = self.last_id;
        Request { id: self.hello, command: Command::Hello(Box::new(hello)) }.to_frame()
    }

    fn resume(&mut self, back: Back) -> Option<Resume> {
        let mut cursors = self.cursors.clone();
        let mut session = self.session.clone();
        match back {
            Back::Resume => {}
            Back::Fresh => return None,
            Back::NoCursors => cursors.clear(),
            Back::Behind => {
                for cursor in cursors.values_mut() {
                    *cursor = Cursor::of(cursor.seq().unwrap_or(0) / 2);
                }
            }
            Back::OddCursors => {
                for (at, cursor) in cursors.values_mut().enumerate() {
                    // No server gives this; it stands for nothing that was read.
                    *cursor = odd_cursor(at);
                }
            }
            Back::Stranger => session = SessionId::parse("s-somebody-elses-session").ok(),
        }
        let records_after = self.records_after.filter(|_| self.habits.collects);
        session.map(|session| Resume { session, cursors: Some(cursors), records_after })
    }

    /// The connection is gone.
    pub(crate) fn lose(&mut self) {
        self.link = None;
        self.greeted = false;
    }

    /// Forgets everything, as an app that is installed anew.
    pub(crate) fn forget(&mut self) {
        self.session = None;
        self.cursors.clear();
        self.calls.clear();
        self.stops.clear();
        self.tokens.clear();
        self.outstanding.clear();
        self.latest = None;
    }

    /// The id and the frame of a command.
    pub(crate) fn request(&mut self, command: Command) -> (u64, String) {
        self.last_id += 1;
        let changing = command.is_changing();
        let leaves = matches!(command, Command::Logout);
        let enters = match &command {
            Command::Accept(c) => Some(c.call),
            Command::Join(c) => Some(c.call),
            Command::Move(c) => Some(c.call),
            _ => None,
        };
        let returns = matches!(command, Command::Join(_) | Command::Move(_));
        let links = match &command {
            Command::MediaOffer(c) => Some(c.call),
            _ => None,
        };
        if let Command::MediaClose(_) = command {
            self.linked = None;
            self.outstanding.iter_mut().for_each(|waiting| waiting.links = None);
        }
        let text = Request { id: self.last_id, command }.to_frame();
        let outstanding = Outstanding {
            id: self.last_id,
            text: text.clone(),
            changing,
            leaves,
            enters,
            returns,
            links,
        };
        if changing {
            self.latest = Some(outstanding.clone());
        }
        self.outstanding.push(outstanding);
        (self.last_id, text)
    }

    /// The latest changing request once more.
    pub(crate) fn repeat(&mut self) -> Option<String> {
        let latest = self.latest.clone()?;
        let text = latest.text.clone();
        if !self.outstanding.iter().any(|waiting| waiting.id == latest.id) {
            self.outstanding.push(latest);
        }
        Some(text)
    }

    /// Reads a frame.
    pub(crate) fn read(&mut self, text: &str, now: Timestamp) -> Reaction {
        let Ok(frame) = serde_json::from_str::<Frame<'_>>(text) else { return Reaction::default() };
        match (frame.id, frame.ev.as_deref(), frame.call) {
            (Some(id), _, _) => self.reply(id, frame.ok, frame.error, now),
            (_, Some("media.closed"), Some(call)) => {
                let mut reaction = Reaction::default();
                self.media_closed(call, &mut reaction);
                reaction
            }
            (_, Some(ev), Some(call)) => {
                let mut reaction = self.event(ev, call, frame.seq.zip(frame.cursor));
                self.told_of_room(call, frame.room, true, &mut reaction);
                reaction
            }
            (_, Some("record"), _) => {
                self.records_after = frame.cursor.and_then(|c| c.seq()).map(RecordCursor);
                Reaction::default()
            }
            (_, Some("session.token_expiring"), _) if self.habits.renews => {
                let renew =
                    Command::RenewToken(RenewToken { token: token(&self.user, now, TTL_S) });
                Reaction { commands: vec![(3, renew)], ..Reaction::default() }
            }
            _ => Reaction::default(),
        }
    }

    fn reply(
        &mut self,
        id: u64,
        ok: Option<&RawValue>,
        error: Option<&RawValue>,
        now: Timestamp,
    ) -> Reaction {
        if id == self.hello && !self.greeted {
            return ok.map(|ok| self.welcome(ok.get(), now)).unwrap_or_default();
        }
        let Some(at) = self.outstanding.iter().position(|waiting| waiting.id == id) else {
            return Reaction::default();
        };
        let asked = self.outstanding.remove(at);
        let mut reaction = Reaction::default();
        if asked.leaves && ok.is_some() {
            self.forget();
            return reaction;
        }
        if let Some(ok) = ok {
            let Entered { call: begun, info } = serde_json::from_str(ok.get()).unwrap_or_default();
            if let Some(call) =
                asked.enters.or(begun).filter(|c| asked.returns || !self.is_over(*c))
            {
                self.stand(call, Stand::In, &mut reaction);
            }
            reaction.connected = asked.links.is_some();
            self.linked = asked.links.filter(|call| self.is_in(*call)).or(self.linked);
            match (info, asked.enters) {
                (Some(Info { id, room }), enters) => {
                    self.told_of_room(id, room, enters.is_some(), &mut reaction);
                }
                (None, Some(call)) => self.has_moved(call, &mut reaction),
                (None, None) => {}
            }
        } else if let Some(error) = error
            && error.get().contains("\"not_in_call\"")
            && let Some(call) = asked.enters
        {
            self.stand(call, Stand::Over, &mut reaction);
        }
        reaction
    }

    pub(super) fn is_in(&self, call: CallId) -> bool {
        self.calls.iter().any(|seen| seen.call == call && seen.stand == Stand::In)
    }

    /// A repeated request gets its first answer, which may be of a call that has ended since.
    fn is_over(&self, call: CallId) -> bool {
        self.calls.iter().any(|seen| seen.call == call && seen.stand == Stand::Over)
    }

    fn welcome(&mut self, ok: &str, _: Timestamp) -> Reaction {
        let Ok(welcome) = serde_json::from_str::<Welcome>(ok) else { return Reaction::default() };
        self.greeted = true;
        self.linked = None;
        self.attempts = 0;
        let mut reaction = Reaction::default();
        if !welcome.resumed {
            self.outstanding.clear();
            self.latest = None;
        } else if self.habits.repeats {
            reaction.texts.extend(
                self.outstanding.iter().filter(|o| o.changing).map(|waiting| waiting.text.clone()),
            );
            self.outstanding.retain(|waiting| waiting.changing);
        } else {
            self.outstanding.clear();
        }
        self.session = Some(welcome.session);
        for seen in &mut self.calls {
            seen.stand = Stand::Over;
        }
        for glance in welcome.calls {
            let stand = self.glance(&glance);
            self.stand(glance.id, stand, &mut reaction);
            self.told_of_room(glance.id, glance.room, false, &mut reaction);
            if stand == Stand::Ringing {
                self.ring(glance.id, &mut reaction);
            }
        }
        reaction
    }

    fn glance(&self, call: &Glance) -> Stand {
        let Some(me) = call.participants.iter().find(|p| p.user == self.user) else {
            return Stand::Listed;
        };
        match me.state.known() {
            Some(state) if state.is_in() && me.device.as_ref() == Some(&self.id) => Stand::In,
            Some(state) if state.is_pending() => {
                let silent = me.ring.as_ref().is_some_and(|ring| *ring == RingMode::Silent);
                if silent { Stand::Listed } else { Stand::Ringing }
            }
            _ => Stand::Listed,
        }
    }

    fn event(&mut self, ev: &str, call: CallId, place: Option<(u64, Cursor)>) -> Reaction {
        let mut reaction = Reaction::default();
        let Some((seq, cursor)) = place else { return reaction };
        self.cursors.insert(call, cursor);
        match ev {
            "call.invited" => {
                self.stand(call, Stand::Ringing, &mut reaction);
                self.ring(call, &mut reaction);
            }
            "call.ended" | "call.canceled" | "call.elsewhere" => {
                self.stand(call, Stand::Over, &mut reaction);
                if !self.habits.hoards {
                    self.cursors.remove(&call);
                }
                if ev != "call.ended" {
                    self.stops.push((call, seq));
                    if self.habits.acks {
                        reaction.commands.push((4, Command::Ack(Ack { call, seq })));
                    }
                }
            }
            _ => {
                if !self.calls.iter().any(|seen| seen.call == call) {
                    self.stand(call, Stand::Listed, &mut reaction);
                }
            }
        }
        reaction
    }

    fn ring(&self, call: CallId, reaction: &mut Reaction) {
        if let Some(after_ms) = self.habits.rings {
            reaction.commands.push((after_ms, Command::Ringing(Ringing { call })));
        }
    }

    fn stand(&mut self, call: CallId, stand: Stand, reaction: &mut Reaction) {
        if stand != Stand::In && self.linked == Some(call) {
            self.linked = None;
        }
        if let Some(seen) = self.calls.iter_mut().find(|seen| seen.call == call) {
            seen.stand = stand;
        } else {
            self.calls.push(Seen { call, stand });
            reaction.new_calls.push(call);
        }
    }
}

fn odd_cursor(at: usize) -> Cursor {
    let texts = ["\"\"", "\"x\"", "\"-1\"", "\"99999\"", "\"18446744073709551615\""];
    serde_json::from_str(texts[at % texts.len()]).unwrap_or_else(|_| Cursor::of(0))
}
