//! Part 1: the queue is the next group. Nobody writes it yet: these tests look at what it takes and what it refuses.

use std::sync::Arc;

use stage02::{Durability, Error, Log, Offset, Options, RECORD_BYTES_MAX, Record, Refused};

use crate::harness::{Shared, alone_on, hand_in, keep_from_writing, limited, shared, text, try_hand_in};

/// A log of which nothing is written.
#[track_caller]
fn held(options: Options) -> Shared {
    let (log, gate) = shared(options);
    keep_from_writing(&log, &gate);
    log
}

/// Hands records in until one is refused, and returns how many were taken.
fn fill(log: &Shared, bytes: usize) -> usize {
    (0..100).take_while(|_| try_hand_in(log, text("x".repeat(bytes))).is_ok()).count()
}

/// A record's offset is given when it is handed in: the first gets the log's next offset, and each one the next.
/// Nothing is written for that.
#[test]
fn s02p1_each_record_gets_the_next_offset() {
    let (log, gate) = shared(Options::default());
    keep_from_writing(&log, &gate);
    for expected in 0..5 {
        assert_eq!(hand_in(&log, text("a record")).offset(), Offset(expected), "the offset on the ticket");
        assert_eq!(log.next_offset(), Offset(expected + 1), "the next offset, behind record {expected}");
    }
    assert_eq!(gate.appends(), 0, "writes: handing a record in writes nothing");
}

/// A log that held three records before goes on with offset 3: the queue continues the log, it does not count from
/// zero.
#[test]
fn s02p1_offsets_go_on_where_the_log_ends() {
    let disk = lab::sim::SimDisk::new();
    {
        let mut log = stage02::NaiveLog::open(&disk.disk(), stage02::JsonLines).unwrap();
        log.append(&[text("a"), text("b"), text("c")]).unwrap();
    }
    let (log, gate) = alone_on(&disk, Options::default());
    let log = Arc::new(log);
    keep_from_writing(&log, &gate);
    assert_eq!(hand_in(&log, text("d")).offset(), Offset(3), "the offset of the first record after opening");
}

/// The queue takes exactly as many records as a group may have (G1), then refuses. One more, and memory is no longer
/// bounded by what the options say; one less, and a group never gets full.
#[test]
fn s02p1_the_queue_takes_as_many_records_as_a_group_may_have() {
    for max_records in [1, 2, 3, 10] {
        let log = held(Options { max_records, ..Options::default() });
        assert_eq!(fill(&log, 1), max_records, "records taken with max_records = {max_records}");
        assert_eq!(log.next_offset(), Offset(max_records as u64), "the next offset: a refused record gets none");
    }
}

/// With `Durability::PerAppend` nobody shares a sync, so a group has one record, whatever `max_records` says.
#[test]
fn s02p1_per_append_makes_groups_of_one() {
    let log = held(Options::with_durability(Durability::PerAppend));
    assert_eq!(fill(&log, 1), 1, "records taken with Durability::PerAppend");
}

/// The bytes of a group are limited too, and up to the last byte: the record that is asked about counts as well. One
/// that is refused leaves room for a smaller one.
#[test]
fn s02p1_the_queue_takes_as_many_bytes_as_a_group_may_have() {
    let log = held(Options { max_bytes: 10, ..Options::default() });
    drop(hand_in(&log, text("666666")));
    let refused = try_hand_in(&log, text("55555"));
    assert!(matches!(refused, Err(Refused::Full(_))), "6 + 5 bytes are over 10: expected Full, found {refused:?}");
    assert_eq!(hand_in(&log, text("4444")).offset(), Offset(1), "6 + 4 bytes are 10, and fit");
    let refused = try_hand_in(&log, text("1"));
    assert!(matches!(refused, Err(Refused::Full(_))), "10 + 1 bytes are over 10: expected Full, found {refused:?}");
}

/// A record's bytes are those of its key and its value.
#[test]
fn s02p1_keys_count() {
    let log = held(Options { max_bytes: 10, ..Options::default() });
    drop(hand_in(&log, text("6666").with_key(b"22".to_vec())));
    let refused = try_hand_in(&log, text("4").with_key(b"4444".to_vec()));
    assert!(matches!(refused, Err(Refused::Full(_))), "6 + 5 bytes are over 10: expected Full, found {refused:?}");
    drop(hand_in(&log, text("2").with_key(b"222".to_vec())));
}

/// An empty group has room for any record. Otherwise a record over `max_bytes` would wait for ever for a group that is
/// large enough.
#[test]
fn s02p1_a_record_over_the_limit_of_a_group_gets_one_for_itself() {
    let log = held(Options { max_bytes: 10, ..Options::default() });
    assert_eq!(hand_in(&log, text("far more than ten bytes")).offset(), Offset(0), "alone in its group");
    let refused = try_hand_in(&log, text(""));
    assert!(matches!(refused, Err(Refused::Full(_))), "nothing joins it, not even an empty record: {refused:?}");
}

/// A producer whose record is refused gets it back as it was, key and all, to keep or to send elsewhere.
#[test]
fn s02p1_a_refused_record_comes_back() {
    let log = held(Options { max_records: 1, ..Options::default() });
    drop(hand_in(&log, text("takes the room")));
    let record = Record::new(7, b"value".to_vec()).with_key(b"key".to_vec());
    match try_hand_in(&log, record.clone()) {
        Err(Refused::Full(back)) => assert_eq!(back, record, "the record that came back"),
        other => panic!("expected Full with the record in it, found {other:?}"),
    }
}

/// A record that no log takes is the mistake of one producer. It is refused before it gets an offset, so nobody else
/// notices it, and it says what is wrong even if the queue is full.
#[test]
fn s02p1_a_record_that_no_log_takes_gets_no_offset() {
    limited(|| {
        let log = held(Options { max_records: 1, ..Options::default() });
        let large = || Record::new(0, vec![b'x'; RECORD_BYTES_MAX + 1]);
        for next in [0, 1] {
            match try_hand_in(&log, large()) {
                Err(Refused::Failed(Error::RecordTooLarge { .. })) => {}
                Err(other) => panic!("expected RecordTooLarge, found: {other}"),
                Ok(ticket) => panic!("expected RecordTooLarge, found a ticket for offset {}", ticket.offset()),
            }
            assert_eq!(log.next_offset(), Offset(next), "the next offset after a record was refused");
            if next == 0 {
                assert_eq!(hand_in(&log, text("small")).offset(), Offset(0), "the next record's offset");
            }
        }
    });
}
