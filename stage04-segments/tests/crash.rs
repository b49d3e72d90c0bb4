//! Segments in a crash: killed and cut off at every operation, with segments so small that every record or two begins
//! another one.

use std::sync::Arc;

use lab::crash::{self, Invariant, Options as Crashes, scenario};
use lab::records::{FIRST_TIMESTAMP_MS, records};
use lab::sim::{Event, Fault, Lens, Sampling, SimDisk, Which};
use stage04::{
    CompactOptions, Disk, GroupCommit, JsonSegments, Log, Offset, Options, Preparation, Promise, Result, Retention,
    SegmentOptions, SegmentedLog, SegmentedReader, Stage, Stage04,
};

/// Stage 4 with tiny segments, whose files are prepared or grow. What is prepared is recycled.
#[derive(Debug)]
struct Tiny<const PREPARED: bool>;

fn options(is_prepared: bool) -> SegmentOptions {
    let preparation = if is_prepared { Preparation::AtRoll } else { Preparation::None };
    let options = SegmentOptions { index_interval_bytes: 60, preparation, ..SegmentOptions::with_segment_bytes(150) };
    SegmentOptions { recycle: is_prepared, ..options }
}

impl<const PREPARED: bool> Stage for Tiny<PREPARED> {
    const NAME: &'static str = "stage04, in tiny segments";
    const TITLE: &'static str = Stage04::TITLE;
    const KEEPS: &'static [Promise] = Stage04::KEEPS;

    type Log = GroupCommit<SegmentedLog<JsonSegments>>;
    type Shared = GroupCommit<SegmentedLog<JsonSegments>>;

    fn open(disk: Arc<dyn Disk>) -> Result<Self::Log> {
        let log = SegmentedLog::open(&disk, JsonSegments, options(PREPARED))?;
        Ok(GroupCommit::new(log, Options::default()))
    }

    fn open_reader(disk: Arc<dyn Disk>) -> Result<SegmentedReader<JsonSegments>> {
        SegmentedReader::open(&disk, JsonSegments, &options(PREPARED))
    }

    fn share(log: Self::Log) -> Self::Shared {
        log
    }
}

/// So many states at each point of the first life, and so many at each point of the second.
fn sampling(states_max: u64, recovery_states_max: u64) -> Crashes {
    Crashes { sampling: Sampling { states_max, seed: 1 }, recovery_states_max, ..Crashes::default() }
}

fn append_synced(log: &mut impl Log, count: u64, sim: &SimDisk) {
    for _ in 0..count {
        log.append(&records(log.next_offset(), 1)).expect("the disk takes a record");
        sim.acknowledge(log.sync().expect("the disk syncs").0);
    }
}

/// Everything that is done to a log in its life, between appends: deleting, compacting twice, compressing, and deleting
/// what was rewritten.
fn a_whole_life<S: Stage<Log = GroupCommit<SegmentedLog<JsonSegments>>>>(sim: &SimDisk) {
    let mut log = S::open(sim.disk()).expect("the log opens");
    let maintenance = log.with_log(|log| Ok(log.maintenance())).expect("the log is sound");
    append_synced(&mut log, 5, sim);
    sim.may_delete(2);
    maintenance.delete_before(Offset(2)).expect("old segments go");
    append_synced(&mut log, 4, sim);
    sim.may_compact(12);
    for segment_bytes_max in [1, 1 << 20] {
        append_synced(&mut log, 1, sim);
        log.with_log(SegmentedLog::roll).expect("the log rolls");
        let compact = CompactOptions { segment_bytes_max, ..CompactOptions::default() };
        maintenance.compact(FIRST_TIMESTAMP_MS, &compact).expect("the log is compacted");
    }
    append_synced(&mut log, 2, sim);
    maintenance.compress().expect("the log is compressed");
    append_synced(&mut log, 1, sim);
    sim.may_delete(13);
    let nothing = Retention { age_max: None, bytes_min: Some(0) };
    maintenance.retain(&nothing, FIRST_TIMESTAMP_MS, Offset(13)).expect("the oldest segments go");
    append_synced(&mut log, 1, sim);
}

