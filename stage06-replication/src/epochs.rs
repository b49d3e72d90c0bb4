//! Where each leader's records begin, and where two logs part.

use stage05::Offset;

use crate::ids::LeaderEpoch;

/// The leader epochs of a log: for each, the offset of its first record. Both grow from one entry to the next.
///
/// Two logs of one tablet that have the same epoch at the same offset are the same up to there, since an epoch has one
/// leader and that leader writes each offset once. So these few numbers tell where a log that has gone astray has to be
/// cut, and no record has to be compared (KIP-101; the log matching property of Raft).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Epochs {
    entries: Vec<EpochStart>,
}

/// Where an epoch starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpochStart {
    /// The epoch.
    pub epoch: LeaderEpoch,
    /// The offset of its first record, or of the one that it would have had.
    pub start: Offset,
}

/// Up to where a log has the records of an epoch, and of those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpochEnd {
    /// The epoch asked for, or the last one before it that the log knows.
    pub epoch: LeaderEpoch,
    /// The offset behind its last record.
    pub end: Offset,
}

impl Epochs {
    /// Notes that `epoch` starts at `start`. Nothing happens if it, or a later one, has started.
    pub fn begin(&mut self, epoch: LeaderEpoch, start: Offset) {
        if self.latest().is_none_or(|latest| latest < epoch) {
            self.entries.push(EpochStart { epoch, start });
        }
    }

    /// The epoch that started last: one that has no records counts as well. A follower that named the epoch of its last
    /// record instead would hide what it knows of an epoch in which it led and wrote nothing, and the leader could not
    /// tell it that others know better.
    pub fn latest(&self) -> Option<LeaderEpoch> {
        self.entries.last().map(|entry| entry.epoch)
    }

    /// Up to where this log, which ends at `log_end`, has the records of `epoch`. If it has none of that epoch, the
    /// answer is for the last epoch before it: an answer without the epoch that it is about would be of no use to whoever
    /// does not have that epoch either (KIP-279). `None` if the log has nothing that old.
    pub fn end_of(&self, epoch: LeaderEpoch, log_end: Offset) -> Option<EpochEnd> {
        let later = self.entries.partition_point(|entry| entry.epoch <= epoch);
        let floor = self.entries[..later].last()?;
        let end = self.entries.get(later).map_or(log_end, |next| next.start);
        Some(EpochEnd { epoch: floor.epoch, end })
    }

    /// Forgets the epochs that would start at `end` or behind it, in a log that is cut there; also those without a
    /// record, for which nothing had to be cut.
    pub fn truncate(&mut self, end: Offset) {
        self.entries.retain(|entry| entry.start < end);
    }

    /// Forgets what lies in front of `start`, where the log begins now. The epoch of the first record that is left
    /// starts there.
    pub fn delete_before(&mut self, start: Offset) {
        let at = self.entries.partition_point(|entry| entry.start <= start);
        self.entries.drain(..at.saturating_sub(1));
        if let Some(first) = self.entries.first_mut() {
            first.start = first.start.max(start);
        }
    }

    /// All of them, the oldest first.
    pub fn entries(&self) -> &[EpochStart] {
        &self.entries
    }
}
