//! Measures every stage that is present, in one run and one directory.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use lab::awake::{Awake, State};
use lab::floor::GROUP;
use lab::measure::{Measured, measure, measure_floor};
use lab::workloads::{Site, Sizes, Work, Workload};
use stage01::Stage;

use super::floors::{Measurement, floor_of, floor_row};
use super::machine;
use super::progress::Progress;
use super::stages::{self, Visitor};

use crate::results::{FLOOR, Results, Row, SCHEMA};

/// How much to measure.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Each number is the median of so many.
    pub passes: usize,
    /// Time for one workload of one stage in one pass, not counting what it takes to make a log to read.
    pub budget: Duration,
    /// The lengths of the logs.
    pub sizes: Sizes,
}

impl Effort {
    /// A number for each workload that is good enough to see what is going on.
    pub const TOUR: Effort = Effort { passes: 3, budget: Duration::from_millis(150), sizes: Sizes::FULL };

    /// Numbers to keep.
    pub const REFERENCE: Effort = Effort { passes: 3, budget: Duration::from_millis(1500), sizes: Sizes::FULL };

    /// Everything runs, in short logs; the numbers are not worth comparing.
    pub const QUICK: Effort = Effort { passes: 1, budget: Duration::from_millis(20), sizes: QUICK_SIZES };
}

const QUICK_SIZES: Sizes =
    Sizes { buffered_records: 10_000, scan_records: 10_000, short_records: 1_000, long_records: 20_000 };

/// Measures every workload on every stage, and beside each the floor that it stands on.
///
/// Floor and stages take turns, pass by pass, so that a machine that is busy for a while is so for all of them.
pub fn measure_all(directory: &Path, effort: Effort) -> Result<Results> {
    let progress = Progress::new(Workload::ALL.len() * effort.passes * (stages::all().len() + 1));
    let file_system = machine::file_system(directory);
    progress.note(&format!("measuring in {}, on {file_system}", directory.display()));
    if machine::is_in_memory(&file_system) {
        progress.note("warning: that is memory, where a sync costs nothing; --dir DIR measures a disk");
    }
    let awake = Awake::start();
    progress.note(&awake.state().to_string());
    let mut stages = stages::visit_all(&mut SetUp { directory, effort });
    let mut rows = Vec::new();
    for workload in Workload::ALL {
        rows.extend(measure_workload(workload, directory, effort, &mut stages, &progress)?);
    }
    let is_awake = matches!(awake.state(), State::KeptAwake(_));
    Ok(Results { schema: SCHEMA, machine: machine::machine(directory, is_awake), rows })
}

/// The floor of one workload, if it has one, and the stages.
fn measure_workload(
    workload: Workload,
    directory: &Path,
    effort: Effort,
    stages: &mut [(&'static str, MeasureStage)],
    progress: &Progress,
) -> Result<Vec<Row>> {
    let mut floors = Vec::new();
    let mut by_stage = vec![Vec::new(); stages.len()];
    for _ in 0..effort.passes {
        progress.begin(&format!("{}: {FLOOR}", workload.name()));
        if let Some(floor) = floor_of(workload) {
            floors.push(measurement(GROUP, floor.name(), &measure_floor(floor, directory, effort.budget)?));
        }
        progress.end();
        for ((name, measure), measured) in stages.iter_mut().zip(&mut by_stage) {
            progress.begin(&format!("{}: {name}", workload.name()));
            let one = measure(workload).with_context(|| format!("cannot measure {} of {name}", workload.name()))?;
            measured.push(measurement(workload.name(), name, &one));
            progress.end();
        }
    }
    let stages: Vec<Measurement> = by_stage.into_iter().filter_map(median).collect();
    let floor = median(floors).map(|floor| floor_row(workload, &floor, stages[0].per_call));
    Ok(floor.into_iter().chain(stages.into_iter().map(|one| one.row)).collect())
}

/// The one in the middle, by its rate: one that was disturbed is slower, and does not count.
fn median(mut passes: Vec<Measurement>) -> Option<Measurement> {
    passes.sort_by(|a, b| a.row.ops_per_second.total_cmp(&b.row.ops_per_second));
    let middle = passes.len() / 2;
    passes.into_iter().nth(middle)
}

/// Measures a workload on one stage.
type MeasureStage = Box<dyn FnMut(Workload) -> Result<Measured>>;

struct SetUp<'a> {
    directory: &'a Path,
    effort: Effort,
}

impl Visitor for SetUp<'_> {
    type Output = (&'static str, MeasureStage);

    fn visit<S: Stage>(&mut self) -> Self::Output {
        let Effort { budget, sizes, .. } = self.effort;
        let mut site = Site::<S>::new(self.directory, sizes);
        (S::NAME, Box::new(move |workload| measure::<S>(workload, &mut site, budget)))
    }
}

fn measurement(workload: &str, stage: &str, measured: &Measured) -> Measurement {
    let (Work::Operations(done) | Work::Bytes(done)) = measured.work;
    // A clock may be too coarse for one call; no call takes no time.
    let nanoseconds = |time: Duration| (time.as_nanos() as f64).max(1.0);
    let row = Row {
        workload: workload.to_string(),
        stage: stage.to_string(),
        ops_per_second: measured.per_second(),
        p50_ns: nanoseconds(measured.p50),
        p99_ns: nanoseconds(measured.p99),
        samples: measured.calls,
        records: done,
    };
    Measurement { row, per_call: done as f64 / measured.calls as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pass_in_the_middle_counts() {
        let pass = |ops: u64| {
            let time = Duration::from_nanos(1);
            let work = Work::Operations(ops);
            measurement("scan", "stage01", &Measured { name: "scan", work, time, calls: 1, p50: time, p99: time })
        };
        let rate = |passes: &[u64]| median(passes.iter().map(|ops| pass(*ops)).collect()).map(|one| one.row.records);
        assert_eq!(rate(&[9, 1, 5]), Some(5));
        assert_eq!(rate(&[3]), Some(3));
        assert_eq!(rate(&[]), None);
    }
}
