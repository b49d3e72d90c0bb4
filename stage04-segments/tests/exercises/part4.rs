//! Part 4: of the records with one key, the latest stays.

use std::collections::BTreeMap;
use std::time::Duration;

use lab::random::Random;
use lab::sim::{Lens, Sampling, SimDisk};
use stage04::{
    Access, CompactOptions, Compacted, JsonSegments, Log, Offset, PackedFile, Part, Reader, Record, Scan, SegmentName,
    SegmentedLog,
};

use crate::open;

const NOW_MS: u64 = 1_000_000;
const TOMBSTONE_AGE: Duration = Duration::from_millis(5_000);

fn options() -> CompactOptions {
    CompactOptions { tombstone_age_max: TOMBSTONE_AGE, segment_bytes_max: 1000, ..CompactOptions::default() }
}

/// Puts a value under a key. Records are as old as the log is long: all of them older than any tombstone may be.
fn put(log: &mut SegmentedLog<JsonSegments>, key: &str, value: &str) {
    let record = Record::new(1000 + log.next_offset().0, value.as_bytes().to_vec()).with_key(key.as_bytes().to_vec());
    log.append_durable(&record).unwrap();
}

/// A record that says that the key is gone, of this time.
fn bury(log: &mut SegmentedLog<JsonSegments>, key: &str, timestamp_ms: u64) {
    log.append_durable(&Record::new(timestamp_ms, Vec::new()).with_key(key.as_bytes().to_vec())).unwrap();
}

/// All records, as `offset key=value`.
fn contents(log: &SegmentedLog<JsonSegments>) -> Vec<String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let reader = log.reader();
    let mut scan = reader.scan(reader.start()).unwrap();
    let mut contents = Vec::new();
    while let Some(entry) = scan.next().unwrap() {
        let key = entry.record.key.as_deref().map_or("-".to_string(), text);
        contents.push(format!("{} {key}={}", entry.offset, text(&entry.record.value)));
    }
    contents
}

/// Seals what there is and compacts it.
fn compact(log: &mut SegmentedLog<JsonSegments>, options: &CompactOptions) -> Compacted {
    log.roll().unwrap();
    log.maintenance().compact(NOW_MS, options).unwrap()
}

/// Of two records with one key the later one stays, at its own offset. A gap is left where the other one was.
#[test]
fn s04p4_the_latest_record_of_a_key_stays_where_it_was() {
    let sim = SimDisk::new();
    let mut log = open(&sim);
    for (key, value) in [("a", "1"), ("b", "1"), ("a", "2"), ("c", "1"), ("a", "3"), ("b", "2")] {
        put(&mut log, key, value);
    }
    let compacted = compact(&mut log, &options());
    assert_eq!(contents(&log), ["3 c=1", "4 a=3", "5 b=2"]);
    assert_eq!(compacted, Compacted { clean_until: Offset(6), kept: 3, dropped: 3 }, "what the compaction says it did");
    assert_eq!(log.next_offset(), Offset(6), "no offset is given twice");
}

/// The later record may be in another segment than the earlier one.
#[test]
fn s04p4_a_record_is_obsolete_by_one_in_a_later_segment() {
    let sim = SimDisk::new();
    let mut log = open(&sim);
    for round in 0..10 {
        for key in ["a", "b", "c", "d"] {
            put(&mut log, key, &format!("round {round}"));
        }
    }
    assert!(log.reader().segments() > 3, "{} segments", log.reader().segments());
    compact(&mut log, &options());
    assert_eq!(contents(&log), ["36 a=round 9", "37 b=round 9", "38 c=round 9", "39 d=round 9"]);
}

/// A record without a key is obsolete by nothing, and an empty one among them is no tombstone.
#[test]
fn s04p4_records_without_a_key_all_stay() {
    let sim = SimDisk::new();
    let mut log = open(&sim);
    put(&mut log, "a", "1");
    for value in ["x", "", "x"] {
        log.append_durable(&Record::new(5, value.as_bytes().to_vec())).unwrap();
    }
    put(&mut log, "a", "2");
    compact(&mut log, &options());
    assert_eq!(contents(&log), ["1 -=x", "2 -=", "3 -=x", "4 a=2"]);
}

/// The newest segment is not compacted, and no record is obsolete by one in there: that one is not sealed yet, and could
/// still be torn.
#[test]
fn s04p4_the_newest_segment_is_left_out() {
    let sim = SimDisk::new();
    let mut log = open(&sim);
    put(&mut log, "a", "1");
    put(&mut log, "b", "1");
    log.roll().unwrap();
    put(&mut log, "a", "2");
    let compacted = log.maintenance().compact(NOW_MS, &options()).unwrap();
    assert_eq!(contents(&log), ["0 a=1", "1 b=1", "2 a=2"]);
    assert_eq!(compacted, Compacted { clean_until: Offset(2), kept: 0, dropped: 0 });
}

