//! Part 2: what may be believed. A log is opened for reading alone, beside an index file that is right or wrong.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use lab::disks::{Disks, OsDisks};
use lab::sim::{Errno, Fault, Lens, Operation, Sampling, SimDisk, Which};
use stage03::{Access, Disk, Error, IndexFault, IndexOrigin, IndexedReader, JsonLines, Offset, Reader};

use crate::common::{INDEX, INTERVAL, LOG, disk_with, entries, index_file, open_reader};
use crate::watched::WatchedDisk;
use crate::{index_events, log_and_index};

const RECORDS: u64 = 60;

/// Opens a log beside this index, and expects the fault, the right end, and as many entries as the right index has.
fn assert_is_refused(lie: &[u8], fault: IndexFault) {
    let (log, right) = log_and_index(RECORDS);
    let reader = open_reader(&disk_with(&log, lie).disk());
    let report = reader.index_report();
    assert_eq!(report.origin, IndexOrigin::Rebuilt { fault }, "where the index came from");
    assert_eq!(reader.end(), Offset(RECORDS), "the end of the log, which was read from its start: {report:?}");
    assert_eq!(report.entries, right.len() / 8, "the entries that the log gave: {report:?}");
}

/// The index with its last entry replaced.
fn with_last(entry: (u32, u32)) -> Vec<u8> {
    let mut all = entries(&log_and_index(RECORDS).1);
    *all.last_mut().unwrap() = entry;
    index_file(&all)
}

/// A good index is believed, and the log is read behind its last entry alone. That is what makes an open quick.
#[test]
fn s03p2_with_a_good_index_only_the_tail_of_the_log_is_read() {
    let (log, index) = log_and_index(2000);
    let sim = disk_with(&log, &index);
    let reader = open_reader(&sim.disk());
    let report = reader.index_report();
    assert_eq!((report.origin, report.entries), (IndexOrigin::Loaded, index.len() / 8), "the index as its file has it");
    assert_eq!(reader.end(), Offset(2000), "the end of the log");
    let (read, index_bytes) = (sim.bytes_read(), index.len() as u64);
    assert!(read < index_bytes + 8192, "{read} bytes were read; the index has {index_bytes}, the log {}", log.len());
}

/// No index file is no error: the log has all that an index has. It is read from its start, and says where entries go.
#[test]
fn s03p2_a_missing_index_is_made_from_the_log() {
    let (log, right) = log_and_index(RECORDS);
    let reader = open_reader(&SimDisk::with_files([(LOG, &log[..])]).disk());
    let report = reader.index_report();
    assert_eq!(report.origin, IndexOrigin::Rebuilt { fault: IndexFault::Missing });
    assert_eq!((reader.end(), report.entries), (Offset(RECORDS), right.len() / 8), "the end, and the entries");
}

/// An index that lacks its last entries is true as far as it goes. It is believed, and the records behind it are read
/// and noted. Even an empty file is a good index.
#[test]
fn s03p2_an_index_that_is_too_short_is_believed_and_completed() {
    let (log, index) = log_and_index(RECORDS);
    for kept in 0..index.len() / 8 {
        let reader = open_reader(&disk_with(&log, &index[..kept * 8]).disk());
        let report = reader.index_report();
        assert_eq!(report.origin, IndexOrigin::Loaded, "{kept} entries are left");
        assert_eq!((reader.end(), report.entries), (Offset(RECORDS), index.len() / 8), "{kept} entries are left");
    }
}

/// To read a log needs no right to change it. Opening a reader writes, makes, cuts, renames and removes nothing, be the
/// index good, wrong, or missing. A log that is missing is an error, and stays missing.
#[test]
fn s03p2_a_reader_leaves_the_directory_alone() {
    let (log, index) = log_and_index(RECORDS);
    for lie in [&index[..], &[1; 100], &index[..16]] {
        let sim = disk_with(&log, lie);
        open_reader(&sim.disk());
        let changes: Vec<String> = sim.trace().events().iter().map(ToString::to_string).collect();
        assert_eq!(changes, [""; 0], "opening to read beside an index of {} bytes", lie.len());
        assert_eq!(index_events(&sim), [""; 0]);
    }
    let sim = SimDisk::new();
    let error = IndexedReader::open_with_interval(&sim.disk(), JsonLines, INTERVAL).expect_err("there is no log");
    assert!(matches!(error, Error::Io { .. }), "an error of the disk, not: {error}");
    assert_eq!(sim.names(), [""; 0], "no file was made");
}

