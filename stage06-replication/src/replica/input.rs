//! What a replica is told.

use bytes::Bytes;
use stage05::Offset;

use crate::batch::Sequence;
use crate::ids::{BrokerEpoch, PartitionEpoch};
use crate::message::{FetchAnswer, FetchRequest};
use crate::producers::Producers;
use crate::tablet::{Refusal, TabletState};

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
    /// Some time has passed: comes now and then, and more often than any timeout of [`ReplicaOptions`].
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
