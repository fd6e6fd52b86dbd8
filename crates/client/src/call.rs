//! Calls as handles.

use std::ops::Deref;

use bellwire_core::{CallId, DeviceId, Media, Note, UserId};
use bellwire_protocol::{
    Body, CallInfo, Command, Recipients,
    command::{
        Accept, Cancel, ChangeMedia, End, Get, Hangup, Invite, Join, MediaAnswer, Move, Reject,
        RejectReason, Send, SetState,
    },
    reply::{GetOk, InviteOk, StartOk},
};
use serde::Serialize;

use crate::{
    Action, Client, Error,
    builder::named,
    client::{nothing, read, user},
};

/// A call. The handle is cheap to clone and knows nothing but the call's id: how the call stands,
/// the events tell, and [`Call::get`].
#[derive(Debug, Clone)]
pub struct Call {
    id: CallId,
    client: Client,
}

impl Call {
    pub(crate) fn new(id: CallId, client: Client) -> Self {
        Self { id, client }
    }

    /// Its id.
    pub fn id(&self) -> CallId {
        self.id
    }

    /// Answers, and gives the call as it stands then.
    pub fn accept(&self) -> Action<Box<CallInfo>> {
        let accept = Accept { call: self.id, note: Note::default(), media: None };
        Action::new(&self.client, Ok(Command::Accept(accept)), opened)
    }

    /// Refuses, on all devices of the user.
    pub fn reject(&self) -> Action<()> {
        self.refuse(RejectReason::Rejected, false)
    }

    /// Says that the user is busy.
    pub fn busy(&self) -> Action<()> {
        self.refuse(RejectReason::Busy, false)
    }

    /// Refuses on this device only; the user's others go on ringing.
    pub fn reject_here(&self) -> Action<()> {
        self.refuse(RejectReason::Rejected, true)
    }

    fn refuse(&self, reason: RejectReason, only_me: bool) -> Action<()> {
        let reject = Reject {
            call: self.id,
            note: Note::default(),
            reason: Some(reason),
            only_me: only_me.then_some(true),
        };
        Action::new(&self.client, Ok(Command::Reject(reject)), nothing)
    }

    /// Takes the invitations back before an answer.
    pub fn cancel(&self) -> Action<()> {
        let cancel = Cancel { call: self.id, note: Note::default(), to: None };
        Action::new(&self.client, Ok(Command::Cancel(cancel)), nothing)
    }

    /// Takes back the invitations of these callees only.
    pub fn cancel_only<U: AsRef<str>>(&self, users: impl IntoIterator<Item = U>) -> Action<()> {
        let to: Result<Vec<_>, _> = users.into_iter().map(|name| user(name.as_ref())).collect();
        let command = to.map(|to| {
            Command::Cancel(Cancel { call: self.id, note: Note::default(), to: Some(to) })
        });
        Action::new(&self.client, command, nothing)
    }

    /// Leaves; ends a direct call.
    pub fn hangup(&self) -> Action<()> {
        let hangup = Hangup { call: self.id, note: Note::default() };
        Action::new(&self.client, Ok(Command::Hangup(hangup)), nothing)
    }

    /// Ends the call for all.
    pub fn end(&self) -> Action<()> {
        let end = End { call: self.id, note: Note::default() };
        Action::new(&self.client, Ok(Command::End(end)), nothing)
    }

    /// Asks more people in. Gives those who are in it already.
    pub fn invite<U: AsRef<str>>(&self, users: impl IntoIterator<Item = U>) -> Action<Vec<UserId>> {
        let targets = users.into_iter().map(|name| user(name.as_ref()).map(Into::into));
        let to: Result<Vec<_>, _> = targets.collect();
        let invite =
            |to| Invite { call: self.id, to, note: Note::default(), ring_time: None, push: None };
        let command = to.map(|to| Command::Invite(Box::new(invite(to))));
        Action::new(&self.client, command, |_, body| read(body).map(|ok: InviteOk| ok.skipped))
    }

