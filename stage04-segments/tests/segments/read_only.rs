//! Reading a log that another process writes.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use lab::sim::SimDisk;
use stage04::{Access, Disk, DiskFile, DiskLock, JsonSegments, Log, Offset, Reader, SegmentedReader};

use super::{append_to, compact_each, numbered, one_record_each, open, scan_all, small};

fn read_only(disk: &Arc<dyn Disk>) -> SegmentedReader<JsonSegments> {
    SegmentedReader::open(disk, JsonSegments, &small()).expect("the log opens for reading")
}

/// A reader opened at any moment sees the records that are whole then, keeps seeing them whatever the writer deletes or
/// rewrites, and leaves no trace on the disk.
#[test]
fn a_reader_beside_a_writer_sees_one_moment() {
    let sim = SimDisk::new();
    let mut log = open(&sim, small());
    let mut readers = Vec::new();
    for count in 1..40 {
        log = append_to(log, count);
        let (events, strays) = (sim.trace().events().len(), sim.names());
        let reader = read_only(&sim.disk());
        assert_eq!(scan_all(&reader), numbered(0..count));
        readers.push((count, reader));
        assert_eq!((sim.trace().events().len(), sim.names()), (events, strays), "a reader changes nothing");
    }
    log.maintenance().compress().unwrap();
    log.maintenance().compact(0, &compact_each()).unwrap();
    log.delete_before(Offset(30)).unwrap();
    for (count, reader) in readers {
        assert_eq!(scan_all(&reader), numbered(0..count), "the reader of {count} records");
    }
    let start = log.reader().start();
    assert!(start > Offset(20), "{start}");
    assert_eq!(read_only(&sim.disk()).start(), start);
}

/// A directory without a log is not a log without records.
#[test]
fn there_is_nothing_to_read_where_there_is_no_log() {
    let nothing = SegmentedReader::open(&SimDisk::new().disk(), JsonSegments, &small());
    let is_not_found = |e: &io::Error| e.kind() == io::ErrorKind::NotFound;
    assert!(matches!(&nothing, Err(stage04::Error::Io { cause, .. }) if is_not_found(cause)), "{nothing:?}");
}

/// A directory that another process changes while it is listed: the first list lacks a file.
#[derive(Debug)]
struct Changing {
    sim: SimDisk,
    missed: String,
    lists: AtomicUsize,
}

impl Disk for Changing {
    fn path(&self) -> &Path {
        self.sim.path()
    }
    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        self.sim.create(name)
    }
    fn open(&self, name: &str, access: Access) -> io::Result<Arc<dyn DiskFile>> {
        self.sim.open(name, access)
    }
    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = self.sim.list()?;
        if self.lists.fetch_add(1, Ordering::Relaxed) == 0 {
            names.retain(|name| *name != self.missed);
        }
        Ok(names)
    }
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.sim.rename(from, to)
    }
    fn remove(&self, name: &str) -> io::Result<()> {
        self.sim.remove(name)
    }
    fn sync_directory(&self) -> io::Result<()> {
        self.sim.sync_directory()
    }
    fn lock(&self) -> io::Result<DiskLock> {
        self.sim.lock()
    }
}

/// A list of names is not one moment: a segment that is rewritten meanwhile may be missed under both of its names. A
/// reader that believed it would start too late, or have a hole.
#[test]
fn a_list_that_missed_a_segment_is_made_again() {
    let sim = SimDisk::new();
    drop(one_record_each(&sim, 5));
    for missed in sim.names().into_iter().filter(|name| name.ends_with(".log")) {
        let disk = Changing { sim: sim.clone(), missed: missed.clone(), lists: AtomicUsize::new(0) };
        assert_eq!(scan_all(&read_only(&(Arc::new(disk) as Arc<dyn Disk>))), numbered(0..5), "without {missed}");
    }
}
