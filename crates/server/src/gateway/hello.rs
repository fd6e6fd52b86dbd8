//! The first frame: who is this, and what did they miss.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use bellwire_core::{AppKey, Timestamp, Uid, UserId};
use bellwire_protocol::{
    CloseCode, Command, ErrorCode, ParseError, RecordCursor, Reply, Request, ServerEvent,
    WireError, command, event::RecordEvent, limits::RECORDS_PAGE,
};

use super::{Entrance, Gateway, connection::Line};
use crate::{
    auth,
    config::{self, App},
    journal::{RecordQuery, Row, SessionRow},
    listen::{Ticket, Visitor},
    sessions::{Attached, Login, Outbox, Session},
    storage::StorageError,
    switchboard::HelloAsk,
};

/// Who says hello, as far as they could prove it.
struct Proven {
    app: Arc<App>,
    user: UserId,
    name: Option<String>,
    uid: Option<Uid>,
    expires_at: Option<Timestamp>,
}

/// Lets a device in, or refuses it and closes the connection.
pub(super) async fn admit(
    gateway: &Arc<Gateway>,
    first: Result<Request, ParseError>,
    outbox: &Arc<Outbox>,
    entrance: Entrance<'_>,
    login: &OnceLock<(Arc<Session>, u64)>,
) -> Option<Line> {
    let (id, hello) = match first {
        Ok(Request { id, command: Command::Hello(hello) }) => (id, hello),
        Ok(Request { id, .. }) => {
            let error = WireError::new(ErrorCode::Unauthorized, "say hello first");
            return refuse(gateway, outbox, id, error);
        }
        Err(ParseError::BadFrame(why)) => {
            outbox.close(CloseCode::BadFrame, why);
            return None;
        }
        Err(ParseError::Refused { id, error }) => return refuse(gateway, outbox, id, *error),
    };
    match enter(gateway, id, *hello, outbox, entrance, login).await {
        Ok(line) => Some(line),
        Err(error) => refuse(gateway, outbox, id, *error),
    }
}

fn refuse(gateway: &Gateway, outbox: &Outbox, id: u64, error: WireError) -> Option<Line> {
    gateway.board.metrics.refused(error.code);
    let message = error.message.clone();
    outbox.push(Reply::refused(id, error).to_frame());
    outbox.close(CloseCode::Unauthorized, message);
    None
}

async fn enter(
    gateway: &Arc<Gateway>,
    id: u64,
    hello: command::Hello,
    outbox: &Arc<Outbox>,
    entrance: Entrance<'_>,
    login: &OnceLock<(Arc<Session>, u64)>,
) -> Result<Line, Box<WireError>> {
    let board = &gateway.board;
    let who = prove_unbarred(gateway, &hello, entrance.visitor).await?;
    if !who.app.allows_origin(entrance.origin) {
        let text = "this page's origin is not allowed; add it to the app's `origins`";
        return Err(Box::new(WireError::new(ErrorCode::Forbidden, text)));
    }
    let (app, now) = (who.app.key.clone(), board.now());
    let (uid, user_row) = board
        .directory
        .login(&app, &who.user, who.uid, who.name.as_deref(), now)
        .map_err(|error| Box::new(WireError::invalid("uid", error.to_string())))?;
    // Kept even if the device does not wait for the answer: the number has been given.
    if let Some(row) = user_row {
        board.storage.submit(vec![row], || {});
    }
    let resume = hello.resume;
    let device = hello.device;
    let asked = Login {
        app: app.clone(),
        user: who.user.clone(),
        device: device.id,
        name: device.name.map(|n| n.as_str().to_owned()),
        platform: device.platform.map(|p| format!("{p:?}").to_lowercase()),
        resume: resume.as_ref().map(|r| r.session.clone()),
    };
    let place = place(gateway, &asked, entrance.visitor)?;
    let most = who.app.limits.devices_per_user as usize;
    let attached = board
        .sessions
        .attach(asked, outbox, most, now, board.chance.session())
        .map_err(|error| Box::new(WireError::new(ErrorCode::Overloaded, error.to_string())))?;
    let Attached { session, resumed, turn, replaced } = attached;
    session.set_place(place);
    // Only one hello is ever admitted per connection, so the cell is empty.
    drop(login.set((session.clone(), turn)));
    gateway.no_newcomer(outbox);
    tracing::debug!(app = %app, resumed, "hello");
    let mut rows = Vec::new();
    if let Some(old) = replaced {
        board.watches.forget(&app, (&old.user, &old.id));
        rows.push(Row::SessionGone(old.id.clone()));
    }
    if !resumed {
        rows.push(Row::Session(row(&session)));
    }
    if !rows.is_empty() {
        board.storage.submit(rows, || {});
    }
    board.arrive(&session).await;
    let (cursors, records_after) =
        resume.map(|r| (r.cursors.unwrap_or_default(), r.records_after)).unwrap_or_default();
    let ask =
        HelloAsk { session: session.clone(), outbox: outbox.clone(), id, resumed, uid, cursors };
    board.welcome(ask).await?;
    if let Some(after) = records_after {
        // Behind the answer, which may still wait for the disk.
        drop(board.storage.flush().await);
        if records(gateway, &app, &session, outbox, after).await.is_err() {
            // One that is left out would never follow: the device has to ask again.
            outbox.close(CloseCode::Draining, "records cannot be read now; reconnect and resume");
        }
    }
    board.tell_presence(&app, &session.user);
    Ok(Line { session, outbox: outbox.clone(), turn, expires_at: who.expires_at })
}