/// A file whose length is no multiple of eight ends in a part of an entry, and all of it is refused.
#[test]
fn s03p2_a_part_of_an_entry_at_the_end_is_refused() {
    let (_, index) = log_and_index(RECORDS);
    for cut in 1..8 {
        let bytes = index.len() - cut;
        assert_is_refused(&index[..bytes], IndexFault::PartialEntry { bytes: bytes as u64 });
    }
}

/// Every entry is more than an interval behind the last, so a log can have no more entries than intervals fit into it. A
/// file that says otherwise is refused by its length, before a byte of it is read: it must not cost memory or time.
#[test]
fn s03p2_an_index_with_more_entries_than_the_log_has_room_for_is_refused_unread() {
    let (log, _) = log_and_index(RECORDS);
    let log_bytes = log.len() as u64;
    for entries in [log_bytes / INTERVAL + 1, 8 << 20] {
        let sim = disk_with(&log, &[]);
        sim.disk().open(INDEX, Access::Write).unwrap().truncate(entries * 8).unwrap();
        let report = open_reader(&sim.disk()).index_report();
        assert_eq!(report.origin, IndexOrigin::Rebuilt { fault: IndexFault::TooLong { entries, log_bytes } });
        let read = sim.bytes_read();
        assert!(read <= 2 * log_bytes, "{read} bytes were read for a log of {log_bytes} and an index of no use");
    }
    let zeros = vec![0; (log_bytes / INTERVAL) as usize * 8];
    assert_is_refused(&zeros, IndexFault::OutOfOrder { slot: 0 });
}

/// The order of all entries is checked before one of them is used: zeros behind or between them, entries that change
/// places, a last entry behind the log's end.
#[test]
fn s03p2_zeros_and_disorder_are_refused() {
    let (log, index) = log_and_index(RECORDS);
    let slot = index.len() / 8;
    assert_is_refused(&[&index[..], &[0; 8]].concat(), IndexFault::OutOfOrder { slot });
    assert_is_refused(&[&index[..16], &[0; 8], &index[24..]].concat(), IndexFault::OutOfOrder { slot: 2 });
    let mut swapped = entries(&index);
    swapped.swap(4, 5);
    assert_is_refused(&index_file(&swapped), IndexFault::OutOfOrder { slot: 5 });
    let log_bytes = log.len() as u64;
    let position = log_bytes + INTERVAL;
    let beyond = [&index[..], &index_file(&[(RECORDS as u32, position as u32)])].concat();
    assert_is_refused(&beyond, IndexFault::BeyondLog { position, log_bytes });
}

/// Recovery starts at the last entry and may cut what follows. So that entry is held against the log: the record there
/// must be whole and carry the entry's offset.
#[test]
fn s03p2_a_last_entry_that_is_not_true_is_refused() {
    let (log, index) = log_and_index(RECORDS);
    let (offset, position) = *entries(&index).last().unwrap();
    let near = [(offset, position + 1), (offset, position - 1), (offset + 1, position), (offset - 1, position)];
    for (offset, position) in near.into_iter().chain([(offset, log.len() as u32 - 1)]) {
        let fault = IndexFault::WrongLanding { offset: offset.into(), position: position.into() };
        assert_is_refused(&with_last((offset, position)), fault);
    }
}

