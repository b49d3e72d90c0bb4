//! The durability spectrum as a table: what each preset loses when the power goes, and how fast it is.
//!
//! The numbers are those of `cargo run --release -p stage05 --example spectrum`, whose output is checked in.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::html::escape;
use crate::tool::units;

/// One preset, as a line of the file has it.
#[derive(Debug, PartialEq)]
struct Row {
    preset: String,
    /// The most records that a power cut took of those that were answered.
    lost: u64,
    /// The time in which they had been answered, in milliseconds.
    window_ms: u64,
    /// Answers a second with 1 and with 16 threads.
    rates: [f64; 2],
}

/// The table of the measurements in `path`.
pub(crate) fn table(path: &Path) -> Result<String> {
    let text = fs::read_to_string(path).with_context(|| {
        format!("there is no {}; `cargo run --release -p stage05 --example spectrum` prints one", path.display())
    })?;
    let machine = text.lines().find_map(|line| line.strip_prefix("# ")).context("no machine in the first line")?;
    let rows = text.lines().filter(|line| !line.starts_with('#')).map(parse).collect::<Result<Vec<_>>>()?;
    Ok(html(machine, &rows))
}

fn parse(line: &str) -> Result<Row> {
    let fields: Vec<&str> = line.split('\t').collect();
    let [preset, lost, window_ms, one, sixteen] = fields[..] else {
        bail!("`{line}` has {} fields, expected 5", fields.len());
    };
    let preset = preset.to_string();
    Ok(Row { preset, lost: lost.parse()?, window_ms: window_ms.parse()?, rates: [one.parse()?, sixteen.parse()?] })
}

fn html(machine: &str, rows: &[Row]) -> String {
    let mut html = String::from(
        "<div class=\"table-wrapper\"><table class=\"numbers\">\n<thead><tr><th>preset</th>\
         <th scope=\"col\">a power cut takes</th><th scope=\"col\">per second, 1 thread</th>\
         <th scope=\"col\">per second, 16 threads</th></tr></thead>\n<tbody>\n",
    );
    for Row { preset, lost, window_ms, rates } in rows {
        let taken = match lost {
            0 => "<b>nothing</b>".to_string(),
            _ => {
                let window = units::duration(*window_ms as f64 * 1e6);
                format!("<b>the last {window}</b><small>{lost} records</small>")
            }
        };
        let [one, sixteen] = rates.map(units::count);
        let preset = escape(preset);
        writeln!(
            html,
            "<tr><th scope=\"row\"><code>{preset}</code></th><td>{taken}</td><td><b>{one}</b></td><td><b>{sixteen}</b></td></tr>"
        )
        .expect("a string takes everything");
    }
    let machine = escape(machine);
    format!(
        "{html}</tbody></table></div>\n<p class=\"origin\">What was answered and is gone, at most: ten records a second \
         on the simulated disk, the power cut at every operation, and an operating system that writes out after 30 s. \
         The rates: values of 256 bytes, each thread waits for its answer; {machine}.</p>"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preset_is_shown_with_what_it_loses_and_its_rates() {
        let row = parse("Interval(200 ms)\t2\t200\t88322\t109877").unwrap();
        let html = html("a <machine>", &[row, parse("PostgresLike\t0\t0\t1234\t9486").unwrap()]);
        assert!(
            html.contains("<td><b>the last 200 ms</b><small>2 records</small></td><td><b>88.3 k</b></td>"),
            "{html}"
        );
        assert!(html.contains("<td><b>nothing</b></td><td><b>1.23 k</b></td>"), "{html}");
        assert!(html.contains("a &lt;machine&gt;"), "{html}");
    }

    #[test]
    fn a_line_that_is_none_is_an_error() {
        assert!(parse("PostgresLike\t0\t0").unwrap_err().to_string().contains("3 fields"));
        assert!(parse("PostgresLike\tnone\t0\t1\t1").is_err());
    }
}
