//! Bytes that are not what was written: an error that says where, and never a wrong record.

mod framed_common;

use std::borrow::Cow;

use framed_common::*;
use lab::records::{record, records};
use lab::sim::SimDisk;
use proptest::prelude::*;
use stage05::frame::{BATCH_BYTES_MAX, FRAME_HEADER_BYTES, FrameHeader, HAS_GAPS, IS_BATCH};
use stage05::header::SEGMENT_HEADER_BYTES;
use stage05::{Access, Error, FormatError, Log, Offset, Reader, Record, Scan};

const COUNT: u64 = 12;

/// What a scan of a sealed segment with these bytes gives: how many records, and the error.
fn scan(log: &[u8], context: &str) -> (u64, Option<Error>) {
    scan_all(&read_sealed(&disk_with(log, &[]), COUNT), &context)
}

/// The file with one bit turned around.
fn flip(log: &[u8], bit: usize) -> Vec<u8> {
    let mut flipped = log.to_vec();
    flipped[bit / 8] ^= 1 << (bit % 8);
    flipped
}

/// The bytes of one frame at `position`, with these records' body and whatever `change` makes of the header.
fn frame(position: usize, body: &[u8], change: impl FnOnce(&mut FrameHeader)) -> Vec<u8> {
    let salt = frames(&segment(0, 1).0).0.salt;
    let mut header = FrameHeader {
        body_bytes: body.len() as u32,
        base_offset: Offset(BASE),
        count: 1,
        epoch: 0,
        synced_through: Offset(BASE),
        base_timestamp_ms: 0,
        max_timestamp_ms: 0,
        attributes: 0,
        body_crc: 0,
    };
    change(&mut header);
    header.body_crc = header.body_crc_of(body);
    let mut bytes = [&header.encode(salt, position as u64)[..], body].concat();
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    bytes
}

/// A segment's header, and then one frame.
fn segment_with(body: &[u8], change: impl FnOnce(&mut FrameHeader)) -> Vec<u8> {
    let mut log = segment(0, 1).0;
    log.extend(frame(SEGMENT_HEADER_BYTES, body, change));
    log
}

/// A record without a key and with an empty value.
const EMPTY_RECORD: [u8; 3] = [0, 0, 0];

#[test]
fn a_flipped_bit_in_a_frame_is_an_error_at_that_frame() {
    let (log, _) = segment(COUNT, 3);
    let (_, frames) = frames(&log);
    for bit in SEGMENT_HEADER_BYTES * 8..log.len() * 8 {
        let context = format!("bit {} of byte {} is flipped", bit % 8, bit / 8);
        let (hit, range) = frames.iter().find(|(_, range)| range.contains(&(bit / 8))).unwrap();
        let (count, error) = scan(&flip(&log, bit), &context);
        assert_eq!(Offset(BASE + count), hit.base_offset, "{context}: all records in front of the frame");
        let Some(Error::BadFrame { position, expected, cause, .. }) = error else { panic!("{context}: {error:?}") };
        assert_eq!((position, expected), (range.start as u64, hit.base_offset), "{context}");
        let in_header = bit / 8 < range.start + FRAME_HEADER_BYTES;
        let in_body = bit / 8 < range.start + FRAME_HEADER_BYTES + hit.body_bytes as usize;
        let is_right = match cause {
            FormatError::HeaderChecksum { .. } => in_header,
            FormatError::BodyChecksum { .. } => in_body && !in_header,
            FormatError::Padding { .. } => !in_body,
            _ => false,
        };
        assert!(is_right, "{context}: {cause}");
    }
}

#[test]
fn a_flipped_bit_in_the_segments_header_is_an_error() {
    let (log, _) = segment(COUNT, 3);
    // Every bit of the fields, and one of each byte behind them.
    for bit in (0..64 * 8).chain((64 * 8..SEGMENT_HEADER_BYTES * 8).step_by(9)) {
        let context = format!("bit {} of byte {} is flipped", bit % 8, bit / 8);
        let (count, error) = scan(&flip(&log, bit), &context);
        assert_eq!(count, 0, "{context}");
        assert!(matches!(error, Some(Error::Damaged { position: 0, .. })), "{context}: {error:?}");
    }
}

#[test]
fn the_header_of_another_segment_is_an_error() {
    let (mut log, _) = segment(COUNT, 3);
    let header = stage05::header::SegmentHeader { base: Offset(BASE + 1), salt: 3, created_ms: 0 };
    log[..SEGMENT_HEADER_BYTES].copy_from_slice(&header.encode());
    let (_, error) = scan(&log, "another base offset");
    assert!(error.unwrap().to_string().contains("from record 1001, expected record 1000"));
}

