//! Part 3: whoever waits writes for everybody. Who shares a sync with whom, what an answer means, and who is told of a
//! failure.

use std::mem::ManuallyDrop;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use lab::crash;
use lab::records::record;
use lab::sim::{Lens, Sampling, SimDisk};
use stage02::{Durability, Error, Log, Offset, Options, Reader, Result, Scan, Stage01, Visibility};

use crate::harness::{
    Gate, Outcome, Shared, Watched, alone, alone_on, close, grace, hand_in, later_parts_may_be_missing, limited, lock,
    poisoned, shared, spawn, text, unshared, wait_until,
};

const A_DAY: Duration = Duration::from_secs(24 * 3600);

/// A producer that appends one record.
fn appends(log: &Shared, gate: &Arc<Gate>, value: impl Into<String>) -> Watched<Result<Offset>> {
    let (log, record) = (Arc::clone(log), text(value));
    spawn(gate, move || log.append(record))
}

/// The offsets that producers were told, sorted.
#[track_caller]
fn offsets(producers: Vec<Watched<Result<Offset>>>) -> Vec<u64> {
    let mut offsets = Vec::new();
    for producer in producers {
        match producer.result() {
            Ok(offset) => offsets.push(offset.0),
            Err(error) => panic!("expected a producer to be answered, found: {error}"),
        }
    }
    offsets.sort();
    offsets
}

/// A producer that is alone writes its own record: one write and one sync for each, as in stage 1, and the record is
/// durable when the append returns.
#[test]
fn s02p3_a_lone_producer_writes_and_syncs_for_itself() {
    limited(|| {
        let (log, gate) = alone(Options::default());
        for n in 0..3 {
            assert_eq!(log.append(text(format!("record {n}"))).unwrap(), Offset(n), "the offset");
            assert_eq!(log.reader().end(), Offset(n + 1), "durable when the append has returned");
            let found = log.reader().read(Offset(n)).unwrap().map(|record| record.value.into_owned());
            assert_eq!(found, Some(format!("record {n}").into_bytes()), "the record at offset {n}");
        }
        assert_eq!((gate.appends(), gate.syncs()), (3, 3), "(writes, syncs)");
        let stats = log.stats();
        assert_eq!((stats.appends, stats.groups, stats.syncs), (3, 3, 3), "(appends, groups, syncs) that were counted");
    });
}

/// The idea of the stage: the records that come while one sync is under way share the next.
#[test]
fn s02p3_records_that_come_during_a_sync_share_the_next() {
    limited(|| {
        let (log, gate) = shared(Options::default());
        gate.close();
        let first = appends(&log, &gate, "alone");
        gate.wait_for_syncs(1);
        let others: Vec<_> = (0..5).map(|n| appends(&log, &gate, format!("together {n}"))).collect();
        wait_until(&gate, "five more records in the queue", || log.next_offset() == Offset(6));
        gate.admit_one();
        gate.wait_for_syncs(2);
        // Those who do not write sleep by then, and have to be woken.
        grace();
        gate.open();
        assert_eq!(first.result().unwrap(), Offset(0), "the first record's offset");
        assert_eq!(offsets(others), [1, 2, 3, 4, 5], "the other offsets");
        let stats = log.stats();
        let counted = (stats.appends, stats.groups, stats.syncs);
        assert_eq!(counted, (6, 2, 2), "(appends, groups, syncs): one group of one, then one of five");
    });
}

/// While the writer is at the disk, the queue is free: others look at it and hand records in. A writer that keeps the
/// mutex during its sync makes this stage as slow as the last one.
#[test]
fn s02p3_the_queue_is_free_while_the_disk_works() {
    limited(|| {
        let (log, gate) = shared(Options::default());
        gate.close();
        let first = appends(&log, &gate, "under way");
        gate.wait_for_syncs(1);
        let looks = spawn(&gate, {
            let log = Arc::clone(&log);
            move || (log.next_offset(), log.stats().appends)
        });
        assert_eq!(looks.result(), (Offset(1), 0), "(next offset, answered records) during the first sync");
        gate.open();
        first.result().unwrap();
    });
}

