//! The limits of the wire, in one place. Sizes are bytes after JSON decoding.

/// The largest frame a device may send, in bytes.
pub const FRAME_BYTES: usize = 256 * 1024;
/// The deepest nesting of a frame. Real frames need 5; 32 leaves room for an app's own body.
pub const FRAME_DEPTH: usize = 32;
/// The largest request id: the largest integer every JSON reader keeps exactly.
pub const REQUEST_ID_MAX: u64 = (1 << 53) - 1;
/// The longest `content` of a note, in bytes.
pub const CONTENT_BYTES: usize = bellwire_core::CONTENT_BYTES;
/// The longest `body` of a message, in bytes.
pub const BODY_BYTES: usize = 32 * 1024;
/// The longest name (user, device, app, group, channel), in bytes.
pub const NAME_BYTES: usize = bellwire_core::NAME_BYTES;
/// The most users one presence command may name.
pub const PRESENCE_USERS: usize = 256;
/// The most users on one list of a user's availability.
pub const LISTED_USERS: usize = 1000;
/// The most spans of a user's quiet hours.
pub const QUIET_SPANS: usize = 28;
/// The most users one command may invite or address.
pub const CALLEES: usize = bellwire_core::GROUP_SIZE_MAX;
/// The most unanswered invitations (`mode: invite`) a user may have each way.
pub const PENDING_INVITES: usize = bellwire_core::PENDING_INVITES_MAX;
/// The answers a session remembers for repeated requests.
pub const ANSWERS: usize = 256;
/// The most capabilities a hello may list.
pub const CAPS: usize = 32;
/// The most calls a resume may name; a user is in far fewer.
pub const CURSORS: usize = 1024;
/// The most log entries in one answer, and the number where none is asked for.
pub const LOG_PAGE: usize = 256;
/// The most records in one answer.
pub const RECORDS_PAGE: usize = 200;
/// The records in one answer where no number is asked for.
pub const RECORDS_DEFAULT: usize = 50;
/// The most events in a page of the feed.
pub const EVENTS_PAGE: usize = 500;
/// The events in a page of the feed where no number is asked for.
pub const EVENTS_DEFAULT: usize = 100;
/// The most m-lines of an offer: with what browsers say of codecs an offer of so many stays within
/// a frame.
pub const MEDIA_LINES: usize = 64;
/// The longest `Idempotency-Key` of a request over HTTP, in bytes.
pub const IDEMPOTENCY_KEY_BYTES: usize = 255;
/// The longest `title` of a push, in bytes.
pub const PUSH_TITLE_BYTES: usize = 256;
/// The longest `content` of a push, in bytes.
pub const PUSH_CONTENT_BYTES: usize = 1024;
/// The longest `payload` of a push, in bytes. With title, text and names it stays within the 4 KiB
/// that services carry.
pub const PUSH_PAYLOAD_BYTES: usize = 2048;
/// The longest name of a push's sound, in bytes.
pub const PUSH_SOUND_BYTES: usize = 64;
/// The longest push token, endpoint or key, in bytes: as long as FCM lets its own grow.
pub const PUSH_TOKEN_BYTES: usize = 4096;
/// How long a connection may take to say hello, in seconds.
pub const HELLO_S: u64 = 10;
/// The time between two pings to a device at rest, in seconds.
pub const PING_IDLE_S: u64 = 25;
/// The time between two pings to a device that rings or is in a call, in seconds.
pub const PING_CALL_S: u64 = 5;
/// Pings without an answer after which a connection is lost.
pub const PINGS_MISSED: u32 = 2;
/// What may wait for a slow reader before it is cut off, in bytes.
pub const BACKLOG_BYTES: usize = 256 * 1024;
/// Requests a second of one connection, by default.
pub const REQUESTS_PER_S: u32 = 100;
/// Requests of one connection at once, by default.
pub const REQUESTS_BURST: u32 = 200;
/// How long before its token runs out a session is told, in seconds.
pub const TOKEN_NOTICE_S: u64 = 30;

/// A row of the table of limits.
#[derive(Debug, Clone, Copy)]
pub struct LimitRow {
    /// What is limited.
    pub what: &'static str,
    /// The most there may be, or the default of `setting`.
    pub value: u64,
    /// What the value counts.
    pub unit: &'static str,
    /// The setting that changes it.
    pub setting: Option<&'static str>,
}

const fn row(what: &'static str, value: u64, unit: &'static str) -> LimitRow {
    LimitRow { what, value, unit, setting: None }
}

const fn set(
    what: &'static str,
    value: u64,
    unit: &'static str,
    setting: &'static str,
) -> LimitRow {
    LimitRow { what, value, unit, setting: Some(setting) }
}

/// Every limit of the wire, for the docs.
pub const TABLE: [LimitRow; 28] = [
    row("a frame from a device", FRAME_BYTES as u64, "bytes"),
    row("nesting of a frame", FRAME_DEPTH as u64, "levels"),
    row("`content` of a note", CONTENT_BYTES as u64, "bytes"),
    row("`body` of a message", BODY_BYTES as u64, "bytes"),
    row("a name: user, device, app, group, channel", NAME_BYTES as u64, "bytes"),
    row("users one command invites or addresses", CALLEES as u64, "users"),
    row("users one presence command names", PRESENCE_USERS as u64, "users"),
    row("users on a list of `availability.set`", LISTED_USERS as u64, "users"),
    row("spans of quiet hours", QUIET_SPANS as u64, "spans"),
    row("unanswered `invite` calls of a user, each way", PENDING_INVITES as u64, "calls"),
    row("remembered answers of a session", ANSWERS as u64, "answers"),
    row("`caps` of a hello", CAPS as u64, "words"),
    row("`cursors` of a resume", CURSORS as u64, "calls"),
    row("log entries in a reply to `call.get`", LOG_PAGE as u64, "entries"),
    row("records in a reply, and after a resume", RECORDS_PAGE as u64, "records"),
    row("m-lines of a `media.offer`", MEDIA_LINES as u64, "m-lines"),
    row("`title` of a push", PUSH_TITLE_BYTES as u64, "bytes"),
    row("`content` of a push", PUSH_CONTENT_BYTES as u64, "bytes"),
    row("`payload` of a push", PUSH_PAYLOAD_BYTES as u64, "bytes"),
    row("a push token, or a field of a web subscription", PUSH_TOKEN_BYTES as u64, "bytes"),
    row("time between pings at rest", PING_IDLE_S, "s"),
    row("time between pings while ringing or in a call", PING_CALL_S, "s"),
    row("pings that may be missed", PINGS_MISSED as u64, "pings"),
    row("what may wait for a slow reader", BACKLOG_BYTES as u64, "bytes"),
    row("notice before a token runs out", TOKEN_NOTICE_S, "s"),
    set("time until hello", HELLO_S, "s", "limits.hello_s"),
    set("requests a second", REQUESTS_PER_S as u64, "requests", "limits.requests_per_s"),
    set("requests at once", REQUESTS_BURST as u64, "requests", "limits.requests_burst"),
];
