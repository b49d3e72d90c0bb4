//! The simulated disk: what its operations do, what its faults do, and what it counts.

use std::io::{self, ErrorKind};
use std::sync::Arc;

use lab::sim::{Errno, Event, Fault, Operation, SimDisk, Which};
use stage01::{Access, Disk, DiskFile};

/// A disk with one new file, the name durable and the file empty.
fn disk_with_file() -> (SimDisk, Arc<dyn Disk>, Arc<dyn DiskFile>) {
    let sim = SimDisk::new();
    let disk = sim.disk();
    let file = disk.create("a").unwrap();
    disk.sync_directory().unwrap();
    (sim, disk, file)
}

fn code(result: io::Result<()>) -> Option<i32> {
    result.unwrap_err().raw_os_error()
}

const EIO: Option<i32> = Some(5);
const ENOSPC: Option<i32> = Some(28);

#[test]
fn only_a_sync_makes_data_durable() {
    let (sim, _, file) = disk_with_file();
    file.write_at(b"hello", 0).unwrap();
    assert_eq!((sim.cached("a").unwrap(), sim.durable("a").unwrap()), (b"hello".to_vec(), vec![]));
    file.sync_data().unwrap();
    file.truncate(2).unwrap();
    assert_eq!((sim.cached("a").unwrap(), sim.durable("a").unwrap()), (b"he".to_vec(), b"hello".to_vec()));
    file.sync_data().unwrap();
    assert_eq!(sim.durable("a").unwrap(), b"he");
}

#[test]
fn only_a_directory_sync_makes_names_durable() {
    let (sim, disk, file) = disk_with_file();
    file.write_at(b"x", 0).unwrap();
    file.sync_data().unwrap();
    disk.rename("a", "b").unwrap();
    disk.create("c").unwrap();
    assert_eq!((sim.names(), sim.durable("b")), (vec!["b".to_string(), "c".to_string()], None));
    assert_eq!(sim.durable("a"), Some(b"x".to_vec()), "the old name is still the durable one");
    disk.sync_directory().unwrap();
    assert_eq!((sim.durable("a"), sim.durable("b"), sim.durable("c")), (None, Some(b"x".to_vec()), Some(vec![])));
}

#[test]
fn a_file_stays_open_when_its_name_goes_or_is_replaced() {
    let (sim, disk, file) = disk_with_file();
    file.write_at(b"first", 0).unwrap();
    disk.remove("a").unwrap();
    let second = disk.create("a").unwrap();
    file.write_at(b"F", 0).unwrap();
    let mut bytes = [0; 5];
    assert_eq!(file.read_at(&mut bytes, 0).unwrap(), 5);
    assert_eq!((&bytes, second.length().unwrap(), sim.cached("a")), (b"First", 0, Some(vec![])));
}

#[test]
fn one_lock_at_a_time_and_a_crash_drops_it() {
    let (sim, disk, _) = disk_with_file();
    let lock = disk.lock().unwrap();
    assert_eq!(disk.lock().unwrap_err().kind(), ErrorKind::WouldBlock);
    sim.trace().kill_at(0, 0).disk().lock().expect("the dead process holds no lock");
    drop(lock);
    disk.lock().expect("the lock is free again");
}

#[test]
fn four_gigabytes_are_cheap_until_they_are_written() {
    let (sim, disk, file) = disk_with_file();
    sim.set_space(100);
    file.truncate(4 << 30).unwrap();
    file.sync_data().unwrap();
    let mut bytes = [1; 4];
    assert_eq!(file.read_at(&mut bytes, (4 << 30) - 4).unwrap(), 4);
    assert_eq!((bytes, file.length().unwrap()), ([0; 4], 4 << 30));
    assert_eq!(disk.open("a", Access::Read).unwrap().read_at(&mut bytes, 4 << 30).unwrap(), 0);
    assert_eq!(sim.trace().crash_state(lab::sim::Lens::PowerCut, 4, &[0]).disk.names(), ["a"]);
}

#[test]
fn the_nth_operation_of_a_kind_fails_and_does_nothing() {
    let (sim, disk, file) = disk_with_file();
    sim.inject(Fault::fail(Operation::Write, Which::Nth(2), Errno::Io));
    sim.inject(Fault::fail(Operation::Any, Which::Nth(4), Errno::NoSpace));
    file.write_at(b"1", 0).unwrap();
    file.sync_data().unwrap();
    assert_eq!(code(file.write_at(b"2", 1)), EIO);
    assert_eq!(code(disk.remove("a")), ENOSPC, "operation 4 of all");
    file.write_at(b"3", 1).unwrap();
    assert_eq!(sim.cached("a").unwrap(), b"13");
    let failed = sim.trace().events().iter().filter(|event| matches!(event, Event::Failed { .. })).count();
    assert_eq!(failed, 2, "failures are in the trace");
}

#[test]
fn a_fault_of_one_file_leaves_the_others_alone() {
    let (sim, disk, file) = disk_with_file();
    let other = disk.create("b").unwrap();
    sim.inject(Fault::fail(Operation::SyncData, Which::Every, Errno::Io).of_file("b"));
    file.sync_data().unwrap();
    assert_eq!((code(other.sync_data()), code(other.sync_data())), (EIO, EIO));
    sim.clear_faults();
    other.sync_data().unwrap();
}

