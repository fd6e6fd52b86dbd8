//! The web pages that are built in: the phone at `/`, and the hashed files it is made of.
//!
//! They are in the binary when `web/dist` was there as it was built, each file beside its
//! compressed forms. Without them `/` says how to get them; everything else works.

use std::borrow::Cow;

use axum::{
    extract::Path,
    http::{
        HeaderMap, HeaderName, HeaderValue, StatusCode,
        header::{
            ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY,
            CONTENT_TYPE, ETAG, IF_NONE_MATCH, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
        },
    },
    response::{IntoResponse, Response},
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use rust_embed::RustEmbed;

use super::problem;

/// What the build of the pages left.
#[derive(RustEmbed)]
#[folder = "../../web/dist"]
#[allow_missing = true]
struct Built;

/// A file as it was built in.
struct File {
    data: Cow<'static, [u8]>,
    /// SHA-256.
    hash: [u8; 32],
}

/// Finds a file by its path below the folder of the pages.
type Find = fn(&str) -> Option<File>;

fn built(path: &str) -> Option<File> {
    let file = Built::get(path)?;
    Some(File { data: file.data, hash: file.metadata.sha256_hash() })
}

/// Compressed forms, best first: what a browser calls them, and how their files end.
const ENCODINGS: [(&str, &str); 2] = [("br", ".br"), ("gzip", ".gz")];

/// Only what the server itself serves runs, is drawn, and is connected to; `'self'` covers the
/// WebSocket of the same host (CSP 3, section 6.7.2.8). Pictures and sound of a call are streams
/// or blobs.
const CONTENT_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self'; font-src 'self'; connect-src 'self'; media-src 'self' blob:; \
    manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'";
/// What a call needs, for this page alone.
const PERMISSIONS: &str = "camera=(self), microphone=(self), display-capture=(self), \
    speaker-selection=(self), screen-wake-lock=(self), geolocation=(), payment=(), usb=()";

/// A hashed file is never another: a year, which is what caches take for ever.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// The page names the hashed files, so it is asked for each time; mostly the answer is 304.
const EACH_TIME: &str = "no-cache";

/// Where the build puts the hashed files.
const ASSETS: &str = "assets/";

const MISSING: &str = "<!doctype html>
<html lang=\"en\">
<meta charset=\"utf-8\">
<title>Bellwire</title>
<h1>Bellwire is running</h1>
<p>The phone page is not in this build. <code>cargo xtask run</code> builds it and the server with
it; it uses Node 20.19 or newer, or fetches it. The API, the WebSocket and the terminal phone work
without it.</p>
</html>
";

/// The phone.
pub(super) async fn phone(headers: HeaderMap) -> Response {
    page("index.html", &headers, built)
}

/// One of the files that the pages are made of.
pub(super) async fn asset(Path(name): Path<String>, headers: HeaderMap) -> Response {
    asset_of(&name, &headers, built)
}

fn page(path: &str, asked: &HeaderMap, find: Find) -> Response {
    let mut response = match find(path) {
        Some(file) => send(path, &file, EACH_TIME, asked, find),
        None => ([(CONTENT_TYPE, kind(path)), (CACHE_CONTROL, EACH_TIME)], MISSING).into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_POLICY));
    headers.insert(
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static(PERMISSIONS),
    );
    headers.insert(
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    );
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

fn asset_of(name: &str, asked: &HeaderMap, find: Find) -> Response {
    let path = format!("{ASSETS}{name}");
    let Some(file) = find(&path) else { return problem::missing_page().into_response() };
    let mut response = send(&path, &file, FOR_EVER, asked, find);
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// The file in the best form that the browser takes, or that what it has is still right.
fn send(path: &str, file: &File, cache: &'static str, asked: &HeaderMap, find: Find) -> Response {
    let tag = tag(file);
    let always = [(CACHE_CONTROL, cache), (ETAG, tag.as_str()), (VARY, "accept-encoding")];
    if lists(asked, &IF_NONE_MATCH, &tag) {
        return (StatusCode::NOT_MODIFIED, always).into_response();
    }
    let kind = [(CONTENT_TYPE, kind(path))];
    for (encoding, ending) in ENCODINGS {
        if lists(asked, &ACCEPT_ENCODING, encoding)
            && let Some(smaller) = find(&format!("{path}{ending}"))
        {
            let encoded = [(CONTENT_ENCODING, encoding)];
            return (always, kind, encoded, bytes(smaller.data)).into_response();
        }
    }
    (always, kind, bytes(file.data.clone())).into_response()
}

/// Changes with the file. Of the plain form, so weak (RFC 9110, section 8.8.1).
fn tag(file: &File) -> String {
    format!("W/\"{}\"", BASE64_URL_SAFE_NO_PAD.encode(&file.hash[..8]))
}

fn bytes(data: Cow<'static, [u8]>) -> axum::body::Bytes {
    match data {
        Cow::Borrowed(bytes) => axum::body::Bytes::from_static(bytes),
        Cow::Owned(bytes) => bytes.into(),
    }
}

/// Whether a header that is a list has this item; one with `q=0` is one that is not wanted.
fn lists(headers: &HeaderMap, name: &HeaderName, item: &str) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|listed| {
        let (listed, weight) = listed.split_once(';').unwrap_or((listed, ""));
        let refused = weight.trim().strip_prefix("q=").is_some_and(|q| q.parse() == Ok(0.0));
        listed.trim().eq_ignore_ascii_case(item) && !refused
    })
}

