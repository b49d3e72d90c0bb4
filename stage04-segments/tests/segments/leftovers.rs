//! Every operation of several steps, stopped behind each of its steps: by a kill, and by a power cut that may take back
//! whatever was not synced, in any order.

use lab::sim::{Lens, Sampling, SimDisk};
use stage04::{Access, JsonSegments, Log, Offset, Preparation, Reader, Record, SegmentOptions, SegmentedLog};

use super::{append_to, compact_each, open, scan_all, small, strays};

type SimLog = SegmentedLog<JsonSegments>;
type Found = Vec<(u64, Record<'static>)>;

/// A log, what is done to it, and what it must hold if that is stopped half-way.
struct Interrupted {
    options: SegmentOptions,
    make: fn(SegmentOptions, &SimDisk) -> SimLog,
    operation: fn(&mut SimLog),
    check: fn(before: &Found, after: &Found, found: &Found),
}

/// What is appended to a log that was stopped. It lies in one sector: stage 4 does not promise more of a torn write.
fn next_record() -> Record<'static> {
    Record::new(1000, b"next".to_vec())
}

/// Nothing that a reader sees has changed.
fn all_is_there(before: &Found, _after: &Found, found: &Found) {
    assert_eq!(found, before);
}

/// The oldest records are gone, one after the other, and none that has to stay.
fn the_oldest_are_gone(before: &Found, after: &Found, found: &Found) {
    let start = before.len() - found.len();
    assert_eq!(found[..], before[start..]);
    assert!(found.ends_with(after), "too much is gone");
}

/// What compaction keeps is there, and what is there besides was there before.
fn the_latest_are_there(before: &Found, after: &Found, found: &Found) {
    assert!(after.iter().all(|record| found.contains(record)), "{found:?}");
    assert!(found.iter().all(|record| before.contains(record)), "{found:?}");
    assert!(found.is_sorted_by(|one, two| one.0 < two.0));
}

impl Interrupted {
    fn check_all(&self) {
        let sim = SimDisk::new();
        let mut log = (self.make)(self.options, &sim);
        let before = scan_all(&log.reader());
        let first = sim.trace().events().len();
        (self.operation)(&mut log);
        let after = scan_all(&log.reader());
        drop(log);
        let trace = sim.trace();
        let points: Vec<usize> = trace.points().into_iter().filter(|point| *point >= first).collect();
        assert!(points.len() > 4, "{} points", points.len());
        let mut replay = trace.replay();
        for point in points {
            replay.advance_to(point);
            let story = || trace.events()[first..point].iter().map(|event| format!("\n  {event}")).collect::<String>();
            self.check_open(&replay.killed(0), &before, &after, &|| format!("killed behind{}", story()));
            for state in replay.crash(Lens::TornWrite).states(Sampling { states_max: 20, seed: 1 }) {
                let what = || format!("power cut {:?} behind{}", state.choice, story());
                self.check_open(&state.disk, &before, &after, &what);
            }
        }
    }

    /// Opens what is left: the records are right, nothing is in the way, and the log goes on, to the next crash too.
    fn check_open(&self, sim: &SimDisk, before: &Found, after: &Found, story: &dyn Fn() -> String) {
        let opened = SegmentedLog::open(&sim.disk(), JsonSegments, self.options);
        let mut log = opened.unwrap_or_else(|e| panic!("{e}: {}", story()));
        let found = scan_all(&log.reader());
        let checked = std::panic::catch_unwind(|| (self.check)(before, after, &found));
        assert!(checked.is_ok(), "{}", story());
        let end = log.next_offset();
        assert!(before.is_empty() || end.0 > before[before.len() - 1].0, "{}", story());
        log.append_durable(&next_record()).unwrap();
        log.roll().unwrap();
        log.delete_before(end).unwrap();
        log.append_durable(&next_record()).unwrap();
        drop(log);
        assert_eq!(strays(sim), [""; 0], "{}", story());
        // What was deleted stays deleted, whatever had not reached the disk before.
        for state in sim.trace().crash_states(Lens::TornWrite, Sampling { states_max: 2, seed: 2 }).collect::<Vec<_>>()
        {
            let log = SegmentedLog::open(&state.disk.disk(), JsonSegments, self.options);
            let log = log.unwrap_or_else(|e| panic!("{e}: crashed again, {}", story()));
            assert_is_readable(&log, &story);
        }
    }
}

fn assert_is_readable(log: &SimLog, story: &dyn Fn() -> String) {
    let reader = log.reader();
    let mut scan = reader.scan(reader.start()).unwrap_or_else(|e| panic!("{e}: {}", story()));
    while stage04::Scan::next(&mut scan).unwrap_or_else(|e| panic!("{e}: {}", story())).is_some() {}
}

fn six_segments(options: SegmentOptions, sim: &SimDisk) -> SimLog {
    append_to(open(sim, SegmentOptions { segment_bytes_max: 1, ..options }), 6)
}

/// Records of two keys, in segments of two.
fn keyed(options: SegmentOptions, sim: &SimDisk) -> SimLog {
    let mut log = open(sim, options);
    for offset in 0..8_u64 {
        let key = format!("key {}", offset % 2).into_bytes();
        log.append_durable(&Record::new(offset, b"value".to_vec()).with_key(key)).unwrap();
        if offset % 2 == 1 {
            log.roll().unwrap();
        }
    }
    log
}

/// A roll that is stopped leaves the old segment whole, and a new one or none.
#[test]
fn an_interrupted_roll_loses_nothing() {
    for preparation in [Preparation::None, Preparation::AtRoll] {
        let options = SegmentOptions { preparation, ..small() };
        let make = |options, sim: &SimDisk| append_to(open(sim, options), 5);
        Interrupted { options, make, operation: |log| log.roll().unwrap(), check: all_is_there }.check_all();
    }
}

