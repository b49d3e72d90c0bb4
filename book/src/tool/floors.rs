//! Which floor a workload stands on.
//!
//! The laboratory measures the bare machine in a few ways that know nothing of logs. Here each becomes the floor of
//! the workloads that cannot do better: a durable append waits for a sync; a buffered one or a scan moves at least the
//! bytes of the values. A read by offset and an open have no such floor.

use lab::floor::{Floor, GROUP};
use lab::workloads::{SMALL_VALUE_BYTES, Workload};

use crate::results::{FLOOR, Row};

/// A row, and how much work one of its calls does: operations, or bytes for a bandwidth.
#[derive(Clone, Debug)]
pub struct Measurement {
    /// The numbers. Those of the bare machine have [`GROUP`] for a workload and the floor's name for a stage.
    pub row: Row,
    /// Work in one call.
    pub per_call: f64,
}

/// The floor of a workload, if it has one.
pub(crate) fn floor_of(workload: Workload) -> Option<Floor> {
    match workload {
        Workload::AppendDurable1 | Workload::AppendDurable16 | Workload::AppendDurable64 => Some(Floor::Fdatasync),
        Workload::AppendBuffered => Some(Floor::SequentialWrite),
        Workload::Scan => Some(Floor::SequentialRead),
        Workload::RandomRead10k | Workload::RandomRead1m | Workload::Reopen => None,
    }
}

/// The rows of measurements in any order: by workload in the order of the course, in each its floor, then the stages.
pub fn with_floors(measured: &[Measurement]) -> Vec<Row> {
    let mut rows = Vec::new();
    for workload in Workload::ALL {
        let mut stages: Vec<&Measurement> = measured.iter().filter(|one| one.row.workload == workload.name()).collect();
        stages.sort_by(|a, b| a.row.stage.cmp(&b.row.stage));
        let floor = floor_of(workload)
            .and_then(|floor| measured.iter().find(|one| one.row.workload == GROUP && one.row.stage == floor.name()));
        if let (Some(floor), Some(first)) = (floor, stages.first()) {
            rows.push(floor_row(workload, floor, first.per_call));
        }
        rows.extend(stages.into_iter().map(|one| one.row.clone()));
    }
    rows
}

/// What the bare machine would do of this workload, in calls as large as the stages' calls are.
pub fn floor_row(workload: Workload, floor: &Measurement, per_call: f64) -> Row {
    let is_sync = floor_of(workload) == Some(Floor::Fdatasync);
    let (operation, call) = match is_sync {
        true => (1.0, 1.0),
        false => (SMALL_VALUE_BYTES as f64, per_call * SMALL_VALUE_BYTES as f64 / floor.per_call),
    };
    Row {
        workload: workload.name().to_string(),
        stage: FLOOR.to_string(),
        ops_per_second: floor.row.ops_per_second / operation,
        p50_ns: floor.row.p50_ns * call,
        p99_ns: floor.row.p99_ns * call,
        samples: floor.row.samples,
        records: (floor.row.records as f64 / operation) as u64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(workload: &str, stage: &str, ops_per_second: f64, per_call: f64) -> Measurement {
        let (workload, stage) = (workload.to_string(), stage.to_string());
        let p50_ns = 1e9 * per_call / ops_per_second;
        let row = Row { workload, stage, ops_per_second, p50_ns, p99_ns: p50_ns, samples: 10, records: 1000 };
        Measurement { row, per_call }
    }

    #[test]
    fn every_workload_comes_with_the_floor_it_stands_on() {
        let rows = with_floors(&[
            measured("scan", "stage02", 2e6, 1e5),
            measured("scan", "stage01", 1e6, 1e5),
            measured("reopen", "stage01", 20.0, 1.0),
            measured("append_durable_16", "stage01", 900.0, 16.0),
            measured(GROUP, "sequential_read", 1e9, 1e6),
            measured(GROUP, "fdatasync", 1000.0, 1.0),
        ]);
        let names: Vec<_> = rows.iter().map(|row| (row.workload.as_str(), row.stage.as_str())).collect();
        let scan = [("scan", FLOOR), ("scan", "stage01"), ("scan", "stage02")];
        let append = [("append_durable_16", FLOOR), ("append_durable_16", "stage01")];
        assert_eq!(names, [&append[..], &scan, &[("reopen", "stage01")]].concat());
        assert_eq!((rows[0].ops_per_second, rows[0].p50_ns), (1000.0, 1e6), "one sync is enough for a call");
        assert_eq!(rows[2].ops_per_second, 1e7, "a gigabyte a second is ten million values of 100 bytes");
        assert_eq!(rows[2].p50_ns, 1e7, "and a scan of a hundred thousand of them takes 10 ms");
    }
}
