//! What retention deletes, and what it never does.

use std::time::Duration;

use lab::disks::Image;
use lab::records::{FIRST_TIMESTAMP_MS, record};
use lab::sim::SimDisk;
use proptest::prelude::*;
use stage04::{
    Error, Log, Offset, Part, Preparation, Reader, Record, Retention, Scan, SegmentFacts, SegmentName, SegmentOptions,
};

use super::{append_to, numbered, one_record_each, open, scan_all, small};

const NO_LIMIT: Offset = Offset(u64::MAX);

fn older_than(ms: u64) -> Retention {
    Retention { age_max: Some(Duration::from_millis(ms)), bytes_min: None }
}

fn at_least(bytes: u64) -> Retention {
    Retention { age_max: None, bytes_min: Some(bytes) }
}

/// Three segments of 10 records and 100 bytes each, a newest one of 10 bytes.
fn facts(times: [u64; 3]) -> Vec<SegmentFacts> {
    let ends = [Offset(10), Offset(20), Offset(30)];
    let fact = |(end, largest_timestamp_ms)| SegmentFacts { end, stored_bytes: 100, largest_timestamp_ms };
    ends.into_iter().zip(times).map(fact).collect()
}

/// Each rule at its boundary: a segment goes when it is older than the limit, and when enough is left without it.
#[test]
fn each_rule_has_its_boundary() {
    let facts = facts([1000, 2000, 3000]);
    let deletable = |retention: Retention, now_ms, limit| retention.deletable(&facts, 10, now_ms, limit);
    assert_eq!(deletable(older_than(500), 1500, NO_LIMIT), 0);
    assert_eq!(deletable(older_than(500), 1501, NO_LIMIT), 1);
    assert_eq!(deletable(older_than(500), 9999, NO_LIMIT), 3);
    assert_eq!(deletable(at_least(211), 0, NO_LIMIT), 0);
    assert_eq!(deletable(at_least(210), 0, NO_LIMIT), 1);
    assert_eq!(deletable(at_least(10), 0, NO_LIMIT), 3);
    assert_eq!(deletable(at_least(0), 0, Offset(19)), 1);
    assert_eq!(deletable(at_least(0), 0, Offset(20)), 2);
    assert_eq!(deletable(Retention::default(), u64::MAX, NO_LIMIT), 0, "without a rule");
}

/// The log keeps no hole: what lies behind a segment that stays, stays, however old it is.
#[test]
fn nothing_goes_behind_the_first_that_stays() {
    assert_eq!(older_than(500).deletable(&facts([1000, 9_000_000, 1000]), 10, 5000, NO_LIMIT), 1);
    assert_eq!(older_than(500).deletable(&facts([u64::MAX, 0, 0]), 10, u64::MAX, NO_LIMIT), 0, "from the future");
}

proptest! {
    /// Whatever the segments are like, nothing at the limit goes, the size is never under-shot, and what could go does.
    #[test]
    fn retention_deletes_as_much_as_it_may_and_no_more(
        segments in prop::collection::vec((1_u64..20, 0_u64..1000, 0_u64..1000), 0..8),
        newest in 0_u64..1000, bytes_min in prop::option::of(0_u64..4000), age in prop::option::of(0_u64..1000),
        now_ms in 0_u64..2000, limit in 0_u64..100,
    ) {
        let mut end = 0;
        let facts: Vec<SegmentFacts> = segments.iter().map(|&(records, stored_bytes, largest_timestamp_ms)| {
            end += records;
            SegmentFacts { end: Offset(end), stored_bytes, largest_timestamp_ms }
        }).collect();
        let retention = Retention { age_max: age.map(Duration::from_millis), bytes_min };
        let count = retention.deletable(&facts, newest, now_ms, Offset(limit));
        let may_go = |slot: usize| {
            let left: u64 = newest + facts[slot + 1..].iter().map(|fact| fact.stored_bytes).sum::<u64>();
            let is_old = age.is_some_and(|age| facts[slot].largest_timestamp_ms + age < now_ms);
            facts[slot].end <= Offset(limit) && (is_old || bytes_min.is_some_and(|bytes_min| left >= bytes_min))
        };
        prop_assert!((0..count).all(may_go));
        prop_assert!(count == facts.len() || !may_go(count));
    }
}

/// A segment is as old as its youngest record, wherever in it that lies.
#[test]
fn age_goes_by_the_largest_timestamp() {
    let sim = SimDisk::new();
    let mut log = open(&sim, SegmentOptions { segment_age_max: Duration::MAX, ..small() });
    let stamped = |stamp| Record::new(stamp, b"value".to_vec());
    log.append(&[stamped(10), stamped(5000), stamped(20)]).unwrap();
    log.roll().unwrap();
    for (now_ms, segments) in [(5100, 0), (5101, 1)] {
        let deleted = log.maintenance().retain(&older_than(100), now_ms, NO_LIMIT).unwrap();
        assert_eq!(deleted.segments, segments, "at {now_ms}");
    }
    assert_eq!(log.reader().start(), Offset(3));
}

