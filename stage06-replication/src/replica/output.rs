//! What a replica wants done.

use stage05::Offset;

use super::RequestId;
use crate::batch::Batch;
use crate::ids::{BrokerId, LeaderEpoch};
use crate::message::{FetchAnswer, FetchRequest};
use crate::tablet::IsrChange;

/// What a replica wants done, in this order. What is about the log is done before the replica is told anything else: it
/// goes by what the log will be. Only a sync takes its time.
#[derive(Clone, Debug)]
pub enum Output {
    /// Write these at the end of the log.
    Append(Vec<Batch>),
    /// Start to sync the log, and say [`Input::Synced`] when that is done.
    Sync,
    /// Cut the log here, durably, and say [`Input::Truncated`] and [`Input::Producers`] at once.
    Truncate(Offset),
    /// Throw the log away, begin again at this offset, durably, and say [`Input::StartedAgain`] at once.
    StartAgain(Offset),
    /// Ask the leader.
    Fetch {
        /// The leader.
        leader: BrokerId,
        /// The question.
        request: FetchRequest,
    },
    /// Answer a follower.
    AnswerFetch {
        /// The follower.
        to: BrokerId,
        /// The answer.
        answer: FetchAnswer,
    },
    /// Answer a follower with the batches that the log has from `from` on.
    ServeFetch {
        /// The follower.
        to: BrokerId,
        /// Its question.
        number: u64,
        /// The epoch of both.
        leader_epoch: LeaderEpoch,
        /// The first offset it lacks.
        from: Offset,
        /// The leader's high watermark.
        high_watermark: Offset,
    },
    /// Ask the controller for other in-sync replicas.
    Propose {
        /// Them.
        change: IsrChange,
    },
    /// Answer a client.
    Answer {
        /// Its request.
        request: RequestId,
        /// What came of it.
        outcome: Outcome,
    },
    /// The high watermark is another one: consumers that wait may look again.
    HighWatermark(Offset),
}

/// What came of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is in the log, as safe as [`Acks`] says, from this offset on. A batch that is counted may have been there before
    /// it was sent again.
    Acknowledged(Offset),
    /// It was not appended by this request, and never will be: try again, here or elsewhere.
    Refused(Why),
    /// It was appended, and nobody can say whether it stays.
    Unknown(Why),
}

/// Why a batch was not acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Another broker leads, or none.
    NotLeader,
    /// There are fewer in-sync replicas than it takes.
    NotEnoughReplicas,
    /// The in-sync replicas took too long.
    TimedOut,
    /// The disk has failed.
    DiskFailed,
    /// Its sequence number does not go on where the producer's last batch ended: one in between is missing.
    OutOfSequence,
    /// The producer has begun another life since.
    ProducerFenced,
}