/// With an interval of 0 every record has an entry, but for the first. Nobody needs such an index; whoever asks for it
/// must get it, from an empty file and from a full one, and no panic.
#[test]
fn s03p2_an_interval_of_zero_is_no_reason_to_panic() {
    let (log, index) = log_and_index(RECORDS);
    for lie in [&[][..], &index[..]] {
        let sim = disk_with(&log, lie);
        let reader = IndexedReader::open_with_interval(&sim.disk(), JsonLines, 0).expect("the log opens");
        let report = reader.index_report();
        assert_eq!(report.origin, IndexOrigin::Loaded, "an index of {} bytes, with an interval of 0", lie.len());
        assert_eq!(reader.end(), Offset(RECORDS), "the end of the log, with an interval of 0");
    }
    let log_bytes = log.len() as u64;
    let sim = disk_with(&log, &vec![1; (log.len() + 1) * 8]);
    let reader = IndexedReader::open_with_interval(&sim.disk(), JsonLines, 0).expect("the log opens");
    let (origin, fault) = (reader.index_report().origin, IndexFault::TooLong { entries: log_bytes + 1, log_bytes });
    assert_eq!(origin, IndexOrigin::Rebuilt { fault }, "more entries than the log has bytes");
}

/// An index that cannot be opened or read is no error of the log. It is refused like any other, with the reason.
#[test]
fn s03p2_an_index_that_cannot_be_read_is_no_error() {
    let (log, index) = log_and_index(RECORDS);
    for operation in [Operation::Open, Operation::Read] {
        let sim = disk_with(&log, &index);
        sim.inject(Fault::fail(operation, Which::Every, Errno::Io).of_file(INDEX));
        let reader = open_reader(&sim.disk());
        let origin = reader.index_report().origin;
        let unreadable = matches!(origin, IndexOrigin::Rebuilt { fault: IndexFault::Unreadable(_) });
        assert!(unreadable, "{operation:?} fails, which makes the index unreadable, and not: {origin:?}");
        assert_eq!(reader.end(), Offset(RECORDS), "{operation:?} fails");
    }
}

/// A disk that fails to read the log says nothing about the index. The last entry could not be checked, so the index is
/// not used; but it is not accused of a lie either.
#[test]
fn s03p2_a_read_of_the_log_that_fails_is_no_proof_of_a_lie() {
    let (log, index) = log_and_index(RECORDS);
    let sim = disk_with(&log, &index);
    sim.inject(Fault::fail(Operation::Read, Which::Nth(1), Errno::Io).of_file(LOG));
    let reader = open_reader(&sim.disk());
    let origin = reader.index_report().origin;
    let unreadable = matches!(origin, IndexOrigin::Rebuilt { fault: IndexFault::Unreadable(_) });
    assert!(unreadable, "the first read of the log fails, and the index is unreadable, not: {origin:?}");
    assert_eq!(reader.end(), Offset(RECORDS), "the disk works again, and the log is read from its start");
}

/// On a disk of the operating system the entries of a good file are mapped, not read into memory.
#[test]
fn s03p2_the_entries_of_a_good_file_are_mapped() {
    let (log, index) = log_and_index(RECORDS);
    let disks = OsDisks::new();
    for (bytes, mapped) in [(&index[..], index.len() / 8), (&index[..80], 10), (&index[..81], 0)] {
        let disk = disks.empty();
        std::fs::write(disk.path().join(LOG), &log).unwrap();
        std::fs::write(disk.path().join(INDEX), bytes).unwrap();
        let report = open_reader(&disk).index_report();
        assert_eq!(report.entries_mapped, mapped, "of an index file with {} bytes: {report:?}", bytes.len());
    }
}

/// One flipped bit in the last entry is always found at open, and one anywhere else never changes where the log ends.
#[test]
fn s03p2_no_flipped_bit_changes_where_the_log_ends() {
    let (log, index) = log_and_index(RECORDS);
    for bit in 0..index.len() * 8 {
        let mut lie = index.clone();
        lie[bit / 8] ^= 1 << (bit % 8);
        let reader = open_reader(&disk_with(&log, &lie).disk());
        let (report, context) = (reader.index_report(), format!("bit {} of byte {} is flipped", bit % 8, bit / 8));
        assert_eq!(reader.end(), Offset(RECORDS), "{context}: {report:?}");
        assert_eq!(report.entries, index.len() / 8, "{context}: {report:?}");
        if bit / 8 >= index.len() - 8 {
            assert_ne!(report.origin, IndexOrigin::Loaded, "{context}, which is in the last entry");
        }
    }
}

