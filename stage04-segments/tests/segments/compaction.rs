//! Compaction against a list: of each key the latest record stays, and everything stays where it was.

use std::time::Duration;

use lab::random::Random;
use lab::sim::SimDisk;
use stage04::{
    CompactOptions, Compacted, Error, JsonSegments, Log, Offset, Part, Reader, Record, Retention, SegmentName,
    SegmentedLog,
};

use super::{compact_each, one_record_each, open, scan_all, scan_from, small};

const HORIZON_MS: u64 = 1000;

fn keyed(timestamp_ms: u64, key: &str, value: &str) -> Record<'static> {
    Record::new(timestamp_ms, value.as_bytes().to_vec()).with_key(key.as_bytes().to_vec())
}

/// What a log should hold, record by record.
type Model = Vec<(u64, Record<'static>)>;

/// Records of few keys, some without one, some that say that a key is gone; their clocks jump.
fn append_random(log: &mut SegmentedLog<JsonSegments>, model: &mut Model, random: &mut Random, clock_ms: u64) {
    for _ in 0..1 + random.below(40) {
        let offset = log.next_offset().0;
        let timestamp_ms = clock_ms + random.below(500);
        let value = format!("value {offset}").repeat(random.below(4) as usize);
        let record = match random.below(6) {
            0 => Record::new(timestamp_ms, value.into_bytes()),
            key => keyed(timestamp_ms, &format!("key {key}"), &value),
        };
        log.append_durable(&record).unwrap();
        model.push((offset, record));
    }
}

/// Does to the list what a compaction does to the log.
fn compact_model(model: &mut Model, until: Offset, now_ms: u64) {
    let all = model.clone();
    let is_obsolete = |offset: u64, record: &Record<'_>| {
        record.key.is_some() && all.iter().any(|(o, r)| *o > offset && *o < until.0 && r.key == record.key)
    };
    let is_expired = |record: &Record<'_>| {
        record.key.is_some() && record.value.is_empty() && now_ms.saturating_sub(record.timestamp_ms) > HORIZON_MS
    };
    model.retain(|(offset, record)| *offset >= until.0 || !(is_obsolete(*offset, record) || is_expired(record)));
}

fn assert_same(log: &SegmentedLog<JsonSegments>, model: &Model, when: &str) {
    let reader = log.reader();
    assert_eq!(scan_all(&reader), *model, "{when}");
    for offset in 0..log.next_offset().0 {
        let here = model.partition_point(|(o, _)| *o < offset);
        let expected = model.get(here).filter(|(o, _)| *o == offset).map(|(_, record)| record.clone());
        assert_eq!(reader.read(Offset(offset)).unwrap(), expected, "{when}, record {offset}");
        if offset % 7 == 0 {
            assert_eq!(scan_from(&reader, Offset(offset)), model[here..], "{when}, from record {offset}");
        }
    }
    for time in (0..8000).step_by(331) {
        let expected = model.iter().find(|(_, record)| record.timestamp_ms >= time).map(|(o, _)| Offset(*o));
        assert_eq!(reader.offset_for_time(time).unwrap(), expected, "{when}, at {time} ms");
    }
}

/// Rounds of appending, compacting with any memory for keys and any size of segments, compressing and reopening: the
/// log and the list agree about every record, every offset and every time.
#[test]
fn a_compacted_log_is_the_latest_of_each_key() {
    for seed in 0..8 {
        let (sim, mut random, mut model) = (SimDisk::new(), Random::new(seed), Model::new());
        let mut log = open(&sim, small());
        for round in 0..8 {
            append_random(&mut log, &mut model, &mut random, round * 800);
            let options = CompactOptions {
                key_bytes_max: [0, 150, 1 << 20][random.below(3) as usize],
                segment_bytes_max: [1, 1000, 1 << 20][random.below(3) as usize],
                tombstone_age_max: Duration::from_millis(HORIZON_MS),
                ..CompactOptions::default()
            };
            let now_ms = round * 800 + random.below(2000);
            let Compacted { clean_until, .. } = log.maintenance().compact(now_ms, &options).unwrap();
            compact_model(&mut model, clean_until, now_ms);
            assert_same(&log, &model, &format!("seed {seed}, round {round}, clean until {clean_until}"));
            if random.below(3) == 0 {
                log.maintenance().compress().unwrap();
            }
            if random.below(3) == 0 {
                drop(log);
                log = open(&sim, small());
            }
            assert_same(&log, &model, &format!("seed {seed}, behind round {round}"));
        }
    }
}

/// With memory for one key it takes many rounds, and they come to the same end as one with memory for all.
#[test]
fn little_memory_costs_rounds_and_nothing_else() {
    let compacted = |key_bytes_max: usize| {
        let mut log = open(&SimDisk::new(), small());
        for offset in 0..60_u64 {
            log.append_durable(&keyed(offset, &format!("key {}", offset % 5), "some value")).unwrap();
        }
        log.roll().unwrap();
        let options = CompactOptions { key_bytes_max, ..CompactOptions::default() };
        let mut rounds = 1;
        while log.maintenance().compact(60, &options).unwrap().clean_until < Offset(60) {
            rounds += 1;
            assert!(rounds <= 60, "a round that gets nowhere");
        }
        (rounds, scan_all(&log.reader()))
    };
    let ((one, expected), (many, found)) = (compacted(1 << 20), compacted(0));
    assert_eq!((one, found), (1, expected));
    assert!(many > 10, "{many} rounds");
}

