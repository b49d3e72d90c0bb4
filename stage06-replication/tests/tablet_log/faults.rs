//! Each operation of the disk failing once.

use lab::sim::{Errno, Fault, Operation, SimDisk, Which};
use stage06::Offset;
use stage06::replica_log::ReplicaLog;

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
