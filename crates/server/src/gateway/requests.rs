//! From a request to the switchboard's command.

use std::{sync::Arc, time::Instant};

use bellwire_core::{CallId, Command as CallCommand, MediaReport, Order, UserId};
use bellwire_protocol::{
    Command, ErrorCode, Json, Reply, Request, WireError, command, reply::Empty,
};

use super::{Gateway, connection::Line, ephemeral, hello, media, push, records, waiting::Waiting};
use crate::switchboard::{Asker, Inviting, ReplyKind, Switchboard};

/// Whether the connection goes on.
pub(super) enum Next {
    Go,
    Close,
}

/// Handles one request; it is answered exactly once.
pub(super) async fn handle(
    gateway: &Arc<Gateway>,
    line: &mut Line,
    request: Request,
    received: Instant,
) -> Next {
    let Request { id, command } = request;
    let changing = command.is_changing();
    let in_hand = if changing { Some(line.session.take_in_hand(id).await) } else { None };
    if changing && !line.session.take_request(id) && repeat(gateway, line, id, &command).await {
        return Next::Go;
    }
    let (session, outbox) = (line.session.clone(), line.outbox.clone());
    let asker = Asker::Device { session, outbox, id, changing, received };
    gateway.board.metrics.requested(command.name());
    let command = match Waiting::of(command) {
        Ok(waiting) if waiting.asks_first(&gateway.board, &line.session.app) => {
            let (gateway, session) = (gateway.clone(), line.session.clone());
            tokio::spawn(async move {
                waiting.run(&gateway, &session, asker).await;
                drop(in_hand);
            });
            return Next::Go;
        }
        Ok(waiting) => {
            waiting.run(gateway, &line.session, asker).await;
            return Next::Go;
        }
        Err(command) => command,
    };
    match command {
        Command::RenewToken(renew) => renew_token(gateway, line, &renew, asker),
        Command::Logout => {
            logout(gateway, line, asker).await;
            return Next::Close;
        }
        command => dispatch(gateway, line, command, asker).await,
    }
    drop(in_hand);
    Next::Go
}

/// R14: gives a request that was taken before its first answer again; false if there is none.
/// Who never got the answer never got what it caused either, and that follows.
async fn repeat(gateway: &Gateway, line: &Line, id: u64, command: &Command) -> bool {
    let storage = &gateway.board.storage;
    // What the first one led to may still be on its way to the disk.
    let stored = match storage.flush().await {
        Ok(()) => storage.answer(&line.session.id, id).await,
        Err(error) => Err(error),
    };
    let answered = match stored {
        Ok(None) => {
            line.session.taken_anew(id);
            return false;
        }
        Ok(Some(answer)) => answer_again(gateway, line, id, command, answer).await,
        Err(error) => {
            tracing::error!(%error, "cannot read an answer");
            let text = "the answer to this request cannot be read now; ask again later";
            Err(Box::new(WireError::new(ErrorCode::Unavailable, text)))
        }
    };
    if let Err(refusal) = answered {
        // Done anew it might be done twice; and this is not its answer, so nothing keeps it.
        line.outbox.push(Reply::refused(id, *refusal).to_frame());
    }
    true
}

async fn answer_again(
    gateway: &Gateway,
    line: &Line,
    id: u64,
    command: &Command,
    answer: String,
) -> Result<(), Box<WireError>> {
    let call = call_of(command, &answer).filter(|call| line.session.must_catch_up(id, *call));
    let Some(call) = call else {
        line.outbox.push(answer.into());
        return Ok(());
    };
    let missed = gateway.board.catch_up(&line.session, call, id).await?;
    line.outbox.push(answer.into());
    if let Some(missed) = missed {
        line.session.caught_up(call);
        for frame in missed {
            line.outbox.push_missed(frame);
        }
    }
    Ok(())
}

/// The call a command names, or the one its answer does.
fn call_of(command: &Command, answer: &str) -> Option<CallId> {
    let call = |json: serde_json::Value| json["call"].as_str()?.parse().ok();
    let named = serde_json::to_value(command).ok().and_then(call);
    named.or_else(|| call(serde_json::from_str::<serde_json::Value>(answer).ok()?["ok"].take()))
}

