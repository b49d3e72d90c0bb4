//! An index file that is wrong when the log is opened: the log is read from its start, the index is made anew, and
//! nobody notices but the one who asks for a report.

mod common;

use std::fs;
use std::sync::Arc;

use common::*;
use lab::disks::{Disks, OsDisks};
use lab::random::Random;
use lab::sim::{Errno, Fault, Operation, SimDisk, Which};
use stage03::{Access, Disk, IndexFault, IndexOrigin, JsonLines, Log, Stage, Stage03};

const RECORDS: u64 = 60;

/// Opens the log both ways and expects the fault, right reads, an untouched log and a repaired index.
fn assert_is_rebuilt(log: &[u8], lie: &[u8], right: &[u8], fault: IndexFault) {
    let origin = IndexOrigin::Rebuilt { fault };
    let sim = disk_with(log, lie);
    let reader = open_reader(&sim.disk());
    assert_eq!(reader.index_report().origin, origin, "opened for reading alone");
    assert_reads_right(&reader, RECORDS, &format!("reading alone, {origin:?}"));
    assert_eq!((sim.cached(LOG).unwrap(), sim.cached(INDEX).unwrap()), (log.to_vec(), lie.to_vec()), "left alone");

    let opened = open(&sim.disk());
    assert_eq!(opened.index_report().origin, origin);
    assert_reads_right(&opened.reader(), RECORDS, &format!("{origin:?}"));
    assert_eq!(opened.index_report().rebuilds, 0, "{origin:?}: what was rebuilt at open does not lie");
    assert_eq!(sim.cached(LOG).unwrap(), log, "{origin:?}: the log is untouched");
    assert_eq!(entries(&sim.cached(INDEX).unwrap()), entries(right), "{origin:?}: the index is made anew (I5)");
    drop(opened);
    assert_eq!(open(&sim.disk()).index_report().origin, IndexOrigin::Loaded, "after {origin:?}");
}

/// A right index is believed, and stays as it is.
#[test]
fn a_good_index_is_loaded() {
    let (log, index) = closed_log(RECORDS);
    assert!(entries(&index).len() > 20, "{} entries", entries(&index).len());
    let sim = disk_with(&log, &index);
    let opened = open(&sim.disk());
    assert_eq!(opened.index_report().origin, IndexOrigin::Loaded);
    assert_reads_right(&opened.reader(), RECORDS, &"a good index");
    assert_eq!(sim.cached(INDEX).unwrap(), index);
}

/// A log without an index is read from its start, and a writer makes the file.
#[test]
fn a_missing_index_is_rebuilt() {
    let (log, index) = closed_log(RECORDS);
    let sim = SimDisk::with_files([(LOG, &log[..])]);
    let origin = IndexOrigin::Rebuilt { fault: IndexFault::Missing };
    assert_eq!(open_reader(&sim.disk()).index_report().origin, origin);
    assert_eq!(sim.names(), [LOG], "reading alone makes no file");
    let opened = open(&sim.disk());
    assert_eq!(opened.index_report().origin, origin);
    assert_reads_right(&opened.reader(), RECORDS, &"no index");
    assert_eq!(sim.cached(INDEX).unwrap(), index);
}

/// A file whose length is no multiple of eight is refused as a whole.
#[test]
fn an_index_that_ends_in_the_middle_of_an_entry_is_rebuilt() {
    let (log, index) = closed_log(RECORDS);
    for cut in 1..8 {
        let bytes = index.len() - cut;
        assert_is_rebuilt(&log, &index[..bytes], &index, IndexFault::PartialEntry { bytes: bytes as u64 });
    }
}

/// Not a lie: the index is true as far as it goes. The rest of the log is read, and the rest of the index written.
#[test]
fn an_index_that_lacks_its_last_entries_is_completed() {
    let (log, index) = closed_log(RECORDS);
    for kept in 0..index.len() / 8 {
        let sim = disk_with(&log, &index[..kept * 8]);
        let opened = open(&sim.disk());
        assert_eq!(opened.index_report().origin, IndexOrigin::Loaded, "{kept} entries kept");
        assert_eq!(sim.cached(INDEX).unwrap(), index, "{kept} entries kept");
        assert_reads_right(&opened.reader(), RECORDS, &format!("{kept} entries kept"));
    }
}

/// An index with more entries than its log has room for, or with one behind its end, is refused.
#[test]
fn an_index_that_is_longer_than_its_log_is_rebuilt() {
    let (_, long) = closed_log(RECORDS * 3);
    let (log, index) = closed_log(RECORDS);
    let (log_bytes, last) = (log.len() as u64, entries(&long).last().unwrap().1.into());
    if long.len() as u64 / 8 > log_bytes / INTERVAL {
        let entries = long.len() as u64 / 8;
        assert_is_rebuilt(&log, &long, &index, IndexFault::TooLong { entries, log_bytes });
    }
    let one_more = [&index[..], &index_file(&[*entries(&long).last().unwrap()])].concat();
    assert_is_rebuilt(&log, &one_more, &index, IndexFault::BeyondLog { position: last, log_bytes });
}

