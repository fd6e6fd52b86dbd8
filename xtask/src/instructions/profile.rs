//! What callgrind writes down of a run, as far as it is wanted here: instructions by function.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};

/// The instructions of one run.
#[derive(Debug, Default)]
pub(super) struct Profile {
    total: u64,
    /// Of each function, with all it calls.
    inclusive: BTreeMap<String, u64>,
}

impl Profile {
    /// Reads a profile in the format of callgrind, written without any compression.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let mut profile = Self::default();
        let (mut function, mut callee, mut called) = ("", "", false);
        let mut total = None;
        for (at, line) in text.lines().enumerate() {
            if let Some(name) = line.strip_prefix("fn=") {
                function = name;
            } else if let Some(name) = line.strip_prefix("cfn=") {
                callee = name;
            } else if line.starts_with("calls=") {
                called = true;
            } else if let Some(events) = line.strip_prefix("events:") {
                if events.trim() != "Ir" {
                    bail!("counts `{}`, where `Ir` alone was asked for", events.trim());
                }
            } else if let Some(number) = line.strip_prefix("totals:") {
                total = number.trim().parse().ok();
            } else if line.starts_with(|first: char| first.is_ascii_digit()) {
                let cost = cost(line).with_context(|| format!("line {}: `{line}`", at + 1))?;
                // What a function costs that calls itself is already in its other lines.
                if !called || callee != function {
                    profile.add(function, cost);
                }
                called = false;
            }
        }
        profile.total = total.context("has no line `totals:`: the run did not come to its end")?;
        Ok(profile)
    }

    fn add(&mut self, function: &str, cost: u64) {
        match self.inclusive.get_mut(function) {
            Some(sum) => *sum += cost,
            None => drop(self.inclusive.insert(function.to_owned(), cost)),
        }
    }
}

/// The cost at the end of a line whose beginning says where it arose; left out when it is nothing.
fn cost(line: &str) -> Result<u64> {
    let mut words = line.split(' ').skip(1);
    let cost = words.next().map_or(Ok(0), str::parse).context("no number of instructions")?;
    if words.next().is_some() {
        bail!("more than one number of instructions");
    }
    Ok(cost)
}

/// The instructions of one life.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Life {
    pub(super) whole: u32,
    inclusive: BTreeMap<String, u32>,
}

impl Life {
    /// What `lives` more of them make a run dearer by, so that starting does not count.
    pub(super) fn between(few: &Profile, many: &Profile, lives: u32) -> Result<Self> {
        let each = |few: u64, many: u64| {
            let more = many.saturating_sub(few) + u64::from(lives) / 2;
            u32::try_from(more / u64::from(lives)).context("a life of billions of instructions")
        };
        let mut inclusive = BTreeMap::new();
        for (name, &many) in &many.inclusive {
            let few = few.inclusive.get(name).copied().unwrap_or(0);
            inclusive.insert(name.clone(), each(few, many)?);
        }
        Ok(Self { whole: each(few.total, many.total)?, inclusive })
    }

    /// What a function costs in a life, with all it calls; none when no life comes to it.
    pub(super) fn of(&self, function: &str) -> Option<u32> {
        self.inclusive.get(function).copied().filter(|&instructions| instructions > 0)
    }

    /// The functions that cost at least `least`, the dearest first.
    pub(super) fn dearest(&self, least: u32) -> Vec<(&str, u32)> {
        let all = self.inclusive.iter().map(|(name, &cost)| (name.as_str(), cost));
        let mut dearest: Vec<_> = all.filter(|&(_, cost)| cost >= least).collect();
        dearest.sort_by_key(|&(_, cost)| std::cmp::Reverse(cost));
        dearest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `main` costs 3 itself and calls `parse` twice, which costs 5 and calls `copy` and itself.
    const RUN: &str = "# callgrind format\nversion: 1\ncmd:  life 100\n\npositions: line\n\
        events: Ir\nsummary: 90\n\n\
        fl=main.rs\nfn=main\n3 2\nfi=other.rs\n4 1\n5\ncfi=parse.rs\ncfn=parse\ncalls=2 9\n3 82\n\n\
        fl=parse.rs\nfn=parse\n9 5\ncfn=copy\ncalls=7 1\n9 70\ncfn=parse\ncalls=1 9\n9 12\n\
        jcnd=1/2 9\n9 7\n\nfn=copy\n1 70\n\ntotals: 90\n";

    #[test]
    fn a_function_costs_its_own_lines_and_its_calls() {
        let profile = Profile::parse(RUN).unwrap();
        assert_eq!(profile.total, 90);
        assert_eq!(profile.inclusive["main"], 85);
        assert_eq!(profile.inclusive["copy"], 70);
    }

    #[test]
    fn a_call_of_itself_is_not_counted_twice() {
        assert_eq!(Profile::parse(RUN).unwrap().inclusive["parse"], 82);
    }

    #[test]
    fn a_function_that_stands_in_two_places_is_one() {
        let twice = RUN.replace("totals", "fn=copy\n1 4\n\ntotals");
        assert_eq!(Profile::parse(&twice).unwrap().inclusive["copy"], 74);
    }

    #[test]
    fn what_is_not_whole_or_not_understood_is_refused() {
        for (from, to, named) in [
            ("totals: 90\n", "", "totals"),
            ("events: Ir", "events: Ir Dr", "Ir Dr"),
            ("9 5\n", "9 5 3\n", "line 22: `9 5 3`"),
            ("9 5\n", "9 five\n", "line 22: `9 five`"),
        ] {
            let error = Profile::parse(&RUN.replace(from, to)).unwrap_err();
            assert!(error.to_string().contains(named), "{error}");
        }
    }

    fn profile(total: u64, functions: &[(&str, u64)]) -> Profile {
        let inclusive = functions.iter().map(|&(name, cost)| (name.to_owned(), cost)).collect();
        Profile { total, inclusive }
    }

    #[test]
    fn what_both_runs_have_is_no_part_of_a_life() {
        let few = profile(1_000, &[("open", 700), ("parse", 200)]);
        let many = profile(3_004, &[("open", 700), ("parse", 2_195), ("late", 30)]);
        let life = Life::between(&few, &many, 20).unwrap();
        assert_eq!(life.whole, 100);
        assert_eq!(life.of("parse"), Some(100));
        assert_eq!(life.of("late"), Some(2));
        assert_eq!(life.of("open"), None, "no life comes to it");
        assert_eq!(life.of("render"), None);
        assert_eq!(life.dearest(2), [("parse", 100), ("late", 2)]);
    }
}
