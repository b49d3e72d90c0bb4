//! Tables and bars in plain text.

use std::fmt;

/// To which side the cells of a column lean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// A table, printed with as much space as its widest cells need.
#[derive(Debug)]
pub struct Table {
    aligns: Vec<Align>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table with these columns.
    pub fn new(columns: &[(&str, Align)]) -> Table {
        let header = columns.iter().map(|(title, _)| title.to_string()).collect();
        Table { aligns: columns.iter().map(|(_, align)| *align).collect(), rows: vec![header] }
    }

    /// Adds a row; it has a cell for every column.
    pub fn row(&mut self, cells: Vec<String>) {
        assert_eq!(cells.len(), self.aligns.len(), "a cell for every column: {cells:?}");
        self.rows.push(cells);
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |column: usize| self.rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..self.aligns.len()).map(width).collect();
        for row in &self.rows {
            let cells = row.iter().zip(&widths).zip(&self.aligns).map(|((cell, width), align)| match align {
                Align::Left => format!("{cell:<width$}"),
                Align::Right => format!("{cell:>width$}"),
            });
            let line = cells.collect::<Vec<_>>().join("  ");
            writeln!(f, "  {}", line.trim_end())?;
        }
        Ok(())
    }
}

/// How many cells the longest bar of a chart takes.
const BAR_CELLS: f64 = 24.0;

/// A bar from zero, as long as `number` is against `max`; what is too small for the scale is a hairline.
pub fn bar(number: f64, max: f64) -> String {
    let eighths = (number / max * BAR_CELLS * 8.0).round() as usize;
    let part = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"][eighths % 8];
    match eighths {
        0 => "▏".to_string(),
        _ => "█".repeat(eighths / 8) + part,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_lean_left_and_numbers_right() {
        let mut table = Table::new(&[("stage", Align::Left), ("per second", Align::Right), ("", Align::Left)]);
        table.row(vec!["floor".into(), "941".into(), "██".into()]);
        table.row(vec!["stage01".into(), "12.4 k".into(), "".into()]);
        assert_eq!(table.to_string(), "  stage    per second\n  floor           941  ██\n  stage01      12.4 k\n");
    }

    #[test]
    fn a_bar_is_in_proportion_and_never_vanishes() {
        assert_eq!(bar(10.0, 10.0), "█".repeat(24));
        assert_eq!(bar(5.0, 10.0), "█".repeat(12));
        assert_eq!(bar(1.0, 192.0), "▏");
        assert_eq!(bar(1.0, 1e9), "▏");
    }
}
