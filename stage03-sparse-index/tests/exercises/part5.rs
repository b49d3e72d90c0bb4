//! Part 5: something is wrong, and only in the third life of a log.

use lab::disks::{Disks, OsDisks};
use lab::sim::SimDisk;
use stage03::{IndexOrigin, Log, Offset};

use crate::common::{INDEX, LOG, append, assert_reads_right, entries, open};
use crate::log_and_index;

/// Runs a log's lives for each cut, each of which gives the index file in the end and how many records are left. If one
/// of the files is wrong, the complaint is about the first of those and names all cuts.
fn assert_the_index_is_right_after(cuts: &[u64], lives: impl Fn(u64) -> (Vec<u8>, u64)) {
    let (mut failing, mut passing, mut complaint) = (vec![], vec![], String::new());
    for &from in cuts {
        let (index, count) = lives(from);
        let (found, right) = (entries(&index), entries(&log_and_index(count).1));
        if found == right {
            passing.push(from);
            continue;
        }
        if failing.is_empty() {
            complaint = format!(
                "cut at {from}: the index file is not that of {count} records\n expected {right:?}\n    found {found:?}"
            );
        }
        failing.push(from);
    }
    assert!(
        failing.is_empty(),
        "40 records, opened again, 40 more, {complaint}\n the cuts that fail: {failing:?}\n the cuts that pass: {passing:?}"
    );
}

/// A log of 40 records is closed, opened, appended to and cut. What is left must be the files of a log that never had
/// more records, wherever the cut was.
#[test]
fn s03p5_a_log_that_was_opened_again_and_cut_is_the_log_that_never_went_further() {
    let cuts = [75, 60, 45, 41, 40, 39, 25, 10, 1, 0];
    let cut_at = |from| {
        let sim = SimDisk::new();
        append(&mut open(&sim.disk()), 40);
        let mut log = open(&sim.disk());
        append(&mut log, 40);
        log.truncate(Offset(from)).unwrap();
        (sim, log)
    };
    assert_the_index_is_right_after(&cuts, |from| (cut_at(from).0.cached(INDEX).unwrap(), from));
    for from in cuts {
        let (sim, log) = cut_at(from);
        let context = format!("40 records, opened again, 40 more, cut at {from}");
        assert!(sim.cached(LOG).unwrap() == log_and_index(from).0, "{context}: the log's file is not right");
        assert_reads_right(&log.reader(), from, &context);
    }
}

/// After the same cut the log grows again. Its index must grow with it, and the next open must believe it: if it does
/// not, the whole log is read at every open, and nobody sees why.
#[test]
fn s03p5_the_index_grows_on_after_a_cut() {
    let cuts = [75, 45, 30, 5];
    let grown_after = |from| {
        let sim = SimDisk::new();
        append(&mut open(&sim.disk()), 40);
        let mut log = open(&sim.disk());
        append(&mut log, 40);
        log.truncate(Offset(from)).unwrap();
        append(&mut log, 20);
        sim
    };
    assert_the_index_is_right_after(&cuts, |from| (grown_after(from).cached(INDEX).unwrap(), from + 20));
    for from in cuts {
        let log = open(&grown_after(from).disk());
        let context = format!("40 records, opened again, 40 more, cut at {from}, 20 more, opened again");
        assert_eq!(log.index_report().origin, IndexOrigin::Loaded, "{context}");
        assert_reads_right(&log.reader(), from + 20, &context);
    }
}

/// The same on the operating system's disk, where the entries of the second life are read through a map.
#[test]
fn s03p5_a_mapped_index_is_cut_as_the_log_is() {
    let disks = OsDisks::new();
    assert_the_index_is_right_after(&[70, 40, 20], |from| {
        let disk = disks.empty();
        append(&mut open(&disk), 40);
        let mut log = open(&disk);
        append(&mut log, 40);
        log.truncate(Offset(from)).unwrap();
        let index = std::fs::read(disk.path().join(INDEX)).unwrap();
        if entries(&index) == entries(&log_and_index(from).1) {
            assert_reads_right(&log.reader(), from, &format!("cut at {from}, on a real disk"));
        }
        (index, from)
    });
}
