//! Part 2: one segment ends and the next begins, whatever happens in between.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use lab::sim::{Errno, Event, Fault, Lens, Operation, Sampling, SimDisk, Which};
use stage04::{
    DiskFile, Error, IndexedLog, IndexedReader, JsonSegments, Log, Offset, Part, Preparation, Reader, Record, Result,
    Retention, Sealed, SegmentName, SegmentOptions, SegmentedLog, Site, Storage,
};

use crate::{SEGMENT_BYTES, bases, line, lines, log_name, open, record, small};

/// The segments' files, by base offset, without the zeros of a prepared one.
fn files(sim: &SimDisk) -> Vec<(u64, Vec<u8>)> {
    let segments = sim.names().into_iter().filter_map(|name| match SegmentName::parse(&name) {
        Some((segment, Part::Log)) => Some((segment.base.0, sim.cached(&name).expect("a file of this name"))),
        _ => None,
    });
    let without_zeros = |(base, mut bytes): (u64, Vec<u8>)| {
        bytes.truncate(bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1));
        (base, bytes)
    };
    segments.map(without_zeros).collect()
}

/// What the files of so many records are.
fn right_files(count: u64) -> Vec<(u64, Vec<u8>)> {
    let bases = bases(count);
    let ends = bases.iter().skip(1).copied().chain([count]);
    bases.iter().zip(ends).map(|(base, end)| (*base, lines(*base..end))).collect()
}

fn shown(files: &[(u64, Vec<u8>)]) -> Vec<String> {
    files.iter().map(|(base, bytes)| format!("{base}: {} lines", bytes.split(|b| *b == b'\n').count() - 1)).collect()
}

fn append_durable(log: &mut SegmentedLog<JsonSegments>, count: u64) {
    for _ in 0..count {
        let offset = log.next_offset().0;
        assert_eq!(log.append_durable(&record(offset)).unwrap(), Offset(offset));
    }
}

/// A log begins with one empty segment, which starts at record 0.
#[test]
fn s04p2_a_new_log_has_one_segment() {
    let sim = SimDisk::new();
    let log = open(&sim);
    assert_eq!(sim.durable(&log_name(0)), Some(Vec::new()), "the file {}, as a power cut leaves it", log_name(0));
    assert_eq!((log.next_offset(), log.reader().segments()), (Offset(0), 1), "the next offset, and the segments");
}

/// A segment that is full is followed by one that has the next offset in its name. Together they are the log.
#[test]
fn s04p2_segments_follow_each_other_without_a_gap() {
    let sim = SimDisk::new();
    let mut log = open(&sim);
    append_durable(&mut log, 60);
    let (found, right) = (files(&sim), right_files(60));
    assert!(found == right, "the segments are {:?}, and should be {:?}", shown(&found), shown(&right));
    assert_eq!(log.reader().segments(), right.len(), "the segments that a reader sees");
    assert_eq!((log.reader().start(), log.next_offset()), (Offset(0), Offset(60)), "start and end of the log");
}

/// A file that was filled with zeros is cut to its records when it ends, whoever filled it: behind this, nobody looks
/// for the end of a sealed segment any more.
#[test]
fn s04p2_a_prepared_file_ends_with_its_last_record() {
    for preparation in [Preparation::AtRoll, Preparation::InBackground] {
        let sim = SimDisk::new();
        let options = SegmentOptions { preparation, ..small() };
        let mut log = SegmentedLog::open(&sim.disk(), JsonSegments, options).unwrap();
        append_durable(&mut log, 30);
        let right = right_files(30);
        let (found, last) = (files(&sim), right.last().unwrap());
        assert!(found == right, "{preparation:?}: {:?} should be {:?}", shown(&found), shown(&right));
        for (base, bytes) in &right[..right.len() - 1] {
            assert_eq!(sim.cached(&log_name(*base)).unwrap().len(), bytes.len(), "{preparation:?}: {base}, sealed");
        }
        let newest = sim.cached(&log_name(last.0)).unwrap();
        assert_eq!(newest.len() as u64, SEGMENT_BYTES, "{preparation:?}: the newest file has zeros behind its records");
    }
}

/// An empty segment is not ended: the next one would have its name.
#[test]
fn s04p2_an_empty_segment_is_not_ended() {
    let sim = SimDisk::new();
    let mut log = open(&sim);
    log.roll().unwrap();
    append_durable(&mut log, 3);
    log.roll().unwrap();
    log.roll().unwrap();
    assert_eq!(shown(&files(&sim)), ["0: 3 lines", "3: 0 lines"], "after three rolls, two of them of empty segments");
    append_durable(&mut log, 1);
    assert_eq!(shown(&files(&sim)), ["0: 3 lines", "3: 1 lines"]);
}

