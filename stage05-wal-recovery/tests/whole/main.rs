//! The whole log of stage 5, all its layers at once: crashed at every operation, each of its bits flipped, each of its
//! operations failing, and a day of traffic against a model.

mod bits;
mod crash;
mod faults;
mod soak;

use std::sync::Arc;
use std::time::Duration;

use lab::sim::SimDisk;
use stage05::header::SEGMENT_HEADER_BYTES;
use stage05::{
    CompactOptions, Disk, Framed, GroupCommit, Maintenance, Offset, Options, Preparation, Promise, Result,
    SegmentOptions, SegmentedLog, SegmentedReader, Stage, Stage05,
};

type TinyLog = GroupCommit<SegmentedLog<Framed>>;

/// Stage 5 with segments of a few records, whose files are prepared or grow.
#[derive(Debug)]
struct Tiny<const PREPARED: bool>;

fn options(is_prepared: bool) -> SegmentOptions {
    let preparation = if is_prepared { Preparation::AtRoll } else { Preparation::None };
    let bytes = SEGMENT_HEADER_BYTES as u64 + 300;
    SegmentOptions { index_interval_bytes: 100, preparation, ..SegmentOptions::with_segment_bytes(bytes) }
}

impl<const PREPARED: bool> Stage for Tiny<PREPARED> {
    const NAME: &'static str = "stage05, in tiny segments";
    const TITLE: &'static str = Stage05::TITLE;
    const KEEPS: &'static [Promise] = Stage05::KEEPS;

    type Log = TinyLog;
    type Shared = TinyLog;

    fn open(disk: Arc<dyn Disk>) -> Result<TinyLog> {
        let log = SegmentedLog::open(&disk, Framed::default(), options(PREPARED))?;
        Ok(GroupCommit::new(log, Options::default()))
    }

    fn open_reader(disk: Arc<dyn Disk>) -> Result<SegmentedReader<Framed>> {
        SegmentedReader::open(&disk, Framed::default(), &options(PREPARED))
    }

    fn share(log: TinyLog) -> TinyLog {
        log
    }

    fn delete_before(log: &mut TinyLog, limit: Offset) -> Result<()> {
        log.with_log(|log| log.delete_before(limit))
    }
}

fn maintenance(log: &TinyLog) -> Maintenance<Framed> {
    log.with_log(|log| Ok(log.maintenance())).expect("the log is sound")
}

/// Compaction that keeps tombstones for an hour.
fn compact_options() -> CompactOptions {
    CompactOptions {
        tombstone_age_max: Duration::from_secs(3600),
        segment_bytes_max: 4 * options(false).segment_bytes_max,
        ..CompactOptions::default()
    }
}

/// Everything that is done to a log in its life, between appends of one and of several records: it rolls, deletes,
/// compacts, compresses, and is closed and opened again.
fn a_whole_life<S: Stage<Log = TinyLog>>(sim: &SimDisk) {
    let append = |log: &mut TinyLog, count| {
        lab::crash::scenario::append_synced(log, count, sim).expect("the disk takes records");
    };
    let mut log = S::open(sim.disk()).expect("the log opens");
    for count in [1, 2, 3] {
        append(&mut log, count);
    }
    sim.may_delete(2);
    S::delete_before(&mut log, Offset(2)).expect("old segments go");
    append(&mut log, 2);
    drop(log);
    let mut log = S::open(sim.disk()).expect("the log opens again");
    append(&mut log, 2);
    sim.may_compact(10);
    log.with_log(SegmentedLog::roll).expect("the log rolls");
    let now_ms = lab::records::FIRST_TIMESTAMP_MS;
    maintenance(&log).compact(now_ms, &compact_options()).expect("the log is compacted");
    append(&mut log, 3);
    maintenance(&log).compress().expect("the log is compressed");
    sim.may_delete(9);
    S::delete_before(&mut log, Offset(9)).expect("the oldest segments go");
    append(&mut log, 1);
}
