//! The log of entries in memory: what the operations come to, and which of them can be.
//!
//! The same rules hold when an operation is asked for and when it is read again, so that a log which breaks one of them
//! was not written by this code, or is not whole.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::RangeBounds;

use stage05::Offset;

use super::operation::Operation;
use super::types::{Entry, LogId, Vote};

/// The entries, and what is known of them.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// By index, one after the other.
    entries: BTreeMap<u64, Located>,
    edge: Edge,
}

/// An entry, and where it lies.
#[derive(Clone, Debug)]
struct Located {
    entry: Entry,
    /// Of the record that it is.
    offset: Offset,
    /// Of that record.
    bytes: usize,
}

/// All that one has to know of the entries in order to judge the next operation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Edge {
    /// The index of the next entry. `None` if any will do: nothing was there before, or nobody knows what.
    next: Option<u64>,
    /// Whether the operations are read again, and the oldest are gone. What they have done, a later purge has undone; but
    /// until it comes, entries may be missing.
    is_late: bool,
    /// The last entry that is there.
    last: Option<LogId>,
    /// See [`Operation::PurgeTo`].
    purged: Option<LogId>,
    /// See [`Operation::Vote`].
    vote: Option<Vote>,
    /// See [`Operation::Committed`].
    committed: Option<LogId>,
}

/// An operation that cannot be, where it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misplaced {
    /// Entries have no holes.
    #[error("entry {found}, where entry {expected} belongs")]
    Hole {
        /// The index of the entry that belongs here.
        expected: u64,
        /// The index of the one that came.
        found: u64,
    },
    /// A later entry is of the same leader or of a later one.
    #[error("entry {found} behind entry {last}")]
    OlderLeader {
        /// The last entry.
        last: LogId,
        /// The one that came.
        found: LogId,
    },
    /// What is committed stays. What is purged was committed.
    #[error("a truncation from entry {from} on, where the entries up to {committed} are committed")]
    TruncatesCommitted {
        /// The first index that is to go.
        from: u64,
        /// The last one that has to stay.
        committed: LogId,
    },
    /// A node that goes back to an older term may vote twice in it.
    #[error("the vote {found} behind the vote {last}")]
    VoteGoesBack {
        /// The vote that was given.
        last: Vote,
        /// The one that came.
        found: Vote,
    },
}

impl Edge {
    /// The edge behind the operation.
    fn step(&mut self, operation: &Operation, entries: &BTreeMap<u64, Located>) -> Result<(), Misplaced> {
        match operation {
            Operation::Append(entry) => self.append(entry.log_id),
            Operation::TruncateFrom(from) => self.truncate(*from, entries),
            Operation::PurgeTo(to) => self.purge(*to, entries),
            Operation::Vote(vote) => self.vote(*vote),
            Operation::Committed(committed) => {
                self.committed = *committed;
                Ok(())
            }
        }
    }

    fn append(&mut self, id: LogId) -> Result<(), Misplaced> {
        if self.purged.is_some_and(|purged| id.index <= purged.index) {
            // The snapshot has it.
            return Ok(());
        }
        if let Some(expected) = self.next.filter(|next| *next != id.index) {
            return Err(Misplaced::Hole { expected, found: id.index });
        }
        if let Some(last) = self.last.or(self.purged).filter(|last| *last >= id) {
            return Err(Misplaced::OlderLeader { last, found: id });
        }
        (self.next, self.last) = (Some(id.index + 1), Some(id));
        Ok(())
    }

    fn truncate(&mut self, from: u64, entries: &BTreeMap<u64, Located>) -> Result<(), Misplaced> {
        if let Some(committed) = self.purged.max(self.committed).filter(|committed| from <= committed.index) {
            return Err(Misplaced::TruncatesCommitted { from, committed });
        }
        self.next = Some(self.next.map_or(from, |next| next.min(from)));
        self.last = entries.range(..from).next_back().map(|(_, located)| located.entry.log_id);
        Ok(())
    }

    fn purge(&mut self, to: LogId, entries: &BTreeMap<u64, Located>) -> Result<(), Misplaced> {
        // What comes again is no news: each purge writes the last one again, and so may whoever was interrupted.
        if self.purged.is_some_and(|purged| to <= purged) {
            return Ok(());
        }
        self.purged = Some(to);
        if let Some(found) = entries.range(to.index + 1..).next().map(|(index, _)| *index)
            && goes_on_behind(to, entries)
        {
            let expected = to.index + 1;
            return if found == expected || self.is_late { Ok(()) } else { Err(Misplaced::Hole { expected, found }) };
        }
        (self.next, self.last) = (self.next_behind(to, entries), None);
        Ok(())
    }

    /// The next index, if nothing is left behind a purge up to `to`.
    fn next_behind(&self, to: LogId, entries: &BTreeMap<u64, Located>) -> Option<u64> {
        let had_entries = entries.range(to.index..).next().is_some();
        match self.is_late && !had_entries {
            // There may have been entries behind `to` that are gone.
            true => self.next.map(|next| next.max(to.index + 1)),
            false => Some(to.index + 1),
        }
    }

