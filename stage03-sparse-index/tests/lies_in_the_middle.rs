//! An index whose last entry is true and another is not. Opening has no reason to doubt it. The read that uses the
//! entry finds out, answers right all the same, and mends the index for everybody.

mod common;

use std::fs;
use std::sync::Barrier;
use std::thread;

use common::*;
use lab::disks::{Disks, OsDisks};
use lab::records::record;
use lab::sim::{Errno, Fault, Operation, SimDisk, Which};
use stage03::{Error, IndexFault, IndexOrigin, Log, Offset, Reader, Scan, Visibility};

const RECORDS: u64 = 60;

/// The slot that lies in these tests.
const SLOT: usize = 7;

/// A log, its index, and the index with another entry in `SLOT`.
fn with_a_lie(lie: impl FnOnce((u32, u32)) -> (u32, u32)) -> (Vec<u8>, Vec<u8>, Vec<u8>) {
    let (log, index) = closed_log(RECORDS);
    let mut lying = entries(&index);
    lying[SLOT] = lie(lying[SLOT]);
    let lying = index_file(&lying);
    assert_ne!(lying, index);
    (log, index, lying)
}

/// Where no record starts, the read that uses the entry notices, answers right, and rebuilds the index once.
#[test]
fn an_entry_into_the_middle_of_a_record_is_found_by_the_read_that_uses_it() {
    let (log, index, lying) = with_a_lie(|(offset, position)| (offset, position + 1));
    let offset = u64::from(entries(&index)[SLOT].0);
    let sim = disk_with(&log, &lying);
    let mut opened = open(&sim.disk());
    assert_eq!(opened.index_report().origin, IndexOrigin::Loaded);
    assert_eq!(opened.reader().read(Offset(offset - 1)).unwrap(), Some(record(Offset(offset - 1))));
    assert_eq!(opened.index_report().rebuilds, 0, "the entry in front does not lie");
    assert_eq!(opened.reader().read(Offset(offset)).unwrap(), Some(record(Offset(offset))));
    assert_eq!(opened.index_report().rebuilds, 1, "the entry for record {offset} lies");
    assert_reads_right(&opened.reader(), RECORDS, &"after the rebuild");
    assert_eq!(opened.index_report().rebuilds, 1, "one rebuild is enough");

    assert_eq!(sim.cached(INDEX).unwrap(), lying, "a reader writes nothing");
    append(&mut opened, 1);
    let mended = sim.cached(INDEX).unwrap();
    assert_eq!(entries(&mended)[..index.len() / 8], entries(&index), "the writer saves the index at its next sync");
    drop(opened);
    assert_reads_right(&open(&sim.disk()).reader(), RECORDS + 1, &"reopened");
}

/// Where another record starts, its own offset gives the entry away, and the index is rebuilt once.
#[test]
fn an_entry_for_another_record_is_found_by_the_read_that_uses_it() {
    for (slot, delta) in [(SLOT, 1), (SLOT, -1), (0, 1), (0, -1)] {
        let (log, index) = closed_log(RECORDS);
        let mut lying = entries(&index);
        lying[slot].0 = lying[slot].0.checked_add_signed(delta).unwrap();
        let sim = disk_with(&log, &index_file(&lying));
        let opened = open(&sim.disk());
        assert_eq!(opened.index_report().origin, IndexOrigin::Loaded, "slot {slot}, {delta}");
        assert_reads_right(&opened.reader(), RECORDS, &format!("slot {slot}, {delta}"));
        assert_eq!(opened.index_report().rebuilds, 1, "slot {slot}, {delta}");
    }
}

/// The file's head belongs to another log, its last entry happens to be true: entries of no record of this log.
#[test]
fn the_index_of_another_log_with_a_true_last_entry_is_found() {
    let (log, index) = closed_log(RECORDS);
    let right = entries(&index);
    let mut foreign: Vec<_> = right.iter().map(|(offset, position)| (*offset, position - 2)).collect();
    foreign.remove(0);
    *foreign.last_mut().unwrap() = *right.last().unwrap();
    let sim = disk_with(&log, &index_file(&foreign));
    let mut opened = open(&sim.disk());
    assert_eq!(opened.index_report().origin, IndexOrigin::Loaded);
    assert_reads_right(&opened.reader(), RECORDS, &"another log's index");
    assert_eq!(opened.index_report().rebuilds, 1);
    opened.sync().unwrap();
    assert_eq!(sim.cached(INDEX).unwrap(), index);
}

