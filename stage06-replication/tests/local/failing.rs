//! Disks that fail while the tablet is at work.

use lab::disks::Image;
use lab::sim::{Errno, Fault, Operation, SimDisk, Which};
use stage06::local::DIRECTORIES;
use stage06::{Error, Log};

use super::{append, assert_holds, disk_with, tablet};

/// The disk of one follower fails for good. Appends go on with two, and what they acknowledge survives the loss of one of
/// those two.
#[test]
fn a_tablet_goes_on_without_a_follower_whose_disk_fails() {
    let sim = SimDisk::new();
    let disk = sim.disk();
    let mut log = tablet(&disk).unwrap();
    append(&mut log, 3);
    let leader = "replica-1";
    let failing = DIRECTORIES[2];
    let file = sim.names().into_iter().rfind(|name| name.starts_with(failing) && name.ends_with(".log")).unwrap();
    sim.inject(Fault::fail(Operation::SyncData, Which::Every, Errno::Io).of_file(&file));
    append(&mut log, 3);
    let left_out: Vec<_> = log.copies().filter(|(_, error)| error.is_some()).map(|(name, _)| name).collect();
    assert!(left_out.is_empty() || left_out == [failing], "{left_out:?}");
    assert_holds(&log.reader(), 6, "without it");
    drop(log);
    sim.clear_faults();
    for lost in [leader, DIRECTORIES[1]] {
        let disk = disk_with(&Image::of(&disk).without_directory(lost));
        let mut log = tablet(&disk).unwrap();
        assert_holds(&log.reader(), 6, lost);
        append(&mut log, 1);
    }
}

/// If every disk fails, nothing is acknowledged, and the tablet takes no more until it is opened again.
#[test]
fn without_two_disks_nothing_is_acknowledged() {
    let sim = SimDisk::new();
    let disk = sim.disk();
    let mut log = tablet(&disk).unwrap();
    append(&mut log, 2);
    sim.inject(Fault::fail(Operation::SyncData, Which::Every, Errno::Io));
    let refused = log.append_durable(&lab::records::record(log.next_offset())).unwrap_err();
    assert!(matches!(refused, Error::Poisoned { .. }), "{refused}");
    assert!(matches!(refused.root(), Error::Io { .. }), "{refused}");
    sim.clear_faults();
    assert!(log.sync().is_err(), "it stays so");
    assert_eq!(stage06::Reader::end(&log.reader()).0, 2);
    drop(log);
    append(&mut tablet(&disk).unwrap(), 2);
}
