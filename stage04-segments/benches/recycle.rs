//! What it costs to end a segment, begin the next and delete the oldest, with its file recycled and without:
//! `cargo bench -p stage04 --bench recycle`. Appending is not counted.

use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use lab::awake::Awake;
use stage04::{Disk, JsonSegments, Log, OsDisk, Preparation, Record, SegmentOptions, SegmentedLog};

const SEGMENT_BYTES: u64 = 16 * 1024 * 1024;
const RECORD_BYTES: usize = 1_000_000;

/// A log of three segments and a newest, in a directory of its own.
struct Bench {
    log: SegmentedLog<JsonSegments>,
    record: Record<'static>,
    _directory: tempfile::TempDir,
}

impl Bench {
    fn new(recycle: bool) -> Bench {
        let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
        let disk: Arc<dyn Disk> = Arc::new(OsDisk::existing(directory.path()).expect("a directory"));
        let options = SegmentOptions { preparation: Preparation::AtRoll, recycle, ..SegmentOptions::default() };
        let options = SegmentOptions { segment_bytes_max: SEGMENT_BYTES, ..options };
        let log = SegmentedLog::open(&disk, JsonSegments, options).expect("the log opens");
        let record = Record::new(0, vec![b'x'; RECORD_BYTES]);
        let mut bench = Bench { log, record, _directory: directory };
        for _ in 0..3 {
            bench.round();
        }
        bench
    }

    /// Fills the newest segment; then the time that it takes to roll, and to delete what is older than three segments.
    fn round(&mut self) -> Duration {
        for _ in 0..SEGMENT_BYTES as usize / RECORD_BYTES - 1 {
            self.log.append(std::slice::from_ref(&self.record)).expect("the disk takes a record");
        }
        self.log.sync().expect("the disk syncs");
        let oldest = self.log.next_offset().0.saturating_sub(3 * SEGMENT_BYTES / RECORD_BYTES as u64);
        let start = Instant::now();
        self.log.roll().expect("the log rolls");
        self.log.delete_before(stage04::Offset(oldest)).expect("the oldest segment goes");
        start.elapsed()
    }
}

fn recycle(criterion: &mut Criterion) {
    let _awake = Awake::start();
    let mut group = criterion.benchmark_group("roll_and_delete");
    group.sample_size(20);
    for (name, recycle) in [("removed", false), ("recycled", true)] {
        let mut bench = Bench::new(recycle);
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|rounds| (0..rounds).map(|_| bench.round()).sum());
        });
    }
    group.finish();
}

criterion_group!(benches, recycle);
criterion_main!(benches);
