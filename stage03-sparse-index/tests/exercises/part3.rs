//! Part 3: an index file that follows the log, and never the other way round.

use std::sync::{Arc, Mutex};

use lab::disks::{Disks, OsDisks};
use lab::records::records;
use lab::sim::{Errno, Event, Fault, Lens, Operation, Sampling, SimDisk, Which};
use stage03::{Disk, Error, IndexOrigin, IndexedLog, JsonLines, Log, NaiveReader, Offset, Reader, Record, Scan};

use crate::common::{INDEX, INTERVAL, LOG, NEW_INDEX, append, disk_with, entries, open};
use crate::watched::WatchedDisk;
use crate::{index_events, log_and_index};

const RECORDS: u64 = 60;

/// The log's file and its index file are those of a log of `count` records.
fn assert_files_are_right(sim: &SimDisk, count: u64, context: &str) {
    let index = sim.cached(INDEX).unwrap_or_else(|| panic!("{context}: there is no index file"));
    let (right_log, right_index) = log_and_index(count);
    assert!(sim.cached(LOG).unwrap() == right_log, "{context}: the log is not that of {count} records");
    assert_eq!(entries(&index), entries(&right_index), "{context}: the entries in the index file");
}

/// The right index, written, and then made to lie in its first entry in a way that every open finds.
fn with_zeros_in_front(index: &[u8]) -> Vec<u8> {
    [&[0; 8], &index[8..]].concat()
}

/// The bytes of a small log's index, as the chapter explains them: every second line of 60 bytes, with an interval of
/// 100.
#[test]
fn s03p3_an_index_file_is_these_bytes() {
    let sim = SimDisk::new();
    let mut log = IndexedLog::open_with_interval(&sim.disk(), JsonLines, 100).unwrap();
    for offset in 0..6 {
        log.append_durable(&Record::new(1_736_937_000_000 + offset, format!("value {offset}").into_bytes())).unwrap();
    }
    assert_eq!(sim.cached(LOG).unwrap().len(), 6 * 60, "a line has 59 bytes and its newline");
    assert_eq!(
        sim.cached(INDEX).unwrap(),
        [[2, 0, 0, 0, 120, 0, 0, 0], [4, 0, 0, 0, 240, 0, 0, 0]].concat(),
        "record 2 at byte 120, record 4 at byte 240"
    );
}

/// A record has its entry in memory as soon as it is written, but the file gets none before the sync (I1): a power cut
/// may still take the record, and leave an entry that points to nothing.
#[test]
fn s03p3_an_entry_is_in_memory_at_once_and_in_the_file_after_the_sync() {
    let sim = SimDisk::new();
    let mut log = open(&sim.disk());
    for (first, count) in [(0, 30), (30, 1), (31, 29)] {
        log.append(&records(Offset(first), count)).unwrap();
        let right = entries(&log_and_index(first + count).1);
        assert_eq!(log.index_report().entries, right.len(), "in memory, after {} records", first + count);
        assert_eq!(entries(&sim.cached(INDEX).unwrap()), [], "in the file, before any sync");
    }
    log.sync().unwrap();
    assert_files_are_right(&sim, RECORDS, "after the sync");
}

/// Which records have entries follows from the log alone (I5). One by one, in one batch, or with the log closed and
/// opened in between: the files are the same, byte for byte.
#[test]
fn s03p3_the_index_does_not_depend_on_how_the_log_was_appended() {
    let sim = SimDisk::new();
    append(&mut open(&sim.disk()), RECORDS);
    assert_files_are_right(&sim, RECORDS, "one by one");

    let sim = SimDisk::new();
    let mut log = open(&sim.disk());
    assert_eq!(log.append(&records(Offset(0), RECORDS)).unwrap(), Offset(0), "the offset of the first record");
    assert_eq!(log.sync().unwrap(), Offset(RECORDS), "the offset that the next record will get");
    assert_files_are_right(&sim, RECORDS, "in one batch");

    let sim = SimDisk::new();
    for _ in 0..RECORDS / 5 {
        append(&mut open(&sim.disk()), 5);
    }
    assert_files_are_right(&sim, RECORDS, "opened again after every five records");
}

