//! The contract of opening: again, twice at once, and for reading alone.

use std::io::ErrorKind;
use std::sync::Arc;

use stage01::{Access, Disk, Error, Log, Offset, Reader, Record, Stage};

use super::{append_synced, assert_holds, killed_log, open, reopen};
use crate::disks::{Disks, Image};
use crate::meter::MeteredDisk;
use crate::records::{record, records};

/// A log that was closed and opened is the same log, and goes on where it ended; opening it changes no byte.
pub fn a_reopened_log_is_the_same_log<S: Stage>(disks: &dyn Disks) {
    let disk = disks.empty();
    let mut log = open::<S>(&disk);
    for round in 0..5 {
        assert_eq!(log.next_offset(), Offset(round * 4));
        append_synced(&mut log, 4);
        log = reopen::<S>(log, &disk);
        assert_holds(&log.reader(), (round + 1) * 4);
    }
    drop(log);
    let before = Image::of(&disk);
    drop(open::<S>(&disk));
    assert_eq!(Image::of(&disk), before);
}

/// Closing a log is not a power cut: what was written is there, synced or not, and it is durable once the log is open.
pub fn what_was_written_is_durable_after_reopening<S: Stage>(disks: &dyn Disks) {
    let disk = disks.empty();
    let mut log = open::<S>(&disk);
    append_synced(&mut log, 2);
    log.append(&records(Offset(2), 5)).unwrap();
    assert_holds(&reopen::<S>(log, &disk).reader(), 7);
}

/// Two writers would give the same offset twice.
pub fn a_second_writer_is_refused_until_the_first_is_gone<S: Stage>(disks: &dyn Disks) {
    let disk = disks.empty();
    let mut log = open::<S>(&disk);
    append_synced(&mut log, 2);
    for _ in 0..2 {
        let second = S::open(Arc::clone(&disk));
        assert!(matches!(&second, Err(Error::Locked { path }) if path == disk.path()), "got {:?}", second.err());
    }
    append_synced(&mut log, 2);
    assert_holds(&reopen::<S>(log, &disk).reader(), 4);
}

/// A reader alone makes, locks, cuts and syncs nothing: it can look at a log on a read-only disk, or at one that is
/// being written, or at what a crash left.
pub fn reading_alone_changes_nothing<S: Stage>(disks: &dyn Disks) {
    let disk = disks.empty();
    let mut log = open::<S>(&disk);
    append_synced(&mut log, 6);
    let metered = MeteredDisk::new(Arc::clone(&disk));
    let look = || S::open_reader(Arc::clone(&metered) as Arc<dyn Disk>).expect("a reader opens");

    let beside_the_writer = look();
    assert_holds(&beside_the_writer, 6);
    append_synced(&mut log, 2);
    drop(log);
    assert_holds(&look(), 8);
    assert_eq!(metered.changes(), 0, "operations that change the disk");

    let disk = disks.empty();
    killed_log::<S>(disks, 7, 1).restore(&disk);
    cut_last_byte(&disk);
    let metered = MeteredDisk::new(Arc::clone(&disk));
    assert_holds(&S::open_reader(Arc::clone(&metered) as Arc<dyn Disk>).expect("a reader opens"), 7);
    assert_eq!(metered.changes(), 0, "operations that change the disk");
    assert_eq!(open::<S>(&disk).next_offset(), Offset(7));
}

/// Where there is no log, a reader has nothing to read, and does not make one.
pub fn reading_alone_needs_a_log<S: Stage>(disks: &dyn Disks) {
    let disk = disks.empty();
    match S::open_reader(Arc::clone(&disk)).err() {
        Some(Error::Io { cause, .. }) => assert_eq!(cause.kind(), ErrorKind::NotFound),
        other => panic!("expected that nothing is found, got {other:?}"),
    }
    assert_eq!(disk.list().unwrap(), Vec::<String>::new());
}

/// The last append is torn, and nothing else: what a kill in the middle of a write leaves.
fn cut_last_byte(disk: &Arc<dyn Disk>) {
    let image = Image::of(disk);
    let name = image.newest_log_name();
    let file = disk.open(&name, Access::Write).unwrap();
    file.truncate(image.data_bytes(&name) - 1).unwrap();
}

/// A torn append is cut away before the next one takes its place, even when that one is shorter.
pub fn a_torn_append_makes_room_for_a_shorter_one<S: Stage>(disks: &dyn Disks) {
    let disk = disks.empty();
    killed_log::<S>(disks, 6, 1).restore(&disk);
    cut_last_byte(&disk);
    let mut log = open::<S>(&disk);
    let short = Record::new(0, &b""[..]);
    assert_eq!(log.append_durable(&short).unwrap(), Offset(6), "record 6, of 700 bytes, was torn");
    assert_eq!(log.append_durable(&record(Offset(7))).unwrap(), Offset(7));
    let log = reopen::<S>(log, &disk);
    let reader = log.reader();
    assert_eq!(reader.read(Offset(6)).unwrap(), Some(short));
    assert_eq!(reader.read(Offset(7)).unwrap(), Some(record(Offset(7))));
}
