//! A reader that opens a log while its writer goes on: at each operation of the reader, the writer does something.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};

use lab::records::{FIRST_TIMESTAMP_MS, record, records};
use lab::sim::SimDisk;
use stage05::header::SEGMENT_HEADER_BYTES;
use stage05::salt::SaltSource;
use stage05::{
    Access, CompactOptions, Disk, DiskFile, DiskLock, Framed, Log, Offset, Preparation, Reader, Scan, SegmentOptions,
    SegmentedLog, SegmentedReader,
};

type Writer = SegmentedLog<Framed>;

/// What the writer does in one moment. It may be gone behind it.
type Deed = fn(Writer) -> Option<Writer>;

/// Counts a reader's operations, and lets the writer do its deed in front of one of them.
#[derive(Clone)]
struct Moment {
    left: Arc<Mutex<(u64, Option<Writer>)>>,
    deed: Deed,
}

impl Moment {
    fn pass(&self) {
        let mut left = self.left.lock().unwrap();
        left.0 = left.0.wrapping_sub(1);
        if left.0 == 0 {
            let writer = left.1.take().expect("the writer is there");
            left.1 = (self.deed)(writer);
        }
    }
}

/// The disk as the reader sees it.
struct ReadersDisk {
    sim: SimDisk,
    moment: Moment,
}

struct ReadersFile {
    file: Arc<dyn DiskFile>,
    moment: Moment,
}

macro_rules! debug_by_name {
    ($($name:ident),*) => { $(impl std::fmt::Debug for $name {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str(stringify!($name))
        }
    })* };
}
debug_by_name!(ReadersDisk, ReadersFile);

impl Disk for ReadersDisk {
    fn path(&self) -> &Path {
        self.sim.path()
    }
    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        panic!("a reader creates {name}")
    }
    fn open(&self, name: &str, access: Access) -> io::Result<Arc<dyn DiskFile>> {
        self.moment.pass();
        let file = self.sim.open(name, access)?;
        Ok(Arc::new(ReadersFile { file, moment: self.moment.clone() }))
    }
    fn list(&self) -> io::Result<Vec<String>> {
        self.moment.pass();
        self.sim.list()
    }
    fn rename(&self, from: &str, _: &str) -> io::Result<()> {
        panic!("a reader renames {from}")
    }
    fn remove(&self, name: &str) -> io::Result<()> {
        panic!("a reader removes {name}")
    }
    fn sync_directory(&self) -> io::Result<()> {
        panic!("a reader syncs the directory")
    }
    fn lock(&self) -> io::Result<DiskLock> {
        panic!("a reader locks the directory")
    }
}

impl DiskFile for ReadersFile {
    fn path(&self) -> &Path {
        self.file.path()
    }
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        self.moment.pass();
        self.file.read_at(buffer, position)
    }
    fn write_at(&self, _: &[u8], position: u64) -> io::Result<()> {
        panic!("a reader writes at {position}")
    }
    fn length(&self) -> io::Result<u64> {
        self.moment.pass();
        self.file.length()
    }
    fn truncate(&self, length: u64) -> io::Result<()> {
        panic!("a reader cuts at {length}")
    }
    fn sync_data(&self) -> io::Result<()> {
        panic!("a reader syncs")
    }
    fn os_file(&self) -> Option<&File> {
        None
    }
}

/// Segments that end after a few records; or that do not, so that the writer's frames come into the file that is read.
const SEGMENT_BYTES: [u64; 2] = [300, 20_000];

fn options(preparation: Preparation, segment_bytes: u64) -> SegmentOptions {
    let bytes = SEGMENT_HEADER_BYTES as u64 + segment_bytes;
    SegmentOptions { index_interval_bytes: 100, preparation, ..SegmentOptions::with_segment_bytes(bytes) }
}

fn storage() -> Framed {
    Framed::with_salts(SaltSource::Fixed(3))
}

/// Appends record by record, each with its sync: a segment ends after two or three of them.
fn append(mut log: Writer, count: u64) -> Writer {
    for _ in 0..count {
        log.append_durable(&record(log.next_offset())).unwrap();
    }
    log
}

/// Three records whose frames share a sync.
fn append_group(mut log: Writer) -> Writer {
    for _ in 0..3 {
        log.append(&records(log.next_offset(), 1)).unwrap();
    }
    log.sync().unwrap();
    log
}

fn delete(mut log: Writer) -> Writer {
    let limit = Offset(log.next_offset().0 - 2);
    log.delete_before(limit).unwrap();
    log
}

fn compact(log: Writer) -> Writer {
    log.maintenance().compact(FIRST_TIMESTAMP_MS, &CompactOptions::default()).unwrap();
    log.maintenance().compress().unwrap();
    log
}

const DEEDS: [(&str, Deed); 8] = [
    ("an append", |log| Some(append(log, 1))),
    ("some appends, and rolls", |log| Some(append(log, 7))),
    ("appends that share a sync", |log| Some(append_group(log))),
    ("an append and deletion", |log| Some(delete(append(log, 1)))),
    ("rolls, and deletion of all that was there", |log| Some(delete(append(log, 12)))),
    ("compaction and compression", |log| Some(compact(log))),
    ("all of it", |log| Some(append(compact(delete(append(log, 5))), 3))),
    ("the end", |log| {
        drop(append(log, 1));
        None
    }),
];

/// Opens a reader, with the deed in front of its operation `nth`. Returns whether there was one so late.
fn open_in_the_moment(deed: Deed, nth: u64, options: SegmentOptions, context: &str) -> bool {
    let sim = SimDisk::new();
    let log = SegmentedLog::open(&sim.disk(), storage(), options).unwrap();
    let log = append(log, 9);
    let durable = log.next_offset();
    let moment = Moment { left: Arc::new(Mutex::new((nth, Some(log)))), deed };
    let disk: Arc<dyn Disk> = Arc::new(ReadersDisk { sim, moment: moment.clone() });
    let reader = SegmentedReader::open(&disk, storage(), &options)
        .unwrap_or_else(|error| panic!("{context}: the log does not open: {error}"));
    assert!(reader.end() >= durable, "{context}: the reader ends at {}", reader.end());
    let mut scan = reader.scan(reader.start()).unwrap_or_else(|error| panic!("{context}: no scan: {error}"));
    let mut next = reader.start();
    while let Some(entry) = scan.next().unwrap_or_else(|error| panic!("{context}: behind {next}: {error}")) {
        // Of the records here, compaction drops those whose key comes again; no two neighbours.
        assert!(entry.offset >= next && entry.offset.0 <= next.0 + 1, "{context}: {} for {next}", entry.offset);
        assert_eq!(entry.record, record(entry.offset), "{context}: record {}", entry.offset);
        next = entry.offset.next();
    }
    assert_eq!(next, reader.end(), "{context}");
    moment.left.lock().unwrap().0 >= u64::MAX / 2
}

/// Whatever happens while a reader opens, it sees the log of some moment: whole, and no less than was durable before.
#[test]
fn a_reader_that_opens_while_segments_come_and_go_sees_one_moment() {
    let kinds = [Preparation::None, Preparation::AtRoll].into_iter();
    for options in kinds.flat_map(|preparation| SEGMENT_BYTES.map(|bytes| options(preparation, bytes))) {
        for (name, deed) in DEEDS {
            let mut nth = 1;
            let context =
                |nth| format!("{name} in front of operation {nth}, segments of {} bytes", options.segment_bytes_max);
            while open_in_the_moment(deed, nth, options, &context(nth)) {
                nth += 1;
            }
            assert!(nth > 8, "{name}: the reader opened in {nth} operations");
        }
    }
}