/// After a failed sync nobody knows which records are on the disk, and so the index file gets no entry of them.
#[test]
fn s03p3_a_failed_sync_writes_no_entries() {
    let sim = SimDisk::new();
    let mut log = open(&sim.disk());
    append(&mut log, 10);
    let before = sim.cached(INDEX).unwrap();
    log.append(&records(Offset(10), 30)).unwrap();
    sim.inject(Fault::fail(Operation::SyncData, Which::Nth(1), Errno::Io).of_file(LOG));
    log.sync().expect_err("the disk refuses to sync, and the log says so");
    assert_eq!(entries(&sim.cached(INDEX).unwrap()), entries(&before), "the entries in the file");
}

/// The index file is never synced, and a durable append costs one sync, as before. What a power cut leaves of the index
/// is checked anyway before it is believed.
#[test]
fn s03p3_a_durable_append_still_costs_one_sync() {
    let sim = SimDisk::new();
    let mut log = open(&sim.disk());
    let before = sim.counters().syncs;
    append(&mut log, 40);
    assert_eq!(sim.counters().syncs - before, 40, "syncs of 40 durable appends");
    let syncs = index_events(&sim).into_iter().filter(|event| event.starts_with("sync"));
    assert_eq!(syncs.collect::<Vec<_>>(), [""; 0], "syncs of the index file");
    assert_files_are_right(&sim, 40, "40 durable appends");
}

/// A good index is left as it is: an open that finds nothing to add writes nothing to it.
#[test]
fn s03p3_an_open_with_a_good_index_writes_nothing_to_it() {
    let (log, index) = log_and_index(RECORDS);
    let sim = disk_with(&log, &index);
    let opened = open(&sim.disk());
    assert_eq!(opened.index_report().origin, IndexOrigin::Loaded, "where the index came from");
    assert_eq!(index_events(&sim), [""; 0], "what was done to the index file");
}

/// An open reads the index and the log behind its last entry. That is what the index is good for at open.
#[test]
fn s03p3_an_open_reads_the_tail_of_the_log() {
    let (log, index) = log_and_index(2000);
    let sim = disk_with(&log, &index);
    let opened = open(&sim.disk());
    let (read, index_bytes) = (sim.bytes_read(), index.len() as u64);
    assert!(read < index_bytes + 8192, "{read} bytes were read; the index has {index_bytes}, the log {}", log.len());
    assert_eq!(opened.next_offset(), Offset(2000), "the end of the log");
}

/// Entries that a crash took are written again when the log is opened, behind those that the file still has.
#[test]
fn s03p3_an_open_completes_an_index_that_is_too_short() {
    let (log, index) = log_and_index(RECORDS);
    for kept in 0..index.len() / 8 {
        let sim = disk_with(&log, &index[..kept * 8]);
        let mut opened = open(&sim.disk());
        assert_files_are_right(&sim, RECORDS, &format!("{kept} entries were left"));
        assert_eq!(opened.index_report().origin, IndexOrigin::Loaded, "{kept} entries were left");
        append(&mut opened, 10);
        assert_files_are_right(&sim, RECORDS + 10, &format!("{kept} entries were left, ten records appended"));
    }
}

/// What a torn append has left behind the last whole record is cut away, as stage 1 does it, and gets no entry. A log
/// with foreign bytes at its end is refused, and nothing is made beside it.
#[test]
fn s03p3_the_end_of_the_log_is_recovered_before_the_index_is_written() {
    let (log, index) = log_and_index(RECORDS);
    let (longer, _) = log_and_index(RECORDS + 8);
    let sim = disk_with(&longer[..log.len() + 20], &index);
    assert_eq!(open(&sim.disk()).next_offset(), Offset(RECORDS), "a log with 20 bytes of another record");
    assert_files_are_right(&sim, RECORDS, "20 bytes of a torn append behind the log");

    let damaged = [&log[..], b"this is no record\n"].concat();
    let sim = SimDisk::with_files([(LOG, &damaged[..])]);
    IndexedLog::open_with_interval(&sim.disk(), JsonLines, INTERVAL).expect_err("foreign bytes at the log's end");
    assert_eq!(sim.names(), [LOG], "a log that is refused gets no index");
    assert!(sim.cached(LOG).unwrap() == damaged, "a log that is refused stays as it was");
}

