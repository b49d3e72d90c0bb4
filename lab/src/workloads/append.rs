//! The workloads that append.

use std::fs;
use std::marker::PhantomData;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::Context;
use hdrhistogram::Histogram;
use stage01::{Log, Offset, OsDisk, Record, SharedLog, Stage};

use super::{BATCH_RECORDS, DURABLE_VALUE_BYTES, Rounds, SMALL_VALUE_BYTES, Site, call_times, note_call};
use crate::records::record_of;

/// Threads that append to one log, each waiting for its record to be durable before it appends the next.
///
/// They live as long as the workload: starting 64 threads takes longer than many a group commit.
pub(super) struct Producers {
    orders: Vec<Sender<u64>>,
    reports: Receiver<stage01::Result<Histogram<u64>>>,
    threads: Vec<JoinHandle<()>>,
}

impl Producers {
    pub(super) fn new<S: Stage>(site: &mut Site<S>, count: usize) -> stage01::Result<Producers> {
        let log = Arc::new(S::share(site.new_log()?));
        let (report, reports) = mpsc::channel();
        let mut producers = Producers { orders: Vec::new(), reports, threads: Vec::new() };
        for _ in 0..count {
            let (order, orders) = mpsc::channel();
            let (log, report) = (Arc::clone(&log), report.clone());
            producers.orders.push(order);
            producers.threads.push(thread::spawn(move || produce(&*log, &orders, &report)));
        }
        Ok(producers)
    }
}

/// Appends as many records as each order asks for, until there are no more orders.
fn produce(log: &impl SharedLog, orders: &Receiver<u64>, report: &Sender<stage01::Result<Histogram<u64>>>) {
    let record = record_of(Offset(0), DURABLE_VALUE_BYTES);
    for appends in orders {
        let mut calls = call_times();
        let done = (0..appends).try_for_each(|_| {
            let record = record.clone();
            let start = Instant::now();
            log.append(record)?;
            note_call(&mut calls, start.elapsed());
            Ok(())
        });
        if report.send(done.map(|()| calls)).is_err() {
            return;
        }
    }
}

impl Rounds for Producers {
    /// A round is one append by each producer. Within many rounds they do not wait for one another.
    fn run(&mut self, rounds: u64, calls: &mut Histogram<u64>) -> anyhow::Result<Duration> {
        let start = Instant::now();
        for order in &self.orders {
            order.send(rounds).context("a producer is gone")?;
        }
        let mut reports = Vec::with_capacity(self.orders.len());
        for _ in &self.orders {
            reports.push(self.reports.recv().context("a producer is gone")??);
        }
        let time = start.elapsed();
        reports.iter().try_for_each(|report| calls.add(report))?;
        Ok(time)
    }
}

impl Drop for Producers {
    fn drop(&mut self) {
        self.orders.clear();
        for thread in self.threads.drain(..) {
            // A producer that panicked has said so; its log is not needed any more.
            let _ = thread.join();
        }
    }
}

/// Writes a whole new log in batches, and syncs it once. A call is one batch; the sync counts for the round alone.
pub(super) struct Buffered<S> {
    path: PathBuf,
    batch: Vec<Record<'static>>,
    batches: u64,
    stage: PhantomData<S>,
}

impl<S: Stage> Buffered<S> {
    pub(super) fn new(site: &mut Site<S>) -> Buffered<S> {
        let batch = (0..BATCH_RECORDS as u64).map(|offset| record_of(Offset(offset), SMALL_VALUE_BYTES)).collect();
        let batches = site.sizes().buffered_records / BATCH_RECORDS as u64;
        Buffered { path: site.new_path(), batch, batches, stage: PhantomData }
    }
}

impl<S: Stage> Rounds for Buffered<S> {
    fn run(&mut self, rounds: u64, calls: &mut Histogram<u64>) -> anyhow::Result<Duration> {
        let mut time = Duration::ZERO;
        for _ in 0..rounds {
            let mut log = S::open(Arc::new(OsDisk::create(&self.path)?))?;
            let start = Instant::now();
            for _ in 0..self.batches {
                let call = Instant::now();
                log.append(&self.batch)?;
                note_call(calls, call.elapsed());
            }
            log.sync()?;
            time += start.elapsed();
            drop(log);
            fs::remove_dir_all(&self.path)?;
        }
        Ok(time)
    }
}
