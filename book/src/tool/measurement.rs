//! Measures every stage that is present, in one run and one directory.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use lab::awake::{Awake, State};
use lab::floor::{Floor, GROUP};
use lab::measure::{Measured, measure, measure_floor};
use lab::workloads::{Site, Sizes, Work, Workload};
use stage01::Stage;
use tempfile::TempDir;

use super::floors::{Measurement, with_floors};
use super::progress::Progress;
use super::stages::{self, Visitor};
use super::{machine, paths};
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

/// A directory to measure in, removed when it is dropped. In `parent`, or below Cargo's target directory: a directory
/// for temporary files is often in memory, where a sync costs nothing.
pub fn directory(parent: Option<&Path>) -> Result<TempDir> {
    let parent = parent.map_or_else(|| paths::target().join("course"), PathBuf::from);
    let make = || {
        std::fs::create_dir_all(&parent)?;
        tempfile::Builder::new().prefix("measure-").tempdir_in(&parent)
    };
    make().with_context(|| format!("cannot make a directory to measure in, in {}", parent.display()))
}

/// Measures the floor, then every workload on every stage.
pub fn measure_all(directory: &Path, effort: Effort) -> Result<Results> {
    let steps = Floor::ALL.len() + stages::all().len() * Workload::ALL.len();
    let progress = Progress::new(steps);
    let file_system = machine::file_system(directory);
    progress.note(&format!("measuring in {}, on {file_system}", directory.display()));
    if machine::is_in_memory(&file_system) {
        progress.note("warning: that is memory, where a sync costs nothing; --dir DIR measures a disk");
    }
    let awake = Awake::start();
    progress.note(&awake.state().to_string());
    let mut stages = MeasureStage { directory, effort, progress: &progress, measured: Vec::new() };
    stages.floors()?;
    stages::visit_all(&mut stages).into_iter().collect::<Result<()>>()?;
    let is_awake = matches!(awake.state(), State::KeptAwake(_));
    let rows = with_floors(&stages.measured);
    Ok(Results { schema: SCHEMA, machine: machine::machine(directory, is_awake), rows })
}

struct MeasureStage<'a> {
    directory: &'a Path,
    effort: Effort,
    progress: &'a Progress,
    measured: Vec<Measurement>,
}

impl MeasureStage<'_> {
    fn floors(&mut self) -> Result<()> {
        for floor in Floor::ALL {
            self.step(GROUP, floor.name(), |directory, effort| measure_floor(floor, directory, effort.budget))?;
        }
        Ok(())
    }

    /// One measurement, with its progress.
    fn step(
        &mut self,
        workload: &str,
        stage: &str,
        measure: impl FnOnce(&Path, Effort) -> Result<Measured>,
    ) -> Result<()> {
        self.progress.begin(&format!("{stage}: {workload}"));
        let measured = measure(self.directory, self.effort);
        let measured = measured.with_context(|| format!("cannot measure {workload} of {stage}"))?;
        self.measured.push(measurement(workload, stage, &measured));
        self.progress.end();
        Ok(())
    }
}

impl Visitor for MeasureStage<'_> {
    type Output = Result<()>;

    fn visit<S: Stage>(&mut self) -> Result<()> {
        // A directory for each stage, gone before the next: three logs of a million records need not lie there at once.
        let directory = tempfile::tempdir_in(self.directory)?;
        let mut site = Site::<S>::new(directory.path(), self.effort.sizes);
        for workload in Workload::ALL {
            self.step(workload.name(), S::NAME, |_, effort| measure::<S>(workload, &mut site, effort.budget))?;
        }
        Ok(())
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