/// The age of a segment counts from its own first record. One that remembers the first record of the segment in front of it
/// ends too early.
#[test]
fn s04p2_the_age_of_a_segment_begins_with_it() {
    let sim = SimDisk::new();
    let options = SegmentOptions { segment_age_max: Duration::from_millis(500), ..small() };
    let mut log = SegmentedLog::open(&sim.disk(), JsonSegments, options).unwrap();
    let mut append = |timestamp_ms| {
        log.append_durable(&Record::new(timestamp_ms, b"value".to_vec())).unwrap();
        log.reader().segments()
    };
    let segments = [1000, 1400, 1600, 2000, 2101].map(&mut append);
    assert_eq!(
        segments,
        [1, 1, 2, 2, 3],
        "segments after records of 1000, 1400, 1600, 2000 and 2101 ms, at most 500 apart"
    );
}

/// Retention counts the bytes of the newest segment, and of an empty one there are none.
#[test]
fn s04p2_the_bytes_of_the_newest_segment_begin_again() {
    let sim = SimDisk::new();
    let mut log = open(&sim);
    append_durable(&mut log, 3);
    log.roll().unwrap();
    let keep_one_byte = Retention { bytes_min: Some(1), ..Retention::default() };
    let deleted = log.maintenance().retain(&keep_one_byte, 0, Offset(u64::MAX)).unwrap();
    assert_eq!(deleted.segments, 0, "without the sealed segment, nothing at all would be left");
    append_durable(&mut log, 1);
    let deleted = log.maintenance().retain(&keep_one_byte, 0, Offset(u64::MAX)).unwrap();
    assert_eq!(deleted.segments, 1, "the newest has a record now");
}

/// The order of events for a file: which of them come between its creation and its first record.
fn story_of(sim: &SimDisk, base: u64) -> Vec<String> {
    let (name, new) = (log_name(base), format!("{}.new", log_name(base)));
    let first = line(base);
    let mut story = Vec::new();
    for event in sim.trace().events() {
        match event {
            Event::Create { name: n, .. } if **n == *new => story.push("create".to_string()),
            Event::SyncData { name: n, .. } if **n == *new => story.push("sync".to_string()),
            Event::Rename { from, to } if **from == *new && **to == *name => story.push("rename".to_string()),
            Event::SyncDirectory if story.last().is_some_and(|last| last == "rename") => {
                story.push("sync directory".to_string());
            }
            Event::Write { name: n, bytes, .. } if **n == *name && **bytes == *first => {
                story.push("first record".to_string());
            }
            _ => {}
        }
    }
    story
}

/// A segment gets its name when its file is whole and durable, and a record when its name is. A file that a crash
/// leaves half made has a name that nobody takes for a segment's.
#[test]
fn s04p2_a_segment_gets_its_name_when_it_is_whole() {
    let sim = SimDisk::new();
    let mut log = open(&sim);
    append_durable(&mut log, 20);
    for base in bases(20) {
        let expected = ["create", "sync", "rename", "sync directory", "first record"];
        assert_eq!(story_of(&sim, base), expected, "what was done for the segment of record {base}");
    }
}

/// The old segment is synced before the next one has its name (S2). Else a crash could leave a torn segment that is not
/// the newest, and nobody would dare to cut it.
#[test]
fn s04p2_the_old_segment_is_durable_before_the_next_has_its_name() {
    let sim = SimDisk::new();
    let mut log = open(&sim);
    // Nothing is synced by the one who appends.
    for offset in 0..20 {
        log.append(&[record(offset)]).unwrap();
    }
    let (right, renamed) = (right_files(20), log_name(bases(20)[1]));
    let trace = sim.trace();
    let at = trace.events().iter().position(|event| matches!(event, Event::Rename { to, .. } if **to == *renamed));
    let at = at.expect("the second segment got its name by a rename");
    let mut replay = trace.replay();
    replay.advance_to(at);
    for state in replay.crash(Lens::PowerCut).states(Sampling { states_max: 100, seed: 1 }) {
        let left = state.disk.cached(&log_name(0)).unwrap_or_default();
        assert!(
            left == right[0].1,
            "S2: {} of {} bytes of the first segment are durable",
            left.len(),
            right[0].1.len()
        );
    }
}

/// When a roll fails, the next segment may have its name or not, and nobody knows which is the newest. The log takes no
/// more records; a new open looks at the disk and knows.
#[test]
fn s04p2_after_a_failed_roll_the_log_takes_no_more_records() {
    for operation in [Operation::Create, Operation::Rename, Operation::SyncData, Operation::SyncDirectory] {
        let sim = SimDisk::new();
        let mut log = open(&sim);
        append_durable(&mut log, 3);
        sim.inject(Fault::fail(operation, Which::Nth(1), Errno::NoSpace));
        let failed = log.roll();
        assert!(matches!(failed, Err(Error::Poisoned { .. })), "{operation:?} fails, and the roll says {failed:?}");
        sim.clear_faults();
        let again = log.append(&[record(3)]);
        assert!(matches!(again, Err(Error::Poisoned { .. })), "{operation:?}: the append behind it says {again:?}");
        assert!(matches!(log.roll(), Err(Error::Poisoned { .. })), "{operation:?}: and the next roll");
        drop(log);
        let mut log = open(&sim);
        assert_eq!(log.next_offset(), Offset(3), "{operation:?}: the log that is opened behind it");
        append_durable(&mut log, 20);
    }
}

