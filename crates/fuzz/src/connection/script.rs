//! What the hostile devices do, line by line.

use std::{cell::RefCell, collections::BTreeMap, time::Duration};

use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::json;

use super::HOSTILE;

/// The secret of both apps, which no device knows.
pub(super) const SECRET: &str = "shop-secret-shop-secret-shop-sec";
/// When tokens end, in seconds since the Unix epoch: never, in here.
const EXPIRES_S: u64 = 4_000_000_000;
/// More lines teach nothing new.
const LINES: usize = 96;
/// The longest wait: past every deadline but the longest.
const WAIT_MS: u64 = 100_000;

/// One act of one device. The first character of a line is the device (`0` to `2`), the second
/// what it does.
pub(super) struct Line<'a> {
    /// Which of the hostile devices.
    pub(super) by: usize,
    pub(super) act: Act<'a>,
}

/// What a device does.
pub(super) enum Act<'a> {
    /// `h`: says hello with its token; the rest is more fields of it, after a comma.
    Hello(&'a str),
    /// `t`: sends the rest as a text frame. In it `$I` is the next request id, `$C` the last call
    /// the device has heard of, `$S` its session, `$T` its token; `$Z` is the honest device's
    /// session, as if it had leaked.
    Text(&'a str),
    /// `b`: sends the rest as it is, which may be no frame.
    Bytes(&'a [u8]),
    /// `w`: time passes, as many milliseconds as the rest says.
    Wait(Duration),
    /// `x`: the connection is lost.
    Drop,
    /// `r`: a new connection, the old one left as it is lost.
    Reconnect,
}

impl<'a> Line<'a> {
    /// Reads a script; lines that say nothing are passed over.
    pub(super) fn read(data: &'a [u8]) -> Vec<Self> {
        data.split(|byte| *byte == b'\n').filter_map(Self::one).take(LINES).collect()
    }

    fn one(line: &'a [u8]) -> Option<Self> {
        let [by, act, rest @ ..] = line else { return None };
        let text = || std::str::from_utf8(rest).ok();
        let act = match act {
            b'h' => Act::Hello(text()?),
            b't' => Act::Text(text()?),
            b'b' => Act::Bytes(rest),
            b'w' => {
                let ms = text()?.trim().parse::<u64>().ok()?;
                Act::Wait(Duration::from_millis(ms.min(WAIT_MS)))
            }
            b'x' => Act::Drop,
            b'r' => Act::Reconnect,
            _ => return None,
        };
        let by = usize::from(by.checked_sub(b'0')?);
        (by < HOSTILE.len()).then_some(Self { by, act })
    }
}

/// The token of a user.
pub(super) fn token(app: &str, user: &str) -> String {
    thread_local! {
        /// The few there are, made once.
        static MADE: RefCell<BTreeMap<String, String>> = RefCell::default();
    }
    let make = || {
        let header = Header { kid: Some(app.to_owned()), ..Header::default() };
        let claims = json!({ "sub": user, "exp": EXPIRES_S });
        encode(&header, &claims, &EncodingKey::from_secret(SECRET.as_bytes()))
            .expect("HS256 takes any secret")
    };
    MADE.with_borrow_mut(|made| made.entry(format!("{app} {user}")).or_insert_with(make).clone())
}