/// A failed sync that is honest about it can be tried again.
#[test]
fn after_a_plain_failed_sync_the_next_one_carries_the_data() {
    let (sim, _, file) = disk_with_file();
    sim.inject(Fault::fail(Operation::SyncData, Which::Nth(1), Errno::Io));
    file.write_at(b"data", 0).unwrap();
    assert_eq!(code(file.sync_data()), EIO);
    file.sync_data().unwrap();
    assert_eq!(sim.durable("a").unwrap(), b"data");
}

#[test]
fn a_short_write_leaves_a_prefix() {
    let (sim, _, file) = disk_with_file();
    sim.inject(Fault::short_write(Which::Nth(1), 3, Errno::Io));
    assert_eq!(code(file.write_at(b"hello", 0)), EIO);
    assert_eq!(sim.cached("a").unwrap(), b"hel");
    file.write_at(b"hello", 0).unwrap();
}

#[test]
fn a_full_disk_takes_what_fits_and_more_when_it_grows() {
    let (sim, disk, file) = disk_with_file();
    let other = disk.create("b").unwrap();
    sim.set_space(8);
    file.write_at(b"12345", 0).unwrap();
    assert_eq!(code(other.write_at(b"67890", 0)), ENOSPC);
    assert_eq!(sim.cached("b").unwrap(), b"678");
    file.write_at(b"54321", 0).expect("bytes that are there already cost nothing");
    assert_eq!(code(file.write_at(b"!", 5)), ENOSPC);
    sim.set_space(9);
    file.write_at(b"!", 5).unwrap();
    disk.remove("b").unwrap();
    file.write_at(b"abc", 6).expect("a removed file gives its space back");
    file.truncate(0).unwrap();
    disk.create("c").unwrap().write_at(&[1; 9], 0).expect("so does a cut");
}

/// The sectors of the failed sync are read from the cache and never reach the disk, unless something is written to
/// them again. The length does reach it, so what is missing reads as zeros.
#[test]
fn a_sync_that_failed_and_lies_loses_what_it_should_have_carried() {
    let (sim, _, file) = disk_with_file();
    file.write_at(&[b'0'; 100], 0).unwrap();
    file.sync_data().unwrap();
    sim.inject(Fault::sync_fails_then_lies(Which::Nth(1)));
    file.write_at(&[b'1'; 1500], 100).unwrap();
    assert_eq!(code(file.sync_data()), EIO);
    file.sync_data().expect("the second one lies");
    assert_eq!(sim.cached("a").unwrap()[1599], b'1', "reads show it");
    let durable = sim.durable("a").unwrap();
    assert_eq!((durable.len(), &durable[..100]), (1600, &[b'0'; 100][..]), "what was durable stays");
    assert!(durable[100..].iter().all(|byte| *byte == 0), "the rest is missing");

    file.write_at(&[b'2'; 10], 1600).unwrap();
    file.sync_data().unwrap();
    let durable = sim.durable("a").unwrap();
    assert_eq!(durable[1535..1540], [0, b'1', b'1', b'1', b'1'], "sector 3 was written again, whole");
    assert_eq!((durable[1023], durable[1609], durable.len()), (0, b'2', 1610));
}

#[test]
fn a_lying_sync_carries_nothing_and_a_later_honest_one_all() {
    let (sim, disk, file) = disk_with_file();
    sim.inject(Fault::lying_sync(Which::Nth(1)));
    sim.inject(Fault::lying_directory_sync(Which::Nth(1)));
    file.write_at(b"data", 0).unwrap();
    file.sync_data().unwrap();
    disk.rename("a", "b").unwrap();
    disk.sync_directory().unwrap();
    assert_eq!((sim.durable("a"), sim.durable("b")), (Some(vec![]), None));
    file.sync_data().unwrap();
    disk.sync_directory().unwrap();
    assert_eq!(sim.durable("b").unwrap(), b"data");
}

#[test]
fn a_flipped_bit_is_in_the_cache_and_on_the_medium() {
    let sim = SimDisk::with_files([("a", &b"abc"[..])]);
    sim.flip_bit("a", 9);
    sim.flip_bit("a", 24);
    assert_eq!((sim.cached("a").unwrap(), sim.durable("a").unwrap()), (b"a`c".to_vec(), b"a`c".to_vec()));
}

#[test]
fn the_counters_count() {
    let (sim, _, file) = disk_with_file();
    file.write_at(&[7; 1000], 0).unwrap();
    let mut buffer = [0; 600];
    file.read_at(&mut buffer, 0).unwrap();
    file.read_at(&mut buffer, 600).unwrap();
    file.sync_data().unwrap();
    let counters = sim.counters();
    assert_eq!((counters.reads, counters.bytes_read, sim.bytes_read()), (2, 1000, 1000));
    assert_eq!((counters.writes, counters.bytes_written, counters.syncs), (1, 1000, 1));
    assert_eq!(counters.operations, 6, "create, sync the directory, write, twice read, sync");
}
