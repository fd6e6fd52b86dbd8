//! Calls, as the business server sees and steers them.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
    http::header::CONTENT_TYPE,
    response::{IntoResponse, Response},
};
use bellwire_core::{
    Actor, Call, CallId, Command, DeviceId, Note, Order, Origin, Phase, Refusing, UserId,
};
use bellwire_protocol::{
    CallInfo, ErrorCode, Json as Text, LogEntry, Target, UserRef, WireError, command as wire,
};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use super::{
    caller::Business,
    problem::{Body, Problem},
};
use crate::{
    gateway::Gateway,
    switchboard::{Ask, Asker, Make, ReplyKind, Switchboard, wakes},
};

type Gate = State<Arc<Gateway>>;
type Answer = Result<Said, Problem>;

/// `GET /v1/calls`
#[derive(Serialize)]
pub(super) struct Live {
    calls: Vec<CallInfo>,
}

/// The app's live calls, oldest first.
pub(super) async fn list(State(gateway): Gate, Business(app): Business) -> Json<Live> {
    let board = &gateway.board;
    let calls = board.calls.list(&app.key);
    let info = |call: &Arc<Call>| CallInfo::of(call, None, board.now(), None);
    Json(Live { calls: calls.iter().map(info).collect() })
}

/// `GET /v1/calls/{id}`
#[derive(Serialize)]
pub(super) struct Whole {
    info: CallInfo,
    log: Vec<LogEntry>,
}

/// One call with its log, live or finished.
pub(super) async fn show(
    State(gateway): Gate,
    Business(app): Business,
    Path(id): Path<String>,
) -> Result<Json<Whole>, Problem> {
    let board = &gateway.board;
    let known = board.known(&app.key, call_id(&id)?).await?.ok_or_else(no_such_call)?;
    let info = CallInfo::of(&known.call, None, board.now(), None);
    Ok(Json(Whole { info, log: known.log.iter().map(|e| LogEntry::of(e)).collect() }))
}

fn call_id(text: &str) -> Result<CallId, Problem> {
    text.parse().map_err(|_| Problem::invalid("id", "a call id is a UUID"))
}

fn no_such_call() -> Problem {
    Problem::missing(ErrorCode::NotInCall, "no such call")
}

/// `POST /v1/calls`: starts a call for a user (R20).
#[derive(Deserialize)]
pub(super) struct StartBody {
    /// The caller; rings first, unless `ring_both`.
    from: UserRef,
    /// Caller and callees ring at once.
    #[serde(default)]
    ring_both: Option<bool>,
    #[serde(flatten)]
    start: wire::Start,
}

pub(super) async fn start(
    State(gateway): Gate,
    Business(app): Business,
    Body(body): Body<StartBody>,
) -> Answer {
    let board = &gateway.board;
    if gateway.is_draining() {
        return Err(Problem::new(ErrorCode::Unavailable, "the server is going away"));
    }
    let user = board.directory.resolve(&app.key, &body.from, || "from".to_owned())?;
    let both = body.ring_both.unwrap_or(false);
    let origin = if both { Origin::ServerBoth } else { Origin::Server };
    let caller = Actor { user, device: None };
    let ask = Ask { origin, caller, start: Box::new(body.start) };
    let (asker, answer) = asker();
    board.start(&app, ask, asker).await;
    answered(answer).await
}

/// What is done to a call for a user.
#[derive(Deserialize)]
pub(super) struct ForUser {
    user: UserRef,
    /// The device that answers.
    #[serde(default)]
    device: Option<DeviceId>,
    #[serde(default)]
    media: Option<bellwire_core::Media>,
    #[serde(default)]
    reason: Option<wire::RejectReason>,
    #[serde(flatten)]
    note: Note,
}

pub(super) async fn accept(
    State(gateway): Gate,
    Business(app): Business,
    Path(id): Path<String>,
    Body(body): Body<ForUser>,
) -> Answer {
    let board = &gateway.board;
    let user = board.directory.resolve(&app.key, &body.user, || "user".to_owned())?;
    let Some(device) = body.device else {
        let text = "name the user's device that enters the call";
        return Err(Problem::invalid("device", text));
    };
    let by = Actor { user, device: Some(device) };
    let make = |board: &Switchboard, _: &Call| Command::User {
        by: by.clone(),
        order: Order::Accept {
            media: body.media,
            claimed: board.claimed(&app.key, &by.user),
            note: body.note.clone(),
        },
    };
    command(board, &app.key, call_id(&id)?, &make, ReplyKind::Empty).await
}

pub(super) async fn reject(
    State(gateway): Gate,
    Business(app): Business,
    Path(id): Path<String>,
    Body(body): Body<ForUser>,
) -> Answer {
    let board = &gateway.board;
    let user = board.directory.resolve(&app.key, &body.user, || "user".to_owned())?;
    let how = body.reason.map_or(Refusing::Rejected, Refusing::from);
    let order = Order::Reject { how, only_me: false, note: body.note };
    act(
        board,
        &app.key,
        call_id(&id)?,
        Command::User { by: Actor { user, device: body.device }, order },
    )
    .await
}

/// Takes invitations back for the caller.
#[derive(Deserialize)]
pub(super) struct CancelBody {
    #[serde(default)]
    to: Option<Vec<UserRef>>,
    #[serde(flatten)]
    note: Note,
}

