//! What is a user's own beside their calls: when they want to be rung, which missed calls they
//! have seen. Changed by one of their devices or by the business server, told to the others.

use bellwire_core::{AppKey, SessionId, UserId};
use bellwire_protocol::{
    Json, RecordCursor, ServerEvent, SetAvailability, WireError, reply::ReadOk,
};

use super::{Asker, Switchboard};
use crate::{availability, journal::Row, storage::StorageError};

impl Switchboard {
    /// When and by whom the user wants to be rung.
    pub(crate) fn answer_availability(&self, app: &AppKey, user: &UserId, asker: Asker) {
        let own = self.directory.availability(app, user).unwrap_or_default();
        self.answer(Some(asker), Json::of(&*own));
    }

    /// Changes that.
    pub(crate) fn set_availability(
        &self,
        app: &AppKey,
        user: &UserId,
        asked: &SetAvailability,
        asker: Asker,
    ) {
        let named = asked.lists().map(|(field, named)| {
            let named = named.iter().enumerate();
            let user = named
                .map(|(i, named)| self.directory.resolve(app, named, || format!("{field}[{i}]")));
            user.collect::<Result<Vec<_>, _>>()
        });
        let [block, unblock, allow, disallow] = named;
        let changed = (|| -> Result<_, Box<WireError>> {
            let users = [block?, unblock?, allow?, disallow?];
            self.directory
                .change_availability(app, user, |own| availability::change(own, asked, users))
        })();
        match changed {
            Ok((own, row)) => {
                let ok = Json::of(&*own);
                let event = ServerEvent::Availability(Box::new((*own).clone()));
                self.answer_and_tell_own(app, user, (ok, Some(row)), &event, asker);
            }
            Err(error) => self.refuse(Some(asker), error),
        }
    }

    /// Missed calls up to `upto` have been seen; all there are, where none.
    pub(crate) async fn read_records(
        &self,
        app: &AppKey,
        user: &UserId,
        upto: Option<RecordCursor>,
        asker: Asker,
    ) -> Result<(), (StorageError, Asker)> {
        let last = self.calls.last_serial(app);
        let seen = upto.map_or(last, |RecordCursor(serial)| serial.min(last));
        let (seen, row) = self.directory.read(app, user, seen);
        let unread = match self.storage.missed(app, user, seen).await {
            Ok(unread) => unread,
            Err(error) => return Err((error, asker)),
        };
        let ok = ReadOk { upto: RecordCursor(seen), unread };
        let event = ServerEvent::RecordsRead(ok);
        self.answer_and_tell_own(app, user, (Json::of(&ok), row), &event, asker);
        Ok(())
    }

    /// How many missed calls the user has not seen.
    pub(crate) async fn unread(&self, app: &AppKey, user: &UserId) -> Result<u64, StorageError> {
        self.storage.missed(app, user, self.directory.read_upto(app, user)).await
    }

    /// Answers once the change is durable, and tells the user's devices other than the one that
    /// asked. Where nothing changed, nobody else is told.
    fn answer_and_tell_own(
        &self,
        app: &AppKey,
        user: &UserId,
        (ok, row): (Json, Option<Row>),
        event: &ServerEvent,
        asker: Asker,
    ) {
        let by: Option<SessionId> = asker.session().map(|session| session.id.clone());
        let mut others = Vec::new();
        if row.is_some() {
            others = self.sessions.of(app, user);
            others.retain(|session| Some(&session.id) != by.as_ref());
        }
        let frame = event.to_frame();
        self.answer_and(asker, ok, row.into_iter().collect(), move || {
            for session in others {
                session.send_ephemeral(&frame);
            }
        });
    }
}
