//! The whole log of stage 5, all its layers at once: crashed at every operation, each of its bits flipped, each of its
//! operations failing, and a day of traffic against a model. The same for the key-value store on top of it, whose parts are
//! tested in `tests/kv`.

mod bits;
#[path = "../kv/common.rs"]
#[allow(dead_code, unreachable_pub, reason = "it belongs to the tests of the store, and a part of it is used here")]
mod common;
mod crash;
mod faults;
#[path = "../kv/run.rs"]
#[allow(unreachable_pub, reason = "it belongs to the tests of the store")]
mod run;
mod soak;
mod store;
mod tally;

use std::sync::Arc;
use std::time::Duration;

use lab::sim::SimDisk;
use stage05::header::SEGMENT_HEADER_BYTES;
use stage05::{
    CompactOptions, Disk, Framed, GroupCommit, Maintenance, Offset, Options, Preparation, Promise, Result, Retention,
    SegmentOptions, SegmentedLog, SegmentedReader, Stage, Stage05,
};

type TinyLog = GroupCommit<SegmentedLog<Framed>>;

/// Stage 5 with segments of a few records, whose files are prepared or grow. What is prepared is recycled.
#[derive(Debug)]
struct Tiny<const PREPARED: bool>;

fn options(is_prepared: bool) -> SegmentOptions {
    let preparation = if is_prepared { Preparation::AtRoll } else { Preparation::None };
    let bytes = SEGMENT_HEADER_BYTES as u64 + 300;
    let options =
        SegmentOptions { index_interval_bytes: 100, preparation, ..SegmentOptions::with_segment_bytes(bytes) };
    SegmentOptions { recycle: is_prepared, ..options }
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

/// Compaction that keeps tombstones for an hour, and makes one segment of up to four.
fn compact_options() -> CompactOptions {
    CompactOptions {
        tombstone_age_max: Duration::from_secs(3600),
        segment_bytes_max: 4 * options(false).segment_bytes_max,
        ..CompactOptions::default()
    }
}

/// Everything that is done to a log in its life, between appends of one and of several records: it rolls, deletes by
/// offset and by size, compacts, compresses, and is closed and opened again.
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
    let small = Retention { age_max: None, bytes_min: Some(0) };
    let deleted = maintenance(&log).retain(&small, now_ms, Offset(9)).expect("the oldest segments go");
    assert!(deleted.segments > 0, "retention has nothing to do");
    append(&mut log, 1);
}
