//! When and by whom a user wants to be rung.

use std::{collections::BTreeSet, fmt, str::FromStr};

use bellwire_core::{Timestamp, UserId};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::{
    Fault, UserRef,
    check::{check_count, fault},
    limits,
};

/// When and by whom a user wants to be rung. Calls that are not wanted ring no device of theirs;
/// what the caller sees instead is the app's setting `unavailable_as`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Availability {
    /// Nobody rings but those in `allow`.
    #[serde(default)]
    pub do_not_disturb: bool,
    /// When `do_not_disturb` ends by itself; it stays on where none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Hours in which nobody rings but those in `allow`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quiet_hours: Option<QuietHours>,
    /// Who never rings.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub block: BTreeSet<UserId>,
    /// Who rings in spite of `do_not_disturb` and `quiet_hours`.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub allow: BTreeSet<UserId>,
    /// Nobody else than those in `allow` rings at any time.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub only_allowed: bool,
}

/// Hours that come again each week.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct QuietHours {
    /// Where the user's clock is, as an IANA name such as `Europe/Berlin`.
    pub time_zone: String,
    /// The hours; none takes them off.
    #[schemars(length(max = limits::QUIET_SPANS))]
    pub spans: Vec<QuietSpan>,
}

/// A part of certain days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct QuietSpan {
    /// The days on which it begins; every day where none.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub days: BTreeSet<Day>,
    /// When it begins.
    pub from: ClockTime,
    /// When it is over: on the next day where that is not later than `from`.
    pub to: ClockTime,
}

/// A day of the week.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Day {
    /// Monday.
    Mon,
    /// Tuesday.
    Tue,
    /// Wednesday.
    Wed,
    /// Thursday.
    Thu,
    /// Friday.
    Fri,
    /// Saturday.
    Sat,
    /// Sunday.
    Sun,
}

/// What a clock on the wall shows, in minutes since midnight; written `22:30`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClockTime(u16);

/// Why a text is no time of a clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("write the time as 00:00 to 23:59")]
pub struct NoClockTime;

impl ClockTime {
    /// Minutes since midnight, 0 to 1439.
    pub fn minutes(self) -> u16 {
        self.0
    }
}

impl FromStr for ClockTime {
    type Err = NoClockTime;

    fn from_str(text: &str) -> Result<Self, NoClockTime> {
        let (hours, minutes) = text.split_once(':').ok_or(NoClockTime)?;
        let number = |text: &str, below: u16| {
            let digits = text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
            let number = text.parse::<u16>().ok().filter(|n| digits && *n < below);
            number.ok_or(NoClockTime)
        };
        Ok(Self(number(hours, 24)? * 60 + number(minutes, 60)?))
    }
}

impl fmt::Display for ClockTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

impl Serialize for ClockTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ClockTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl JsonSchema for ClockTime {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ClockTime".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$",
            "description": "What a clock on the wall shows: `00:00` to `23:59`.",
        })
    }
}

/// `availability.set`: changes when and by whom the user wants to be rung.
///
/// What is absent stays as it was. The answer is the whole of it, and the event `availability`
/// tells the user's other devices.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct SetAvailability {
    /// Whether nobody but those in `allow` rings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub do_not_disturb: Option<bool>,
    /// When that ends by itself; for `do_not_disturb: true`, which without it stays on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// The quiet hours, in the place of those before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quiet_hours: Option<QuietHours>,
    /// Whether nobody else than those in `allow` rings at any time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub only_allowed: Option<bool>,
    /// Whom to block.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub block: Option<Vec<UserRef>>,
    /// Whom to block no longer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unblock: Option<Vec<UserRef>>,
    /// Whom to allow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow: Option<Vec<UserRef>>,
    /// Whom to allow no longer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disallow: Option<Vec<UserRef>>,
}

impl SetAvailability {
    /// Looks at sizes, and at what only makes sense together.
    pub fn check(&self) -> Result<(), Fault> {
        for (field, list) in self.lists() {
            check_count(field, list.len(), limits::LISTED_USERS)?;
        }
        if self.until.is_some() && self.do_not_disturb != Some(true) {
            return Err(fault("until", "says when `do_not_disturb: true` ends; give both"));
        }
        let spans = self.quiet_hours.as_ref().map_or(0, |hours| hours.spans.len());
        check_count("quiet_hours.spans", spans, limits::QUIET_SPANS)
    }

    /// The lists of users, with the names of their fields.
    pub fn lists(&self) -> [(&'static str, &[UserRef]); 4] {
        [
            ("block", &self.block),
            ("unblock", &self.unblock),
            ("allow", &self.allow),
            ("disallow", &self.disallow),
        ]
        .map(|(field, list)| (field, list.as_deref().unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_two_digits_each_and_of_one_day() {
        for (text, minutes) in [("00:00", 0), ("09:05", 545), ("23:59", 1439)] {
            let time: ClockTime = text.parse().unwrap();
            assert_eq!((time.minutes(), time.to_string().as_str()), (minutes, text));
        }
        for wrong in ["", "9:05", "24:00", "12:60", "12:5", "12:005", "+1:00", "12", "12:00:00"] {
            assert_eq!(wrong.parse::<ClockTime>(), Err(NoClockTime), "{wrong}");
        }
    }
}
