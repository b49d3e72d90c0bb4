//! One segment of frames on a simulated disk, and what must be true of whatever reads it.
#![allow(dead_code, unreachable_pub, reason = "each test file uses a part of it")]

use std::fmt::Display;
use std::ops::Range;
use std::sync::Arc;

use lab::records::{record, records};
use lab::sim::SimDisk;
use stage05::frame::{FRAME_HEADER_BYTES, FrameHeader};
use stage05::framed::Framed;
use stage05::header::{SEGMENT_HEADER_BYTES, SegmentHeader};
use stage05::name::Part;
use stage05::reader::FramedReader;
use stage05::salt::SaltSource;
use stage05::writer::FramedWriter;
use stage05::{Access, Disk, Log, Offset, Reader, Scan, Sealed, SegmentName, SegmentWriter, Site, Storage};

/// The base offset of all segments here: not 0, so that a mix-up of offsets and counts shows.
pub const BASE: u64 = 1000;

/// The salt of all segments here comes from this number.
pub const SEED: u64 = 5;

/// Small, so that every few frames have an entry.
pub const INTERVAL: u64 = 600;

pub fn name() -> SegmentName {
    SegmentName::new(Offset(BASE))
}

pub fn log_name() -> String {
    name().file(Part::Log)
}

pub fn index_name() -> String {
    name().file(Part::Index)
}

pub fn storage() -> Framed {
    Framed::with_salts(SaltSource::Fixed(SEED))
}

pub fn site(disk: Arc<dyn Disk>, access: Access) -> Site {
    Site { disk, access, index_interval_bytes: INTERVAL }
}

/// A writer of a new segment.
pub fn start(sim: &SimDisk) -> FramedWriter {
    let disk = sim.disk();
    let file = disk.create(&log_name()).unwrap();
    file.write_at(&storage().header(Offset(BASE)).unwrap(), 0).unwrap();
    disk.sync_directory().unwrap();
    storage().start_newest(&site(disk, Access::Write), &name(), file).unwrap()
}

/// The laboratory's next records, appended and made durable `batch` at a time.
pub fn append(writer: &mut FramedWriter, count: u64, batch: u64) {
    let end = writer.next_offset().0 + count;
    while writer.next_offset().0 < end {
        let next = writer.next_offset();
        let appended = writer.append(&records(next, batch.min(end - next.0))).unwrap();
        assert_eq!(appended, next);
        writer.sync().unwrap();
    }
}

/// The file and the index of a sealed segment with `count` records, in appends of `batch`.
pub fn segment(count: u64, batch: u64) -> (Vec<u8>, Vec<u8>) {
    let sim = SimDisk::new();
    let mut writer = start(&sim);
    append(&mut writer, count, batch);
    writer.seal().unwrap();
    (sim.cached(&log_name()).unwrap(), sim.cached(&index_name()).unwrap_or_default())
}

/// A disk with a segment and its index.
pub fn disk_with(log: &[u8], index: &[u8]) -> SimDisk {
    SimDisk::with_files([(log_name().as_str(), log), (index_name().as_str(), index)])
}

/// A reader of a sealed segment with `count` records.
pub fn read_sealed(sim: &SimDisk, count: u64) -> FramedReader {
    let file = sim.disk().open(&log_name(), Access::Read).unwrap();
    let sealed = Sealed { name: name(), file, end: Offset(BASE + count) };
    storage().read_sealed(&site(sim.disk(), Access::Read), &sealed).unwrap()
}

/// The header of a file, and where each of its frames is. Behind the last one, the file may have zeros.
pub fn frames(log: &[u8]) -> (SegmentHeader, Vec<(FrameHeader, Range<usize>)>) {
    let header = SegmentHeader::decode(&log[..SEGMENT_HEADER_BYTES]).unwrap();
    let mut frames = Vec::new();
    let mut at = SEGMENT_HEADER_BYTES;
    while let Some(bytes) = log[at..].first_chunk::<FRAME_HEADER_BYTES>()
        && bytes != &[0; FRAME_HEADER_BYTES]
    {
        let frame = FrameHeader::decode(bytes, header.salt, at as u64).unwrap();
        let end = at + frame.frame_bytes() as usize;
        frames.push((frame, at..end));
        at = end;
    }
    assert!(log[at..].iter().all(|&byte| byte == 0), "byte {at} is the end");
    (header, frames)
}

/// Every record can be read alone, and scans from anywhere reach the end.
pub fn assert_reads_right(reader: &FramedReader, count: u64, context: &dyn Display) {
    assert_eq!(reader.end(), Offset(BASE + count), "{context}");
    for offset in (BASE..BASE + count).map(Offset) {
        let read = reader.read(offset).unwrap_or_else(|e| panic!("{context}: record {offset}: {e}"));
        assert_eq!(read, Some(record(offset)), "{context}: record {offset}");
    }
    for offset in [BASE + count, BASE + count + 1, u64::MAX].map(Offset) {
        assert_eq!(reader.read(offset).unwrap(), None, "{context}: record {offset}, behind the end");
    }
    let mut scan = reader.scan(Offset(BASE + count / 2)).unwrap();
    for offset in (BASE + count / 2..BASE + count).map(Offset) {
        let entry = scan.next().unwrap().unwrap_or_else(|| panic!("{context}: the scan ends before {offset}"));
        assert_eq!((entry.offset, entry.record), (offset, record(offset)), "{context}");
    }
    assert_eq!(scan.next().unwrap(), None, "{context}");
}

/// Scans from the start: every record that comes is the right one, and what ends the scan is the end or an error that
/// stays. Returns how many came, and the error.
pub fn scan_all(reader: &FramedReader, context: &dyn Display) -> (u64, Option<stage05::Error>) {
    let mut scan = match reader.scan(Offset(BASE)) {
        Ok(scan) => scan,
        Err(error) => return (0, Some(error)),
    };
    let mut count = 0;
    loop {
        match scan.next() {
            Ok(Some(entry)) => {
                assert_eq!(entry.offset, Offset(BASE + count), "{context}");
                assert_eq!(entry.record, record(entry.offset), "{context}: record {}", entry.offset);
                count += 1;
            }
            Ok(None) => return (count, None),
            Err(error) => {
                let again = scan.next().expect_err("an error that was one before");
                assert_eq!(again.to_string(), error.to_string(), "{context}: the same error again");
                return (count, Some(error));
            }
        }
    }
}

/// The entries in an index file.
pub fn entries(index: &[u8]) -> Vec<(u32, u32)> {
    let number = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().unwrap());
    index.chunks_exact(8).map(|entry| (number(&entry[..4]), number(&entry[4..]))).collect()
}

/// The other way round.
pub fn index_file(entries: &[(u32, u32)]) -> Vec<u8> {
    entries.iter().flat_map(|(offset, position)| [offset.to_le_bytes(), position.to_le_bytes()].concat()).collect()
}
