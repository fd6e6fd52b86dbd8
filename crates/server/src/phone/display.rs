//! What happened, in plain words.

use bellwire_client::{
    Connection, Error, Incoming,
    protocol::{
        CallEvent, CallInfo, Change, Ended, ErrorCode, Open, Record,
        event::{Canceled, Edited, Elsewhere, How, MediaEvent, Moving, Rejected, StateEvent},
        reply::Presence,
    },
};
use bellwire_core::{Cause, Kind, Leaving, Media, Note, Reason, Refused, State, UserId};

/// An invitation, and what to do with it.
pub(super) fn incoming(incoming: &Incoming, me: &UserId) -> String {
    let from = incoming.from.as_deref().unwrap_or("the server");
    let others = others(&incoming.info, me, from);
    let with = if others.is_empty() { String::new() } else { format!(" and {others}") };
    let what = what(&incoming.info);
    let note = note(&incoming.note);
    format!("RING: {from} calls you{with} ({what}){note}. Type answer, refuse or busy")
}

/// A live call found at login.
pub(super) fn found(info: &CallInfo, me: &UserId) -> String {
    let own = info.participant(me);
    let with = others(info, me, "");
    let short = short(info);
    match own.map(|p| (&p.state, p.device.as_deref())) {
        Some((Open::Known(State::Joined | State::Dropped), Some(device))) => format!(
            "you are in a call with {with} on your device {device}; type move to bring it here"
        ),
        Some((Open::Known(State::Joined | State::Dropped), None)) => {
            format!("you are in a call with {with}")
        }
        Some(_) | None => format!("there is a call with {with}; type join {short} to enter"),
    }
}

/// One line about a call, for a list.
pub(super) fn listed(info: &CallInfo) -> String {
    let people: Vec<String> =
        info.participants.iter().map(|p| format!("{} {}", p.user, p.state)).collect();
    format!("{}  {}  {}  {}", short(info), what(info), info.phase, people.join(", "))
}

/// An event of a call; none where there is nothing to say.
pub(super) fn event(event: &CallEvent, me: &UserId) -> Option<String> {
    Some(match &event.change {
        Change::Invited(_) => return None,
        Change::Ringing(e) => format!("{} is ringing", e.user),
        Change::Accepted(e) => format!("{} answered ({}){}", e.user, media(e.media), note(&e.note)),
        Change::Rejected(e) => rejected(e),
        Change::Started(e) => match &e.room {
            Some(room) => format!("you are connected (room {}, {} media)", room.id.0, room.media),
            None => "you are connected".to_owned(),
        },
        Change::Entered(e) => format!("{} can be heard", e.user),
        Change::Joined(e) => format!("{} joined", e.user),
        Change::Left(e) => left(e),
        Change::Dropped(e) => format!("{} lost the connection; waiting for them", e.user),
        Change::Restored(e) => format!("{} is back", e.user),
        Change::Edited(e) => edited(e),
        Change::Moved(e) => match &e.device {
            Some(device) => format!("{} moved to device {device}", e.user),
            None => format!("{} moved to another device", e.user),
        },
        Change::Canceled(e) => canceled(e),
        Change::Elsewhere(e) => elsewhere(e),
        Change::MediaProposed(e) => {
            format!("{} would like {}. Type agree or decline", e.user, media(e.media))
        }
        Change::MediaChanged(e) => format!("the call is {} now", media(e.media)),
        Change::MediaRefused(e) => media_refused(e, me),
        Change::Added(e) => {
            let users: Vec<&str> = e.users.iter().map(|user| &**user).collect();
            let by = e.by.as_deref().unwrap_or("the server");
            format!("{by} invited {}", users.join(", "))
        }
        Change::Ended(e) => ended(&e.ended, me),
    })
}

fn rejected(event: &Rejected) -> String {
    let (user, note) = (&event.user, note(&event.note));
    let said = match (event.reason.known(), event.cause.as_ref().and_then(Open::known)) {
        (Some(Refused::Rejected), _) => format!("{user} refused"),
        (Some(Refused::Busy), _) => format!("{user} is busy"),
        (Some(Refused::Offline), Some(Cause::Silent)) => format!("{user}'s devices do not answer"),
        (Some(Refused::Offline), _) => format!("{user} is offline"),
        (Some(Refused::Timeout), _) => format!("{user} did not answer in time"),
        (Some(Refused::Denied), _) => format!("calling {user} was denied"),
        (None, _) => format!("{user}: {}", event.reason),
    };
    said + &note
}

fn edited(e: &Edited) -> String {
    let forbidden: Vec<String> =
        e.forbid.0.iter().map(|what| Open::Known(what).to_string()).collect();
    match forbidden.as_slice() {
        [] => "the app changed how long the call may last, or allows everything again".to_owned(),
        some => format!("the app forbids {}", some.join(", ")),
    }
}