/// No producer of a group is answered before the group's sync has returned (G5), and no durable reader sees its
/// records. An answer before that is a promise that a power cut breaks.
#[test]
fn s02p3_nobody_is_answered_before_the_sync() {
    limited(|| {
        let (log, gate) = shared(Options::default());
        gate.close();
        let ticket = hand_in(&log, text("asks in the middle of the sync"));
        let writer = appends(&log, &gate, "writes");
        gate.wait_for_syncs(1);
        let asks = spawn(&gate, move || ticket.wait());
        asks.still_waits("a record was answered while its sync was under way");
        writer.still_waits("the writer returned while its sync was under way");
        assert_eq!(log.reader().end(), Offset(0), "what a durable reader sees during the sync");
        gate.open();
        assert_eq!((asks.result().unwrap(), writer.result().unwrap()), (Offset(0), Offset(1)), "the answers");
    });
}

/// What a durability promises is what the writer does: `PerAppend`, `PerGroup` and an interval that has run out sync
/// the group, the others write it and answer.
#[test]
fn s02p3_the_durability_decides_whether_a_group_is_synced() {
    limited(|| {
        later_parts_may_be_missing();
        for (durability, syncs) in [
            (Durability::PerAppend, 3),
            (Durability::PerGroup, 3),
            (Durability::Interval(Duration::ZERO), 3),
            (Durability::Interval(A_DAY), 0),
            (Durability::OperatingSystem, 0),
        ] {
            let (log, gate) = alone(Options::with_durability(durability));
            for n in 0..3 {
                assert_eq!(log.append(text("a record")).unwrap(), Offset(n), "{durability:?}: the offset");
            }
            assert_eq!((gate.appends(), gate.syncs()), (3, syncs), "{durability:?}: (writes, syncs)");
            let written = log.reader().with_visibility(Visibility::Written).end();
            assert_eq!(written, Offset(3), "{durability:?}: records that were written");
        }
    });
}

/// With `PerAppend` nobody shares a sync, however many come at once.
#[test]
fn s02p3_per_append_shares_no_sync() {
    limited(|| {
        let (log, gate) = shared(Options::with_durability(Durability::PerAppend));
        let producers: Vec<_> = (0..6).map(|_| appends(&log, &gate, "mine")).collect();
        assert_eq!(offsets(producers), [0, 1, 2, 3, 4, 5], "the offsets");
        assert_eq!((log.stats().appends, log.stats().syncs), (6, 6), "(appends, syncs)");
    });
}

/// The offset that a producer is told is where its record lies, and one producer's records are in its order.
#[test]
fn s02p3_each_producer_finds_its_records_where_it_was_told() {
    limited(|| {
        let (log, gate) = shared(Options { max_records: 3, ..Options::default() });
        let producers: Vec<_> = (0..6)
            .map(|id| {
                let log = Arc::clone(&log);
                let produce = move |n: u64| (log.append(text(format!("{id} {n}"))).unwrap(), format!("{id} {n}"));
                spawn(&gate, move || (0..10).map(produce).collect::<Vec<_>>())
            })
            .collect();
        let told: Vec<_> = producers.into_iter().map(Watched::result).collect();
        for told in &told {
            assert!(told.is_sorted_by_key(|(offset, _)| *offset), "expected a producer's offsets to grow: {told:?}");
        }
        let mut all: Vec<_> = told.concat();
        all.sort();
        let mut scan = log.reader().scan(Offset(0)).unwrap();
        for (offset, value) in all {
            let entry = scan.next().unwrap().expect("a record for each append");
            let found = (entry.offset, String::from_utf8_lossy(&entry.record.value).into_owned());
            assert_eq!(found, (offset, value), "expected on the right what a producer was told");
        }
    });
}

/// A sync that somebody asks for, and the end of the log, write what is in the queue first (G7).
#[test]
fn s02p3_a_sync_and_the_end_write_the_queue_first() {
    limited(|| {
        let (log, _gate) = alone(Options::with_durability(Durability::OperatingSystem));
        for _ in 0..3 {
            drop(hand_in(&log, text("nobody waits")));
        }
        assert_eq!(log.sync().unwrap(), Offset(3), "the end that the sync tells");
        assert_eq!(log.reader().end(), Offset(3), "durable after the sync");
        drop(hand_in(&log, text("nobody waits")));
        let inner = close(log).unwrap();
        assert_eq!(inner.reader().end(), Offset(4), "durable after closing");
    });
}

