//! Taking records away at the end: index first, then log, and a crash in between.

mod common;

use common::*;
use lab::records::{record, record_of};
use lab::sim::{Lens, Sampling, SimDisk};
use stage03::{IndexOrigin, IndexedLog, Log, Offset, Reader, Record, Scan};

const RECORDS: u64 = 40;

/// A cut leaves the files of a log that never had more records, and leaves them durable.
#[test]
fn a_cut_log_is_the_log_that_never_went_further() {
    for from in 0..=RECORDS + 1 {
        let sim = SimDisk::new();
        let mut log = open(&sim.disk());
        append(&mut log, RECORDS);
        log.truncate(Offset(from)).unwrap();
        let left = from.min(RECORDS);
        let (log_bytes, index) = closed_log(left);
        assert!(sim.cached(LOG).unwrap() == log_bytes, "cut at {from}");
        assert_eq!(entries(&sim.cached(INDEX).unwrap()), entries(&index), "cut at {from}");
        assert_reads_right(&log.reader(), left, &format!("cut at {from}"));
        assert_eq!(sim.durable(LOG).unwrap().len(), log_bytes.len(), "cut at {from}: the cut is durable");

        append(&mut log, 10);
        assert_reads_right(&log.reader(), left + 10, &format!("cut at {from}, appended"));
        drop(log);
        let log = open(&sim.disk());
        assert_eq!(log.index_report().origin, IndexOrigin::Loaded, "cut at {from}, appended, reopened");
        assert_reads_right(&log.reader(), left + 10, &format!("cut at {from}, appended, reopened"));
    }
}

/// The mapped part of an index is cut as the rest is; the map stays, and nobody looks behind the cut.
#[test]
fn a_reopened_log_can_be_cut_in_its_mapped_part_and_behind_it() {
    for from in [0, 1, 10, 35, 40, 60, 79] {
        let disks = lab::disks::OsDisks::new();
        let disk = lab::disks::Disks::empty(&disks);
        append(&mut open(&disk), RECORDS);
        let mut log = open(&disk);
        append(&mut log, RECORDS);
        log.truncate(Offset(from)).unwrap();
        assert_reads_right(&log.reader(), from, &format!("cut at {from}"));
        append(&mut log, 30);
        assert_reads_right(&log.reader(), from + 30, &format!("cut at {from}, appended"));
        drop(log);
        assert_eq!(std::fs::read(disk.path().join(INDEX)).unwrap(), closed_log(from + 30).1, "cut at {from}");
    }
}

/// Records that were appended and never synced go in the same way, and those in front of the cut become durable.
#[test]
fn records_that_are_not_durable_are_cut_too() {
    let sim = SimDisk::new();
    let mut log = open(&sim.disk());
    append(&mut log, 10);
    log.append(&lab::records::records(Offset(10), 20)).unwrap();
    log.truncate(Offset(20)).unwrap();
    assert_reads_right(&log.reader(), 20, &"ten durable records, twenty that were not, cut at 20");
    assert_eq!((sim.durable(LOG).unwrap(), sim.cached(INDEX).unwrap()), closed_log(20));
}

/// The record at `offset` after the cut. The first is longer than what was there before and the second shorter by as
/// much, so that from the third on, records start where others started: stale entries in the middle lie, the last
/// one need not.
fn second_record(offset: u64, from: u64) -> Record<'static> {
    let bytes = 200;
    match offset - from {
        0 => record_of(Offset(offset), bytes + 7),
        1 => record_of(Offset(offset), bytes - 7),
        _ => record_of(Offset(offset), bytes),
    }
}

fn first_record(offset: u64) -> Record<'static> {
    Record { timestamp_ms: 1_000_000_000_000, ..record_of(Offset(offset), 200) }
}

/// Every record of the log, by scan and one by one, which have to agree.
fn all_records(log: &IndexedLog, context: &str) -> Vec<Record<'static>> {
    let reader = log.reader();
    let mut scan = reader.scan(Offset(0)).unwrap();
    let mut all = Vec::new();
    while let Some(entry) = scan.next().unwrap_or_else(|e| panic!("{context}: {e}")) {
        all.push(entry.record.into_owned());
    }
    for (offset, record) in all.iter().enumerate() {
        let read = reader.read(Offset(offset as u64)).unwrap_or_else(|e| panic!("{context}: record {offset}: {e}"));
        assert_eq!(read.as_ref(), Some(record), "{context}: record {offset} by the index, and by a scan");
    }
    assert_eq!(log.next_offset().0, all.len() as u64, "{context}");
    all
}

