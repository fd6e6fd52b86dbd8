//! What a push service answered, and the way to it.

use std::time::Duration;

use bellwire_core::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use reqwest::{
    Certificate, Client, RequestBuilder, Response, StatusCode,
    header::{HeaderMap, RETRY_AFTER},
    redirect,
};

/// How long it may take to connect to a service.
const CONNECT_WAIT: Duration = Duration::from_secs(5);
/// How long one attempt may take: a service that is slower is asked again.
const ANSWER_WAIT: Duration = Duration::from_secs(10);
/// A connection is asked so often whether it still stands. A push must not be what finds out.
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// The most that is read of an answer, in bytes; they are a few hundred.
const ANSWER_BYTES: usize = 64 * 1024;

/// What became of one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// It was taken.
    Sent { status: u16 },
    /// The service does not know the token any more, and has not since then.
    Dead { status: u16, why: String, since: Option<Timestamp> },
    /// It was refused, and would be again.
    Refused { status: Option<u16>, why: String },
    /// It may be tried again, not before this long.
    Again { status: Option<u16>, why: String, after: Option<Duration> },
}

/// The connections to one service.
#[derive(Debug, Clone)]
pub(crate) struct Link(Client);

/// An answer as it came.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) status: StatusCode,
    pub(super) retry_after: Option<Duration>,
    pub(super) body: Vec<u8>,
}

impl Link {
    /// A way that believes the system's authorities, or this root alone.
    pub(crate) fn new(root: Option<&[u8]>) -> Result<Self, String> {
        let mut builder = Client::builder()
            .no_proxy()
            .redirect(redirect::Policy::none())
            .user_agent(concat!("bellwire/", env!("CARGO_PKG_VERSION")))
            .tcp_nodelay(true)
            .connect_timeout(CONNECT_WAIT)
            .timeout(ANSWER_WAIT)
            .http2_keep_alive_interval(KEEP_ALIVE);
        if let Some(pem) = root {
            let roots = Certificate::from_pem_bundle(pem).ok().filter(|roots| !roots.is_empty());
            builder = builder.tls_certs_only(roots.ok_or("holds no certificate in PEM")?);
        }
        builder.build().map(Self).map_err(|error| error.to_string())
    }

    /// A post, to be filled in.
    pub(super) fn to(&self, url: reqwest::Url) -> RequestBuilder {
        self.0.post(url)
    }
}

/// Sends a post. What is no answer may be tried again.
pub(super) async fn send(request: RequestBuilder) -> Result<Said, Answer> {
    match request.send().await {
        Ok(response) => read(response).await,
        Err(error) => Err(broken(&error)),
    }
}

/// Reads an answer to its end, within bounds.
pub(super) async fn read(mut response: Response) -> Result<Said, Answer> {
    let status = response.status();
    let retry_after = retry_after(response.headers(), jiff::Timestamp::now());
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() <= ANSWER_BYTES => {
                body.extend_from_slice(&chunk);
            }
            // The status says enough.
            Ok(_) => return Ok(Said { status, retry_after, body }),
            Err(error) => return Err(broken(&error)),
        }
    }
}

fn broken(error: &reqwest::Error) -> Answer {
    // The error's own text may name the address, which is the device's secret with Web Push.
    let why = if error.is_timeout() {
        "no answer in time"
    } else if error.is_connect() {
        "cannot be connected to"
    } else if error.is_builder() {
        return Answer::Refused { status: None, why: "cannot be asked".to_owned() };
    } else {
        "the connection broke"
    };
    Answer::Again { status: None, why: why.to_owned(), after: None }
}

impl Said {
    /// What the status alone says, where nothing else is known.
    pub(super) fn by_status(&self, why: String) -> Answer {
        let status = self.status.as_u16();
        match status {
            200..300 => Answer::Sent { status },
            429 | 500.. => Answer::Again { status: Some(status), why, after: self.retry_after },
            _ => Answer::Refused { status: Some(status), why },
        }
    }
}

/// How long to wait, as a service says it: in seconds, or until a moment (RFC 9110, 10.2.3).
fn retry_after(headers: &HeaderMap, now: jiff::Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = DateTimeParser::new().parse_timestamp(text).ok()?;
    // A moment that has passed is no wait.
    Some(Duration::try_from(until.duration_since(now)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(value: &str) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, value.parse().unwrap());
        let now = jiff::Timestamp::from_second(784_111_770).unwrap();
        retry_after(&headers, now)
    }

    #[test]
    fn a_wait_is_told_in_seconds_or_until_a_moment() {
        assert_eq!(asked("3"), Some(Duration::from_secs(3)));
        assert_eq!(asked("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Duration::from_secs(7)));
        assert_eq!(asked("Sun, 06 Nov 1994 08:49:20 GMT"), Some(Duration::ZERO));
        assert_eq!(asked("soon"), None);
        assert_eq!(asked("Sun, 32 Nov 1994 08:49:20 GMT"), None);
    }
}
