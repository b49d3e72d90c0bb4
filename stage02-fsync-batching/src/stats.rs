//! What a group commit counts about itself.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use stage01::Offset;

/// Counters since the log was opened.
#[derive(Clone, Debug)]
pub struct Stats {
    /// Records that were written and answered.
    pub appends: u64,
    /// Groups that were written: one write each.
    pub groups: u64,
    /// Syncs that succeeded.
    pub syncs: u64,
    /// How long the syncs took, in nanoseconds, to three digits; one of over a minute counts as a minute.
    pub sync_latency_ns: Histogram<u64>,
}

/// A sync that succeeded.
#[derive(Clone, Copy)]
pub(crate) struct Sync {
    /// Records below this offset are durable.
    pub(crate) end: Offset,
    pub(crate) began: Instant,
    pub(crate) took: Duration,
}

impl Stats {
    pub(crate) fn new() -> Stats {
        let minute_ns = 60_000_000_000;
        let sync_latency_ns = Histogram::new_with_bounds(1, minute_ns, 3).expect("these bounds make a histogram");
        Stats { appends: 0, groups: 0, syncs: 0, sync_latency_ns }
    }

    /// How many records shared a sync, on average: what this stage is about.
    pub fn records_per_sync(&self) -> f64 {
        self.appends as f64 / self.syncs.max(1) as f64
    }

    pub(crate) fn count_group(&mut self, records: usize) {
        self.appends += records as u64;
        self.groups += 1;
    }

    pub(crate) fn count_sync(&mut self, sync: Sync) {
        self.syncs += 1;
        self.sync_latency_ns.saturating_record(sync.took.as_nanos() as u64);
    }
}
