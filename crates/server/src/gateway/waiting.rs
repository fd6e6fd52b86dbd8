//! Commands before which the business server may be asked. The device's other requests do not
//! wait for its answer.

use std::sync::Arc;

use bellwire_core::{AppKey, CallId, Command as CallCommand, Hook, Order, Origin, Participant};
use bellwire_protocol::{
    CallInfo, Command, ErrorCode, Json, LogEntry, WireError, command, limits::LOG_PAGE,
    reply::GetOk,
};

use super::Gateway;
use crate::{
    sessions::Session,
    switchboard::{Ask, Asker, ReplyKind, Switchboard},
};

/// Such a command.
pub(super) enum Waiting {
    Start(Box<command::Start>),
    Accept(command::Accept),
    Join(command::Join),
    Move(command::Move),
    Get(command::Get),
}

impl Waiting {
    /// The command, if it is one; given back if not.
    pub(super) fn of(command: Command) -> Result<Self, Command> {
        match command {
            Command::Start(c) => Ok(Self::Start(c)),
            Command::Accept(c) => Ok(Self::Accept(c)),
            Command::Join(c) => Ok(Self::Join(c)),
            Command::Move(c) => Ok(Self::Move(c)),
            Command::Get(c) => Ok(Self::Get(c)),
            other => Err(other),
        }
    }

    /// Whether the app has its business server asked before it.
    pub(super) fn asks_first(&self, board: &Switchboard, app: &AppKey) -> bool {
        let asked = match self {
            Self::Start(_) => board.business.asks(app, Hook::Request),
            Self::Join(_) => board.business.asks(app, Hook::Join),
            Self::Accept(_) | Self::Move(_) | Self::Get(_) => false,
        };
        asked || board.asks_for_passes(app)
    }

    /// Carries it out.
    pub(super) async fn run(self, gateway: &Arc<Gateway>, session: &Session, asker: Asker) {
        let (board, app) = (&gateway.board, &session.app);
        match self {
            Self::Start(c) => start(gateway, session, c, asker).await,
            Self::Accept(c) => accept(board, session, c, asker).await,
            Self::Join(c) => match board.may_join(app, c.call, &session.actor()).await {
                Ok(()) => join(board, session, c.call, asker).await,
                Err(error) => board.refuse(Some(asker), error),
            },
            Self::Move(c) => {
                let order = Order::Move { from: c.from };
                board.order(app, c.call, session.actor(), order, ReplyKind::Empty, asker).await;
            }
            Self::Get(c) => get(board, session, c, asker).await,
        }
    }
}

async fn start(
    gateway: &Arc<Gateway>,
    session: &Session,
    start: Box<command::Start>,
    asker: Asker,
) {
    let board = &gateway.board;
    if gateway.is_draining() {
        let text = "the server is going away; reconnect and try again";
        let error = WireError::new(ErrorCode::Unavailable, text);
        return board.refuse(Some(asker), Box::new(error));
    }
    let Some(app) = gateway.apps.get(&session.app) else {
        let text = "your app is no longer served here";
        let error = WireError::new(ErrorCode::Unauthorized, text);
        return board.refuse(Some(asker), Box::new(error));
    };
    let ask = Ask { origin: Origin::User, caller: session.actor(), start };
    board.start(&app, ask, asker).await;
}

async fn accept(board: &Arc<Switchboard>, session: &Session, c: command::Accept, asker: Asker) {
    let (app, by) = (&session.app, session.actor());
    let make = |board: &Switchboard, _: &bellwire_core::Call| CallCommand::User {
        by: by.clone(),
        order: Order::Accept {
            media: c.media,
            claimed: board.claimed(app, &by.user),
            note: c.note.clone(),
        },
    };
    board.command(app, c.call, &make, ReplyKind::Whole, asker).await;
}

async fn join(board: &Arc<Switchboard>, session: &Session, call: CallId, asker: Asker) {
    let (app, by) = (&session.app, session.actor());
    let make = |board: &Switchboard, _: &bellwire_core::Call| CallCommand::User {
        by: by.clone(),
        order: Order::Join { claimed: board.claimed(app, &by.user) },
    };
    board.command(app, call, &make, ReplyKind::Whole, asker).await;
}

async fn get(board: &Arc<Switchboard>, session: &Session, c: command::Get, asker: Asker) {
    board.renew_passes(session, Some(c.call)).await;
    let user = &session.user;
    let known = match board.known(&session.app, c.call).await {
        Ok(known) => known.filter(|k| k.call.participant(user).is_some_and(may_look)),
        Err(error) => return board.refuse(Some(asker), error),
    };
    let Some(known) = known else {
        let mut error = WireError::from(bellwire_core::Refusal::NotInCall(None));
        error.call = Some(c.call);
        return board.refuse(Some(asker), Box::new(error));
    };
    let (after, limit) = (c.after.unwrap_or(0), c.limit.unwrap_or(LOG_PAGE).clamp(1, LOG_PAGE));
    let rest = || known.log.iter().filter(|e| e.seq > after);
    let log: Vec<_> = rest().take(limit).map(|e| LogEntry::told(e, user)).collect();
    let more = rest().count() > log.len();
    let room = board.media.room_for(&known.call, user, &session.device, board.now());
    let info = Box::new(CallInfo::of(&known.call, Some(user), board.now(), room));
    board.answer(Some(asker), Json::of(&GetOk { info, log, more }));
}

/// Whether a participant may know of the call: not while they wait for its caller, and not of one
/// they did not want to hear of.
fn may_look(p: &Participant) -> bool {
    !p.held && (p.unavailable.is_none() || p.joined_at.is_some())
}
