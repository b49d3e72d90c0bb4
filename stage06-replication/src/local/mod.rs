//! # A tablet on one machine
//!
//! Three replicas of one tablet in one process, each in a directory of its own: the smallest thing that shows what
//! replication buys. The replicas and the controller are those of the broker; there is no network, so what one says
//! the other hears at once, and there is one writer, so nobody has to be asked who leads. An append is acknowledged when
//! it is durable in all directories that are in sync, of which there are two at least. Any one of them may then be lost:
//! the next open fills it from the others.
//!
//! ```text
//! DIR/replica-1/00000000000000000000.log …   a tablet's log: the files of stage 5, whose frames are batches
//! DIR/replica-1/quorum-state                 what the controller has said; see `quorum_state`
//! DIR/replica-1/00000000000000000000.log.damaged …   a copy that was damaged, set aside
//! DIR/replica-2/…
//! DIR/replica-3/…
//! ```
//!
//! - **T1** What is acknowledged is durable in two directories, and in all that are in sync.
//! - **T2** Who leads is in sync, or was when there were too few for anything to be acknowledged without it: the
//!   controller's rule, by a state that two of the three directories agree on (Q1, Q2).
//! - **T3** With fewer than two directories whose logs open, opening is an error, and nothing is changed: nobody could
//!   tell what is missing.
//! - **T4** Opening changes nothing if all copies are the same. Only an append, or a copy that lags, makes an epoch begin.
//! - **T5** What a checksum refuses is read from another copy, or not at all.
//!
//! ## Reading order
//!
//! [`quorum_state`], `copy`, `records`, this file, `open`, `election`, `pump`, [`reader`], [`stage`].

mod copy;
mod election;
mod open;
mod pump;
pub mod quorum_state;
pub mod reader;
mod records;
pub mod stage;

use std::collections::VecDeque;
use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use stage05::{DiskLock, Error, Log, Offset, Record, Result};

use self::copy::Copy;
use self::pump::Message;
use self::reader::{Shared, Source};
use crate::batch::Batch;
use crate::replica::Millis;
use crate::replica_log::ReplicaLog;

pub use self::copy::DAMAGED_SUFFIX;
pub use self::quorum_state::QuorumState;
pub use self::reader::{LocalReader, LocalScan};
pub use self::stage::Stage06;

/// The directories of the three copies.
pub const DIRECTORIES: [&str; 3] = ["replica-1", "replica-2", "replica-3"];

/// So many copies have to be there, and to be in sync.
pub const COPIES_MIN: usize = 2;

/// How much time passes when everybody waits for it to pass. Otherwise it stands still: nothing here takes any.
const TICK_MS: Millis = 100;

/// How often it passes before a tablet gives up.
const TICKS_MAX: u32 = 8;

/// A tablet whose replicas are all here. See the [module](self).
#[derive(Debug)]
pub struct LocalTablet {
    copies: Vec<Copy>,
    /// What the controller says, as it was last written down.
    state: QuorumState,
    /// Which of the copies leads. Nobody until something is appended, or a copy has to be filled.
    leader: Option<usize>,
    /// Somebody was chosen, and the others are being brought to where it is: nothing is written down before that is done.
    is_settling: bool,
    now: Millis,
    /// What the replicas have said to each other and was not delivered yet.
    messages: VecDeque<Message>,
    /// How many batches wait for their acknowledgement, and how many there ever were.
    unanswered: u64,
    requests: u64,
    shared: Arc<Shared>,
    /// Three machines sync at the same time. The laboratory's disk is synced by one thread, so that every run is the same.
    syncs_side_by_side: bool,
    /// What has failed. Opening again is the cure (stage 2).
    failure: Option<Arc<Error>>,
    _lock: DiskLock,
}

impl LocalTablet {
    /// The copies: for each its directory, and why it is left out, if it is.
    pub fn copies(&self) -> impl Iterator<Item = (&'static str, Option<&Error>)> {
        self.copies.iter().map(|copy| (copy.name, copy.left_out.as_deref()))
    }