    /// Enters a live group call, and gives it as it stands then.
    pub async fn join(&self) -> Result<Box<CallInfo>, Error> {
        let body = self.client.ask(Command::Join(Join { call: self.id })).await?;
        opened(&self.client, &body)
    }

    /// Takes the call over from the user's other device.
    pub async fn move_here(&self, from: &str) -> Result<(), Error> {
        let from = named("device", from, DeviceId::parse)?;
        self.ask(Command::Move(Move { call: self.id, from })).await
    }

    /// Proposes audio or video. Lowering is done at once; raising waits for the other.
    pub async fn change_media(&self, media: Media) -> Result<(), Error> {
        self.ask(Command::Media(ChangeMedia { call: self.id, media })).await
    }

    /// Answers a proposal to raise the media.
    pub async fn answer_media(&self, accept: bool) -> Result<(), Error> {
        self.ask(Command::MediaAnswer(MediaAnswer { call: self.id, accept })).await
    }

    /// Tells the others what this device publishes; none leaves a part as it was.
    pub async fn publish(
        &self,
        audio: Option<bool>,
        video: Option<bool>,
        screen: Option<bool>,
    ) -> Result<(), Error> {
        self.ask(Command::State(SetState { call: self.id, audio, video, screen })).await
    }

    /// Tells the others that this device is muted, or no longer.
    pub async fn mute(&self, muted: bool) -> Result<(), Error> {
        self.publish(Some(!muted), None, None).await
    }

    /// Tells the others that this device's camera is on or off.
    pub async fn camera(&self, on: bool) -> Result<(), Error> {
        self.publish(None, Some(on), None).await
    }

    /// Sends a message to everybody in the call.
    pub async fn send(&self, body: &impl Serialize) -> Result<(), Error> {
        self.send_to(None, body).await
    }

    /// Sends a message to one participant.
    pub async fn send_only(&self, to: &str, body: &impl Serialize) -> Result<(), Error> {
        self.send_to(Some(Recipients(vec![user(to)?])), body).await
    }

    async fn send_to(&self, to: Option<Recipients>, body: &impl Serialize) -> Result<(), Error> {
        let body = Body::new(body).map_err(|error| Error::Body(error.to_string()))?;
        self.ask(Command::Send(Send { call: self.id, to, body })).await
    }

    /// The call as it stands, with the first page of its log.
    pub async fn get(&self) -> Result<GetOk, Error> {
        self.get_after(0).await
    }

    /// The call as it stands, with the page of its log after `seq`.
    pub async fn get_after(&self, seq: u64) -> Result<GetOk, Error> {
        let get = Get { call: self.id, after: Some(seq), limit: None };
        read(&self.client.ask(Command::Get(get)).await?)
    }

    async fn ask(&self, command: Command) -> Result<(), Error> {
        self.client.ask(command).await.map(|_| ())
    }
}

impl Action<Box<CallInfo>> {
    /// Answers with sound only.
    pub fn audio(mut self) -> Self {
        if let Some(Command::Accept(accept)) = self.command_mut() {
            accept.media = Some(Media::Audio);
        }
        self
    }
}

fn opened(_: &Client, body: &Body) -> Result<Box<CallInfo>, Error> {
    read(body).map(|ok: StartOk| ok.info)
}

/// A call that rings here. It is a [`Call`]: accept it, refuse it, or let it ring.
#[derive(Debug, Clone)]
pub struct Incoming {
    pub(crate) call: Call,
    /// Who invites; none where the server does.
    pub from: Option<UserId>,
    /// The inviter's words.
    pub note: Note,
    /// The whole call as it stood.
    pub info: Box<CallInfo>,
}

impl Incoming {
    /// The call, to be kept after the answer.
    pub fn call(&self) -> &Call {
        &self.call
    }
}

impl Deref for Incoming {
    type Target = Call;

    fn deref(&self) -> &Call {
        &self.call
    }
}
