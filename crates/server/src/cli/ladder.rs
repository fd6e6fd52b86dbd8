//! One call's log as a ladder: participants side by side, time downwards.
//!
//! ```text
//!   time      seq  alice       bob
//!   +0.000 s    1  ●──────────▶│           created
//!   +0.214 s    2  │           ●           ringing on d1
//! ```
//!
//! Notes are left out: they are the app's, and a ladder is made to be shown around.

use std::fmt::Write;

use bellwire_core::{
    Asked, Edit, Event, Invitee, Link, MediaReport, PushNews, PushOutcome, Pushed, UserId,
};
use bellwire_protocol::{CallInfo, Forbids, LogEntry, Open};
use serde::Serialize;

use super::when;

/// The narrowest column, and the widest name before it is cut.
const COLUMN: std::ops::RangeInclusive<usize> = 10..=18;

/// What one entry says: who did it, whom it went to, in words.
struct Step {
    by: Vec<UserId>,
    to: Vec<UserId>,
    words: String,
}

/// Draws the log of the call `info`.
pub(crate) fn ladder(info: &CallInfo, log: &[LogEntry]) -> String {
    let users: Vec<&UserId> = info.participants.iter().map(|p| &p.user).collect();
    let widest = users.iter().map(|u| u.chars().count() + 2).max().unwrap_or_default();
    let width = widest.clamp(*COLUMN.start(), *COLUMN.end());
    let mut out = head(info);
    let names: String = users.iter().map(|user| cell(user, width)).collect();
    put(&mut out, format_args!("{:>11}  {:>4}  {}", "time", "seq", names.trim_end()));
    out.push('\n');
    let begin = info.created_at;
    for entry in log {
        let step = step(info, entry);
        let column = |user: &UserId| users.iter().position(|u| *u == user);
        let by: Vec<usize> = step.by.iter().filter_map(column).collect();
        let to: Vec<usize> = step.to.iter().filter_map(column).collect();
        let time = when::after(begin, entry.at);
        let lines = rungs(users.len(), width, &by, &to);
        put(&mut out, format_args!("{time:>11}  {:>4}  {lines}{}\n", entry.seq, step.words));
    }
    out
}

fn head(info: &CallInfo) -> String {
    let media = Open::Known(info.media);
    let mut head = format!("call {}  {} {media}, {}", info.id, info.kind, info.phase);
    if let Some(ended) = &info.ended {
        put(
            &mut head,
            format_args!(": {}, talked {}", ended.reason, when::clock(ended.duration_ms)),
        );
    }
    put(&mut head, format_args!("\nasked for at {} UTC\n\n", when::utc(info.created_at)));
    head
}

fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = out.write_fmt(text);
}

/// A name cut to fit, padded to the width of a column.
fn cell(name: &str, width: usize) -> String {
    let room = width - 1;
    if name.chars().count() <= room {
        return format!("{name:width$}");
    }
    let cut: String = name.chars().take(room - 1).collect();
    format!("{:width$}", format!("{cut}…"))
}

/// The life lines of `columns` participants, with a mark for each of `by` and an arrow from the
/// first of them to each of `to`.
fn rungs(columns: usize, width: usize, by: &[usize], to: &[usize]) -> String {
    let mut line: Vec<char> = Vec::with_capacity(columns * width);
    for _ in 0..columns {
        line.push('│');
        line.extend(std::iter::repeat_n(' ', width.saturating_sub(1)));
    }
    for column in by {
        line[column * width] = '●';
    }
    let Some(from) = by.first() else {
        for column in to {
            line[column * width] = '○';
        }
        return line.into_iter().collect();
    };
    for column in to.iter().filter(|column| *column != from) {
        let (left, right) = (from.min(column) * width, from.max(column) * width);
        for place in &mut line[left + 1..right] {
            *place = match *place {
                ' ' => '─',
                '│' => '┼',
                other => other,
            };
        }
    }
    for column in to {
        let place = column * width;
        let points_left = column < from;
        if column == from {
            continue;
        }
        line[place] = '○';
        let tip = if points_left { place + 1 } else { place.saturating_sub(1) };
        line[tip] = if points_left { '◀' } else { '▶' };
    }
    line.into_iter().collect()
}

fn step(info: &CallInfo, entry: &LogEntry) -> Step {
    let everybody = || info.participants.iter().map(|p| p.user.clone()).collect();
    match entry.to_event() {
        Some(event) => of_event(event, everybody),
        // A later server's event: its name is all that is known.
        None => Step { by: Vec::new(), to: Vec::new(), words: entry.kind().to_owned() },
    }
}

fn by(user: UserId, words: String) -> Step {
    Step { by: vec![user], to: Vec::new(), words }
}

fn word<T: Serialize>(word: T) -> Open<T> {
    Open::Known(word)
}

fn users(invitees: Vec<Invitee>) -> Vec<UserId> {
    invitees.into_iter().map(|invitee| invitee.user).collect()
}

fn named(link: Link) -> &'static str {
    match link {
        Link::Signalling => "connection",
        Link::Media => "media",
    }
}