/// Dropping the log is closing it: the tickets are answered, and nothing is lost.
#[test]
fn s02p3_dropping_the_log_answers_its_tickets() {
    limited(|| {
        let (log, _gate) = alone(Options::default());
        let reader = log.reader();
        let tickets: Vec<_> = (0..3).map(|n| hand_in(&log, text(n.to_string()))).collect();
        drop(ManuallyDrop::into_inner(log));
        for (ticket, offset) in tickets.into_iter().zip(0..) {
            assert_eq!(ticket.wait().unwrap(), Offset(offset), "the ticket's answer");
        }
        assert_eq!(reader.end(), Offset(3), "durable after the drop");
    });
}

/// One caller who has the log alone and many who share it may take turns: the offsets go on, and each answer comes.
#[test]
fn s02p3_one_caller_and_many_may_take_turns() {
    limited(|| {
        let (mut log, gate) = alone(Options::default());
        assert_eq!(Log::append(&mut *log, &[text("a"), text("b")]).unwrap(), Offset(0), "a batch");
        assert_eq!(log.append(text("c")).unwrap(), Offset(2), "a shared append behind it");
        assert_eq!(Log::append(&mut *log, &[text("d")]).unwrap(), Offset(3), "a batch behind that");
        let log = Arc::new(log);
        let producers = vec![appends(&log, &gate, "e"), appends(&log, &gate, "f")];
        assert_eq!(offsets(producers), [4, 5], "two that share");
        assert_eq!(log.reader().end(), Offset(6), "durable records");
        close(unshared(log)).unwrap();
    });
}

/// A producer that finds no room waits (G1), so memory stays bounded by two groups: the one under way, and the queue.
/// When there is room again, everybody gets through.
#[test]
fn s02p3_producers_wait_for_room_and_all_get_through() {
    limited(|| {
        let (log, gate) = shared(Options { max_records: 2, ..Options::default() });
        gate.close();
        let first = appends(&log, &gate, "under way");
        gate.wait_for_syncs(1);
        let others: Vec<_> = (0..11).map(|_| appends(&log, &gate, "waits")).collect();
        wait_until(&gate, "two records in the queue", || log.next_offset() >= Offset(3));
        grace();
        assert_eq!(log.next_offset(), Offset(3), "the next offset: one record under way, two in the queue");
        gate.admit_one();
        gate.wait_for_syncs(2);
        wait_until(&gate, "two more records in the queue", || log.next_offset() >= Offset(5));
        grace();
        assert_eq!(
            log.next_offset(),
            Offset(5),
            "the next offset: one group written, one under way, two records behind"
        );
        gate.open();
        first.result().unwrap();
        assert_eq!(offsets(others), (1..12).collect::<Vec<_>>(), "the offsets of those who waited");
        assert_eq!(log.reader().end(), Offset(12), "durable records");
        assert!(log.stats().groups >= 7, "groups of two at most: 12 records in {} groups", log.stats().groups);
    });
}

/// A group that was full of bytes leaves nothing behind in the count of the next.
#[test]
fn s02p3_every_group_may_be_as_large_as_the_first() {
    limited(|| {
        let (log, gate) = shared(Options { max_bytes: 10, ..Options::default() });
        for _ in 0..3 {
            log.append(text("666666")).unwrap();
        }
        gate.close();
        let first = appends(&log, &gate, "1");
        gate.wait_for_syncs(4);
        let others = vec![appends(&log, &gate, "55555"), appends(&log, &gate, "55555")];
        wait_until(&gate, "two records of five bytes in a queue of ten", || log.next_offset() == Offset(6));
        gate.open();
        first.result().unwrap();
        assert_eq!(offsets(others), [4, 5], "the offsets");
        assert_eq!(log.stats().groups, 5, "groups: three, then one, then one of two records");
    });
}

/// A writer that lingers goes as soon as its group is full.
#[test]
fn s02p3_a_lingering_writer_waits_for_its_group_and_no_longer() {
    limited(|| {
        let (log, gate) = shared(Options { linger: A_DAY, max_records: 3, ..Options::default() });
        let producers: Vec<_> = (0..3).map(|_| appends(&log, &gate, "one of three")).collect();
        assert_eq!(offsets(producers), [0, 1, 2], "the offsets");
        assert_eq!(log.stats().groups, 1, "groups: three records fill one");
    });
}

