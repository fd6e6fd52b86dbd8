//! Where a device is to be woken when it sleeps.

use bellwire_protocol::{
    ErrorCode, Json, WireError,
    command::{PushClear, PushSet},
    reply::Empty,
};

use super::{Gateway, connection::Line};
use crate::switchboard::Asker;

/// `push.set`
pub(super) fn set(gateway: &Gateway, line: &Line, set: &PushSet, asker: Asker) {
    let board = &gateway.board;
    let Some(app) = gateway.apps.get(&line.session.app) else {
        let text = "your app is no longer served here";
        let error = WireError::new(ErrorCode::Unauthorized, text);
        return board.refuse(Some(asker), Box::new(error));
    };
    match board.set_token(&app, &line.session, set) {
        // Behind the token on its way to the disk.
        Ok(()) => board.answer(Some(asker), Json::of(&Empty {})),
        Err(error) => board.refuse(Some(asker), error),
    }
}

/// `push.clear`
pub(super) fn clear(gateway: &Gateway, line: &Line, which: &PushClear, asker: Asker) {
    let (board, session) = (&gateway.board, &line.session);
    board.clear_tokens(&session.app, &session.user, Some(&session.device), which);
    board.answer(Some(asker), Json::of(&Empty {}));
}