/// Kafka's index files are as large as they may become, and zeros behind their entries. Here zeros are never an entry.
#[test]
fn an_index_padded_with_zeros_is_rebuilt() {
    let (log, index) = closed_log(RECORDS);
    let slot = index.len() / 8;
    for zeros in [8, 16] {
        let padded = [&index[..], &vec![0; zeros]].concat();
        assert_is_rebuilt(&log, &padded, &index, IndexFault::OutOfOrder { slot });
    }
    let hole = [&index[..16], &[0; 8], &index[24..]].concat();
    assert_is_rebuilt(&log, &hole, &index, IndexFault::OutOfOrder { slot: 2 });
    let zeros = vec![0; index.len()];
    assert_is_rebuilt(&log, &zeros, &index, IndexFault::OutOfOrder { slot: 0 });
}

/// Entries that do not ascend are refused, for the binary search relies on their order.
#[test]
fn an_index_with_entries_out_of_order_is_rebuilt() {
    let (log, index) = closed_log(RECORDS);
    let mut swapped = entries(&index);
    swapped.swap(4, 5);
    assert_is_rebuilt(&log, &index_file(&swapped), &index, IndexFault::OutOfOrder { slot: 5 });
    let twice: Vec<_> = [&entries(&index)[..5], &entries(&index)[4..]].concat();
    assert_is_rebuilt(&log, &index_file(&twice), &index, IndexFault::OutOfOrder { slot: 5 });
}

/// Recovery starts at the last entry, and may cut what it cannot read: that entry has to be true.
#[test]
fn an_index_whose_last_entry_points_to_the_wrong_byte_is_rebuilt() {
    let (log, index) = closed_log(RECORDS);
    let right = entries(&index);
    let (offset, position) = *right.last().unwrap();
    let lies = [(offset, position + 1), (offset, position - 1), (offset + 1, position), (offset - 1, position)];
    for (offset, position) in lies.into_iter().chain([(offset, log.len() as u32 - 1)]) {
        let mut lie = right.clone();
        *lie.last_mut().unwrap() = (offset, position);
        let (offset, position) = (offset.into(), position.into());
        assert_is_rebuilt(&log, &index_file(&lie), &index, IndexFault::WrongLanding { offset, position });
    }
}

/// The index of a log that is as long, and has other records.
#[test]
fn an_index_of_another_log_is_rebuilt() {
    let (log, index) = closed_log(RECORDS);
    let sim = SimDisk::new();
    let mut other = open(&sim.disk());
    while sim.cached(LOG).unwrap().len() < log.len() {
        let offset = other.next_offset();
        other.append_durable(&lab::records::record_of(offset, 90)).unwrap();
    }
    drop(other);
    let foreign = sim.cached(INDEX).unwrap();
    let (offset, position) =
        *entries(&foreign).iter().rfind(|(_, position)| u64::from(*position) < log.len() as u64).unwrap();
    let foreign: Vec<_> = entries(&foreign).into_iter().take_while(|entry| *entry <= (offset, position)).collect();
    let (offset, position) = (offset.into(), position.into());
    assert_is_rebuilt(&log, &index_file(&foreign), &index, IndexFault::WrongLanding { offset, position });
}

/// Whatever the bytes are: right reads, an untouched log, and the right index in the end.
#[test]
fn an_index_of_random_bytes_is_rebuilt() {
    let (log, index) = closed_log(RECORDS);
    for seed in 0..200 {
        let mut random = Random::new(seed);
        let length = random.below(index.len() as u64 * 2) as usize;
        let sim = disk_with(&log, &random.bytes(length));
        assert_reads_right(&open_reader(&sim.disk()), RECORDS, &format!("reading alone, seed {seed}"));
        assert_reads_right(&open(&sim.disk()).reader(), RECORDS, &format!("seed {seed}"));
        assert_eq!(sim.cached(LOG).unwrap(), log, "seed {seed}");
        assert_eq!(entries(&sim.cached(INDEX).unwrap()), entries(&index), "seed {seed}");
    }
}

