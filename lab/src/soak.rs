//! A day in the life of a log: random traffic, random upkeep and random crashes, held against a model.
//!
//! Whatever is done to a log by its seed is done to a list of records as well. Whenever the log was opened, and now and
//! then in between, it is read from its start to its end and compared. The clock is the laboratory's: a day passes in
//! seconds.

mod day;

use std::fmt;
use std::sync::Arc;

use stage01::{Disk, Log, Offset, Result};

use crate::crash::life::without_panic;
use crate::random::{SEED_VARIABLE, seed_of_this_run};
use crate::records::FIRST_TIMESTAMP_MS;
use crate::sim::Lens;
use day::Day;

/// How long the life is, by its own clock.
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// A log that can be soaked. What a stage cannot do, it leaves out.
pub trait Subject: 'static {
    /// The log.
    type Log: Log;

    /// What a power cut may do to it.
    const LENSES: &'static [Lens] = &[Lens::PowerCut];

    /// Opens the log, or makes one; with small files, so that a day has many of them.
    fn open(disk: Arc<dyn Disk>) -> Result<Self::Log>;

    /// Closes the log. All that was appended is there when it is opened again.
    fn close(log: Self::Log) -> Result<()> {
        drop(log);
        Ok(())
    }

    /// Ends the newest file and begins the next.
    fn roll(log: &mut Self::Log) -> Result<()> {
        let _ = log;
        Ok(())
    }

    /// Deletes records in front of `limit`, and none behind it.
    fn delete_before(log: &mut Self::Log, limit: Offset) -> Result<()> {
        let _ = (log, limit);
        Ok(())
    }

    /// Compacts what it can: of each key the latest record stays, and if it is a tombstone, may go by its age.
    fn compact(log: &mut Self::Log, now_ms: u64) -> Result<()> {
        let _ = (log, now_ms);
        Ok(())
    }
}

/// What a soak did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are what their names say")]
pub struct Soaked {
    pub cycles: u64,
    pub appended: u64,
    pub deleted: u64,
    pub kills: u64,
    pub power_cuts: u64,
    /// How often the whole log was read and compared.
    pub checks: u64,
}

impl fmt::Display for Soaked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Soaked { cycles, appended, deleted, kills, power_cuts, checks } = self;
        write!(f, "{cycles} cycles: {appended} records appended, {deleted} deleted, ")?;
        write!(f, "{kills} kills, {power_cuts} power cuts, {checks} checks")
    }
}

/// A day of `cycles` cycles. The same seed gives the same day.
///
/// # Panics
///
/// If the log gives an error, or holds anything else than it should; with the seed and the last actions.
pub fn run<S: Subject>(seed: u64, cycles: u64) -> Soaked {
    let mut day = Day::<S>::new(seed);
    for cycle in 0..cycles {
        day.now_ms = FIRST_TIMESTAMP_MS + cycle * DAY_MS / cycles;
        let done = without_panic(|| Ok(day.cycle())).unwrap_or_else(|panicked| Err(panicked.what));
        done.unwrap_or_else(|what| {
            let actions: Vec<_> = day.actions.iter().map(|action| format!("  {action}\n")).collect();
            let seeds = format!("seed {seed}, {SEED_VARIABLE}={}", seed_of_this_run());
            panic!("{what}\nin cycle {cycle}, {seeds}, behind these actions:\n{}", actions.concat())
        });
        day.soaked.cycles += 1;
    }
    println!("{}", day.soaked);
    day.soaked
}
