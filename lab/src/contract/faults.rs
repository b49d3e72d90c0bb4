//! The contract of a disk that fails: a typed error at once, and after reopening every acknowledged record.
//!
//! Here the caller gives up at the first error. What becomes of those who go on is a matter of
//! [`promises`](mod@crate::promises).

use std::io::ErrorKind;

use stage01::{Access, Error, Log, Offset, Stage};

use super::{append_synced, assert_holds, assert_prefix, killed_log, open};
use crate::disks::{Image, SimDisks};
use crate::records::record;
use crate::sim::{Errno, Fault, Operation, SimDisk, Which};

/// A disk with a log of `count` records and, behind them, a torn append.
fn torn_log<S: Stage>(count: u64) -> SimDisk {
    let sim = SimDisk::new();
    let disk = sim.disk();
    killed_log::<S>(&SimDisks, count, 1).restore(&disk);
    let image = Image::of(&disk);
    let name = image.newest_log_name();
    let file = disk.open(&name, Access::Write).unwrap();
    file.truncate(image.data_bytes(&name) - 3).unwrap();
    sim
}

fn is_io(error: &Error, kind: Option<ErrorKind>) -> bool {
    matches!(error.root(), Error::Io { cause, .. } if kind.is_none_or(|kind| cause.kind() == kind))
}

/// The disk fills up at each byte of an append in turn: the error says that it is full, the log opens again on the
/// full disk with all that it acknowledged, and goes on once there is room.
pub fn a_full_disk_takes_no_acknowledged_record_back<S: Stage>(_: &SimDisks) {
    for free_bytes in 0..250 {
        let sim = SimDisk::new();
        let disk = sim.disk();
        let mut log = open::<S>(&disk);
        append_synced(&mut log, 2);
        let used_bytes: u64 = sim.names().iter().map(|name| sim.cached(name).unwrap_or_default().len() as u64).sum();
        sim.set_space(used_bytes + free_bytes);

        let mut acknowledged = 2;
        let refused = loop {
            match log.append_durable(&record(Offset(acknowledged))) {
                Ok(_) => acknowledged += 1,
                Err(error) => break error,
            }
        };
        assert!(is_io(&refused, Some(ErrorKind::StorageFull)), "with {free_bytes} bytes free: {refused}");
        drop(log);
        let mut log = open::<S>(&disk);
        assert_prefix(&log.reader(), acknowledged, || format!("reopened on a disk that had {free_bytes} bytes free"));
        sim.set_space(u64::MAX);
        append_synced(&mut log, 2);
        drop(log);
        assert_holds(&open::<S>(&disk).reader(), acknowledged + 2);
    }
}

/// On a disk that was full before the log came, nothing can be appended; with room, the log starts at zero.
pub fn a_disk_without_room_takes_no_record<S: Stage>(_: &SimDisks) {
    let sim = SimDisk::new();
    sim.set_space(0);
    let refused = S::open(sim.disk()).and_then(|mut log| log.append_durable(&record(Offset(0))));
    let refused = refused.expect_err("a record on a disk without room");
    assert!(is_io(&refused, Some(ErrorKind::StorageFull)), "{refused}");
    sim.set_space(u64::MAX);
    let mut log = open::<S>(&sim.disk());
    append_synced(&mut log, 3);
    assert_holds(&log.reader(), 3);
}

/// Each operation of opening a torn log fails once: opening gives the error, or does without what failed. The next
/// opening finds every record.
pub fn any_operation_of_opening_may_fail<S: Stage>(_: &SimDisks) {
    each_operation_fails::<S>(|sim| S::open(sim.disk()).map(|log| log.reader()));
}

/// The same for a reader alone.
pub fn any_operation_of_reading_alone_may_fail<S: Stage>(_: &SimDisks) {
    each_operation_fails::<S>(|sim| S::open_reader(sim.disk()));
}

/// Fails the first operation of `open`, then the second on a fresh disk, and so on up to the last.
fn each_operation_fails<S: Stage>(open_it: impl Fn(&SimDisk) -> Result<<S::Log as Log>::Reader, Error>) {
    for failing in 1.. {
        let sim = torn_log::<S>(3);
        sim.inject(Fault::fail(Operation::Any, Which::Nth(failing), Errno::Io));
        let before = sim.counters().operations;
        let opened = open_it(&sim);
        let operations = sim.counters().operations - before;
        sim.clear_faults();
        match opened {
            Ok(reader) => assert_holds(&reader, 3),
            Err(error) => assert!(is_io(&error, None), "operation {failing} failed, and the error is {error}"),
        }
        assert_holds(&open::<S>(&sim.disk()).reader(), 3);
        if operations < failing {
            assert!(failing > 3, "opening a log takes more than {operations} operations");
            return;
        }
    }
}

/// **L3**: only a sync that succeeded makes anything durable.
pub fn a_failed_sync_shows_nothing_as_durable<S: Stage>(_: &SimDisks) {
    let sim = SimDisk::new();
    let mut log = open::<S>(&sim.disk());
    append_synced(&mut log, 2);
    let reader = log.reader();
    log.append(&[record(Offset(2))]).unwrap();
    sim.inject(Fault::fail(Operation::SyncData, Which::Every, Errno::Io));
    let refused = log.sync().expect_err("a sync that the disk refuses");
    assert!(is_io(&refused, None), "{refused}");
    assert_holds(&reader, 2);
    assert_holds(&log.reader(), 2);
}

/// Each operation of an append fails once: no record is acknowledged by an error, and after reopening the log holds
/// all that were acknowledged and at most the one that was not.
pub fn any_operation_of_an_append_may_fail<S: Stage>(_: &SimDisks) {
    for failing in 1..30 {
        let sim = SimDisk::new();
        let mut log = open::<S>(&sim.disk());
        append_synced(&mut log, 2);
        sim.inject(Fault::fail(Operation::Any, Which::Nth(failing), Errno::Io));
        let mut acknowledged = 2;
        while acknowledged < 12 {
            match log.append_durable(&record(Offset(acknowledged))) {
                Ok(offset) => assert_eq!(offset, Offset(acknowledged)),
                Err(error) => {
                    assert!(is_io(&error, None), "operation {failing} failed, and the error is {error}");
                    break;
                }
            }
            acknowledged += 1;
        }
        drop(log);
        sim.clear_faults();
        let log = open::<S>(&sim.disk());
        let found = log.next_offset().0;
        assert!((acknowledged..=acknowledged + 1).contains(&found), "{acknowledged} acknowledged, {found} found");
        assert_prefix(&log.reader(), found, || format!("operation {failing} failed"));
    }
}
