//! The index of a segment of frames: asked late, never believed, and never in the way.

mod framed_common;

use std::fs;

use framed_common::*;
use lab::disks::{Disks, OsDisks};
use lab::records::record;
use lab::sim::{Errno, Fault, Operation, SimDisk, Which};
use stage05::frame::FRAME_HEADER_BYTES;
use stage05::{Access, Error, IndexFault, IndexOrigin, Log, Offset, Reader, Sealed, SegmentWriter, Storage};

const COUNT: u64 = 120;

/// The slot that lies in these tests.
const SLOT: usize = 7;

/// Opening a sealed segment reads nothing, and one record costs no more than its surroundings.
#[test]
fn a_sealed_segment_is_opened_without_reading() {
    let (log, index) = segment(2000, 20);
    let sim = disk_with(&log, &index);
    let reader = read_sealed(&sim, 2000);
    assert_eq!(sim.counters().reads, 0);
    reader.read(Offset(BASE + 1000)).unwrap();
    let first = sim.bytes_read();
    assert!(first < 3 * 4096 + index.len() as u64 + 70_000, "the header, the index, its last entry: {first} bytes");
    reader.read(Offset(BASE + 1500)).unwrap();
    assert!(sim.bytes_read() - first < 10_000, "{} bytes for one record", sim.bytes_read() - first);
    assert_eq!(reader.index_report().origin, IndexOrigin::Loaded);
}

/// A frame gets an entry if it starts more than an interval behind the last one, however it was appended (I5).
#[test]
fn the_index_is_the_one_that_would_be_built_from_the_frames() {
    for batch in [1, 3, 50] {
        let (log, index) = segment(COUNT, batch);
        let (_, frames) = frames(&log);
        let (mut last, mut expected) = (0, Vec::new());
        for (frame, range) in frames {
            if range.start as u64 - last > INTERVAL && frame.base_offset.0 > BASE {
                last = range.start as u64;
                expected.push(((frame.base_offset.0 - BASE) as u32, range.start as u32));
            }
        }
        assert_eq!(entries(&index), expected, "appends of {batch}");
        assert!(expected.len() > 3, "{expected:?}");
    }
}

/// I1: an entry reaches the file after the sync that made its frame durable.
#[test]
fn an_entry_is_written_after_the_sync_of_its_frame() {
    let sim = SimDisk::new();
    let mut writer = start(&sim);
    append(&mut writer, 30, 5);
    let saved = sim.cached(&index_name()).unwrap();
    writer.append(&lab::records::records(Offset(BASE + 30), 40)).unwrap();
    assert_eq!(sim.cached(&index_name()).unwrap(), saved, "nothing is synced");
    sim.inject(Fault::fail(Operation::SyncData, Which::Nth(1), Errno::Io).of_file(&log_name()));
    writer.sync().unwrap_err();
    assert_eq!(sim.cached(&index_name()).unwrap(), saved, "the sync failed");
    writer.sync().unwrap();
    assert!(sim.cached(&index_name()).unwrap().len() > saved.len());
}

/// A segment that is opened again goes on with its index, whole or not; in the end it is the same.
#[test]
fn a_writer_that_is_opened_again_goes_on_with_the_index() {
    let (whole_log, whole) = segment(COUNT, 3);
    let (log, index) = segment(60, 3);
    let damaged: [(&str, Vec<u8>); 5] = [
        ("as it was", index.clone()),
        ("short", index[..index.len() - 24].to_vec()),
        ("half an entry", index[..index.len() - 3].to_vec()),
        ("missing", Vec::new()),
        ("zeros", vec![0; index.len()]),
    ];
    for (what, index) in damaged {
        let sim = disk_with(&log, &index);
        let file = sim.disk().open(&log_name(), Access::Write).unwrap();
        let site = site(sim.disk(), Access::Write);
        let mut writer = storage().open_newest(&site, &name(), file).unwrap();
        append(&mut writer, COUNT - 60, 3);
        assert_reads_right(&writer.reader(), COUNT, &what);
        assert_eq!(entries(&sim.cached(&index_name()).unwrap()), entries(&whole), "{what}");
        assert_eq!(writer.index_bytes(), whole.len() as u64, "{what}");
        assert_eq!(writer.end_position(), whole_log.len() as u64, "{what}");
    }
}