/// A log of 24 records is cut to 9 and grows to 30 again. The power goes at every point, in both ways of losing what
/// was not synced: while the cut happens, the log ends somewhere between 9 and 24; afterwards the old records never
/// come back, and the new ones stay.
#[test]
fn a_power_cut_around_a_cut_brings_nothing_back_and_loses_nothing() {
    let (first_life, from, second_life) = (24, 9, 30);
    let sim = SimDisk::new();
    let events = |sim: &SimDisk| sim.trace().events().len();
    let mut log = open(&sim.disk());
    for offset in 0..first_life {
        log.append_durable(&first_record(offset)).unwrap();
    }
    let begun = events(&sim);
    log.truncate(Offset(from)).unwrap();
    let cut = events(&sim);
    sim.acknowledge(from);
    for offset in from..second_life {
        log.append_durable(&second_record(offset, from)).unwrap();
        sim.acknowledge(offset + 1);
    }
    drop(log);

    let mut states = 0;
    for lens in [Lens::PowerCut, Lens::TornWrite] {
        let trace = sim.trace();
        for state in trace.crash_states(lens, Sampling { states_max: 60, seed: 3 }) {
            if state.point < begun {
                continue;
            }
            states += 1;
            let context = format!("{lens:?} at point {} of {begun}..{cut}.., choice {:?}", state.point, state.choice);
            // A torn append of the last record may leave a hole, which stage 5 is about: then the log refuses to open.
            let opened = IndexedLog::open_with_interval(&state.disk.disk(), stage03::JsonLines, INTERVAL);
            let log = match (opened, lens) {
                (Err(_), Lens::TornWrite) => continue,
                (opened, _) => opened.unwrap_or_else(|e| panic!("{context}: {e}")),
            };
            let found = all_records(&log, &context);
            let before: Vec<_> = (0..first_life).map(first_record).collect();
            let after = (0..from).map(first_record).chain((from..second_life).map(|o| second_record(o, from)));
            let after: Vec<_> = after.collect();
            let count = found.len() as u64;
            if state.point < cut {
                assert!((from..=first_life).contains(&count), "{context}: {count} records");
                assert!(found == before[..found.len()], "{context}: {count} records, not a prefix of the first life");
            } else {
                let acknowledged = state.acknowledged;
                assert!((acknowledged.max(from)..=second_life).contains(&count), "{context}: {count} records");
                assert!(found == after[..found.len()], "{context}: {count} records, not a prefix of the second life");
            }
        }
    }
    assert!(states > 1000, "{states} states");
}

/// A cut that fails half-way leaves an index that is too short, which is as good as new.
#[test]
fn a_cut_of_the_log_that_fails_leaves_an_index_that_is_true() {
    use lab::sim::{Errno, Fault, Operation, Which};
    let sim = SimDisk::new();
    let mut log = open(&sim.disk());
    append(&mut log, RECORDS);
    sim.inject(Fault::fail(Operation::Truncate, Which::Every, Errno::Io).of_file(LOG));
    log.truncate(Offset(10)).expect_err("a cut that fails");
    drop(log);
    sim.clear_faults();
    let log = open(&sim.disk());
    assert_eq!(log.index_report().origin, IndexOrigin::Loaded);
    assert_reads_right(&log.reader(), RECORDS, &"reopened after the cut failed");
    assert_eq!(log.reader().read(Offset(39)).unwrap(), Some(record(Offset(39))));
}

/// The index file cannot be replaced: the stale one stays, points behind the log's end, and is found out.
#[test]
fn a_cut_whose_index_cannot_be_written_leaves_an_index_that_is_found_out() {
    use lab::sim::{Errno, Fault, Operation, Which};
    for appended in [0, 3, 12, 40] {
        let sim = SimDisk::new();
        let mut log = open(&sim.disk());
        append(&mut log, RECORDS);
        sim.inject(Fault::fail(Operation::Create, Which::Every, Errno::NoSpace).of_file(NEW_INDEX));
        log.truncate(Offset(10)).unwrap();
        for offset in 10..10 + appended {
            log.append_durable(&second_record(offset, 10)).unwrap();
        }
        let expected = all_records(&log, "before it is reopened");
        drop(log);
        sim.clear_faults();
        let log = open(&sim.disk());
        assert_eq!(all_records(&log, &format!("{appended} records appended")), expected);
    }
}
