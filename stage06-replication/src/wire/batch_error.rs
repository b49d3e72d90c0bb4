//! What can be wrong with a record batch.

use kafka_protocol::ResponseError;

/// Why a record batch is not taken. Nothing of it was appended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// It is shorter than it says, or than any batch.
    #[error("a record batch of {found} bytes, where at least {expected} belong")]
    Truncated {
        /// How many bytes there should be at least.
        expected: u64,
        /// How many there are.
        found: usize,
    },
    /// No batch, or more than one.
    #[error("{found} bytes behind a record batch of {bytes}: one batch a partition is taken, and one is needed")]
    NotOne {
        /// How long the first batch is; 0 if there is none.
        bytes: usize,
        /// How many bytes there are behind it.
        found: usize,
    },
    /// It is larger than the broker takes (`message.max.bytes`).
    #[error("a record batch of {found} bytes, at most {bytes_max} are taken")]
    TooLarge {
        /// The most bytes.
        bytes_max: usize,
        /// How many there are.
        found: usize,
    },
    /// It is not of the one format that is taken, which Kafka has had since 0.11.
    #[error("a record batch of format {found}, format {} is taken", super::record_batch::MAGIC)]
    Format {
        /// The byte that names the format.
        found: u8,
    },
    /// A bit of it is not what the producer sent.
    #[error("a record batch whose checksum is {found:08x}, and it says {expected:08x}")]
    Checksum {
        /// The checksum that it says.
        expected: u32,
        /// That of the bytes that are there.
        found: u32,
    },
    /// Nobody could unpack it.
    #[error("a record batch compressed by codec {found}, which nobody knows")]
    Codec {
        /// The codec's number.
        found: u16,
    },
    /// Control batches are written by brokers, transactions are none of this broker's.
    #[error("a record batch with the attributes {found:#06x}: neither control batches nor transactions are taken")]
    Attributes {
        /// The attributes.
        found: u16,
    },
    /// The timestamps are no times.
    #[error("a record batch with timestamps from {base} to {max}, of {}", if *.is_append_time { "its append" } else { "its records" })]
    Timestamps {
        /// Of its first record, in milliseconds since 1970.
        base: i64,
        /// The largest.
        max: i64,
        /// Whether the producer claims that a broker has set them.
        is_append_time: bool,
    },
    /// The number of records does not fit the offsets, or the bytes.
    #[error(
        "a record batch of {count} records in {bytes} bytes, whose last offset is its first one plus {last_offset_delta}"
    )]
    Count {
        /// How many records it says it has.
        count: i32,
        /// The last record's offset in the batch.
        last_offset_delta: i32,
        /// The bytes of all records.
        bytes: usize,
    },
    /// The producer counts its batches, but not from a number that could be.
    #[error("a record batch of producer {producer} with epoch {epoch} and sequence number {first}")]
    Sequence {
        /// The producer's number.
        producer: i64,
        /// Its epoch.
        epoch: i16,
        /// The batch's first sequence number.
        first: i32,
    },
    /// A record of it is not what it has to be.
    #[error("record {record} of a batch of {count}: {what}")]
    Record {
        /// Which one, from 0 on.
        record: u32,
        /// How many there should be.
        count: u32,
        /// What is wrong.
        what: &'static str,
    },
    /// It does not start where the one in front of it ends.
    #[error("a record batch at offset {found}, where one at {expected} belongs")]
    Order {
        /// Where it should start, or behind that.
        expected: u64,
        /// Where it says it starts.
        found: i64,
    },
    /// It is of no leader.
    #[error("a record batch at offset {offset} of epoch {found}")]
    Epoch {
        /// Where it starts.
        offset: u64,
        /// The epoch that it says.
        found: i32,
    },
}

impl BatchError {
    /// How a producer is told.
    pub fn code(&self) -> ResponseError {
        match self {
            BatchError::Truncated { .. } | BatchError::Checksum { .. } => ResponseError::CorruptMessage,
            BatchError::TooLarge { .. } => ResponseError::MessageTooLarge,
            BatchError::Format { .. } => ResponseError::UnsupportedForMessageFormat,
            BatchError::Codec { .. } => ResponseError::UnsupportedCompressionType,
            BatchError::Timestamps { .. } => ResponseError::InvalidTimestamp,
            BatchError::NotOne { .. }
            | BatchError::Attributes { .. }
            | BatchError::Count { .. }
            | BatchError::Sequence { .. }
            | BatchError::Record { .. }
            | BatchError::Order { .. }
            | BatchError::Epoch { .. } => ResponseError::InvalidRecord,
        }
    }
}
