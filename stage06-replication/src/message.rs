//! What replicas of a tablet say to each other: one question, and its answers.

use stage05::Offset;

use crate::batch::Batch;
use crate::epochs::EpochEnd;
use crate::ids::{BrokerEpoch, BrokerId, LeaderEpoch};

/// A follower asks its leader for more. The question says as much as the answer: everything in front of `offset` is
/// safe on the follower, and its last epoch lets the leader see whether the two logs are still the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FetchRequest {
    /// Who asks.
    pub from: BrokerId,
    /// In which of its lives.
    pub life: BrokerEpoch,
    /// Which of its questions this is, in this epoch and in all of its lives. The answer repeats it.
    pub number: u64,
    /// The epoch in which it follows.
    pub leader_epoch: LeaderEpoch,
    /// Where its log ends.
    pub offset: Offset,
    /// The last epoch that its log knows of; `None` if its log is empty.
    pub last_epoch: Option<LeaderEpoch>,
}

/// The answer of a leader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchAnswer {
    /// The question.
    pub number: u64,
    /// The epoch in which it was asked.
    pub leader_epoch: LeaderEpoch,
    /// What comes of it.
    pub result: FetchResult,
}

/// What comes of a fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FetchResult {
    /// The batches from the offset on, none if there are no more yet.
    Batches {
        /// The batches.
        batches: Vec<Batch>,
        /// The leader's high watermark.
        high_watermark: Offset,
    },
    /// The logs part: this is how far the leader has the follower's last epoch, or the last one before it.
    Diverging(EpochEnd),
    /// The leader's log begins behind the offset: what was in front of this was deleted.
    Deleted {
        /// Where the leader's log begins.
        start: Offset,
    },
    /// The one who was asked does not lead in this epoch: not any more, or not yet as far as it knows.
    NotLeader,
}
