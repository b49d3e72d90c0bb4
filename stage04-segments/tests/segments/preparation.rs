//! Files of zeros, made before they are needed.

use std::sync::Arc;

use lab::disks::Image;
use lab::records::record;
use lab::sim::{Event, SimDisk};
use stage04::{
    Disk, JsonSegments, Log, Offset, OsDisk, Preparation, Reader, SegmentOptions, SegmentedLog, SegmentedReader,
};
use tempfile::TempDir;

use super::{append_to, numbered, one_record_each, open, scan_all, small, strays};

fn prepared(preparation: Preparation) -> SegmentOptions {
    SegmentOptions { preparation, ..small() }
}

/// Whoever finds the name of a new segment finds all its zeros, after a power cut too.
#[test]
fn a_segments_zeros_are_durable_before_its_name_is() {
    let sim = SimDisk::new();
    drop(append_to(open(&sim, prepared(Preparation::AtRoll)), 20));
    let trace = sim.trace();
    let mut replay = trace.replay();
    let (mut new, mut checked) = (None, 0);
    for (point, event) in trace.events().iter().enumerate() {
        replay.advance_to(point + 1);
        match event {
            Event::Rename { to, .. } if to.ends_with(".log") => new = Some(to.to_string()),
            Event::SyncDirectory => {
                let Some(name) = new.take() else { continue };
                let content = replay.killed(0).durable(&name).expect("the name is durable");
                assert_eq!(content, [0; 400], "{name}");
                checked += 1;
            }
            _ => {}
        }
    }
    assert!(checked > 4, "{checked} segments");
}

/// Of a segment that has ended, every byte is a record's.
#[test]
fn a_sealed_segment_ends_with_its_last_record() {
    for preparation in [Preparation::AtRoll, Preparation::InBackground] {
        let sim = SimDisk::new();
        let log = append_to(open(&sim, prepared(preparation)), 30);
        let mut names: Vec<String> = sim.names().into_iter().filter(|name| name.ends_with(".log")).collect();
        let newest = names.pop().expect("a newest segment");
        assert!(names.len() > 5, "{names:?}");
        for name in names {
            let content = sim.durable(&name).expect("a sealed segment is durable");
            assert_eq!(content.last(), Some(&b'\n'), "{name}");
            assert!(!content.contains(&0), "{name}");
        }
        assert!(sim.cached(&newest).unwrap().len() >= 400, "the newest one has its zeros");
        drop(log);
    }
}

/// A log whose newest segment has zeros behind its records, or nothing else, opens, reads, and goes on.
#[test]
fn zeros_behind_the_last_record_are_no_records() {
    for count in 0..30 {
        let sim = SimDisk::new();
        drop(append_to(open(&sim, prepared(Preparation::AtRoll)), count));
        let before = Image::of(&sim.disk());
        let reader = SegmentedReader::open(&sim.disk(), JsonSegments, &small()).unwrap();
        assert_eq!(scan_all(&reader), numbered(0..count));
        assert!(Image::of(&sim.disk()) == before, "reading changes nothing");
        let log = append_to(open(&sim, prepared(Preparation::AtRoll)), count + 3);
        assert_eq!(scan_all(&log.reader()), numbered(0..count + 3));
    }
}

/// The thread has synced its zeros before the roll takes them: the producer who rolls does not wait for that.
#[test]
fn a_file_that_was_prepared_behind_the_scenes_is_synced_before_it_is_taken() {
    let sim = SimDisk::new();
    drop(append_to(open(&sim, prepared(Preparation::InBackground)), 30));
    let trace = sim.trace();
    let (mut is_synced, mut taken) = (false, 0);
    for event in trace.events() {
        match event {
            Event::Write { name, .. } if &**name == "prepared" => is_synced = false,
            Event::SyncData { name, .. } if &**name == "prepared" => is_synced = true,
            Event::Rename { from, to } if &**from == "prepared" => {
                assert!(is_synced, "{to} was taken unsynced");
                taken += 1;
            }
            _ => {}
        }
    }
    assert!(taken > 5, "{taken} prepared files");
}

/// On the real disk: the thread keeps up, nothing is left when the log closes, and a reopened log has all records.
#[test]
fn a_log_with_a_preparing_thread_keeps_all_records() {
    let directory = TempDir::new().unwrap();
    let disk: Arc<dyn Disk> = Arc::new(OsDisk::existing(directory.path()).unwrap());
    for life in 1..=3 {
        let log = SegmentedLog::open(&disk, JsonSegments, prepared(Preparation::InBackground)).unwrap();
        let log = append_to(log, life * 40);
        assert_eq!(scan_all(&log.reader()), numbered(0..life * 40));
        assert!(log.reader().segments() > 5);
        drop(log);
        let others: Vec<String> = disk.list().unwrap().into_iter().filter(|name| !name.contains("index")).collect();
        assert!(others.iter().all(|name| name.ends_with(".log")), "{others:?}");
    }
}

/// A disk that has no room for zeros may have room for records: nothing that did not fit stays in their way.
#[test]
fn without_room_for_zeros_there_may_be_room_for_records() {
    for preparation in [Preparation::AtRoll, Preparation::InBackground] {
        let sim = SimDisk::new();
        let options = SegmentOptions { segment_bytes_max: 100_000, ..prepared(preparation) };
        sim.set_space(60_000);
        let mut log = open(&sim, options);
        for offset in 0..20 {
            log.append_durable(&record(Offset(offset))).unwrap_or_else(|e| panic!("{preparation:?}: {e}"));
            log.roll().unwrap_or_else(|e| panic!("{preparation:?}: {e}"));
        }
        assert_eq!(scan_all(&log.reader()), numbered(0..20));
    }
}

/// The first segment of all: a log that was stopped while it was made is made again.
#[test]
fn an_interrupted_beginning_is_begun_again() {
    let sim = SimDisk::new();
    drop(one_record_each(&sim, 1));
    let trace = sim.trace();
    for point in trace.points() {
        let killed = trace.kill_at(point, 0);
        let log = append_to(open(&killed, small()), 2);
        assert_eq!(log.reader().start(), Offset(0));
        drop(log);
        assert_eq!(strays(&killed), [""; 0], "killed at {point}");
    }
}
