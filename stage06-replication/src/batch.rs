//! What is replicated: a producer's batch, as it came.

use bytes::Bytes;
use stage05::Offset;

use crate::ids::LeaderEpoch;

/// Records that a producer sent together. The body stays as the producer made it, all the way to the consumer: nobody
/// on the way unpacks it, and the leader stamps only what the producer cannot know, the base offset and its own epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The offset of the first record.
    pub base_offset: Offset,
    /// The leader that appended it.
    pub epoch: LeaderEpoch,
    /// How many records there are, at least 1: that many offsets are the batch's.
    pub count: u32,
    /// The timestamp of the first record, in milliseconds since 1970.
    pub base_timestamp_ms: u64,
    /// The largest timestamp.
    pub max_timestamp_ms: u64,
    /// Where it stands among its producer's batches, if the producer counts them.
    pub sequence: Option<Sequence>,
    /// The records, in the producer's own encoding. At least 1 byte.
    pub body: Bytes,
}

/// Where a batch stands among those that its producer has sent to one tablet (KIP-98). By this a batch that is sent again,
/// since its acknowledgement was lost, is known for what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Sequence {
    /// The producer: a number that the controllers gave it, and no other.
    pub producer: u64,
    /// Which life of the producer. An earlier one is over, and what it sends is refused.
    pub epoch: u16,
    /// The number of the batch's first record: one more than that of the last record of the producer's batch before. Behind
    /// 2,147,483,647 comes 0.
    pub first: u32,
}

impl Batch {
    /// The offset behind its last record.
    pub fn end_offset(&self) -> Offset {
        self.base_offset.plus(self.count.into())
    }
}
