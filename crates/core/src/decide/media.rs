//! Audio ↔ video in a running direct call (R19), and how media came up.

use super::{inside, is_active};
use crate::{
    call::Media,
    command::{Actor, Refusal},
    draft::Draft,
    event::{Event, MediaReport},
};

pub(super) fn propose(draft: &mut Draft, by: &Actor, media: Media) -> Result<(), Refusal> {
    inside(&draft.call, by)?;
    if !draft.call.is_direct() || !is_active(&draft.call) {
        return Err(Refusal::Forbidden("audio and video are switched in an active direct call"));
    }
    let user = by.user.clone();
    let crossed = draft.call.proposal.as_ref().is_some_and(|p| p.by != user && p.media == media);
    if media < draft.call.media || crossed {
        draft.push(Event::MediaChanged { user, media });
    } else if media > draft.call.media {
        draft.push(Event::MediaProposed { user, media });
    } else if let Some(own) = draft.call.proposal.clone().filter(|p| p.by == user) {
        // Asking for what there is takes back what was asked for before.
        draft.push(Event::MediaRefused { proposer: own.by, media: own.media, cause: None });
    }
    Ok(())
}

pub(super) fn answer(draft: &mut Draft, by: &Actor, accept: bool) -> Result<(), Refusal> {
    inside(&draft.call, by)?;
    let Some(proposal) = draft.call.proposal.clone().filter(|p| p.by != by.user) else {
        return Err(Refusal::invalid("call", "no proposal waits for your answer"));
    };
    draft.push(if accept {
        Event::MediaChanged { user: by.user.clone(), media: proposal.media }
    } else {
        Event::MediaRefused { proposer: proposal.by, media: proposal.media, cause: None }
    });
    Ok(())
}

/// What was reported before in this stay is not logged again.
pub(super) fn report(draft: &mut Draft, by: &Actor, report: &MediaReport) -> Result<(), Refusal> {
    let me = inside(&draft.call, by)?;
    let Some(device) = me.device.clone() else { return Ok(()) };
    let known = me.reported;
    let news = MediaReport {
        connected_ms: report.connected_ms.filter(|_| !known.connected),
        first_frame_ms: report.first_frame_ms.filter(|_| !known.first_frame),
        failed: report.failed.clone().filter(|_| !known.failed),
    };
    if news != MediaReport::default() {
        draft.push(Event::MediaReported { user: by.user.clone(), device, report: news });
    }
    Ok(())
}
