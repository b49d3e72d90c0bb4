//! What can be chosen about a store, and about a write.

use stage04::SegmentOptions;

/// When a write is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriteOptions {
    /// `true`: when it is durable. Writers that wait at the same time share a sync.
    ///
    /// `false`: when it is written. A kill of the process does not take it back, a power cut may; and then it takes all
    /// later writes with it, so that what is left is a state that the store once had.
    ///
    /// RocksDB's option of the same name is `false` if nobody says otherwise. Here the default is the safe one.
    pub sync: bool,
}

impl Default for WriteOptions {
    fn default() -> WriteOptions {
        WriteOptions { sync: true }
    }
}

/// How a store works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KvOptions {
    /// The segments of its log. The log is given up a segment at a time.
    pub segments: SegmentOptions,
    /// A block of a checkpoint is complete when it has this many bytes. Each has a checksum, and is read at once.
    pub checkpoint_block_bytes: usize,
}

impl Default for KvOptions {
    fn default() -> KvOptions {
        KvOptions { segments: SegmentOptions::default(), checkpoint_block_bytes: 64 * 1024 }
    }
}