/// An index that says that it is 4 GiB long costs neither memory nor time: a log of this length cannot have it.
#[test]
fn an_index_of_4_gib_is_rebuilt_without_being_read() {
    let (log, index) = closed_log(RECORDS);
    let sim = disk_with(&log, &index);
    sim.disk().open(INDEX, Access::Write).unwrap().truncate(1 << 32).unwrap();
    let (entries, log_bytes) = (1 << 29, log.len() as u64);
    let opened = open(&sim.disk());
    assert_eq!(
        opened.index_report().origin,
        IndexOrigin::Rebuilt { fault: IndexFault::TooLong { entries, log_bytes } }
    );
    assert!(sim.bytes_read() < 4 * log_bytes, "{} bytes were read to open {log_bytes}", sim.bytes_read());
    assert_reads_right(&opened.reader(), RECORDS, &"an index of 4 GiB");
    assert_eq!(sim.cached(INDEX).unwrap(), index);
}

/// An index file that cannot be opened or read does not keep the log from opening (I3).
#[test]
fn an_index_that_cannot_be_read_is_rebuilt() {
    let (log, index) = closed_log(RECORDS);
    for operation in [Operation::Open, Operation::Read] {
        let sim = disk_with(&log, &index);
        sim.inject(Fault::fail(operation, Which::Nth(1), Errno::Io).of_file(INDEX));
        let opened = open(&sim.disk());
        let origin = opened.index_report().origin;
        assert!(matches!(origin, IndexOrigin::Rebuilt { fault: IndexFault::Unreadable(_) }), "{origin:?}");
        assert_reads_right(&opened.reader(), RECORDS, &format!("{operation:?} fails"));
        assert_eq!(sim.cached(INDEX).unwrap(), index);
    }
}

/// A directory cannot be opened as an index, nor replaced by one. The log does without the file.
#[test]
fn a_directory_in_place_of_the_index_or_of_its_successor_is_put_up_with() {
    for name in [INDEX, NEW_INDEX] {
        let disks = OsDisks::new();
        let disk = disks.empty();
        fs::create_dir_all(disk.path().join(name).join("something in it")).unwrap();
        let mut log = open(&disk);
        append(&mut log, RECORDS);
        assert_reads_right(&log.reader(), RECORDS, &format!("{name} is a directory"));
        drop(log);
        assert_reads_right(&open_reader(&disk), RECORDS, &format!("{name} is a directory, reading alone"));
        assert_reads_right(&open(&disk).reader(), RECORDS, &format!("{name} is a directory, reopened"));
        assert!(disk.path().join(name).join("something in it").is_dir(), "{name} is left alone");
    }
}

/// A damaged log with a missing index is refused as it was, not half repaired.
#[test]
fn a_log_that_is_refused_gets_no_index() {
    let (log, _) = closed_log(RECORDS);
    let damaged = [&log[..], b"this is no record\n"].concat();
    let sim = SimDisk::with_files([(LOG, &damaged[..])]);
    Stage03::open(sim.disk()).expect_err("a log with foreign bytes at its end");
    assert_eq!(sim.names(), [LOG]);
    assert_eq!(sim.cached(LOG).unwrap(), damaged);
}

/// Mapped, for once: the other tests of this file run on a disk whose files cannot be.
#[test]
fn a_mapped_index_is_loaded_completed_or_rebuilt_in_the_same_way() {
    let (log, index) = closed_log(RECORDS);
    let disks = OsDisks::new();
    let zeros = vec![0; index.len()];
    for (lie, mapped) in [(&index[..], index.len() / 8), (&index[..80], 10), (&zeros, 0), (&index[..81], 0), (&[], 0)] {
        let disk = disks.empty();
        fs::write(disk.path().join(LOG), &log).unwrap();
        fs::write(disk.path().join(INDEX), lie).unwrap();
        for report in [open_reader(&disk).index_report(), open(&disk).index_report()] {
            assert_eq!((report.entries_mapped, report.entries), (mapped, index.len() / 8), "{report:?}");
        }
        assert_reads_right(&open(&disk).reader(), RECORDS, &format!("{mapped} entries mapped"));
        assert_eq!(fs::read(disk.path().join(INDEX)).unwrap(), index);
    }
}

/// The stage's own interval, and its front.
#[test]
fn the_stage_loads_what_the_stage_wrote() {
    let sim = SimDisk::new();
    let mut log = Stage03::open(sim.disk()).unwrap();
    Log::append(&mut log, &lab::records::records(stage03::Offset(0), 500)).unwrap();
    Log::sync(&mut log).unwrap();
    drop(log);
    let indexed = stage03::IndexedLog::open(&sim.disk(), JsonLines).unwrap();
    assert_eq!(indexed.index_report().origin, IndexOrigin::Loaded);
    assert!(indexed.index_report().entries > 10, "{:?}", indexed.index_report());
    assert_reads_right(&Stage03::open_reader(sim.disk() as Arc<dyn Disk>).unwrap(), 500, &"the stage's reader");
}