/// A record that fills the group ends the linger of its writer, even if nobody waits for it: `try_submit` tells the
/// writer, as every way into the queue does.
#[test]
fn s02p3_a_lingering_writer_hears_of_records_that_do_not_wait() {
    limited(|| {
        let (log, gate) = shared(Options { linger: A_DAY, max_records: 2, ..Options::default() });
        let lingers = appends(&log, &gate, "lingers");
        wait_until(&gate, "a record in the queue", || log.next_offset() == Offset(1));
        drop(hand_in(&log, text("fills the group")));
        let answer = lingers.result_or("the group is full, and its writer, who lingers, was not told");
        assert_eq!(answer.unwrap(), Offset(0), "the offset");
        assert_eq!(log.stats().groups, 1, "groups: two records fill one");
    });
}

/// The interval counts from the start of a sync, since what is written while a sync runs may not be in it. After a sync
/// that took longer than the interval, the next group is due at once.
#[test]
fn s02p3_the_interval_counts_from_the_start_of_the_sync() {
    limited(|| {
        later_parts_may_be_missing();
        let interval = Duration::from_millis(100);
        let (log, gate) = shared(Options::with_durability(Durability::Interval(interval)));
        gate.close();
        thread::sleep(interval);
        let first = appends(&log, &gate, "due");
        gate.wait_for_syncs(1);
        thread::sleep(interval);
        gate.open();
        first.result().unwrap();
        log.append(text("due again")).unwrap();
        assert_eq!(gate.syncs(), 2, "syncs: one took as long as the interval, so the next group is due");
    });
}

/// A group that could not be written is not answered, and not synced either.
#[test]
fn s02p3_a_failed_write_is_not_synced_and_not_answered() {
    limited(|| {
        let (log, gate) = alone(Options::default());
        gate.set(Outcome::AppendFails);
        let cause = poisoned(log.append(text("lost")));
        assert!(matches!(*cause, Error::Io { .. }), "expected the disk's error as the cause, found: {cause}");
        gate.set(Outcome::Works);
        poisoned(log.append(text("later")));
        assert_eq!((gate.appends(), gate.syncs()), (1, 0), "(writes, syncs)");
        assert_eq!(log.stats().appends, 0, "answered records");
    });
}

/// A failed sync is told to all that it may have cost (G6): those of its group, those in the queue behind it and those
/// who wait for room. Nothing more is written, and who comes later is told the same.
#[test]
fn s02p3_a_failed_sync_is_told_to_everybody() {
    limited(|| {
        let (log, gate) = shared(Options { max_records: 4, ..Options::default() });
        log.append(text("safe")).unwrap();
        gate.close();
        let writer = appends(&log, &gate, "under way");
        gate.wait_for_syncs(2);
        let others: Vec<_> = (0..6).map(|_| appends(&log, &gate, "behind")).collect();
        wait_until(&gate, "four records in the queue", || log.next_offset() == Offset(6));
        gate.set(Outcome::SyncFails);
        gate.open();
        let cause = poisoned(writer.result());
        for other in others {
            let told = poisoned(other.result_or("the sync failed, and a producer that waits was not told"));
            assert!(Arc::ptr_eq(&cause, &told), "expected the writer's failure, found another: {told}");
        }
        gate.set(Outcome::Works);
        poisoned(log.append(text("later")));
        assert_eq!((gate.appends(), gate.syncs()), (2, 2), "(writes, syncs): none after the failure");
        assert_eq!((log.stats().appends, log.stats().syncs), (1, 1), "(appends, syncs) that were counted");
        assert_eq!(log.reader().end(), Offset(1), "durable records stay readable");
    });
}

