//! Whether a user wants to be rung: their lists, do-not-disturb, and hours in their time zone.

use bellwire_core::{Timestamp, UserId};
use bellwire_protocol::{
    Availability, Day, QuietHours, QuietSpan, SetAvailability, WireError, limits::LISTED_USERS,
};
use jiff::{civil::Weekday, tz::TimeZone};

/// Why a user does not want to be rung by somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unwanted {
    /// The caller is on their block list.
    Blocked,
    /// The caller is not among those who may ring now.
    Quiet,
}

/// Why `caller` is not to ring the user now, if so.
pub(crate) fn unwanted(own: &Availability, caller: &UserId, now: Timestamp) -> Option<Unwanted> {
    if own.block.contains(caller) {
        return Some(Unwanted::Blocked);
    }
    let closed = own.only_allowed
        || (own.do_not_disturb && own.until.is_none_or(|until| now < until))
        || own.quiet_hours.as_ref().is_some_and(|hours| is_quiet(hours, now));
    (closed && !own.allow.contains(caller)).then_some(Unwanted::Quiet)
}

/// Changes `own` as asked, or says what cannot be. The users are those that `asked` lists, in the
/// order of [`SetAvailability::lists`].
pub(crate) fn change(
    own: &mut Availability,
    asked: &SetAvailability,
    [block, unblock, allow, disallow]: [Vec<UserId>; 4],
) -> Result<(), Box<WireError>> {
    if let Some(on) = asked.do_not_disturb {
        own.do_not_disturb = on;
        own.until = asked.until;
    }
    if let Some(hours) = &asked.quiet_hours {
        if TimeZone::get(&hours.time_zone).is_err() {
            let text = "is no time zone; write its IANA name, such as Europe/Berlin";
            return Err(Box::new(WireError::invalid("quiet_hours.time_zone", text)));
        }
        own.quiet_hours = Some(hours.clone()).filter(|hours| !hours.spans.is_empty());
    }
    own.only_allowed = asked.only_allowed.unwrap_or(own.only_allowed);
    for (field, list, add, remove) in
        [("block", &mut own.block, block, unblock), ("allow", &mut own.allow, allow, disallow)]
    {
        list.extend(add);
        list.retain(|user| !remove.contains(user));
        if list.len() > LISTED_USERS {
            let text = format!("would make a list of {}; {LISTED_USERS} are the most", list.len());
            return Err(Box::new(WireError::invalid(field, text)));
        }
    }
    Ok(())
}

/// Whether the clock on the user's wall stands in one of the spans. A zone that is not known any
/// more has no quiet hours: a call too many is better than one too few.
fn is_quiet(hours: &QuietHours, now: Timestamp) -> bool {
    let at = i64::try_from(now.0).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    let (Some(at), Ok(zone)) = (at, TimeZone::get(&hours.time_zone)) else { return false };
    let wall = at.to_zoned(zone);
    let minutes =
        u16::from(wall.hour().unsigned_abs()) * 60 + u16::from(wall.minute().unsigned_abs());
    let today = wall.weekday();
    hours.spans.iter().any(|span| covers(span, today, minutes))
}

fn covers(span: &QuietSpan, today: Weekday, minutes: u16) -> bool {
    let begins_on = |day| span.days.is_empty() || span.days.contains(&named(day));
    let (from, to) = (span.from.minutes(), span.to.minutes());
    if from < to {
        return begins_on(today) && (from..to).contains(&minutes);
    }
    (begins_on(today) && minutes >= from) || (begins_on(today.previous()) && minutes < to)
}

