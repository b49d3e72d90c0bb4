//! Segments made byte by byte, and what recovery makes of them.

#![allow(dead_code, reason = "each test file uses its own part")]

use lab::records::records;
use lab::sim::SimDisk;
use stage05::body::BodyCursor;
use stage05::decision::RecoveryMode;
use stage05::encoder::Encoder;
use stage05::frame::FRAME_HEADER_BYTES;
use stage05::header::{SEGMENT_HEADER_BYTES, SegmentHeader};
use stage05::recovery::{Recovered, recover_newest};
use stage05::recovery_point::{RECOVERY_POINT, RecoveryPoint};
use stage05::walk::FrameWalk;
use stage05::{Access, Error, Offset, Place, Record, Result, SegmentName, Site};

pub(crate) const BASE: Offset = Offset(100);
pub(crate) const SALT: u64 = 0x5a17_0000_1234_5678;

/// The segment's file.
pub(crate) fn log_name() -> String {
    format!("{:020}.log", BASE.0)
}

/// A segment that is being written, with all that a test wants to know of it.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    pub(crate) bytes: Vec<u8>,
    /// Where each frame starts, and behind the last one.
    pub(crate) places: Vec<Place>,
    pub(crate) records: Vec<Record<'static>>,
}

impl Written {
    pub(crate) fn new() -> Written {
        let start = Place { offset: BASE, position: SEGMENT_HEADER_BYTES as u64 };
        let bytes = SegmentHeader { base: BASE, salt: SALT, created_ms: 0 }.encode();
        Written { bytes, places: vec![start], records: Vec::new() }
    }

    /// `count` frames of two records each; frame n knows that the records in front of `synced_through(n)` are durable.
    pub(crate) fn of_frames(count: usize, synced_through: impl Fn(&Written) -> Offset) -> Written {
        let mut written = Written::new();
        for _ in 0..count {
            let synced = synced_through(&written);
            written.append(synced, &records(written.end().offset, 2));
        }
        written
    }

    /// Each frame is synced before the next one is written.
    pub(crate) fn synced_each(count: usize) -> Written {
        Written::of_frames(count, |written| written.end().offset)
    }

    /// The first `synced` frames are synced one by one, the others are written without a sync.
    pub(crate) fn with_unsynced(synced: usize, unsynced: usize) -> Written {
        let mut written = Written::synced_each(synced);
        let durable = written.end().offset;
        for _ in 0..unsynced {
            written.append(durable, &records(written.end().offset, 2));
        }
        written
    }

