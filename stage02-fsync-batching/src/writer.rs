//! What the writer does once it sits at the desk: one write and at most one sync for a whole group.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use stage01::{Error, Log, Offset, Record, Result};

use crate::desk::{Desk, Held, sleep, sleep_at_most};
use crate::options::Durability;
use crate::stats::Sync;

impl<L: Log> Desk<L> {
    /// Writes the group that collects, and syncs it if its answers promise that. The queue is free meanwhile: the next
    /// group collects while this one is on its way to the disk.
    pub(crate) fn write_group<'a>(&'a self, queue: Held<'a, L>, mut log: L) -> Held<'a, L> {
        let mut queue = self.linger(queue);
        let number = queue.group;
        let mut group = queue.take_group();
        let sync = match self.options.durability {
            Durability::PerAppend | Durability::PerGroup => true,
            Durability::Interval(interval) => queue.synced_at.elapsed() >= interval,
            Durability::OperatingSystem => false,
        };
        drop(queue);

        let alarm = Alarm(self);
        let written = write(&mut log, &group, sync);
        drop(alarm);
        let records = group.len();
        group.clear();

        let mut queue = self.hold();
        queue.spare = group;
        match written {
            Ok(synced) => {
                queue.answered = queue.answered.plus(records as u64);
                queue.stats.count_group(records);
                if let Some(sync) = synced {
                    queue.count_sync(sync);
                }
            }
            Err(error) => drop(queue.fail(error)),
        }
        // The next writer is woken first: while it starts the disk, the others find out that they are done.
        self.put_back(&mut queue, log);
        drop(queue);
        self.sleepers(number).notify_all();
        self.hold()
    }

    /// Runs `work` on the log alone, with every record before it written. A failure poisons the log.
    pub(crate) fn with_log<T>(&self, work: impl FnOnce(&mut L) -> Result<T>) -> Result<T> {
        let mut log = self.take_log()?;
        let alarm = Alarm(self);
        let done = work(&mut log);
        drop(alarm);
        let next_offset = log.next_offset();
        let mut queue = self.hold();
        let done = done.map_err(|error| queue.fail(error));
        // Records that were handed in meanwhile have their offsets already.
        if done.is_ok() && queue.pending.is_empty() {
            queue.next_offset = next_offset;
            queue.answered = next_offset;
        }
        self.put_back(&mut queue, log);
        done
    }

    /// Writes what is in the queue and syncs the log, whatever the durability.
    pub(crate) fn sync(&self) -> Result<Offset> {
        let sync = self.with_log(timed_sync)?;
        self.hold().count_sync(sync);
        Ok(sync.end)
    }

    /// Writes what is in the queue, syncs the log if that takes anything, and takes it from the desk for good.
    pub(crate) fn close(&self) -> Result<L> {
        let mut log = self.take_log()?;
        let queue = self.hold();
        let unsynced = queue.synced < queue.answered;
        drop(queue);
        if unsynced {
            log.sync()?;
        }
        Ok(log)
    }

    /// The background thread: writes records that nobody waits for, and keeps the interval of
    /// [`Durability::Interval`] when no append comes along to do it.
    pub(crate) fn serve(self: &Arc<Self>) {
        let mut queue = self.hold();
        while !queue.closing && queue.failure.is_none() {
            let due = self.sync_due(&queue);
            queue = match queue.log.take() {
                Some(log) if !queue.pending.is_empty() => self.write_group(queue, log),
                Some(log) if due == Some(Duration::ZERO) => {
                    queue.log = Some(log);
                    drop(queue);
                    // A failure has poisoned the log; the next producer is told.
                    let _ = self.sync();
                    self.hold()
                }
                back => {
                    queue.log = back;
                    match due {
                        Some(left) if !left.is_zero() => sleep_at_most(&self.background, queue, left),
                        _ => sleep(&self.background, queue),
                    }
                }
            };
        }
    }

    /// How long until the next sync of [`Durability::Interval`], if there is anything to sync.
    fn sync_due(&self, queue: &Held<'_, L>) -> Option<Duration> {
        match self.options.durability {
            Durability::Interval(interval) if queue.synced < queue.answered => {
                Some(interval.saturating_sub(queue.synced_at.elapsed()))
            }
            _ => None,
        }
    }
}

/// One write, and one sync if asked for.
fn write<L: Log>(log: &mut L, group: &[Record<'static>], sync: bool) -> Result<Option<Sync>> {
    log.append(group)?;
    if sync { timed_sync(log).map(Some) } else { Ok(None) }
}

fn timed_sync<L: Log>(log: &mut L) -> Result<Sync> {
    let began = Instant::now();
    let end = log.sync()?;
    Ok(Sync { end, began, took: began.elapsed() })
}

/// Rings if the writer panics: the log is lost with it, and those who wait must not wait for ever.
struct Alarm<'a, L: Log>(&'a Desk<L>);

impl<L: Log> Drop for Alarm<'_, L> {
    fn drop(&mut self) {
        if thread::panicking() {
            drop(self.0.hold().fail(Error::WriterPanicked));
            self.0.wake_all();
        }
    }
}
