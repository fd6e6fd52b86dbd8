//! What the business server changes in a call that goes on.

use super::{liveness, over_for_all};
use crate::{
    call::Mode,
    command::Refusal,
    draft::Draft,
    event::{Edit, Event},
    settings::MAX_TIME_MAX_S,
};

/// Only what differs is logged. A longest time that is over already ends the call at once.
pub(super) fn edit(draft: &mut Draft, wanted: Edit) -> Result<(), Refusal> {
    over_for_all(&draft.call)?;
    if draft.call.mode == Mode::Invite {
        return Err(Refusal::invalid(
            "call",
            "an invitation carries nothing and has no end to set",
        ));
    }
    if wanted.max_ms.is_some_and(|ms| ms != 0 && !(1000..=MAX_TIME_MAX_S * 1000).contains(&ms)) {
        let text = format!("0 for no bound, or 1 to {MAX_TIME_MAX_S} seconds");
        return Err(Refusal::invalid("max_time", text));
    }
    let now = draft.call.settings.max_ms.unwrap_or(0);
    let change = Edit {
        forbid: wanted.forbid.filter(|forbid| *forbid != draft.call.forbid),
        max_ms: wanted.max_ms.filter(|ms| *ms != now),
    };
    if change != Edit::default() {
        draft.push(Event::Edited(change));
        if draft.call.ends_by().is_some_and(|at| at <= draft.now) {
            liveness::tick(draft);
        }
    }
    Ok(())
}