/// The index was written and never synced, and the power went: any of its sectors may be missing, or its name. Whatever
/// is left, the log opens with all of its records and an index of all its entries.
#[test]
fn s03p2_an_index_that_lost_any_of_its_sectors_in_a_power_cut_costs_no_record() {
    let (log, index) = log_and_index(600);
    let sim = SimDisk::with_files([(LOG, &log[..])]);
    let file = sim.disk().create(INDEX).unwrap();
    index.chunks(200).enumerate().for_each(|(n, chunk)| file.write_at(chunk, n as u64 * 200).unwrap());
    let trace = sim.trace();
    let mut replay = trace.replay();
    replay.advance_to(trace.events().len());
    let mut states = 0;
    for state in replay.crash(Lens::TornWrite).states(Sampling { states_max: 200, seed: 7 }) {
        states += 1;
        let reader = open_reader(&state.disk.disk());
        let report = reader.index_report();
        assert_eq!(reader.end(), Offset(600), "the power cut left {:?}: {report:?}", state.choice);
        assert_eq!(report.entries, index.len() / 8, "the power cut left {:?}: {report:?}", state.choice);
    }
    assert!(states > 50, "{states} states");
}

/// A writer appends while the log is opened for reading, just after the first question for a length. The index is good
/// before and after; only who asks for the two lengths in the wrong order sees an index that is too long for its log.
#[test]
fn s03p2_a_log_that_grows_while_it_is_opened_has_a_good_index() {
    let ((log, index), (more_log, more_index)) = (log_and_index(RECORDS / 2), log_and_index(RECORDS));
    let sim = disk_with(&log, &index);
    let watched = WatchedDisk::new(sim.disk());
    let (disk, has_grown) = (sim.disk(), AtomicBool::new(false));
    watched.watch(move |call| {
        if call.starts_with("length of ") && !has_grown.swap(true, Ordering::Relaxed) {
            for (name, old, new) in [(LOG, &log, &more_log), (INDEX, &index, &more_index)] {
                let file = disk.open(name, Access::Write).unwrap();
                file.write_at(&new[old.len()..], old.len() as u64).unwrap();
            }
        }
    });
    let watched: Arc<dyn Disk> = Arc::new(watched);
    let reader = open_reader(&watched);
    let origin = reader.index_report().origin;
    assert_eq!(origin, IndexOrigin::Loaded, "where the index of a log came from that grew during the open");
    assert_eq!(reader.end(), Offset(RECORDS), "the end of the log that grew during the open");
}

/// A writer cuts the log while it is opened for reading, just after the question for its length. The last entry's record
/// is no longer whole. That the log is shorter than it was is a wrong entry, and no fault of the disk.
#[test]
fn s03p2_a_log_that_is_cut_while_it_is_opened_makes_a_wrong_entry() {
    let (log, index) = log_and_index(RECORDS);
    let (offset, position) = *entries(&index).last().unwrap();
    let sim = disk_with(&log, &index);
    let watched = WatchedDisk::new(sim.disk());
    let (disk, is_cut) = (sim.disk(), AtomicBool::new(false));
    watched.watch(move |call| {
        if call == "length of log.jsonl" && !is_cut.swap(true, Ordering::Relaxed) {
            disk.open(LOG, Access::Write).unwrap().truncate(u64::from(position) + 10).unwrap();
        }
    });
    let watched: Arc<dyn Disk> = Arc::new(watched);
    let reader = open_reader(&watched);
    let fault = IndexFault::WrongLanding { offset: offset.into(), position: position.into() };
    let origin = reader.index_report().origin;
    assert_eq!(
        origin,
        IndexOrigin::Rebuilt { fault },
        "where the index of a log came from that was cut during the open"
    );
    assert_eq!(reader.end(), Offset(offset.into()), "the end of the log that was cut during the open");
}