/// The file is cut by somebody else while the log is open: entries point behind its end. There is no right answer for
/// what is gone; what is left is read.
#[test]
fn an_entry_behind_the_end_of_a_log_that_was_cut_does_not_hide_what_is_left() {
    let (log, index) = closed_log(RECORDS);
    let sim = disk_with(&log, &index);
    let opened = open(&sim.disk());
    let (offset, position) = entries(&index)[SLOT];
    let file = sim.disk().open(LOG, stage03::Access::Write).unwrap();
    file.truncate(u64::from(position) - 1).unwrap();
    let reader = opened.reader();
    for offset in 0..u64::from(offset) - 1 {
        assert_eq!(reader.read(Offset(offset)).unwrap(), Some(record(Offset(offset))), "record {offset}");
    }
    for lost in [u64::from(offset), RECORDS - 1] {
        let error = reader.read(Offset(lost)).expect_err("a record that is gone");
        assert!(matches!(error, Error::Truncated { .. }), "record {lost}: {error}");
    }
}

/// An entry is true and the log is damaged where it points: the index cannot be rebuilt, and the error is the log's.
#[test]
fn a_damaged_log_is_not_blamed_on_its_index() {
    let (log, index) = closed_log(RECORDS);
    let sim = disk_with(&log, &index);
    let opened = open(&sim.disk());
    let (offset, position) = entries(&index)[SLOT];
    let file = sim.disk().open(LOG, stage03::Access::Write).unwrap();
    file.write_at(b"XXXX", position.into()).unwrap();
    let reader = opened.reader();
    let offset = u64::from(offset);
    assert_eq!(reader.read(Offset(offset - 1)).unwrap(), Some(record(Offset(offset - 1))));
    for _ in 0..2 {
        let error = reader.read(Offset(offset)).expect_err("a damaged record");
        let Error::BadFrame { position: at, expected, .. } = error else { panic!("{error}") };
        assert_eq!((at, expected), (position.into(), Offset(offset)));
    }
    assert_eq!(opened.index_report().rebuilds, 0, "a damaged log has no index to offer");
    assert_eq!(reader.read(Offset(RECORDS - 1)).unwrap(), Some(record(Offset(RECORDS - 1))), "behind the damage");
}

/// Both at once: an entry lies, and the log behind it is damaged. The index cannot be rebuilt, so the read falls back
/// on a scan, which reaches everything in front of the damage.
#[test]
fn a_lie_in_front_of_damage_does_not_hide_a_record() {
    let (log, index, lying) = with_a_lie(|(offset, position)| (offset, position + 1));
    let sim = disk_with(&log, &lying);
    let opened = open(&sim.disk());
    let (offset, damaged) = (entries(&index)[SLOT].0, entries(&index)[SLOT + 4].1);
    let file = sim.disk().open(LOG, stage03::Access::Write).unwrap();
    file.write_at(b"XXXX", damaged.into()).unwrap();
    let offset = Offset(offset.into());
    assert_eq!(opened.reader().read(offset).unwrap(), Some(record(offset)));
    assert_eq!(opened.index_report().rebuilds, 0);
}

/// A disk that cannot be read says nothing about the index.
#[test]
fn a_read_that_fails_does_not_rebuild_the_index() {
    let (log, index) = closed_log(RECORDS);
    let sim = disk_with(&log, &index);
    let opened = open(&sim.disk());
    sim.inject(Fault::fail(Operation::Read, Which::Nth(1), Errno::Io).of_file(LOG));
    let error = opened.reader().read(Offset(RECORDS / 2)).expect_err("a read that fails");
    assert!(matches!(error, Error::Io { .. }), "{error}");
    assert_eq!(opened.index_report().rebuilds, 0);
    assert_reads_right(&opened.reader(), RECORDS, &"the disk works again");
}

/// Opened for reading alone, the index is mended in memory and the file stays as it is.
#[test]
fn a_reader_without_a_writer_mends_its_own_index() {
    let (log, _, lying) = with_a_lie(|(offset, position)| (offset, position - 1));
    let sim = disk_with(&log, &lying);
    let reader = open_reader(&sim.disk());
    assert_reads_right(&reader, RECORDS, &"reading alone");
    assert_eq!(reader.index_report().rebuilds, 1);
    assert_eq!((sim.cached(LOG).unwrap(), sim.cached(INDEX).unwrap()), (log, lying));
}

/// Each bit of an index file, turned around: found at open or by a read, and mended in the end.
#[test]
fn no_flipped_bit_in_an_index_changes_what_a_read_returns() {
    let (log, index) = closed_log(RECORDS);
    let (longer_log, longer_index) = closed_log(RECORDS + 1);
    let (mut at_open, mut by_a_read) = (0, 0);
    for bit in 0..index.len() * 8 {
        let mut lie = index.clone();
        lie[bit / 8] ^= 1 << (bit % 8);
        let sim = disk_with(&log, &lie);
        let mut opened = open(&sim.disk());
        let context = format!("bit {} of byte {} of the index is flipped", bit % 8, bit / 8);
        assert_reads_right(&opened.reader(), RECORDS, &context);
        let report = opened.index_report();
        match (&report.origin, report.rebuilds) {
            (IndexOrigin::Rebuilt { .. }, 0) => at_open += 1,
            (IndexOrigin::Loaded, 1) => by_a_read += 1,
            _ => panic!("{context}, and nobody noticed: {report:?}"),
        }
        append(&mut opened, 1);
        assert!(sim.cached(LOG).unwrap() == longer_log, "{context}: the log is as if the index had never lied");
        assert_eq!(entries(&sim.cached(INDEX).unwrap()), entries(&longer_index), "{context}: the index is mended");
    }
    assert!(at_open > 0 && by_a_read > 0, "{at_open} were found at open, {by_a_read} by a read");
}