    pub(crate) fn append(&mut self, synced_through: Offset, records: &[Record<'static>]) {
        let mut encoder = Encoder::default();
        let end = encoder.encode(self.end(), SALT, synced_through, records);
        self.bytes.extend_from_slice(encoder.bytes());
        self.places.extend_from_slice(&encoder.starts()[1..]);
        self.places.push(end);
        self.records.extend_from_slice(records);
    }

    pub(crate) fn end(&self) -> Place {
        *self.places.last().unwrap()
    }

    /// How many frames are whole in the first `bytes` bytes.
    pub(crate) fn whole_frames(&self, bytes: usize) -> usize {
        self.places[1..].iter().filter(|place| place.position <= bytes as u64).count()
    }

    /// The records of the first `frames` frames.
    pub(crate) fn records_in(&self, frames: usize) -> &[Record<'static>] {
        &self.records[..(self.places[frames].offset.0 - BASE.0) as usize]
    }

    /// The bytes of the first `frames` frames, and of the header in front of them.
    pub(crate) fn front(&self, frames: usize) -> &[u8] {
        &self.bytes[..self.places[frames].position as usize]
    }

    pub(crate) fn on_disk(&self) -> SimDisk {
        on_disk(&self.bytes)
    }
}

pub(crate) fn on_disk(bytes: &[u8]) -> SimDisk {
    SimDisk::with_files([(&*log_name(), bytes)])
}

/// A disk with a recovery point on it as well.
pub(crate) fn with_point(bytes: &[u8], durable: Place) -> SimDisk {
    let point = RecoveryPoint { start: BASE, segment: BASE, durable }.encode();
    SimDisk::with_files([(&*log_name(), bytes), (RECOVERY_POINT, point.as_bytes())])
}

pub(crate) fn site(sim: &SimDisk) -> Site {
    Site { disk: sim.disk(), access: Access::Write, index_interval_bytes: 4096 }
}

pub(crate) fn recover_as(sim: &SimDisk, mode: RecoveryMode) -> Result<Recovered> {
    let site = site(sim);
    let file = site.open(&log_name(), Access::Write)?;
    let header = || Ok(SegmentHeader { base: BASE, salt: SALT + 1, created_ms: 0 }.encode());
    recover_newest(&site, &SegmentName::new(BASE), &file, mode, header)
}

pub(crate) fn recover(sim: &SimDisk) -> Result<Recovered> {
    recover_as(sim, RecoveryMode::TolerateTornTail)
}

/// The records of a recovered segment, each in its place.
pub(crate) fn records_of(recovered: &Recovered) -> Vec<Record<'static>> {
    let start = Place { offset: BASE, position: SEGMENT_HEADER_BYTES as u64 };
    let mut walk = FrameWalk::new(&recovered.file, recovered.header.salt, start).unwrap();
    let mut found = Vec::new();
    while walk.place() != recovered.end {
        let frame = walk.step().unwrap().unwrap_or_else(|stop| panic!("a recovered segment can be read: {stop:?}"));
        let mut body = vec![0; frame.header.body_bytes as usize];
        recovered.file.read_at(&mut body, frame.position + FRAME_HEADER_BYTES as u64).unwrap();
        let mut cursor = BodyCursor::new(&frame.header);
        while let Some((offset, record)) = cursor.next(&body).unwrap() {
            assert_eq!(offset, BASE.plus(found.len() as u64));
            found.push(record.into_owned());
        }
    }
    found
}

/// Asserts that recovery finds the first `frames` frames of `written`, and that they are durable with nothing behind.
pub(crate) fn assert_recovers(sim: &SimDisk, written: &Written, frames: usize, context: &str) -> Recovered {
    let recovered = recover(sim).unwrap_or_else(|e| panic!("{context}: {e}"));
    assert_eq!(records_of(&recovered), written.records_in(frames), "{context}");
    assert_eq!(recovered.end, written.places[frames], "{context}");
    let durable = sim.durable(&log_name()).expect("the log's name is durable");
    assert!(durable.starts_with(written.front(frames)), "{context}: all that is served is durable");
    let behind = &durable[written.front(frames).len()..];
    assert!(behind.iter().all(|&byte| byte == 0), "{context}: nothing is left behind the end, durably");
    recovered
}

/// Asserts that recovery refuses, and leaves every file as it was.
pub(crate) fn assert_refused(sim: &SimDisk, mode: RecoveryMode, context: &str) -> Error {
    let files = || sim.names().into_iter().map(|name| (sim.cached(&name), name)).collect::<Vec<_>>();
    let before = files();
    let refused = match recover_as(sim, mode) {
        Err(error) => error,
        Ok(recovered) => panic!("{context}: recovered up to {:?}, {:?}", recovered.end, recovered.report),
    };
    assert_eq!(files(), before, "{context}: {refused}");
    refused
}

/// Writes the frames of `records` behind the end of a recovered segment, and syncs them.
pub(crate) fn append_to(recovered: &Recovered, records: &[Record<'static>]) {
    let mut encoder = Encoder::default();
    encoder.encode(recovered.end, recovered.header.salt, recovered.end.offset, records);
    recovered.file.write_at(encoder.bytes(), recovered.end.position).unwrap();
    recovered.file.sync_data().unwrap();
}
