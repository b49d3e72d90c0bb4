//! One set of workloads for all stages, so that their numbers can be laid side by side.
//!
//! A workload is set up once and then does *rounds*. A round is what makes sense to time: one durable append by every
//! producer, one read, one scan, one open. The *calls* inside it are what a caller waits for. Criterion times rounds;
//! [`measure`](mod@crate::measure) has the calls' p50 and p99 as well; a test runs everything [`TINY`](Sizes::TINY).

mod append;
mod read;
mod site;

use std::time::Duration;

use hdrhistogram::Histogram;
use stage01::Stage;

pub use site::Site;

/// Bytes of the value of a record that is appended durably, one by one: a small message or a row.
pub const DURABLE_VALUE_BYTES: usize = 256;

/// Bytes of the value of a record that is appended in batches, scanned and read: a measurement or a log line.
pub const SMALL_VALUE_BYTES: usize = 100;

/// Records in one batch of the buffered append.
pub const BATCH_RECORDS: usize = 1000;

/// What is timed. The names are those of the criterion groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Workload {
    /// One producer appends records of 256 bytes; each waits until its record is durable.
    AppendDurable1,
    /// 16 producers do so at once.
    AppendDurable16,
    /// 64 producers do so at once.
    AppendDurable64,
    /// Batches of 1000 records of 100 bytes into a new log, one sync at the end.
    AppendBuffered,
    /// Reads a whole log, record by record.
    Scan,
    /// Reads single records, all over a log of 10 thousand.
    RandomRead10k,
    /// Reads single records, all over a log of 1 million.
    RandomRead1m,
    /// Opens a log and closes it.
    Reopen,
}

impl Workload {
    /// All workloads, in the order of the tables.
    pub const ALL: [Workload; 8] = [
        Workload::AppendDurable1,
        Workload::AppendDurable16,
        Workload::AppendDurable64,
        Workload::AppendBuffered,
        Workload::Scan,
        Workload::RandomRead10k,
        Workload::RandomRead1m,
        Workload::Reopen,
    ];

    /// The name in results and tables.
    pub fn name(self) -> &'static str {
        match self {
            Workload::AppendDurable1 => "append_durable_1",
            Workload::AppendDurable16 => "append_durable_16",
            Workload::AppendDurable64 => "append_durable_64",
            Workload::AppendBuffered => "append_buffered",
            Workload::Scan => "scan",
            Workload::RandomRead10k => "random_read_10k",
            Workload::RandomRead1m => "random_read_1m",
            Workload::Reopen => "reopen",
        }
    }

    /// How much one round does.
    pub fn work(self, sizes: &Sizes) -> Work {
        Work::Operations(match self {
            Workload::AppendDurable1 | Workload::RandomRead10k | Workload::RandomRead1m | Workload::Reopen => 1,
            Workload::AppendDurable16 => 16,
            Workload::AppendDurable64 => 64,
            Workload::AppendBuffered => sizes.buffered_records,
            Workload::Scan => sizes.scan_records,
        })
    }

    /// Sets the workload up at `site`, which may have a log that suits it already.
    pub fn set_up<S: Stage>(self, site: &mut Site<S>) -> anyhow::Result<Box<dyn Rounds>> {
        let sizes = *site.sizes();
        Ok(match self {
            Workload::AppendDurable1 => Box::new(append::Producers::new(site, 1)?),
            Workload::AppendDurable16 => Box::new(append::Producers::new(site, 16)?),
            Workload::AppendDurable64 => Box::new(append::Producers::new(site, 64)?),
            Workload::AppendBuffered => Box::new(append::Buffered::new(site)),
            Workload::Scan => Box::new(read::Scans::new(site, sizes.scan_records)?),
            Workload::RandomRead10k => Box::new(read::RandomReads::new(site, sizes.short_records)?),
            Workload::RandomRead1m => Box::new(read::RandomReads::new(site, sizes.long_records)?),
            Workload::Reopen => Box::new(read::Reopens::<S>::new(site, sizes.scan_records)?),
        })
    }
}

/// How many records the workloads work on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Records that [`Workload::AppendBuffered`] writes in one round; whole batches.
    pub buffered_records: u64,
    /// The length of the log that is scanned and opened.
    pub scan_records: u64,
    /// The length of the log of [`Workload::RandomRead10k`].
    pub short_records: u64,
    /// The length of the log of [`Workload::RandomRead1m`].
    pub long_records: u64,
}

impl Sizes {
    /// The sizes that the names of the workloads speak of.
    pub const FULL: Sizes =
        Sizes { buffered_records: 100_000, scan_records: 100_000, short_records: 10_000, long_records: 1_000_000 };

    /// Sizes for tests: everything runs, and nothing takes long.
    pub const TINY: Sizes = Sizes { buffered_records: 2_000, scan_records: 500, short_records: 50, long_records: 200 };
}

/// Something that does rounds and says how long they took.
pub trait Rounds {
    /// Does `rounds` rounds and returns the time of all. The time of each call goes to `calls`, in nanoseconds.
    fn run(&mut self, rounds: u64, calls: &mut Histogram<u64>) -> anyhow::Result<Duration>;
}

/// An amount of work, for rates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Records that are appended or read, or logs that are opened.
    Operations(u64),
    /// Bytes that are written or read.
    Bytes(u64),
}

/// A histogram of call times in nanoseconds, exact to three digits.
pub fn call_times() -> Histogram<u64> {
    Histogram::new(3).expect("three digits are a precision that histograms have")
}

/// Notes the time of one call.
pub(crate) fn note_call(calls: &mut Histogram<u64>, time: Duration) {
    calls.record(time.as_nanos() as u64).expect("the histogram grows to hold any number");
}

/// Runs every workload with [`Sizes::TINY`]: a few rounds, each of which has to do its work.
pub fn all_tiny<S: Stage>() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut site = Site::<S>::new(directory.path(), Sizes::TINY);
    for workload in Workload::ALL {
        let run = |site: &mut Site<S>| -> anyhow::Result<()> {
            let mut rounds = workload.set_up(site)?;
            let mut calls = call_times();
            for count in [1, 3] {
                let time = rounds.run(count, &mut calls)?;
                assert!(time > Duration::ZERO, "{} takes no time", workload.name());
            }
            assert!(calls.len() >= 4, "{} makes {} calls in 4 rounds", workload.name(), calls.len());
            Ok(())
        };
        run(&mut site).unwrap_or_else(|error| panic!("{} of {}: {error:#}", workload.name(), S::NAME));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_noted_with_its_time_however_long_it_took() {
        for time in [Duration::from_nanos(70), Duration::from_millis(4), Duration::from_secs(60)] {
            let mut calls = call_times();
            note_call(&mut calls, time);
            let noted = calls.value_at_quantile(0.5) as f64;
            assert!((noted / time.as_nanos() as f64 - 1.0).abs() < 0.001, "{time:?} is noted as {noted} ns");
        }
    }
}
