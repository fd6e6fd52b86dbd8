//! A call about to be started.

use std::time::Duration;

use bellwire_core::{Kind, Label, Media, Mode, Note, RingMode};
use bellwire_protocol::{
    Body, CallInfo, Command, Forbidden, Forbids, Target,
    command::{PolicyAsk, Push, Start},
    reply::StartOk,
};

use crate::{
    Call, Client, Error,
    builder::named,
    client::{read, user},
};

/// A call in the making; [`StartCall::start`] starts it. What is not set, the app's settings say.
#[derive(Debug, Clone)]
#[must_use = "nobody is called until `start`"]
pub struct StartCall {
    client: Client,
    start: Start,
    /// The first thing that was wrong; told by `start`, so that the chain stays short.
    wrong: Option<Error>,
}

impl StartCall {
    pub(crate) fn new(client: Client, name: &str) -> Self {
        Self { client, start: Start::default(), wrong: None }.and(name)
    }

    /// One more callee; makes it a group call.
    pub fn and(self, name: &str) -> Self {
        self.target(name, None, None)
    }

    /// One more callee, told in another way than by ringing.
    pub fn and_by(self, name: &str, ring: RingMode) -> Self {
        self.target(name, Some(ring), None)
    }

    fn target(mut self, name: &str, ring: Option<RingMode>, ring_time: Option<u64>) -> Self {
        match user(name) {
            Ok(user) => self.start.to.push(Target { user, ring, ring_time }),
            Err(error) => self.blame(error),
        }
        self
    }

    fn blame(&mut self, error: Error) {
        self.wrong.get_or_insert(error);
    }

    /// With sound only.
    pub fn audio(mut self) -> Self {
        self.start.media = Some(Media::Audio);
        self
    }

    /// With picture.
    pub fn video(mut self) -> Self {
        self.start.media = Some(Media::Video);
        self
    }

    /// A group call, even with one callee.
    pub fn group_call(mut self) -> Self {
        self.start.kind = Some(Kind::Group);
        self
    }

    /// Only the invitation: no room, and it is over with the answer.
    pub fn invitation(mut self) -> Self {
        self.start.mode = Some(Mode::Invite);
        self
    }

    /// Text of the app's own, at most 8 KiB; the callees get it to the letter.
    pub fn content(mut self, text: impl AsRef<str>) -> Self {
        self.start.note.content = Some(text.as_ref().into());
        self
    }

    /// A number of the app's own.
    pub fn param(mut self, number: i32) -> Self {
        self.start.note.param = Some(number);
        self
    }

    /// The whole note at once.
    pub fn note(mut self, note: Note) -> Self {
        self.start.note = note;
        self
    }

    /// What may not be sent.
    pub fn forbid(mut self, what: impl IntoIterator<Item = Forbidden>) -> Self {
        self.start.forbid = Some(Forbids(what.into_iter().collect()));
        self
    }

    /// How long callees are rung, in whole seconds.
    pub fn ring_time(mut self, time: Duration) -> Self {
        self.start.ring_time = Some(time.as_secs());
        self
    }

    /// How long an absent callee is waited for, in whole seconds.
    pub fn reach_time(mut self, time: Duration) -> Self {
        self.start.reach_time = Some(time.as_secs());
        self
    }

    /// How long the conversation may last, in whole seconds.
    pub fn max_time(mut self, time: Duration) -> Self {
        self.start.max_time = Some(time.as_secs());
        self
    }

    /// Who may invite, join late, and end it for all.
    pub fn policy(mut self, policy: PolicyAsk) -> Self {
        self.start.policy = Some(policy);
        self
    }

    /// The app's group, at most 64 bytes.
    pub fn group(mut self, name: &str) -> Self {
        match named("group", name, Label::parse) {
            Ok(label) => self.start.group = Some(label),
            Err(error) => self.blame(error),
        }
        self
    }

    /// The app's channel, at most 64 bytes.
    pub fn channel(mut self, name: &str) -> Self {
        match named("channel", name, Label::parse) {
            Ok(label) => self.start.channel = Some(label),
            Err(error) => self.blame(error),
        }
        self
    }

    /// How the callees' sleeping devices are woken.
    pub fn push(mut self, push: Push) -> Self {
        self.start.push = Some(push);
        self
    }

    /// Calls. When the callee was calling us at the same moment, it is their call we get.
    pub async fn start(self) -> Result<Call, Error> {
        self.start_with_info().await.map(|(call, _)| call)
    }

    /// Calls, and gives the call as it stood then.
    pub async fn start_with_info(self) -> Result<(Call, Box<CallInfo>), Error> {
        if let Some(error) = self.wrong {
            return Err(error);
        }
        let body: Body = self.client.ask(Command::Start(Box::new(self.start))).await?;
        let ok: StartOk = read(&body)?;
        Ok((self.client.handle(ok.call), ok.info))
    }
}
