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
    /// The records, in the producer's own encoding. At least 1 byte.
    pub body: Bytes,
}

impl Batch {
    /// The offset behind its last record.
    pub fn end_offset(&self) -> Offset {
        self.base_offset.plus(self.count.into())
    }
}