/// One writer at a time: a log that is open for writing cannot be opened for writing again, and the index files of the
/// two do not get mixed up.
#[test]
fn s03p3_a_second_writer_is_kept_out() {
    let sim = SimDisk::new();
    let first = open(&sim.disk());
    let second = IndexedLog::open_with_interval(&sim.disk(), JsonLines, INTERVAL);
    assert!(matches!(second, Err(Error::Locked { .. })), "a log that is open already: {second:?}");
    drop(first);
    open(&sim.disk());
}

/// The lock is for the files, so it comes before the first look at them. A second writer that does not get it must not
/// have opened, made, read or synced anything: what it sees is half of what the first one is writing.
#[test]
fn s03p3_whoever_does_not_get_the_lock_has_touched_nothing() {
    let (log, index) = log_and_index(RECORDS);
    let sim = disk_with(&log, &index);
    let first = open(&sim.disk());
    let watched = WatchedDisk::new(sim.disk());
    let calls = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&calls);
    watched.watch(move |call| seen.lock().unwrap().push(call.to_owned()));
    let watched: Arc<dyn Disk> = Arc::new(watched);
    let second = IndexedLog::open_with_interval(&watched, JsonLines, INTERVAL);
    assert!(matches!(second, Err(Error::Locked { .. })), "a log that is open already: {second:?}");
    assert_eq!(*calls.lock().unwrap(), ["lock"], "all that a second writer does to the disk");
    drop(first);
}

/// An index file that is there only ever grows (I2). It may be mapped, by this process or another, and whoever reads
/// through a map must not see it change, let alone shrink.
#[test]
fn s03p3_an_index_file_is_never_changed_in_place() {
    let (log, index) = log_and_index(RECORDS);
    for old in [with_zeros_in_front(&index), index[..81].to_vec(), index[..80].to_vec(), vec![0xff; 800]] {
        let sim = disk_with(&log, &old);
        append(&mut open(&sim.disk()), 20);
        let (mut length, mut new_length) = (old.len() as u64, 0);
        for event in sim.trace().events() {
            match event {
                Event::Write { name, position, bytes, .. } if **name == *INDEX => {
                    assert_eq!(*position, length, "I2: an index file grows at its end: {event}");
                    length += bytes.len() as u64;
                }
                Event::Write { name, bytes, .. } if **name == *NEW_INDEX => new_length += bytes.len() as u64,
                Event::Rename { to, .. } if **to == *INDEX => (length, new_length) = (new_length, 0),
                Event::Truncate { name, .. } => assert!(**name == *LOG, "I2: an index file is never cut: {event}"),
                Event::Remove { name } => assert!(**name == *NEW_INDEX, "the old file stays until the new is there"),
                _ => {}
            }
        }
        assert_files_are_right(&sim, RECORDS + 20, "in the end");
    }
}

/// A write to the index file that fails, in whole or in part, fails no append and no sync (I3). The next sync that can
/// write puts down all that is missing, over whatever the failure left.
#[test]
fn s03p3_appending_goes_on_when_the_index_cannot_be_written() {
    let faults = [
        Fault::fail(Operation::Write, Which::Every, Errno::Io),
        Fault::short_write(Which::Every, 3, Errno::NoSpace),
        Fault::short_write(Which::Every, 11, Errno::NoSpace),
    ];
    for fault in faults {
        let sim = SimDisk::new();
        let mut log = open(&sim.disk());
        append(&mut log, 20);
        sim.inject(fault.clone().of_file(INDEX));
        append(&mut log, 20);
        assert_eq!(log.index_report().entries, log_and_index(40).1.len() / 8, "entries in memory; {fault:?}");
        sim.clear_faults();
        append(&mut log, 20);
        assert_files_are_right(&sim, 60, &format!("{fault:?} is over"));
    }
}