    fn vote(&mut self, vote: Vote) -> Result<(), Misplaced> {
        // Votes have no total order: two candidates of one term are side by side, and only one of them can be voted for.
        if let Some(last) = self.vote.filter(|last| vote.partial_cmp(last).is_none_or(Ordering::is_lt)) {
            return Err(Misplaced::VoteGoesBack { last, found: vote });
        }
        self.vote = Some(vote);
        Ok(())
    }
}

/// Whether the entries behind `to` come from a log that has it. A snapshot may be ahead of a log whose last entries were
/// never committed; an entry of a leader before that of `to` is one of them, and so is all behind it.
fn goes_on_behind(to: LogId, entries: &BTreeMap<u64, Located>) -> bool {
    entries.range(to.index + 1..).next().is_some_and(|(_, located)| located.entry.log_id > to)
}

impl View {
    /// A view for operations of which the oldest are gone.
    pub fn late() -> View {
        View { edge: Edge { is_late: true, ..Edge::default() }, ..View::default() }
    }

    /// All operations were read again: from here on, nothing is missing. If the entries do not go on behind what was
    /// purged, or something is gone and nothing was purged, the index that should be there and the one that is are
    /// returned.
    pub fn settle(&mut self) -> Result<(), (u64, u64)> {
        let is_late = std::mem::take(&mut self.edge.is_late);
        let first = self.entries.keys().next().copied();
        match (self.edge.purged.map(|purged| purged.index + 1), first) {
            (Some(expected), Some(first)) if first != expected => return Err((expected, first)),
            (Some(expected), None) => self.edge.next = Some(expected),
            (None, Some(first)) if is_late => return Err((0, first)),
            _ => {}
        }
        Ok(())
    }

    /// Whether these operations can be, one after the other.
    pub fn check(&self, operations: &[Operation]) -> Result<(), Misplaced> {
        let mut edge = self.edge;
        // Only a truncation and a purge look at the entries, and neither comes behind an entry of the same write.
        operations.iter().try_for_each(|operation| edge.step(operation, &self.entries))
    }

    /// Carries out the operation that is the record of `bytes` bytes at `offset`. If it is refused, nothing is changed.
    pub fn apply(&mut self, operation: Operation, offset: Offset, bytes: usize) -> Result<(), Misplaced> {
        let mut edge = self.edge;
        edge.step(&operation, &self.entries)?;
        self.edge = edge;
        match operation {
            Operation::Append(entry) if self.edge.purged.is_some_and(|purged| entry.log_id.index <= purged.index) => {}
            Operation::Append(entry) => {
                self.entries.insert(entry.log_id.index, Located { entry, offset, bytes });
            }
            Operation::TruncateFrom(from) => {
                self.entries.split_off(&from);
            }
            Operation::PurgeTo(to) => {
                let is_ours = goes_on_behind(to, &self.entries);
                let behind = self.entries.split_off(&(to.index + 1));
                self.entries = if is_ours { behind } else { BTreeMap::new() };
            }
            Operation::Vote(_) | Operation::Committed(_) => {}
        }
        Ok(())
    }

    /// The entries whose indexes are in `range`, from the first on until they have `bytes_max` bytes together, but at
    /// least one.
    pub fn entries(&self, range: impl RangeBounds<u64>, bytes_max: usize) -> Vec<Entry> {
        let mut bytes = 0_usize;
        let fits = |located: &&Located| {
            let is_first = bytes == 0;
            bytes = bytes.saturating_add(located.bytes);
            is_first || bytes <= bytes_max
        };
        self.entries.range(range).map(|(_, located)| located).take_while(fits).map(|at| at.entry.clone()).collect()
    }

    /// The last entry, or the last that was purged if there is none.
    pub fn last(&self) -> Option<LogId> {
        self.edge.last.or(self.edge.purged)
    }

    /// The last entry that was purged.
    pub fn purged(&self) -> Option<LogId> {
        self.edge.purged
    }

    /// The vote.
    pub fn vote(&self) -> Option<Vote> {
        self.edge.vote
    }

    /// The last entry that is committed, as far as this log was told.
    pub fn committed(&self) -> Option<LogId> {
        self.edge.committed
    }

    /// What has to be written again before the records in front of the first entry can go.
    pub fn summary(&self) -> Vec<Operation> {
        let Edge { purged, vote, committed, .. } = self.edge;
        let parts = [
            purged.map(Operation::PurgeTo),
            vote.map(Operation::Vote),
            committed.map(|committed| Operation::Committed(Some(committed))),
        ];
        parts.into_iter().flatten().collect()
    }

    /// Where the first entry's record is.
    pub fn first_offset(&self) -> Option<Offset> {
        self.entries.values().next().map(|located| located.offset)
    }
}
