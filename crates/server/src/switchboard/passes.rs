//! Tokens for rooms whose media is the app's own: its business server is asked for them before
//! anybody is told of the room.

use std::{pin::Pin, sync::Arc};

use bellwire_core::{
    Actor, AppKey, Call, CallId, Command, DeviceId, Hook, Phase, Refusal, RoomMedia, Timestamp,
    UserId,
};
use bellwire_protocol::{
    WireError,
    business::{Asking, TokenAsk},
};
use futures_util::future::join_all;

use super::{
    Switchboard,
    consult::{ABSENT_CODE, question, reason},
    wire,
};
use crate::{
    business::Said,
    calls::Change,
    media::{Pass, may_send},
    sessions::Session,
};

/// The longest token and the longest address that are passed on, in bytes.
const TOKEN_BYTES: usize = 8_192;
const URL_BYTES: usize = 2_048;

/// A denial's number and text.
type Denial = (u32, String);

impl Switchboard {
    /// Whether the app's business server gives tokens for rooms.
    pub(crate) fn asks_for_passes(&self, app: &AppKey) -> bool {
        self.apps.get(app).is_some_and(|app| app.hooks.ask.contains(&Hook::Token))
    }

    /// Gets passes for those who enter the room by this change. Whether any was wanted: then time
    /// has gone by, and it is to be decided again. Who is denied one is barred from the call.
    pub(super) async fn admit_to_room(
        self: &Arc<Self>,
        change: &Change,
    ) -> Result<bool, Box<WireError>> {
        let after = &change.after;
        let entering = self.entering(change);
        if entering.is_empty() {
            return Ok(false);
        }
        let asked = entering.iter().map(|(user, device)| self.ask_pass(after, user, device));
        let mut refusal = None;
        for ((user, _), given) in entering.iter().zip(join_all(asked).await) {
            let Err((code, text)) = given else { continue };
            // Who only comes with another device stays in with the one they have.
            if !is_inside(change.before.as_deref(), user, None) {
                self.bar(&after.app, after.id, user.clone(), code).await;
            }
            refusal = Some(wire(Refusal::Denied { code, text }, after.id));
        }
        refusal.map_or(Ok(true), Err)
    }

    /// Gets a device new passes for the rooms it is in, where it has none that is good. It is told
    /// of a room without one where there is none to be had.
    pub(crate) async fn renew_passes(self: &Arc<Self>, session: &Session) {
        if !self.asks_for_passes(&session.app) {
            return;
        }
        let (user, device) = (&session.user, &session.device);
        for call in self.calls.of_user(&session.app, user) {
            let is_in = is_inside(Some(&call), user, Some(device));
            if is_in && is_external(&call) && !self.has_pass(&call, user, device) {
                // What came of it is in the call's log.
                let _ = self.ask_pass(&call, user, device).await;
            }
        }
    }

    fn entering(&self, change: &Change) -> Vec<(UserId, DeviceId)> {
        let after = &change.after;
        if !is_external(after) || after.phase != Phase::Active {
            return Vec::new();
        }
        let mut entering: Vec<_> = after
            .participants
            .iter()
            .filter(|p| p.state.is_in())
            .filter_map(|p| Some((p.user.clone(), p.device.clone()?)))
            .filter(|(user, device)| {
                !is_inside(change.before.as_deref(), user, Some(device))
                    && !self.has_pass(after, user, device)
            })
            .collect();
        if !entering.is_empty() && !self.asks_for_passes(&after.app) {
            entering.clear();
        }
        entering
    }

    fn has_pass(&self, call: &Call, user: &UserId, device: &DeviceId) -> bool {
        self.media.passes.is_good(call.id, user, device, self.now())
    }

    async fn ask_pass(
        self: &Arc<Self>,
        call: &Call,
        user: &UserId,
        device: &DeviceId,
    ) -> Result<(), Denial> {
        let Some(room) = call.room else { return Ok(()) };
        let by = Actor { user: user.clone(), device: Some(device.clone()) };
        let asking = Asking::Token(Box::new(TokenAsk {
            call: call.id,
            room,
            by: self.hook_user(&call.app, &by),
            media: call.media,
            allow: may_send(call, user),
        }));
        let unique = self.chance.call(self.now()).to_string();
        let said = self.business.ask(&call.app, question(&[&unique]), self.now(), asking).await;
        let given = pass(&said, self.now());
        if let Ok(pass) = &given {
            self.media.passes.keep(call.id, user, device, pass.clone());
        }
        self.act_boxed(&call.app, call.id, Command::Asked(said.entry(user))).await;
        given.map(drop)
    }

    async fn bar(self: &Arc<Self>, app: &AppKey, call: CallId, user: UserId, code: u32) {
        self.act_boxed(app, call, Command::Barred { user, code }).await;
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

/// Whether a user is in the call's room, with this device if one is named.
fn is_inside(call: Option<&Call>, user: &UserId, device: Option<&DeviceId>) -> bool {
    let me = call.filter(|call| call.phase == Phase::Active).and_then(|c| c.participant(user));
    me.is_some_and(|p| p.state.is_in() && device.is_none_or(|d| p.device.as_ref() == Some(d)))
}

/// The pass in an answer. Without an answer nobody enters, whatever the app lets happen otherwise.
fn pass(said: &Said, now: Timestamp) -> Result<Pass, Denial> {
    let answer = match &said.answer {
        Ok(answer) if answer.allow => answer,
        Ok(answer) => {
            let text = reason(answer, "the app gives no token for this call's room");
            return Err((answer.code.unwrap_or(0), text));
        }
        Err(_) => {
            let text = "the app's own server has to give a token for the call's room and cannot \
                        be asked now; try again";
            return Err((ABSENT_CODE, text.to_owned()));
        }
    };
    let (token, url) = (answer.token.clone(), answer.url.clone());
    if token.as_ref().is_some_and(|token| token.expose().len() > TOKEN_BYTES)
        || url.as_ref().is_some_and(|url| url.len() > URL_BYTES)
    {
        let text = "the app's own server gave a token or an address that is too long";
        return Err((ABSENT_CODE, text.to_owned()));
    }
    if answer.expires_in == Some(0) {
        let text = "the app's own server gave a token that is over already";
        return Err((ABSENT_CODE, text.to_owned()));
    }
    // A tenth early, so that it is not over by the time it is used.
    let until = answer.expires_in.map(|s| now.after_ms(s.saturating_mul(900)));
    Ok(Pass { token, url, until })
}