/// If no index file can be made, the log works without one (I3), and the index lives in memory. Nothing half made stays
/// behind, and the next open makes the file.
#[test]
fn s03p3_a_disk_without_room_for_an_index_still_has_a_log() {
    for operation in [Operation::Create, Operation::Write, Operation::Rename, Operation::Any] {
        let sim = SimDisk::new();
        sim.inject(Fault::fail(operation, Which::Every, Errno::NoSpace).of_file(NEW_INDEX));
        let mut log = open(&sim.disk());
        append(&mut log, 40);
        assert_eq!(log.index_report().entries, log_and_index(40).1.len() / 8, "in memory; {operation:?} fails");
        drop(log);
        let lying = SimDisk::with_files([(LOG, &sim.cached(LOG).unwrap()[..]), (INDEX, &[0; 80])]);
        lying.inject(Fault::fail(operation, Which::Every, Errno::NoSpace).of_file(NEW_INDEX));
        append(&mut open(&lying.disk()), 4);
        assert_eq!(lying.cached(INDEX).unwrap(), [0; 80], "{operation:?} fails: a file that lies is not added to");
        for sim in [sim, lying] {
            let left = sim.names().contains(&NEW_INDEX.to_string());
            assert!(!left || operation == Operation::Any, "{operation:?} fails, and what was begun is taken away");
            sim.clear_faults();
            let end = open(&sim.disk()).next_offset();
            assert_files_are_right(&sim, end.0, &format!("{operation:?} failed, opened again"));
        }
    }
}

/// A crash may leave a new index file that never got its name. The next index takes it over; if it were in the way, no
/// index could be made in this directory ever again.
#[test]
fn s03p3_what_a_crash_left_of_a_new_index_is_in_nobodys_way() {
    let (log, _) = log_and_index(RECORDS);
    let sim = SimDisk::with_files([(LOG, &log[..]), (NEW_INDEX, &[1; 1000])]);
    open(&sim.disk());
    assert_files_are_right(&sim, RECORDS, "a log with half a new index beside it");
    assert_eq!(sim.names(), [INDEX, LOG], "the names in the directory");
}

/// On the operating system's disk: the same files, and after an open the entries of the file are mapped and those of
/// later records are in memory. A reader that knows nothing of indexes reads the log.
#[test]
fn s03p3_on_a_real_disk_the_files_are_the_same() {
    let disks = OsDisks::new();
    let disk = disks.empty();
    append(&mut open(&disk), 30);
    let mut log = open(&disk);
    let report = log.index_report();
    assert_eq!(report.entries_mapped, log_and_index(30).1.len() / 8, "entries in the map, reopened: {report:?}");
    append(&mut log, 30);
    assert_eq!(log.index_report().entries_mapped, report.entries_mapped, "what came since is not in the map");
    let (right_log, right_index) = log_and_index(60);
    let read = |name: &str| std::fs::read(disk.path().join(name)).unwrap();
    assert!(read(LOG) == right_log, "the log's file");
    assert_eq!(entries(&read(INDEX)), entries(&right_index), "the index file");
    let mut scan = NaiveReader::open(&disk, JsonLines).unwrap().scan(Offset(59)).unwrap();
    assert_eq!(scan.next().unwrap().map(|entry| entry.offset), Some(Offset(59)), "the last record, read by stage 1");
}

