//! A disk that fails at each step of every operation: what was acknowledged stays, in this life and in the next.

use lab::records::record;
use lab::sim::{Errno, Fault, Operation, SimDisk, Which};
use stage04::{Error, JsonSegments, Log, Offset, Reader, Record, Result, SegmentedLog};

use super::{append_to, compact_each, numbered, one_record_each, open, scan_all, small, strays};

type SimLog = SegmentedLog<JsonSegments>;

/// Makes a log again and again, and each time lets the next step of an operation fail, until none is left to fail.
fn at_each_step(
    make: impl Fn(&SimDisk) -> SimLog,
    operation: impl Fn(&mut SimLog) -> Result<()>,
    check: impl Fn(&SimDisk, SimLog, Result<()>, &str),
) {
    for errno in [Errno::Io, Errno::NoSpace] {
        let mut failed = 0;
        for step in 1.. {
            let sim = SimDisk::new();
            let mut log = make(&sim);
            let before = sim.counters().operations;
            sim.inject(Fault::fail(Operation::Any, Which::Nth(step), errno));
            let done = operation(&mut log);
            sim.clear_faults();
            let story = format!("{errno:?} at step {step}: {done:?}");
            if sim.counters().operations - before < step {
                done.unwrap_or_else(|e| panic!("{e}, without a fault"));
                break;
            }
            failed += u64::from(done.is_err());
            check(&sim, log, done, &story);
        }
        assert!(failed > 1, "{failed} steps failed");
    }
}

fn reopened(sim: &SimDisk, story: &str) -> SimLog {
    SegmentedLog::open(&sim.disk(), JsonSegments, small()).unwrap_or_else(|e| panic!("{story}; reopened: {e}"))
}

/// A roll that fails ends the appending: nobody knows which segment is the newest. All records are read as before, and
/// opening the log again finds them all, and goes on.
#[test]
fn a_failed_roll_poisons_and_loses_nothing() {
    let make = |sim: &SimDisk| append_to(open(sim, small()), 4);
    at_each_step(make, SegmentedLog::roll, |sim, mut log, rolled, story| {
        assert_eq!(scan_all(&log.reader()), numbered(0..4), "{story}");
        if rolled.is_err() {
            let refused = [log.append(&[record(Offset(4))]).map(drop), log.sync().map(drop), log.roll()];
            assert!(refused.iter().all(|r| matches!(r, Err(Error::Poisoned { .. }))), "{story}: {refused:?}");
        }
        drop(log);
        let log = append_to(reopened(sim, story), 6);
        assert_eq!(scan_all(&log.reader()), numbered(0..6), "{story}");
        assert_eq!(strays(sim), [""; 0], "{story}");
    });
}

/// A deletion that fails has taken the oldest segments, or none; a second try or a reopened log does the rest.
#[test]
fn a_failed_deletion_leaves_no_hole() {
    let make = |sim: &SimDisk| one_record_each(sim, 8);
    at_each_step(
        make,
        |log| log.delete_before(Offset(4)),
        |sim, mut log, _, story| {
            let start = log.reader().start().0;
            assert!(start <= 4, "{story}");
            assert_eq!(scan_all(&log.reader()), numbered(start..8), "{story}");
            // Either the rest goes, or the log says why it must not.
            match log.delete_before(Offset(6)) {
                Ok(()) => assert_eq!(scan_all(&log.reader()), numbered(6..8), "{story}"),
                Err(error) => assert!(matches!(error, Error::Poisoned { .. }), "{story}, then {error}"),
            }
            let start = log.reader().start().0;
            log.append_durable(&record(Offset(8))).unwrap();
            drop(log);
            let mut log = reopened(sim, story);
            let now = log.reader().start().0;
            assert!((start..=6).contains(&now), "{story}: starts at {now}");
            assert_eq!(scan_all(&log.reader()), numbered(now..9), "{story}");
            log.delete_before(Offset(6)).unwrap();
            assert_eq!(scan_all(&log.reader()), numbered(6..9), "{story}");
        },
    );
}

/// A compression that fails half-way leaves each segment in one of its forms, and no half file on the disk; whatever is
/// deleted behind it, the log opens again and has no hole.
#[test]
fn a_failed_compression_loses_nothing() {
    let make = |sim: &SimDisk| one_record_each(sim, 5);
    at_each_step(
        make,
        |log| log.maintenance().compress().map(drop),
        |sim, mut log, done, story| {
            assert_eq!(scan_all(&log.reader()), numbered(0..5), "{story}");
            if done.is_err() {
                let half: Vec<String> = sim.names().into_iter().filter(|name| name.ends_with("packed.new")).collect();
                assert_eq!(half, [""; 0], "{story}");
            }
            // With luck it goes on, else it says that only a reopened log does.
            let _ = log.delete_before(Offset(2));
            let start = log.reader().start().0;
            assert_eq!(scan_all(&log.reader()), numbered(start..5), "{story}");
            drop(log);
            let mut log = reopened(sim, story);
            assert_eq!(log.reader().start().0, start, "{story}: what was deleted is back, or more is gone");
            assert_eq!(scan_all(&log.reader()), numbered(start..5), "{story}");
            assert_eq!(strays(sim), [""; 0], "{story}");
            log.maintenance().compress().unwrap();
            log.delete_before(Offset(4)).unwrap();
            assert_eq!(scan_all(&log.reader()), numbered(4..5), "{story}");
        },
    );
}

fn of_two_keys(sim: &SimDisk) -> SimLog {
    let mut log = open(sim, small());
    for offset in 0..8_u64 {
        let key = format!("key {}", offset % 2).into_bytes();
        log.append_durable(&Record::new(offset, b"value".to_vec()).with_key(key)).unwrap();
        if offset % 2 == 1 {
            log.roll().unwrap();
        }
    }
    log
}

/// A compaction that fails leaves the latest of each key, and every record that is left is where it was; the next one,
/// in a reopened log, comes to the end that the first would have come to.
#[test]
fn a_failed_compaction_keeps_the_latest() {
    let all = scan_all(&of_two_keys(&SimDisk::new()).reader());
    let compact = |log: &mut SimLog| log.maintenance().compact(0, &compact_each()).map(drop);
    at_each_step(of_two_keys, compact, |sim, log, _, story| {
        let check = |log: &SimLog| {
            let found = scan_all(&log.reader());
            assert!(found.ends_with(&all[6..]), "{story}: {found:?}");
            assert!(found.iter().all(|record| all.contains(record)), "{story}: {found:?}");
        };
        check(&log);
        drop(log);
        let mut log = reopened(sim, story);
        check(&log);
        compact(&mut log).unwrap();
        assert_eq!(scan_all(&log.reader()), all[6..], "{story}");
        assert_eq!(strays(sim), [""; 0], "{story}");
    });
}

/// Whoever kept a handle for maintenance cannot touch the segments once the log is closed: they may be another log's.
#[test]
fn maintenance_ends_with_its_log() {
    let sim = SimDisk::new();
    let log = one_record_each(&sim, 5);
    let maintenance = log.maintenance();
    drop(log);
    let log = open(&sim, small());
    let refused = [
        maintenance.delete_before(Offset(3)),
        maintenance.compress().map(drop),
        maintenance.compact(0, &compact_each()).map(drop),
        maintenance.retain(&stage04::Retention::default(), 0, Offset(0)).map(drop),
    ];
    assert!(refused.iter().all(|result| matches!(result, Err(Error::Poisoned { .. }))), "{refused:?}");
    assert_eq!(scan_all(&log.reader()), numbered(0..5));
}
