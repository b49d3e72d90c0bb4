//! The index in a crash: killed and cut off at every operation, it never changes what the log holds.
//!
//! The laboratory reads a log from its start, which needs no index. So the stage that is crashed here looks up every
//! record on its own each time it is opened, with an entry for every few records.

mod common;

use std::sync::Arc;

use common::INTERVAL;
use lab::crash::{self, Invariant, Options as Crashes, scenario};
use lab::records::records;
use lab::sim::{Fault, Lens, Sampling, SimDisk, Which};
use stage03::{
    Access, Disk, GroupCommit, IndexedLog, IndexedReader, JsonLines, Log, Offset, Options, Promise, Reader, Result,
    Scan, Stage, Stage03,
};

/// Stage 3 with a small interval, which tries its index whenever it is opened.
#[derive(Debug)]
struct TriesItsIndex;

impl Stage for TriesItsIndex {
    const NAME: &'static str = "stage03, trying its index";
    const TITLE: &'static str = Stage03::TITLE;
    const KEEPS: &'static [Promise] = Stage03::KEEPS;

    type Log = GroupCommit<IndexedLog>;
    type Shared = GroupCommit<IndexedLog>;

    fn open(disk: Arc<dyn Disk>) -> Result<Self::Log> {
        let alone = IndexedReader::open_with_interval(&disk, JsonLines, INTERVAL).ok();
        let log = IndexedLog::open_with_interval(&disk, JsonLines, INTERVAL)?;
        assert_lookups_and_scans_agree(&log.reader())?;
        if let Some(alone) = alone {
            assert_lookups_and_scans_agree(&alone)?;
        }
        Ok(GroupCommit::new(log, Options::default()))
    }

    fn open_reader(disk: Arc<dyn Disk>) -> Result<IndexedReader> {
        IndexedReader::open_with_interval(&disk, JsonLines, INTERVAL)
    }

    fn share(log: Self::Log) -> Self::Shared {
        log
    }
}

/// A panic in here is a loss in the eyes of the laboratory: the log did not open.
fn assert_lookups_and_scans_agree(reader: &IndexedReader) -> Result<()> {
    let mut scan = reader.scan(Offset(0))?;
    while let Some(entry) = scan.next()? {
        let read = reader.read(entry.offset)?.expect("a record that a scan has shown can be looked up");
        assert_eq!(read, entry.record, "record {} by a lookup, and by a scan", entry.offset);
    }
    Ok(())
}

/// Three lives, so that an index is made, loaded, completed, and made anew in the place of one that lies.
fn several_lives(sim: &SimDisk) {
    for (life, batch) in [4, 1, 3].into_iter().enumerate() {
        sim.note(format!("life {life}"));
        if life == 2 {
            let index = sim.disk().open(common::INDEX, Access::Write).expect("there is an index");
            index.write_at(&[0xff], 4).expect("its first entry can be made to lie");
        }
        let mut log = TriesItsIndex::open(sim.disk()).expect("the log opens");
        for _ in 0..2 {
            append_synced(&mut log, batch, sim);
        }
    }
}

fn append_synced(log: &mut impl Log, count: u64, sim: &SimDisk) {
    log.append(&records(log.next_offset(), count)).expect("the disk takes a batch");
    sim.acknowledge(log.sync().expect("the disk syncs").0);
}

fn sampling(states_max: u64) -> Crashes {
    Crashes { sampling: Sampling { states_max, seed: 1 }, ..Crashes::default() }
}

/// The process is killed at every point of several lives of a log, and no acknowledged record is lost.
#[test]
fn a_kill_at_any_point_loses_nothing() {
    let report = crash::kills::<TriesItsIndex>(&sampling(1), several_lives).expect_survival();
    assert!(report.states > 1000, "{} states", report.states);
}

/// The power is cut at every point of several lives of a log, and no acknowledged record is lost.
#[test]
fn a_power_cut_at_any_point_loses_nothing() {
    let report = crash::power_cuts::<TriesItsIndex>(Lens::PowerCut, &sampling(60), several_lives).expect_survival();
    assert!(report.states > 5000, "{} states", report.states);
}

/// Behind the last sync of the log, only the index has anything to lose: any of its sectors, and its name.
#[test]
fn an_index_that_lost_any_of_its_sectors_loses_no_record() {
    let sim = SimDisk::new();
    let mut log = TriesItsIndex::open(sim.disk()).expect("the log opens");
    (0..8).for_each(|_| append_synced(&mut log, 60, &sim));
    drop(log);
    let trace = sim.trace();
    let mut replay = trace.replay();
    replay.advance_to(trace.events().len());
    let mut states = 0;
    for state in replay.crash(Lens::TornWrite).states(Sampling { states_max: 300, seed: 7 }) {
        states += 1;
        let log = TriesItsIndex::open(state.disk.disk()).unwrap_or_else(|e| panic!("{:?}: {e}", state.choice));
        assert_eq!(log.next_offset(), Offset(480), "{:?}", state.choice);
    }
    assert!(states > 100, "{states} states");
}

/// Without the log's own syncs the laboratory sees the loss: it is not blind to this stage.
#[test]
fn a_log_whose_syncs_do_nothing_is_caught() {
    let crashes = Crashes { faults: vec![Fault::lying_sync(Which::Every)], ..sampling(20) };
    let failure = crash::power_cuts::<TriesItsIndex>(Lens::PowerCut, &crashes, several_lives).expect_loss();
    assert_eq!(failure.invariant, Invariant::AcknowledgedSurvive, "{failure}");
}

/// A disk that only claims to sync its directory loses acknowledged records, and the laboratory sees it.
#[test]
fn a_log_whose_name_is_never_synced_is_caught() {
    let crashes = Crashes { faults: vec![Fault::lying_directory_sync(Which::Every)], ..sampling(20) };
    let failure =
        crash::power_cuts::<TriesItsIndex>(Lens::PowerCut, &crashes, scenario::append_each::<TriesItsIndex>(3));
    assert_eq!(failure.expect_loss().invariant, Invariant::AcknowledgedSurvive);
}
