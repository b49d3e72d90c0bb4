//! Looking at a whole log without changing it: verify, dump and salvage.

mod recovery_common;

use std::collections::BTreeMap;
use std::sync::Arc;

use lab::records::records;
use lab::sim::SimDisk;
use recovery_common::*;
use stage05::dump::dump;
use stage05::salvage::{Salvaged, salvage};
use stage05::verify::{Outcome, Verification, verify};
use stage05::{Disk, Error, Framed, Log, Offset, Record, SegmentOptions, SegmentedLog};

/// A log of some segments and of records 0..60, closed. Its files by name.
fn closed_log() -> BTreeMap<String, Vec<u8>> {
    let sim = SimDisk::new();
    let options = SegmentOptions { segment_bytes_max: 6000, ..SegmentOptions::default() };
    let mut log = SegmentedLog::open(&sim.disk(), Framed::default(), options).unwrap();
    for first in (0..60).step_by(3) {
        log.append(&records(Offset(first), 3)).unwrap();
        log.sync().unwrap();
    }
    drop(log);
    files(&sim)
}

fn files(sim: &SimDisk) -> BTreeMap<String, Vec<u8>> {
    sim.names().into_iter().map(|name| (name.clone(), sim.cached(&name).unwrap())).collect()
}

fn disk_of(files: &BTreeMap<String, Vec<u8>>) -> SimDisk {
    SimDisk::with_files(files.iter().map(|(name, bytes)| (&**name, &**bytes)))
}

/// The names of the segments' files, the oldest first.
fn logs(files: &BTreeMap<String, Vec<u8>>) -> Vec<String> {
    files.keys().filter(|name| name.ends_with(".log")).cloned().collect()
}

/// Verifies, and asserts that not a byte was changed.
fn look(files: &BTreeMap<String, Vec<u8>>) -> Verification {
    let sim = disk_of(files);
    let seen = verify(&sim.disk()).unwrap();
    let events = sim.trace().events().len();
    assert_eq!(events, 0, "to look at a log changes nothing");
    assert_eq!(seen.problem_count as usize, seen.problems.len());
    seen
}

