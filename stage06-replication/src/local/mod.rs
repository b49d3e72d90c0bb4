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
//! [`quorum_state`], `copy`, `records`, this file, `election`, `pump`, [`reader`], [`stage`].

mod copy;
mod election;
mod pump;
pub mod quorum_state;
pub mod reader;
mod records;
pub mod stage;

use std::collections::VecDeque;
use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use stage05::naive::lock;
use stage05::{Access, Disk, DiskLock, Error, Framed, Log, Offset, Record, Result, SegmentOptions};

use self::copy::{Copy, Found};
use self::pump::Message;
use self::reader::{Shared, Source};
use crate::batch::Batch;
use crate::ids::BrokerId;
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
    /// Opens the tablet in `root`, or makes one. A copy that is lost, damaged or behind is filled from the others before
    /// this returns. One whose directory cannot be read or written is left out ([`LocalTablet::copies`] says why).
    ///
    /// # Errors
    ///
    /// If fewer than two copies are whole (T3): what is wrong with the first that is not, or [`Error::Damaged`] at `root`
    /// if they are missing. [`Error::Locked`] if the tablet is open elsewhere.
    pub fn open(root: &Arc<dyn Disk>, framed: Framed, options: SegmentOptions) -> Result<LocalTablet> {
        let lock = lock(root)?;
        let found = DIRECTORIES.map(|name| Found::look(root, name, &framed, &options));
        // The copies that count are those that can be believed. Nothing has been changed so far.
        let newest = found.iter().filter_map(Found::state).max_by_key(|state| state.age()).cloned();
        let state = QuorumState {
            term: found.iter().filter_map(Found::state).map(|state| state.term).max().unwrap_or_default(),
            ..newest.unwrap_or_default()
        };
        let is_new = is_new(&found);
        let mut copies = Vec::with_capacity(DIRECTORIES.len());
        for (found, (name, number)) in check_enough(root, found)?.into_iter().zip(DIRECTORIES.into_iter().zip(1..)) {
            // A directory that cannot be read is not made either.
            let access = if matches!(found, Found::Unreadable(_)) { Access::Read } else { Access::Write };
            let disk =
                root.directory(name, access).map_err(|e| Error::io("make the directory", root.path().join(name), e));
            let disk = if access == Access::Write { disk? } else { disk.unwrap_or_else(|_| Arc::clone(root)) };
            let mut copy = Copy::new(BrokerId(number), name, disk, framed.clone(), options);
            open_copy(&mut copy, found, &state);
            // Where there was nothing, nothing is lost.
            copy.is_intact |= is_new;
            copies.push(copy);
        }
        let mut tablet = LocalTablet {
            copies,
            state,
            leader: None,
            is_settling: false,
            now: 0,
            messages: VecDeque::new(),
            unanswered: 0,
            requests: 0,
            shared: Arc::default(),
            syncs_side_by_side: false,
            failure: None,
            _lock: lock,
        };
        tablet.check_copies()?;
        tablet.syncs_side_by_side = tablet.copies.iter().any(Copy::has_os_files);
        if !tablet.is_in_step() {
            tablet.elect()?;
        }
        tablet.show();
        Ok(tablet)
    }

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

/// Whether nothing was ever acknowledged. Nobody has heard of a controller; or only one directory has, as when it was about
/// to say its first word, and another one has nothing either.
fn is_new(found: &[Found; 3]) -> bool {
    let count = |is: fn(&Found) -> bool| found.iter().filter(|found| is(found)).count();
    let whole = count(|found| matches!(found, Found::Whole(..)));
    let stray = count(|found| matches!(found, Found::Stray(_)));
    let missing = count(|found| matches!(found, Found::Nothing));
    let has_records = found.iter().any(Found::has_records);
    !has_records && (stray + missing == found.len() || (whole == 1 && stray > 0))
}

/// Refuses to go on with so few copies that nobody can tell what is missing (T3).
fn check_enough(root: &Arc<dyn Disk>, found: [Found; 3]) -> Result<[Found; 3]> {
    let count = |is: fn(&Found) -> bool| found.iter().filter(|found| is(found)).count();
    let whole = count(|found| matches!(found, Found::Whole(..)));
    if whole >= COPIES_MIN || is_new(&found) {
        return Ok(found);
    }
    let names: Vec<_> = found.iter().zip(DIRECTORIES).filter(|(found, _)| found.state().is_none()).collect();
    let names = names.into_iter().map(|(_, name)| name).collect::<Vec<_>>().join(", ");
    let what = format!("of 3 copies, {whole} can be opened, and it takes {COPIES_MIN}; missing or damaged: {names}");
    let first = found.into_iter().find_map(|found| match found {
        Found::Damaged(error) | Found::Unreadable(error) => Some(error),
        _ => None,
    });
    Err(first.unwrap_or_else(|| Error::Damaged { path: root.path().to_owned(), position: 0, what }))
}

/// Opens a copy. One that is damaged is set aside, and begins anew.
fn open_copy(copy: &mut Copy, found: Found, newest: &QuorumState) {
    // A directory that somebody has put back from an older day knows of fewer starts, and has not promised the term in
    // which more were written down. It has lost what came after it.
    let starts = |state: &QuorumState| state.controller.brokers().get(&copy.broker).map(|known| known.incarnation);
    let has_all = |state: &QuorumState| state.term >= newest.written_in || starts(state) == starts(newest);
    copy.is_intact = found.state().is_some_and(has_all);
    match found {
        Found::Unreadable(error) => copy.leave_out(Arc::new(error)),
        Found::Damaged(_) => copy.begin_anew(),
        _ => copy.open(),
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
