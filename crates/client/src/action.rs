//! Something to be asked, with an optional note.

use std::{
    future::{Future, IntoFuture},
    pin::Pin,
};

use bellwire_core::Note;
use bellwire_protocol::{Body, Command};

use crate::{Client, Error};

/// A command in the making: add a note if you like, then `.await` it.
#[must_use = "nothing is asked until it is awaited"]
pub struct Action<T> {
    client: Client,
    command: Result<Command, Error>,
    read: fn(&Client, &Body) -> Result<T, Error>,
}

impl<T> Action<T> {
    pub(crate) fn new(
        client: &Client,
        command: Result<Command, Error>,
        read: fn(&Client, &Body) -> Result<T, Error>,
    ) -> Self {
        Self { client: client.clone(), command, read }
    }

    /// The whole note at once.
    pub fn note(mut self, note: Note) -> Self {
        if let Some(own) = self.note_mut() {
            *own = note;
        }
        self
    }

    /// Text of the app's own, at most 8 KiB; the others get it to the letter.
    pub fn content(mut self, text: impl AsRef<str>) -> Self {
        if let Some(note) = self.note_mut() {
            note.content = Some(text.as_ref().into());
        }
        self
    }

    /// A number of the app's own.
    pub fn param(mut self, number: i32) -> Self {
        if let Some(note) = self.note_mut() {
            note.param = Some(number);
        }
        self
    }

    /// A code of the app's own.
    pub fn app_code(mut self, code: u32) -> Self {
        if let Some(note) = self.note_mut() {
            note.app_code = Some(code);
        }
        self
    }

    /// Bits of the app's own.
    pub fn app_flags(mut self, flags: u32) -> Self {
        if let Some(note) = self.note_mut() {
            note.app_flags = Some(flags);
        }
        self
    }

    pub(crate) fn command_mut(&mut self) -> Option<&mut Command> {
        self.command.as_mut().ok()
    }

    fn note_mut(&mut self) -> Option<&mut Note> {
        self.command_mut().and_then(note_mut)
    }
}

fn note_mut(command: &mut Command) -> Option<&mut Note> {
    match command {
        Command::Start(start) => Some(&mut start.note),
        Command::Accept(accept) => Some(&mut accept.note),
        Command::Reject(reject) => Some(&mut reject.note),
        Command::Cancel(cancel) => Some(&mut cancel.note),
        Command::Hangup(hangup) => Some(&mut hangup.note),
        Command::End(end) => Some(&mut end.note),
        Command::Invite(invite) => Some(&mut invite.note),
        Command::Hello(_)
        | Command::Ringing(_)
        | Command::Join(_)
        | Command::Move(_)
        | Command::Media(_)
        | Command::MediaAnswer(_)
        | Command::Ack(_)
        | Command::State(_)
        | Command::Send(_)
        | Command::Get(_)
        | Command::SendMessage(_)
        | Command::PresenceGet(_)
        | Command::PresenceWatch(_)
        | Command::PresenceUnwatch(_)
        | Command::GetAvailability
        | Command::SetAvailability(_)
        | Command::ListRecords(_)
        | Command::ReadRecords(_)
        | Command::PushSet(_)
        | Command::PushClear(_)
        | Command::MediaOffer(_)
        | Command::MediaReceive(_)
        | Command::MediaClose(_)
        | Command::MediaReport(_)
        | Command::RenewToken(_)
        | Command::Ping
        | Command::Logout => None,
    }
}

impl<T: 'static> IntoFuture for Action<T> {
    type Output = Result<T, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        let Self { client, command, read } = self;
        Box::pin(async move {
            let body = client.ask(command?).await?;
            read(&client, &body)
        })
    }
}
