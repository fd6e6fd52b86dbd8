//! One call: its log is gone through entry by entry, and with it everything seen of the call.

use std::ops::Range;

use bellwire_core::{AppKey, Call, CallId, Entry, Event, Notice, Tell, audience, evolve, open};
use bellwire_protocol::{CallEvent, CallInfo};

use super::{
    Found,
    claims::Claims,
    expected::{self, change, comparable, participants_agree},
    gather::{Item, Seen, What},
};
use crate::{
    history::History,
    limits::Limits,
    violation::{Rule, Violation},
    watch::one_device_each,
};

/// A walk through the log of one call.
pub(super) struct Walk<'a> {
    app: &'a AppKey,
    call: CallId,
    histories: &'a [History],
    seen: Seen<'a>,
    limits: &'a Limits,
    /// By history: where its device stands in the call.
    devices: Vec<Standing>,
    /// Up to where the things seen were looked at.
    looked: usize,
    pub(super) found: Found,
}

/// Where a device stands in the call, as the log says.
#[derive(Debug, Clone, Copy, Default)]
struct Standing {
    /// A stay is open.
    open: bool,
    /// It is the device that is in the call.
    joined: bool,
}

impl<'a> Walk<'a> {
    pub(super) fn new(
        app: &'a AppKey,
        call: CallId,
        histories: &'a [History],
        seen: Seen<'a>,
        limits: &'a Limits,
    ) -> Self {
        let devices = vec![Standing::default(); histories.len()];
        Self { app, call, histories, seen, limits, devices, looked: 0, found: Vec::new() }
    }

    /// Goes through the log; the call it adds up to, where it is one.
    pub(super) fn run(&mut self, log: &[Entry], claims: &mut Claims) -> Option<Call> {
        let mut call: Option<Call> = None;
        for (entry, place) in log.iter().zip(1..) {
            self.shape(call.as_ref(), entry, place);
            let (notices, after) = match (call.take(), &entry.event) {
                (None, Event::Created(created)) => {
                    let opened = open(created, entry.at);
                    (audience(&opened, &entry.event), opened)
                }
                (None, _) => return None,
                (Some(before), event) => {
                    self.in_time(&before, entry);
                    let notices = audience(&before, event);
                    (notices, evolve(before, event, entry.at))
                }
            };
            claims.follow(&after, entry.at);
            if let Err(wrong) = one_device_each(&after) {
                self.found.push(*wrong);
            }
            self.told(entry, &after, &notices);
            call = Some(after);
        }
        self.beyond(log.len());
        let call = call?;
        if self.limits.complete && !expected::is_over(&call) {
            let what = "the call has never ended";
            self.wrong(Rule::Ends, what, [format!("{:?}", call.phase)]);
        }
        Some(call)
    }

    fn wrong(&mut self, rule: Rule, what: &str, shown: impl IntoIterator<Item = String>) {
        self.found.push(Violation::new(rule, what).of(self.call).show(shown));
    }

    /// A log begins once, with its own call, has no gap, and nothing but confirmations after its
    /// end; its time never runs backwards.
    fn shape(&mut self, before: Option<&Call>, entry: &Entry, place: u64) {
        let over = before.is_some_and(expected::is_over);
        let what = match (before, &entry.event) {
            _ if entry.seq != place => "the log has a gap, or an entry twice",
            (None, Event::Created(created)) => {
                if created.call == self.call && created.app == *self.app {
                    return;
                }
                "the log begins as that of another call"
            }
            (None, _) => "the log does not begin with its call",
            (Some(_), Event::Created(_)) => "the log begins twice",
            (Some(before), _) if entry.at < before.at => "time runs backwards in the log",
            (Some(_), event) if over && !matches!(event, Event::Acknowledged { .. }) => {
                "something happens in a call that is over"
            }
            (Some(_), _) => return,
        };
        self.wrong(Rule::WholeLog, what, [shown(entry)]);
    }

    fn in_time(&mut self, before: &Call, entry: &Entry) {
        let late = before.next_deadline().map_or(0, |due| entry.at.since_ms(due));
        if late > self.limits.slack_ms {
            let what = format!("a deadline was acted on {late} ms late");
            self.wrong(Rule::Ends, &what, [shown(entry)]);
        }
    }

    /// Looks at what was seen of one entry, and what was not.
    fn told(&mut self, entry: &Entry, after: &Call, notices: &[Notice]) {
        let items = self.items_at(entry.seq);
        for at in 0..self.histories.len() {
            let who = self.histories[at].who();
            if who.app != *self.app {
                continue;
            }
            let notice = notices.iter().find(|notice| notice.reaches(&who.user, &who.device));
            let events = items.clone().filter(|i| self.is_event_of(*i, at));
            let events: Vec<usize> = events.collect();
            match notice {
                Some(notice) if events.is_empty() => self.missing(at, entry, notice),
                Some(notice) => {
                    for item in events {
                        self.event(at, item, entry, after, notice);
                    }
                }
                None => {
                    for item in events {
                        self.uncalled(at, item, entry);
                    }
                }
            }
            self.stand(at, entry, notice);
        }
        self.one_joined(entry);
        for item in items {
            self.look_at_shown(item, after);
        }
    }

