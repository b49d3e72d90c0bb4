//! This machine's numbers beside those that are checked in.
//!
//! Rates of two machines say little about a log. What can be compared is how each machine's rates stand to its own
//! floor, and what one stage gains over another.

use std::fmt::Write;

use super::table::{Align, Table};
use super::units::{count, ratio};
use crate::results::{FLOOR, Machine, Results};

/// A gain that the course is about: a stage, the one it is held against, and what makes the difference.
const GAINS: [(&str, &str, &str, &str); 3] = [
    ("append_durable_16", "stage02", "stage01", "group commit gains, with 16 producers"),
    ("append_durable_64", "stage02", "stage01", "group commit gains, with 64 producers"),
    ("random_read_1m", "stage03", "stage02", "the sparse index gains, reading from a million records"),
];

/// How `here` compares with `there`, the reference.
pub fn versus(here: &Results, there: &Results) -> String {
    let mut text = format!("Compared with the reference ({}):\n\n", machine(&there.machine));
    if let (Some(own), Some(other)) = (here.floor("append_durable_1"), there.floor("append_durable_1")) {
        let sync = own.ops_per_second / other.ops_per_second;
        let words = if sync >= 1.0 { ("faster", sync) } else { ("slower", 1.0 / sync) };
        let rates = (count(own.ops_per_second), count(other.ops_per_second));
        line(
            &mut text,
            format!("your disk syncs {} {}: {} a second here, {} there", ratio(words.1), words.0, rates.0, rates.1),
        );
    }
    for (workload, stage, other, what) in GAINS {
        if let (Some(own), Some(reference)) = (here.ratio(workload, stage, other), there.ratio(workload, stage, other))
        {
            line(&mut text, format!("{what}: {} here, {} there", ratio(own), ratio(reference)));
        }
    }
    let table = floors(here, there);
    write!(text, "\nTimes the floor of each machine:\n\n{table}\n").expect("a string takes everything");
    text
}

/// One line about a machine.
pub fn machine(machine: &Machine) -> String {
    let Machine { processor, cores, kernel, file_system, date, rustc, awake } = machine;
    let awake = if *awake { "processors kept awake" } else { "processors not kept awake" };
    format!("{processor}, {cores} cores, {kernel}, {file_system}, {rustc}, {awake}, {date}")
}

fn line(text: &mut String, line: String) {
    writeln!(text, "  {line}").expect("a string takes everything");
}

/// For each workload that has a floor, every stage's ratio to it, here and there.
fn floors(here: &Results, there: &Results) -> Table {
    let stages = here.stages();
    let titles: Vec<String> = stages.iter().flat_map(|stage| [format!("{stage} here"), "there".to_string()]).collect();
    let numbers = titles.iter().map(|title| (title.as_str(), Align::Right));
    let mut table = Table::new(&[("", Align::Left)].into_iter().chain(numbers).collect::<Vec<_>>());
    for workload in here.workloads().into_iter().filter(|workload| here.floor(workload).is_some()) {
        let cell = |results: &Results, stage| results.ratio(workload, stage, FLOOR).map(ratio).unwrap_or_default();
        let cells = stages.iter().flat_map(|stage| [cell(here, stage), cell(there, stage)]);
        table.row([workload.to_string()].into_iter().chain(cells).collect());
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::{Row, SCHEMA};

    fn results(sync: f64, gain: f64) -> Results {
        let row = |workload: &str, stage: &str, ops_per_second| {
            let (workload, stage) = (workload.to_string(), stage.to_string());
            Row { workload, stage, ops_per_second, p50_ns: 1.0, p99_ns: 1.0, samples: 1, records: 1 }
        };
        let machine = Machine {
            processor: "P".into(),
            cores: 2,
            kernel: "Linux 6".into(),
            file_system: "ext4".into(),
            date: "2025-01-15".into(),
            rustc: "rustc 1.88.0".into(),
            awake: true,
        };
        let rows = vec![
            row("append_durable_1", FLOOR, sync),
            row("append_durable_1", "stage01", sync / 2.0),
            row("append_durable_16", FLOOR, sync),
            row("append_durable_16", "stage01", sync / 2.0),
            row("append_durable_16", "stage02", sync / 2.0 * gain),
        ];
        Results { schema: SCHEMA, machine, rows }
    }

    #[test]
    fn syncs_gains_and_floors_are_told_for_both_machines() {
        let text = versus(&results(2100.0, 17.0), &results(1000.0, 22.0));
        let lines = [
            "(P, 2 cores, Linux 6, ext4, rustc 1.88.0, processors kept awake, 2025-01-15)",
            "your disk syncs 2.1x faster: 2.10 k a second here, 1.00 k there",
            "group commit gains, with 16 producers: 17x here, 22x there",
            "append_durable_1          0.50x  0.50x",
            "append_durable_16         0.50x  0.50x          8.5x    11x",
        ];
        for line in lines {
            assert!(text.contains(line), "{line:?} is not in\n{text}");
        }
        assert!(!text.contains("sparse index"), "a gain that was not measured is not told:\n{text}");
    }

    #[test]
    fn a_slower_disk_is_called_slower() {
        let text = versus(&results(500.0, 17.0), &results(1000.0, 22.0));
        assert!(text.contains("your disk syncs 2.0x slower"), "{text}");
    }
}