fn reported(report: &MediaReport) -> String {
    let MediaReport { connected_ms, first_frame_ms, failed } = report;
    let said = [
        connected_ms.map(|ms| format!("connected in {ms} ms")),
        first_frame_ms.map(|ms| format!("first picture after {ms} ms")),
        failed.as_ref().map(|why| format!("failed: {why}")),
    ];
    said.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// What the business server changed.
fn edited(edit: Edit) -> String {
    let forbids = edit.forbid.map(|forbid| match Forbids::from(forbid).0.as_slice() {
        [] => "nothing is forbidden".to_owned(),
        some => format!(
            "forbidden: {}",
            some.iter().map(|what| word(what).to_string()).collect::<Vec<_>>().join(", ")
        ),
    });
    let longest = edit.max_ms.map(|ms| match ms {
        0 => "no longest time".to_owned(),
        ms => format!("longest time {}", when::clock(ms)),
    });
    forbids.into_iter().chain(longest).collect::<Vec<_>>().join("; ")
}

fn told(asked: &Asked) -> String {
    let Asked { hook, user: _, outcome, code, why, ms } = asked;
    let code = code.map(|code| format!(", {code}")).unwrap_or_default();
    let why = why.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
    format!("business server on {}: {}{code}{why}, {ms} ms", word(hook), word(outcome))
}

fn woken(pushed: &Pushed) -> String {
    let Pushed { user: _, device, provider, news, outcome, status, why, ms } = pushed;
    if *outcome == PushOutcome::Woke {
        return format!("{device} connected {ms} ms after its push ({})", word(provider));
    }
    let what = match news {
        PushNews::Invite => "push",
        PushNews::Stop => "stop-ring push",
    };
    let status = status.map(|status| format!(", {status}")).unwrap_or_default();
    let why = why.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
    format!("{what} to {device} by {}: {}{status}{why}, {ms} ms", word(provider), word(outcome))
}

fn because<T: Serialize>(cause: Option<T>) -> String {
    cause.map(|cause| format!(" ({})", word(cause))).unwrap_or_default()
}

fn of_event(event: Event, everybody: impl FnOnce() -> Vec<UserId>) -> Step {
    match event {
        Event::Created(created) => Step {
            by: vec![created.caller.user],
            to: users(created.callees),
            words: format!("created by {}, {}", word(created.origin), word(created.media)),
        },
        Event::Released { users } => {
            Step { by: Vec::new(), to: users, words: "invited".to_owned() }
        }
        Event::Reached { user } => by(user, "reached".to_owned()),
        Event::Ringing { user, device } => by(user, format!("ringing on {device}")),
        Event::Silenced { user, device } => by(user, format!("refused on {device} only")),
        Event::Accepted { user, device, media, note: _ } => {
            by(user, format!("accepted on {device}, {}", word(media)))
        }
        Event::Started => Step { by: everybody(), to: Vec::new(), words: "started".to_owned() },
        Event::Rejected { user, device, reason, code, cause, note: _ } => {
            let on = device.map(|device| format!(" on {device}")).unwrap_or_default();
            by(user, format!("{}{on}, {code}{}", word(reason), because(cause)))
        }
        Event::Canceled { users, reason, code, note: _ } => Step {
            by: Vec::new(),
            to: users,
            words: format!("invitation taken back: {}, {code}", word(reason)),
        },
        Event::Added { by, users: added, note: _, push: _ } => {
            Step { by: by.into_iter().collect(), to: users(added), words: "invited".to_owned() }
        }
        Event::Joined { user, device } => by(user, format!("joined on {device}")),
        Event::Entered { user, routed: _ } => by(user, "media connected".to_owned()),
        Event::Left { user, how, cause, code: _, note: _ } => {
            by(user, format!("{}{}", word(how), because(cause)))
        }
        Event::Dropped { user, link } => by(user, format!("{} lost", named(link))),
        Event::Restored { user, link } => by(user, format!("{} back", named(link))),
        Event::Edited(edit) => Step { by: Vec::new(), to: everybody(), words: edited(edit) },
        Event::Moved { user, from, to } => by(user, format!("moved from {from} to {to}")),
        Event::MediaProposed { user, media } => by(user, format!("proposes {}", word(media))),
        Event::MediaChanged { user, media } => by(user, format!("media is {}", word(media))),
        Event::MediaRefused { proposer, media, cause } => {
            by(proposer, format!("{} not agreed{}", word(media), because(cause)))
        }
        Event::Acknowledged { user, device, seq } => {
            by(user, format!("{device} confirms that it stopped ringing ({seq})"))
        }
        Event::MediaReported { user, device, report } => {
            by(user, format!("{device} reports of its media: {}", reported(&report)))
        }
        Event::Asked(asked) => {
            Step { by: asked.user.iter().cloned().collect(), to: Vec::new(), words: told(&asked) }
        }
        Event::Pushed(pushed) => {
            Step { to: vec![pushed.user.clone()], by: Vec::new(), words: woken(&pushed) }
        }
        Event::Ended { reason, code, by, cause, note: _ } => Step {
            by: by.into_iter().collect(),
            to: everybody(),
            words: format!("ended: {}, {code}{}", word(reason), because(cause)),
        },
    }
}

#[cfg(test)]
#[path = "ladder_tests.rs"]
mod tests;
