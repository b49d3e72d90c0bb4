//! The log of stage 5 beside engines that people use: a database, two write-ahead logs, and an LSM tree.
//!
//! ```text
//! cargo run --release --manifest-path lab/peers/Cargo.toml [-- --seconds 2 --rounds 5]
//! ```
//!
//! All of them keep 1 KiB values, durably, from 1, 16 and 64 threads, and batches of 100-byte values, which they may
//! leave to the operating system. In every round each engine has its turn, in another order, so that a slow moment of
//! the machine does not fall on one of them; the table has the medians. The last row is no engine: a bare file, written
//! and synced with as many values at a time as the log of stage 5 had for a sync in the same round.

mod bare;
mod engines;
mod table;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Parser;
use lab::awake::Awake;

use engines::Engine;
use table::Table;

/// Compares the log of stage 5 with other engines.
#[derive(Debug, Parser)]
struct Arguments {
    /// How long each engine runs in each round.
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
    /// How many rounds there are; the table has their medians.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Where to write: on the disk that is to be measured.
    #[arg(long, default_value = ".")]
    directory: PathBuf,
    /// Only the engines whose names begin so, and the bare file.
    #[arg(long, default_value = "")]
    only: String,
}

const PRODUCERS: [usize; 3] = [1, 16, 64];
const DURABLE_BYTES: usize = 1024;
const BUFFERED_BYTES: usize = 100;
const BATCH: usize = 1000;

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let time = Duration::from_secs_f64(arguments.seconds);
    let _awake = Awake::start();
    let mut table = Table::default();
    for round in 0..arguments.rounds {
        eprintln!("round {} of {}", round + 1, arguments.rounds);
        for producers in PRODUCERS {
            let column = format!("durable, {producers}");
            let mut group = 1.0;
            for name in in_turn(round).filter(|name| name.starts_with(&arguments.only)) {
                let work = |engine: &dyn Engine| Ok((durable(engine, producers, time)?, engine.values_per_sync()));
                let (rate, values_per_sync) = run(name, &arguments.directory, work)?;
                table.add(name, &column, rate);
                group = values_per_sync.unwrap_or(group);
            }
            let bytes = (DURABLE_BYTES as f64 * group) as usize;
            table.add("bare file", &column, bare::durable(&arguments.directory, bytes, time)? * group);
            eprintln!("{producers} producers: stage05 had {group:.1} values for a sync, and so has the bare file");
        }
        for name in in_turn(round).filter(|name| name.starts_with(&arguments.only)) {
            let rate = run(name, &arguments.directory, |engine| buffered(engine, time))?;
            table.add(name, "buffered", rate);
        }
        table.add(
            "bare file",
            "buffered",
            bare::buffered(&arguments.directory, BUFFERED_BYTES * BATCH, time)? * BATCH as f64,
        );
    }
    println!("{table}");
    Ok(())
}

/// The engines, another one first in each round.
fn in_turn(round: usize) -> impl Iterator<Item = &'static str> {
    (0..engines::NAMES.len()).map(move |i| engines::NAMES[(i + round) % engines::NAMES.len()])
}

fn run<T>(name: &str, directory: &Path, work: impl FnOnce(&dyn Engine) -> Result<T>) -> Result<T> {
    let directory = tempfile::tempdir_in(directory)?;
    let engine = engines::open(name, directory.path()).with_context(|| format!("{name} opens"))?;
    work(&*engine).with_context(|| name.to_string())
}

/// Values a second that `producers` threads append, each waiting for its own.
fn durable(engine: &dyn Engine, producers: usize, time: Duration) -> Result<f64> {
    let (stop, count) = (AtomicBool::new(false), AtomicU64::new(0));
    let value = vec![b'x'; DURABLE_BYTES];
    let start = Instant::now();
    thread::scope(|scope| {
        let produce = || -> Result<()> {
            while !stop.load(Ordering::Relaxed) {
                engine.append_durable(&value)?;
                count.fetch_add(1, Ordering::Relaxed);
            }
            Ok(())
        };
        let threads: Vec<_> = (0..producers).map(|_| scope.spawn(produce)).collect();
        thread::sleep(time);
        stop.store(true, Ordering::Relaxed);
        threads.into_iter().try_for_each(|thread| thread.join().expect("no producer panics"))
    })?;
    Ok(count.load(Ordering::Relaxed) as f64 / start.elapsed().as_secs_f64())
}

/// Values a second that one thread appends in batches. Zero: the engine cannot.
fn buffered(engine: &dyn Engine, time: Duration) -> Result<f64> {
    let values = vec![vec![b'x'; BUFFERED_BYTES]; BATCH];
    let start = Instant::now();
    let mut count = 0;
    while start.elapsed() < time {
        let Some(appended) = engine.append_buffered(&values) else { return Ok(0.0) };
        appended?;
        count += values.len();
    }
    Ok(count as f64 / start.elapsed().as_secs_f64())
}
