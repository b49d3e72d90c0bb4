//! Part 4: the background thread. It writes what nobody waits for, and keeps the interval when no append comes along.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use lab::crash;
use lab::records::record;
use lab::sim::{Lens, Sampling, SimDisk};
use stage02::{Durability, Log, Offset, Options, Reader, Stage01};

use crate::harness::{
    Alone, Gate, Outcome, alone, alone_on, close, grace, limited, poisoned, shared, spawn, text, unshared, wait_until,
};

const A_DAY: Duration = Duration::from_secs(24 * 3600);

/// An interval that runs out while a test watches.
const INTERVAL: Duration = Duration::from_millis(50);

fn with_interval() -> Options {
    Options::with_durability(Durability::Interval(INTERVAL))
}

/// Appends records until one is answered before its sync: the first, unless the machine is very busy. Returns how many
/// records that makes, and how often the log was synced.
fn append_unsynced(log: &Alone, gate: &Gate) -> (u64, usize) {
    loop {
        let syncs = gate.syncs();
        let offset = log.append(record(log.next_offset())).expect("the disk takes a record");
        if gate.syncs() == syncs {
            return (offset.0 + 1, syncs);
        }
    }
}

/// A ticket may be dropped: the record is written and synced all the same, whether the background thread has just been
/// started or has slept since the last one.
#[test]
fn s02p4_a_record_whose_ticket_is_dropped_is_written() {
    limited(|| {
        let (log, gate) = alone(Options::default());
        for count in 1..=3 {
            drop(log.submit(text("nobody waits")).unwrap());
            gate.wait_for_syncs(count);
            wait_until(&gate, "the record to be answered", || log.stats().appends == count as u64);
            // The next one finds the thread asleep.
            grace();
        }
    });
}

/// A record that `try_submit` took is written too when its ticket is dropped: if nobody is writing, `try_submit` tells
/// the background thread, the first time and every other.
#[test]
fn s02p4_a_record_that_must_not_wait_is_written_too() {
    limited(|| {
        let (log, gate) = alone(Options::default());
        for count in 1..=3 {
            drop(log.try_submit(text("nobody waits")).unwrap());
            let what = format!("record {}, whose ticket was dropped, to be written", count - 1);
            wait_until(&gate, &what, || log.stats().appends == count);
            // The next one finds the thread asleep.
            grace();
        }
    });
}

/// Somebody else writes while records without a waiter come. The background thread leaves the log to its writer, and
/// then writes them, all in one group.
#[test]
fn s02p4_it_takes_over_when_the_writer_is_done() {
    limited(|| {
        let (log, gate) = shared(Options::default());
        gate.close();
        let writer = spawn(&gate, {
            let log = Arc::clone(&log);
            move || log.append(text("waits for itself"))
        });
        gate.wait_for_syncs(1);
        for _ in 0..3 {
            drop(log.submit(text("nobody waits")).unwrap());
        }
        gate.open();
        assert_eq!(writer.result().unwrap(), Offset(0), "the offset of the record that was under way");
        gate.wait_for_syncs(2);
        wait_until(&gate, "four answered records", || log.stats().appends == 4);
        assert_eq!((log.stats().groups, log.stats().syncs), (2, 2), "(groups, syncs): one alone, then the three");
    });
}

/// Producers that hand in and never wait get through a queue of one: each finds room again, and the last record is
/// written as well, though nobody comes behind it.
#[test]
fn s02p4_producers_that_never_wait_get_through() {
    limited(|| {
        let (log, gate) = shared(Options { max_records: 1, ..Options::default() });
        let producers: Vec<_> = (0..4)
            .map(|_| {
                let log = Arc::clone(&log);
                spawn(&gate, move || (0..10).for_each(|_| drop(log.submit(text("and never waits")).unwrap())))
            })
            .collect();
        producers.into_iter().for_each(|producer| producer.result());
        wait_until(&gate, "forty answered records", || log.stats().appends == 40);
        assert_eq!(log.reader().end(), Offset(40), "durable records");
    });
}

/// Closing ends the background thread, and what it had not written yet is written (G7).
#[test]
fn s02p4_closing_ends_it_and_loses_nothing() {
    limited(|| {
        let (log, gate) = shared(Options::default());
        drop(log.submit(text("starts it")).unwrap());
        gate.wait_for_syncs(1);
        gate.close();
        for _ in 0..20 {
            drop(log.submit(text("nobody waits")).unwrap());
        }
        gate.open();
        let inner = close(unshared(log)).unwrap();
        assert_eq!(inner.reader().end(), Offset(21), "durable records after closing");
    });
}