/// Each frame in the place of each other one, where the lengths allow it: the checksums of the bytes are right, and the
/// place is not.
#[test]
fn a_frame_that_lies_in_another_place_does_not_pass() {
    let sim = SimDisk::new();
    let mut writer = start(&sim);
    for offset in 0..4 {
        // The same record: the same frame, but for its offset and its place.
        writer.append(&[Record::new(0, format!("value {offset}").into_bytes())]).unwrap();
    }
    let log = sim.cached(&log_name()).unwrap();
    let (_, frames) = frames(&log);
    for (from, to) in (0..4).flat_map(|from| (0..4).map(move |to| (from, to))).filter(|(from, to)| from != to) {
        let mut moved = log.clone();
        moved.copy_within(frames[from].1.clone(), frames[to].1.start);
        let reader = read_sealed(&disk_with(&moved, &[]), 4);
        let mut scan = reader.scan(Offset(0)).unwrap();
        for _ in 0..to {
            scan.next().unwrap().unwrap();
        }
        let error = scan.next().unwrap_err();
        let Error::BadFrame { position, cause: FormatError::HeaderChecksum { .. }, .. } = error else {
            panic!("{error}")
        };
        assert_eq!(position, frames[to].1.start as u64, "frame {from} in the place of frame {to}");
    }
}

#[test]
fn a_frame_of_a_file_with_another_salt_does_not_pass() {
    let (mut log, _) = segment(COUNT, 3);
    let (mut header, frames) = frames(&log);
    header.salt ^= 1;
    log[..SEGMENT_HEADER_BYTES].copy_from_slice(&header.encode());
    for (_, range) in frames {
        let bytes = log[range.clone()].first_chunk().unwrap();
        let error = FrameHeader::decode(bytes, header.salt, range.start as u64).unwrap_err();
        assert!(matches!(error, FormatError::HeaderChecksum { .. }), "{error}");
    }
    let (count, error) = scan(&log, "another salt");
    assert!(count == 0 && matches!(error, Some(Error::BadFrame { .. })), "{error:?}");
}

/// A log that holds the image of a log, made with the same salt even: nothing in the value is a frame.
#[test]
fn a_frame_in_the_value_of_a_record_does_not_pass() {
    let (image, _) = segment(COUNT, 3);
    let sim = SimDisk::new();
    let mut writer = start(&sim);
    // Values of each length up to 8, so that the image's frames lie at multiples of 8 in one of them.
    for pad in 0..8 {
        let value = [&vec![1; pad][..], &image[SEGMENT_HEADER_BYTES..]].concat();
        writer.append(&[Record::new(0, value)]).unwrap();
    }
    let log = sim.cached(&log_name()).unwrap();
    let (header, frames) = frames(&log);
    let mut found = Vec::new();
    for position in (SEGMENT_HEADER_BYTES..log.len() - FRAME_HEADER_BYTES).step_by(8) {
        let bytes = log[position..].first_chunk().unwrap();
        if FrameHeader::decode(bytes, header.salt, position as u64).is_ok() {
            found.push(position);
        }
    }
    assert_eq!(found, frames.iter().map(|(_, range)| range.start).collect::<Vec<_>>());
}

#[test]
fn a_sealed_segment_that_is_cut_anywhere_ends_in_an_error() {
    let (log, _) = segment(COUNT, 3);
    let (_, frames) = frames(&log);
    for length in 0..log.len() {
        let context = format!("cut at byte {length}");
        let (count, error) = scan(&log[..length], &context);
        let whole: u32 = frames.iter().filter(|(_, range)| range.end <= length).map(|(frame, _)| frame.count).sum();
        assert_eq!(count, u64::from(whole), "{context}: {error:?}");
        let error = error.unwrap_or_else(|| panic!("{context}: records are missing, and nobody says so"));
        let at_a_frame = length >= SEGMENT_HEADER_BYTES
            && !frames.iter().any(|(_, range)| range.contains(&length) && range.start < length);
        match error {
            Error::Gap { expected, found, .. } => {
                assert!(at_a_frame, "{context}");
                assert_eq!((expected, found), (Offset(BASE + count), Offset(BASE + COUNT)), "{context}");
            }
            Error::Damaged { .. } => assert!(length < SEGMENT_HEADER_BYTES, "{context}"),
            Error::BadFrame { .. } => assert!(!at_a_frame, "{context}"),
            error => panic!("{context}: {error}"),
        }
    }
}

