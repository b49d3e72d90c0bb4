//! Who shares a sync with whom, and what an answer means.

mod common;

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use common::{GatedLog, reopen, text};
use lab::watchdog::within_limit;
use stage02::{Durability, GroupCommit, Log, Offset, Options, Reader, Scan, Stage, Stage02};

/// The records that come while one sync is under way share the next.
#[test]
fn records_that_arrive_during_a_sync_share_the_next_one() {
    within_limit(|| {
        let (log, gate, _directory) = GatedLog::new();
        let log = GroupCommit::new(log, Options::default());
        gate.close();
        thread::scope(|scope| {
            scope.spawn(|| log.append(text("alone")).unwrap());
            gate.wait_for_syncs(1);
            let tickets: Vec<_> = (0..10).map(|n| log.submit(text(format!("together {n}"))).unwrap()).collect();
            gate.open();
            for (ticket, offset) in tickets.into_iter().zip(1..) {
                assert_eq!(ticket.wait().unwrap(), Offset(offset));
            }
        });
        let stats = log.stats();
        assert_eq!((stats.appends, stats.groups, stats.syncs), (11, 2, 2), "one sync alone, one for the ten others");
        assert_eq!(stats.sync_latency_ns.len(), 2);
    });
}

/// No producer is answered, and no durable reader sees its record, before the sync has returned (G5).
#[test]
fn no_answer_is_given_before_the_sync_has_returned() {
    within_limit(|| {
        let (log, gate, _directory) = GatedLog::new();
        let log = GroupCommit::new(log, Options::default());
        let answered = AtomicBool::new(false);
        gate.close();
        thread::scope(|scope| {
            scope.spawn(|| {
                log.append(text("one")).unwrap();
                answered.store(true, Ordering::SeqCst);
            });
            gate.wait_for_syncs(1);
            assert!(!answered.load(Ordering::SeqCst), "answered while the sync was still under way");
            assert_eq!(log.reader().end(), Offset(0), "a durable reader saw a record that is not durable");
            gate.open();
        });
        assert!(answered.load(Ordering::SeqCst));
        assert_eq!(log.reader().end(), Offset(1));
    });
}

/// Sixteen producers at once: each record lies at the offset that its producer was told, and the records of one
/// producer are in its order.
#[test]
fn each_producer_finds_its_records_in_its_own_order() {
    within_limit(|| {
        const PRODUCERS: usize = 16;
        const EACH: usize = 50;
        let (log, _gate, _directory) = GatedLog::new();
        let log = GroupCommit::new(log, Options { max_records: 7, ..Options::default() });
        thread::scope(|scope| {
            for producer in 0..PRODUCERS {
                let log = &log;
                scope.spawn(move || {
                    let mut before = None;
                    for n in 0..EACH {
                        let value = format!("{producer} {n}");
                        let offset = log.append(text(&value)).unwrap();
                        assert!(before < Some(offset), "offsets of one producer go up");
                        before = Some(offset);
                        let record = log.reader().read(offset).unwrap().expect("an answered record can be read");
                        assert_eq!(record.value, value.as_bytes(), "offset {offset} holds another record");
                    }
                });
            }
        });
        let mut scan = log.reader().scan(Offset(0)).unwrap();
        let mut next = [0; PRODUCERS];
        while let Some(entry) = scan.next().unwrap() {
            let value = String::from_utf8(entry.record.value.into_owned()).unwrap();
            let (producer, n) = value.split_once(' ').unwrap();
            let producer: usize = producer.parse().unwrap();
            assert_eq!(n.parse::<usize>().unwrap(), next[producer], "producer {producer} out of order");
            next[producer] += 1;
        }
        assert_eq!(next, [EACH; PRODUCERS]);
        assert!(log.stats().syncs < log.stats().appends, "sixteen producers never once shared a sync");
    });
}

/// A single thread forms groups too, if it hands in many records before it waits.
#[test]
fn one_thread_that_hands_in_before_it_waits_shares_syncs_with_itself() {
    within_limit(|| {
        let (log, gate, _directory) = GatedLog::new();
        let log = GroupCommit::new(log, Options::default());
        gate.close();
        let first = log.submit(text("first")).unwrap();
        gate.wait_for_syncs(1);
        let rest: Vec<_> = (0..500).map(|_| log.submit(text("rest")).unwrap()).collect();
        gate.open();
        first.wait().unwrap();
        for ticket in rest {
            ticket.wait().unwrap();
        }
        assert_eq!(log.stats().syncs, 2);
        assert_eq!(log.stats().records_per_sync(), 250.5);
    });
}

/// With `PerAppend` nobody shares a sync, however many come at once.
#[test]
fn per_append_shares_no_sync() {
    within_limit(|| {
        let (log, _gate, _directory) = GatedLog::new();
        let log = GroupCommit::new(log, Options::with_durability(Durability::PerAppend));
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..5 {
                        log.append(text("mine")).unwrap();
                    }
                });
            }
        });
        assert_eq!((log.stats().appends, log.stats().syncs), (40, 40));
    });
}