/// The newest segment stays, however old it is, and the log goes on in it; nothing at the limit goes.
#[test]
fn a_log_is_never_without_its_newest_segment() {
    let sim = SimDisk::new();
    let mut log = one_record_each(&sim, 10);
    log.maintenance().retain(&older_than(0), u64::MAX, Offset(4)).unwrap();
    assert_eq!(scan_all(&log.reader()), numbered(4..10));
    let deleted = log.maintenance().retain(&older_than(0), u64::MAX, NO_LIMIT).unwrap();
    assert_eq!((deleted.segments, scan_all(&log.reader())), (5, numbered(9..10)));
    log.append_durable(&record(Offset(10))).unwrap();
    drop(log);
    assert_eq!(scan_all(&open(&sim, small()).reader()), numbered(9..11));
}

/// Zeros that were prepared are no records: a log that has to keep some bytes does not count them.
#[test]
fn prepared_zeros_do_not_count_as_kept_bytes() {
    let sim = SimDisk::new();
    let options = SegmentOptions { segment_bytes_max: 4000, preparation: Preparation::AtRoll, ..small() };
    let log = append_to(open(&sim, options), 30);
    let (retention, segments) = (at_least(4000), log.reader().segments());
    assert!(segments >= 2, "{segments} segments");
    log.maintenance().retain(&retention, 0, NO_LIMIT).unwrap();
    let start = log.reader().start().0;
    let kept: usize = (start..30).map(|offset| record(Offset(offset)).bytes()).sum();
    assert!(start == 0 || kept >= 2000, "{kept} bytes are left from record {start} on");
    log.maintenance().retain(&at_least(0), 0, NO_LIMIT).unwrap();
    assert_eq!(log.reader().segments(), 1);
}

/// A reader in the middle of a segment that is deleted reads on; one that comes later is told where the log starts.
#[test]
fn a_reader_in_a_deleted_segment_reads_on() {
    let log = append_to(open(&SimDisk::new(), small()), 40);
    let reader = log.reader();
    let mut scan = reader.scan(Offset(1)).unwrap();
    scan.next().unwrap();
    log.maintenance().retain(&older_than(0), u64::MAX, NO_LIMIT).unwrap();
    for offset in 2..40 {
        assert_eq!(scan.next().unwrap().map(|entry| entry.offset), Some(Offset(offset)));
    }
    let late = reader.scan(Offset(1)).map(drop);
    assert!(matches!(late, Err(Error::Deleted { offset: Offset(1), start }) if start == reader.start()), "{late:?}");
}

/// KAFKA-10207: a time index that a crash padded with zeros or cut said that its segment was ancient. Here it says
/// nothing, and the segment is asked. That holds for segments that were rewritten, too.
#[test]
fn a_time_index_that_a_crash_left_deletes_nothing() {
    for is_packed in [false, true] {
        let sim = SimDisk::new();
        let mut log = append_to(open(&sim, small()), 6);
        log.roll().unwrap();
        if is_packed {
            log.maintenance().compress().unwrap();
        }
        // Retention has to know the times, and leaves an index for each segment.
        log.maintenance().retain(&older_than(1000), FIRST_TIMESTAMP_MS, NO_LIMIT).unwrap();
        drop(log);
        let image = Image::of(&sim.disk());
        let oldest = image.log_names().into_iter().chain(sim.names()).find_map(|file| SegmentName::parse(&file));
        let name = oldest.expect("a segment").0.file(Part::TimeIndex);
        let whole = image.bytes(&name).to_vec();
        assert!(whole.len() >= 32, "{name}: an entry and the seal");
        let cuts = (0..whole.len()).map(|length| whole[..length].to_vec());
        let padded = (0..whole.len()).step_by(8).map(|length| [&whole[..length], &[0; 64]].concat());
        for bytes in cuts.chain(padded) {
            let damaged = SimDisk::new();
            image.with(&name, bytes.clone()).restore(&damaged.disk());
            let log = open(&damaged, small());
            let retention = older_than(1000);
            let deleted = log.maintenance().retain(&retention, FIRST_TIMESTAMP_MS + 1000, NO_LIMIT).unwrap();
            assert_eq!(deleted.segments, 0, "packed: {is_packed}, time index {}", bytes.escape_ascii());
            assert_eq!(scan_all(&log.reader()), numbered(0..6));
        }
    }
}
