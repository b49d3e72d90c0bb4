//! When a segment ends.

use std::time::Duration;

use lab::records::records;
use lab::sim::SimDisk;
use stage04::roll::{Fill, Incoming, should_roll};
use stage04::{Log, Offset, RECORD_BYTES_MAX, Reader, Record, RollReason, SegmentOptions, SegmentWriter};

use super::{append_to, numbered, open, scan_all, small};

fn options() -> SegmentOptions {
    SegmentOptions {
        segment_bytes_max: 150,
        segment_age_max: Duration::from_millis(50),
        index_bytes_max: 24,
        offsets_max: 5,
        ..SegmentOptions::default()
    }
}

fn fill() -> Fill {
    Fill { base: Offset(10), next: Offset(12), bytes: 100, index_bytes: 16, first_timestamp_ms: Some(1000) }
}

fn incoming() -> Incoming {
    Incoming { records: 1, bytes: 10, timestamp_ms: 1000 }
}

/// Each of the four rules ends a segment exactly where it says, and not one step earlier.
#[test]
fn each_reason_has_its_boundary() {
    let bytes = |bytes| (fill(), Incoming { bytes, ..incoming() });
    let time = |timestamp_ms| (fill(), Incoming { timestamp_ms, ..incoming() });
    let index = |index_bytes| (Fill { index_bytes, ..fill() }, incoming());
    let count = |records| (fill(), Incoming { records, ..incoming() });
    let cases = [
        (bytes(50), bytes(51), RollReason::Full),
        (time(1050), time(1051), RollReason::Old),
        (index(23), index(24), RollReason::IndexFull),
        (count(3), count(4), RollReason::OffsetSpan),
    ];
    for (stays, ends, reason) in cases {
        assert_eq!(should_roll(&stays.0, &stays.1, &options()), None, "{reason:?}, one step before");
        assert_eq!(should_roll(&ends.0, &ends.1, &options()), Some(reason));
    }
}

/// An empty segment stays whatever comes: the next one would have its name.
#[test]
fn an_empty_segment_never_ends() {
    let empty = Fill { next: Offset(10), bytes: u64::MAX, index_bytes: u64::MAX, ..fill() };
    let much = Incoming { records: u64::MAX, bytes: u64::MAX, timestamp_ms: u64::MAX };
    assert_eq!(should_roll(&empty, &much, &options()), None);
}

/// No number is so large that a rule overflows, and no clock so wrong.
#[test]
fn extreme_numbers_do_no_harm() {
    let much = Incoming { records: u64::MAX, bytes: u64::MAX, timestamp_ms: u64::MAX };
    let unlimited = SegmentOptions {
        segment_bytes_max: u64::MAX,
        segment_age_max: Duration::MAX,
        age_jitter_max: Duration::MAX,
        index_bytes_max: u64::MAX,
        offsets_max: u64::MAX,
        ..SegmentOptions::default()
    };
    let full = Fill { next: Offset(u64::MAX), bytes: u64::MAX, ..fill() };
    assert_eq!(should_roll(&full, &Incoming { timestamp_ms: 0, ..much }, &unlimited), None);
    let back = Incoming { timestamp_ms: 3, ..incoming() };
    assert_eq!(should_roll(&fill(), &back, &options()), None, "a clock that went back");
}

/// The age limit is the same whenever it is asked for, differs between segments and between logs, and is never longer
/// than the option, nor shorter by more than the jitter.
#[test]
fn the_jitter_is_fixed_and_within_bounds() {
    let limit = |base: u64, jitter_seed| {
        let jitter = Duration::from_millis(20);
        let options = SegmentOptions { age_jitter_max: jitter, jitter_seed, ..options() };
        let fill = Fill { base: Offset(base), next: Offset(base + 1), ..fill() };
        let is_old = |age| should_roll(&fill, &Incoming { timestamp_ms: 1000 + age, ..incoming() }, &options).is_some();
        (0..100).find(|&age| is_old(age)).expect("a limit")
    };
    let by_base: Vec<u64> = (0..50).map(|base| limit(base, 0)).collect();
    let by_seed: Vec<u64> = (0..50).map(|seed| limit(7, seed * 1000)).collect();
    for limits in [by_base, by_seed] {
        assert!(limits.iter().all(|limit| (31..=51).contains(limit)), "{limits:?}");
        assert!(limits.iter().collect::<std::collections::BTreeSet<_>>().len() > 10, "{limits:?}");
    }
    assert_eq!(limit(7, 9), limit(7, 9));
}

