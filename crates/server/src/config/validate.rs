//! What types cannot say about the server's settings: ranges and combinations.
//!
//! Everything is looked at and every problem told, so that one run of `bellwire config check` is
//! enough. What concerns a single app is looked at where it is resolved.

use std::{collections::BTreeMap, ops::RangeInclusive};

use bellwire_core::{GROUP_SIZE_MAX, REACH_TIME_MAX_S, RING_TIME_S};
use tracing_subscriber::{EnvFilter, filter::ParseError};

use super::{
    dev::DEV_APP,
    error::Problem,
    media::{Media, Turn},
    schema::{Acme, Calls, Config, Limits, Server, Storage, Tls},
};

/// The longest grace time, in seconds: past it, talking again is a new call.
const GRACE_MAX_S: u64 = 600;
/// The longest resume window, in seconds: sessions and their answers are kept that long.
const RESUME_MAX_S: u64 = 3_600;
/// The longest a call may be allowed to last, in seconds: a week.
const MAX_TIME_MAX_S: u64 = 7 * 24 * 3_600;
/// The longest drain, in seconds: the server has to be gone 15 s after SIGTERM.
const DRAIN_MAX_S: u64 = 10;
/// More threads than any machine has use for.
const THREADS_MAX: usize = 256;
/// The longest wait for a hello, in seconds: a connection without one costs and gives nothing.
const HELLO_MAX_S: u64 = 60;
/// The longest retention, in days: a century.
const KEEP_MAX_DAYS: u32 = 36_500;
/// The largest reserve, in MiB.
const RESERVE_MAX_MIB: u64 = 1_024;

/// The most media threads, as the media server takes them.
const MEDIA_THREADS_MAX: usize = bellwire_media::THREADS_MAX;
/// How long a TURN credential may be good for, in seconds: longer than it takes to connect, and at
/// most a week, as it cannot be taken back.
const TURN_TTL_S: RangeInclusive<u64> = 600..=7 * 24 * 3_600;

/// Everything wrong with the settings that are not one app's.
pub(crate) fn validate(config: &Config, dev: bool) -> Vec<Problem> {
    let mut problems = Vec::new();
    server(&config.server, &mut problems);
    limits("limits", &config.limits, &mut problems);
    tls(&config.tls, &mut problems);
    storage(&config.storage, &mut problems);
    calls("calls", &config.calls, &mut problems);
    media(&config.media, &mut problems);
    apps(config, dev, &mut problems);
    problems
}

impl Server {
    /// What is logged, as `log_level` has it. Values of fields stand for themselves: a regular
    /// expression could take many seconds to read.
    pub(crate) fn log_filter(&self) -> Result<EnvFilter, ParseError> {
        EnvFilter::builder().with_regex(false).parse(&self.log_level)
    }
}

fn server(server: &Server, problems: &mut Vec<Problem>) {
    within("server.drain_s", &server.drain_s, &(0..=DRAIN_MAX_S), problems);
    if let Some(threads) = server.threads {
        within("server.threads", &threads.get(), &(1..=THREADS_MAX), problems);
    }
    if server.data.as_os_str().is_empty() {
        problems.push(Problem::new("server.data", "must not be empty; name a directory"));
    }
    if let Err(error) = server.log_filter() {
        let says = format!("is no log filter: {error}; use error, warn, info, debug or trace");
        problems.push(Problem::new("server.log_level", says));
    }
}

/// Ranges of `limits`; `path` is where they stand.
pub(crate) fn limits(path: &str, limits: &Limits, problems: &mut Vec<Problem>) {
    // Named one by one: a limit added later does not compile until somebody looks at it here.
    let Limits {
        connections,
        hello_s,
        header_s,
        // Any number will do; 0 is none.
        connections_per_address: _,
        connects_per_address_s: _,
        sessions_per_address: _,
        failures_per_address_minute: _,
        requests_per_s,
        requests_burst,
        devices_per_user,
        calls_per_user,
        starts_per_minute,
        callees_per_minute,
        calls_per_app,
    } = limits;
    let counts = [
        ("connections", connections),
        ("requests_per_s", requests_per_s),
        ("requests_burst", requests_burst),
        ("devices_per_user", devices_per_user),
        ("calls_per_user", calls_per_user),
        ("starts_per_minute", starts_per_minute),
        ("callees_per_minute", callees_per_minute),
        ("calls_per_app", calls_per_app),
    ];
    for (name, value) in counts {
        if *value == 0 {
            let says = "must be at least 1: 0 would refuse everything";
            problems.push(Problem::new(format!("{path}.{name}"), says));
        }
    }
    within(&format!("{path}.hello_s"), hello_s, &(1..=HELLO_MAX_S), problems);
    within(&format!("{path}.header_s"), header_s, &(1..=HELLO_MAX_S), problems);
}

