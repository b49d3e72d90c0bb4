//! The log with its index: what is written, when, and what it costs.

mod common;

use std::fs;
use std::sync::Arc;

use common::*;
use lab::disks::{Disks, OsDisks};
use lab::records::{record, records};
use lab::sim::{Errno, Event, Fault, Operation, SimDisk, Which};
use stage03::{IndexOrigin, IndexedLog, JsonLines, Log, Offset, Reader, Record, SharedLog, Stage, Stage03, Visibility};

/// The bytes of a small log and its index, as the chapter prints them.
#[test]
fn an_index_file_is_these_bytes() {
    let sim = SimDisk::new();
    let mut log = IndexedLog::open_with_interval(&sim.disk(), JsonLines, 100).unwrap();
    for offset in 0..8 {
        log.append_durable(&Record::new(1_736_937_000_000 + offset, format!("value {offset}").into_bytes())).unwrap();
    }
    let lines = String::from_utf8(sim.cached(LOG).unwrap()).unwrap();
    assert_eq!(lines.lines().next().unwrap(), r#"{"offset":0,"timestamp_ms":1736937000000,"value":"value 0"}"#);
    assert_eq!(lines.len(), 8 * 60, "a line has 59 bytes and its newline");
    assert_eq!(
        sim.cached(INDEX).unwrap(),
        [
            [2, 0, 0, 0, 120, 0, 0, 0],
            [4, 0, 0, 0, 240, 0, 0, 0],
            [6, 0, 0, 0, 0x68, 0x01, 0, 0], // byte 360
        ]
        .concat()
    );
}

/// One record at a time, or all in one write, or reopened in between: the same index (I5).
#[test]
fn a_batch_gets_the_same_entries_as_its_records_one_by_one() {
    let (log, index) = closed_log(100);
    let sim = SimDisk::new();
    let mut at_once = open(&sim.disk());
    at_once.append(&records(Offset(0), 100)).unwrap();
    at_once.sync().unwrap();
    assert_eq!((sim.cached(LOG).unwrap(), sim.cached(INDEX).unwrap()), (log.clone(), index.clone()));

    let sim = SimDisk::new();
    for _ in 0..20 {
        append(&mut open(&sim.disk()), 5);
    }
    assert_eq!((sim.cached(LOG).unwrap(), sim.cached(INDEX).unwrap()), (log, index));
}

/// An index file in the course of a trace.
#[derive(Clone, Copy, Default)]
struct Written {
    bytes: u64,
    last_entry: Option<(u32, u32)>,
}

/// What may be written to an index file, and when. The simulated disk has a list of all that was done.
fn assert_the_index_never_runs_ahead(sim: &SimDisk) {
    let (mut log_bytes, mut log_durable_bytes, mut entries_written) = (0, 0, 0);
    let (mut index, mut new_index) = (Written::default(), Written::default());
    for (at, event) in sim.trace().events().iter().enumerate() {
        match event {
            Event::Write { name, position, bytes, .. } if **name == *LOG => log_bytes = position + bytes.len() as u64,
            Event::Truncate { name, length, .. } if **name == *LOG => {
                let message = format!("I1: the index is cut before the log; event {at}: {event}");
                assert!(index.last_entry.is_none_or(|(_, position)| u64::from(position) < *length), "{message}");
                log_bytes = *length;
            }
            Event::SyncData { name, .. } if **name == *LOG => log_durable_bytes = log_bytes,
            Event::Create { name, .. } if **name == *NEW_INDEX => new_index = Written::default(),
            Event::Rename { to, .. } if **to == *INDEX => index = new_index,
            Event::Write { name, position, bytes, .. } => {
                let file = if **name == *INDEX { &mut index } else { &mut new_index };
                assert_eq!(*position, file.bytes, "I2: an index file only grows; event {at}: {event}");
                file.bytes += bytes.len() as u64;
                for entry in entries(bytes) {
                    file.last_entry = Some(entry);
                    entries_written += 1;
                    let message = format!("I1: entry {entry:?} is not of a durable record; event {at}: {event}");
                    assert!(u64::from(entry.1) < log_durable_bytes, "{message}");
                }
            }
            Event::Truncate { .. } => panic!("I2: an index file is never cut; event {at}: {event}"),
            _ => {}
        }
    }
    assert!(entries_written > 0, "an index was written");
}

/// At no moment does the index file name a record that a power cut may take (I1).
#[test]
fn the_index_file_never_runs_ahead_of_the_durable_log() {
    let sim = SimDisk::new();
    let mut log = open(&sim.disk());
    log.append(&records(Offset(0), 30)).unwrap();
    log.append(&records(Offset(30), 30)).unwrap();
    assert_eq!(entries(&sim.cached(INDEX).unwrap()), [], "no entry for a record that a power cut may take");
    log.sync().unwrap();
    append(&mut log, 20);
    log.append(&records(Offset(80), 20)).unwrap();
    log.truncate(Offset(90)).unwrap();
    log.append(&records(Offset(90), 20)).unwrap();
    drop(log);
    append(&mut open(&sim.disk()), 5);
    let (_, index) = closed_log(115);
    assert_eq!(entries(&sim.cached(INDEX).unwrap()), entries(&index));
    assert_the_index_never_runs_ahead(&sim);
}

/// A record has its entry in memory as soon as it is written: a reader of written records finds it as fast.
#[test]
fn records_that_are_not_durable_are_found_by_the_index_too() {
    let sim = SimDisk::new();
    let mut log = open(&sim.disk());
    log.append(&records(Offset(0), 200)).unwrap();
    let durable = log.reader();
    let written = durable.clone().with_visibility(Visibility::Written);
    assert_eq!(durable.read(Offset(150)).unwrap(), None);
    let before = sim.bytes_read();
    assert_eq!(written.read(Offset(150)).unwrap(), Some(record(Offset(150))));
    assert!(sim.bytes_read() - before < 4096, "{} bytes read for one record", sim.bytes_read() - before);
    log.sync().unwrap();
    assert_reads_right(&durable, 200, &"synced");
    assert_reads_right(&written, 200, &"synced, written");
}

/// A durable reader's end may lie at a record that has an entry already. The reader does not see that record, and does
/// not take the entry for a lie.
#[test]
fn an_entry_behind_a_readers_end_is_no_lie() {
    let (_, index) = closed_log(40);
    for (end, _) in entries(&index) {
        let sim = SimDisk::new();
        let mut log = open(&sim.disk());
        append(&mut log, end.into());
        log.append(&records(Offset(end.into()), 20)).unwrap();
        assert_reads_right(&log.reader(), end.into(), &format!("{end} of {} records are durable", end + 20));
        assert_eq!(log.index_report().rebuilds, 0, "{end} records are durable");
    }
}

/// An index file that cannot be written fails nothing, and is completed as soon as it can be (I3).
#[test]
fn appending_goes_on_when_the_index_cannot_be_written() {
    let faults = [
        Fault::fail(Operation::Write, Which::Every, Errno::Io),
        Fault::fail(Operation::Write, Which::Every, Errno::NoSpace),
        Fault::short_write(Which::Every, 3, Errno::NoSpace),
    ];
    for fault in faults {
        let sim = SimDisk::new();
        let mut log = open(&sim.disk());
        append(&mut log, 20);
        sim.inject(fault.clone().of_file(INDEX));
        append(&mut log, 20);
        assert_reads_right(&log.reader(), 40, &format!("{fault:?}"));
        let crashed = sim.trace().kill_at(sim.trace().events().len(), 0);
        assert_reads_right(&open(&crashed.disk()).reader(), 40, &format!("{fault:?}, killed"));

        sim.clear_faults();
        append(&mut log, 20);
        let (log_bytes, index) = closed_log(60);
        assert_eq!((sim.cached(LOG).unwrap(), sim.cached(INDEX).unwrap()), (log_bytes, index), "{fault:?} is over");
    }
}

/// If no index file can be made, the log works without one, and the index lives in memory (I3).
#[test]
fn a_disk_without_room_for_an_index_still_has_a_log() {
    for fault in [Operation::Create, Operation::Rename, Operation::Remove, Operation::Any] {
        let sim = SimDisk::new();
        sim.inject(Fault::fail(fault, Which::Every, Errno::NoSpace).of_file(NEW_INDEX));
        let mut log = open(&sim.disk());
        append(&mut log, 40);
        assert_reads_right(&log.reader(), 40, &format!("{fault:?} fails"));
        assert_eq!(log.index_report().entries, entries(&closed_log(40).1).len(), "the index is in memory");
        assert_eq!(sim.cached(INDEX), None, "{fault:?} fails");
    }
}

/// A failed sync leaves no entry in the file: nobody knows whether the records are there.
#[test]
fn a_failed_sync_writes_no_entries() {
    let sim = SimDisk::new();
    let mut log = open(&sim.disk());
    append(&mut log, 10);
    let before = sim.cached(INDEX).unwrap();
    log.append(&records(Offset(10), 30)).unwrap();
    sim.inject(Fault::fail(Operation::SyncData, Which::Nth(1), Errno::Io).of_file(LOG));
    log.sync().expect_err("a sync that fails");
    assert_eq!(sim.cached(INDEX).unwrap(), before);
}

/// Opening reads the index and the log behind its last entry, not the log.
#[test]
fn opening_costs_the_index_and_a_tail() {
    let sim = SimDisk::new();
    let mut log = IndexedLog::open(&sim.disk(), JsonLines).unwrap();
    log.append(&records(Offset(0), 20_000)).unwrap();
    log.sync().unwrap();
    drop(log);
    let (log_bytes, index_bytes) = (sim.cached(LOG).unwrap().len(), sim.cached(INDEX).unwrap().len());
    assert!(log_bytes > 3_500_000, "{log_bytes} bytes of log");
    let before = sim.bytes_read();
    let log = IndexedLog::open(&sim.disk(), JsonLines).unwrap();
    let read = sim.bytes_read() - before;
    assert!(read < index_bytes as u64 + 16 * 1024, "{read} bytes were read; the index has {index_bytes}");
    assert_eq!(log.next_offset(), Offset(20_000));

    let before = sim.bytes_read();
    let reader = log.reader();
    for offset in (0..20_000).step_by(7).map(Offset) {
        let before = sim.bytes_read();
        assert_eq!(reader.read(offset).unwrap(), Some(record(offset)));
        let read = sim.bytes_read() - before;
        assert!(read <= 16 * 1024, "{read} bytes were read for record {offset}");
    }
    let average = (sim.bytes_read() - before) / (20_000 / 7);
    assert!(average < 8 * 1024, "a read costs about one window, not {average} bytes");
}

/// What is mapped is what was there at open; what came since is found as well.
#[test]
fn a_reopened_log_reads_from_the_map_and_from_its_tail() {
    let disks = OsDisks::new();
    let disk = disks.empty();
    let mut log = open(&disk);
    append(&mut log, 30);
    assert_eq!(log.index_report().entries_mapped, 0, "an active index is in memory");
    drop(log);

    let mut log = open(&disk);
    let report = log.index_report();
    assert_eq!(report.origin, IndexOrigin::Loaded);
    assert!(report.entries_mapped >= 10 && report.entries_mapped == report.entries, "{report:?}");
    log.append(&records(Offset(30), 30)).unwrap();
    log.sync().unwrap();
    assert_eq!(log.index_report().entries_mapped, report.entries_mapped);
    assert!(log.index_report().entries > report.entries + 10);
    assert_reads_right(&log.reader(), 60, &"mapped and added");
    assert_eq!(fs::read(disk.path().join(INDEX)).unwrap(), closed_log(60).1);
}

/// A map shows the file that was mapped, whatever takes its name later.
#[test]
fn a_reader_keeps_its_map_when_the_index_file_is_replaced() {
    let disks = OsDisks::new();
    let disk = disks.empty();
    append(&mut open(&disk), 60);
    let reader = open_reader(&disk);
    let mapped = reader.index_report().entries_mapped;
    let mut log = open(&disk);
    log.truncate(Offset(50)).unwrap();
    append(&mut log, 10);
    assert_eq!(reader.index_report().entries_mapped, mapped);
    assert_reads_right(&reader, 60, &"the same records were written again");
    assert_reads_right(&log.reader(), 60, &"the writer's reader");
}

/// Many threads append to one log, and its own reader and one that opens the files read the same records.
#[test]
fn sixteen_threads_share_an_indexed_log() {
    let disks = OsDisks::new();
    let disk = disks.empty();
    let log = Stage03::share(Stage03::open(Arc::clone(&disk)).unwrap());
    std::thread::scope(|scope| {
        for thread in 0..16u64 {
            let log = &log;
            scope.spawn(move || {
                for i in 0..50 {
                    let value = format!("{thread}/{i}/{}", "x".repeat(300)).into_bytes();
                    SharedLog::append(log, Record::new(thread, value)).unwrap();
                }
            });
        }
    });
    let reader = Log::reader(&log);
    drop(log);
    assert_eq!(reader.end(), Offset(800));
    let from_file = Stage03::open_reader(disk).unwrap();
    assert_eq!(from_file.index_report().origin, IndexOrigin::Loaded);
    for offset in (0..800).map(Offset) {
        assert_eq!(reader.read(offset).unwrap(), from_file.read(offset).unwrap());
    }
}