/// The log asks the rule about bytes with what its file holds: a record that just fits goes into the segment.
#[test]
fn a_segment_is_filled_to_its_last_byte() {
    let first = Record::new(1, vec![b'a'; 50]);
    let mut measured = open(&SimDisk::new(), small());
    measured.append_durable(&first).unwrap();
    let segment_bytes_max = measured.newest().end_position() + 30;
    for (bytes, segments) in [(30, 1), (31, 2)] {
        let mut log = open(&SimDisk::new(), SegmentOptions { segment_bytes_max, ..small() });
        log.append_durable(&first).unwrap();
        log.append_durable(&Record::new(1, vec![b'b'; bytes])).unwrap();
        assert_eq!(log.reader().segments(), segments, "{bytes} bytes more");
    }
}

/// A segment's age is counted from its first record, also by a log that was opened since.
#[test]
fn a_segments_age_survives_a_reopen() {
    for (age, segments) in [(50, 1), (51, 2)] {
        let sim = SimDisk::new();
        let options = SegmentOptions { segment_bytes_max: 1 << 20, ..options() };
        open(&sim, options).append_durable(&Record::new(1000, b"first".to_vec())).unwrap();
        let mut log = open(&sim, options);
        log.append_durable(&Record::new(1000 + age, b"second".to_vec())).unwrap();
        assert_eq!(log.reader().segments(), segments, "{age} ms");
    }
}

/// A segment whose index is full takes no more records.
#[test]
fn a_full_index_ends_the_segment() {
    let options = SegmentOptions { segment_bytes_max: 1 << 20, index_bytes_max: 16, ..small() };
    let mut log = open(&SimDisk::new(), options);
    let mut rolls = 0;
    for offset in 0..60 {
        let (is_full, before) = (log.newest().index_bytes() >= 16, log.reader().segments());
        log.append(&records(Offset(offset), 1)).unwrap();
        assert_eq!(log.reader().segments() - before, usize::from(is_full), "in front of record {offset}");
        rolls += usize::from(is_full);
    }
    assert!(rolls > 3, "{rolls} rolls");
}

/// A segment has no more offsets than it may.
#[test]
fn a_segment_spans_no_more_offsets_than_it_may() {
    let mut log = open(&SimDisk::new(), SegmentOptions { segment_bytes_max: 1 << 20, offsets_max: 3, ..small() });
    for offset in 0..9 {
        log.append(&records(Offset(offset), 1)).unwrap();
        assert_eq!(log.reader().segments() as u64, offset / 3 + 1, "with record {offset}");
    }
}

/// A batch is never divided: one that is too large for any segment gets one for itself, and the next batch another.
#[test]
fn a_batch_larger_than_a_segment_has_one_for_itself() {
    let sim = SimDisk::new();
    let mut log = append_to(open(&sim, small()), 1);
    for first in [1, 21] {
        log.append(&records(Offset(first), 20)).unwrap();
        log.sync().unwrap();
    }
    assert_eq!(log.reader().segments(), 3);
    assert_eq!(scan_all(&log.reader()), numbered(0..41));
    drop(log);
    assert_eq!(scan_all(&open(&sim, small()).reader()), numbered(0..41));
}

/// Nothing that appends no record ends a segment: no empty batch, no refused one, no second roll.
#[test]
fn a_segment_begins_for_a_record_or_not_at_all() {
    let sim = SimDisk::new();
    let mut log = open(&sim, SegmentOptions { segment_bytes_max: 1, ..small() });
    log.roll().unwrap();
    assert_eq!(log.reader().segments(), 1);
    log.append_durable(&records(Offset(0), 1)[0]).unwrap();
    log.append(&[]).unwrap();
    let too_large = Record::new(0, vec![0; RECORD_BYTES_MAX + 1]);
    log.append(&[too_large]).unwrap_err();
    assert_eq!(log.reader().segments(), 1);
    log.roll().unwrap();
    log.roll().unwrap();
    assert_eq!(log.reader().segments(), 2);
    let mut log = append_to(log, 2);
    assert_eq!(log.reader().segments(), 2, "the segment that a roll began takes the next record");
    log.roll().unwrap();
    assert_eq!((log.reader().start(), scan_all(&log.reader())), (Offset(0), numbered(0..2)));
}
