//! Tokens for rooms whose media is the app's own: its business server is asked for them before
//! anybody is told of the room.

use std::{pin::Pin, sync::Arc};

use bellwire_core::{
    Actor, AppKey, Call, CallId, Command, DeviceId, Hook, Phase, Refusal, RoomMedia, Timestamp,
    UserId,
};
use bellwire_protocol::{
    WireError,
    business::{Asking, HookAnswer, TokenAsk},
};
use futures_util::future::join_all;

use super::{
    Switchboard,
    consult::{Denial, denial},
    wire,
};
use crate::{
    business::{Absence, Said},
    calls::Change,
    config::Absent,
    media::{Pass, may_send},
    sessions::Session,
};

/// The longest token and the longest address that are passed on, in bytes.
const TOKEN_BYTES: usize = 8_192;
const URL_BYTES: usize = 2_048;
/// How long a device that was denied a pass is not asked for again when it looks at its call, in
/// milliseconds.
const DENIED_MS: u64 = 5_000;

/// Whether what was decided may be done.
pub(super) enum Admission {
    /// Everybody who enters has a pass, or needs none.
    Granted,
    /// They have one now; time has gone by, and it is to be decided again.
    Again,
}

impl Switchboard {
    /// Whether the app's business server gives tokens for rooms.
    pub(crate) fn asks_for_passes(&self, app: &AppKey) -> bool {
        self.apps.get(app).is_some_and(|app| app.hooks.ask.contains(&Hook::Token))
    }

    /// Gets passes for those who enter the room by this change. Who is denied one is barred from
    /// the call.
    pub(super) async fn admit_to_room(
        self: &Arc<Self>,
        change: &Change,
    ) -> Result<Admission, Box<WireError>> {
        let after = &change.after;
        let entering = self.entering(change);
        if entering.is_empty() {
            return Ok(Admission::Granted);
        }
        let since = self.now();
        let asked = entering.iter().map(|(user, device)| self.ask_pass(after, user, device, since));
        let mut refusal = None;
        for ((user, _), given) in entering.iter().zip(join_all(asked).await) {
            if let Err((code, text)) = given {
                let barred = Command::Barred { user: user.clone(), code };
                self.act_boxed(&after.app, after.id, barred).await;
                refusal = Some(wire(Refusal::Denied { code, text }, after.id));
            }
        }
        refusal.map_or(Ok(Admission::Again), Err)
    }

    /// Gets a device new passes for the rooms it is in, or for that of one call, where it has none
    /// that is good. It is told of a room without one where there is none to be had.
    pub(crate) async fn renew_passes(self: &Arc<Self>, session: &Session, only: Option<CallId>) {
        if !self.asks_for_passes(&session.app) {
            return;
        }
        let (user, device) = (&session.user, &session.device);
        let since = Timestamp(self.now().0.saturating_sub(DENIED_MS));
        let mut calls = self.calls.of_user(&session.app, user);
        calls.retain(|call| {
            only.is_none_or(|only| only == call.id)
                && is_external(call)
                && is_inside(call, user, device)
                && !self.has_pass(call, user, device)
        });
        // What came of it is in the calls' logs.
        join_all(calls.iter().map(|call| self.ask_pass(call, user, device, since))).await;
    }

    fn entering(&self, change: &Change) -> Vec<(UserId, DeviceId)> {
        let after = &change.after;
        if !is_external(after) || after.phase != Phase::Active || !self.asks_for_passes(&after.app)
        {
            return Vec::new();
        }
        let inside = after.participants.iter().filter(|p| p.state.is_in());
        let with = inside.filter_map(|p| Some((&p.user, p.device.as_ref()?)));
        let enters = with.filter(|(user, device)| {
            !change.before.as_ref().is_some_and(|call| is_inside(call, user, device))
                && !self.has_pass(after, user, device)
        });
        enters.map(|(user, device)| (user.clone(), device.clone())).collect()
    }

    fn has_pass(&self, call: &Call, user: &UserId, device: &DeviceId) -> bool {
        self.media.passes.of(call.id, user, device, self.now()).is_some()
    }

    /// Asks for a device's pass, unless it got one or was denied one from `since` on: whoever else
    /// asked meanwhile asked for this one too.
    async fn ask_pass(
        self: &Arc<Self>,
        call: &Call,
        user: &UserId,
        device: &DeviceId,
        since: Timestamp,
    ) -> Result<(), Denial> {
        let Some(room) = call.room else { return Ok(()) };
        let passes = &self.media.passes;
        let _turn = passes.turn(call.id, user, device).await;
        if self.has_pass(call, user, device) {
            return Ok(());
        }
        if let Some(denial) = passes.denied(call.id, user, device, since) {
            return Err(denial);
        }
        let by = Actor { user: user.clone(), device: Some(device.clone()) };
        let asking = Asking::Token(Box::new(TokenAsk {
            call: call.id,
            room,
            by: self.hook_user(&call.app, &by),
            media: call.media,
            allow: may_send(call, user),
        }));
        let asked = self.business.ask(&call.app, self.new_question(), self.now(), asking);
        let said = that_counts(asked.await);
        let given = denial(&said).map(|answer| Pass::of(answer, self.now()));
        passes.keep(call.id, user, device, &given, self.now());
        self.act_boxed(&call.app, call.id, Command::Asked(said.entry(user))).await;
        if self.calls.load(&call.app, call.id).is_none_or(|call| call.phase == Phase::Ended) {
            passes.end(call.id);
        }
        given.map(drop)
    }

    /// [`Switchboard::act`], from within a command.
    fn act_boxed<'a>(
        self: &'a Arc<Self>,
        app: &'a AppKey,
        call: CallId,
        command: Command,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        Box::pin(self.act(app, call, command))
    }
}

fn is_external(call: &Call) -> bool {
    call.settings.room_media == RoomMedia::External
}

/// Whether a user is in the call's room, with this device.
fn is_inside(call: &Call, user: &UserId, device: &DeviceId) -> bool {
    let me = call.participant(user).filter(|_| call.phase == Phase::Active);
    me.is_some_and(|p| p.state.is_in() && p.device.as_ref() == Some(device))
}

/// What was said, where a pass that cannot be one is no answer, and nobody enters without an
/// answer, whatever the app lets happen otherwise.
fn that_counts(mut said: Said) -> Said {
    said.absent = Absent::Deny;
    if let Some(wrong) = said.answer.as_ref().ok().and_then(wrong) {
        said.answer = Err(Absence::Wrong(wrong.to_owned()));
    }
    said
}

fn wrong(answer: &HookAnswer) -> Option<&'static str> {
    let token = answer.token.as_ref().map_or(0, |token| token.expose().len());
    if token > TOKEN_BYTES {
        Some("token is too long")
    } else if answer.url.as_ref().is_some_and(|url| url.len() > URL_BYTES) {
        Some("url is too long")
    } else {
        (answer.expires_in == Some(0)).then_some("expires_in is over already")
    }
}