/// An index that is wrong gives way to another file. The new one is whole before it takes the name, so a kill at any
/// moment leaves the old file or the new one, and never a mixture.
#[test]
fn s03p3_a_kill_leaves_the_old_index_file_or_the_new_one() {
    let (log, index) = log_and_index(RECORDS);
    let old = with_zeros_in_front(&index);
    let sim = disk_with(&log, &old);
    drop(open(&sim.disk()));
    assert_files_are_right(&sim, RECORDS, "opened beside an index with zeros in it");
    let trace = sim.trace();
    for point in trace.points() {
        for partial in [0, 1, 8, 50] {
            let left = trace.kill_at(point, partial).cached(INDEX).map(|bytes| entries(&bytes));
            let is_whole = left.as_ref().is_some_and(|left| *left == entries(&old) || *left == entries(&index));
            assert!(is_whole, "killed at point {point}, {partial} bytes into the next write: the file has {left:?}");
        }
    }
}

/// The process is killed at every point and in the middle of every write. It opens again with all that was acknowledged
/// and the right index.
#[test]
fn s03p3_after_a_kill_anywhere_the_log_and_its_index_go_on() {
    let (log, index) = log_and_index(20);
    let sim = disk_with(&log, &with_zeros_in_front(&index));
    sim.acknowledge(20);
    let mut log = open(&sim.disk());
    for _ in 0..3 {
        log.append(&records(log.next_offset(), 8)).unwrap();
        sim.acknowledge(log.sync().unwrap().0);
    }
    let (trace, right) = (sim.trace(), log_and_index(44).1);
    for point in trace.points() {
        let bytes = match trace.events().get(point) {
            Some(Event::Write { bytes, .. }) => bytes.len(),
            _ => 0,
        };
        for partial in [0, 1, 3, 8, bytes / 2, bytes.saturating_sub(1)].into_iter().filter(|&partial| partial <= bytes)
        {
            let mut replay = trace.replay();
            replay.advance_to(point);
            let context = format!("killed at point {point}, {partial} bytes into the next write");
            assert_lives_on(&replay.killed(partial), replay.acknowledged(), &right, &context);
        }
    }
}

/// The power is cut at every point of three lives of a log. What it leaves of the index never names a record that is
/// gone (I1); no acknowledged record is lost; and opening again gives the right index.
#[test]
fn s03p3_after_a_power_cut_the_index_knows_no_more_than_the_log() {
    let sim = SimDisk::new();
    for batch in [4, 1, 7] {
        let mut log = open(&sim.disk());
        for _ in 0..3 {
            log.append(&records(log.next_offset(), batch)).unwrap();
            sim.acknowledge(log.sync().unwrap().0);
        }
    }
    let right = log_and_index(36).1;
    let mut states = 0;
    for state in sim.trace().crash_states(Lens::PowerCut, Sampling { states_max: 30, seed: 1 }) {
        states += 1;
        let context = format!("power cut at point {}, {:?}", state.point, state.choice);
        let (log_bytes, index) = (state.disk.cached(LOG), state.disk.cached(INDEX).unwrap_or_default());
        assert!(right.starts_with(&index), "{context}: {:?} are not entries of this log", entries(&index));
        if let Some((offset, position)) = entries(&index).last() {
            let log_bytes = log_bytes.map_or(0, |bytes| bytes.len());
            assert!(
                (*position as usize) < log_bytes,
                "{context}: record {offset} at byte {position}, in a log of {log_bytes} bytes"
            );
        }
        assert_lives_on(&state.disk, state.acknowledged, &right, &context);
    }
    assert!(states > 100, "{states} states");
}

/// Opens a log that a crash has left: nothing acknowledged is lost, and the index file is right.
fn assert_lives_on(disk: &SimDisk, acknowledged: u64, right: &[u8], context: &str) {
    let log = open(&disk.disk());
    let end = log.next_offset();
    assert!(end >= Offset(acknowledged), "{context}: {acknowledged} records were acknowledged, {end} are left");
    let due: Vec<_> = entries(right).into_iter().filter(|(offset, _)| u64::from(*offset) < end.0).collect();
    assert_eq!(entries(&disk.cached(INDEX).unwrap()), due, "{context}: the index of {end} records, opened again");
}