/// If nothing was written since the last sync, there is nothing to sync: an idle log leaves the disk alone.
#[test]
fn s02p4_an_idle_log_is_not_synced() {
    limited(|| {
        let (log, gate) = alone(with_interval());
        let (_, syncs) = append_unsynced(&log, &gate);
        gate.wait_for_syncs(syncs + 1);
        thread::sleep(4 * INTERVAL);
        assert_eq!(gate.syncs(), syncs + 1, "syncs, four intervals later");
    });
}

/// With an interval, a record that was answered is synced when its time has come, though no append comes along. From
/// then on no power cut takes it.
#[test]
fn s02p4_the_interval_is_kept_when_no_append_comes_along() {
    limited(|| {
        let silence = |sim: &SimDisk| {
            let (log, gate) = alone_on(sim, with_interval());
            let (records, syncs) = append_unsynced(&log, &gate);
            gate.wait_for_syncs(syncs + 1);
            wait_until(&gate, "durable records", || log.reader().end() == Offset(records));
            sim.acknowledge(records);
        };
        let options = crash::Options {
            sampling: Sampling { states_max: 20, seed: 2 },
            recovery_states_max: 1,
            ..Default::default()
        };
        crash::power_cuts::<Stage01>(Lens::PowerCut, &options, silence).expect_survival();
    });
}

/// While somebody else has the log there is nothing to do, even if a sync is due: the background thread sleeps until the
/// log is back. To look again and again in that time keeps a processor busy for nothing.
#[test]
fn s02p4_it_sleeps_while_somebody_else_has_the_log() {
    limited(|| {
        let (log, gate) = shared(with_interval());
        let (_, syncs) = append_unsynced(&log, &gate);
        gate.wait_for_syncs(syncs + 1);
        let background = gate.last_thread();
        gate.close();
        let syncing = spawn(&gate, {
            let log = Arc::clone(&log);
            move || {
                log.append(text("answered and not synced")).unwrap();
                log.sync()
            }
        });
        gate.wait_for_syncs(syncs + 2);
        thread::sleep(INTERVAL);
        let before = background.ticks();
        thread::sleep(8 * INTERVAL);
        if let (Some(before), Some(after)) = (before, background.ticks()) {
            let ran = after - before;
            assert!(ran < 4, "expected the background thread to sleep for 400 ms, it ran for {ran}0 ms of them");
        }
        gate.open();
        syncing.result().unwrap();
    });
}

/// Whoever waits for the group that is under way does not wait for the one that collects. If nobody else does, the
/// background thread has to write that one, and is woken when the log comes back.
#[test]
fn s02p4_it_is_woken_though_somebody_waits_for_the_group_before() {
    limited(|| {
        let (log, gate) = shared(Options { linger: A_DAY, max_records: 2, ..Options::default() });
        gate.close();
        let writer = spawn(&gate, {
            let log = Arc::clone(&log);
            move || log.append(text("lingers until its group is full"))
        });
        wait_until(&gate, "a record in the queue", || log.next_offset() == Offset(1));
        let ticket = log.submit(text("fills the group")).unwrap();
        gate.wait_for_syncs(1);
        let waits = spawn(&gate, move || ticket.wait());
        waits.still_waits("a record was answered while its sync was under way");
        for _ in 0..2 {
            drop(log.submit(text("nobody waits")).unwrap());
        }
        gate.open();
        assert_eq!(writer.result().unwrap(), Offset(0), "the writer's offset");
        assert_eq!(waits.result().unwrap(), Offset(1), "the offset of the record that filled the group");
        wait_until(&gate, "the two records that nobody waits for to be written", || log.stats().appends == 4);
    });
}

/// A failure in the background poisons the log as any other: the next producer is told, and the end does not wait for a
/// thread that never ends.
#[test]
fn s02p4_a_failure_in_the_background_is_told_to_the_next_producer() {
    limited(|| {
        let (log, gate) = alone(with_interval());
        gate.set(Outcome::SyncFails);
        // It is answered, unless the machine is so busy that its sync is due already.
        let _ = log.append(text("answered"));
        gate.wait_for_syncs(1);
        wait_until(&gate, "a poisoned log", || log.submit(text("later")).is_err());
        let appends = gate.appends();
        poisoned(log.submit(text("later")));
        poisoned(log.append(text("later")));
        poisoned(close(log));
        assert_eq!((gate.appends(), gate.syncs()), (appends, 1), "(writes, syncs): none after the failure");
    });
}

/// A log that has failed has nothing more to do, so its background thread ends. One that goes on would ask again and
/// again for a sync that is never done, and keep a processor busy with it.
#[test]
fn s02p4_a_failure_ends_it() {
    limited(|| {
        let (log, gate) = alone(Options::default());
        gate.set(Outcome::SyncFails);
        drop(log.submit(text("nobody waits")).unwrap());
        gate.wait_for_syncs(1);
        let background = gate.last_thread();
        wait_until(&gate, "the background thread to end after the failed sync", || background.has_ended());
    });
}
