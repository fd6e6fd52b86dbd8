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

/// `2026-11-19 20:00:00`, in UTC.
pub(crate) fn utc(at: Timestamp) -> String {
    let s = at.0 / 1_000;
    let (year, month, day) = date(s / DAY_S);
    let (hour, minute, second) = (s / 3_600 % 24, s / 60 % 60, s % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
}

/// `0:07`, `12:03`, `1:00:09`.
pub(crate) fn clock(ms: u64) -> String {
    let s = ms / 1_000;
    match s / 3_600 {
        0 => format!("{}:{:02}", s / 60, s % 60),
        hours => format!("{hours}:{:02}:{:02}", s / 60 % 60, s % 60),
    }
}

/// The Gregorian date of a day counted from 1970-01-01. Years are counted from March on, so that
/// the leap day comes last; 719 468 days lie between the March of year 0 and 1970.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let era = days / 146_097;
    let of_era = days % 146_097;
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + u64::from(month <= 2), month, day)
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
