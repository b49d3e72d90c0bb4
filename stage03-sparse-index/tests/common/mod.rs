//! Small logs whose index has many entries, and what must be true of whatever reads them.
#![allow(dead_code, unreachable_pub, reason = "each test file uses a part of it")]

use std::fmt::Display;
use std::sync::Arc;

use lab::records::{record, records};
use lab::sim::SimDisk;
use stage03::{Disk, IndexedLog, IndexedReader, JsonLines, Log, Offset, Reader, Scan};

/// The names on the disk, as the chapter gives them.
pub const LOG: &str = "log.jsonl";
pub const INDEX: &str = "log.index";
pub const NEW_INDEX: &str = "log.index.new";

/// Small, so that every few records have an entry.
pub const INTERVAL: u64 = 300;

pub fn open(disk: &Arc<dyn Disk>) -> IndexedLog {
    IndexedLog::open_with_interval(disk, JsonLines, INTERVAL).expect("the log opens")
}

pub fn open_reader(disk: &Arc<dyn Disk>) -> IndexedReader {
    IndexedReader::open_with_interval(disk, JsonLines, INTERVAL).expect("the log opens for reading")
}

/// Appends the laboratory's next records, each one durable before the next.
pub fn append(log: &mut IndexedLog, count: u64) {
    for record in records(log.next_offset(), count) {
        log.append_durable(&record).expect("an append");
    }
}

/// A closed log of the laboratory's first `count` records: its file and its index.
pub fn closed_log(count: u64) -> (Vec<u8>, Vec<u8>) {
    let sim = SimDisk::new();
    append(&mut open(&sim.disk()), count);
    (sim.cached(LOG).unwrap(), sim.cached(INDEX).unwrap())
}

/// A disk with a log and an index.
pub fn disk_with(log: &[u8], index: &[u8]) -> SimDisk {
    SimDisk::with_files([(LOG, log), (INDEX, index)])
}

/// Every record can be read alone, and scans from anywhere reach the end.
pub fn assert_reads_right<R: Reader>(reader: &R, count: u64, context: &dyn Display) {
    assert_eq!(reader.end(), Offset(count), "{context}");
    for offset in (0..count).map(Offset) {
        let read = reader.read(offset).unwrap_or_else(|e| panic!("{context}: record {offset}: {e}"));
        assert_eq!(read, Some(record(offset)), "{context}: record {offset}");
    }
    for offset in [count, count + 1, u64::MAX].map(Offset) {
        assert_eq!(reader.read(offset).unwrap(), None, "{context}: record {offset}, behind the end");
    }
    let mut scan = reader.scan(Offset(count / 2)).unwrap();
    for offset in (count / 2..count).map(Offset) {
        let entry = scan.next().unwrap().unwrap_or_else(|| panic!("{context}: the scan ends before {offset}"));
        assert_eq!((entry.offset, entry.record), (offset, record(offset)), "{context}");
    }
    assert_eq!(scan.next().unwrap(), None, "{context}");
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