fn tls(tls: &Tls, problems: &mut Vec<Problem>) {
    let Tls { cert, key, acme } = tls;
    let mut refuse = |path: &str, says: &str| problems.push(Problem::new(path, says));
    match (cert, key) {
        (Some(_), None) => refuse("tls.key", "is missing; name the key of tls.cert"),
        (None, Some(_)) => refuse("tls.cert", "is missing; name the certificate of tls.key"),
        (Some(_), Some(_)) | (None, None) => {}
    }
    let Acme { domains, email, directory, directory_root: _ } = acme;
    if cert.is_some() && !domains.is_empty() {
        refuse("tls.acme.domains", "is one way to a certificate, tls.cert another; choose one");
    }
    for (i, domain) in domains.iter().enumerate() {
        if !is_domain(domain) {
            let says = "is no name that can be proved; write it as calls.shop.example, in lower \
                        case: no address, port or wildcard";
            refuse(&format!("tls.acme.domains[{i}]"), says);
        }
    }
    if email.as_ref().is_some_and(|email| !email.contains('@')) {
        refuse("tls.acme.email", "is no address of a mailbox");
    }
    if !directory.starts_with("https://") {
        refuse("tls.acme.directory", "must begin with https://; RFC 8555 asks for it");
    }
}

fn is_domain(domain: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let labels = || domain.split('.');
    labels().count() > 1
        && labels().all(|label| !label.is_empty() && label.chars().all(plain))
        && labels().next_back().is_some_and(|last| !last.chars().all(|c| c.is_ascii_digit()))
}

fn storage(storage: &Storage, problems: &mut Vec<Problem>) {
    let Storage { synchronous: _, records_keep_days, reserve_mib } = storage;
    within("storage.records_keep_days", records_keep_days, &(1..=KEEP_MAX_DAYS), problems);
    within("storage.reserve_mib", reserve_mib, &(1..=RESERVE_MAX_MIB), problems);
}

/// Ranges of `calls`; `path` is where they stand.
pub(crate) fn calls(path: &str, calls: &Calls, problems: &mut Vec<Problem>) {
    let Calls {
        ring_time_s,
        reach_time_s,
        ack_time_s,
        grace_s,
        resume_s,
        max_time_s,
        group_size,
        unavailable_as: _,
        room_media: _,
        policy: _,
    } = calls;
    let at = |name: &str| format!("{path}.{name}");
    within(&at("ring_time_s"), ring_time_s, &RING_TIME_S, problems);
    within(&at("reach_time_s"), reach_time_s, &(0..=REACH_TIME_MAX_S), problems);
    if let Some(ack) = ack_time_s {
        within(&at("ack_time_s"), ack, &(1..=*RING_TIME_S.end()), problems);
    }
    within(&at("grace_s"), grace_s, &(0..=GRACE_MAX_S), problems);
    within(&at("resume_s"), resume_s, &(1..=RESUME_MAX_S), problems);
    if let Some(max) = max_time_s {
        within(&at("max_time_s"), max, &(1..=MAX_TIME_MAX_S), problems);
    }
    within(&at("group_size"), group_size, &(2..=GROUP_SIZE_MAX), problems);
}

fn media(media: &Media, problems: &mut Vec<Problem>) {
    let Media { enabled: _, udp: _, udp_per_thread: _, tcp: _, announce, threads, turn } = media;
    if let Some(threads) = threads {
        within("media.threads", &threads.get(), &(1..=MEDIA_THREADS_MAX), problems);
    }
    for (i, address) in announce.iter().enumerate() {
        if address.is_unspecified() || address.is_multicast() {
            let says = "is no address that clients can reach";
            problems.push(Problem::new(format!("media.announce[{i}]"), says));
        }
    }
    let Turn { urls, secret, ttl_s } = turn;
    within("media.turn.ttl_s", ttl_s, &TURN_TTL_S, problems);
    for (i, url) in urls.iter().enumerate() {
        if !(url.starts_with("turn:") || url.starts_with("turns:")) {
            let says = "must begin with turn: or turns: (RFC 7065)";
            problems.push(Problem::new(format!("media.turn.urls[{i}]"), says));
        }
    }
    if urls.is_empty() != secret.is_none() {
        let says = "belongs to media.turn.urls; give both or neither";
        problems.push(Problem::new("media.turn.secret", says));
    }
}

fn apps(config: &Config, dev: bool, problems: &mut Vec<Problem>) {
    if config.apps.is_empty() && !dev {
        let says = "there is no app to serve; add an [[apps]] section to the file \
                    (`bellwire config sample` shows one), or try things out with --dev";
        problems.push(Problem::new("apps", says));
    }
    let mut keys = BTreeMap::new();
    let mut api_keys = BTreeMap::new();
    for (i, app) in config.apps.iter().enumerate() {
        if dev && app.key.as_str() == DEV_APP {
            let says = format!("--dev has an app {DEV_APP} of its own; give this one another key");
            problems.push(Problem::new(format!("apps[{i}].key"), says));
        }
        if let Some(first) = keys.insert(&app.key, i) {
            let says = format!("is the key of apps[{first}] too; every app needs its own");
            problems.push(Problem::new(format!("apps[{i}].key"), says));
        }
        for (j, key) in app.api_keys.iter().enumerate() {
            if let Some((a, b)) = api_keys.insert(key.secret().expose(), (i, j)) {
                let says = format!("is apps[{a}].api_keys[{b}] too; every key must be different");
                problems.push(Problem::new(format!("apps[{i}].api_keys[{j}]"), says));
            }
        }
    }
}

fn within<T>(path: &str, value: &T, range: &RangeInclusive<T>, problems: &mut Vec<Problem>)
where
    T: PartialOrd + std::fmt::Display,
{
    if !range.contains(value) {
        let says = format!("must be {} to {}, is {value}", range.start(), range.end());
        problems.push(Problem::new(path, says));
    }
}
