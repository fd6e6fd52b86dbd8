//! What a sleeping device is told, in the form all services carry.

use std::sync::Arc;

use bellwire_core::{
    AppKey, Call, CallId, How, Kind, Media, Mode, PushNews, PushWish, Reason, RingMode, Tell,
    Timestamp, UserId,
};
use serde::Serialize;
use serde_json::{Value, value::RawValue};

/// How long a stop-ring is delivered after the ring time at most, in milliseconds: it has to find
/// the devices that the invitation found just before.
const STOP_MS: u64 = 30_000;

/// A notice to one user's device.
#[derive(Debug, Clone)]
pub(super) struct Notice {
    pub(super) news: PushNews,
    pub(super) app: AppKey,
    pub(super) call: CallId,
    pub(super) to: UserId,
    /// Who calls; nobody where the server calls the caller first (R20).
    pub(super) from: Option<UserId>,
    pub(super) from_name: Option<String>,
    pub(super) mode: Mode,
    pub(super) kind: Kind,
    pub(super) media: Media,
    pub(super) ring: RingMode,
    pub(super) ring_until: Timestamp,
    /// How long an absent callee is waited for.
    pub(super) reach_until: Timestamp,
    /// When it is of no use any more.
    pub(super) expires_at: Timestamp,
    pub(super) wish: Option<Arc<PushWish>>,
    /// Why it is to stop ringing.
    pub(super) reason: Option<&'static str>,
}

/// As it is told.
#[derive(Serialize)]
struct Body<'a> {
    /// The edition of this form.
    v: u8,
    what: PushNews,
    app: &'a AppKey,
    call: CallId,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<&'a UserId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from_name: Option<&'a str>,
    to: &'a UserId,
    mode: Mode,
    kind: Kind,
    media: Media,
    ring: RingMode,
    ring_until: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    badge: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sound: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<&'a RawValue>,
    /// Something was left out to fit the service's limit; the call itself has it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    cut: bool,
}

impl Notice {
    /// That `to` is invited into `call`; none if they are not in it.
    pub(super) fn invite(
        call: &Call,
        to: &UserId,
        from: Option<UserId>,
        from_name: Option<String>,
        wish: Option<Arc<PushWish>>,
    ) -> Option<Self> {
        let p = call.participant(to)?;
        Some(Self {
            news: PushNews::Invite,
            app: call.app.clone(),
            call: call.id,
            to: to.clone(),
            from,
            from_name,
            mode: call.mode,
            kind: call.kind,
            media: call.media,
            ring: p.ring,
            ring_until: p.ring_until,
            reach_until: Timestamp(p.ring_until.0.saturating_sub(p.ring_ms))
                .after_ms(call.settings.reach_ms),
            expires_at: p.ring_until,
            wish,
            reason: None,
        })
    }

    /// That the device told of this invitation is to stop ringing.
    pub(super) fn stop(&self, reason: &'static str, now: Timestamp) -> Self {
        Self {
            news: PushNews::Stop,
            // It takes the place of an invitation that is still on its way, so it stays as long.
            expires_at: self.ring_until.max(now.after_ms(STOP_MS)),
            reason: Some(reason),
            ..self.clone()
        }
    }

    /// Who calls, for people.
    pub(super) fn caller(&self) -> &str {
        let from = self.from.as_deref();
        self.from_name.as_deref().or(from).unwrap_or("Incoming call")
    }

    fn wished(&self, text: impl Fn(&PushWish) -> Option<&Arc<str>>) -> Option<&str> {
        self.wish.as_deref().and_then(text).map(|text| &**text)
    }

    /// The title of a notice that people read.
    pub(super) fn title(&self) -> &str {
        self.wished(|wish| wish.title.as_ref()).unwrap_or(self.caller())
    }

    /// Its text.
    pub(super) fn text(&self) -> &str {
        match (self.news, self.reason) {
            (PushNews::Invite, _) => {
                let usual = match self.media {
                    Media::Audio => "Incoming call",
                    Media::Video => "Incoming video call",
                };
                self.wished(|wish| wish.content.as_ref()).unwrap_or(usual)
            }
            (PushNews::Stop, Some("accepted")) => "Answered on another device",
            (PushNews::Stop, Some("rejected" | "busy")) => "Declined",
            (PushNews::Stop, _) => "Missed call",
        }
    }

    /// The sound of a notice that rings.
    pub(super) fn sound(&self) -> &str {
        self.wished(|wish| wish.sound.as_ref()).unwrap_or("default")
    }

    /// The number at the app's icon.
    pub(super) fn badge(&self) -> Option<u32> {
        self.wish.as_ref().and_then(|wish| wish.badge)
    }

    /// The whole, as JSON of at most `most` bytes: what the app added is left out where it would
    /// be longer, the least needed first.
    pub(super) fn body(&self, most: usize) -> String {
        let mut body = self.whole();
        for leave_out in [
            |body: &mut Body<'_>| body.content = None,
            |body: &mut Body<'_>| body.title = None,
            |body: &mut Body<'_>| body.payload = None,
        ] {
            let text = json(&body);
            if text.len() <= most {
                return text;
            }
            leave_out(&mut body);
            body.cut = true;
        }
        json(&body)
    }

    /// The same as a part of a larger object.
    pub(super) fn value(&self, most: usize) -> Value {
        // What was written as JSON reads as JSON.
        serde_json::from_str(&self.body(most)).unwrap_or_default()
    }

