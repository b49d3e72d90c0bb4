//! Part 2: one at a time has the log. A single caller appends, syncs and closes; several take turns; the first error is
//! final.

use std::sync::Arc;

use lab::crash;
use lab::sim::{Lens, Sampling, SimDisk};
use stage02::{Error, Log, Offset, Options, Reader, Refused, Stage01, Visibility};

use crate::harness::{
    Outcome, alone, alone_on, close, hand_in, limited, poisoned, shared, spawn, text, try_hand_in, unshared,
};

/// One caller uses the group commit as any other log. An append is written and not yet durable; a sync makes it so,
/// says how far, and is counted.
#[test]
fn s02p2_one_caller_appends_and_syncs() {
    let (mut log, gate) = alone(Options::default());
    assert_eq!(Log::append(&mut *log, &[text("a"), text("b")]).unwrap(), Offset(0), "the first batch's offset");
    assert_eq!(log.next_offset(), Offset(2), "the next offset behind two records");
    assert_eq!(Log::append(&mut *log, &[text("c")]).unwrap(), Offset(2), "the second batch's offset");
    assert_eq!(log.reader().end(), Offset(0), "durable before the sync");
    assert_eq!(log.reader().with_visibility(Visibility::Written).end(), Offset(3), "written before the sync");
    assert_eq!(log.sync().unwrap(), Offset(3), "what the sync says is durable");
    assert_eq!(log.reader().end(), Offset(3), "durable after the sync");
    assert_eq!((gate.appends(), gate.syncs()), (2, 1), "(writes, syncs)");
    let stats = log.stats();
    assert_eq!((stats.syncs, stats.sync_latency_ns.len()), (1, 1), "(syncs, latencies) that were counted");
}

/// Closing makes durable whatever was written and not synced (G7), and gives the log back. If nothing is left to sync,
/// it costs nothing.
#[test]
fn s02p2_closing_syncs_what_is_left_and_no_more() {
    limited(|| {
        let (mut log, gate) = alone(Options::default());
        Log::append(&mut *log, &[text("left to the end")]).unwrap();
        let inner = close(log).unwrap();
        assert_eq!(inner.reader().end(), Offset(1), "durable after closing");
        assert_eq!(gate.syncs(), 1, "syncs, with a record left to sync");

        let (mut log, gate) = alone(Options::default());
        Log::append(&mut *log, &[text("synced")]).unwrap();
        log.sync().unwrap();
        close(log).unwrap();
        assert_eq!(gate.syncs(), 1, "syncs, with nothing left to sync");
    });
}

/// Two threads that sync take turns: the second has no log to take while the first is at the disk (G2), and goes on
/// when it is back.
#[test]
fn s02p2_two_that_sync_take_turns() {
    limited(|| {
        let (log, gate) = shared(Options::default());
        gate.close();
        let first = spawn(&gate, {
            let log = Arc::clone(&log);
            move || log.sync()
        });
        gate.wait_for_syncs(1);
        let second = spawn(&gate, {
            let log = Arc::clone(&log);
            move || log.sync()
        });
        second.still_waits("the second sync returned while the first had the log");
        assert_eq!(gate.syncs(), 1, "syncs at once");
        gate.open();
        assert_eq!(first.result().unwrap(), Offset(0), "the first sync's end");
        assert_eq!(second.result().unwrap(), Offset(0), "the second sync's end");
        assert_eq!(log.stats().syncs, 2, "syncs that were counted");
    });
}

/// While somebody has the log, producers go on handing records in. Their offsets are given: what is done to the log
/// meanwhile must not give them a second time.
#[test]
fn s02p2_offsets_that_were_given_during_a_sync_stay_given() {
    limited(|| {
        let (log, gate) = shared(Options::default());
        gate.close();
        let syncing = spawn(&gate, {
            let log = Arc::clone(&log);
            move || log.sync()
        });
        gate.wait_for_syncs(1);
        let offsets = [hand_in(&log, text("a")).offset(), hand_in(&log, text("b")).offset()];
        assert_eq!(offsets, [Offset(0), Offset(1)], "offsets given during the sync");
        // Later syncs stay at the gate, so nobody writes the two.
        gate.admit_one();
        syncing.result().unwrap();
        assert_eq!(hand_in(&log, text("c")).offset(), Offset(2), "the next offset, after the sync");
    });
}