fn left(event: &Moving) -> String {
    let (user, note) = (&event.user, note(&event.note));
    let said = match event.reason.as_ref().and_then(Open::known) {
        Some(Leaving::Removed) => format!("{user} was taken out"),
        Some(Leaving::Lost) => format!("{user} did not come back"),
        Some(Leaving::Left) | None => format!("{user} left"),
    };
    said + &note
}

fn canceled(event: &Canceled) -> String {
    let said = match event.reason.known() {
        Some(Reason::Canceled) => "stopped ringing: the caller gave up".to_owned(),
        Some(Reason::Timeout) => "stopped ringing: you did not answer in time".to_owned(),
        Some(Reason::Disconnected) => "stopped ringing: the caller was lost".to_owned(),
        Some(Reason::Denied) => "stopped ringing: the call was denied".to_owned(),
        Some(Reason::Killed) => "stopped ringing: the server ended the call".to_owned(),
        Some(
            Reason::Completed | Reason::Offline | Reason::Busy | Reason::Rejected | Reason::Lost,
        )
        | None => format!("stopped ringing: {}", event.reason),
    };
    said + &note(&event.note)
}

fn elsewhere(event: &Elsewhere) -> String {
    let device = match &event.device {
        Some(device) => format!("your device {device}"),
        None => "another of your devices".to_owned(),
    };
    match event.how.known() {
        Some(How::Accepted) => format!("answered on {device}"),
        Some(How::Rejected) => format!("refused on {device}"),
        Some(How::Moved) => format!("moved to {device}"),
        None => format!("{} on {device}", event.how),
    }
}

fn media_refused(event: &MediaEvent, me: &UserId) -> String {
    let whose = if event.user == *me { "your wish" } else { "the wish" };
    let why = match event.cause.as_ref().and_then(Open::known) {
        Some(Cause::Timeout) => "was not answered",
        Some(Cause::Dropped | Cause::Disconnected) => "fell with a connection",
        Some(_) => "was withdrawn",
        None => "was declined",
    };
    format!("{whose} for {} {why}", media(event.media))
}

/// How a call ended.
pub(super) fn ended(ended: &Ended, me: &UserId) -> String {
    let by = match &ended.by {
        Some(by) if by == me => "you".to_owned(),
        Some(by) => by.to_string(),
        None => "the server".to_owned(),
    };
    let max_time = ended.cause.as_ref().is_some_and(|cause| *cause == Cause::MaxTime);
    let why = match ended.reason.known() {
        Some(Reason::Completed) if max_time => "the longest time is over".to_owned(),
        Some(Reason::Completed) if ended.by.is_some() => format!("{by} hung up"),
        Some(Reason::Completed) => "finished".to_owned(),
        Some(Reason::Canceled) => format!("{by} gave up"),
        Some(Reason::Offline) => "nobody could be reached".to_owned(),
        Some(Reason::Busy) => "busy".to_owned(),
        Some(Reason::Rejected) => format!("{by} refused"),
        Some(Reason::Timeout) => "nobody answered in time".to_owned(),
        Some(Reason::Disconnected) => "a connection was lost".to_owned(),
        Some(Reason::Denied) => "denied".to_owned(),
        Some(Reason::Killed) => "ended by the server".to_owned(),
        Some(Reason::Lost) => "the server lost the call".to_owned(),
        None => ended.reason.to_string(),
    };
    let whose = match ended.scope.known() {
        Some(bellwire_client::protocol::Scope::You) => "you are out of the call",
        Some(bellwire_client::protocol::Scope::All) | None => "the call is over",
    };
    let time = match ended.duration_ms {
        0 => String::new(),
        ms => format!(" after {}", clock(ms)),
    };
    format!("{whose}: {why}{time}{}", note(&ended.note))
}

/// What a participant publishes.
pub(super) fn state(event: &StateEvent) -> Option<String> {
    let parts = [
        (event.audio, "is unmuted", "is muted"),
        (event.video, "has the camera on", "has the camera off"),
        (event.screen, "shares the screen", "shares no screen"),
    ];
    let said: Vec<&str> = parts
        .into_iter()
        .filter_map(|(is, on, off)| is.map(|is| if is { on } else { off }))
        .collect();
    if said.is_empty() { None } else { Some(format!("{} {}", event.user, said.join(", "))) }
}

/// Whether somebody can be called.
pub(super) fn presence(user: &UserId, presence: &Open<Presence>) -> String {
    match presence.known() {
        Some(Presence::Online) => format!("{user} is online"),
        Some(Presence::Unreachable) => format!("{user} is away"),
        Some(Presence::Offline) => format!("{user} is offline"),
        Some(Presence::InCall) => format!("{user} is in a call"),
        None => format!("{user} is {presence}"),
    }
}

