//! Each operation of the disk failing once.

use lab::sim::{Errno, Fault, Operation, SimDisk, Which};
use stage06::replica_log::ReplicaLog;
use stage06::{Error, Offset};

use super::batches::{all, batches, open};

/// Whatever fails in a truncation: it is said, and the log that opens then is the whole one or a part from the start on
/// that reaches to the cut.
#[test]
fn a_truncation_in_which_anything_fails_leaves_a_prefix() {
    let written = batches(Offset(0), 14, 1, 1);
    let cut = written[4].end_offset();
    let operations = [
        Operation::Create,
        Operation::Open,
        Operation::Read,
        Operation::Write,
        Operation::Truncate,
        Operation::SyncData,
        Operation::SyncDirectory,
        Operation::Rename,
        Operation::Remove,
    ];
    let mut failures = 0;
    for operation in operations {
        for nth in 1..100 {
            let sim = SimDisk::new();
            let mut log = open(&sim.disk()).unwrap();
            log.append(&written).unwrap();
            log.sync().unwrap();
            sim.inject(Fault::fail(operation, Which::Nth(nth), Errno::Io));
            let truncated = log.truncate(cut);
            sim.clear_faults();
            let is_whole = truncated.is_ok();
            if is_whole {
                assert_eq!(log.end(), cut);
            } else {
                failures += 1;
            }
            drop(log);
            let mut log = open(&sim.disk()).unwrap();
            let end = log.end();
            assert!(end == cut || (!is_whole && end > cut), "{operation:?} {nth}: the log ends at {end}");
            assert_eq!(all(&log), written[..written.iter().take_while(|batch| batch.end_offset() <= end).count()]);
            log.truncate(cut).unwrap();
            assert_eq!(log.end(), cut);
            if is_whole && nth > 60 {
                break;
            }
        }
    }
    assert!(failures > 20, "{failures} failures");
}

/// A sync that failed is not tried again: the next one would answer Ok, and the batches would not be on the disk.
#[test]
fn a_log_whose_sync_failed_takes_nothing_until_it_is_opened_again() {
    let sim = SimDisk::new();
    let mut log = open(&sim.disk()).unwrap();
    let written = batches(Offset(0), 4, 1, 1);
    log.append(&written[..2]).unwrap();
    log.sync().unwrap();
    log.append(&written[2..]).unwrap();
    sim.inject(Fault::sync_fails_then_lies(Which::Nth(1)));
    for _ in 0..2 {
        assert!(matches!(log.sync(), Err(Error::Poisoned { .. })));
    }
    assert!(matches!(log.append(&batches(log.end(), 1, 1, 1)), Err(Error::Poisoned { .. })));
    assert!(matches!(log.truncate(Offset(0)), Err(Error::Poisoned { .. })));
    drop(log);
    let mut log = open(&sim.disk()).unwrap();
    assert_eq!(all(&log), written);
    log.append(&batches(log.end(), 1, 1, 1)).unwrap();
    log.sync().unwrap();
}

/// On a disk that is full, the batches in front are there, and nothing is torn.
#[test]
fn a_full_disk_takes_nothing_from_what_was_synced() {
    for space in 8_000..9_500 {
        let sim = SimDisk::new();
        sim.set_space(space);
        let Ok(mut log) = open(&sim.disk()) else { continue };
        let mut synced = 0;
        for number in 0..12 {
            let next = batches(log.end(), 1, 1, number);
            if log.append(&next).and_then(|()| log.sync()).is_err() {
                break;
            }
            synced += 1;
        }
        drop(log);
        sim.set_space(u64::MAX);
        let log = open(&sim.disk()).unwrap();
        assert!(all(&log).len() >= synced, "{space} bytes: {} batches of {synced}", all(&log).len());
    }
}