async fn dispatch(gateway: &Arc<Gateway>, line: &Line, command: Command, asker: Asker) {
    let board = &gateway.board;
    let (app, user) = (&line.session.app, &line.session.user);
    match command {
        Command::Ringing(c) => order(board, line, c.call, Order::Ringing, asker).await,
        Command::Reject(c) => {
            let how = c.reason.unwrap_or(command::RejectReason::Rejected).into();
            let only_me = c.only_me.unwrap_or(false);
            let reject = Order::Reject { how, only_me, note: c.note };
            order(board, line, c.call, reject, asker).await;
        }
        Command::Cancel(c) => cancel(board, line, c, asker).await,
        Command::Hangup(c) => {
            order(board, line, c.call, Order::Hangup { note: c.note }, asker).await;
        }
        Command::End(c) => order(board, line, c.call, Order::End { note: c.note }, asker).await,
        Command::Invite(c) => invite(gateway, line, *c, asker).await,
        Command::Media(c) => {
            order(board, line, c.call, Order::Media { media: c.media }, asker).await;
        }
        Command::MediaAnswer(c) => {
            let answer = Order::MediaAnswer { accept: c.accept };
            order(board, line, c.call, answer, asker).await;
        }
        Command::Ack(c) => {
            order(board, line, c.call, Order::Acknowledge { seq: c.seq }, asker).await;
        }
        Command::MediaReport(c) => {
            let (connected_ms, first_frame_ms) = (c.connected_ms, c.first_frame_ms);
            let report = MediaReport { connected_ms, first_frame_ms, failed: c.failed };
            order(board, line, c.call, Order::Report(report), asker).await;
        }
        Command::PushSet(c) => push::set(gateway, line, &c, asker),
        Command::PushClear(c) => push::clear(gateway, line, &c, asker),
        Command::MediaOffer(c) => media::offer(board, line, c, asker).await,
        Command::MediaReceive(c) => media::receive(board, line, c, asker).await,
        Command::MediaClose(c) => media::close(board, line, c.call, asker).await,
        Command::State(c) => ephemeral::state(board, line, c, asker).await,
        Command::Send(c) => ephemeral::send(board, line, c, asker),
        Command::SendMessage(c) => ephemeral::message(board, line, c, asker),
        Command::PresenceGet(c) => ephemeral::presence(gateway, line, &c, asker, None),
        Command::PresenceWatch(c) => ephemeral::presence(gateway, line, &c, asker, Some(true)),
        Command::PresenceUnwatch(c) => ephemeral::presence(gateway, line, &c, asker, Some(false)),
        Command::GetAvailability => board.answer_availability(app, user, asker),
        Command::SetAvailability(c) => board.set_availability(app, user, &c, asker),
        Command::ListRecords(c) => records::list(board, &line.session, c, asker).await,
        Command::ReadRecords(c) => records::read(board, &line.session, c, asker).await,
        Command::Ping => board.answer(Some(asker), Json::of(&Empty {})),
        Command::Hello(_) => {
            let text = "you said hello already; open another connection to log in anew";
            board.refuse(Some(asker), Box::new(WireError::invalid("do", text)));
        }
        // Handled before.
        Command::Start(_)
        | Command::Accept(_)
        | Command::Join(_)
        | Command::Move(_)
        | Command::Get(_)
        | Command::RenewToken(_)
        | Command::Logout => {}
    }
}

async fn order(
    board: &Arc<Switchboard>,
    line: &Line,
    call: bellwire_core::CallId,
    order: Order,
    asker: Asker,
) {
    let (app, by) = (&line.session.app, line.session.actor());
    board.order(app, call, by, order, ReplyKind::Empty, asker).await;
}

async fn cancel(board: &Arc<Switchboard>, line: &Line, c: command::Cancel, asker: Asker) {
    let named = c.to.map(|to| {
        let users = to.iter().enumerate();
        let resolve =
            |(i, user)| board.directory.resolve(&line.session.app, user, || format!("to[{i}]"));
        users.map(resolve).collect::<Result<Vec<UserId>, _>>()
    });
    match named.transpose() {
        Ok(to) => order(board, line, c.call, Order::Cancel { to, note: c.note }, asker).await,
        Err(error) => board.refuse(Some(asker), error),
    }
}

async fn invite(gateway: &Gateway, line: &Line, c: command::Invite, asker: Asker) {
    let board = &gateway.board;
    let (app, by) = (&line.session.app, line.session.actor());
    let targets = match board.resolve(app, &c.to) {
        Ok(targets) => targets,
        Err(error) => return board.refuse(Some(asker), error),
    };
    let invited = targets.iter().map(|(user, _)| user);
    let admitted = gateway.apps.get(app).map(|app| board.admit_invited(&app, &by.user, invited));
    if let Some(Err(error)) = admitted {
        return board.refuse(Some(asker), error);
    }
    let how = Inviting::of(&by.user, c.ring_time, c.push.as_ref());
    let asked = targets.iter().map(|(user, _)| user.clone()).collect();
    let make = |board: &Switchboard, _: &bellwire_core::Call| CallCommand::User {
        by: by.clone(),
        order: Order::Invite {
            to: board.callees(app, &targets, &how),
            note: c.note.clone(),
            push: c.push.as_ref().map(|push| Arc::new(push.into())),
        },
    };
    board.command(app, c.call, &make, ReplyKind::Skipped(asked), asker).await;
}

fn renew_token(gateway: &Gateway, line: &mut Line, renew: &command::RenewToken, asker: Asker) {
    let board = &gateway.board;
    let claims = hello::verify(gateway, renew.token.expose());
    match claims {
        Ok(claims) if claims.app.key == line.session.app && claims.user == line.session.user => {
            line.expires_at = Some(claims.expires_at);
            board.answer(Some(asker), Json::of(&Empty {}));
        }
        Ok(_) => {
            let text = "the token is for another user or app";
            let error = WireError::new(ErrorCode::Unauthorized, text);
            board.refuse(Some(asker), Box::new(error));
        }
        Err(error) => board.refuse(Some(asker), error),
    }
}

/// Leaves every call the device is in, ends its session, and closes the connection.
async fn logout(gateway: &Arc<Gateway>, line: &Line, asker: Asker) {
    let (board, session) = (&gateway.board, &line.session);
    board.hang_up_device(session).await;
    let every = command::PushClear::default();
    board.clear_tokens(&session.app, &session.user, Some(&session.device), &every);
    let (leaving, turn) = (session.clone(), line.turn);
    // The answer may wait for the disk behind what the logout led to; nothing is told after it.
    board.answer_and(asker, Json::of(&Empty {}), Vec::new(), move || {
        leaving.unbind(turn);
    });
    drop(board.storage.flush().await);
    hello::end(gateway, session);
}
