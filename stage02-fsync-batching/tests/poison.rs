//! After the first failure nothing is acknowledged any more, and nobody waits for ever.

mod common;

use std::sync::Arc;
use std::thread;

use common::{Gate, GatedLog, Outcome, reopen, text};
use lab::watchdog::within_limit;
use stage02::{Error, GroupCommit, Log, Offset, Options, Reader, Refused};

/// One record under way, five in the queue behind it, and the disk fails.
fn all_six_are_told(outcome: Outcome) {
    within_limit(move || {
        let (log, gate, directory) = GatedLog::new();
        let log = GroupCommit::new(log, Options::default());
        log.append(text("safe")).unwrap();
        gate.close();
        let first = log.submit(text("under way")).unwrap();
        gate.wait_for_syncs(2);
        let tickets: Vec<_> = (0..5).map(|_| log.submit(text("behind")).unwrap()).collect();
        gate.set(outcome);
        gate.open();

        let cause = poisoned(first.wait());
        for ticket in tickets {
            assert!(Arc::ptr_eq(&cause, &poisoned(ticket.wait())), "every waiter is told of the same failure");
        }
        let appends = gate.appends();
        gate.set(Outcome::Works);
        poisoned(log.append(text("later")));
        poisoned(log.submit(text("later")));
        poisoned(log.sync());
        assert!(matches!(log.try_submit(text("later")), Err(Refused::Failed(Error::Poisoned { .. }))));
        assert_eq!(gate.appends(), appends, "something was written after the failure");
        assert_eq!(log.reader().read(Offset(0)).unwrap().unwrap().value, &b"safe"[..], "durable records stay readable");
        poisoned(log.close());
        assert!(reopen(&directory).next_offset() >= Offset(1), "the acknowledged record survives");
    });
}

/// A failed sync is told to all who wait and to all who come later, with the same cause, and nothing more is written
/// (G4, G6).
#[test]
fn a_failed_sync_poisons_the_log_and_wakes_all_waiters() {
    all_six_are_told(Outcome::SyncFails);
}

/// A writer that panics takes the log with it, and those who wait are told.
#[test]
fn a_writer_that_panics_poisons_the_log_and_wakes_all_waiters() {
    within_limit(|| {
        let (log, gate, _directory) = GatedLog::new();
        let log = GroupCommit::new(log, Options::default());
        gate.close();
        gate.set(Outcome::SyncPanics);
        thread::scope(|scope| {
            let writer = scope.spawn(|| log.append(text("panics")));
            gate.wait_for_syncs(1);
            let waiter = scope.spawn(|| log.append(text("waits")));
            gate.open();
            assert!(writer.join().is_err());
            assert!(matches!(*poisoned(waiter.join().unwrap()), Error::WriterPanicked));
        });
        poisoned(log.close());
    });
}

/// A failed write is final as a failed sync is: the error names its cause, and nothing is synced after it.
#[test]
fn a_failed_write_poisons_the_log() {
    let (log, gate, _directory) = GatedLog::new();
    let log = GroupCommit::new(log, Options::default());
    gate.set(Outcome::AppendFails);
    let cause = poisoned(log.append(text("lost")));
    assert!(cause.to_string().contains("the disk is gone"), "the message names the cause: {cause}");
    gate.set(Outcome::Works);
    poisoned(log.append(text("later")));
    assert_eq!(gate.syncs(), 0);
}

/// The first failure is final for a single caller too.
#[test]
fn a_single_caller_is_poisoned_likewise() {
    for outcome in [Outcome::AppendFails, Outcome::SyncFails] {
        let (log, gate, _directory): (_, Arc<Gate>, _) = GatedLog::new();
        let mut log = GroupCommit::new(log, Options::default());
        gate.set(outcome);
        poisoned(log.append_durable(&text("lost")));
        gate.set(Outcome::Works);
        poisoned(log.append_durable(&text("later")));
        poisoned(Log::sync(&mut log));
    }
}

fn poisoned<T>(result: Result<T, Error>) -> Arc<Error> {
    match result {
        Err(Error::Poisoned { cause }) => cause,
        Err(other) => panic!("expected a poisoned log, got {other}"),
        Ok(_) => panic!("a log that has failed said Ok"),
    }
}