/// A log that deletes as much as it appends: each segment that is given up becomes the next.
fn a_life_in_the_same_files<S: Stage<Log = GroupCommit<SegmentedLog<JsonSegments>>>>(sim: &SimDisk) {
    let mut log = S::open(sim.disk()).expect("the log opens");
    let maintenance = log.with_log(|log| Ok(log.maintenance())).expect("the log is sound");
    for start in 0..16 {
        append_synced(&mut log, if start == 0 { 4 } else { 1 }, sim);
        sim.may_delete(start);
        maintenance.delete_before(Offset(start)).expect("old segments go");
    }
    let is_reuse = |event: &&Event| matches!(event, Event::Rename { from, .. } if &**from == "spare");
    assert!(sim.trace().events().iter().filter(is_reuse).count() > 3, "hardly a file was recycled");
}

/// The process is killed, and the power cut, at every point of a log whose old segments become the new ones: no record is
/// lost, and none comes back from a file's old life.
#[test]
fn a_crash_around_any_recycling_loses_nothing() {
    let life = a_life_in_the_same_files::<Tiny<true>>;
    crash::kills::<Tiny<true>>(&sampling(0, 0), life).expect_survival();
    let report = crash::power_cuts::<Tiny<true>>(Lens::PowerCut, &sampling(8, 1), life).expect_survival();
    assert!(report.states > 500, "{} states", report.states);
}

/// The process is killed at every point of a log that rolls, and no acknowledged record is lost.
#[test]
fn a_kill_around_any_roll_loses_nothing() {
    let each = scenario::append_each::<Tiny<false>>(4);
    let report = crash::kills::<Tiny<false>>(&sampling(2, 0), each).expect_survival();
    assert!(report.states > 200, "{} states", report.states);
    let batches = scenario::append_batches::<Tiny<true>>(4, 1);
    crash::kills::<Tiny<true>>(&sampling(1, 0), batches).expect_survival();
}

/// The power is cut at every point of a log that rolls, and no acknowledged record is lost.
#[test]
fn a_power_cut_around_any_roll_loses_nothing() {
    let each = scenario::append_each::<Tiny<false>>(6);
    let report = crash::power_cuts::<Tiny<false>>(Lens::PowerCut, &sampling(8, 1), each).expect_survival();
    assert!(report.states > 1000, "{} states", report.states);
    let batches = scenario::append_batches::<Tiny<true>>(4, 2);
    crash::power_cuts::<Tiny<true>>(Lens::PowerCut, &sampling(6, 0), batches).expect_survival();
}

/// The process is killed at every point of a log that is deleted, compacted and compressed meanwhile: what may not go
/// is there.
#[test]
fn a_kill_in_any_maintenance_loses_nothing() {
    crash::kills::<Tiny<false>>(&sampling(0, 0), a_whole_life::<Tiny<false>>).expect_survival();
}

/// The same with the power cut, prepared files too.
#[test]
fn a_power_cut_in_any_maintenance_loses_nothing() {
    let crashes = sampling(6, 0);
    let report = crash::power_cuts::<Tiny<false>>(Lens::PowerCut, &crashes, a_whole_life::<Tiny<false>>);
    assert!(report.expect_survival().states > 500);
    crash::power_cuts::<Tiny<true>>(Lens::PowerCut, &sampling(2, 0), a_whole_life::<Tiny<true>>).expect_survival();
}

/// Without its syncs the laboratory sees the loss: it is not blind to this stage.
#[test]
fn a_log_whose_syncs_do_nothing_is_caught() {
    for fault in [Fault::lying_sync(Which::Every), Fault::lying_directory_sync(Which::Every)] {
        let crashes = Crashes { faults: vec![fault], ..sampling(10, 0) };
        let each = scenario::append_each::<Tiny<false>>(4);
        let failure = crash::power_cuts::<Tiny<false>>(Lens::PowerCut, &crashes, each).expect_loss();
        assert_eq!(failure.invariant, Invariant::AcknowledgedSurvive, "{failure}");
    }
}
