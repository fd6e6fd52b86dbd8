//! `media.*`: a device connects its media, and chooses what it receives.

use std::{collections::BTreeMap, sync::Arc};

use bellwire_core::{Call, CallId, Command, Phase};
use bellwire_media::{Error, Mid, Offer, OfferField, Source, Want};
use bellwire_protocol::{
    ErrorCode, Json, WireError,
    media::{MediaOffer, MediaOfferOk, MediaReceive, Source as WireSource, Want as WireWant},
    reply::Empty,
};

use super::{
    connection::Line,
    ephemeral::{inside, not_in},
};
use crate::{
    media::{Offering, Router, peer_key},
    sessions::Session,
    switchboard::{Asker, Switchboard},
};

/// `media.offer`: connects the device's media, or changes the connection.
pub(super) async fn offer(board: &Arc<Switchboard>, line: &Line, c: Box<MediaOffer>, asker: Asker) {
    let MediaOffer { call: id, token, sdp, send, receive } = *c;
    let Some(call) = inside(board, line, id) else { return not_in(board, asker, id) };
    let (user, device) = (&line.session.user, &line.session.device);
    let asked = routed(board, &call).and_then(|router| {
        if !router.admits(&token, &call, user, device) {
            let text = "the token is not that of this device for this room; take the one in `room`";
            return Err(Box::new(WireError::new(ErrorCode::Unauthorized, text)));
        }
        let (send, receive) = (sources(send)?, wants(&call, receive)?);
        Ok((router, Offer { sdp, send, receive }))
    });
    let (router, offer) = match asked {
        Ok(asked) => asked,
        Err(error) => return board.refuse(Some(asker), error),
    };
    let Some(offering) = router.offering(&call, user, device, offer) else {
        return not_in(board, asker, id);
    };
    // A task of its own: the offer is taken even if the connection is torn meanwhile.
    let answering = answer(board.clone(), line.session.clone(), call, offering, asker);
    drop(tokio::spawn(answering).await);
}

async fn answer(
    board: Arc<Switchboard>,
    session: Arc<Session>,
    call: Arc<Call>,
    offering: Offering,
    asker: Asker,
) {
    let Some(router) = board.media.router(&call) else { return };
    let Offering { number, begun } = offering;
    board.media.catch_up(&board.calls, &call);
    let answered = router.answer(&call, &session.user, &session.device, begun).await;
    let (told, id) = (board.clone(), call.id);
    let offered = move || {
        if let Some(router) = told.media.router(&call) {
            router.offered(&told, &call, &session.user, number);
        }
    };
    match answered {
        Ok(Some(sdp)) => {
            board.answer_and(asker, Json::of(&MediaOfferOk { sdp }), Vec::new(), offered);
        }
        Ok(None) => not_in(&board, asker, id),
        Err(error) => board.refuse_and(asker, refused(&error, id), offered),
    }
}

/// `media.receive`: changes what receiving m-lines carry.
pub(super) async fn receive(board: &Arc<Switchboard>, line: &Line, c: MediaReceive, asker: Asker) {
    let Some(call) = inside(board, line, c.call) else { return not_in(board, asker, c.call) };
    let asked = routed(board, &call)
        .and_then(|router| changes(&call, c.receive).map(|wanted| (router, wanted)));
    let (router, wanted) = match asked {
        Ok(asked) => asked,
        Err(error) => return board.refuse(Some(asker), error),
    };
    match router.receive(&call, &line.session.user, wanted).await {
        Ok(()) => board.answer(Some(asker), Json::of(&Empty {})),
        Err(error) => board.refuse(Some(asker), refused(&error, c.call)),
    }
}

/// `media.close`: ends the device's media connection. The others see that its media is gone.
pub(super) async fn close(board: &Arc<Switchboard>, line: &Line, call: CallId, asker: Asker) {
    let Some(call) = inside(board, line, call) else { return not_in(board, asker, call) };
    let (user, device) = (line.session.user.clone(), line.session.device.clone());
    let was_up = match routed(board, &call) {
        Ok(router) => router.close(&call, &user, &device),
        Err(error) => return board.refuse(Some(asker), error),
    };
    board.answer(Some(asker), Json::of(&Empty {}));
    if was_up {
        board.act(&line.session.app, call.id, Command::MediaLost { user, device }).await;
    }
}

