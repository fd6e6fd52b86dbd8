//! Tables for people.

/// A table: the first column to the left, the others to the right.
#[derive(Debug, Default)]
pub(crate) struct Table(Vec<Vec<String>>);

impl Table {
    /// A table with these headings.
    pub(crate) fn new<const N: usize>(headings: [&str; N]) -> Self {
        Self(vec![headings.map(str::to_owned).to_vec()])
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.0.push(cells.into_iter().collect());
    }

    /// The lines, with a rule below the headings.
    pub(crate) fn text(&self) -> String {
        let columns = self.0.iter().map(Vec::len).max().unwrap_or_default();
        let wide =
            |column: usize| self.0.iter().filter_map(|row| Some(length(row.get(column)?))).max();
        let widths: Vec<usize> = (0..columns).map(|c| wide(c).unwrap_or_default()).collect();
        let mut text = String::new();
        for (at, row) in self.0.iter().enumerate() {
            for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
                let space = " ".repeat(width - length(cell));
                match column {
                    0 => text.extend(["  ", cell, &space]),
                    _ => text.extend(["  ", &space, cell]),
                }
            }
            text.truncate(text.trim_end_matches(' ').len());
            text.push('\n');
            if at == 0 {
                let rule: usize = widths.iter().map(|width| width + 2).sum();
                text.extend(["  ", &"─".repeat(rule.saturating_sub(2)), "\n"]);
            }
        }
        text
    }
}

fn length(cell: &str) -> usize {
    cell.chars().count()
}

/// A number with so many digits after the point and groups of three before it.
pub(crate) fn number(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$}");
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut grouped = String::new();
    for (at, digit) in whole.chars().enumerate() {
        let left = whole.len() - at;
        if at > 0 && left.is_multiple_of(3) && !grouped.ends_with('-') {
            grouped.push(' ');
        }
        grouped.push(digit);
    }
    grouped + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned() {
        let mut table = Table::new(["what", "µs"]);
        table.row(["a → b".to_owned(), "12".to_owned()]);
        assert_eq!(table.text(), "  what   µs\n  ─────────\n  a → b  12\n");
    }

    #[test]
    fn digits_stand_in_groups() {
        let all = [(1_234_567.0, 0, "1 234 567"), (999.5, 1, "999.5"), (-1_000.0, 0, "-1 000")];
        for (value, digits, wanted) in all {
            assert_eq!(number(value, digits), wanted);
        }
    }
}