    /// What is wished of an invitation; a stop-ring carries nothing of it.
    fn of_invite(&self, text: impl Fn(&PushWish) -> Option<&Arc<str>>) -> Option<&str> {
        (self.news == PushNews::Invite).then(|| self.wished(text)).flatten()
    }

    fn whole(&self) -> Body<'_> {
        let payload = self.wished(|wish| wish.payload.as_ref());
        Body {
            v: 1,
            what: self.news,
            app: &self.app,
            call: self.call,
            from: self.from.as_ref(),
            from_name: self.from_name.as_deref(),
            to: &self.to,
            mode: self.mode,
            kind: self.kind,
            media: self.media,
            ring: self.ring,
            ring_until: self.ring_until,
            reason: self.reason,
            title: self.of_invite(|wish| wish.title.as_ref()),
            content: self.of_invite(|wish| wish.content.as_ref()),
            badge: self.badge().filter(|_| self.news == PushNews::Invite),
            sound: self.of_invite(|wish| wish.sound.as_ref()),
            payload: payload.and_then(|text| serde_json::from_str(text).ok()),
            cut: false,
        }
    }

    /// The same without what is said beside it, where people read it.
    pub(super) fn without_texts(&self) -> Self {
        let wish = self.wish.as_deref().map(|wish| {
            Arc::new(PushWish { title: None, content: None, sound: None, ..wish.clone() })
        });
        Self { wish, ..self.clone() }
    }
}

fn json(body: &Body<'_>) -> String {
    serde_json::to_string(body).expect("types of the wire serialize")
}

/// Why a device stops ringing that is told this; none where it does not.
pub(super) fn stops(tell: &Tell) -> Option<&'static str> {
    match tell {
        Tell::Canceled(reason) | Tell::Ended(_, reason) => Some(word(*reason)),
        Tell::Elsewhere(How::Accepted) => Some("accepted"),
        Tell::Elsewhere(How::Rejected) => Some("rejected"),
        Tell::Elsewhere(How::Moved) => Some("moved"),
        Tell::Invited
        | Tell::Ringing
        | Tell::Accepted
        | Tell::Rejected
        | Tell::Started
        | Tell::Added
        | Tell::Joined
        | Tell::Entered
        | Tell::Left
        | Tell::Dropped
        | Tell::Restored
        | Tell::Moved
        | Tell::Edited
        | Tell::MediaProposed
        | Tell::MediaChanged
        | Tell::MediaRefused => None,
    }
}

fn word(reason: Reason) -> &'static str {
    match reason {
        Reason::Completed => "completed",
        Reason::Canceled => "canceled",
        Reason::Offline => "offline",
        Reason::Busy => "busy",
        Reason::Rejected => "rejected",
        Reason::Timeout => "timeout",
        Reason::Disconnected => "disconnected",
        Reason::Denied => "denied",
        Reason::Killed => "killed",
        Reason::Lost => "lost",
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// An invitation with everything in it as long as the wire lets it be.
    pub(in crate::push) fn longest() -> Notice {
        let name = |c: &str| UserId::parse(&c.repeat(64)).unwrap();
        let wish = PushWish {
            enabled: None,
            title: Some("t".repeat(256).into()),
            content: Some("c".repeat(1024).into()),
            payload: Some(format!("\"{}\"", "p".repeat(2046)).into()),
            badge: Some(u32::MAX),
            sound: Some("s".repeat(64).into()),
        };
        Notice {
            news: PushNews::Invite,
            app: AppKey::parse(&"a".repeat(64)).unwrap(),
            call: CallId(uuid::Uuid::from_u128(7)),
            to: name("t"),
            from: Some(name("f")),
            from_name: None,
            mode: Mode::Invite,
            kind: Kind::Direct,
            media: Media::Video,
            ring: RingMode::Notify,
            ring_until: Timestamp(u64::MAX >> 20),
            reach_until: Timestamp(0),
            expires_at: Timestamp(u64::MAX >> 20),
            wish: Some(Arc::new(wish)),
            reason: None,
        }
    }

    #[test]
    fn what_does_not_fit_is_left_out_and_said_to_be() {
        let notice = longest();
        let whole = notice.body(usize::MAX);
        assert!(!whole.contains("cut"));
        for most in [whole.len() - 1, 3_000, 1_000, 600] {
            let body = notice.body(most);
            assert!(body.len() <= most, "{} of {most}", body.len());
            let body: Value = serde_json::from_str(&body).unwrap();
            assert_eq!(body["cut"], true);
            assert_eq!(body["call"], notice.call.to_string());
        }
    }

    #[test]
    fn a_stop_says_why_and_stays_as_long_as_the_invitation_would() {
        let notice = Notice { ring_until: Timestamp(90_000), ..longest() };
        let stop = notice.stop("canceled", Timestamp(10_000));
        assert_eq!(stop.expires_at, Timestamp(90_000));
        assert_eq!(notice.stop("timeout", Timestamp(90_000)).expires_at, Timestamp(120_000));
        let body = stop.value(4_000);
        assert_eq!((&body["what"], &body["reason"]), (&"stop".into(), &"canceled".into()));
        assert!(body["title"].is_null() && body["payload"].is_string());
        assert_eq!(stop.text(), "Missed call");
    }
}
