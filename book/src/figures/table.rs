//! Measured numbers as tables of HTML.

use std::fmt::Write;

use lab::floor::Floor;
use lab::workloads::Workload;

use super::numbers::{Numbers, Shown, floors};
use crate::html::escape;
use crate::results::{FLOOR, Row};
use crate::tool::floors::floor_of;
use crate::tool::units;

/// A row for each workload, a column for each stage; in each cell the rate, the times of one operation, and the ratios
/// to the stage before and to the floor.
pub(crate) fn table(numbers: &Numbers, shown: &Shown<'_>) -> String {
    let mut html =
        String::from("<div class=\"table-wrapper\"><table class=\"numbers\">\n<thead><tr><th>per second</th>");
    for column in &shown.columns {
        write!(html, "<th scope=\"col\">{}</th>", escape(column)).expect(STRING);
    }
    html.push_str("</tr></thead>\n<tbody>\n");
    for workload in &shown.workloads {
        write!(html, "<tr><th scope=\"row\"><code>{}</code></th>", escape(workload)).expect(STRING);
        for column in &shown.columns {
            match numbers.results.row(workload, column) {
                Some(row) => html.push_str(&cell(numbers, shown, row)),
                None => html.push_str("<td>–</td>"),
            }
        }
        html.push_str("</tr>\n");
    }
    finish(html, numbers)
}

const STRING: &str = "a string takes everything";

fn cell(numbers: &Numbers, shown: &Shown<'_>, row: &Row) -> String {
    let mut html = format!("<td><b>{}</b>", units::count(row.ops_per_second));
    let times = [("half within", row.p50_ns), ("99 % within", row.p99_ns)];
    for (what, ns) in times {
        write!(html, "<small>{what} {}</small>", units::duration(ns)).expect(STRING);
    }
    let others = shown.previous(&row.stage).into_iter().chain([FLOOR]).filter(|_| row.stage != FLOOR);
    for other in others {
        if let Some(ratio) = numbers.results.ratio(&row.workload, &row.stage, other) {
            write!(html, "<small class=\"ratio\">{} of {other}</small>", times_as_many(ratio)).expect(STRING);
        }
    }
    html + "</td>"
}

/// `2.1×`, as the terminal says it with a plain `x`.
pub(crate) fn times_as_many(ratio: f64) -> String {
    units::ratio(ratio).replace('x', "×")
}

/// What the bare machine does, without a log. A floor that was measured beside several workloads is shown once.
pub(crate) fn floor_table(numbers: &Numbers) -> String {
    let mut html = String::from(
        "<div class=\"table-wrapper\"><table class=\"numbers\">\n<thead><tr><th>without a log</th>\
         <th scope=\"col\">per second</th><th scope=\"col\">half within</th><th scope=\"col\">99 % within</th></tr></thead>\n<tbody>\n",
    );
    let mut shown = Vec::new();
    for row in floors(&numbers.results) {
        let workload = Workload::ALL.into_iter().find(|workload| workload.name() == row.workload);
        let (what, is_one_operation) = match workload.and_then(floor_of) {
            Some(Floor::Fdatasync) => {
                ("256 bytes to the end of a file, and one <code>fdatasync</code>".to_string(), true)
            }
            Some(Floor::SequentialWrite) => ("a file written from end to end: records of 100 bytes".to_string(), false),
            Some(Floor::SequentialRead) => ("a file read from end to end: records of 100 bytes".to_string(), false),
            None => (format!("the floor of <code>{}</code>", escape(&row.workload)), true),
        };
        if shown.contains(&what) {
            continue;
        }
        let time = |ns| if is_one_operation { units::duration(ns) } else { "–".to_string() };
        let rate = units::count(row.ops_per_second);
        let (p50, p99) = (time(row.p50_ns), time(row.p99_ns));
        writeln!(html, "<tr><th scope=\"row\">{what}</th><td><b>{rate}</b></td><td>{p50}</td><td>{p99}</td></tr>")
            .expect(STRING);
        shown.push(what);
    }
    finish(html, numbers)
}

fn finish(html: String, numbers: &Numbers) -> String {
    format!("{html}</tbody></table></div>\n<p class=\"origin\">{}</p>", numbers.origin())
}

#[cfg(test)]
mod tests {
    use super::super::numbers::tests::numbers;
    use super::*;

    #[test]
    fn a_cell_compares_with_the_stage_before_and_with_the_floor() {
        let numbers = numbers();
        let shown = numbers.select(&["all".to_string()], None).unwrap();
        let html = table(&numbers, &shown);
        let cell = "<td><b>9.00 k</b><small>half within 111 µs</small><small>99 % within 222 µs</small>\
                    <small class=\"ratio\">10× of stage01</small><small class=\"ratio\">9.0× of floor</small></td>";
        assert!(html.contains(cell), "{html}");
        assert_eq!(html.matches("<td>–</td>").count(), 2, "an append on stage 3, a floor of the read: {html}");
        assert!(html.contains("Measured on your machine"), "{html}");
    }

    #[test]
    fn the_floor_is_shown_by_what_it_is() {
        let mut numbers = numbers();
        let again = Row { workload: "append_durable_16".to_string(), ..numbers.results.rows[0].clone() };
        assert_eq!(again.stage, FLOOR);
        numbers.results.rows.push(again);
        let html = floor_table(&numbers);
        assert_eq!(html.matches("fdatasync").count(), 1, "a floor is shown once: {html}");
        assert!(html.contains("one <code>fdatasync</code></th><td><b>1.00 k</b></td><td>1.00 ms</td>"), "{html}");
    }
}