/// Whatever happens to the index file, records are appended, synced, sealed and read.
#[test]
fn an_index_that_cannot_be_written_is_in_nobodys_way() {
    for operation in [Operation::Create, Operation::Write, Operation::Rename, Operation::Open] {
        let sim = SimDisk::new();
        let mut writer = start(&sim);
        for file in [index_name(), format!("{}.new", index_name())] {
            sim.inject(Fault::fail(operation, Which::Every, Errno::NoSpace).of_file(&file));
        }
        append(&mut writer, COUNT, 3);
        writer.seal().unwrap();
        assert_reads_right(&writer.reader(), COUNT, &format!("{operation:?} fails"));
        assert_reads_right(&read_sealed(&sim, COUNT), COUNT, &format!("{operation:?} fails, sealed"));
    }
}

/// A segment whose index has another entry in `SLOT`.
fn with_a_lie(lie: impl FnOnce((u32, u32)) -> (u32, u32)) -> (Vec<u8>, Vec<u8>, Vec<u8>) {
    let (log, index) = segment(COUNT, 3);
    let mut lying = entries(&index);
    lying[SLOT] = lie(lying[SLOT]);
    (log, index, index_file(&lying))
}

#[test]
fn an_entry_into_the_middle_of_a_frame_is_found_by_the_read_that_uses_it() {
    let (log, index, lying) = with_a_lie(|(offset, position)| (offset, position + 8));
    let offset = BASE + u64::from(entries(&index)[SLOT].0);
    let reader = read_sealed(&disk_with(&log, &lying), COUNT);
    assert_eq!(reader.read(Offset(offset - 1)).unwrap(), Some(record(Offset(offset - 1))));
    assert_eq!((reader.index_report().origin, reader.index_report().rebuilds), (IndexOrigin::Loaded, 0));
    assert_eq!(reader.read(Offset(offset)).unwrap(), Some(record(Offset(offset))));
    assert_eq!(reader.index_report().rebuilds, 1, "the entry for record {offset} lies");
    assert_reads_right(&reader, COUNT, &"after the rebuild");
    assert_eq!(reader.index_report().rebuilds, 1, "one rebuild is enough");
}

/// The frame is there, and its header says another offset.
#[test]
fn an_entry_for_another_frame_is_found_by_the_read_that_uses_it() {
    for (slot, delta) in [(SLOT, 1), (SLOT, -1), (0, 1)] {
        let (log, index) = segment(COUNT, 3);
        let mut lying = entries(&index);
        lying[slot].0 = lying[slot].0.checked_add_signed(delta).unwrap();
        let reader = read_sealed(&disk_with(&log, &index_file(&lying)), COUNT);
        assert_reads_right(&reader, COUNT, &format!("slot {slot}, {delta}"));
        let report = reader.index_report();
        assert_eq!((report.origin, report.rebuilds), (IndexOrigin::Loaded, 1), "slot {slot}, {delta}");
    }
}

/// The writer finds that its readers have built another index, and saves that one.
#[test]
fn the_writer_saves_a_mended_index_at_its_next_sync() {
    let (log, _, lying) = with_a_lie(|(offset, position)| (offset, position + 8));
    let sim = disk_with(&log, &lying);
    let file = sim.disk().open(&log_name(), Access::Write).unwrap();
    let mut writer = storage().open_newest(&site(sim.disk(), Access::Write), &name(), file).unwrap();
    assert_reads_right(&writer.reader(), COUNT, &"opened");
    assert_eq!(writer.index_report().rebuilds, 1);
    append(&mut writer, 3, 3);
    let (_, whole) = segment(COUNT + 3, 3);
    assert_eq!(entries(&sim.cached(&index_name()).unwrap()), entries(&whole));
}

/// An entry is true and the frame behind it is damaged: the index cannot be rebuilt, and the error is the segment's.
#[test]
fn a_damaged_segment_is_not_blamed_on_its_index() {
    let (mut log, index) = segment(COUNT, 3);
    let (offset, position) = entries(&index)[SLOT];
    log[position as usize] ^= 1;
    let reader = read_sealed(&disk_with(&log, &index), COUNT);
    let damaged = Offset(BASE + u64::from(offset));
    for _ in 0..2 {
        let error = reader.read(damaged).unwrap_err();
        let Error::BadFrame { position: at, expected, .. } = error else { panic!("{error}") };
        assert_eq!((at, expected), (position.into(), damaged));
    }
    assert_eq!(reader.index_report().rebuilds, 0, "a damaged segment has no index to offer");
    assert_eq!(reader.read(Offset(BASE + COUNT - 1)).unwrap(), Some(record(Offset(BASE + COUNT - 1))));
}

