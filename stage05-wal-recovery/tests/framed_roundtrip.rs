//! What goes into a segment comes out again, and lies in the file as the format says.

mod framed_common;

use std::fs;
use std::path::Path;

use framed_common::*;
use lab::records::{record, records};
use lab::sim::SimDisk;
use proptest::prelude::*;
use stage05::encoder::FRAME_BODY_BYTES;
use stage05::header::SEGMENT_HEADER_BYTES;
use stage05::{
    Access, Error, Log, Offset, RECORD_BYTES_MAX, Reader, Record, Rewriter, Scan, Sealed, SegmentName, SegmentWriter,
    Storage, Visibility,
};

/// Any record at all: any bytes, any timestamp, with and without a key.
fn any_record() -> impl Strategy<Value = Record<'static>> {
    let bytes = || prop_oneof![prop::collection::vec(any::<u8>(), 0..20), prop::collection::vec(any::<u8>(), 0..3000)];
    let timestamp = prop_oneof![any::<u64>(), Just(0), Just(u64::MAX), 1_700_000_000_000u64..1_700_000_001_000];
    (timestamp, prop::option::of(bytes()), bytes()).prop_map(|(timestamp_ms, key, value)| {
        let record = Record::new(timestamp_ms, value);
        match key {
            Some(key) => record.with_key(key),
            None => record,
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn any_records_in_any_appends_come_back(appends in prop::collection::vec(prop::collection::vec(any_record(), 0..12), 1..8)) {
        let sim = SimDisk::new();
        let mut writer = start(&sim);
        for append in &appends {
            writer.append(append).unwrap();
            writer.sync().unwrap();
        }
        writer.seal().unwrap();
        let all: Vec<_> = appends.into_iter().flatten().collect();
        let sealed = read_sealed(&sim, all.len() as u64);
        for reader in [writer.reader(), sealed] {
            let mut scan = reader.scan(Offset(0)).unwrap();
            for (record, offset) in all.iter().zip(BASE..) {
                let entry = scan.next().unwrap().unwrap();
                prop_assert_eq!((entry.offset, &entry.record), (Offset(offset), record));
            }
            prop_assert!(scan.next().unwrap().is_none());
            for (record, offset) in all.iter().zip(BASE..) {
                let read = reader.read(Offset(offset)).unwrap();
                prop_assert_eq!(read.as_ref(), Some(record));
            }
        }
    }

    #[test]
    fn any_records_with_any_gaps_come_back(kept in prop::collection::vec((0u64..5000, any_record()), 0..40)) {
        let mut offset = BASE;
        let mut rewriter = storage().rewriter(Offset(BASE)).unwrap();
        let (mut file, mut all) = (Vec::new(), Vec::new());
        for (gap, record) in kept {
            offset += gap;
            rewriter.push(Offset(offset), &record, &mut file);
            all.push((Offset(offset), record));
            offset += 1;
        }
        rewriter.finish(&mut file);
        let end = Offset(offset + 3);
        let sim = SimDisk::with_files([("packed", &file[..])]);
        let name = SegmentName::rewritten(Offset(BASE), end);
        let sealed = Sealed { name, file: sim.disk().open("packed", Access::Read).unwrap(), end };
        let reader = storage().read_sealed(&site(sim.disk(), Access::Read), &sealed).unwrap();
        prop_assert_eq!(reader.end(), end);
        for from in all.iter().map(|(offset, _)| *offset).chain([Offset(0), Offset(BASE), end, Offset(offset)]) {
            let mut scan = reader.scan(from).unwrap();
            for (offset, record) in all.iter().filter(|(offset, _)| *offset >= from) {
                let entry = scan.next().unwrap().unwrap();
                prop_assert_eq!((entry.offset, &entry.record), (*offset, record), "from {}", from);
            }
            prop_assert!(scan.next().unwrap().is_none());
        }
    }
}

/// The bytes of a small segment, which were written down once: the format does not change by accident.
#[test]
fn the_bytes_of_a_segment_are_those_of_the_golden_file() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/segment.log");
    let sim = SimDisk::new();
    let mut writer = start(&sim);
    append(&mut writer, 8, 3);
    writer
        .append(&[
            Record::new(7, &b""[..]),
            Record::new(3, &[0xab; 5000][..]).with_key(&b""[..]),
            Record::new(u64::MAX, "z".as_bytes()),
        ])
        .unwrap();
    writer.seal().unwrap();
    let bytes = sim.cached(&log_name()).unwrap();
    let golden = fs::read(&path).unwrap_or_default();
    assert!(
        bytes == golden,
        "the segment differs from {} from byte {:?} on",
        path.display(),
        bytes.iter().zip(&golden).position(|(a, b)| a != b)
    );

    let sim = disk_with(&golden, &[]);
    let reader = read_sealed(&sim, 11);
    for offset in (BASE..BASE + 8).map(Offset) {
        assert_eq!(reader.read(offset).unwrap(), Some(record(offset)));
    }
    assert_eq!(reader.read(Offset(BASE + 9)).unwrap(), Some(Record::new(3, vec![0xab; 5000]).with_key(Vec::new())));
    assert_eq!(reader.read(Offset(BASE + 10)).unwrap(), Some(Record::new(u64::MAX, b"z".to_vec())));
}

/// A header of one frame says what is in it.
#[test]
fn a_frame_says_what_was_durable_when_it_was_written() {
    let sim = SimDisk::new();
    let mut writer = start(&sim);
    writer.append(&records(Offset(BASE), 2)).unwrap();
    writer.append(&records(Offset(BASE + 2), 1)).unwrap();
    writer.sync().unwrap();
    writer.append(&records(Offset(BASE + 3), 4)).unwrap();
    let (_, frames) = frames(&sim.cached(&log_name()).unwrap());
    let said: Vec<_> =
        frames.iter().map(|(frame, _)| (frame.base_offset.0, frame.count, frame.synced_through.0)).collect();
    assert_eq!(said, [(BASE, 2, BASE), (BASE + 2, 1, BASE), (BASE + 3, 4, BASE + 3)]);
    let largest = record(Offset(BASE + 6)).timestamp_ms;
    assert_eq!(
        (frames[2].0.base_timestamp_ms, frames[2].0.max_timestamp_ms),
        (record(Offset(BASE + 3)).timestamp_ms, largest)
    );
}

/// One append is one write, however many frames it takes.
#[test]
fn a_large_append_is_several_frames_and_one_write() {
    let sim = SimDisk::new();
    let mut writer = start(&sim);
    let writes = sim.counters().writes;
    writer.append(&records(Offset(BASE), 200)).unwrap();
    assert_eq!(sim.counters().writes - writes, 1);
    writer.sync().unwrap();
    let (_, frames) = frames(&sim.cached(&log_name()).unwrap());
    assert!(frames.len() > 5, "{} frames", frames.len());
    for (frame, range) in &frames[..frames.len() - 1] {
        let body = frame.body_bytes as usize;
        assert!((FRAME_BODY_BYTES..FRAME_BODY_BYTES + 800).contains(&body), "{body} bytes");
        assert_eq!(range.end % 8, 0);
    }
    assert_reads_right(&writer.reader(), 200, &"one append");
}

/// Nothing is written of an append in which one record is too large.
#[test]
fn a_record_that_is_too_large_leaves_the_segment_as_it_was() {
    let sim = SimDisk::new();
    let mut writer = start(&sim);
    append(&mut writer, 3, 3);
    let before = sim.cached(&log_name()).unwrap();
    let too_large = Record::new(0, vec![0; RECORD_BYTES_MAX + 1]);
    let error = writer.append(&[record(Offset(BASE + 3)), too_large]).unwrap_err();
    assert!(matches!(error, Error::RecordTooLarge { .. }), "{error}");
    assert_eq!(sim.cached(&log_name()).unwrap(), before);
    writer.append(&[Record::new(0, vec![7; RECORD_BYTES_MAX])]).unwrap();
    writer.sync().unwrap();
    let read = writer.reader().read(Offset(BASE + 3)).unwrap().unwrap();
    assert_eq!(read.value.len(), RECORD_BYTES_MAX);
}

/// An append of nothing is nothing: no frame has no records.
#[test]
fn an_append_of_nothing_writes_nothing() {
    let sim = SimDisk::new();
    let mut writer = start(&sim);
    assert_eq!(writer.append(&[]).unwrap(), Offset(BASE));
    assert_eq!(writer.sync().unwrap(), Offset(BASE));
    assert_eq!(writer.end_position(), SEGMENT_HEADER_BYTES as u64);
    assert_eq!(writer.reader().read(Offset(BASE)).unwrap(), None);
}

/// A reader sees what is durable, and one that asks for it sees what was written.
#[test]
fn a_reader_does_not_pass_the_watermark_that_it_chose() {
    let sim = SimDisk::new();
    let mut writer = start(&sim);
    append(&mut writer, 20, 7);
    writer.append(&records(Offset(BASE + 20), 30)).unwrap();
    assert_reads_right(&writer.reader(), 20, &"durable");
    assert_reads_right(&writer.reader().with_visibility(Visibility::Written), 50, &"written");
    writer.sync().unwrap();
    assert_reads_right(&writer.reader(), 50, &"synced");
}

/// A file that was prepared with zeros is cut to its records, durably, and its reader is content with it.
#[test]
fn a_segment_that_is_sealed_ends_behind_its_last_record() {
    let sim = SimDisk::new();
    let file = sim.disk().create(&log_name()).unwrap();
    sim.disk().sync_directory().unwrap();
    file.write_at(&storage().header(Offset(BASE)).unwrap(), 0).unwrap();
    file.write_at(&vec![0; 100_000], SEGMENT_HEADER_BYTES as u64).unwrap();
    let mut writer = storage().start_newest(&site(sim.disk(), Access::Write), &name(), file).unwrap();
    append(&mut writer, 40, 9);
    assert_eq!(sim.cached(&log_name()).unwrap().len(), 100_000 + SEGMENT_HEADER_BYTES);
    assert_reads_right(&writer.reader(), 40, &"with zeros behind the records");
    writer.append(&records(Offset(BASE + 40), 5)).unwrap();
    writer.seal().unwrap();
    assert_eq!(sim.durable(&log_name()).unwrap().len() as u64, writer.end_position());
    assert_reads_right(&read_sealed(&sim, 45), 45, &"sealed");
}
