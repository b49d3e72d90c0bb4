//! The numbers, and their medians.

use std::fmt;

/// What was measured: rows in the order in which they came, columns likewise.
#[derive(Debug, Default)]
pub struct Table {
    cells: Vec<(String, String, Vec<f64>)>,
}

impl Table {
    /// Adds a rate, in values a second.
    pub fn add(&mut self, row: &str, column: &str, rate: f64) {
        match self.cells.iter_mut().find(|(r, c, _)| r == row && c == column) {
            Some((_, _, rates)) => rates.push(rate),
            None => self.cells.push((row.to_string(), column.to_string(), vec![rate])),
        }
    }

    fn median(&self, row: &str, column: &str) -> Option<f64> {
        let (_, _, rates) = self.cells.iter().find(|(r, c, _)| r == row && c == column)?;
        let mut rates = rates.clone();
        rates.sort_by(f64::total_cmp);
        Some(rates[rates.len() / 2]).filter(|rate| *rate > 0.0)
    }

    fn distinct<'a>(&'a self, part: impl Fn(&'a (String, String, Vec<f64>)) -> &'a str) -> Vec<&'a str> {
        let mut all = Vec::new();
        for cell in &self.cells {
            if !all.contains(&part(cell)) {
                all.push(part(cell));
            }
        }
        all
    }
}

impl fmt::Display for Table {
    /// Values a second, and in brackets how many times as many as stage 5 has.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.distinct(|(_, column, _)| column);
        write!(f, "{:14}", "values/s")?;
        columns.iter().try_for_each(|column| write!(f, "{column:>20}"))?;
        writeln!(f)?;
        for row in self.distinct(|(row, _, _)| row) {
            write!(f, "{row:14}")?;
            for column in &columns {
                match (self.median(row, column), self.median("stage05", column)) {
                    (Some(rate), Some(ours)) => write!(f, "{:>20}", format!("{rate:.0} ({:.2})", rate / ours))?,
                    _ => write!(f, "{:>20}", "-")?,
                }
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