/// The disk lost a write in the middle and has zeros there: no end of the log, since it is known to go on.
#[test]
fn zeros_in_front_of_the_end_are_damage() {
    let (mut log, _) = segment(COUNT, 3);
    let (_, frames) = frames(&log);
    log[frames[1].1.clone()].fill(0);
    let (count, error) = scan(&log, "zeros");
    assert_eq!(count, 3);
    assert!(matches!(error, Some(Error::BadFrame { cause: FormatError::Zeros, .. })), "{error:?}");
}

/// The file of the newest segment gets shorter under a reader.
#[test]
fn a_file_that_is_cut_under_a_reader_is_an_error() {
    let sim = SimDisk::new();
    let mut writer = start(&sim);
    append(&mut writer, COUNT, 3);
    let (_, frames) = frames(&sim.cached(&log_name()).unwrap());
    sim.disk().open(&log_name(), Access::Write).unwrap().truncate(frames[2].1.start as u64 + 60).unwrap();
    let (count, error) = scan_all(&writer.reader(), &"cut");
    assert_eq!(count, 6);
    let Some(Error::Truncated { length, expected, .. }) = error else { panic!("{error:?}") };
    assert_eq!((length, expected), (frames[2].1.start as u64 + 60, Offset(BASE + 6)));
}

/// Headers whose checksums are right and whose fields cannot be: each is refused, and says why.
#[test]
fn a_header_that_says_what_no_writer_writes_is_refused() {
    type Change = fn(&mut FrameHeader);
    let changes: [(Change, &str); 10] = [
        (|header| header.count = 0, "0 records from record 1000 on in a body of 3 bytes"),
        (|header| header.count = 2, "2 records from record 1000 on in a body of 3 bytes"),
        (|header| header.body_bytes = 0, "a body of 0 bytes"),
        (|header| header.body_bytes = 100, "a body of 100 bytes, where it can have 1 to 8"),
        (|header| header.body_bytes = BATCH_BYTES_MAX as u32 + 1, "8388609 bytes, where it can have 1 to 8388608"),
        (|header| header.attributes = 4, "unknown attributes: 0x00000004, of which 0x00000003 are known"),
        (|header| header.attributes = HAS_GAPS | IS_BATCH, "unknown attributes: 0x00000003"),
        (|header| header.attributes = HAS_GAPS, "unknown attributes: 0x00000001, of which 0x00000000 are known"),
        (|header| header.base_offset = Offset(u64::MAX), "1 records from record 18446744073709551615 on"),
        (|header| header.base_offset = Offset(BASE + 1), "holds record 1001, expected record 1000"),
    ];
    for (change, says) in changes {
        let (count, error) = scan(&segment_with(&EMPTY_RECORD, change), says);
        assert_eq!(count, 0, "{says}");
        let error = error.expect(says).to_string();
        assert!(error.contains(says), "expected {says:?}: {error}");
    }
}

