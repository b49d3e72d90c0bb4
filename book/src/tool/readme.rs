//! `cargo course readme`: the README's table of stages, from the reference numbers and the stages' promises.
//!
//! For those who work on the course; readers never need it.

use std::fs;
use std::io::Write;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use stage01::Promise;

use super::stages::{self, About};
use super::{paths, units};
use crate::results::{FLOOR, Results};

const BEGIN: &str = "<!-- stages:begin -->";
const END: &str = "<!-- stages:end -->";

/// The columns of numbers: a title, and the workload.
const COLUMNS: [(&str, &str); 4] = [
    ("durable appends/s, 1 producer", "append_durable_1"),
    ("16 producers", "append_durable_16"),
    ("64 producers", "append_durable_64"),
    ("random reads/s, 1 million records", "random_read_1m"),
];

/// Write the README's table of stages anew
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  cargo course readme --check")]
pub struct Readme {
    /// Write nothing; fail if the table is not what it would be
    #[arg(long)]
    check: bool,
}

impl Readme {
    /// Writes or checks.
    pub fn run(&self, out: &mut dyn Write) -> Result<()> {
        let path = paths::workspace().join("README.md");
        let old = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let new = renewed(&old, &Results::load(&paths::reference())?, &stages::all())?;
        match (old == new, self.check) {
            (true, _) => writeln!(out, "{} is up to date", path.display())?,
            (false, true) => bail!("{} has an old table of stages; `cargo course readme` renews it", path.display()),
            (false, false) => {
                fs::write(&path, new).with_context(|| format!("cannot write {}", path.display()))?;
                writeln!(out, "{} is renewed", path.display())?;
            }
        }
        Ok(())
    }
}

/// The README with the table between its marks made anew.
pub fn renewed(readme: &str, reference: &Results, stages: &[About]) -> Result<String> {
    let (head, rest) = readme.split_once(BEGIN).with_context(|| format!("the README has no line {BEGIN}"))?;
    let (_, tail) = rest.split_once(END).with_context(|| format!("the README has no line {END} behind {BEGIN}"))?;
    ensure!(!tail.contains(BEGIN), "the README has {BEGIN} twice");
    Ok(format!("{head}{BEGIN}\n{}{END}{tail}", table(reference, stages)?))
}

fn table(reference: &Results, stages: &[About]) -> Result<String> {
    let titles: String = COLUMNS.iter().map(|(title, _)| format!(" {title} |")).collect();
    let mut text =
        format!("| stage | idea |{titles} promises kept |\n|---|---|{}---|\n", "---:|".repeat(COLUMNS.len()));
    for stage in stages {
        // A stage that is newer than the reference has no numbers yet; one that has some has all.
        let is_measured = reference.rows.iter().any(|row| row.stage == stage.name);
        let numbers: Result<String> = match is_measured {
            true => COLUMNS.iter().map(|(_, workload)| cell(reference, workload, stage.name)).collect(),
            false => Ok(" – |".repeat(COLUMNS.len())),
        };
        let promises = format!("{} of {}", stage.keeps.len(), Promise::ALL.len());
        text += &format!("| `{}` | {} |{} {promises} |\n", stage.name, stage.title, numbers?);
    }
    text += &origin(reference);
    Ok(text)
}

fn cell(reference: &Results, workload: &str, stage: &str) -> Result<String> {
    let row = reference.row(workload, stage);
    let row = row
        .with_context(|| format!("the reference has no {workload} of {stage}; `cargo course reference` measures it"))?;
    let rate = units::count(row.ops_per_second);
    Ok(match reference.ratio(workload, stage, FLOOR) {
        Some(ratio) => format!(" {rate} ({}) |", units::ratio(ratio)),
        None => format!(" {rate} |"),
    })
}

fn origin(reference: &Results) -> String {
    let machine = &reference.machine;
    let floor = reference.floor("append_durable_1").map(|floor| {
        format!(
            "In brackets: times the floor, one `fdatasync` after another ({} a second). ",
            units::count(floor.ops_per_second)
        )
    });
    format!(
        "\n{}Measured on {}, {} cores, {}, {}, {}; `cargo course` measures yours.\n",
        floor.unwrap_or_default(),
        machine.processor,
        machine.cores,
        machine.kernel,
        machine.file_system,
        machine.date
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::{Machine, Row, SCHEMA};

    fn reference() -> Results {
        let row = |workload: &str, stage: &str, ops_per_second| {
            let (workload, stage) = (workload.to_string(), stage.to_string());
            Row { workload, stage, ops_per_second, p50_ns: 1.0, p99_ns: 1.0, samples: 1, records: 1 }
        };
        let mut rows = Vec::new();
        for (number, (_, workload)) in COLUMNS.iter().enumerate() {
            if *workload != "random_read_1m" {
                rows.push(row(workload, FLOOR, 1000.0));
            }
            rows.push(row(workload, "stage01", 900.0 * (number + 1) as f64));
        }
        let machine = Machine {
            processor: "P".into(),
            cores: 2,
            kernel: "Linux 6".into(),
            file_system: "ext4".into(),
            date: "2025-01-15".into(),
            rustc: "rustc 1.88.0".into(),
            awake: true,
        };
        Results { schema: SCHEMA, machine, rows }
    }

    fn stage() -> About {
        About { number: 1, name: "stage01", title: "naive file", keeps: &Promise::ALL[..2] }
    }

    #[test]
    fn the_table_is_made_between_the_marks_and_making_it_again_changes_nothing() {
        let readme = format!("# Title\n\n{BEGIN}\nold\n{END}\n\nThe rest.\n");
        let new = renewed(&readme, &reference(), &[stage()]).unwrap();
        let line = "| `stage01` | naive file | 900 (0.90x) | 1.80 k (1.8x) | 2.70 k (2.7x) | 3.60 k | 2 of 10 |\n";
        assert!(new.contains(line), "{new}");
        assert!(new.starts_with("# Title\n\n<!--") && new.ends_with("-->\n\nThe rest.\n"), "{new}");
        assert!(!new.contains("old"), "{new}");
        assert_eq!(renewed(&new, &reference(), &[stage()]).unwrap(), new);
    }

    #[test]
    fn a_number_a_promise_or_a_stage_that_changed_changes_the_table() {
        let made = |reference: &Results, stages: &[About]| table(reference, stages).unwrap();
        let old = made(&reference(), &[stage()]);
        let mut faster = reference();
        faster.rows[1].ops_per_second = 950.0;
        assert_ne!(made(&faster, &[stage()]), old);
        assert_ne!(made(&reference(), &[About { keeps: &Promise::ALL[..3], ..stage() }]), old);
        assert_ne!(made(&reference(), &[stage(), stage()]), old);
    }

    #[test]
    fn what_is_missing_is_named() {
        let said = |readme: &str, stages: &[About]| format!("{:#}", renewed(readme, &reference(), stages).unwrap_err());
        assert!(said("no marks", &[stage()]).contains(BEGIN));
        assert!(said(BEGIN, &[stage()]).contains(END));
        let mut partly = reference();
        partly.rows.retain(|row| row.workload != "append_durable_1" || row.stage == FLOOR);
        let unmeasured = format!("{:#}", table(&partly, &[stage()]).unwrap_err());
        assert!(unmeasured.contains("append_durable_1 of stage01"), "{unmeasured}");
    }

    #[test]
    fn a_stage_that_was_never_measured_has_no_numbers() {
        let made = table(&reference(), &[About { name: "stage09", ..stage() }]).unwrap();
        assert!(made.contains("| `stage09` | naive file | – | – | – | – | 2 of 10 |"), "{made}");
    }
}
