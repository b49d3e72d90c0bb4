//! Compressed segments: the same records in fewer bytes.

use lab::records::record_of;
use lab::sim::SimDisk;
use stage04::packed::BLOCK_BYTES;
use stage04::{
    Access, CompactOptions, Compression, JsonSegments, Log, Offset, PackedFile, Reader, Record, SegmentOptions,
    SegmentedLog,
};

use super::{append_to, numbered, open, scan_all, scan_from, small, strays};

fn bytes_on(sim: &SimDisk) -> usize {
    let is_log = |name: &String| name.ends_with(".log") || name.ends_with(".packed");
    sim.names().into_iter().filter(is_log).filter_map(|name| sim.cached(&name)).map(|content| content.len()).sum()
}

/// Every record is read from any offset as before, by readers that were there and after a reopen; the log goes on.
#[test]
fn a_compressed_log_reads_as_before() {
    let sim = SimDisk::new();
    let log = append_to(open(&sim, small()), 60);
    let (before, mut old_scan) = (log.reader(), log.reader().scan(Offset(0)).unwrap());
    log.maintenance().compress().unwrap();
    assert_eq!(sim.names().iter().filter(|name| name.ends_with(".log")).count(), 1, "{:?}", sim.names());
    for from in 0..60 {
        assert_eq!(scan_from(&before, Offset(from)), numbered(from..60));
        assert_eq!(stage04::Scan::next(&mut old_scan).unwrap().map(|entry| entry.offset), Some(Offset(from)));
    }
    drop(log);
    let log = append_to(open(&sim, small()), 70);
    assert_eq!(scan_all(&log.reader()), numbered(0..70));
    assert_eq!(strays(&sim), [""; 0]);
}

/// Text becomes smaller, by as much as is reported, and once: what was rewritten is left alone.
#[test]
fn compression_gives_bytes_back() {
    let sim = SimDisk::new();
    let mut log = open(&sim, SegmentOptions { segment_bytes_max: 50_000, ..small() });
    for offset in 0..100 {
        let value = format!("the same words again and again, {offset}; ").repeat(40);
        log.append_durable(&Record::new(offset, value.into_bytes())).unwrap();
    }
    log.roll().unwrap();
    let before = bytes_on(&sim);
    let saved = log.maintenance().compress().unwrap();
    assert_eq!(bytes_on(&sim), before - saved as usize);
    assert!(bytes_on(&sim) * 4 < before, "{} of {before} bytes", bytes_on(&sim));
    assert_eq!(log.maintenance().compress().unwrap(), 0);
}

/// A compaction that says nothing about it leaves compressed what was compressed, and what was not as it was. Neighbours
/// that become one segment are compressed if one of them was.
#[test]
fn compaction_keeps_the_compression() {
    use Compression::{Lz4, None};
    let value = "the same words again and again; ".repeat(40).into_bytes();
    // Each segment begins with a record that the next one makes obsolete.
    let append_segment = |log: &mut SegmentedLog<JsonSegments>, segment: u64| {
        for key in [0].into_iter().chain(20 * segment + 1..20 * segment + 20) {
            log.append_durable(&Record::new(0, value.clone()).with_key(key.to_le_bytes().to_vec())).unwrap();
        }
        log.roll().unwrap();
    };
    let cases: [(u64, u64, &[Compression]); 6] = [
        (0, 1, &[None, None, None]),
        (1, 1, &[Lz4, None, None]),
        (3, 1, &[Lz4, Lz4, Lz4]),
        (0, 1 << 20, &[None]),
        (1, 1 << 20, &[Lz4]),
        (3, 1 << 20, &[Lz4]),
    ];
    for (compressed, segment_bytes_max, expected) in cases {
        let sim = SimDisk::new();
        let mut log = open(&sim, SegmentOptions { segment_bytes_max: 50_000, ..small() });
        (0..compressed).for_each(|segment| append_segment(&mut log, segment));
        log.maintenance().compress().unwrap();
        (compressed..4).for_each(|segment| append_segment(&mut log, segment));
        log.maintenance().compact(0, &CompactOptions { segment_bytes_max, ..CompactOptions::default() }).unwrap();
        assert_eq!(compressions(&sim), expected, "of {compressed} compressed segments, {:#?}", sim.names());
    }
}

/// What the rewritten segments say of themselves.
fn compressions(sim: &SimDisk) -> Vec<Compression> {
    let packed = sim.names().into_iter().filter(|name| name.ends_with(".packed"));
    let open = |name: String| PackedFile::open(sim.disk().open(&name, Access::Read).unwrap()).unwrap();
    packed.map(|name| open(name).options().compression).collect()
}

/// One record costs the blocks that it lies in, however large the segment is.
#[test]
fn a_read_costs_a_few_blocks() {
    let sim = SimDisk::new();
    let mut log = open(&sim, SegmentOptions::with_segment_bytes(1 << 22));
    for first in (0..4000).step_by(100) {
        log.append(&(first..first + 100).map(|offset| record_of(Offset(offset), 200)).collect::<Vec<_>>()).unwrap();
    }
    log.roll().unwrap();
    log.maintenance().compress().unwrap();
    let reader = log.reader();
    reader.read(Offset(0)).unwrap();
    for offset in (0..4000).step_by(37).map(Offset) {
        let before = sim.bytes_read();
        assert_eq!(reader.read(offset).unwrap(), Some(record_of(offset, 200)));
        let cost = sim.bytes_read() - before;
        // Two reads that start at an index entry, each of which may cross a border between blocks.
        assert!(cost <= 4 * u64::from(BLOCK_BYTES), "record {offset} cost {cost} bytes");
    }
}
