//! Limits of a command's values that its types do not hold.

use bellwire_core::{CONTENT_BYTES, Note, PushProvider, REACH_TIME_MAX_S, RING_TIME_S};

use crate::{
    Body, Command, Target,
    command::{Hello, Push, PushSet, Start},
    limits,
};

/// A value that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where, such as `to[1].ring_time`.
    pub field: String,
    /// What is wrong, and what to do.
    pub text: String,
}

pub(crate) fn fault(field: impl Into<String>, text: impl Into<String>) -> Fault {
    Fault { field: field.into(), text: text.into() }
}

impl Command {
    /// Looks at sizes and ranges; what depends on the call or the app is looked at elsewhere.
    pub fn check(&self) -> Result<(), Fault> {
        match self {
            Self::Hello(hello) => check_hello(hello),
            Self::Start(start) => check_start(start),
            Self::Accept(accept) => check_note(&accept.note),
            Self::Reject(reject) => check_note(&reject.note),
            Self::Cancel(cancel) => {
                check_note(&cancel.note)?;
                check_count("to", cancel.to.as_ref().map_or(0, Vec::len), limits::CALLEES)
            }
            Self::Hangup(hangup) => check_note(&hangup.note),
            Self::End(end) => check_note(&end.note),
            Self::Invite(invite) => {
                check_note(&invite.note)?;
                check_ring_time("ring_time", invite.ring_time)?;
                check_push(invite.push.as_ref())?;
                check_targets(&invite.to)
            }
            Self::Send(send) => {
                check_count("to", send.to.as_ref().map_or(0, |to| to.0.len()), limits::CALLEES)?;
                check_body(&send.body)
            }
            Self::SendMessage(message) => check_body(&message.body),
            Self::PresenceGet(of) | Self::PresenceWatch(of) | Self::PresenceUnwatch(of) => {
                check_count("users", of.users.len(), limits::PRESENCE_USERS)
            }
            Self::SetAvailability(set) => set.check(),
            Self::PushSet(set) => check_push_set(set),
            Self::MediaOffer(offer) => {
                check_count("send", offer.send.len(), limits::MEDIA_LINES)?;
                check_count("receive", offer.receive.len(), limits::MEDIA_LINES)
            }
            Self::MediaReceive(wanted) => {
                check_count("receive", wanted.receive.len(), limits::MEDIA_LINES)
            }
            Self::Get(_)
            | Self::MediaClose(_)
            | Self::MediaReport(_)
            | Self::GetAvailability
            | Self::ListRecords(_)
            | Self::ReadRecords(_)
            | Self::PushClear(_)
            | Self::RenewToken(_)
            | Self::Ringing(_)
            | Self::Join(_)
            | Self::Move(_)
            | Self::Media(_)
            | Self::MediaAnswer(_)
            | Self::Ack(_)
            | Self::State(_)
            | Self::Ping
            | Self::Logout => Ok(()),
        }
    }
}

fn check_hello(hello: &Hello) -> Result<(), Fault> {
    if hello.token.is_some() == hello.login.is_some() {
        return Err(fault("token", "give either a token or a login"));
    }
    check_count("caps", hello.caps.as_ref().map_or(0, Vec::len), limits::CAPS)?;
    let cursors = hello.resume.as_ref().and_then(|resume| resume.cursors.as_ref());
    check_count(
        "resume.cursors",
        cursors.map_or(0, std::collections::BTreeMap::len),
        limits::CURSORS,
    )
}

fn check_start(start: &Start) -> Result<(), Fault> {
    check_note(&start.note)?;
    check_ring_time("ring_time", start.ring_time)?;
    if start.reach_time.is_some_and(|s| s > REACH_TIME_MAX_S) {
        return Err(fault("reach_time", format!("must be 0 to {REACH_TIME_MAX_S} seconds")));
    }
    if start.max_time == Some(0) {
        return Err(fault("max_time", "must be at least 1 second; leave it out for no limit"));
    }
    check_push(start.push.as_ref())?;
    check_targets(&start.to)
}

fn check_push(push: Option<&Push>) -> Result<(), Fault> {
    let Some(push) = push else { return Ok(()) };
    let length = |text: Option<&String>| text.map_or(0, String::len);
    let sizes = [
        ("push.title", length(push.title.as_ref()), limits::PUSH_TITLE_BYTES),
        ("push.content", length(push.content.as_ref()), limits::PUSH_CONTENT_BYTES),
        ("push.sound", length(push.sound.as_ref()), limits::PUSH_SOUND_BYTES),
        (
            "push.payload",
            push.payload.as_ref().map_or(0, |payload| payload.json().len()),
            limits::PUSH_PAYLOAD_BYTES,
        ),
    ];
    match sizes.into_iter().find(|(_, bytes, most)| bytes > most) {
        Some((field, _, most)) => Err(fault(field, format!("must be at most {most} bytes"))),
        None => Ok(()),
    }
}

/// Which fields there must be; what stands in them is looked at where it is used.
fn check_push_set(set: &PushSet) -> Result<(), Fault> {
    let secrets = [
        ("token", &set.token, set.provider != PushProvider::Web),
        ("endpoint", &set.endpoint, set.provider == PushProvider::Web),
        ("p256dh", &set.p256dh, set.provider == PushProvider::Web),
        ("auth", &set.auth, set.provider == PushProvider::Web),
    ];
    for (field, secret, belongs) in secrets {
        match secret {
            None if belongs => return Err(fault(field, "is missing")),
            Some(_) if !belongs => return Err(fault(field, "is not for this provider")),
            Some(secret) if !(1..=limits::PUSH_TOKEN_BYTES).contains(&secret.expose().len()) => {
                let text = format!("must be 1 to {} bytes", limits::PUSH_TOKEN_BYTES);
                return Err(fault(field, text));
            }
            Some(_) | None => {}
        }
    }
    match (set.provider == PushProvider::Apns, set.kind) {
        (true, None) => Err(fault("kind", "is missing; say voip or alert")),
        (false, Some(_)) => Err(fault("kind", "is for apns only")),
        (true, Some(_)) | (false, None) => Ok(()),
    }
}

fn check_note(note: &Note) -> Result<(), Fault> {
    if note.fits() {
        return Ok(());
    }
    Err(fault("content", format!("must be at most {CONTENT_BYTES} bytes")))
}

fn check_body(body: &Body) -> Result<(), Fault> {
    if body.is_null() {
        return Err(fault("body", "is missing"));
    }
    if body.bytes() > limits::BODY_BYTES {
        return Err(fault("body", format!("must be at most {} bytes", limits::BODY_BYTES)));
    }
    Ok(())
}

pub(crate) fn check_count(field: &str, count: usize, most: usize) -> Result<(), Fault> {
    if count <= most {
        return Ok(());
    }
    Err(fault(field, format!("has {count} items; at most {most} are allowed")))
}

fn check_ring_time(field: &str, seconds: Option<u64>) -> Result<(), Fault> {
    if seconds.is_none_or(|s| RING_TIME_S.contains(&s)) {
        return Ok(());
    }
    let (least, most) = (RING_TIME_S.start(), RING_TIME_S.end());
    Err(fault(field, format!("must be {least} to {most} seconds")))
}

fn check_targets(to: &[Target]) -> Result<(), Fault> {
    check_count("to", to.len(), limits::CALLEES)?;
    for (i, target) in to.iter().enumerate() {
        check_ring_time(&format!("to[{i}].ring_time"), target.ring_time)?;
    }
    Ok(())
}
