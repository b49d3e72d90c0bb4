//! The log of many files: what is appended is read, across every boundary.

mod common;

use common::{open, small};
use lab::records::{record, records};
use lab::sim::SimDisk;
use stage04::{Error, Log, Offset, Reader, Record, Scan};

/// A log of segments of a few hundred bytes reads as one log, from any offset.
#[test]
fn a_scan_starts_at_any_offset_of_any_segment() {
    let sim = SimDisk::new();
    let mut log = open(&sim.disk(), small());
    for first in (0..60).step_by(3) {
        log.append(&records(Offset(first), 3)).unwrap();
        log.sync().unwrap();
    }
    let reader = log.reader();
    assert!(reader.segments() > 10, "{} segments", reader.segments());
    for from in 0..=60 {
        let mut scan = reader.scan(Offset(from)).unwrap();
        for offset in from..60 {
            let entry = scan.next().unwrap().expect("a record");
            assert_eq!((entry.offset, entry.record), (Offset(offset), record(Offset(offset))));
        }
        assert_eq!(scan.next().unwrap(), None);
    }
    drop(log);
    let log = open(&sim.disk(), small());
    assert_eq!(log.next_offset(), Offset(60));
    for offset in 0..60 {
        assert_eq!(log.reader().read(Offset(offset)).unwrap(), Some(record(Offset(offset))));
    }
}

/// What was deleted is an error that says where the log starts, and the log is never without a segment.
#[test]
fn deleted_segments_are_gone_and_the_rest_is_there() {
    let sim = SimDisk::new();
    let mut log = open(&sim.disk(), small());
    for first in 0..60 {
        log.append_durable(&record(Offset(first))).unwrap();
    }
    let before = log.reader();
    let mut old_scan = before.scan(Offset(0)).unwrap();
    log.delete_before(Offset(30)).unwrap();
    let start = log.reader().start();
    assert!(start > Offset(20) && start <= Offset(30), "{start}");
    assert!(matches!(log.reader().read(Offset(0)), Err(Error::Deleted { offset: Offset(0), start: s }) if s == start));
    for offset in 0..60 {
        assert_eq!(old_scan.next().unwrap().map(|entry| entry.record), Some(record(Offset(offset))));
    }
    log.delete_before(Offset(60)).unwrap();
    assert_eq!((log.reader().start(), log.next_offset()), (Offset(60), Offset(60)));
    drop(log);
    let mut log = open(&sim.disk(), small());
    assert_eq!((log.reader().start(), log.next_offset()), (Offset(60), Offset(60)));
    log.append_durable(&record(Offset(60))).unwrap();
    assert_eq!(log.reader().read(Offset(60)).unwrap(), Some(record(Offset(60))));
}

/// The first record that is young enough, whatever the clocks of the producers did, after a reopen too.
#[test]
fn a_record_is_found_by_its_timestamp() {
    let sim = SimDisk::new();
    let stamps: Vec<u64> = (0..80_u64).map(|i| 1000 + i * 10 - (i * 7919 % 13) * 15).collect();
    let mut log = open(&sim.disk(), small());
    for stamp in &stamps {
        log.append_durable(&Record::new(*stamp, vec![b'x'; 40])).unwrap();
    }
    for _ in 0..2 {
        for wanted in (700..2000).step_by(7) {
            let expected = stamps.iter().position(|stamp| *stamp >= wanted).map(|at| Offset(at as u64));
            assert_eq!(log.reader().offset_for_time(wanted).unwrap(), expected, "{wanted} ms");
        }
        drop(log);
        log = open(&sim.disk(), small());
    }
}