/// A writer that lingers goes as soon as its group is full.
#[test]
fn a_lingering_writer_goes_as_soon_as_its_group_is_full() {
    within_limit(|| {
        let (log, _gate, _directory) = GatedLog::new();
        let hours = Duration::from_secs(24 * 3600);
        let log = GroupCommit::new(log, Options { linger: hours, max_records: 4, ..Options::default() });
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| log.append(text("one of four")).unwrap());
            }
        });
        assert_eq!(log.stats().groups, 1, "four records fill the group");
    });
}

/// A writer that lingers goes when its time is up, even if nobody else came.
#[test]
fn a_lingering_writer_goes_when_its_time_is_up() {
    within_limit(|| {
        let (log, _gate, _directory) = GatedLog::new();
        let log = GroupCommit::new(log, Options { linger: Duration::from_millis(5), ..Options::default() });
        assert_eq!(log.append(text("nobody else comes")).unwrap(), Offset(0));
    });
}

/// Closing the log ends a linger, and the records of the group are written.
#[test]
fn closing_a_lingering_log_does_not_wait_for_the_linger() {
    within_limit(|| {
        let (log, _gate, directory) = GatedLog::new();
        let hours = Duration::from_secs(24 * 3600);
        let log = GroupCommit::new(log, Options { linger: hours, ..Options::default() });
        let ticket = log.submit(text("lingers")).unwrap();
        drop(log.close().unwrap());
        ticket.wait().unwrap();
        assert_eq!(reopen(&directory).next_offset(), Offset(1));
    });
}

/// Closing writes and syncs all that was handed in, with the weakest durability too (G7).
#[test]
fn closing_makes_all_that_was_handed_in_durable() {
    within_limit(|| {
        let (log, _gate, directory) = GatedLog::new();
        let log = GroupCommit::new(log, Options::with_durability(Durability::OperatingSystem));
        let tickets: Vec<_> = (0..100).map(|n| log.submit(text(n.to_string())).unwrap()).collect();
        drop(tickets);
        let inner = log.close().unwrap();
        assert_eq!(inner.reader().end(), Offset(100), "the durable end after closing");
        drop(inner);
        assert_eq!(reopen(&directory).next_offset(), Offset(100));
    });
}

/// Dropping the log does the same as closing it, and its tickets are answered (G7).
#[test]
fn dropping_the_log_flushes_it_and_its_tickets_are_answered() {
    within_limit(|| {
        let (log, gate, directory) = GatedLog::new();
        let log = GroupCommit::new(log, Options::default());
        let tickets: Vec<_> = (0..100).map(|n| log.submit(text(n.to_string())).unwrap()).collect();
        drop(log);
        for (ticket, offset) in tickets.into_iter().zip(0..) {
            assert_eq!(ticket.wait().unwrap(), Offset(offset));
        }
        assert!(gate.syncs() > 0);
        assert_eq!(reopen(&directory).next_offset(), Offset(100));
    });
}

/// Closing costs no sync if everything is synced already.
#[test]
fn a_log_that_was_synced_is_not_synced_again_by_closing_it() {
    let (log, gate, _directory) = GatedLog::new();
    let log = GroupCommit::new(log, Options::default());
    log.append(text("durable")).unwrap();
    log.close().unwrap();
    assert_eq!(gate.syncs(), 1);
}

/// One caller who has the log alone and many who share it may take turns: the offsets go on.
#[test]
fn one_caller_and_many_may_take_turns() {
    let (log, _gate, _directory) = GatedLog::new();
    let mut log = GroupCommit::new(log, Options::default());
    let batch = [text("a"), text("b")];
    assert_eq!(Log::append(&mut log, &batch).unwrap(), Offset(0));
    assert_eq!(log.append(text("c")).unwrap(), Offset(2));
    assert_eq!(Log::append(&mut log, &batch).unwrap(), Offset(3));
    let ticket = log.submit(text("d")).unwrap();
    assert_eq!(ticket.wait().unwrap(), Offset(5));
    assert_eq!(log.reader().end(), Offset(6));
    assert_eq!(log.next_offset(), Offset(6));
}

/// A record that no log takes is the mistake of one producer: it is refused by every way in, and the next record gets
/// through.
#[test]
fn a_record_that_is_too_large_fails_alone() {
    let directory = tempfile::tempdir().unwrap();
    let disk = std::sync::Arc::new(stage02::OsDisk::create(directory.path()).unwrap());
    let log = Stage02::open(disk).unwrap();
    let large = || stage02::Record::new(0, vec![b'x'; stage02::RECORD_BYTES_MAX + 1]);
    assert!(matches!(log.append(large()), Err(stage02::Error::RecordTooLarge { .. })));
    assert!(matches!(log.submit(large()), Err(stage02::Error::RecordTooLarge { .. })));
    assert!(log.try_submit(large()).is_err());
    assert_eq!(log.append(text("small")).unwrap(), Offset(0));
}