/// Both at once: the read falls back on a scan, which reaches everything in front of the damage.
#[test]
fn a_lie_in_front_of_damage_does_not_hide_a_record() {
    let (mut log, index, lying) = with_a_lie(|(offset, position)| (offset, position + 8));
    log[entries(&index)[SLOT + 4].1 as usize] ^= 1;
    let reader = read_sealed(&disk_with(&log, &lying), COUNT);
    let offset = Offset(BASE + u64::from(entries(&index)[SLOT].0));
    assert_eq!(reader.read(offset).unwrap(), Some(record(offset)));
    assert_eq!(reader.index_report().rebuilds, 0);
}

/// A disk that cannot be read says nothing about the index.
#[test]
fn a_read_that_fails_does_not_rebuild_the_index() {
    let (log, index) = segment(COUNT, 3);
    let sim = disk_with(&log, &index);
    let reader = read_sealed(&sim, COUNT);
    assert_eq!(reader.index_report().origin, IndexOrigin::Loaded);
    sim.inject(Fault::fail(Operation::Read, Which::Nth(1), Errno::Io).of_file(&log_name()));
    let error = reader.read(Offset(BASE + COUNT / 2)).unwrap_err();
    assert!(matches!(error, Error::Io { .. }), "{error}");
    assert_eq!(reader.index_report().rebuilds, 0);
    assert_reads_right(&reader, COUNT, &"the disk works again");
}

/// Each bit of an index file, turned around: found when it is loaded or by a read, and the records are right.
#[test]
fn no_flipped_bit_in_an_index_changes_what_a_read_returns() {
    let (log, index) = segment(40, 3);
    let (mut at_load, mut by_a_read) = (0, 0);
    for bit in 0..index.len() * 8 {
        let mut lie = index.clone();
        lie[bit / 8] ^= 1 << (bit % 8);
        let reader = read_sealed(&disk_with(&log, &lie), 40);
        let context = format!("bit {} of byte {} of the index is flipped", bit % 8, bit / 8);
        assert_reads_right(&reader, 40, &context);
        let report = reader.index_report();
        match (&report.origin, report.rebuilds) {
            (IndexOrigin::Rebuilt { .. }, 0) => at_load += 1,
            (IndexOrigin::Loaded, 1) => by_a_read += 1,
            _ => panic!("{context}, and nobody noticed: {report:?}"),
        }
    }
    assert!(at_load > 0 && by_a_read > 0, "{at_load} were found when it was loaded, {by_a_read} by a read");
}

/// The same through maps, of the segment and of its index.
#[test]
fn a_mapped_segment_reads_like_any_other() {
    let (log, index) = segment(40, 3);
    let disks = OsDisks::new();
    let disk = disks.empty();
    let open = || {
        let file = disk.open(&log_name(), Access::Read).unwrap();
        let sealed = Sealed { name: name(), file, end: Offset(BASE + 40) };
        storage().read_sealed(&site(disk.clone(), Access::Read), &sealed).unwrap()
    };
    fs::write(disk.path().join(log_name()), &log).unwrap();
    assert_reads_right(&open(), 40, &"without an index");
    assert_eq!(open().index_report().origin, IndexOrigin::Rebuilt { fault: IndexFault::Missing });
    for byte in 0..index.len() {
        let mut lie = index.clone();
        lie[byte] ^= 1 << (byte % 8);
        fs::remove_file(disk.path().join(index_name())).ok();
        fs::write(disk.path().join(index_name()), &lie).unwrap();
        assert_reads_right(&open(), 40, &format!("byte {byte} of the index is another"));
    }
    for byte in (frames(&log).1[3].1.start..log.len()).step_by(5) {
        let mut damaged = log.clone();
        damaged[byte] ^= 4;
        fs::remove_file(disk.path().join(log_name())).ok();
        fs::write(disk.path().join(log_name()), &damaged).unwrap();
        let (count, error) = scan_all(&open(), &format!("byte {byte}"));
        assert!(count < 40 && error.is_some(), "byte {byte}");
    }
}

/// A lookup passes frames by their headers: what it passes is neither checked nor in the way.
#[test]
fn a_lookup_does_not_look_into_the_frames_that_it_passes() {
    let (mut log, _) = segment(COUNT, 3);
    let (_, frames) = frames(&log);
    for (_, range) in &frames[..frames.len() - 1] {
        log[range.start + FRAME_HEADER_BYTES] ^= 1;
    }
    let reader = read_sealed(&disk_with(&log, &[]), COUNT);
    assert_eq!(reader.read(Offset(BASE + COUNT - 1)).unwrap(), Some(record(Offset(BASE + COUNT - 1))));
    assert!(matches!(reader.read(Offset(BASE)), Err(Error::BadFrame { .. })));
}