/// The router of an active call.
fn routed<'a>(board: &'a Switchboard, call: &Call) -> Result<&'a Router, Box<WireError>> {
    let Some(router) = board.media.router(call) else {
        let text = "the media of this call is the app's own; the server routes none";
        return Err(Box::new(WireError::new(ErrorCode::Unavailable, text)));
    };
    if call.phase != Phase::Active {
        let text = "there is no room before somebody has answered; wait for call.started";
        return Err(Box::new(WireError::invalid("call", text)));
    }
    Ok(router)
}

fn sources(send: BTreeMap<String, WireSource>) -> Result<BTreeMap<Mid, Source>, Box<WireError>> {
    let all = send
        .into_iter()
        .map(|(mid, source)| Ok((named(&mid, &format!("send.{mid}"))?, routed_source(source))));
    all.collect()
}

fn wants(
    call: &Call,
    receive: BTreeMap<String, WireWant>,
) -> Result<BTreeMap<Mid, Want>, Box<WireError>> {
    let all = receive.into_iter().map(|(mid, want)| {
        let field = format!("receive.{mid}");
        Ok((named(&mid, &field)?, wanted(call, &want, &field)?))
    });
    all.collect()
}

fn changes(
    call: &Call,
    receive: BTreeMap<String, Option<WireWant>>,
) -> Result<BTreeMap<Mid, Option<Want>>, Box<WireError>> {
    let all = receive.into_iter().map(|(mid, want)| {
        let field = format!("receive.{mid}");
        let want = want.map(|want| wanted(call, &want, &field)).transpose()?;
        Ok((named(&mid, &field)?, want))
    });
    all.collect()
}

fn named(mid: &str, field: &str) -> Result<Mid, Box<WireError>> {
    mid.parse().map_err(|error: bellwire_media::OfferError| {
        Box::new(WireError::invalid(field.to_owned(), format!("{field}: {}", error.text)))
    })
}

fn wanted(call: &Call, want: &WireWant, field: &str) -> Result<Want, Box<WireError>> {
    let Some(peer) = peer_key(call, &want.user) else {
        let text = format!("{} is not in this call", want.user);
        return Err(Box::new(WireError::invalid(format!("{field}.user"), text)));
    };
    // More than any screen is as large as there is.
    let bounded = |pixels: u32| u16::try_from(pixels).unwrap_or(u16::MAX);
    let size = match (want.width, want.height) {
        (None, None) => None,
        (width, height) => {
            Some((width.map_or(u16::MAX, bounded), height.map_or(u16::MAX, bounded)))
        }
    };
    Ok(Want { peer, source: routed_source(want.source), size })
}

fn routed_source(source: WireSource) -> Source {
    match source {
        WireSource::Mic => Source::Mic,
        WireSource::Camera => Source::Camera,
        WireSource::Screen => Source::Screen,
        WireSource::ScreenAudio => Source::ScreenAudio,
    }
}

/// What the router refused, as the wire says it.
fn refused(error: &Error, call: CallId) -> Box<WireError> {
    let mut wire = match error {
        Error::Offer(refused) => {
            let field = match refused.field {
                OfferField::Sdp => "sdp",
                OfferField::Send => "send",
                OfferField::Receive => "receive",
            };
            WireError::invalid(field, refused.text.clone())
        }
        Error::UnknownPeer => WireError::invalid(
            "call",
            "this device has no media connection; send media.offer first",
        ),
        _ => {
            tracing::error!(%call, %error, "the media router does not answer");
            WireError::new(ErrorCode::Unavailable, "media cannot be routed now; try again later")
        }
    };
    wire.call = Some(call);
    Box::new(wire)
}
