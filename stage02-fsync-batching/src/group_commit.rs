//! Any log, shared by many threads that share its syncs.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};

use stage01::{Error, Log, Offset, Reader, Record, Result, SharedLog};

use crate::desk::Desk;
use crate::options::{Durability, Options};
use crate::stats::Stats;
use crate::ticket::Ticket;

/// A log with group commit: many producers, one writer at a time, one write and one sync for all that wait.
///
/// - **G5** An answer means what [`Durability`] says, and answers come in the order of the offsets.
/// - **G6** The first failed write or sync poisons the log: whoever waits and whoever comes later gets
///   [`Error::Poisoned`] with that failure as its cause, and nothing is retried, since after a failed sync the kernel
///   has marked the pages clean and the next sync reports a success that is none. What was answered stays answered.
/// - **G7** Closing or dropping the log writes and syncs all that was handed in.
pub struct GroupCommit<L: Log> {
    desk: Arc<Desk<L>>,
    reader: L::Reader,
    background: OnceLock<JoinHandle<()>>,
}

/// Why [`GroupCommit::try_submit`] did not take a record.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The queue is full. Here is the record again.
    #[error("the queue is full")]
    Full(Record<'static>),
    /// The log takes no records.
    #[error(transparent)]
    Failed(#[from] Error),
}

impl<L: Log> GroupCommit<L> {
    /// Puts group commit in front of a log.
    pub fn new(log: L, options: Options) -> GroupCommit<L> {
        let reader = log.reader();
        let log = GroupCommit { desk: Arc::new(Desk::new(log, options)), reader, background: OnceLock::new() };
        if matches!(options.durability, Durability::Interval(_)) {
            log.start_background();
        }
        log
    }

    /// Appends one record and waits for its answer.
    pub fn append(&self, record: Record<'static>) -> Result<Offset> {
        let (queue, offset, group) = self.desk.enqueue(record)?;
        self.desk.wait(queue, offset, group)
    }

    /// Hands one record in and returns at once, or as soon as the queue has room. One thread can keep the disk busy in
    /// this way: hand in many, then wait for the last ticket.
    pub fn submit(&self, record: Record<'static>) -> Result<Ticket<L>> {
        self.start_background();
        let (queue, offset, group) = self.desk.enqueue(record)?;
        if queue.log.is_some() {
            self.desk.background.notify_one();
        }
        Ok(Ticket { desk: Arc::clone(&self.desk), offset, group })
    }

    /// Hands one record in, or gives it back if the queue is full: for a producer that would rather drop or divert
    /// than wait.
    pub fn try_submit(&self, record: Record<'static>) -> std::result::Result<Ticket<L>, Refused> {
        record.check_size()?;
        self.start_background();
        let mut queue = self.desk.hold();
        queue.check_sound()?;
        if !queue.has_room(&self.desk.options, record.bytes()) {
            return Err(Refused::Full(record));
        }
        let (offset, group) = self.desk.push(&mut queue, record);
        if queue.log.is_some() {
            self.desk.background.notify_one();
        }
        Ok(Ticket { desk: Arc::clone(&self.desk), offset, group })
    }

    /// Makes everything that was handed in so far durable, whatever the [`Durability`].
    pub fn sync(&self) -> Result<Offset> {
        self.desk.sync()
    }

    /// Runs `work` on the log alone, with every record before it written: whatever the log can do besides appending.
    /// A failure poisons the log. Producers wait meanwhile.
    pub fn with_log<T>(&self, work: impl FnOnce(&mut L) -> Result<T>) -> Result<T> {
        self.desk.with_log(work)
    }

    /// What was counted so far.
    pub fn stats(&self) -> Stats {
        self.desk.hold().stats.clone()
    }

    /// Takes no more records, makes those handed in durable, and gives the log back.
    pub fn close(mut self) -> Result<L> {
        self.shut_down()
    }

    fn shut_down(&mut self) -> Result<L> {
        self.desk.hold().closing = true;
        self.desk.wake_all();
        if let Some(background) = self.background.take() {
            // If it panicked, the alarm has poisoned the log, and the next line says so.
            let _ = background.join();
        }
        self.desk.close()
    }

    /// The background thread is started by the first record that nobody may ever wait for.
    fn start_background(&self) {
        self.background.get_or_init(|| {
            let desk = Arc::clone(&self.desk);
            thread::spawn(move || desk.serve())
        });
    }
}

impl<L: Log> Drop for GroupCommit<L> {
    fn drop(&mut self) {
        if !self.desk.hold().closing {
            // Nobody is left to tell: a program that wants to know calls `close`.
            let _ = self.shut_down();
        }
    }
}

/// One caller, who has the log alone, may use it as any other log. Nothing happens behind its back, so that the
/// laboratory can replay it step by step.
impl<L: Log> Log for GroupCommit<L> {
    type Reader = L::Reader;

    fn append(&mut self, records: &[Record<'_>]) -> Result<Offset> {
        records.iter().try_for_each(Record::check_size)?;
        self.desk.with_log(|log| log.append(records))
    }

    fn sync(&mut self) -> Result<Offset> {
        self.desk.sync()
    }

    fn next_offset(&self) -> Offset {
        self.desk.hold().next_offset
    }

    fn reader(&self) -> L::Reader {
        self.reader.clone()
    }
}

impl<L: Log> SharedLog for GroupCommit<L> {
    fn append(&self, record: Record<'static>) -> Result<Offset> {
        GroupCommit::append(self, record)
    }
}

impl<L: Log> fmt::Debug for GroupCommit<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupCommit").field("end", &self.reader.end()).finish_non_exhaustive()
    }
}