/// A deletion that is stopped leaves a log that starts somewhere between, without a hole.
#[test]
fn an_interrupted_deletion_leaves_no_hole() {
    let operation = |log: &mut SimLog| log.delete_before(Offset(4)).unwrap();
    Interrupted { options: small(), make: six_segments, operation, check: the_oldest_are_gone }.check_all();
}

/// A compression that is stopped leaves each segment in one of its two forms.
#[test]
fn an_interrupted_compression_loses_nothing() {
    let operation = |log: &mut SimLog| log.maintenance().compress().map(drop).unwrap();
    Interrupted { options: small(), make: six_segments, operation, check: all_is_there }.check_all();
}

/// A compaction that is stopped leaves the latest of each key, and for each segment all of the old or all of the new.
#[test]
fn an_interrupted_compaction_keeps_the_latest() {
    let operation = |log: &mut SimLog| log.maintenance().compact(0, &compact_each()).map(drop).unwrap();
    Interrupted { options: small(), make: keyed, operation, check: the_latest_are_there }.check_all();
}

/// The same where several segments become one, and where that is then rewritten under its own name.
#[test]
fn an_interrupted_merge_keeps_the_latest() {
    let merge = |log: &mut SimLog| {
        let options = stage04::CompactOptions { segment_bytes_max: 1 << 20, ..compact_each() };
        log.maintenance().compact(0, &options).unwrap();
        log.append_durable(&Record::new(9, b"new".to_vec()).with_key(b"key 0".to_vec())).unwrap();
        log.roll().unwrap();
        log.maintenance().compact(0, &compact_each()).unwrap();
    };
    let check = |_: &Found, _: &Found, found: &Found| {
        let has = |offset| found.iter().any(|(o, _)| *o == offset);
        assert!(has(7) && (has(6) || has(8)), "{found:?}");
        assert!(found.is_sorted_by(|one, two| one.0 < two.0), "{found:?}");
    };
    Interrupted { options: small(), make: keyed, operation: merge, check }.check_all();
}

/// Segments that a deletion has to take one by one, when they were rewritten just before.
#[test]
fn an_interrupted_deletion_of_rewritten_segments_leaves_no_hole() {
    let make = |options, sim: &SimDisk| {
        let log = six_segments(options, sim);
        log.maintenance().compress().unwrap();
        log
    };
    let operation = |log: &mut SimLog| log.delete_before(Offset(4)).unwrap();
    Interrupted { options: small(), make, operation, check: the_oldest_are_gone }.check_all();
}

/// Six records of one key, each in a segment of its own, of which compaction leaves the last, and one segment.
fn merged(sim: &SimDisk, before_compaction: impl FnOnce(&SimDisk)) -> SimLog {
    let mut log = open(sim, SegmentOptions { segment_bytes_max: 1, ..small() });
    for _ in 0..6 {
        log.append_durable(&next_record().with_key(b"key".to_vec())).unwrap();
    }
    log.roll().unwrap();
    // Nothing else is unsynced, so that a power cut has only the compaction to play with.
    for name in sim.names() {
        sim.disk().open(&name, Access::Write).and_then(|file| file.sync_data()).unwrap();
    }
    sim.disk().sync_directory().unwrap();
    before_compaction(sim);
    let options = stage04::CompactOptions { segment_bytes_max: 1 << 20, ..compact_each() };
    log.maintenance().compact(0, &options).unwrap();
    log
}

/// Deletes the rewritten segment, with a power cut behind each step: what it stood for does not come back.
fn assert_deleted_for_good(sim: &SimDisk, mut log: SimLog) {
    let first = sim.trace().events().len();
    log.delete_before(Offset(6)).unwrap();
    drop(log);
    let trace = sim.trace();
    let mut replay = trace.replay();
    for point in trace.points().into_iter().filter(|point| *point >= first) {
        replay.advance_to(point);
        for state in replay.crash(Lens::TornWrite).states(Sampling { states_max: 200, seed: 1 }) {
            let names = state.disk.names();
            let story = || format!("event {point}, {:?}, the disk had {names:?}", state.choice);
            let log = SegmentedLog::open(&state.disk.disk(), JsonSegments, small());
            let log = log.unwrap_or_else(|e| panic!("{e}: {}", story()));
            assert_is_readable(&log, &story);
            let found: Vec<u64> = scan_all(&log.reader()).into_iter().map(|(offset, _)| offset).collect();
            assert!(found.is_empty() || found == [5], "records {found:?}, {}", story());
        }
    }
}

/// A rewritten segment is deleted: those that it stood for must not come back and be the log.
#[test]
fn rewritten_segments_are_gone_for_good_before_the_new_one_goes() {
    let sim = SimDisk::new();
    let log = merged(&sim, |_| {});
    assert_deleted_for_good(&sim, log);
}

/// The same if they were left by a crash and removed by the open behind it.
#[test]
fn leftovers_are_gone_for_good_before_the_log_is_used() {
    let sim = SimDisk::new();
    let mut files = Vec::new();
    drop(merged(&sim, |sim| files = log_files(sim)));
    // The disk as a crash in front of the removal would have left it.
    files.extend(log_files(&sim).into_iter().filter(|(name, _)| name.ends_with(".packed")));
    let left = SimDisk::with_files(files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())));
    let log = open(&left, small());
    assert_deleted_for_good(&left, log);
}

fn log_files(sim: &SimDisk) -> Vec<(String, Vec<u8>)> {
    let names = sim.names().into_iter().filter(|name| name.ends_with(".log") || name.ends_with(".packed"));
    names.map(|name| (name.clone(), sim.cached(&name).expect("a file that is listed"))).collect()
}
