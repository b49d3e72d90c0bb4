//! The measurement behind the tour, as small as it gets.

use std::time::Duration;

use book::results::{FLOOR, Results};
use book::tool::measurement::{Effort, measure_all};
use book::tool::report::report;
use book::tool::stages;
use lab::workloads::{Sizes, Workload};

#[test]
fn every_workload_is_measured_on_every_stage_and_the_file_can_be_read_again() {
    let directory = tempfile::tempdir().unwrap();
    let effort = Effort { passes: 2, budget: Duration::from_millis(1), sizes: Sizes::TINY };
    let results = measure_all(directory.path(), effort).unwrap();
    for workload in Workload::ALL {
        for stage in stages::all() {
            let row = results.row(workload.name(), stage.name);
            let row = row.unwrap_or_else(|| panic!("no {} of {}", workload.name(), stage.name));
            assert!(row.samples > 0 && row.records >= row.samples && row.p50_ns <= row.p99_ns, "{row:?}");
        }
    }
    for workload in ["append_durable_1", "append_durable_16", "append_durable_64", "append_buffered", "scan"] {
        assert!(results.floor(workload).is_some(), "{workload} has no floor");
    }
    let floors = results.rows.iter().filter(|row| row.stage == FLOOR).count();
    assert_eq!(results.rows.len(), Workload::ALL.len() * stages::all().len() + floors, "a row comes twice");

    let machine = &results.machine;
    let facts = [&machine.processor, &machine.kernel, &machine.file_system, &machine.rustc];
    assert!(facts.iter().all(|fact| !fact.is_empty() && !fact.contains('\n')) && machine.cores > 0, "{machine:?}");
    assert!(machine.date.len() == 10 && machine.date.as_str() > "2025", "{machine:?}");

    let path = directory.path().join("results.json");
    results.save(&path).unwrap();
    // Numbers may lose their last digit on the way through JSON; what is shown of them does not.
    assert_eq!(report(&Results::load(&path).unwrap().rows), report(&results.rows));
}
