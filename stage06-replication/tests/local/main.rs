//! A tablet with its three copies in one process: what becomes of it when one of them is lost, damaged or slow to fail.
//! The contract of every log is in `contract`, as far as it is not about the only copy of something.

mod contract;
mod crash;
mod damaged;
mod failing;
mod lost;

use std::sync::Arc;

use lab::disks::Image;
use lab::records::record;
use lab::sim::SimDisk;
use stage06::header::SEGMENT_HEADER_BYTES;
use stage06::local::{LocalReader, LocalTablet, Stage06};
use stage06::{Disk, Framed, GroupCommit, Log, Offset, Promise, Reader, Result, Scan, SegmentOptions, Stage};

/// Stage 6 with segments of a few records, so that there are sealed ones in every test.
#[derive(Debug)]
struct Tiny;

fn options() -> SegmentOptions {
    let bytes = SEGMENT_HEADER_BYTES as u64 + 400;
    SegmentOptions { index_interval_bytes: 100, ..SegmentOptions::with_segment_bytes(bytes) }
}

impl Stage for Tiny {
    const NAME: &'static str = "stage06, in tiny segments";
    const TITLE: &'static str = Stage06::TITLE;
    const KEEPS: &'static [Promise] = Stage06::KEEPS;
    const MACHINES: &'static [&'static str] = Stage06::MACHINES;

    type Log = GroupCommit<LocalTablet>;
    type Shared = GroupCommit<LocalTablet>;

    fn open(disk: Arc<dyn Disk>) -> Result<Self::Log> {
        Ok(GroupCommit::new(tablet(&disk)?, stage06::Options::default()))
    }

    fn open_reader(disk: Arc<dyn Disk>) -> Result<LocalReader> {
        LocalReader::open(&disk, &Framed::default(), &options())
    }

    fn share(log: Self::Log) -> Self::Shared {
        log
    }

    fn delete_before(log: &mut Self::Log, limit: Offset) -> Result<()> {
        log.with_log(|tablet| tablet.delete_before(limit))
    }
}

fn tablet(disk: &Arc<dyn Disk>) -> Result<LocalTablet> {
    LocalTablet::open(disk, Framed::default(), options())
}

/// Appends the laboratory's next records, one by one, each acknowledged.
#[track_caller]
fn append(tablet: &mut LocalTablet, count: u64) {
    for _ in 0..count {
        let next = tablet.next_offset();
        assert_eq!(tablet.append_durable(&record(next)).expect("the disks take records"), next);
    }
}

/// The files of a tablet with so many acknowledged records, after it was closed.
fn closed_tablet(count: u64) -> Image {
    let disk = SimDisk::new().disk();
    append(&mut tablet(&disk).expect("a new tablet"), count);
    Image::of(&disk)
}

fn disk_with(image: &Image) -> Arc<dyn Disk> {
    let disk = SimDisk::new().disk();
    image.restore(&disk);
    disk
}

/// The reader sees the laboratory's first `count` records, and nothing else.
fn assert_holds(reader: &LocalReader, count: u64, context: &str) {
    let mut scan = reader.scan(reader.start()).expect("a scan");
    for offset in (reader.start().0..count).map(Offset) {
        let entry = scan.next().unwrap_or_else(|error| panic!("{context}: record {offset}: {error}"));
        let entry = entry.unwrap_or_else(|| panic!("{context}: the tablet ends in front of record {offset}"));
        assert_eq!((entry.offset, entry.record), (offset, record(offset)), "{context}");
    }
    assert_eq!(scan.next().unwrap(), None, "{context}");
}
