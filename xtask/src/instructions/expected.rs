//! What a life is expected to cost: the file it stands in, and how it is held against what is seen.

use std::fmt::Write;

use anyhow::{Context, Result, bail, ensure};

use super::profile::Life;

/// The figure that is no function's.
const WHOLE: &str = "whole life";

const HEADER: &str = "\
# Instructions of a call life: as a whole, and of functions with all they call (docs/testing.md).
# Names are chosen by hand (`cargo xtask instructions --list` has them), of plain functions: a
# future may be inlined in one folder and not in another. `--write` counts anew.
";

/// The figures a life is held against.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Expected {
    tolerance_percent: u32,
    /// What the figures were counted with: version and host of the compiler.
    pub(super) compiler: String,
    /// By name, never 0.
    figures: Vec<(String, u32)>,
}

impl Expected {
    pub(super) fn parse(text: &str) -> Result<Self> {
        let (mut tolerance, mut compiler, mut figures) = (None, None, Vec::<(String, u32)>::new());
        for (at, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let read = || format!("line {}: `{line}`", at + 1);
            let (first, rest) = line.split_once(' ').with_context(read)?;
            let rest = rest.trim();
            let number = |text: &str| text.parse().context("no whole number").with_context(read);
            match first {
                "tolerance_percent" => {
                    let percent = number(rest)?;
                    ensure!(percent < 100, "{}: that allows anything", read());
                    tolerance = Some(percent);
                }
                "compiler" => compiler = Some(rest.to_owned()),
                _ => {
                    let figure = number(first)?;
                    ensure!(figure > 0, "{}: nothing costs nothing", read());
                    ensure!(figures.iter().all(|(name, _)| name != rest), "{} again", read());
                    figures.push((rest.to_owned(), figure));
                }
            }
        }
        ensure!(!figures.is_empty(), "has no figures");
        Ok(Self {
            tolerance_percent: tolerance.context("has no line `tolerance_percent`")?,
            compiler: compiler.context("has no line `compiler`")?,
            figures,
        })
    }

    /// The text of the file, with figures that were seen.
    pub(super) fn renewed(&self, compiler: &str, seen: &Comparison) -> String {
        let mut text = HEADER.to_owned();
        // Writing to a `String` cannot fail.
        let _ = writeln!(text, "\ntolerance_percent {}", self.tolerance_percent);
        let _ = writeln!(text, "compiler {compiler}\n");
        for row in &seen.rows {
            let _ = writeln!(text, "{:>7} {}", row.seen, row.name);
        }
        text
    }

    /// Holds each figure against a life. A function that no life comes to is an error: it would
    /// pass for ever.
    pub(super) fn compare(&self, life: &Life) -> Result<Comparison> {
        let (mut rows, mut missing) = (Vec::new(), Vec::new());
        for (name, expected) in &self.figures {
            let seen = if name == WHOLE { Some(life.whole) } else { life.of(name) };
            match seen {
                Some(seen) => rows.push(Row { name: name.clone(), expected: *expected, seen }),
                None => missing.push(name.as_str()),
            }
        }
        if !missing.is_empty() {
            bail!(
                "no life comes to\n  {}\nA function that was renamed or is inlined now is not to \
                 be found by its name: `cargo xtask instructions --list` has the names there are",
                missing.join("\n  ")
            );
        }
        Ok(Comparison { rows, tolerance_percent: self.tolerance_percent })
    }
}

/// What was expected and what was seen.
#[derive(Debug)]
pub(super) struct Comparison {
    rows: Vec<Row>,
    pub(super) tolerance_percent: u32,
}

#[derive(Debug)]
struct Row {
    name: String,
    expected: u32,
    seen: u32,
}

impl Row {
    fn difference_percent(&self) -> f64 {
        (f64::from(self.seen) / f64::from(self.expected) - 1.0) * 100.0
    }
}

impl Comparison {
    /// How many figures are more than they may be.
    pub(super) fn more(&self) -> usize {
        self.rows.iter().filter(|row| self.is_more(row)).count()
    }

    /// How many are so much less that what is expected would hide a loss.
    pub(super) fn less(&self) -> usize {
        self.rows.iter().filter(|row| self.is_less(row)).count()
    }

    fn is_more(&self, row: &Row) -> bool {
        u64::from(row.seen) * 100
            > u64::from(row.expected) * u64::from(100 + self.tolerance_percent)
    }

    fn is_less(&self, row: &Row) -> bool {
        u64::from(row.seen) * 100
            < u64::from(row.expected) * u64::from(100 - self.tolerance_percent)
    }

