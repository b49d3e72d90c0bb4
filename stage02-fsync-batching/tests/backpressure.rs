//! The queue is bounded: a producer waits, or is refused, and memory does not grow.

mod common;

use std::thread;

use common::{GatedLog, text};
use lab::watchdog::within_limit;
use stage02::{GroupCommit, Offset, Options, Refused};

/// A queue that is full refuses a record and gives it back, and takes records again when its group is written.
#[test]
fn a_full_queue_refuses_and_gives_the_record_back() {
    within_limit(|| {
        let (log, gate, _directory) = GatedLog::new();
        let log = GroupCommit::new(log, Options { max_records: 3, ..Options::default() });
        gate.close();
        let first = log.try_submit(text("under way")).unwrap();
        gate.wait_for_syncs(1);
        let queued: Vec<_> = (0..3).map(|_| log.try_submit(text("queued")).unwrap()).collect();
        match log.try_submit(text("too many")) {
            Err(Refused::Full(record)) => assert_eq!(*record.value, *b"too many"),
            other => panic!("expected the record back, got {other:?}"),
        }
        gate.open();
        first.wait().unwrap();
        for ticket in queued {
            ticket.wait().unwrap();
        }
        assert_eq!(log.try_submit(text("room again")).unwrap().wait().unwrap(), Offset(4));
    });
}

/// A producer that finds no room waits until a group is on its way, and then gets its offset and its answer.
#[test]
fn a_producer_waits_for_room_and_then_goes_on() {
    within_limit(|| {
        let (log, gate, _directory) = GatedLog::new();
        let log = GroupCommit::new(log, Options { max_records: 2, ..Options::default() });
        gate.close();
        let tickets: Vec<_> = ["under way", "queued", "queued"].map(text).into_iter().collect();
        let mut tickets = tickets.into_iter().map(|record| log.submit(record).unwrap());
        let first = tickets.next().unwrap();
        gate.wait_for_syncs(1);
        let queued: Vec<_> = tickets.collect();
        thread::scope(|scope| {
            let late = scope.spawn(|| log.submit(text("late")).unwrap().wait().unwrap());
            assert!(matches!(log.try_submit(text("no room")), Err(Refused::Full(_))));
            gate.open();
            assert_eq!(late.join().unwrap(), Offset(3));
        });
        first.wait().unwrap();
        assert_eq!(queued.into_iter().map(|ticket| ticket.wait().unwrap()).max(), Some(Offset(2)));
    });
}

/// The bytes of a group are limited as its records are, up to the last byte.
#[test]
fn a_group_is_full_by_bytes_too() {
    within_limit(|| {
        let (log, gate, _directory) = GatedLog::new();
        let log = GroupCommit::new(log, Options { max_bytes: 10, ..Options::default() });
        gate.close();
        let first = log.submit(text("under way")).unwrap();
        gate.wait_for_syncs(1);
        let six = log.try_submit(text("666666")).unwrap();
        assert!(matches!(log.try_submit(text("55555")), Err(Refused::Full(_))), "6 + 5 bytes are over 10");
        let four = log.try_submit(text("4444")).unwrap();
        gate.open();
        for ticket in [first, six, four] {
            ticket.wait().unwrap();
        }
        assert_eq!(log.stats().groups, 2);
    });
}

/// A record that is larger than a group may be is written all the same, in a group for itself.
#[test]
fn a_record_larger_than_a_group_gets_a_group_for_itself() {
    within_limit(|| {
        let (log, _gate, _directory) = GatedLog::new();
        let log = GroupCommit::new(log, Options { max_bytes: 10, ..Options::default() });
        for _ in 0..3 {
            log.append(text("far more than ten bytes")).unwrap();
        }
        assert_eq!(log.stats().groups, 3);
    });
}

/// Producers that never wait for an answer get through a queue of one: whoever finds no room makes some.
#[test]
fn producers_that_only_submit_get_through_a_queue_of_one() {
    within_limit(|| {
        let (log, _gate, _directory) = GatedLog::new();
        let log = GroupCommit::new(log, Options { max_records: 1, ..Options::default() });
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..25).for_each(|_| drop(log.submit(text("and never waits")).unwrap())));
            }
        });
        assert_eq!(log.sync().unwrap(), Offset(100));
    });
}