/// A segment all of whose records stay is not written anew: that would be work for nothing.
#[test]
fn s04p4_a_segment_without_obsolete_records_is_left_alone() {
    let sim = SimDisk::new();
    let mut log = open(&sim);
    for number in 0..40 {
        put(&mut log, &format!("key {number}"), "value");
    }
    log.roll().unwrap();
    let before = sim.counters().bytes_written;
    let compacted = log.maintenance().compact(NOW_MS, &options()).unwrap();
    assert_eq!((compacted.kept, compacted.dropped), (0, 0), "records that were written anew, and dropped");
    assert!(!sim.names().iter().any(|name| name.ends_with(".packed")), "{:?}", sim.names());
    let written = sim.counters().bytes_written - before;
    assert!(written < 500, "{written} bytes were written");
}

/// A tombstone makes older records obsolete and stays as long as its time is not up: a reader that has the old value has
/// to learn of its end. When it is older than that, it goes.
#[test]
fn s04p4_a_tombstone_stays_for_its_time_and_then_goes() {
    let age = TOMBSTONE_AGE.as_millis() as u64;
    for (timestamp_ms, stays) in [(NOW_MS, true), (NOW_MS - age, true), (NOW_MS - age - 1, false), (NOW_MS + 9, true)] {
        let mut log = open(&SimDisk::new());
        put(&mut log, "a", "1");
        put(&mut log, "b", "1");
        bury(&mut log, "a", timestamp_ms);
        compact(&mut log, &options());
        let right = [Some("1 b=1"), stays.then_some("2 a=")].into_iter().flatten().collect::<Vec<_>>();
        assert_eq!(contents(&log), right, "a tombstone of {timestamp_ms} ms, at {NOW_MS} ms, with {age} ms to stay");
    }
}

/// When the memory for keys is used up, the first pass ends there, and the second changes nothing behind that: an old
/// tombstone out there stays too, for there may be records in front of it that it has to make obsolete. The next round
/// goes on where this one ended. One key is always noted, or no round would get anywhere.
#[test]
fn s04p4_with_little_memory_it_takes_several_rounds() {
    let sim = SimDisk::new();
    let mut log = open(&sim);
    for round in 0..4 {
        for key in ["a", "b", "c", "d", "e"] {
            put(&mut log, key, &format!("{round}"));
        }
    }
    bury(&mut log, "e", 1);
    put(&mut log, "a", "last");
    log.roll().unwrap();
    let little = CompactOptions { key_bytes_max: 1, ..options() };
    let mut reached = Offset(0);
    for round in 0.. {
        let before = contents(&log);
        let compacted = log.maintenance().compact(NOW_MS, &little).unwrap();
        assert!(compacted.clean_until > reached, "round {round} did not get beyond record {reached}");
        reached = compacted.clean_until;
        let is_behind = |line: &&String| line.split(' ').next().unwrap().parse::<u64>().unwrap() >= reached.0;
        let behind = before.iter().filter(is_behind).collect::<Vec<_>>();
        let now = contents(&log);
        assert_eq!(now.iter().filter(is_behind).collect::<Vec<_>>(), behind, "round {round} ended at record {reached}");
        if reached == Offset(22) {
            break;
        }
    }
    assert_eq!(contents(&log), ["16 b=3", "17 c=3", "18 d=3", "21 a=last"]);
}

/// What is compacted is not read again in the first pass, and yet a record there becomes obsolete by a later one.
#[test]
fn s04p4_a_later_round_begins_where_the_last_one_ended() {
    let sim = SimDisk::new();
    let mut log = open(&sim);
    for key in ["a", "b", "a", "c"] {
        put(&mut log, key, "first");
    }
    let first = compact(&mut log, &options());
    assert_eq!(first, Compacted { clean_until: Offset(4), kept: 3, dropped: 1 });
    for key in ["b", "d"] {
        put(&mut log, key, "second");
    }
    compact(&mut log, &options());
    assert_eq!(contents(&log), ["2 a=first", "3 c=first", "4 b=second", "5 d=second"]);
    // A tombstone goes in the round that looks at it, with all that it makes obsolete.
    bury(&mut log, "a", 1);
    compact(&mut log, &options());
    assert_eq!(contents(&log), ["3 c=first", "4 b=second", "5 d=second"]);
}