fn salvaged(files: &BTreeMap<String, Vec<u8>>) -> (Salvaged, Vec<(u64, Record<'static>)>) {
    let sim = disk_of(files);
    let mut found = Vec::new();
    let all = salvage(&sim.disk(), |offset, record| found.push((offset.0, record.clone().into_owned()))).unwrap();
    assert_eq!(sim.trace().events().len(), 0, "to salvage changes nothing");
    assert_eq!(all.records as usize, found.len());
    (all, found)
}

#[test]
fn a_closed_log_is_clean_and_all_of_it_is_salvaged() {
    let files = closed_log();
    let seen = look(&files);
    assert_eq!(seen.outcome, Outcome::Clean, "{seen:?}");
    assert_eq!((seen.records, seen.frames, seen.start, seen.end), (60, 20, Offset(0), Offset(60)));
    assert_eq!(seen.segments, logs(&files).len());
    assert!(seen.segments > 3, "{}", seen.segments);
    let (all, found) = salvaged(&files);
    assert_eq!(all.hole_count, 0, "{all:?}");
    let expected: Vec<_> = (0..60).zip(records(Offset(0), 60)).collect();
    assert_eq!(found, expected);
}

/// A frame, a length, a header, a salt, a checksum, padding: whatever the bit belongs to.
#[test]
fn a_flipped_bit_of_any_frame_or_header_is_corruption_and_costs_a_salvage_one_frame_or_one_segment() {
    let files = closed_log();
    for name in logs(&files) {
        let bits = (0..64 * 8).step_by(7).chain((4096 * 8..files[&name].len() * 8).step_by(61));
        for bit in bits {
            let mut damaged = files.clone();
            damaged.get_mut(&name).unwrap()[bit / 8] ^= 1 << (bit % 8);
            let seen = look(&damaged);
            assert_eq!((seen.outcome, seen.problem_count), (Outcome::Corrupt, 1), "bit {bit} of {name}: {seen:?}");
            let (all, found) = salvaged(&damaged);
            assert_eq!(all.hole_count, 1, "bit {bit} of {name}: {all:?}");
            let lost = if bit < 4096 * 8 { 60 } else { 3 };
            assert!(found.len() >= 60 - lost, "bit {bit} of {name}: {} records", found.len());
            let missing = &all.holes[0].missing;
            for (offset, record) in found {
                assert_eq!(record, lab::records::record(Offset(offset)), "bit {bit} of {name}");
                assert!(!missing.contains(&Offset(offset)), "bit {bit} of {name}: {offset} in {missing:?}");
            }
        }
    }
}

/// A kill leaves no recovery point that knows, and a part of an append.
#[test]
fn a_torn_tail_of_the_newest_segment_is_one_and_in_any_other_it_is_corruption() {
    let files = closed_log();
    let logs = logs(&files);
    for (i, name) in logs.iter().enumerate() {
        let mut torn = files.clone();
        torn.remove("recovery-point");
        let bytes = torn.get_mut(name).unwrap();
        bytes.truncate(bytes.len() - 5);
        let is_newest = i + 1 == logs.len();
        let expected = if is_newest { Outcome::TornTail } else { Outcome::Corrupt };
        assert_eq!(look(&torn).outcome, expected, "{name}");
        if is_newest {
            torn.insert("recovery-point".to_string(), files["recovery-point"].clone());
            assert_eq!(look(&torn).outcome, Outcome::Corrupt, "{name}, which was closed whole");
        }
    }
}

#[test]
fn a_missing_segment_a_second_header_and_a_damaged_recovery_point_are_corruption() {
    let files = closed_log();
    let logs = logs(&files);
    for (i, name) in logs.iter().enumerate() {
        let mut missing = files.clone();
        missing.remove(name);
        // Nobody misses the oldest: retention may have taken it.
        let expected = if i == 0 { Outcome::Clean } else { Outcome::Corrupt };
        assert_eq!(look(&missing).outcome, expected, "{name} is missing");
        let mut copied = files.clone();
        copied.insert(name.clone(), files[&logs[(i + 1) % logs.len()]].clone());
        assert_eq!(look(&copied).outcome, Outcome::Corrupt, "{name} has the bytes of another segment");
    }
    let mut damaged = files.clone();
    damaged.get_mut("recovery-point").unwrap()[20] ^= 1;
    let seen = look(&damaged);
    assert_eq!((seen.outcome, seen.records), (Outcome::Corrupt, 60));
    assert!(seen.problems[0].to_string().contains("recovery-point"), "{}", seen.problems[0]);
    let mut padded = files.clone();
    padded.get_mut(&logs[0]).unwrap().extend_from_slice(&[0; 100]);
    assert_eq!(look(&padded).outcome, Outcome::Corrupt, "zeros behind a sealed segment");
    verify(&SimDisk::new().disk()).expect_err("no log at all");
}

/// Damage here and there: everything between is found, and nothing twice.
#[test]
fn a_salvage_passes_over_damage_and_says_what_is_missing() {
    let written = Written::synced_each(10);
    let mut bytes = written.bytes.clone();
    for frame in [0, 3, 4, 9] {
        bytes[written.places[frame].position as usize + 57] ^= 1;
    }
    let sim = on_disk(&bytes);
    let mut offsets = Vec::new();
    let all = salvage(&sim.disk(), |offset, _| offsets.push(offset.0 - BASE.0)).unwrap();
    assert_eq!(offsets, [2, 3, 4, 5, 10, 11, 12, 13, 14, 15, 16, 17]);
    let missing: Vec<_> =
        all.holes.iter().map(|hole| (hole.missing.start.0 - BASE.0, hole.missing.end.0 - BASE.0)).collect();
    assert_eq!(missing, [(0, 2), (6, 8), (8, 10), (18, 18)], "of the end, nobody knows how many there were");
    assert!(matches!(all.holes[1].error, Error::BadFrame { .. }));
}

#[test]
fn a_dump_has_a_line_for_each_frame_each_record_and_each_damage() {
    let mut written = Written::synced_each(2);
    written.append(BASE.plus(2), &[Record::new(7, b"a value\n".to_vec()).with_key(b"key".to_vec())]);
    let mut bytes = [&written.bytes[..], &[0; 100]].concat();
    let text = |bytes: &[u8], records: bool| {
        let disk: Arc<dyn Disk> = on_disk(bytes).disk();
        let mut out = Vec::new();
        dump(&disk, records, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    };
    let plain = text(&bytes, false);
    let lines: Vec<_> = plain.lines().collect();
    assert_eq!(lines.len(), 5, "{plain}");
    assert_eq!(lines[0], "00000000000000000100.log: base 100, salt 5a17000012345678");
    let position = written.places[2].position;
    assert_eq!(lines[3], format!("{position:>9}  104..105  1 records, 14 bytes, synced 102, timestamps 7..7"));
    assert!(lines[4].contains("zeros"), "{plain}");
    assert!(text(&bytes, true).contains("\n           104  7  \"key\"  \"a value\\n\"\n"), "{}", text(&bytes, true));
    bytes[written.places[1].position as usize] ^= 1;
    let damaged = text(&bytes, false);
    assert!(damaged.contains("DAMAGED") && damaged.contains("104..105"), "{damaged}");
}