/// The same through a map, reading alone.
#[test]
fn no_flipped_bit_in_a_mapped_index_changes_what_a_read_returns() {
    let (log, index) = closed_log(25);
    let disks = OsDisks::new();
    let disk = disks.empty();
    fs::write(disk.path().join(LOG), &log).unwrap();
    for bit in 0..index.len() * 8 {
        let mut lie = index.clone();
        lie[bit / 8] ^= 1 << (bit % 8);
        fs::remove_file(disk.path().join(INDEX)).ok();
        fs::write(disk.path().join(INDEX), &lie).unwrap();
        assert_reads_right(&open_reader(&disk), 25, &format!("bit {} of byte {} is flipped", bit % 8, bit / 8));
    }
}

/// Many readers meet the same lie at once, while the writer goes on. One of them rebuilds.
#[test]
fn many_readers_that_meet_a_lie_at_once_rebuild_the_index_once() {
    let (log, index, lying) = with_a_lie(|(offset, position)| (offset, position + 3));
    let lied_about = Offset(entries(&index)[SLOT].0.into());
    for _ in 0..20 {
        let sim = disk_with(&log, &lying);
        let mut opened = open(&sim.disk());
        let readers = 8;
        let barrier = Barrier::new(readers + 1);
        thread::scope(|scope| {
            for number in 0..readers {
                let reader = opened.reader();
                let reader = if number % 2 == 0 { reader } else { reader.with_visibility(Visibility::Written) };
                let barrier = &barrier;
                scope.spawn(move || {
                    barrier.wait();
                    assert_eq!(reader.read(lied_about).unwrap(), Some(record(lied_about)));
                    assert_reads_right_up_to_now(&reader);
                });
            }
            barrier.wait();
            append(&mut opened, 40);
        });
        assert_eq!(opened.index_report().rebuilds, 1);
        assert_reads_right(&opened.reader(), RECORDS + 40, &"readers and a writer at once");
        opened.sync().unwrap();
        let (_, longer_index) = closed_log(RECORDS + 40);
        assert_eq!(
            entries(&sim.cached(INDEX).unwrap()),
            entries(&longer_index),
            "none of the writer's entries is lost"
        );
    }
}

fn assert_reads_right_up_to_now(reader: &impl Reader) {
    for offset in (0..reader.end().0).map(Offset) {
        assert_eq!(reader.scan(offset).unwrap().next().unwrap().unwrap().record, record(offset), "record {offset}");
    }
}

/// The new index cannot be written: the old one, which lies, stays, and is found out again next time.
#[test]
fn an_index_that_cannot_be_mended_on_disk_is_mended_in_memory() {
    for operation in [Operation::Create, Operation::Write, Operation::Rename] {
        let (log, _, lying) = with_a_lie(|(offset, position)| (offset, position + 1));
        let sim = disk_with(&log, &lying);
        let mut opened = open(&sim.disk());
        assert_reads_right(&opened.reader(), RECORDS, &format!("{operation:?}"));
        sim.inject(Fault::fail(operation, Which::Every, Errno::NoSpace).of_file(NEW_INDEX));
        append(&mut opened, 20);
        assert_reads_right(&opened.reader(), RECORDS + 20, &format!("{operation:?} fails"));
        drop(opened);
        assert_eq!(sim.names(), [INDEX, LOG], "{operation:?} fails, and what was begun is taken away");
        assert_eq!(sim.cached(INDEX).unwrap(), lying);

        sim.clear_faults();
        let mut opened = open(&sim.disk());
        assert_reads_right(&opened.reader(), RECORDS + 20, &format!("{operation:?} failed, reopened"));
        opened.sync().unwrap();
        let (_, longer_index) = closed_log(RECORDS + 20);
        assert_eq!(entries(&sim.cached(INDEX).unwrap()), entries(&longer_index));
    }
}

/// A new index is made under another name. If a crash leaves that name behind, the next index takes it over.
#[test]
fn what_a_crash_left_of_a_new_index_is_in_nobodys_way() {
    let (log, index) = closed_log(RECORDS);
    let sim = SimDisk::with_files([(LOG, &log[..]), (NEW_INDEX, &[1; 1000])]);
    let opened = open(&sim.disk());
    assert_eq!(opened.index_report().origin, IndexOrigin::Rebuilt { fault: IndexFault::Missing });
    assert_eq!(sim.cached(INDEX).unwrap(), index);
    assert_eq!(sim.names(), [INDEX, LOG]);
}
