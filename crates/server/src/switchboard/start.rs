//! How a call is started: what is known of everyone is looked up, the rules decide, all is
//! appended at once.

use std::sync::Arc;

use bellwire_core::{
    Actor, CallId, Callee, Changes, Forbid, Hook, Mode, Opening, Order, Origin, Refusal, RingMode,
    Start, UserId, Verdict, start,
};
use bellwire_protocol::{Target, WireError, business::RequestAsk, command};

use super::{
    Asker, Inviting, ReplyKind, Switchboard,
    consult::{self, Consulted},
    reply, wire,
};
use crate::{calls::Change, config::App};

/// A start as asked for.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub(crate) origin: Origin,
    pub(crate) caller: Actor,
    pub(crate) start: StartAsk,
}

impl Ask {
    /// How its callees are invited.
    fn inviting(&self) -> Inviting<'_> {
        // Its ring time is that of the whole call.
        Inviting::of(&self.caller.user, None, self.start.push.as_ref())
    }
}

/// The start's own fields, as on the wire.
pub(crate) type StartAsk = Box<command::Start>;

/// Starts the call, and decides again as long as others change what it was decided on.
pub(super) async fn run(board: &Arc<Switchboard>, app: &App, ask: Ask, asker: Asker) {
    let mut asker = Some(asker);
    let targets = match board.resolve(&app.key, &ask.start.to) {
        Ok(targets) => targets,
        Err(error) => return board.refuse(asker, error),
    };
    let glare = board.meets_glare(app, &ask, &targets);
    if !glare && let Err(error) = board.admit(app, &ask.caller.user, targets.iter().map(|t| &t.0)) {
        return board.refuse(asker, error);
    }
    let call = board.chance.call(board.now());
    let mut consulted = None;
    loop {
        match attempt(board, app, &ask, &targets, consulted.as_mut(), call, asker.take()) {
            Attempt::Done => return,
            Attempt::Again(back) => asker = back,
            Attempt::Ask { question, asker: back } => {
                asker = back;
                consulted = Some(board.consult(&app.key, *question).await);
            }
            Attempt::Instead { call, order, asker } => {
                let (by, asker) = (ask.caller.clone(), asker.unwrap_or(Asker::Nobody));
                return board.order(&app.key, call, by, order, ReplyKind::Whole, asker).await;
            }
        }
        tokio::task::yield_now().await;
    }
}

enum Attempt {
    Done,
    Again(Option<Asker>),
    /// Nothing stands in the way of the call; the business server is to be asked (R21).
    Ask {
        question: Box<RequestAsk>,
        asker: Option<Asker>,
    },
    Instead {
        call: CallId,
        order: Order,
        asker: Option<Asker>,
    },
}