fn named(day: Weekday) -> Day {
    match day {
        Weekday::Monday => Day::Mon,
        Weekday::Tuesday => Day::Tue,
        Weekday::Wednesday => Day::Wed,
        Weekday::Thursday => Day::Thu,
        Weekday::Friday => Day::Fri,
        Weekday::Saturday => Day::Sat,
        Weekday::Sunday => Day::Sun,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(name: &str) -> UserId {
        UserId::parse(name).unwrap()
    }

    fn at(text: &str) -> Timestamp {
        let at: jiff::Timestamp = text.parse().unwrap();
        Timestamp(at.as_millisecond().try_into().unwrap())
    }

    fn own(text: &str) -> Availability {
        serde_json::from_str(text).unwrap()
    }

    /// Who of boss (allowed), eve (blocked) and bob may ring.
    fn ringing(own: &Availability, now: &str) -> Vec<&'static str> {
        let all = ["boss", "eve", "bob"].into_iter();
        all.filter(|name| unwanted(own, &user(name), at(now)).is_none()).collect()
    }

    #[test]
    fn lists_and_do_not_disturb_say_who_rings() {
        let noon = "2026-11-20T12:00:00Z";
        let lists = r#""block": ["eve"], "allow": ["boss", "eve"]"#;
        let with = |more: &str| own(&format!("{{{lists}{more}}}"));
        assert_eq!(ringing(&Availability::default(), noon), ["boss", "eve", "bob"]);
        assert_eq!(ringing(&with(""), noon), ["boss", "bob"], "a block is stronger");
        assert_eq!(ringing(&with(r#", "only_allowed": true"#), noon), ["boss"]);
        assert_eq!(ringing(&with(r#", "do_not_disturb": true"#), noon), ["boss"]);
        let until = at(noon).0;
        let ends = with(&format!(r#", "do_not_disturb": true, "until": {until}"#));
        assert_eq!(ringing(&ends, "2026-11-20T11:59:59.999Z"), ["boss"]);
        assert_eq!(ringing(&ends, noon), ["boss", "bob"]);
        assert_eq!(unwanted(&with(""), &user("eve"), at(noon)), Some(Unwanted::Blocked));
        assert_eq!(unwanted(&ends, &user("bob"), Timestamp(0)), Some(Unwanted::Quiet));
    }

    #[test]
    fn quiet_hours_are_those_of_the_users_clock() {
        let own = own(r#"{"quiet_hours": {"time_zone": "Europe/Berlin", "spans": [
                {"days": ["fri", "sat"], "from": "22:00", "to": "07:30"},
                {"days": ["wed"], "from": "12:00", "to": "13:00"}
            ]}}"#);
        let is_quiet = |now: &str| unwanted(&own, &user("bob"), at(now)).is_some();
        // Friday, 20 November 2026; Berlin is an hour ahead of UTC in winter.
        assert!(!is_quiet("2026-11-20T20:59:00Z"));
        assert!(is_quiet("2026-11-20T21:00:00Z"));
        assert!(is_quiet("2026-11-21T06:29:00Z"), "a span goes on after midnight");
        assert!(!is_quiet("2026-11-21T06:30:00Z"));
        assert!(is_quiet("2026-11-22T05:00:00Z"), "Sunday morning is Saturday's night");
        assert!(!is_quiet("2026-11-22T22:00:00Z"), "Sunday night is free");
        assert!(is_quiet("2026-11-18T11:30:00Z") && !is_quiet("2026-11-18T12:00:00Z"));
        // In summer it is two hours ahead.
        assert!(is_quiet("2026-07-17T20:00:00Z"), "a Friday in July");
    }

    #[test]
    fn a_span_without_days_or_from_a_time_to_itself_is_every_day_or_a_whole_one() {
        let spans = |text: &str| {
            own(&format!(r#"{{"quiet_hours": {{"time_zone": "UTC", "spans": [{text}]}}}}"#))
        };
        let nights = spans(r#"{"from": "23:00", "to": "06:00"}"#);
        for day in 16..23 {
            let now = format!("2026-11-{day}T23:30:00Z");
            assert!(unwanted(&nights, &user("bob"), at(&now)).is_some(), "{now}");
        }
        let day = spans(r#"{"days": ["fri"], "from": "08:00", "to": "08:00"}"#);
        let is_quiet = |now: &str| unwanted(&day, &user("bob"), at(now)).is_some();
        assert!(is_quiet("2026-11-20T08:00:00Z") && is_quiet("2026-11-21T07:59:00Z"));
        assert!(!is_quiet("2026-11-20T07:59:00Z") && !is_quiet("2026-11-21T08:00:00Z"));
    }

    #[test]
    fn a_change_touches_what_it_names() {
        let users = |names: &[&str]| names.iter().map(|name| user(name)).collect::<Vec<_>>();
        let nobody = || [vec![], vec![], vec![], vec![]];
        let ask = |text: &str| serde_json::from_str::<SetAvailability>(text).unwrap();
        let mut mine = own(r#"{"do_not_disturb": true, "until": 5, "block": ["eve"]}"#);
        let lists = [users(&["mallory", "trudy"]), users(&["eve"]), vec![], vec![]];
        change(&mut mine, &ask("{}"), lists).unwrap();
        let expected =
            own(r#"{"do_not_disturb": true, "until": 5, "block": ["mallory", "trudy"]}"#);
        assert_eq!(mine, expected);
        change(&mut mine, &ask(r#"{"do_not_disturb": true}"#), nobody()).unwrap();
        assert_eq!(mine.until, None, "on again, without an end");
        let asked = ask(r#"{"quiet_hours": {"time_zone": "Europe/Nowhere", "spans": []}}"#);
        let error = change(&mut mine, &asked, nobody()).unwrap_err();
        assert_eq!(error.field.as_deref(), Some("quiet_hours.time_zone"));
        let many = (0..=LISTED_USERS).map(|n| user(&format!("u{n}"))).collect();
        let error = change(&mut mine, &ask("{}"), [vec![], vec![], many, vec![]]).unwrap_err();
        assert_eq!(error.field.as_deref(), Some("allow"));
    }
}
