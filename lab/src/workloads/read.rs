//! The workloads that read and open.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::ensure;
use hdrhistogram::Histogram;
use stage01::{Disk, Log, Offset, Reader, Scan, Stage};

use super::{Rounds, SMALL_VALUE_BYTES, Site, note_call};

/// Reads a whole log; a round is one call.
pub(super) struct Scans<R> {
    reader: R,
    records: u64,
}

impl<R: Reader> Scans<R> {
    pub(super) fn new<S: Stage>(site: &mut Site<S>, records: u64) -> stage01::Result<Scans<R>>
    where
        S::Log: Log<Reader = R>,
    {
        Ok(Scans { reader: S::open(site.log_of(records)?)?.reader(), records })
    }
}

impl<R: Reader> Rounds for Scans<R> {
    fn run(&mut self, rounds: u64, calls: &mut Histogram<u64>) -> anyhow::Result<Duration> {
        let start = Instant::now();
        for _ in 0..rounds {
            let call = Instant::now();
            let (mut records, mut bytes) = (0, 0);
            let mut scan = self.reader.scan(Offset(0))?;
            while let Some(entry) = scan.next()? {
                records += 1;
                bytes += entry.record.value.len();
            }
            note_call(calls, call.elapsed());
            ensure!(records == self.records && bytes == records as usize * SMALL_VALUE_BYTES, "{records} records");
        }
        Ok(start.elapsed())
    }
}

/// Reads one record after another, never two that are near each other; a round is one read.
pub(super) struct RandomReads<R> {
    reader: R,
    records: u64,
    reads: u64,
}

impl<R: Reader> RandomReads<R> {
    pub(super) fn new<S: Stage>(site: &mut Site<S>, records: u64) -> stage01::Result<RandomReads<R>>
    where
        S::Log: Log<Reader = R>,
    {
        Ok(RandomReads { reader: S::open(site.log_of(records)?)?.reader(), records, reads: 0 })
    }

    /// The next offset: steps of the golden ratio around the log. They spread more evenly than random numbers do, so
    /// that a few reads, where each takes a scan of half the log, already have a mean that says something.
    fn next_offset(&mut self) -> Offset {
        self.reads += 1;
        let around = self.reads.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Offset(((u128::from(around) * u128::from(self.records)) >> 64) as u64)
    }
}

impl<R: Reader> Rounds for RandomReads<R> {
    fn run(&mut self, rounds: u64, calls: &mut Histogram<u64>) -> anyhow::Result<Duration> {
        let start = Instant::now();
        for _ in 0..rounds {
            let offset = self.next_offset();
            let call = Instant::now();
            let record = self.reader.read(offset)?;
            note_call(calls, call.elapsed());
            ensure!(black_box(record).is_some(), "no record {offset}");
        }
        Ok(start.elapsed())
    }
}

/// Opens a log that was closed properly; a round is one open. Closing it again is not timed.
pub(super) struct Reopens<S> {
    disk: Arc<dyn Disk>,
    records: u64,
    stage: std::marker::PhantomData<S>,
}

impl<S: Stage> Reopens<S> {
    pub(super) fn new(site: &mut Site<S>, records: u64) -> stage01::Result<Reopens<S>> {
        Ok(Reopens { disk: site.log_of(records)?, records, stage: std::marker::PhantomData })
    }
}

impl<S: Stage> Rounds for Reopens<S> {
    fn run(&mut self, rounds: u64, calls: &mut Histogram<u64>) -> anyhow::Result<Duration> {
        let mut time = Duration::ZERO;
        for _ in 0..rounds {
            let call = Instant::now();
            let log = S::open(Arc::clone(&self.disk))?;
            note_call(calls, call.elapsed());
            time += call.elapsed();
            ensure!(log.next_offset() == Offset(self.records), "{} records", log.next_offset());
        }
        Ok(time)
    }
}
