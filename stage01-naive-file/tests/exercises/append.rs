//! Part 3: append, sync, and who may see what.
//!
//! `NaiveLog::open` needs the recovery of part 4, so these logs are put together from their parts, on new disks.

use lab::records::{record, records};
use lab::sim::{Errno, Fault, Lens, Operation, Sampling, SimDisk, Which};
use stage01::naive::{lock, open_or_create};
use stage01::{Error, JsonLines, Log, NaiveLog, Offset, Place, RECORD_BYTES_MAX, Reader, Record, Visibility};

use crate::{LOG, expect_content, lines};

/// A log on a disk without one.
fn new_log(sim: &SimDisk) -> NaiveLog {
    let disk = sim.disk();
    let lock = lock(&disk).expect("nobody else is there");
    let file = open_or_create(&disk).expect("a new file");
    NaiveLog::resume(lock, file, JsonLines, Place::default())
}

/// How far a reader sees that wants durable records, and one that takes all that is written.
fn ends(log: &NaiveLog) -> (Offset, Offset) {
    (log.reader().end(), log.reader().with_visibility(Visibility::Written).end())
}

fn content(sim: &SimDisk) -> Vec<u8> {
    sim.cached(LOG).expect("the log's file")
}

/// L1: the log numbers its records, from 0, one by one. A batch is told the offset of its first record, a sync how
/// far it reached, and the file is the lines one behind another.
#[test]
fn s01p3_offsets_start_at_zero_and_grow_by_one() {
    let sim = SimDisk::new();
    let mut log = new_log(&sim);
    for (first, count) in [(0, 1), (1, 8), (9, 0), (9, 3)] {
        assert_eq!(log.append(&records(Offset(first), count)).expect("an append"), Offset(first), "{count} records");
        assert_eq!(log.next_offset(), Offset(first + count), "behind {count} records");
    }
    assert_eq!(log.sync().expect("a sync"), Offset(12), "a sync is told how far it reached");
    assert_eq!(log.append_durable(&record(Offset(12))).expect("an append"), Offset(12));
    expect_content(&content(&sim), &lines(0, 13).concat(), "the file");
}

/// The stages above build an index, and want to know where each record of an append went.
#[test]
fn s01p3_an_append_knows_where_its_records_start() {
    let sim = SimDisk::new();
    let mut log = new_log(&sim);
    let frames = lines(0, 9);
    let start = |of: usize| frames[..of].concat().len() as u64;
    for (first, count) in [(0, 4), (4, 5)] {
        log.append(&records(Offset(first), count)).expect("an append");
        let expected: Vec<u64> = (first..first + count).map(|of| start(of as usize)).collect();
        assert_eq!(log.starts(), expected, "the starts of the append at offset {first}");
    }
}

/// A batch saves work: all its records go to the file in one write, and nothing is synced before somebody asks.
#[test]
fn s01p3_a_batch_is_one_write_and_no_sync() {
    let sim = SimDisk::new();
    let mut log = new_log(&sim);
    // The file's name is another test's business.
    sim.disk().sync_directory().expect("a sync of the directory");
    let before = sim.counters();
    log.append(&records(Offset(0), 9)).expect("an append");
    let after = sim.counters();
    assert_eq!((after.writes - before.writes, after.syncs - before.syncs), (1, 0), "writes and syncs of one append");
    log.sync().expect("a sync");
    assert_eq!(sim.counters().syncs - after.syncs, 1, "syncs of one sync");
    expect_content(&sim.durable(LOG).unwrap_or_default(), &content(&sim), "what a power cut leaves behind the sync");
}

/// One record over the limit refuses its whole batch before anything is written: not even the good ones in front of it
/// reach the file, and the next append begins where this one would have.
#[test]
fn s01p3_a_batch_with_a_record_over_the_limit_leaves_nothing_behind() {
    let sim = SimDisk::new();
    let mut log = new_log(&sim);
    log.append(&records(Offset(0), 2)).expect("an append");
    let (before, writes) = (content(&sim), sim.counters().writes);
    let too_large = Record::new(0, vec![b'x'; RECORD_BYTES_MAX + 1]);
    let refused = log.append(&[record(Offset(2)), too_large, record(Offset(3))]);
    assert!(matches!(refused, Err(Error::RecordTooLarge { .. })), "expected RecordTooLarge, got {refused:?}");
    expect_content(&content(&sim), &before, "the file, behind an append that was refused");
    assert_eq!(sim.counters().writes, writes, "writes to the file");
    assert_eq!(ends(&log).1, Offset(2), "what is written");
    assert_eq!(log.append(&records(Offset(2), 2)).expect("the log goes on"), Offset(2));
    expect_content(&content(&sim), &lines(0, 4).concat(), "the file");
}