    /// A line a figure.
    pub(super) fn table(&self) -> String {
        let name = |row: &Row| row.name.chars().count();
        let width = self.rows.iter().map(name).max().unwrap_or(0);
        let mut text = format!("{:width$}  expected      seen  difference\n", "");
        for row in &self.rows {
            let mark = if self.is_more(row) {
                "  MORE"
            } else if self.is_less(row) {
                "  less"
            } else {
                ""
            };
            let (name, expected, seen) = (&row.name, row.expected, row.seen);
            let difference = row.difference_percent();
            let _ =
                writeln!(text, "{name:width$}{expected:>10}{seen:>10}  {difference:>+8.1} %{mark}");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::super::profile::{Life, Profile};
    use super::*;

    const FILE: &str = "# why\n\ntolerance_percent 5\ncompiler rustc 1.95.0 x86_64-linux\n\n\
        1000 whole life\n 200 a::<impl B for C>::parse\n";

    /// A life that costs `whole`, of which `parse` for the function in `FILE`.
    fn life(whole: u32, parse: u32) -> Life {
        let run = format!("events: Ir\nfn=a::<impl B for C>::parse\n1 {parse}\ntotals: {whole}\n");
        Life::between(&Profile::default(), &Profile::parse(&run).unwrap(), 1).unwrap()
    }

    fn compared(whole: u32, parse: u32) -> Comparison {
        Expected::parse(FILE).unwrap().compare(&life(whole, parse)).unwrap()
    }

    #[test]
    fn within_the_tolerance_is_as_expected() {
        for comparison in [compared(1000, 200), compared(1050, 190), compared(950, 210)] {
            assert_eq!((comparison.more(), comparison.less()), (0, 0), "{comparison:?}");
        }
    }

    #[test]
    fn beyond_the_tolerance_is_more_or_less() {
        assert_eq!((compared(1051, 200).more(), compared(1051, 200).less()), (1, 0));
        assert_eq!((compared(1051, 211).more(), compared(1051, 211).less()), (2, 0));
        assert_eq!((compared(949, 211).more(), compared(949, 211).less()), (1, 1));
    }

    #[test]
    fn the_table_says_what_is_more_and_what_is_less() {
        let table = "                          expected      seen  difference\n\
                     whole life                    1000      1100     +10.0 %  MORE\n\
                     a::<impl B for C>::parse       200       180     -10.0 %  less\n";
        assert_eq!(compared(1100, 180).table(), table);
    }

    #[test]
    fn a_function_that_is_not_there_is_an_error_and_named() {
        let expected = Expected::parse(&FILE.replace("parse", "read")).unwrap();
        let error = expected.compare(&life(1000, 200)).unwrap_err().to_string();
        assert!(error.contains("a::<impl B for C>::read\n"), "{error}");
        assert!(error.contains("inlined"), "{error}");
        let error = Expected::parse(FILE).unwrap().compare(&life(1000, 0)).unwrap_err();
        assert!(error.to_string().contains("a::<impl B for C>::parse\n"), "{error}");
    }

    #[test]
    fn what_is_written_anew_is_what_was_seen() {
        let written = Expected::parse(FILE).unwrap().renewed("rustc 2", &compared(900, 300));
        let expected = Expected::parse(&written).unwrap();
        assert_eq!(expected.compiler, "rustc 2");
        assert_eq!(expected.tolerance_percent, 5);
        let comparison = expected.compare(&life(900, 300)).unwrap();
        assert_eq!((comparison.more(), comparison.less()), (0, 0));
        assert_eq!(comparison.rows[1].expected, 300);
    }

    #[test]
    fn a_file_that_says_nothing_of_use_is_refused_by_line() {
        for (from, to, named) in [
            ("1000 whole", "many whole", "line 6: `many whole life`"),
            ("1000 whole", "0 whole", "line 6: `0 whole life`: nothing"),
            (" 200 a::<impl B for C>::parse", "200 whole life", "line 7: `200 whole life` again"),
            (" 200 a::<impl B for C>::parse", "200", "line 7: `200`"),
            ("tolerance_percent 5", "", "tolerance_percent"),
            ("tolerance_percent 5", "tolerance_percent 100", "line 3: "),
            ("compiler", "#", "compiler"),
        ] {
            let error = Expected::parse(&FILE.replace(from, to)).unwrap_err();
            assert!(error.to_string().contains(named), "{error}");
        }
        assert!(Expected::parse("tolerance_percent 5\ncompiler x\n").is_err());
    }

    #[test]
    fn the_file_in_the_repository_is_understood_and_as_it_would_be_written() {
        let text = include_str!("expected.txt");
        let expected = Expected::parse(text).unwrap();
        let row = |(name, figure): &(String, u32)| Row {
            name: name.clone(),
            expected: *figure,
            seen: *figure,
        };
        let rows = expected.figures.iter().map(row).collect();
        let same = Comparison { rows, tolerance_percent: expected.tolerance_percent };
        assert_eq!(expected.renewed(&expected.compiler, &same), text);
        assert!(expected.figures.iter().any(|(name, _)| name == WHOLE));
    }
}