/// A finished call, as the user `me` remembers it.
pub(super) fn record(record: &Record, me: &UserId) -> String {
    let others: Vec<&str> =
        record.legs.iter().map(|leg| &*leg.user).filter(|user| *user != me.as_str()).collect();
    let others = others.join(", ");
    let missed = if record.is_missed_by(me) { ", missed" } else { "" };
    let line = if record.caller == *me {
        format!("to {others}: {}", record.reason)
    } else {
        format!("with {others}: {}{missed}", record.reason)
    };
    match record.duration_ms {
        0 => line,
        ms => format!("{line}, {}", clock(ms)),
    }
}

/// The connection.
pub(super) fn connection(connection: &Connection) -> String {
    match connection {
        Connection::Connected { user, uid } => {
            format!("connected as {user} (uid {}). Type help for what you can do", uid.0)
        }
        Connection::Reconnecting { .. } | Connection::Resumed { .. } | Connection::Closed(_) => {
            connection.to_string()
        }
    }
}

/// Why something could not be done.
pub(super) fn error(error: &Error) -> String {
    match error.refused() {
        Some(refused) if refused.code == ErrorCode::Unknown => refused.message.clone(),
        Some(refused) => format!("{} ({})", refused.message, refused.code),
        None => error.to_string(),
    }
}

/// The first letters of a call's id that a person can type. The end of an id is chance; its
/// beginning is time, alike for all calls of a minute.
pub(super) fn short(info: &CallInfo) -> String {
    let id = info.id.to_string();
    id[id.len() - 6..].to_owned()
}

fn others(info: &CallInfo, me: &UserId, but: &str) -> String {
    let others = info.participants.iter().map(|p| &*p.user);
    let others: Vec<&str> = others.filter(|user| *user != me.as_str() && *user != but).collect();
    others.join(", ")
}

fn what(info: &CallInfo) -> String {
    match info.kind.known() {
        Some(Kind::Group) => format!("group, {}", media(info.media)),
        Some(Kind::Direct) | None => media(info.media).to_owned(),
    }
}

fn media(media: Media) -> &'static str {
    match media {
        Media::Audio => "audio",
        Media::Video => "video",
    }
}

fn note(note: &Note) -> String {
    note.content.as_ref().map(|text| format!(": \"{text}\"")).unwrap_or_default()
}

/// `0:07`, `12:03`, `1:00:09`.
fn clock(ms: u64) -> String {
    let s = ms / 1_000;
    match s / 3_600 {
        0 => format!("{}:{:02}", s / 60, s % 60),
        hours => format!("{hours}:{:02}:{:02}", s / 60 % 60, s % 60),
    }
}

#[cfg(test)]
mod tests {
    use bellwire_client::protocol::ServerEvent;
    use serde_json::{Value, json};

    use super::*;

    fn said(name: &str, more: &Value) -> String {
        let mut frame = json!({
            "ev": name, "seq": 2, "at": 1, "cursor": "2",
            "call": "01980000-0000-7000-8000-000000000001"
        });
        frame.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let me = UserId::parse("alice").unwrap();
        match ServerEvent::parse(&frame.to_string()).unwrap() {
            ServerEvent::Call(call) => event(&call, &me).unwrap(),
            ServerEvent::State(event) => state(&event).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn events_are_told_in_plain_words() {
        let ended = |more: &Value| {
            let mut ended = json!({"scope": "all", "reason": "completed", "code": 0, "by": "bob",
                                   "at": 1, "duration_ms": 61_234});
            ended.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            json!({ "ended": ended })
        };
        for (name, more, says) in [
            ("call.ringing", json!({"user": "bob", "device": "d"}), "bob is ringing"),
            (
                "call.accepted",
                json!({"user": "bob", "device": "d", "media": "audio", "content": "hi"}),
                "bob answered (audio): \"hi\"",
            ),
            (
                "call.rejected",
                json!({"user": "bob", "reason": "offline", "code": 1, "cause": "absent"}),
                "bob is offline",
            ),
            (
                "call.elsewhere",
                json!({"how": "accepted", "device": "x"}),
                "answered on your device x",
            ),
            (
                "call.canceled",
                json!({"reason": "timeout", "code": 1}),
                "stopped ringing: you did not answer in time",
            ),
            ("call.ended", ended(&json!({})), "the call is over: bob hung up after 1:01"),
            (
                "call.ended",
                ended(&json!({"scope": "you", "by": "alice", "duration_ms": 0})),
                "you are out of the call: you hung up",
            ),
            (
                "call.ended",
                ended(&json!({"reason": "bored", "duration_ms": 3_609_000})),
                "the call is over: bored after 1:00:09",
            ),
            ("call.state", json!({"user": "bob", "audio": false}), "bob is muted"),
        ] {
            assert_eq!(said(name, &more), says);
        }
    }
}