/// The media type by how the name ends; the build makes no others.
fn kind(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, ending)| ending) {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "woff2" => "font/woff2",
        "webmanifest" => "application/manifest+json",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::to_bytes;

    fn find(path: &str) -> Option<File> {
        let text: &'static str = match path {
            "index.html" => "the page",
            "assets/phone-1a2b.js" => "the script",
            "assets/phone-1a2b.js.br" => "smaller",
            "assets/phone-1a2b.js.gz" => "small",
            _ => return None,
        };
        let hash = [u8::try_from(text.len()).expect("a short text"); 32];
        Some(File { data: Cow::Borrowed(text.as_bytes()), hash })
    }

    fn nothing(_: &str) -> Option<File> {
        None
    }

    fn asking(name: HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    fn header<'a>(response: &'a Response, name: &str) -> &'a str {
        response.headers().get(name).map_or("", |value| value.to_str().expect("text"))
    }

    async fn body(response: Response) -> Vec<u8> {
        to_bytes(response.into_body(), 1 << 16).await.expect("a body").to_vec()
    }

    #[tokio::test]
    async fn the_page_is_asked_for_each_time_and_may_run_only_what_the_server_serves() {
        let response = page("index.html", &HeaderMap::new(), find);
        assert_eq!(header(&response, "cache-control"), "no-cache");
        assert_eq!(header(&response, "x-content-type-options"), "nosniff");
        assert_eq!(header(&response, "referrer-policy"), "no-referrer");
        assert!(header(&response, "permissions-policy").contains("camera=(self)"));
        let policy = header(&response, "content-security-policy");
        assert!(policy.starts_with("default-src 'none';"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(body(response).await, b"the page");
    }

    #[tokio::test]
    async fn a_page_the_browser_has_is_not_sent_again() {
        let first = page("index.html", &HeaderMap::new(), find);
        let tag = first.headers()[ETAG].clone();
        let again = page("index.html", &HeaderMap::from_iter([(IF_NONE_MATCH, tag)]), find);
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
        assert!(!header(&again, "content-security-policy").is_empty());
        assert!(body(again).await.is_empty());
    }

    #[tokio::test]
    async fn an_asset_is_kept_for_ever_and_sent_as_small_as_the_browser_takes_it() {
        for (accepted, encoding, sent) in [
            ("gzip, deflate, br", "br", &b"smaller"[..]),
            ("gzip;q=0.8, br;q=0", "gzip", b"small"),
            ("identity", "", b"the script"),
        ] {
            let asked = asking(ACCEPT_ENCODING, accepted);
            let response = asset_of("phone-1a2b.js", &asked, find);
            assert_eq!(header(&response, "content-encoding"), encoding);
            assert!(header(&response, "cache-control").contains("immutable"));
            assert_eq!(header(&response, "content-type"), "text/javascript; charset=utf-8");
            assert_eq!(body(response).await, sent);
        }
        let missing = asset_of("../index.html", &HeaderMap::new(), find);
        assert_eq!(missing.status(), StatusCode::NOT_FOUND);
    }

    #[tokio::test]
    async fn without_the_pages_the_page_says_how_to_get_them() {
        let response = page("index.html", &HeaderMap::new(), nothing);
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(header(&response, "cache-control"), "no-cache");
        let told = String::from_utf8(body(response).await).expect("text");
        assert!(told.contains("cargo xtask run"), "{told}");
    }
}
