//! Calls, as the business server sees and steers them.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
    http::header::CONTENT_TYPE,
    response::{IntoResponse, Response},
};
use bellwire_core::{
    Actor, Call, CallId, Command, DeviceId, Edit, Forbid, Note, Order, Origin, Phase, Refusing,
    UserId,
};
use bellwire_protocol::{
    CallInfo, ErrorCode, Forbids, Json as Text, LogEntry, Target, UserRef, WireError,
    command as wire,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use super::{caller::Business, change::Change, problem::Problem};
use crate::{
    gateway::Gateway,
    idempotency::Once,
    switchboard::{Ask, Asker, Inviting, Make, ReplyKind, Switchboard},
    webhooks::CallDeliveries,
};

type Gate = State<Arc<Gateway>>;
pub(super) type Answer = Result<Said, Problem>;

/// `GET /v1/calls`
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "LiveCalls")]
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
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "CallAndLog")]
pub(super) struct Whole {
    info: CallInfo,
    log: Vec<LogEntry>,
    /// How its events came to the app's webhooks, where that is remembered.
    webhooks: Vec<CallDeliveries>,
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
    let webhooks = board.webhooks.of_call(&app.key, known.call.id).await;
    let log = known.log.iter().map(|e| LogEntry::of(e)).collect();
    Ok(Json(Whole { info, log, webhooks }))
}

fn call_id(text: &str) -> Result<CallId, Problem> {
    text.parse().map_err(|_| Problem::invalid("id", "a call id is a UUID"))
}

fn no_such_call() -> Problem {
    Problem::missing(ErrorCode::NotInCall, "no such call")
}

/// `POST /v1/calls`: starts a call for a user (R20).
#[derive(Deserialize, JsonSchema)]
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
    Change { app, body, once }: Change<StartBody>,
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
    let (asker, answer) = asker(once);
    board.start(&app, ask, asker).await;
    answered(answer).await
}

/// What is done to a call for a user.
#[derive(Deserialize, JsonSchema)]
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
    Path(id): Path<String>,
    Change { app, body, once }: Change<ForUser>,
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
    command(board, &app.key, call_id(&id)?, &make, ReplyKind::Empty, once).await
}

pub(super) async fn reject(
    State(gateway): Gate,
    Path(id): Path<String>,
    Change { app, body, once }: Change<ForUser>,
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
        once,
    )
    .await
}

/// Takes invitations back for the caller.
#[derive(Deserialize, JsonSchema)]
pub(super) struct CancelBody {
    #[serde(default)]
    to: Option<Vec<UserRef>>,
    #[serde(flatten)]
    note: Note,
}

pub(super) async fn cancel(
    State(gateway): Gate,
    Path(id): Path<String>,
    Change { app, body, once }: Change<CancelBody>,
) -> Answer {
    let board = &gateway.board;
    let by = caller_of(board, &app.key, call_id(&id)?).await?;
    let resolve = |(i, user): (usize, &UserRef)| {
        board.directory.resolve(&app.key, user, || format!("to[{i}]"))
    };
    let to = body.to.map(|to| to.iter().enumerate().map(resolve).collect::<Result<Vec<_>, _>>());
    let order = Order::Cancel { to: to.transpose()?, note: body.note };
    act(board, &app.key, call_id(&id)?, Command::User { by, order }, once).await
}

/// Invites more people, as if the caller did, or `user`.
#[derive(Deserialize, JsonSchema)]
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
    Path(id): Path<String>,
    Change { app, body, once }: Change<InviteBody>,
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
    let how = Inviting::of(&by.user, body.ring_time, body.push.as_ref());
    let make = |board: &Switchboard, _: &Call| Command::User {
        by: by.clone(),
        order: Order::Invite {
            to: board.callees(&app.key, &targets, &how),
            note: body.note.clone(),
            push: body.push.as_ref().map(|push| Arc::new(push.into())),
        },
    };
    command(board, &app.key, call, &make, ReplyKind::Skipped(asked), once).await
}

/// Takes a participant out.
pub(super) async fn remove(
    State(gateway): Gate,
    Path(id): Path<String>,
    Change { app, body, once }: Change<ForUser>,
) -> Answer {
    let board = &gateway.board;
    let user = board.directory.resolve(&app.key, &body.user, || "user".to_owned())?;
    act(board, &app.key, call_id(&id)?, Command::Remove { user, note: body.note }, once).await
}

/// What is changed in a running call; what is absent stays.
#[derive(Deserialize, JsonSchema)]
pub(super) struct EditBody {
    /// What may not be sent from now on.
    #[serde(default)]
    forbid: Option<Forbids>,
    /// The longest it may last from when it became active, in seconds; 0 for no bound.
    #[serde(default)]
    max_time: Option<u64>,
}

/// Changes what may be sent, and when the call ends at the latest.
pub(super) async fn edit(
    State(gateway): Gate,
    Path(id): Path<String>,
    Change { app, body, once }: Change<EditBody>,
) -> Answer {
    let edit = Edit {
        forbid: body.forbid.as_ref().map(Forbid::from),
        max_ms: body.max_time.map(|s| s.saturating_mul(1000)),
    };
    act(&gateway.board, &app.key, call_id(&id)?, Command::Edit(edit), once).await
}

/// Ends the call for all; `app_code` of the note is the number told.
pub(super) async fn end(
    State(gateway): Gate,
    Path(id): Path<String>,
    Change { app, body: note, once }: Change<Note>,
) -> Answer {
    let kill = Command::Kill { code: note.app_code.unwrap_or(0), note };
    act(&gateway.board, &app.key, call_id(&id)?, kill, once).await
}

/// The same command, whatever the call is like.
async fn act(
    board: &Arc<Switchboard>,
    app: &bellwire_core::AppKey,
    call: CallId,
    what: Command,
    once: Option<Once>,
) -> Answer {
    let make = |_: &Switchboard, _: &Call| what.clone();
    command(board, app, call, &make, ReplyKind::Empty, once).await
}

async fn command(
    board: &Arc<Switchboard>,
    app: &bellwire_core::AppKey,
    call: CallId,
    make: Make<'_>,
    reply: ReplyKind,
    once: Option<Once>,
) -> Answer {
    let (asker, answer) = asker(once);
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
            ended += usize::from(act(board, app, call.id, what, None).await.is_ok());
        }
    }
    ended
}

pub(super) type Waiting = oneshot::Receiver<Result<Text, Box<WireError>>>;

pub(super) fn asker(once: Option<Once>) -> (Asker, Waiting) {
    let (to, from) = oneshot::channel();
    (Asker::Server { to, once }, from)
}

pub(super) async fn answered(answer: Waiting) -> Answer {
    let answer = answer.await.map_err(|_| {
        Problem::new(ErrorCode::Unavailable, "the server is stopping; ask again when it is back")
    })?;
    Ok(Said(answer?))
}

/// What the switchboard answered, which is JSON already.
pub(super) struct Said(pub(super) Text);

impl IntoResponse for Said {
    fn into_response(self) -> Response {
        ([(CONTENT_TYPE, "application/json")], self.0.as_str().to_owned()).into_response()
    }
}
