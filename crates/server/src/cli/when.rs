//! Moments and durations, for people to read and to type.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bellwire_core::Timestamp;

/// The longest life of a token made at a terminal: ten years.
const TTL_MAX_S: u64 = 3_650 * DAY_S;
const DAY_S: u64 = 86_400;

/// Now, by the clock of this machine.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// Reads `90`, `90s`, `15m`, `1h` or `7d`.
pub(crate) fn parse_ttl(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => DAY_S,
        other => return Err(format!("{other} is no unit; use s, m, h or d")),
    };
    let number: u64 = digits.parse().map_err(|_| "write a number and a unit: 90s, 15m, 1h, 7d")?;
    match number.checked_mul(unit) {
        Some(s @ 1..=TTL_MAX_S) => Ok(Duration::from_secs(s)),
        _ => Err("must be 1 second to 10 years".to_owned()),
    }
}

/// `+61.042 s`: how long after the beginning.
pub(crate) fn after(begin: Timestamp, at: Timestamp) -> String {
    let ms = at.since_ms(begin);
    format!("+{}.{:03} s", ms / 1_000, ms % 1_000)
}

/// `2026-11-19 20:00:00`, in UTC; nothing for a moment beyond the year 9999.
pub(crate) fn utc(at: Timestamp) -> String {
    let ms = i64::try_from(at.0).ok();
    let moment = ms.and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    moment.map(|moment| moment.strftime("%F %T").to_string()).unwrap_or_default()
}

/// `0:07`, `12:03`, `1:00:09`.
pub(crate) fn clock(ms: u64) -> String {
    let s = ms / 1_000;
    match s / 3_600 {
        0 => format!("{}:{:02}", s / 60, s % 60),
        hours => format!("{hours}:{:02}:{:02}", s / 60 % 60, s % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_as_dates() {
        assert_eq!(utc(Timestamp(0)), "1970-01-01 00:00:00");
        assert_eq!(utc(Timestamp(951_782_400_000)), "2000-02-29 00:00:00");
        assert_eq!(utc(Timestamp(1_795_118_400_123)), "2026-11-19 20:00:00");
        assert_eq!(utc(Timestamp(4_107_542_399_000)), "2100-02-28 23:59:59");
        assert_eq!(utc(Timestamp(4_107_542_400_000)), "2100-03-01 00:00:00");
    }

    #[test]
    fn durations_are_written_as_on_a_clock() {
        assert_eq!(clock(7_900), "0:07");
        assert_eq!(clock(3_609_000), "1:00:09");
    }

    #[test]
    fn a_ttl_has_a_unit_and_bounds() {
        assert_eq!(parse_ttl("90"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_ttl("2h"), Ok(Duration::from_hours(2)));
        assert_eq!(parse_ttl("7d"), Ok(Duration::from_hours(168)));
        for wrong in ["", "h", "0s", "-1s", "1y", "3651d", "99999999999999999999s", "1.5h", "1é"] {
            assert!(parse_ttl(wrong).is_err(), "{wrong}");
        }
    }
}
