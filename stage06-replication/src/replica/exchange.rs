//! What goes into a replica, and what comes out.

use bytes::Bytes;
use stage05::Offset;

use crate::batch::{Batch, Sequence};
use crate::ids::{BrokerEpoch, BrokerId, LeaderEpoch, PartitionEpoch};
use crate::message::{FetchAnswer, FetchRequest};
use crate::producers::Producers;
use crate::tablet::{IsrChange, Refusal, TabletState};

/// What a replica is told.
#[derive(Clone, Debug)]
pub enum Input {
    /// The controller's word on the tablet. Older versions than the one that is known may come, and change nothing.
    Tablet(TabletState),
    /// A client wants a batch appended.
    Produce(Produce),
    /// A follower asks for more.
    FetchRequest(FetchRequest),
    /// The leader has answered.
    FetchAnswer(FetchAnswer),
    /// The sync that [`Output::Sync`] asked for is over.
    Synced,
    /// The cut that [`Output::Truncate`] asked for is done: this is where the log ends now.
    Truncated(Offset),
    /// The log was thrown away and begins at this offset, as [`Output::StartAgain`] asked for.
    StartedAgain(Offset),
    /// Which batches the log has of which producers, as it is now. It has to be told at first, and after each
    /// [`Input::Truncated`]: until then, a leader takes no batch that is counted.
    Producers(Producers),
    /// The controller's answer to a proposal of one of this broker's lives.
    ProposalAnswer {
        /// The life that has proposed.
        life: BrokerEpoch,
        /// The version that the proposal was to change.
        partition_epoch: PartitionEpoch,
        /// The tablet as it is now, or why not.
        result: Result<TabletState, Refusal>,
    },
    /// Retention has given up the records in front of this offset.
    Deleted(Offset),
    /// A write or a sync has failed. Nobody knows what is on the disk now, so this replica is over until it is opened
    /// again.
    DiskFailed,
    /// Some time has passed: comes now and then, and more often than any timeout of
    /// [`ReplicaOptions`](super::ReplicaOptions).
    Tick,
}

/// A batch that a client wants appended.
#[derive(Clone, Debug)]
pub struct Produce {
    /// How the answer finds the client.
    pub request: RequestId,
    /// When to answer.
    pub acks: Acks,
    /// How many records there are.
    pub count: u32,
    /// The timestamp of the first, in milliseconds since 1970.
    pub base_timestamp_ms: u64,
    /// The largest timestamp.
    pub max_timestamp_ms: u64,
    /// Where it stands among its producer's batches, if the producer counts them.
    pub sequence: Option<Sequence>,
    /// The records, as the client has encoded them.
    pub body: Bytes,
}

/// Names a request of a client, for its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// When a batch is acknowledged (`acks`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acks {
    /// Never (`acks=0`).
    None,
    /// When the leader has it (`acks=1`). It is lost if the leader does not come back.
    Leader,
    /// When all in-sync replicas have it, of which there have to be enough (`acks=all`).
    All,
}

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