/// What the session will take up at the visitor's address: what the device's session before has
/// there, else a place more.
fn place(
    gateway: &Gateway,
    login: &Login,
    visitor: &Visitor,
) -> Result<Option<Ticket>, Box<WireError>> {
    let sessions = gateway.board.sessions.of(&login.app, &login.user);
    let before = sessions.iter().find(|s| s.device == login.device);
    match before.and_then(|s| s.give_place(|place| visitor.is_at(place))) {
        Some(place) => Ok(Some(place)),
        None => visitor
            .log_in()
            .map_err(|error| Box::new(WireError::new(ErrorCode::Overloaded, error.to_string()))),
    }
}

fn row(session: &Session) -> SessionRow {
    SessionRow {
        id: session.id.clone(),
        app: session.app.clone(),
        user: session.user.clone(),
        device: session.device.clone(),
        name: session.name.clone(),
        platform: session.platform.clone(),
        at: session.since,
    }
}

/// Lets nobody try from an address where too many tries have failed, and counts one that fails.
async fn prove_unbarred(
    gateway: &Gateway,
    hello: &command::Hello,
    visitor: &Visitor,
) -> Result<Proven, Box<WireError>> {
    if let Some(wait) = visitor.barred() {
        let retry_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1);
        return Err(Box::new(WireError::rate_limited(retry_ms)));
    }
    prove(gateway, hello).await.inspect_err(|error| {
        // A token that is merely too old has been one, and comes from a device that sleeps long.
        if error.code == ErrorCode::Unauthorized {
            visitor.failed();
        }
    })
}

async fn prove(gateway: &Gateway, hello: &command::Hello) -> Result<Proven, Box<WireError>> {
    match (&hello.token, &hello.login) {
        (Some(token), None) => {
            let claims = verify(gateway, token.expose())?;
            Ok(Proven {
                app: claims.app,
                user: claims.user,
                name: claims.name,
                uid: claims.uid,
                expires_at: Some(claims.expires_at),
            })
        }
        (None, Some(login)) => {
            let app = gateway.apps.get(&login.app);
            match app.map(|app| (app.login, app)) {
                Some((config::Login::Open, app)) => {
                    let (user, name) = (login.user.clone(), None);
                    Ok(Proven { app, user, name, uid: None, expires_at: None })
                }
                Some((config::Login::Hook, app)) => vouched(gateway, app, login, hello).await,
                Some((config::Login::Token, _)) | None => {
                    let text = "this app takes tokens only; get one from your own server";
                    Err(Box::new(WireError::new(ErrorCode::Unauthorized, text)))
                }
            }
        }
        (Some(_), Some(_)) => {
            Err(Box::new(WireError::invalid("login", "give a token or a login, not both")))
        }
        (None, None) => {
            let text = "give a token with the hello";
            Err(Box::new(WireError::new(ErrorCode::Unauthorized, text)))
        }
    }
}