/// A tombstone is older than any horizon, but the memory for keys ends in front of it: it stays as long as the value.
#[test]
fn a_tombstone_stays_as_long_as_an_older_value_does() {
    let mut log = open(&SimDisk::new(), small());
    log.append(&[keyed(1, "a", "value"), keyed(1, "b", "other"), keyed(1, "a", "")]).unwrap();
    log.roll().unwrap();
    let options = CompactOptions { key_bytes_max: 0, ..compact_each() };
    let mut rounds = 0;
    while log.maintenance().compact(u64::MAX, &options).unwrap().clean_until < Offset(3) {
        let found = scan_all(&log.reader());
        let has = |offset| found.iter().any(|(o, _)| *o == offset);
        assert!(!has(0) || has(2), "the value is back: {found:?}");
        rounds += 1;
    }
    assert!(rounds > 0, "the memory was enough");
    assert_eq!(scan_all(&log.reader()), [(1, keyed(1, "b", "other"))]);
}

/// A tombstone stays until it is older than the horizon, and not a millisecond longer than the next compaction.
#[test]
fn a_tombstone_stays_until_the_horizon() {
    for (now_ms, expected) in [(1100, 1), (1101, 0)] {
        let mut log = open(&SimDisk::new(), small());
        log.append(&[keyed(100, "a", "value"), keyed(100, "a", "")]).unwrap();
        log.roll().unwrap();
        let tombstone_age_max = Duration::from_millis(HORIZON_MS);
        let options = CompactOptions { tombstone_age_max, ..CompactOptions::default() };
        log.maintenance().compact(now_ms, &options).unwrap();
        assert_eq!(scan_all(&log.reader()).len(), expected, "at {now_ms}");
    }
}

/// Segments whose records are all gone leave no gap that anybody falls into, and neighbours become one.
#[test]
fn emptied_segments_are_read_over_and_merged() {
    let sim = SimDisk::new();
    let mut log = open(&sim, small());
    for offset in 0..50 {
        log.append_durable(&keyed(offset, "the only key", &format!("a value of some length, number {offset}")))
            .unwrap();
    }
    log.roll().unwrap();
    let expected = scan_from(&log.reader(), Offset(49));
    let segments = log.reader().segments();
    log.maintenance().compact(50, &compact_each()).unwrap();
    assert_eq!((log.reader().segments(), scan_all(&log.reader())), (segments, expected.clone()));
    assert_eq!((log.reader().start(), log.next_offset()), (Offset(0), Offset(50)));
    drop(log);
    let mut log = open(&sim, small());
    assert_eq!(scan_all(&log.reader()), expected);
    log.append_durable(&keyed(60, "the only key", "")).unwrap();
    log.roll().unwrap();
    let options = CompactOptions { segment_bytes_max: 1 << 20, ..compact_each() };
    let compacted = log.maintenance().compact(100, &options).unwrap();
    assert_eq!((compacted.clean_until, compacted.kept), (Offset(51), 0));
    assert_eq!((log.reader().segments(), scan_all(&log.reader())), (2, vec![]));
    assert_eq!(log.reader().read(Offset(20)).unwrap(), None);
}

/// A segment that is rewritten a second time, under the name of the first, is as old as the records that it still has.
#[test]
fn the_time_index_of_an_earlier_rewriting_is_not_believed() {
    let mut log = open(&SimDisk::new(), small());
    log.append(&[keyed(9000, "a", "1"), keyed(10, "b", "1"), keyed(11, "b", "2")]).unwrap();
    log.roll().unwrap();
    let maintenance = log.maintenance();
    let retention = Retention { age_max: Some(Duration::from_millis(100)), bytes_min: None };
    maintenance.compact(0, &compact_each()).unwrap();
    assert_eq!(maintenance.retain(&retention, 5000, Offset(3)).unwrap().segments, 0, "a record of the future");
    log.append(&[keyed(12, "a", "2")]).unwrap();
    log.roll().unwrap();
    maintenance.compact(0, &compact_each()).unwrap();
    assert_eq!(maintenance.retain(&retention, 5000, Offset(3)).unwrap().segments, 1);
}

/// A rewritten segment may have gaps. A log in which a file is missing must not become one: it is refused, unchanged.
#[test]
fn a_missing_segment_is_not_covered_up() {
    let sim = SimDisk::new();
    let mut log = one_record_each(&sim, 9);
    log.roll().unwrap();
    drop(log);
    stage04::Disk::remove(&sim, &SegmentName::new(Offset(4)).file(Part::Log)).unwrap();
    let log = open(&sim, small());
    let is_gap = |error: Error| match error {
        Error::Gap { expected, found, .. } => (expected, found) == (Offset(4), Offset(5)),
        _ => false,
    };
    assert!(is_gap(log.maintenance().compress().unwrap_err()));
    assert!(is_gap(log.maintenance().compact(0, &compact_each()).unwrap_err()));
    assert!(is_gap(log.reader().read(Offset(4)).unwrap_err()));
    assert!(sim.names().contains(&SegmentName::new(Offset(3)).file(Part::Log)), "{:?}", sim.names());
}