pub(super) async fn cancel(
    State(gateway): Gate,
    Business(app): Business,
    Path(id): Path<String>,
    Body(body): Body<CancelBody>,
) -> Answer {
    let board = &gateway.board;
    let by = caller_of(board, &app.key, call_id(&id)?).await?;
    let resolve = |(i, user): (usize, &UserRef)| {
        board.directory.resolve(&app.key, user, || format!("to[{i}]"))
    };
    let to = body.to.map(|to| to.iter().enumerate().map(resolve).collect::<Result<Vec<_>, _>>());
    let order = Order::Cancel { to: to.transpose()?, note: body.note };
    act(board, &app.key, call_id(&id)?, Command::User { by, order }).await
}

/// Invites more people, as if the caller did, or `user`.
#[derive(Deserialize)]
pub(super) struct InviteBody {
    #[serde(default)]
    user: Option<UserRef>,
    to: Vec<Target>,
    #[serde(default)]
    ring_time: Option<u64>,
    #[serde(default)]
    push: Option<wire::Push>,
    #[serde(flatten)]
    note: Note,
}

pub(super) async fn invite(
    State(gateway): Gate,
    Business(app): Business,
    Path(id): Path<String>,
    Body(body): Body<InviteBody>,
) -> Answer {
    let board = &gateway.board;
    let call = call_id(&id)?;
    let by = match &body.user {
        Some(user) => {
            let user = board.directory.resolve(&app.key, user, || "user".to_owned())?;
            Actor { user, device: None }
        }
        None => caller_of(board, &app.key, call).await?,
    };
    let targets = board.resolve(&app.key, &body.to)?;
    let asked: Vec<UserId> = targets.iter().map(|(user, _)| user.clone()).collect();
    let ring_ms = body.ring_time.map(|s| s.saturating_mul(1000));
    let make = |board: &Switchboard, _: &Call| Command::User {
        by: by.clone(),
        order: Order::Invite {
            to: board.callees(&app.key, &targets, ring_ms, wakes(body.push.as_ref())),
            note: body.note.clone(),
            push: body.push.as_ref().map(|push| Arc::new(push.into())),
        },
    };
    command(board, &app.key, call, &make, ReplyKind::Skipped(asked)).await
}

/// Takes a participant out.
pub(super) async fn remove(
    State(gateway): Gate,
    Business(app): Business,
    Path(id): Path<String>,
    Body(body): Body<ForUser>,
) -> Answer {
    let board = &gateway.board;
    let user = board.directory.resolve(&app.key, &body.user, || "user".to_owned())?;
    act(board, &app.key, call_id(&id)?, Command::Remove { user, note: body.note }).await
}

/// Ends the call for all; `app_code` of the note is the number told.
pub(super) async fn end(
    State(gateway): Gate,
    Business(app): Business,
    Path(id): Path<String>,
    Body(note): Body<Note>,
) -> Answer {
    let kill = Command::Kill { code: note.app_code.unwrap_or(0), note };
    act(&gateway.board, &app.key, call_id(&id)?, kill).await
}

/// The same command, whatever the call is like.
async fn act(
    board: &Arc<Switchboard>,
    app: &bellwire_core::AppKey,
    call: CallId,
    what: Command,
) -> Answer {
    let make = |_: &Switchboard, _: &Call| what.clone();
    command(board, app, call, &make, ReplyKind::Empty).await
}

async fn command(
    board: &Arc<Switchboard>,
    app: &bellwire_core::AppKey,
    call: CallId,
    make: Make<'_>,
    reply: ReplyKind,
) -> Answer {
    let (asker, answer) = asker();
    board.command(app, call, make, reply, asker).await;
    answered(answer).await
}

async fn caller_of(
    board: &Switchboard,
    app: &bellwire_core::AppKey,
    call: CallId,
) -> Result<Actor, Problem> {
    let known = board.known(app, call).await?.ok_or_else(no_such_call)?;
    Ok(Actor { user: known.call.caller.clone(), device: None })
}

/// Takes a user out of whatever live calls they are in or rung by; how many those were.
pub(super) async fn end_all_of(
    board: &Arc<Switchboard>,
    app: &bellwire_core::AppKey,
    user: &UserId,
    note: &Note,
) -> usize {
    let mut ended = 0;
    for call in board.calls.of_user(app, user) {
        let concerned = call.phase != Phase::Ended
            && call.participant(user).is_some_and(|p| p.state.is_in() || p.state.is_pending());
        if concerned {
            let what = Command::Remove { user: user.clone(), note: note.clone() };
            ended += usize::from(act(board, app, call.id, what).await.is_ok());
        }
    }
    ended
}

type Waiting = oneshot::Receiver<Result<Text, Box<WireError>>>;

fn asker() -> (Asker, Waiting) {
    let (to, from) = oneshot::channel();
    (Asker::Server(to), from)
}

async fn answered(answer: Waiting) -> Answer {
    let answer = answer.await.map_err(|_| {
        Problem::new(ErrorCode::Unavailable, "the server is stopping; ask again when it is back")
    })?;
    Ok(Said(answer?))
}

/// What the switchboard answered, which is JSON already.
pub(super) struct Said(Text);

impl IntoResponse for Said {
    fn into_response(self) -> Response {
        ([(CONTENT_TYPE, "application/json")], self.0.as_str().to_owned()).into_response()
    }
}
