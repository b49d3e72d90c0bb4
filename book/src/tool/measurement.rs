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

use crate::results::{Results, Row, SCHEMA};

/// How much to measure.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Time for one workload of one stage, not counting what it takes to make a log to read.
    pub budget: Duration,
    /// The lengths of the logs.
    pub sizes: Sizes,
}

impl Effort {
    /// A number for each workload that is good enough to see what is going on.
    pub const TOUR: Effort = Effort { budget: Duration::from_millis(400), sizes: Sizes::FULL };

    /// Numbers to keep.
    pub const REFERENCE: Effort = Effort { budget: Duration::from_secs(3), sizes: Sizes::FULL };

    /// Everything runs, in short logs; the numbers are not worth comparing.
    pub const QUICK: Effort = Effort { budget: Duration::from_millis(20), sizes: QUICK_SIZES };
}

const QUICK_SIZES: Sizes =
    Sizes { buffered_records: 10_000, scan_records: 10_000, short_records: 1_000, long_records: 20_000 };

/// Measures every workload on every stage, and in front of each the floor that it stands on.
///
/// The stages take turns within a workload, so that a machine that is busy for a while is so for all of them.
pub fn measure_all(directory: &Path, effort: Effort) -> Result<Results> {
    let progress = Progress::new(Workload::ALL.len() * (stages::all().len() + 1));
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
        progress.begin(&format!("{}: the floor", workload.name()));
        let floor = floor_of(workload).map(|floor| measure_floor(floor, directory, effort.budget)).transpose()?;
        progress.end();
        let mut measured = Vec::new();
        for (name, stage) in &mut stages {
            progress.begin(&format!("{}: {name}", workload.name()));
            let one = stage(workload).with_context(|| format!("cannot measure {} of {name}", workload.name()))?;
            measured.push(measurement(workload.name(), name, &one));
            progress.end();
        }
        let floor =
            floor.map(|floor| floor_row(workload, &measurement(GROUP, floor.name, &floor), measured[0].per_call));
        rows.extend(floor.into_iter().chain(measured.into_iter().map(|one| one.row)));
    }
    let is_awake = matches!(awake.state(), State::KeptAwake(_));
    Ok(Results { schema: SCHEMA, machine: machine::machine(directory, is_awake), rows })
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
        let Effort { budget, sizes } = self.effort;
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
