//! Plain tables for a terminal.

/// Lines of cells, in columns as wide as their widest cell.
pub(crate) fn table<const N: usize>(head: [&str; N], rows: &[[String; N]]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([head[column].chars().count()]).max().unwrap_or_default()
    };
    let widths: [usize; N] = std::array::from_fn(width);
    let mut out = line(head, widths);
    for row in rows {
        out.push_str(&line(std::array::from_fn(|i| row[i].as_str()), widths));
    }
    out
}

fn line<const N: usize>(cells: [&str; N], widths: [usize; N]) -> String {
    let padded: Vec<_> = cells.iter().zip(widths).map(|(c, w)| format!("{c:w$}")).collect();
    format!("{}\n", padded.join("  ").trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["é".to_owned(), "x".to_owned()], ["long".to_owned(), String::new()]];
        assert_eq!(table(["A", "B"], &rows), "A     B\né     x\nlong\n");
    }
}