/// The time index of a segment that ends is written to its end: its last entry is the seal, with the largest timestamp.
/// Retention asks it for the segment's age.
#[test]
fn s04p2_the_time_index_of_an_ended_segment_has_its_seal() {
    let sim = SimDisk::new();
    let mut log = open(&sim);
    append_durable(&mut log, 20);
    let bases = bases(20);
    for pair in bases.windows(2) {
        let bytes = sim.cached(&SegmentName::new(Offset(pair[0])).file(Part::TimeIndex)).expect("a time index");
        let seal = bytes.chunks_exact(16).last().expect("an entry");
        assert_eq!(seal[8..12], [0xff; 4], "the last entry of segment {} is its seal", pair[0]);
        let largest = u64::from_le_bytes(seal[..8].try_into().unwrap());
        assert_eq!(largest, 1000 + pair[1] - 1, "the largest timestamp of segment {}", pair[0]);
    }
}

/// A power cut may come at any moment of a roll. Every record that was acknowledged is there, in segments without a gap
/// between them, and of these the newest alone may be torn.
#[test]
fn s04p2_a_power_cut_at_any_moment_of_a_roll_loses_nothing() {
    let sim = SimDisk::new();
    {
        let mut log = open(&sim);
        for offset in 0..20 {
            log.append_durable(&record(offset)).unwrap();
            sim.acknowledge(offset + 1);
        }
    }
    for state in sim.trace().crash_states(Lens::PowerCut, Sampling { states_max: 20, seed: 1 }) {
        let context = format!("power cut at point {}, {:?}", state.point, state.choice);
        let left = files(&state.disk);
        for pair in left.windows(2) {
            assert!(pair[0].1 == lines(pair[0].0..pair[1].0), "{context}: {:?}", shown(&left));
        }
        let log = open(&state.disk);
        assert!(log.next_offset().0 >= state.acknowledged, "{context}: {} are left", log.next_offset());
        assert!(state.disk.names().iter().all(|name| !name.ends_with(".new")), "{context}: {:?}", state.disk.names());
    }
}

/// A storage whose segments begin with a header, and which looks at what it gets.
#[derive(Clone, Debug, Default)]
struct Headed {
    seen: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Storage for Headed {
    type Writer = IndexedLog;
    type Reader = IndexedReader;
    type Rewriter = <JsonSegments as Storage>::Rewriter;

    fn header(&self, base: Offset) -> Result<Vec<u8>> {
        Ok(format!("segment {base}").into_bytes())
    }

    fn start_newest(&self, site: &Site, segment: &SegmentName, file: Arc<dyn DiskFile>) -> Result<IndexedLog> {
        let mut bytes = vec![0; 100];
        let read = file.read_at(&mut bytes, 0).unwrap();
        self.seen.lock().unwrap().push(bytes[..read].to_vec());
        JsonSegments.start_newest(site, segment, file)
    }

    fn open_newest(&self, site: &Site, segment: &SegmentName, file: Arc<dyn DiskFile>) -> Result<IndexedLog> {
        JsonSegments.open_newest(site, segment, file)
    }

    fn read_newest(&self, site: &Site, segment: &SegmentName, file: Arc<dyn DiskFile>) -> Result<IndexedReader> {
        JsonSegments.read_newest(site, segment, file)
    }

    fn read_sealed(&self, site: &Site, sealed: &Sealed) -> Result<IndexedReader> {
        JsonSegments.read_sealed(site, sealed)
    }

    fn rewriter(&self, base: Offset) -> Result<Self::Rewriter> {
        JsonSegments.rewriter(base)
    }
}

/// JSON lines have no header, but a format may have one (stage 5's has). It is in the file, and durable, before the
/// file has its name, and behind it come the zeros of a prepared one.
#[test]
fn s04p2_the_storages_header_is_in_the_file_before_it_has_its_name() {
    for (preparation, zeros) in [(Preparation::None, 0), (Preparation::AtRoll, 11)] {
        let (sim, storage) = (SimDisk::new(), Headed::default());
        let options = SegmentOptions { preparation, ..SegmentOptions::with_segment_bytes(20) };
        let _log = SegmentedLog::open(&sim.disk(), storage.clone(), options).unwrap();
        let right = [&b"segment 0"[..], &vec![0; zeros]].concat();
        assert_eq!(
            *storage.seen.lock().unwrap(),
            std::slice::from_ref(&right),
            "{preparation:?}: what the storage was given"
        );
        assert_eq!(sim.durable(&log_name(0)), Some(right), "{preparation:?}: what a power cut leaves of the file");
    }
}