/// Bodies whose checksums are right and that are not records: refused as well.
#[test]
fn a_body_that_is_not_made_of_records_is_refused() {
    let bodies: [&[u8]; 8] = [
        &[0, 0],
        &[0, 0, 1],
        &[0, 0, 0, 9],
        &[0, 9, 0],
        &[0x80, 0x80, 0x80],
        &[0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
        &[0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 0],
        &[0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
    ];
    for body in bodies {
        let (count, error) = scan(&segment_with(body, |_| {}), &format!("{body:?}"));
        assert_eq!(count, 0, "{body:?}");
        assert!(matches!(error, Some(Error::BadFrame { .. })), "{body:?}: {error:?}");
    }
}

/// The segment has more records than the log knows of: the next segment starts with the same offsets.
#[test]
fn records_behind_the_end_of_a_sealed_segment_are_an_error() {
    let (log, _) = segment(COUNT, 3);
    let reader = read_sealed(&disk_with(&log, &[]), 7);
    let (count, error) = scan_all(&reader, &"more records than expected");
    assert_eq!(count, 6);
    let error = error.unwrap().to_string();
    assert!(error.contains("reaches to record 1008, where the records end in front of 1007"), "{error}");
}

/// A length is believed once its checksum fits, and then only as far as the file goes: 4 GiB of zeros here.
#[test]
fn a_length_that_lies_costs_neither_memory_nor_reading() {
    for (body_bytes, bytes_max) in
        [(BATCH_BYTES_MAX as u32 + 8, None), (u32::MAX, None), (BATCH_BYTES_MAX as u32, Some(()))]
    {
        let log = segment_with(&EMPTY_RECORD, |header| header.body_bytes = body_bytes);
        let sim = disk_with(&log, &[]);
        sim.disk().open(&log_name(), Access::Write).unwrap().truncate(4 << 30).unwrap();
        let before = sim.bytes_read();
        let (_, error) = scan_all(&read_sealed(&sim, COUNT), &body_bytes);
        let read = sim.bytes_read() - before;
        match (bytes_max, error.unwrap()) {
            (None, Error::BadFrame { cause: FormatError::ImpossibleLength { .. }, .. }) => {
                assert!(read < 200_000, "{body_bytes}: {read} bytes were read");
            }
            // A frame may have that length: it is read, once for each call, and is not what the checksum says.
            (Some(()), Error::BadFrame { cause: FormatError::BodyChecksum { .. }, .. }) => {
                assert!(read < 2 * BATCH_BYTES_MAX as u64, "{body_bytes}: {read} bytes were read");
            }
            (_, error) => panic!("{body_bytes}: {error}"),
        }
    }
}

/// What is lent points into the window.
#[test]
fn a_scan_lends_what_it_reads() {
    let (log, _) = segment(COUNT, COUNT);
    let reader = read_sealed(&disk_with(&log, &[]), COUNT);
    let mut scan = reader.scan(Offset(0)).unwrap();
    while let Some(entry) = scan.next().unwrap() {
        assert!(matches!(entry.record.value, Cow::Borrowed(_)));
        assert!(matches!(entry.record.key, None | Some(Cow::Borrowed(_))));
    }
}

/// Behind damage, the records are still there, for whoever asks for them.
#[test]
fn a_record_behind_a_damaged_body_can_be_read() {
    let (log, index) = segment(200, 1);
    let (_, frames) = frames(&log);
    let damaged = flip(&log, (frames[100].1.start + FRAME_HEADER_BYTES) * 8);
    let reader = read_sealed(&disk_with(&damaged, &index), 200);
    for offset in (BASE..BASE + 200).filter(|&offset| offset != BASE + 100).map(Offset) {
        assert_eq!(reader.read(offset).unwrap(), Some(record(offset)));
    }
    assert!(matches!(reader.read(Offset(BASE + 100)), Err(Error::BadFrame { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_are_an_error(bytes in prop::collection::vec(any::<u8>(), 0..5000)) {
        let (header, _) = segment(0, 1);
        let (count, error) = scan(&[&header[..], &bytes].concat(), "random bytes");
        prop_assert_eq!(count, 0);
        prop_assert!(error.is_some());
        prop_assert!(scan(&bytes, "random bytes").1.is_some());
    }

    /// Whoever can compute checksums can write anything: then what comes out are some records, or an error, no panic.
    #[test]
    fn random_bodies_with_right_checksums_do_no_harm(
        body in prop::collection::vec(prop_oneof![any::<u8>(), 0u8..4], 1..300),
        count in 1u32..40,
        base in prop_oneof![Just(BASE), any::<u64>()],
        has_gaps in any::<bool>(),
        to in any::<u64>(),
    ) {
        let log = segment_with(&body, |header| {
            header.count = count;
            header.base_offset = Offset(base);
            header.attributes = if has_gaps { HAS_GAPS } else { 0 };
            header.base_timestamp_ms = to;
        });
        let sim = SimDisk::with_files([("log", &log[..])]);
        let file = sim.disk().open("log", Access::Read).unwrap();
        let salt = frames(&segment(0, 1).0).0.salt;
        let from = stage05::frame_file::first_place(Offset(BASE));
        let new = || stage05::frame_scan::FrameScan::new(file.clone(), salt, from, log.len() as u64, 100).with_gaps();
        let (mut scan, mut last) = (new(), None);
        for _ in 0..count + 1 {
            if let Ok(Some(entry)) = scan.next() {
                prop_assert!(last < Some(entry.offset));
                last = Some(entry.offset);
            }
        }
        let mut skipping = new();
        if skipping.skip_to(Offset(to)).is_ok() && let Ok(Some(entry)) = skipping.next() {
            prop_assert!(entry.offset >= Offset(to));
        }
    }
}

/// An append that fails leaves the segment as it was; what the failure left behind its end is nobody's.
#[test]
fn an_append_that_fails_halfway_is_not_seen() {
    let sim = SimDisk::new();
    let mut writer = start(&sim);
    append(&mut writer, 3, 3);
    let fault = lab::sim::Fault::short_write(lab::sim::Which::Nth(1), 70, lab::sim::Errno::NoSpace);
    sim.inject(fault.of_file(&log_name()));
    writer.append(&records(Offset(BASE + 3), 4)).unwrap_err();
    assert_eq!(writer.next_offset(), Offset(BASE + 3));
    assert_reads_right(&writer.reader(), 3, &"after the failure");
    append(&mut writer, 5, 2);
    assert_reads_right(&writer.reader(), 8, &"and more");
}