fn attempt(
    board: &Arc<Switchboard>,
    app: &App,
    ask: &Ask,
    targets: &[(UserId, Target)],
    consulted: Option<&mut Consulted>,
    id: CallId,
    asker: Option<Asker>,
) -> Attempt {
    // Seen at one moment: a caller seen free beside a callee taken by the callee's own call to
    // them would be told `busy` where the two calls meet.
    let users = std::iter::once(&ask.caller.user).chain(targets.iter().map(|(user, _)| user));
    let mut claims = board.calls.claims(&app.key, users);
    let callees_claims = claims.split_off(1);
    let claim = claims.pop().flatten();
    let now = board.now();
    let how = ask.inviting();
    let callees = board.callees_claimed(&app.key, targets, &how, &callees_claims);
    let wanted = facts(board, app, ask, callees, consulted.as_deref(), id);
    let (room, mode) = (wanted.room, wanted.mode);
    let must_ask = consulted.is_none()
        && ask.origin == Origin::User
        && board.business.asks(&app.key, Hook::Request);
    let question = must_ask.then(|| Box::new(consult::request(&wanted)));
    let opening = start(wanted, claim.as_deref(), now);
    if let (Some(question), Ok(Opening::New(_) | Opening::Recall { .. })) = (question, &opening) {
        board.calls.rooms().free(room);
        return Attempt::Ask { question, asker };
    }
    if let (Some(consulted), Err(Refusal::Invalid { field, text })) = (consulted, &opening)
        && consulted.changes()
    {
        board.calls.rooms().free(room);
        consulted.is_wrong(format!("{field}: {text}"));
        return Attempt::Again(asker);
    }
    if mode == Mode::Invite || !matches!(opening, Ok(Opening::New(_) | Opening::Recall { .. })) {
        board.calls.rooms().free(room);
    }
    let request = asker.as_ref().and_then(Asker::request);
    let lay = |before, events| Change::new(before, events, request.as_ref(), now);
    let mut plan = Vec::with_capacity(2);
    let mut result = Ok(());
    match opening {
        Err(refusal) => {
            board.refuse(asker, wire(refusal, id));
            return Attempt::Done;
        }
        Ok(Opening::Glare { call, order }) => return Attempt::Instead { call, order, asker },
        Ok(Opening::New(events)) => plan.extend(lay(None, events)),
        Ok(Opening::Recall { ending, events, .. }) => {
            plan.extend(lay(claim, ending));
            plan.extend(lay(None, events));
        }
        Ok(Opening::Denied { events, refusal }) => {
            plan.extend(lay(None, events));
            result = Err(wire(refusal, id));
        }
    }
    let result: Result<_, Box<WireError>> = result.map(|()| {
        let call = plan.last().map(|change| change.first().clone());
        call.map_or_else(reply::empty, |call| reply::whole(board, &call, asker.as_ref()))
    });
    match board.append_result(&app.key, plan, result, asker) {
        Ok(()) => Attempt::Done,
        Err(asker) => {
            board.calls.rooms().free(room);
            Attempt::Again(asker)
        }
    }
}

fn facts(
    board: &Switchboard,
    app: &App,
    ask: &Ask,
    callees: Vec<Callee>,
    consulted: Option<&Consulted>,
    call: CallId,
) -> Start {
    let (asked, caller) = (&ask.start, &ask.caller.user);
    let mut settings = app.settings.clone();
    let ms = |s: Option<u64>| s.map(|s| s.saturating_mul(1000));
    settings.ring_ms = ms(asked.ring_time).unwrap_or(settings.ring_ms);
    settings.reach_ms = ms(asked.reach_time).unwrap_or(settings.reach_ms);
    settings.max_ms = ms(asked.max_time).or(settings.max_ms);
    settings.policy = asked.policy.map_or(settings.policy, |p| p.over(settings.policy));
    settings.room_media = board.media.of_new_call(settings.room_media);
    Start {
        app: app.key.clone(),
        call,
        room: board.calls.rooms().take(&board.chance),
        origin: ask.origin,
        uid: board.directory.uid(&app.key, caller),
        reach: board.reach(&app.key, caller, RingMode::Ring, ask.inviting().wakes),
        pending_invites: board.calls.pending_invites(&app.key, caller).0,
        caller: ask.caller.clone(),
        mode: asked.mode.unwrap_or_default(),
        kind: asked.kind,
        media: asked.media.unwrap_or_default(),
        callees,
        note: asked.note.clone(),
        forbid: asked.forbid.as_ref().map(Forbid::from).unwrap_or_default(),
        settings,
        group: asked.group.clone(),
        channel: asked.channel.clone(),
        verdict: consulted.map_or_else(
            || Verdict::Allow(Box::<Changes>::default()),
            |consulted| consulted.verdict(board, &app.key, &ask.inviting()),
        ),
        asked: consulted.map(|consulted| consulted.entry(caller)),
        push: asked.push.as_ref().map(|push| Arc::new(push.into())),
    }
}

impl Switchboard {
    /// Whether the start is the answer to the callee's own call: it begins nothing, so it counts
    /// against no limit.
    fn meets_glare(&self, app: &App, ask: &Ask, targets: &[(UserId, Target)]) -> bool {
        let [(callee, _)] = targets else { return false };
        let claim = self.calls.claim(&app.key, &ask.caller.user);
        let mode = ask.start.mode.unwrap_or_default();
        claim.is_some_and(|call| {
            call.is_direct()
                && call.origin == Origin::User
                && mode == Mode::Call
                && call.caller == *callee
                && call.started_at.is_none()
        })
    }
}
