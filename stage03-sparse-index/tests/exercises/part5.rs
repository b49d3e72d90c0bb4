//! Part 5: something is wrong, and only in the third life of a log.

use lab::disks::{Disks, OsDisks};
use lab::sim::SimDisk;
use stage03::{IndexOrigin, Log, Offset};

use crate::common::{INDEX, LOG, append, assert_reads_right, entries, open};
use crate::log_and_index;

/// The complaint of this part.
fn assert_index_is_of_the_log(index: &[u8], count: u64, context: &str) {
    let right = entries(&log_and_index(count).1);
    let found = entries(index);
    assert!(
        found == right,
        "{context}: the index file is not that of {count} records\n expected {right:?}\n    found {found:?}"
    );
}

/// A log of 40 records is closed, opened, appended to and cut. What is left must be the files of a log that never had
/// more records, wherever the cut was.
#[test]
fn s03p5_a_log_that_was_opened_again_and_cut_is_the_log_that_never_went_further() {
    for from in [75, 60, 45, 40, 39, 25, 10, 1, 0] {
        let sim = SimDisk::new();
        append(&mut open(&sim.disk()), 40);
        let mut log = open(&sim.disk());
        append(&mut log, 40);
        log.truncate(Offset(from)).unwrap();
        let context = format!("40 records, opened again, 40 more, cut at {from}");
        assert!(sim.cached(LOG).unwrap() == log_and_index(from).0, "{context}: the log's file is right");
        assert_index_is_of_the_log(&sim.cached(INDEX).unwrap(), from, &context);
        assert_reads_right(&log.reader(), from, &context);
    }
}

/// After the same cut the log grows again. Its index must grow with it, and the next open must believe it: if it does
/// not, the whole log is read at every open, and nobody sees why.
#[test]
fn s03p5_the_index_grows_on_after_a_cut() {
    for from in [75, 45, 30, 5] {
        let sim = SimDisk::new();
        append(&mut open(&sim.disk()), 40);
        let mut log = open(&sim.disk());
        append(&mut log, 40);
        log.truncate(Offset(from)).unwrap();
        append(&mut log, 20);
        let context = format!("40 records, opened again, 40 more, cut at {from}, 20 more");
        assert_index_is_of_the_log(&sim.cached(INDEX).unwrap(), from + 20, &context);
        drop(log);
        let log = open(&sim.disk());
        assert_eq!(log.index_report().origin, IndexOrigin::Loaded, "{context}, opened again");
        assert_reads_right(&log.reader(), from + 20, &context);
    }
}

/// The same on the operating system's disk, where the entries of the second life are read through a map.
#[test]
fn s03p5_a_mapped_index_is_cut_as_the_log_is() {
    let disks = OsDisks::new();
    for from in [70, 40, 20] {
        let disk = disks.empty();
        append(&mut open(&disk), 40);
        let mut log = open(&disk);
        append(&mut log, 40);
        log.truncate(Offset(from)).unwrap();
        let context = format!("40 records, opened again, 40 more, cut at {from}, on a real disk");
        assert_index_is_of_the_log(&std::fs::read(disk.path().join(INDEX)).unwrap(), from, &context);
        assert_reads_right(&log.reader(), from, &context);
    }
}
