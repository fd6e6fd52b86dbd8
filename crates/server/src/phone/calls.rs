//! The calls a phone knows of.

use std::collections::BTreeMap;

use bellwire_client::{
    Call,
    protocol::{
        CallEvent, CallInfo, Change, Open, Scope,
        event::{How, StateEvent},
    },
};
use bellwire_core::{CallId, DeviceId, Media, State, UserId};

/// What the user has to do with a call, on this phone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// It rings here.
    Rings,
    /// The user called, and nobody has answered.
    Calls,
    /// The user talks on this phone.
    Talks,
    /// The user may enter it.
    Open,
    /// The user talks on that other device.
    Elsewhere(Option<DeviceId>),
}

/// A call, as this phone stands to it.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) call: Call,
    pub(super) part: Part,
    pub(super) media: Media,
    /// Sound and camera, as this phone publishes them.
    pub(super) audio: bool,
    pub(super) video: bool,
    /// Whether the others were told of them since this phone entered.
    published: bool,
    /// What the others publish: sound, camera, screen.
    others: BTreeMap<UserId, [bool; 3]>,
}

/// All of them. Ids sort by age, so the last is the newest.
#[derive(Debug, Default)]
pub(super) struct Calls {
    known: BTreeMap<CallId, Known>,
}

impl Calls {
    /// The newest call of which `wanted` holds.
    pub(super) fn newest(&self, wanted: impl Fn(&Part) -> bool) -> Option<&Known> {
        self.known.values().rev().find(|known| wanted(&known.part))
    }

    /// The same, to be changed.
    pub(super) fn newest_mut(&mut self, wanted: impl Fn(&Part) -> bool) -> Option<&mut Known> {
        self.known.values_mut().rev().find(|known| wanted(&known.part))
    }

    /// The newest call whose id ends so.
    pub(super) fn ending(&self, letters: &str) -> Option<&Known> {
        self.known.values().rev().find(|known| known.call.id().to_string().ends_with(letters))
    }

    /// All, the oldest first.
    pub(super) fn all(&self) -> impl Iterator<Item = &Known> {
        self.known.values()
    }

    /// Whether anything rings or runs here.
    pub(super) fn is_busy(&self) -> bool {
        let here = |part: &Part| matches!(part, Part::Rings | Part::Calls | Part::Talks);
        self.newest(here).is_some()
    }

    /// A call as it stands now, with the part `me` has in it on `device`.
    pub(super) fn learn(&mut self, call: &Call, info: &CallInfo, me: &UserId, device: &DeviceId) {
        let part = part(info, me, device);
        self.put(call, part, info.media);
    }

    /// A call with a known part.
    pub(super) fn put(&mut self, call: &Call, part: Part, media: Media) {
        let fresh = Known {
            call: call.clone(),
            part: part.clone(),
            media,
            audio: true,
            video: media == Media::Video,
            published: false,
            others: BTreeMap::new(),
        };
        let known = self.known.entry(call.id()).or_insert(fresh);
        known.published &= part == Part::Talks;
        known.part = part;
        known.media = media;
    }

    /// The call, if it runs here and the others are to be told what this phone publishes.
    pub(super) fn begin_publishing(&mut self, call: CallId) -> Option<Known> {
        let known = self.known.get_mut(&call)?;
        if known.part != Part::Talks || std::mem::replace(&mut known.published, true) {
            return None;
        }
        Some(known.clone())
    }

    /// Those that run here.
    pub(super) fn talking(&self) -> impl Iterator<Item = Known> {
        self.known.values().filter(|known| known.part == Part::Talks).cloned()
    }

    /// What of a participant's state is news. Everybody begins with sound on, a camera in a video
    /// call, and no screen.
    pub(super) fn news(&mut self, state: &StateEvent) -> StateEvent {
        let mut news = state.clone();
        if let Some(known) = self.known.get_mut(&state.call) {
            let begin = [true, known.media == Media::Video, false];
            let last = known.others.entry(state.user.clone()).or_insert(begin);
            let parts = [&mut news.audio, &mut news.video, &mut news.screen];
            for (last, part) in last.iter_mut().zip(parts) {
                if let Some(now) = *part
                    && std::mem::replace(last, now) == now
                {
                    *part = None;
                }
            }
        }
        news
    }

    /// What an event makes of a call.
    pub(super) fn apply(&mut self, call: &Call, event: &CallEvent) {
        if event.change.is_terminal() {
            return self.leave(call.id(), &event.change);
        }
        let Some(known) = self.known.get_mut(&call.id()) else { return };
        match &event.change {
            Change::Started(_) => known.part = Part::Talks,
            Change::MediaChanged(changed) => {
                known.media = changed.media;
                known.video = changed.media == Media::Video;
                known.others.clear();
            }
            // The others publish for themselves; people come and go without changing ours.
            _ => {}
        }
    }

    /// The end of this phone's stay.
    fn leave(&mut self, call: CallId, change: &Change) {
        let part = match change {
            Change::Elsewhere(elsewhere) if elsewhere.how != How::Rejected => {
                Part::Elsewhere(elsewhere.device.clone())
            }
            // A group call may go on without this user, who may come back to it.
            Change::Ended(end) if end.ended.scope == Scope::You => Part::Open,
            _ => return self.forget(call),
        };
        if let Some(known) = self.known.get_mut(&call) {
            known.part = part;
            known.published = false;
        }
    }

    /// Forgets a call the server says is over.
    pub(super) fn forget(&mut self, call: CallId) {
        self.known.remove(&call);
    }
}

fn part(info: &CallInfo, me: &UserId, device: &DeviceId) -> Part {
    let Some(own) = info.participant(me) else { return Part::Open };
    match own.state.known() {
        Some(State::Joined | State::Dropped) if own.device.as_ref() != Some(device) => {
            Part::Elsewhere(own.device.clone())
        }
        Some(State::Joined | State::Dropped) => {
            if info.phase == bellwire_core::Phase::Inviting {
                Part::Calls
            } else {
                Part::Talks
            }
        }
        Some(State::Invited | State::Ringing) => {
            let silent = own.ring == Some(Open::Known(bellwire_core::RingMode::Silent));
            if silent { Part::Open } else { Part::Rings }
        }
        Some(_) | None => Part::Open,
    }
}
