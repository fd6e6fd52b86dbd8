//! What travels beside the log: mute and camera, messages, presence. The latest wins, and a
//! device that is away misses it.

use std::{collections::BTreeMap, sync::Arc};

use bellwire_core::{Call, CallId, Command, Refusal, UserId};
use bellwire_protocol::{
    ErrorCode, Json, ServerEvent, UserRef, WireError, command,
    event::{CallMessage, Message, StateEvent},
    limits::PRESENCE_USERS,
    reply::{Empty, PresenceOk, Received},
};

use super::{Gateway, connection::Line};
use crate::{
    config::PresencePolicy,
    switchboard::{Asker, Switchboard},
};

/// `call.state`: what this device publishes. The first one of a stay says that it has entered.
pub(super) async fn state(
    board: &Arc<Switchboard>,
    line: &Line,
    c: command::SetState,
    asker: Asker,
) {
    let Some(call) = inside(board, line, c.call) else { return not_in(board, asker, c.call) };
    let (user, device) = (line.session.user.clone(), &line.session.device);
    board.media.published(&call, &user, device, &c);
    board.media.catch_up(&board.calls, &call);
    // Who has the server route their media has entered when it flows.
    let is_routed = board.media.has_offered(&call, &user, device);
    if !is_routed && call.participant(&user).is_some_and(|p| !p.entered) {
        board.act(&line.session.app, c.call, Command::Entered { user: user.clone() }).await;
    }
    let (call_id, from) = (c.call, user.clone());
    let event = ServerEvent::State(StateEvent {
        call: call_id,
        user,
        audio: c.audio,
        video: c.video,
        screen: c.screen,
    });
    board.answer(Some(asker), Json::of(&Empty {}));
    to_others(board, line, &call, &from, None, &event);
}

/// `call.send`: a message inside the call.
pub(super) fn send(board: &Switchboard, line: &Line, c: command::Send, asker: Asker) {
    let Some(call) = inside(board, line, c.call) else { return not_in(board, asker, c.call) };
    let mut to = None;
    if let Some(named) = c.to {
        match resolve(board, line, &named.0, "to") {
            Ok(users) => to = Some(users),
            Err(error) => return board.refuse(Some(asker), error),
        }
    }
    let from = line.session.user.clone();
    let event = ServerEvent::CallMessage(CallMessage {
        call: c.call,
        from: from.clone(),
        body: c.body,
        at: board.now(),
    });
    board.answer(Some(asker), Json::of(&Empty {}));
    to_others(board, line, &call, &from, to.as_deref(), &event);
}

/// The call, if this very device is in it.
pub(super) fn inside(board: &Switchboard, line: &Line, call: CallId) -> Option<Arc<Call>> {
    let session = &line.session;
    let call = board.calls.load(&session.app, call)?;
    let me = call.participant(&session.user).filter(|p| p.state.is_in())?;
    let here = me.device.as_ref() == Some(&session.device) && call.ended.is_none();
    here.then_some(call)
}

pub(super) fn not_in(board: &Switchboard, asker: Asker, call: CallId) {
    let mut error = WireError::from(Refusal::NotInCall(None));
    error.call = Some(call);
    board.refuse(Some(asker), Box::new(error));
}

fn to_others(
    board: &Switchboard,
    line: &Line,
    call: &Call,
    from: &UserId,
    to: Option<&[UserId]>,
    event: &ServerEvent,
) {
    let frame = event.to_frame();
    let meant = |user: &UserId| user != from && to.is_none_or(|to| to.contains(user));
    let there = call.inside().filter(|p| meant(&p.user)).filter_map(|p| {
        let sessions = board.sessions.of(&line.session.app, &p.user);
        sessions.into_iter().find(|s| Some(&s.device) == p.device.as_ref())
    });
    let there: Vec<_> = there.collect();
    // Behind the events of the call that were appended before.
    board.storage.submit(Vec::new(), move || {
        for session in there {
            session.send_ephemeral(&frame);
        }
    });
}

/// `message.send`: a message to a user, outside any call.
pub(super) fn message(board: &Switchboard, line: &Line, c: command::SendMessage, asker: Asker) {
    let app = &line.session.app;
    let to = match board.directory.resolve(app, &c.to, || "to".to_owned()) {
        Ok(to) => to,
        Err(error) => return board.refuse(Some(asker), error),
    };
    let event = ServerEvent::Message(Message {
        from: line.session.user.clone(),
        body: c.body,
        at: board.now(),
    });
    let frame = event.to_frame();
    let mut received = false;
    let wishes = board.directory.availability(app, &to);
    let blocked = wishes.is_some_and(|own| own.block.contains(&line.session.user));
    let devices = if blocked { Vec::new() } else { board.sessions.of(app, &to) };
    for session in devices {
        // A message to oneself is for one's other devices.
        if session.id != line.session.id {
            received |= session.send_ephemeral(&frame);
        }
    }
    board.answer(Some(asker), Json::of(&Received { received }));
}

/// `presence.get`, and `presence.watch` or `unwatch` as `watch` says.
pub(super) fn presence(
    gateway: &Gateway,
    line: &Line,
    c: &command::PresenceOf,
    asker: Asker,
    watch: Option<bool>,
) {
    let (board, session) = (&gateway.board, &line.session);
    let policy = gateway.apps.get(&session.app).map(|app| app.presence);
    if policy != Some(PresencePolicy::Anyone) {
        let text = "the app does not let users ask for presence";
        let error = WireError::new(ErrorCode::Forbidden, text);
        return board.refuse(Some(asker), Box::new(error));
    }
    let users = match resolve(board, line, &c.users, "users") {
        Ok(users) => users,
        Err(error) => return board.refuse(Some(asker), error),
    };
    let me = (&session.user, &session.id);
    let users_now = match watch {
        Some(true) => {
            if !board.watches.watch(&session.app, me, &users, PRESENCE_USERS) {
                let text = format!("at most {PRESENCE_USERS} users watched at once");
                let error = WireError::invalid("users", text);
                return board.refuse(Some(asker), Box::new(error));
            }
            board.presences(&session.app, &users)
        }
        Some(false) => {
            board.watches.unwatch(&session.app, me, users);
            BTreeMap::new()
        }
        None => board.presences(&session.app, &users),
    };
    board.answer(Some(asker), Json::of(&PresenceOk { users: users_now }));
}

fn resolve(
    board: &Switchboard,
    line: &Line,
    named: &[UserRef],
    field: &str,
) -> Result<Vec<UserId>, Box<WireError>> {
    let app = &line.session.app;
    let users = named.iter().enumerate();
    users.map(|(i, u)| board.directory.resolve(app, u, || format!("{field}[{i}]"))).collect()
}
