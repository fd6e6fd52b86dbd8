//! A user's own records, and which of their missed calls they have seen.

use std::sync::Arc;

use bellwire_protocol::{
    ErrorCode, Json, Record, RecordCursor, WireError, command,
    limits::{RECORDS_DEFAULT, RECORDS_PAGE},
    reply::RecordsOk,
};

use crate::{
    journal::RecordQuery,
    sessions::Session,
    storage::StorageError,
    switchboard::{Asker, Switchboard},
};

/// `record.list`
pub(super) async fn list(
    board: &Arc<Switchboard>,
    session: &Session,
    c: command::ListRecords,
    asker: Asker,
) {
    match page(board, session, &c).await {
        Ok(page) => board.answer(Some(asker), Json::of(&page)),
        Err(error) => unreadable(board, &error, asker),
    }
}

async fn page(
    board: &Switchboard,
    session: &Session,
    c: &command::ListRecords,
) -> Result<RecordsOk, StorageError> {
    let (app, user) = (&session.app, &session.user);
    let limit = c.limit.unwrap_or(RECORDS_DEFAULT).clamp(1, RECORDS_PAGE);
    let limit = u32::try_from(limit).unwrap_or(u32::MAX);
    let mut query = RecordQuery::newest(app.clone(), limit);
    query.user = Some(user.clone());
    query.missed_for = c.missed.filter(|m| *m).map(|_| user.clone());
    query.before_serial = c.before.map(|RecordCursor(serial)| serial);
    let found = board.storage.records(&query).await?;
    let records = found.iter().filter_map(|r| serde_json::from_str::<Record>(r).ok());
    let records = records.map(|record| record.told(user)).collect();
    Ok(RecordsOk { records, unread: board.unread(app, user).await? })
}

/// `record.read`
pub(super) async fn read(
    board: &Arc<Switchboard>,
    session: &Session,
    c: command::ReadRecords,
    asker: Asker,
) {
    let read = board.read_records(&session.app, &session.user, c.upto, asker).await;
    if let Err((error, asker)) = read {
        unreadable(board, &error, asker);
    }
}

fn unreadable(board: &Switchboard, error: &StorageError, asker: Asker) {
    tracing::error!(%error, "cannot read records");
    let text = "records cannot be read now; try again later";
    board.refuse(Some(asker), Box::new(WireError::new(ErrorCode::Unavailable, text)));
}