/// Small segments become one, whose name says how far it goes, though its last records may be gone. It has the largest
/// timestamp of what is left in it, for retention.
#[test]
fn s04p4_neighbours_become_one_segment_that_says_where_it_ends() {
    let sim = SimDisk::new();
    let mut log = open(&sim);
    for key in ["a", "b", "c"] {
        put(&mut log, key, "1");
        log.roll().unwrap();
    }
    put(&mut log, "a", "2");
    put(&mut log, "c", "2");
    put(&mut log, "c", "3");
    compact(&mut log, &CompactOptions { segment_bytes_max: 1 << 20, ..options() });
    let name = SegmentName::rewritten(Offset(0), Offset(6)).file(Part::Log);
    let files: Vec<String> =
        sim.names().into_iter().filter(|n| matches!(SegmentName::parse(n), Some((_, Part::Log)))).collect();
    assert_eq!(files, [name.clone(), SegmentName::new(Offset(6)).file(Part::Log)], "the segments' files");
    let packed = PackedFile::open(sim.disk().open(&name, Access::Read).unwrap()).unwrap();
    assert_eq!((packed.base(), packed.end()), (Offset(0), Offset(6)));
    assert_eq!(packed.largest_timestamp_ms(), 1005, "the largest timestamp");
    drop(log);
    assert_eq!(contents(&open(&sim)), ["1 b=1", "3 a=2", "5 c=3"], "opened again");
}

/// Random changes of a few keys, compacted now and then: whoever reads the log from its beginning arrives at the same
/// values as one who has seen every change, and no key has two records among those that are compacted.
#[test]
fn s04p4_a_compacted_log_says_the_same() {
    for seed in 0..20 {
        let (mut random, sim) = (Random::new(seed), SimDisk::new());
        let mut log = open(&sim);
        let mut right = BTreeMap::new();
        for step in 0..120 {
            let key = format!("key {}", random.below(7));
            match random.below(5) {
                0 => {
                    bury(&mut log, &key, if random.below(2) == 0 { NOW_MS } else { 1 });
                    right.remove(&key);
                }
                _ => {
                    put(&mut log, &key, &format!("step {step}"));
                    right.insert(key, format!("step {step}"));
                }
            }
            if random.below(25) == 0 {
                let key_bytes_max = if random.below(2) == 0 { 200 } else { 1 << 20 };
                compact(&mut log, &CompactOptions { key_bytes_max, ..options() });
                assert_eq!(values(&log), right, "seed {seed}, step {step}");
            }
        }
        let compacted = compact(&mut log, &options());
        assert_eq!((values(&log), compacted.clean_until), (right, log.next_offset()), "seed {seed}");
        let mut keys: Vec<String> =
            contents(&log).iter().map(|line| line.split(['=', ' ']).skip(1).take(2).collect()).collect();
        let all = keys.len();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), all, "seed {seed}: a key has two records: {:?}", contents(&log));
    }
}

/// The value of each key, as whoever reads all of the log arrives at it.
fn values(log: &SegmentedLog<JsonSegments>) -> BTreeMap<String, String> {
    let mut values = BTreeMap::new();
    for line in contents(log) {
        let (key, value) = line.split_once(' ').unwrap().1.split_once('=').unwrap();
        match value {
            "" => values.remove(key),
            value => values.insert(key.to_string(), value.to_string()),
        };
    }
    values
}

/// A power cut may come at any moment of a compaction. The log that is opened behind it says the same, and has each
/// record that has to stay once: the old segments count or the new one, and never both (S6).
#[test]
fn s04p4_a_crash_at_any_moment_of_a_compaction_changes_no_value() {
    let sim = SimDisk::new();
    let mut log = open(&sim);
    for step in 0..30 {
        put(&mut log, &format!("key {}", step % 4), &format!("step {step}"));
    }
    bury(&mut log, "key 1", 1);
    log.roll().unwrap();
    let (right, from) = (values(&log), sim.trace().events().len());
    log.maintenance().compact(NOW_MS, &CompactOptions { segment_bytes_max: 600, ..options() }).unwrap();
    drop(log);
    let trace = sim.trace();
    for lens in [Lens::PowerCut, Lens::TornWrite] {
        let mut replay = trace.replay();
        for point in from..=trace.events().len() {
            replay.advance_to(point);
            for state in replay.crash(lens).states(Sampling { states_max: 12, seed: point as u64 }) {
                let context = format!("{lens:?} at point {point}, {:?}: {:?}", state.choice, state.disk.names());
                let log = SegmentedLog::open(&state.disk.disk(), JsonSegments, crate::small());
                let log = log.unwrap_or_else(|e| panic!("{context}: {e}"));
                assert_eq!(values(&log), right, "{context}");
                let offsets: Vec<u64> =
                    contents(&log).iter().map(|l| l.split(' ').next().unwrap().parse().unwrap()).collect();
                assert!(offsets.is_sorted_by(|a, b| a < b), "{context}: {offsets:?}");
            }
        }
    }
}
