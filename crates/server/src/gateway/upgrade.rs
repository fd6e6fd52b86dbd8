//! `GET /v1/ws`: from HTTP to WebSocket (RFC 6455, section 4.2).

use std::{net::IpAddr, sync::Arc};

use axum::{
    extract::{Request, State},
    http::{
        HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version,
        header::{
            CONNECTION, HOST, ORIGIN, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
            SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
        },
        uri::Authority,
    },
    response::{IntoResponse, Response},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use bellwire_protocol::SUBPROTOCOL;
use hyper_util::{
    rt::TokioIo,
    server::conn::auto::upgrade::{Parts, downcast},
};
use sha1::{Digest as _, Sha1};

use super::{Entrance, Gateway};
use crate::listen::{Stream, Visitor};

/// What the key is answered with (section 1.3).
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Lets a device in.
pub(crate) async fn upgrade(State(gateway): State<Arc<Gateway>>, mut request: Request) -> Response {
    if let Err(why) = gateway.takes_connections() {
        return (StatusCode::SERVICE_UNAVAILABLE, why).into_response();
    }
    let visitor = request.extensions().get::<Visitor>().cloned().unwrap_or_default();
    let headers = request.headers();
    if let Err(refusal) = check(&request) {
        return refusal.into_response();
    }
    let place = match visitor.connect() {
        Ok(place) => place,
        Err(crowded) => {
            return (StatusCode::TOO_MANY_REQUESTS, crowded.to_string()).into_response();
        }
    };
    let key = headers.get(SEC_WEBSOCKET_KEY).map(HeaderValue::as_bytes).unwrap_or_default();
    let accept =
        BASE64_STANDARD.encode(Sha1::new().chain_update(key).chain_update(GUID).finalize());
    let speaks = lists(headers, &SEC_WEBSOCKET_PROTOCOL, SUBPROTOCOL);
    let origin = foreign_page(headers);
    let upgraded = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let Ok(upgraded) = upgraded.await else { return };
        // The listener hands out nothing else, so the other case cannot come up.
        let Ok(Parts { io, read_buf, .. }) = downcast::<TokioIo<Stream>>(upgraded) else { return };
        // A copy, as the original holds on to the whole read buffer.
        let mut early = read_buf.to_vec();
        drop(read_buf);
        let entrance = Entrance { origin: origin.as_deref(), visitor: &visitor };
        gateway.serve(io.into_inner(), &mut early, entrance).await;
        drop(place);
    });
    let mut response = StatusCode::SWITCHING_PROTOCOLS.into_response();
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(accept) = HeaderValue::from_str(&accept) {
        headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    }
    if speaks {
        headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
    }
    response
}

/// Refuses what is no opening handshake (section 4.2.1).
fn check(request: &Request) -> Result<(), impl IntoResponse + use<>> {
    let headers = request.headers();
    let bad = |why| Err((StatusCode::BAD_REQUEST, [(UPGRADE, "websocket")], why));
    if request.method() != Method::GET || request.version() != Version::HTTP_11 {
        return bad("a WebSocket begins with GET over HTTP/1.1\n");
    }
    if !lists(headers, &CONNECTION, "upgrade") || !lists(headers, &UPGRADE, "websocket") {
        return Err((
            StatusCode::UPGRADE_REQUIRED,
            [(UPGRADE, "websocket")],
            "this is a WebSocket; ask for an upgrade\n",
        ));
    }
    if headers.get(SEC_WEBSOCKET_VERSION).is_none_or(|v| v != "13") {
        return Err((
            StatusCode::UPGRADE_REQUIRED,
            [(SEC_WEBSOCKET_VERSION, "13")],
            "only version 13 of the WebSocket protocol is spoken\n",
        ));
    }
    if headers.get(SEC_WEBSOCKET_KEY).is_none_or(HeaderValue::is_empty) {
        return bad("Sec-WebSocket-Key is missing\n");
    }
    Ok(())
}

/// The origin of the web page that asks (RFC 6454); none for a program, and none for a page from
/// this server's own address. Where nothing proves that a name is the server's, as TLS does, it may
/// be anybody's that leads here (DNS rebinding), and does not count.
fn foreign_page(headers: &HeaderMap) -> Option<String> {
    let origin = String::from_utf8_lossy(headers.get(ORIGIN)?.as_bytes());
    let own = headers.get(HOST).and_then(|host| host.to_str().ok());
    let is_own = origin.split_once("://").is_some_and(|(scheme, page)| {
        own.is_some_and(|own| own.eq_ignore_ascii_case(page))
            && (scheme == "https" || page.parse().is_ok_and(|page| is_address(&page)))
    });
    (!is_own).then(|| origin.into_owned())
}

/// Whether nobody can have it lead elsewhere.
fn is_address(authority: &Authority) -> bool {
    let host = authority.host().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok()
}

/// Whether a header that is a list has this word in it, in whatever case.
fn lists(headers: &HeaderMap, name: &HeaderName, word: &str) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|item| item.trim().eq_ignore_ascii_case(word))
}