    /// The things seen of the entry at `seq`; they stand in the order of the log.
    fn items_at(&mut self, seq: u64) -> Range<usize> {
        let from = self.looked;
        let rest = &self.seen.items[from..];
        self.looked = from + rest.iter().take_while(|item| item.seq <= seq).count();
        from..self.looked
    }

    fn is_event_of(&self, item: usize, history: usize) -> bool {
        let item = &self.seen.items[item];
        item.history == history && matches!(item.what, What::Event(_))
    }

    fn missing(&mut self, at: usize, entry: &Entry, notice: &Notice) {
        if !self.seen.demands.get(&at).is_some_and(|demand| demand.wants(entry.seq)) {
            return;
        }
        let (rule, what) = if notice.tell.is_terminal() {
            (Rule::OneEndPerStay, "the end of a stay was never told")
        } else {
            (Rule::OnceInOrder, "an event was never told")
        };
        self.push(at, rule, what, [shown(entry)]);
    }

    fn uncalled(&mut self, at: usize, item: usize, entry: &Entry) {
        let what = "told of an entry that does not concern this device";
        let text = self.seen.items[item].noted.shown();
        self.push(at, Rule::TrueToLog, what, [text, shown(entry)]);
    }

    fn event(&mut self, at: usize, item: usize, entry: &Entry, after: &Call, notice: &Notice) {
        let Item { what: What::Event(event), noted, .. } = &self.seen.items[item] else { return };
        let text = noted.shown();
        let agrees = change(notice, entry, after)
            .is_some_and(|expected| comparable(event.change.clone()) == comparable(expected));
        let CallEvent { at: told_at, participants, .. } = &**event;
        let placed = *told_at == entry.at && participants_agree(participants, after);
        let invited = notice.tell == Tell::Invited;
        let open = self.devices[at].open;
        if !agrees || !placed {
            let outcome = matches!(notice.tell, Tell::Ended(..));
            let rule = if outcome { Rule::OneStory } else { Rule::TrueToLog };
            self.push(at, rule, "told otherwise than the log says", [text, shown(entry)]);
        } else if invited == open {
            let what = if open { "invited within a stay" } else { "told outside of any stay" };
            self.push(at, Rule::OneEndPerStay, what, [text, shown(entry)]);
        }
    }

    /// Where the device stands after the entry.
    fn stand(&mut self, at: usize, entry: &Entry, notice: Option<&Notice>) {
        let who = self.histories[at].who();
        let enters = match &entry.event {
            Event::Created(created) => {
                created.caller.user == who.user
                    && created.caller.device.as_ref() == Some(&who.device)
            }
            Event::Accepted { user, device, .. }
            | Event::Joined { user, device }
            | Event::Moved { user, to: device, .. } => *user == who.user && *device == who.device,
            _ => false,
        };
        let device = &mut self.devices[at];
        match notice.map(|notice| &notice.tell) {
            Some(Tell::Invited) => device.open = true,
            Some(tell) if tell.is_terminal() => *device = Standing::default(),
            Some(_) | None => {}
        }
        if enters {
            *device = Standing { open: true, joined: true };
        }
    }

    /// I5: of the devices of a user one is in the call.
    fn one_joined(&mut self, entry: &Entry) {
        let joined: Vec<usize> =
            (0..self.devices.len()).filter(|at| self.devices[*at].joined).collect();
        for (place, at) in joined.iter().enumerate() {
            let user = &self.histories[*at].who().user;
            let twin =
                joined[..place].iter().find(|other| self.histories[**other].who().user == *user);
            if let Some(twin) = twin {
                let what = format!("{} is in the call too", self.histories[*twin].who().device);
                self.devices[*twin].joined = false;
                self.push(*at, Rule::OneDeviceJoined, &what, [shown(entry)]);
            }
        }
    }

    /// A call shown whole is the call as the log has it there.
    fn look_at_shown(&mut self, item: usize, after: &Call) {
        let Item { history, seq, noted, what } = &self.seen.items[item];
        let What::Shown(info) = what else { return };
        let who = self.histories[*history].who();
        if *seq != after.seq || who.app != *self.app {
            return;
        }
        let mut told = CallInfo::clone(info);
        expected::strip(&mut told);
        let logged = expected::info(after, &who.user);
        let (at, text) = (*history, noted.shown());
        if told != logged {
            let what = format!("a call was shown otherwise than it is: {logged:?}");
            self.push(at, Rule::TrueToLog, &what, [text]);
        } else if after.participant(&who.user).is_none() {
            self.push(at, Rule::TrueToLog, "a call was shown to somebody who is not in it", [text]);
        }
    }

    /// Nothing was seen that lies behind the end of the log.
    fn beyond(&mut self, length: usize) {
        for item in self.looked..self.seen.items.len() {
            let Item { history, noted, .. } = &self.seen.items[item];
            let (at, text) = (*history, noted.shown());
            let what = format!("told of more than the {length} entries that the log has");
            self.push(at, Rule::NothingLost, &what, [text]);
        }
    }

    fn push<const N: usize>(&mut self, at: usize, rule: Rule, what: &str, shown: [String; N]) {
        let history = &self.histories[at];
        let wrong = history.wrong(rule, what).of(self.call);
        self.found.push(wrong.show(shown).show(history.about(self.call)));
    }
}

/// An entry as it is shown to people.
fn shown(entry: &Entry) -> String {
    let text = serde_json::to_string(entry).unwrap_or_else(|_| format!("{entry:?}"));
    format!("log {text}")
}