/// A failure takes back no answer. Whoever asks with its ticket after the log has failed, for a record that was durable
/// before, is told so; to call it lost would make the producer send it again.
#[test]
fn s02p3_what_was_answered_stays_answered() {
    limited(|| {
        let (log, gate) = alone(Options::default());
        let ticket = hand_in(&log, text("asks late"));
        assert_eq!(log.append(text("writes both")).unwrap(), Offset(1), "the offset of the second record");
        gate.set(Outcome::SyncFails);
        poisoned(log.append(text("lost")));
        match ticket.wait() {
            Ok(offset) => assert_eq!(offset, Offset(0), "the ticket's answer"),
            Err(error) => panic!("record 0 was durable before the log failed: expected Ok, found: {error}"),
        }
    });
}

/// A producer that waits for room when the log fails is told at once: it gets no ticket and no offset for a record that
/// nobody will write. What was true before it slept need not be true when it wakes.
#[test]
fn s02p3_who_waits_for_room_is_told_of_a_failure() {
    limited(|| {
        later_parts_may_be_missing();
        let (log, gate) = shared(Options { max_records: 1, ..Options::default() });
        gate.close();
        let writer = appends(&log, &gate, "under way");
        gate.wait_for_syncs(1);
        let behind = appends(&log, &gate, "takes the room");
        wait_until(&gate, "a record in the queue", || log.next_offset() == Offset(2));
        let late = spawn(&gate, {
            let log = Arc::clone(&log);
            move || log.submit(text("waits for room")).map(|ticket| ticket.offset())
        });
        late.still_waits("a record was handed in where there was no room");
        gate.set(Outcome::SyncFails);
        gate.open();
        poisoned(writer.result());
        poisoned(behind.result());
        match late.result_or("the sync failed, and a producer that waits for room was not told") {
            Err(Error::Poisoned { .. }) => {}
            other => panic!("expected Poisoned for a record that is never written, found {other:?}"),
        }
        assert_eq!(log.next_offset(), Offset(2), "the next offset: none is given after the failure");
    });
}

/// A writer that panics takes the log with it. Everybody who waits is told, and nobody waits for ever.
#[test]
fn s02p3_a_panic_of_the_writer_wakes_everybody() {
    limited(|| {
        let (log, gate) = shared(Options { max_records: 2, ..Options::default() });
        gate.close();
        gate.set(Outcome::SyncPanics);
        let writer = appends(&log, &gate, "panics");
        gate.wait_for_syncs(1);
        let others: Vec<_> = (0..4).map(|_| appends(&log, &gate, "waits")).collect();
        wait_until(&gate, "two records in the queue", || log.next_offset() == Offset(3));
        others[0].still_waits("a record was answered while the one before it was under way");
        gate.open();
        writer.panics_as_asked();
        for other in others {
            let cause =
                poisoned(other.result_or("the writer panicked as the test asked, and those who wait were not told"));
            assert!(matches!(*cause, Error::WriterPanicked), "expected WriterPanicked, found: {cause}");
        }
    });
}

/// Eight producers, and the power is cut at every operation: every record that was answered is there.
#[test]
fn s02p3_what_many_producers_were_answered_survives_every_power_cut() {
    limited(|| {
        let sampling = Sampling { states_max: 20, seed: 2 };
        let options = crash::Options { sampling, recovery_states_max: 1, ..Default::default() };
        crash::power_cuts::<Stage01>(Lens::PowerCut, &options, eight_producers).expect_survival();
    });
}

/// Eight threads append two records each. A record is made for the offset that it gets, and so is handed in under a
/// lock; the waiting, and so the sharing of syncs, happens outside of it.
fn eight_producers(sim: &SimDisk) {
    let (log, gate) = alone_on(sim, Options::default());
    let (log, next, told) = (Arc::new(log), Arc::new(Mutex::new(0)), Arc::new(Mutex::new(0)));
    let producers: Vec<_> = (0..8)
        .map(|_| {
            let (log, next, told, sim) = (Arc::clone(&log), Arc::clone(&next), Arc::clone(&told), sim.clone());
            spawn(&gate, move || {
                for _ in 0..2 {
                    let mut next = lock(&next);
                    let ticket = hand_in(&log, record(Offset(*next)));
                    *next += 1;
                    drop(next);
                    let offset = ticket.wait().unwrap();
                    // An answer for one record is an answer for all before it (G5).
                    let mut told = lock(&told);
                    *told = offset.next().0.max(*told);
                    sim.acknowledge(*told);
                }
            })
        })
        .collect();
    producers.into_iter().for_each(Watched::result);
}