/// Asks the business server whether this login may be, and who it is.
async fn vouched(
    gateway: &Gateway,
    app: Arc<App>,
    login: &command::Login,
    hello: &command::Hello,
) -> Result<Proven, Box<WireError>> {
    let answer = gateway.board.vouch(&app.key, login, &hello.device).await?;
    let user = answer.user.unwrap_or_else(|| login.user.clone());
    let name = answer.name.map(|name| name.as_str().to_owned());
    Ok(Proven { app, user, name, uid: answer.uid, expires_at: None })
}

/// Checks a token; its refusal says whether it was only too old.
pub(super) fn verify(gateway: &Gateway, token: &str) -> Result<auth::Claims, Box<WireError>> {
    let now_s = gateway.board.now().0 / 1000;
    auth::verify(&gateway.apps, token, now_s)
        .map_err(|error| Box::new(WireError::new(error.code(), error.to_string())))
}

/// Sends the records the device does not have yet, oldest first.
async fn records(
    gateway: &Gateway,
    app: &AppKey,
    session: &Session,
    outbox: &Outbox,
    mut after: RecordCursor,
) -> Result<(), StorageError> {
    let limit = u32::try_from(RECORDS_PAGE).unwrap_or(u32::MAX);
    let mut query = RecordQuery::newest(app.clone(), limit);
    query.user = Some(session.user.clone());
    loop {
        query.after_serial = Some(after.0);
        let found = gateway.board.storage.records(&query).await;
        let found = found.inspect_err(|error| tracing::error!(%error, "cannot read records"))?;
        for record in &found {
            let Ok(record) = serde_json::from_str::<bellwire_protocol::Record>(record) else {
                tracing::error!("a stored record cannot be read; the rest is not sent");
                return Ok(());
            };
            after = RecordCursor(record.serial);
            let told = record.told(&session.user);
            let event = ServerEvent::Record(RecordEvent { record: Box::new(told), cursor: after });
            outbox.push_missed(event.to_frame());
        }
        if found.len() < RECORDS_PAGE {
            return Ok(());
        }
    }
}

/// The connection is gone: the calls of the device are told, and the session ends after the
/// resume window unless the device comes back.
pub(super) async fn leave(gateway: &Arc<Gateway>, session: &Arc<Session>, turn: u64) {
    if !session.unbind(turn) {
        return;
    }
    // The device may be back already with a new session, which goes on with its calls (R17).
    if !gateway.board.sessions.is_connected(&session.app, &session.user, &session.device) {
        gateway.board.depart(session).await;
    }
    // It may have come back while this was going on.
    let sessions = gateway.board.sessions.of(&session.app, &session.user);
    if let Some(back) = sessions.iter().find(|s| s.device == session.device && s.is_connected()) {
        gateway.board.arrive(back).await;
    }
    gateway.board.tell_presence(&session.app, &session.user);
    expire_later(gateway, session.clone(), turn);
}

/// Ends the session after the resume window if it is still away then.
pub(crate) fn expire_later(gateway: &Arc<Gateway>, session: Arc<Session>, turn: u64) {
    let resume_ms = gateway.apps.get(&session.app).map_or(0, |app| app.resume_ms);
    let gateway = gateway.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(resume_ms)).await;
        if gateway.board.sessions.remove_if_away(&session, turn) {
            ended(&gateway, &session);
        }
    });
}

/// Ends a session for good.
pub(crate) fn end(gateway: &Gateway, session: &Session) {
    if gateway.board.sessions.remove(session) {
        ended(gateway, session);
    }
}

fn ended(gateway: &Gateway, session: &Session) {
    let board = &gateway.board;
    board.watches.forget(&session.app, (&session.user, &session.id));
    board.storage.submit(vec![Row::SessionGone(session.id.clone())], || {});
    board.tell_presence(&session.app, &session.user);
}