/// A write that fails half way leaves part of a line in the file, and the log where it was: nobody sees the new
/// records, and the next append goes to the same place with the same offset.
#[test]
fn s01p3_an_append_that_failed_leaves_the_log_where_it_was() {
    for put_down in [0, 1, 100] {
        let sim = SimDisk::new();
        let mut log = new_log(&sim);
        log.append(&records(Offset(0), 3)).expect("an append");
        sim.inject(Fault::short_write(Which::Nth(1), put_down, Errno::NoSpace));
        let refused = log.append(&records(Offset(3), 4));
        assert!(matches!(refused, Err(Error::Io { .. })), "expected the disk's error, got {refused:?}");
        assert_eq!((log.next_offset(), ends(&log).1), (Offset(3), Offset(3)), "the writer, and what is written");
        assert_eq!(log.append(&records(Offset(3), 4)).expect("the disk works again"), Offset(3));
        let context = format!("the file, behind a write that failed after {put_down} bytes and one that did not");
        expect_content(&content(&sim), &lines(0, 7).concat(), &context);
    }
}

/// L3: a record is durable when the sync has returned, not when it was asked for, and not at all if it failed. Until
/// then only those readers see it who asked for what is merely written.
#[test]
fn s01p3_a_record_is_durable_once_a_sync_has_succeeded() {
    let sim = SimDisk::new();
    let mut log = new_log(&sim);
    assert_eq!(ends(&log), (Offset(0), Offset(0)), "durable and written, in an empty log");
    log.append(&records(Offset(0), 3)).expect("an append");
    assert_eq!(ends(&log), (Offset(0), Offset(3)), "durable and written, before the sync");

    sim.inject(Fault::fail(Operation::SyncData, Which::Nth(1), Errno::Io));
    let refused = log.sync();
    assert!(matches!(refused, Err(Error::Io { .. })), "expected the disk's error, got {refused:?}");
    assert_eq!(ends(&log), (Offset(0), Offset(3)), "durable and written, behind a sync that failed");

    let early = log.reader();
    log.sync().expect("the disk works again");
    assert_eq!(ends(&log), (Offset(3), Offset(3)), "durable and written, behind the sync");
    assert_eq!(early.end(), Offset(3), "a reader follows the log");
}

/// The name of a new file is data of its directory. After a power cut a log without a name is no log, whatever was
/// synced in it. It makes no difference who made the file: the process before may have died in front of the sync.
#[test]
fn s01p3_the_file_has_its_name_after_a_power_cut() {
    for made_before in [false, true] {
        let sim = SimDisk::new();
        if made_before {
            drop(sim.disk().create(LOG).expect("a new file"));
        }
        drop(open_or_create(&sim.disk()).expect("a file"));
        let trace = sim.trace();
        let mut replay = trace.replay();
        replay.advance_to(trace.events().len());
        for state in replay.crash(Lens::PowerCut).states(Sampling { states_max: 100, seed: 1 }) {
            let whose = if made_before { "the process before made" } else { "this process made" };
            assert_eq!(
                state.disk.names(),
                [LOG],
                "the names in the directory after a power cut, behind the opening of a file that {whose}: a name lasts \
                 once the directory is synced"
            );
        }
    }
}

/// A file is made where there is none. Any other trouble is the caller's to know, and a log that is there is taken as
/// it is.
#[test]
fn s01p3_a_file_is_made_only_where_there_is_none() {
    let old = lines(0, 3).concat();
    let sim = SimDisk::with_files([(LOG, &old[..])]);
    let file = open_or_create(&sim.disk()).expect("the file that is there");
    assert_eq!(file.length().unwrap(), old.len() as u64, "the length of a file with three records");
    for failing in [Operation::Open, Operation::SyncDirectory] {
        let sim = SimDisk::new();
        sim.inject(Fault::fail(failing, Which::Every, Errno::Io));
        let refused = open_or_create(&sim.disk()).map(|_| "a file");
        assert!(matches!(refused, Err(Error::Io { .. })), "{failing:?} fails: expected its error, got {refused:?}");
    }
    let sim = SimDisk::new();
    sim.inject(Fault::fail(Operation::Open, Which::Every, Errno::Io));
    let _ = open_or_create(&sim.disk());
    assert_eq!(sim.names(), Vec::<String>::new(), "files made although opening failed, and not for want of a file");
}

/// The promise itself: the power is cut behind every operation, in every way, and each record that was acknowledged by
/// then is on the disk, byte for byte.
#[test]
fn s01p3_a_power_cut_takes_no_acknowledged_record() {
    let sim = SimDisk::new();
    let mut log = new_log(&sim);
    for offset in 0..8 {
        log.append_durable(&record(Offset(offset))).expect("an append");
        sim.acknowledge(offset + 1);
    }
    let frames = lines(0, 8);
    for lens in [Lens::PowerCut, Lens::TornWrite] {
        for state in sim.trace().crash_states(lens, Sampling { states_max: 1000, seed: 1 }) {
            let promised = frames[..state.acknowledged as usize].concat();
            let found = state.disk.cached(LOG).unwrap_or_default();
            let context =
                format!("{lens:?} behind event {}, {} records were acknowledged", state.point, state.acknowledged);
            expect_content(&found[..found.len().min(promised.len())], &promised, &context);
        }
    }
}
