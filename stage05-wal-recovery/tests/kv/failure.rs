//! A disk that refuses: what is seen, what is kept, and whether the store goes on.

use crate::common::{
    History, checkpoints, content, delete, durable, open, put, quick, segments, try_open, try_open_with,
};
use lab::sim::{Errno, Fault, Operation, SimDisk, Which};
use stage05::kv::WriteOptions;
use stage05::{Error, SegmentOptions};

/// A write that was not appended, or not synced as it asked, is not seen; nothing is after it; and after a restart it
/// is there or not, as a whole (K2, K3).
#[test]
fn a_write_that_failed_is_not_seen() {
    for operation in [Operation::Write, Operation::SyncData] {
        let sim = SimDisk::new();
        let store = open(&sim);
        let mut history = History::new();
        history.write(&store, &durable(vec![put("k", "1")]));
        sim.inject(Fault::fail(operation, Which::Every, Errno::Io));
        let failed = history.batch(&durable(vec![put("k", "2"), put("l", "2")]));
        let error = store.write(failed, WriteOptions::default()).expect_err("a write on a broken disk");
        assert!(matches!(error, Error::Poisoned { .. }), "{error}");
        assert_eq!(store.get(b"k").unwrap()[..], b"1"[..], "{operation:?} failed");
        assert_eq!(content(&store).len(), 2, "{operation:?} failed");
        sim.clear_faults();
        assert!(matches!(store.put(b"m", b"3"), Err(Error::Poisoned { .. })), "{operation:?} failed before");
        assert!(matches!(store.checkpoint(), Err(Error::Poisoned { .. })), "{operation:?} failed before");
        assert_eq!(checkpoints(&sim), [""; 0], "{operation:?} failed before");
        assert!(store.close().is_err());
        history.place(&content(&open(&sim))).unwrap();
    }
}

/// What was not asked to be durable does not sync; one writer who asks syncs for all in front of it.
#[test]
fn a_write_syncs_if_it_asks_for_that() {
    let sim = SimDisk::new();
    // One segment: the end of a segment is a sync, too.
    let store = try_open_with(&sim.disk(), SegmentOptions::default()).unwrap();
    let mut history = History::new();
    history.write(&store, &durable(vec![]));
    let syncs = sim.counters().syncs;
    history.write(&store, &quick(vec![put("k", "1")]));
    history.write(&store, &quick(vec![delete("k")]));
    assert_eq!(sim.counters().syncs, syncs);
    history.write(&store, &durable(vec![put("k", "2")]));
    assert!(sim.counters().syncs > syncs);
}

/// Every operation of a checkpoint fails once. The store takes writes all the same, opens again with all of them, and
/// the next checkpoint clears up.
#[test]
fn a_checkpoint_that_fails_loses_nothing() {
    let mut failures = 0;
    for nth in 1.. {
        let (sim, mut history) = (SimDisk::new(), History::new());
        let store = open(&sim);
        for number in 0..6 {
            history.write(&store, &durable(vec![put("k", &number.to_string()), delete("l")]));
            if number == 2 {
                store.checkpoint().unwrap();
            }
        }
        sim.inject(Fault::fail(Operation::Any, Which::Nth(nth), Errno::NoSpace));
        let failed = store.checkpoint();
        sim.clear_faults();
        // A failure of the log itself is for good: then the store has to be opened again.
        let written = store.put(b"m", b"after");
        match (&failed, &written) {
            (_, Ok(_)) => drop(history.batch(&durable(vec![put("m", "after")]))),
            (Err(_), Err(Error::Poisoned { .. })) => {}
            (failed, written) => panic!("operation {nth}: {failed:?}, then {written:?}"),
        }
        let held = content(&store);
        drop(store);
        let store = open(&sim);
        assert_eq!(content(&store), held, "operation {nth}: {failed:?}");
        store.checkpoint().unwrap_or_else(|e| panic!("operation {nth}: {e}"));
        assert_eq!(checkpoints(&sim).len(), 1, "operation {nth}: {failed:?}");
        assert_eq!(segments(&sim).len(), 1, "operation {nth}: {failed:?}");
        drop(store);
        assert_eq!(content(&open(&sim)), held, "operation {nth}: {failed:?}");
        if failed.is_ok() && nth > 40 {
            break;
        }
        failures += u64::from(failed.is_err());
    }
    assert!(failures > 10, "{failures} operations of a checkpoint failed");
}

/// A file that cannot be removed is no reason to take no more writes.
#[test]
fn a_log_that_cannot_be_given_up_takes_writes() {
    let sim = SimDisk::new();
    let store = open(&sim);
    let mut history = History::new();
    for number in 0..6 {
        history.write(&store, &durable(vec![put("k", &number.to_string())]));
    }
    let before = segments(&sim);
    sim.inject(Fault::fail(Operation::Remove, Which::Every, Errno::Io).of_file(&before[0]));
    store.checkpoint().expect_err("a segment that cannot be removed");
    history.write(&store, &durable(vec![put("k", "after")]));
    sim.clear_faults();
    store.checkpoint().unwrap();
    assert_eq!(segments(&sim).len(), 1);
    drop(store);
    assert_eq!(content(&open(&sim)), *history.now());
}

/// A checkpoint for which there is no room leaves the one before it, and all of the log.
#[test]
fn a_full_disk_keeps_the_last_checkpoint() {
    let sim = SimDisk::new();
    let store = open(&sim);
    let mut history = History::new();
    history.write(&store, &durable(vec![put("a", &"x".repeat(400))]));
    store.checkpoint().unwrap();
    history.write(&store, &quick(vec![put("b", "y")]));
    store.sync().unwrap();
    let used: usize = sim.names().iter().map(|name| sim.cached(name).unwrap().len()).sum();
    let (old, log) = (checkpoints(&sim), segments(&sim));
    sim.set_space(used as u64 + 300);
    store.checkpoint().expect_err("a checkpoint on a full disk");
    assert!(checkpoints(&sim).contains(&old[0]));
    assert_eq!(segments(&sim), log);
    sim.set_space(u64::MAX);
    history.write(&store, &durable(vec![put("c", "z")]));
    drop(store);
    assert_eq!(content(&open(&sim)), *history.now());
}

/// A checkpoint that cannot be read just now is not damaged: the error is the disk's, though the log has all records.
#[test]
fn a_checkpoint_that_cannot_be_read_is_not_passed_over() {
    let sim = SimDisk::new();
    let store = open(&sim);
    let mut history = History::new();
    history.write(&store, &durable(vec![put("k", "v")]));
    sim.inject(Fault::fail(Operation::Remove, Which::Every, Errno::Io).of_file(&segments(&sim)[0]));
    store.checkpoint().expect_err("a segment that cannot be removed");
    drop(store);
    sim.clear_faults();
    sim.inject(Fault::fail(Operation::Read, Which::Every, Errno::Io).of_file(&checkpoints(&sim)[0]));
    let error = try_open(&sim.disk()).map(|store| content(&store)).expect_err("a disk that cannot be read");
    assert!(matches!(error, Error::Io { .. }), "{error}");
    sim.clear_faults();
    assert_eq!(content(&open(&sim)), *history.now());
}