/// The first failed write or sync is final (G4, G6), even if the disk works again: who tries later gets the same cause,
/// and nothing more is written.
#[test]
fn s02p2_the_first_error_is_final() {
    limited(|| {
        for outcome in [Outcome::AppendFails, Outcome::SyncFails] {
            let (mut log, gate) = alone(Options::default());
            log.append_durable(&text("safe")).unwrap();
            gate.set(outcome);
            let cause = poisoned(log.append_durable(&text("lost")));
            assert!(cause.to_string().contains("the disk is gone"), "expected the disk's own words, found: {cause}");
            gate.set(Outcome::Works);
            let (appends, syncs) = (gate.appends(), gate.syncs());
            for again in [poisoned(Log::append(&mut *log, &[text("later")])), poisoned(log.sync())] {
                assert!(Arc::ptr_eq(&cause, &again), "{outcome:?}: expected the first failure again, found: {again}");
            }
            let refused = try_hand_in(&log, text("later"));
            let is_refused = matches!(refused, Err(Refused::Failed(Error::Poisoned { .. })));
            assert!(is_refused, "{outcome:?}: expected a record to be refused as poisoned, found {refused:?}");
            poisoned(close(log));
            let after = (gate.appends(), gate.syncs());
            assert_eq!(after, (appends, syncs), "{outcome:?}: (writes, syncs) after the failure");
        }
    });
}

/// A failure is told to everybody who waits for the log, at once, and with the same cause.
#[test]
fn s02p2_a_failure_wakes_those_who_wait_for_the_log() {
    limited(|| {
        let (log, gate) = shared(Options::default());
        gate.close();
        let first = spawn(&gate, {
            let log = Arc::clone(&log);
            move || log.sync()
        });
        gate.wait_for_syncs(1);
        let others: Vec<_> = (0..3)
            .map(|_| {
                let log = Arc::clone(&log);
                spawn(&gate, move || log.sync())
            })
            .collect();
        others[0].still_waits("a sync returned while another had the log");
        gate.set(Outcome::SyncFails);
        gate.open();
        let cause = poisoned(first.result());
        for other in others {
            assert!(Arc::ptr_eq(&cause, &poisoned(other.result())), "expected the first failure for everybody");
        }
        assert_eq!(gate.syncs(), 1, "syncs: none after the one that failed");
    });
}

/// A failure throws away the records that wait in the queue, and frees their memory: they will not be written, and a
/// program may keep a log that has failed for as long as it runs.
#[test]
fn s02p2_a_failure_lets_the_records_in_the_queue_go() {
    limited(|| {
        let (log, gate) = shared(Options::default());
        gate.close();
        gate.set(Outcome::SyncFails);
        let syncing = spawn(&gate, {
            let log = Arc::clone(&log);
            move || {
                let mut synced = Ok(Offset(0));
                let measured = allocation_counter::measure(|| synced = log.sync());
                (measured.bytes_current, synced)
            }
        });
        gate.wait_for_syncs(1);
        for _ in 0..10 {
            drop(hand_in(&log, text("x".repeat(10_000))));
        }
        gate.open();
        let (bytes, synced) = syncing.result();
        poisoned(synced);
        assert!(
            bytes < -90_000,
            "expected the ten records of 10000 bytes to be freed, found {bytes} bytes more in use"
        );
    });
}

/// A thread that panics with the log in its hands takes the log with it. Those who wait for it are told, not left
/// waiting.
#[test]
fn s02p2_a_panic_at_the_log_wakes_those_who_wait_for_it() {
    limited(|| {
        let (log, gate) = shared(Options::default());
        gate.close();
        gate.set(Outcome::SyncPanics);
        let first = spawn(&gate, {
            let log = Arc::clone(&log);
            move || log.sync()
        });
        gate.wait_for_syncs(1);
        let second = spawn(&gate, {
            let log = Arc::clone(&log);
            move || log.sync()
        });
        second.still_waits("a sync returned while another had the log");
        gate.open();
        first.panics_as_asked();
        let cause = poisoned(
            second.result_or("the writer panicked as the test asked, and those who wait for the log were not told"),
        );
        assert!(matches!(*cause, Error::WriterPanicked), "expected WriterPanicked as the cause, found: {cause}");
        poisoned(close(unshared(log)));
    });
}

/// What a sync has acknowledged is there after any power cut, at any operation.
#[test]
fn s02p2_what_one_caller_synced_survives_every_power_cut() {
    let options = crash::Options {
        sampling: Sampling { states_max: 200, seed: 2 },
        recovery_states_max: 2,
        ..Default::default()
    };
    let one_caller = |sim: &SimDisk| {
        let (mut log, _gate) = alone_on(sim, Options::default());
        for batch in 0..4 {
            Log::append(&mut *log, &lab::records::records(Offset(batch * 3), 3)).expect("the disk takes a batch");
            sim.acknowledge(log.sync().expect("the disk syncs").0);
        }
    };
    crash::power_cuts::<Stage01>(Lens::PowerCut, &options, one_caller).expect_survival();
}
