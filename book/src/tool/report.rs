//! Measured numbers as a table and a chart for a terminal.

use std::fmt::Write;

use super::table::{Align, Table, bar};
use super::units;
use crate::results::{FLOOR, Row};

/// For each workload a table of its stages, with ratios to the stage before and to the floor, and bars from zero. The
/// rows come sorted, as a results file has them.
pub fn report(rows: &[Row]) -> String {
    let mut text = String::new();
    for rows in rows.chunk_by(|a, b| a.workload == b.workload) {
        writeln!(text, "{}\n{}", rows[0].workload, table(rows)).expect("a string takes everything");
    }
    text
}

fn table(rows: &[Row]) -> Table {
    let right = Align::Right;
    let columns = [("", Align::Left), ("per second", right), ("p50", right), ("p99", right)];
    let ratios = [("to previous", right), ("to floor", right), ("", Align::Left)];
    let mut table = Table::new(&[columns.as_slice(), &ratios].concat());
    let floor = rows.iter().find(|row| row.stage == FLOOR);
    let fastest = rows.iter().map(|row| row.ops_per_second).fold(0.0, f64::max);
    let mut previous: Option<&Row> = None;
    for row in rows {
        let is_floor = row.stage == FLOOR;
        let to = |other: Option<&Row>| match other {
            Some(other) if !is_floor => units::ratio(row.ops_per_second / other.ops_per_second),
            _ => String::new(),
        };
        table.row(vec![
            row.stage.clone(),
            units::count(row.ops_per_second),
            units::duration(row.p50_ns),
            units::duration(row.p99_ns),
            to(previous),
            to(floor),
            bar(row.ops_per_second, fastest),
        ]);
        previous = (!is_floor).then_some(row);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(workload: &str, stage: &str, ops_per_second: f64) -> Row {
        let (workload, stage) = (workload.to_string(), stage.to_string());
        let (p50_ns, p99_ns) = (1e9 / ops_per_second, 2e9 / ops_per_second);
        Row { workload, stage, ops_per_second, p50_ns, p99_ns, samples: 1, records: 1 }
    }

    #[test]
    fn each_stage_is_compared_with_the_one_before_and_with_the_floor() {
        let rows = [
            row("append", FLOOR, 1000.0),
            row("append", "stage01", 900.0),
            row("append", "stage02", 9000.0),
            row("scan", "stage01", 1000.0),
        ];
        let expected = "\
append
           per second      p50      p99  to previous  to floor
  floor        1.00 k  1.00 ms  2.00 ms                         ██▋
  stage01         900  1.11 ms  2.22 ms                  0.90x  ██▍
  stage02      9.00 k   111 µs   222 µs          10x      9.0x  ████████████████████████

scan
           per second      p50      p99  to previous  to floor
  stage01      1.00 k  1.00 ms  2.00 ms                         ████████████████████████

";
        assert_eq!(report(&rows), expected);
    }
}
