//! The workloads in criterion: the same groups in every stage.
//!
//! A group is a workload and a function in it is a stage, so that the results of all stages lie side by side in
//! `target/criterion/<workload>/<stage>`. Every stage's run measures the floor again, since a ratio of numbers from two
//! runs says more about the two runs than about the log.

use std::env;
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, SamplingMode, Throughput};
use stage01::Stage;
use tempfile::TempDir;

use crate::awake::Awake;
use crate::floor::{self, Floor};
use crate::workloads::{Rounds, Site, Sizes, Work, Workload, call_times};

/// Runs the floor and all workloads of one stage: the body of a stage's `benches/log.rs`.
pub fn criterion_suite<S: Stage>(criterion: &mut Criterion) {
    let awake = Awake::start();
    eprintln!("{}", awake.state());
    let directory = directory();
    let mut floors = group(criterion, floor::GROUP);
    for floor in Floor::ALL {
        bench(&mut floors, floor.name(), floor.work(), || floor.set_up(directory.path()));
    }
    floors.finish();
    let mut site = Site::<S>::new(directory.path(), Sizes::FULL);
    for workload in Workload::ALL {
        let mut group = group(criterion, workload.name());
        bench(&mut group, S::NAME, workload.work(&Sizes::FULL), || workload.set_up(&mut site));
    }
}

/// A directory beside the benchmark's program: on the disk where the reader builds, and not in a temporary directory,
/// which on many machines is memory.
fn directory() -> TempDir {
    let program = env::current_exe().expect("a program knows where it is");
    let target = program.parent().expect("a program lies in a directory");
    tempfile::tempdir_in(target).expect("the build directory can be written to")
}

fn group<'a>(criterion: &'a mut Criterion, name: &str) -> BenchmarkGroup<'a, WallTime> {
    let mut group = criterion.benchmark_group(name);
    // Ten equal samples: some rounds take half a second, and a rising number of rounds would take minutes.
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    group.warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(2));
    group
}

/// Benches one function. It is set up when criterion first calls it, which it does not if a filter leaves it out.
fn bench(
    group: &mut BenchmarkGroup<'_, WallTime>,
    id: &str,
    work: Work,
    set_up: impl FnOnce() -> anyhow::Result<Box<dyn Rounds>>,
) {
    group.throughput(match work {
        Work::Operations(operations) => Throughput::Elements(operations),
        Work::Bytes(bytes) => Throughput::Bytes(bytes),
    });
    let mut set_up = Some(set_up);
    let mut rounds: Option<Box<dyn Rounds>> = None;
    group.bench_function(id, |bencher| {
        let rounds = rounds.get_or_insert_with(|| {
            let set_up = set_up.take().expect("set up once");
            set_up().expect("the workload can be set up")
        });
        bencher.iter_custom(|count| rounds.run(count, &mut call_times()).expect("the workload runs"));
    });
}