    /// Gives up whole segments in front of `limit`, in all copies.
    pub fn delete_before(&mut self, limit: Offset) -> Result<()> {
        self.check_sound()?;
        let limit = limit.min(Offset(self.shared.high_watermark.load(Ordering::Acquire)));
        for at in 0..self.copies.len() {
            let Some(log) = &mut self.copies[at].log else { continue };
            match log.delete_before(limit) {
                Ok(start) => self.tell_deleted(at, start)?,
                Err(error) => self.lose(at, error).map_err(|error| self.poison(error))?,
            }
        }
        Ok(())
    }

    /// Whether all copies have the same log. Two that have the same last epoch and the same end do: an epoch has one
    /// leader, and writes an offset once.
    fn is_in_step(&self) -> bool {
        let mut lasts = self.copies.iter().filter_map(Copy::last);
        let first = lasts.next();
        lasts.all(|last| Some(last) == first)
    }

    /// Fails if there are too few copies for anything to be acknowledged.
    fn check_copies(&self) -> Result<()> {
        let open = self.copies.iter().filter(|copy| copy.log.is_some()).count();
        match self.copies.iter().find_map(|copy| copy.left_out.clone()) {
            Some(cause) if open < COPIES_MIN => Err(Error::Poisoned { cause }),
            _ => Ok(()),
        }
    }

    /// Lets readers see what there is now.
    fn show(&self) {
        let first = self.leader.or_else(|| self.copies.iter().position(|copy| copy.log.is_some())).unwrap_or_default();
        let rotated = (0..self.copies.len()).map(|at| (first + at) % self.copies.len());
        let source = |at: usize| {
            let copy = &self.copies[at];
            copy.log.as_ref().map(|log| Source { path: copy.path(), reader: log.reader() })
        };
        let sources: Arc<[Source]> = rotated.filter_map(source).collect();
        *self.shared.sources.write().unwrap_or_else(std::sync::PoisonError::into_inner) = sources;
        self.show_ends();
    }

    fn show_ends(&self) {
        let written = self.next_offset();
        let durable = self.leading().map_or(written, |replica| replica.high_watermark());
        self.shared.written.store(written.0, Ordering::Release);
        self.shared.high_watermark.store(durable.0, Ordering::Release);
    }

    fn check_sound(&self) -> Result<()> {
        match &self.failure {
            Some(cause) => Err(Error::Poisoned { cause: Arc::clone(cause) }),
            None => Ok(()),
        }
    }

    /// Takes no more from now on.
    fn poison(&mut self, error: Error) -> Error {
        let cause = match error {
            Error::Poisoned { cause } => cause,
            other => Arc::new(other),
        };
        Error::Poisoned { cause: Arc::clone(self.failure.insert(cause)) }
    }

    /// What is wrong with the tablet, and no disk's fault.
    fn refusal(&self, action: &str, why: impl Display) -> Error {
        let path = self.copies[0].path();
        Error::io(action, path.parent().unwrap_or(&path), std::io::Error::other(why.to_string()))
    }
}

impl Log for LocalTablet {
    type Reader = LocalReader;

    /// The leader writes the records, and the followers that wait for more do so, too. The first append makes an epoch
    /// begin.
    fn append(&mut self, records: &[Record<'_>]) -> Result<Offset> {
        records.iter().try_for_each(Record::check_size)?;
        self.check_sound()?;
        let first = self.next_offset();
        if records.is_empty() {
            return Ok(first);
        }
        let appended = self.elect_if_nobody_leads().and_then(|leader| self.produce(leader, records));
        appended.map_err(|error| self.poison(error))?;
        self.show_ends();
        Ok(first)
    }

    /// Returns once every record that was appended is acknowledged: durable in all directories that are in sync.
    fn sync(&mut self) -> Result<Offset> {
        self.check_sound()?;
        self.settle().map_err(|error| self.poison(error))?;
        self.show_ends();
        Ok(self.next_offset())
    }

    fn next_offset(&self) -> Offset {
        let of = |copy: &Copy| copy.log.as_ref().map(|log| log.end());
        match self.leader {
            Some(leader) => of(&self.copies[leader]).unwrap_or_default(),
            None => self.copies.iter().find_map(of).unwrap_or_default(),
        }
    }

    fn reader(&self) -> LocalReader {
        LocalReader::new(Arc::clone(&self.shared))
    }
}
