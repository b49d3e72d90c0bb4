//! What each preset of the durability spectrum loses when the power goes, and how fast it is.
//!
//! ```text
//! cargo run --release -p stage05 --example spectrum [-- DIR]
//! ```
//!
//! The losses are tried on the laboratory's disk, with a clock of its own: ten records a second come for forty seconds,
//! and the power is cut at every operation. The rates are those of the disk that has DIR, which is the working directory
//! if none is named: 1 and 16 threads write values of 256 bytes, and each waits for its answer.
//!
//! The output has a line for each preset, its fields separated by tabs. The book's table is made from such a file.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use anyhow::Result;
use lab::awake::Awake;
use lab::records::record_of;
use lab::spectrum::{Clock, Timeline, Window, measure};
use lab::workloads::DURABLE_VALUE_BYTES;
use stage05::kv::{KvOptions, KvStore, WriteBatch};
use stage05::spectrum::{Preset, WAL_WRITER_DELAY};
use stage05::{Disk, Framed, GroupCommit, Offset, OsDisk, SegmentOptions, SegmentedLog};

/// After how long Linux writes out what nobody has synced, unless it is told otherwise.
const WRITE_BACK_AFTER: Duration = Duration::from_secs(30);

/// How often each rate is measured, and how long.
const ROUNDS: usize = 5;
const TIME: Duration = Duration::from_millis(400);

const PRODUCERS: [usize; 2] = [1, 16];

/// The presets in the order of the table, and which of its writes are precious: every so many-th, or none.
const CASES: [(&str, Preset, u64); 6] = [
    ("PostgresLike", Preset::PostgresLike, 1),
    ("RocksDbLike, sync: true", Preset::RocksDbLike, 1),
    ("RocksDbLike, sync: true for one write in ten", Preset::RocksDbLike, 10),
    ("Interval(200 ms)", Preset::Interval(WAL_WRITER_DELAY), u64::MAX),
    ("RocksDbLike, sync: false", Preset::RocksDbLike, u64::MAX),
    ("KafkaLike", Preset::KafkaLike, u64::MAX),
];

fn main() -> Result<()> {
    let directory = env::args_os().nth(1).map_or_else(|| PathBuf::from("."), PathBuf::from);
    println!("# {}", machine());
    println!("# preset\tlost at most\twindow in ms\tper second, 1 thread\tper second, 16 threads");
    let rates = rates(&directory)?;
    for ((name, preset, precious), rates) in CASES.iter().zip(rates) {
        let Window { lost_max, time_max, .. } = lost(*preset, *precious)?;
        let rates: Vec<String> = rates.iter().map(|rate| format!("{rate:.0}")).collect();
        println!("{name}\t{lost_max}\t{}\t{}", time_max.as_millis(), rates.join("\t"));
    }
    Ok(())
}

/// For each case, the rates with 1 and with 16 threads. In each round every case has its turn, so that a slow moment of
/// the machine does not fall on one of them; what counts is the median.
fn rates(directory: &Path) -> Result<Vec<[f64; PRODUCERS.len()]>> {
    let _awake = Awake::start();
    let mut measured = vec![[const { Vec::new() }; PRODUCERS.len()]; CASES.len()];
    for _ in 0..ROUNDS {
        for ((_, preset, precious), rates) in CASES.iter().zip(&mut measured) {
            for (producers, rates) in PRODUCERS.iter().zip(rates) {
                rates.push(rate(*preset, *precious, *producers, directory)?);
            }
        }
    }
    let median = |mut rates: Vec<f64>| {
        rates.sort_by(f64::total_cmp);
        rates[ROUNDS / 2]
    };
    Ok(measured.into_iter().map(|rates| rates.map(median)).collect())
}

/// What power cuts take of a log with this preset.
fn lost(preset: Preset, precious: u64) -> Result<Window> {
    let timeline = Timeline { appends: 400, step: Duration::from_millis(100), states_max: 8 };
    // The laboratory has a clock of its own, and asks for the sync when it is due there.
    let (preset, clock) = match preset {
        Preset::Interval(interval) => (Preset::Interval(Duration::from_secs(24 * 3600)), Clock::SyncEvery(interval)),
        preset => (preset, Clock::WriteBackEvery(WRITE_BACK_AFTER)),
    };
    let open = |disk: Arc<dyn Disk>| {
        let log = SegmentedLog::open(&disk, Framed::default(), SegmentOptions::default())?;
        Ok(GroupCommit::new(log, preset.options()))
    };
    let window = measure(&timeline, clock, open, |log, record| {
        let offset = GroupCommit::append(log, record)?;
        // What the store does for a write that asks.
        if preset == Preset::RocksDbLike && is_precious(offset.0, precious) {
            GroupCommit::sync(log)?;
        }
        Ok(offset)
    })?;
    Ok(window)
}

/// How many writes a second are answered.
fn rate(preset: Preset, precious: u64, producers: usize, directory: &Path) -> Result<f64> {
    let directory = tempfile::tempdir_in(directory)?;
    let disk: Arc<dyn Disk> = Arc::new(OsDisk::existing(directory.path())?);
    if preset == Preset::RocksDbLike {
        let store = KvStore::open(&disk, KvOptions::default())?;
        return answered_per_second(producers, |number| {
            let mut batch = WriteBatch::new();
            batch.put(&(number % 1000).to_le_bytes(), &record_of(Offset(number), DURABLE_VALUE_BYTES).value);
            store.write(batch, preset.write_options(is_precious(number, precious)))
        });
    }
    let log = SegmentedLog::open(&disk, Framed::default(), SegmentOptions::default())?;
    let log = GroupCommit::new(log, preset.options());
    answered_per_second(producers, |number| log.append(record_of(Offset(number), DURABLE_VALUE_BYTES)))
}

/// Whether this write is one of those that wait for a sync.
fn is_precious(number: u64, precious: u64) -> bool {
    precious != u64::MAX && (number + 1).is_multiple_of(precious)
}

/// Lets so many threads write one after the other for a while, and says how many writes came to an end in a second.
fn answered_per_second(producers: usize, write: impl Fn(u64) -> stage05::Result<Offset> + Sync) -> Result<f64> {
    let (stop, answered) = (AtomicBool::new(false), AtomicU64::new(0));
    let produce = || -> stage05::Result<()> {
        for number in 0.. {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            write(number)?;
            answered.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    };
    thread::scope(|scope| {
        let start = Instant::now();
        let threads: Vec<_> = (0..producers).map(|_| scope.spawn(produce)).collect();
        thread::sleep(TIME);
        let rate = answered.load(Ordering::Relaxed) as f64 / start.elapsed().as_secs_f64();
        stop.store(true, Ordering::Relaxed);
        for thread in threads {
            thread.join().expect("a producer reports and does not panic")?;
        }
        Ok(rate)
    })
}

/// The machine in a few words, as far as it tells.
fn machine() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let processors = read("/proc/cpuinfo");
    let model = processors.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    let model = model.map_or("a processor", |(_, name)| name.trim());
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let kernel = read("/proc/sys/kernel/osrelease");
    format!("{model}, {cores} cores, {} {}", env::consts::OS, kernel.trim())
}
