//! When an append is answered, and how large a group may grow.

use std::time::Duration;

/// What it means that an append returned: the durability spectrum, from the safest to the fastest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// Synced, and nobody shared the sync. A power cut loses nothing that was answered; one sync for each record.
    PerAppend,
    /// Synced, together with whatever else was waiting. The same promise for a fraction of the syncs. This is what
    /// PostgreSQL does at commit and RocksDB with `sync=true`.
    #[default]
    PerGroup,
    /// Written, and synced no later than this after the sync before. A kill loses nothing; a power cut loses what was
    /// answered since the last sync. PostgreSQL calls it `synchronous_commit=off`.
    Interval(Duration),
    /// Written. When it reaches the disk is left to the operating system, on Linux after about 30 seconds. A kill loses
    /// nothing, a power cut may lose all of it. This is Kafka's default.
    OperatingSystem,
}

/// How a [`GroupCommit`](crate::GroupCommit) forms its groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// What an answer means.
    pub durability: Durability,
    /// How long the writer waits for more records before it writes a group that is not full. Zero, the default, still
    /// forms groups: the next one collects while this one syncs.
    pub linger: Duration,
    /// The most records in a group, and so in the queue: the queue *is* the next group.
    pub max_records: usize,
    /// The most bytes (of keys and values) in a group. A larger record gets a group for itself.
    pub max_bytes: usize,
}

impl Default for Options {
    fn default() -> Options {
        Options { durability: Durability::default(), linger: Duration::ZERO, max_records: 1000, max_bytes: 1024 * 1024 }
    }
}

impl Options {
    /// The default options with another durability.
    pub fn with_durability(durability: Durability) -> Options {
        Options { durability, ..Options::default() }
    }

    /// Whether a group that holds `records` records of `bytes` bytes has room for one of `more` bytes. An empty group
    /// always has. A sum of bytes that no `usize` can hold is over every limit: the sum saturates.
    pub(crate) fn has_room(&self, records: usize, bytes: usize, more: usize) -> bool {
        let max_records = if self.durability == Durability::PerAppend { 1 } else { self.max_records };
        records == 0 || (records < max_records && bytes.saturating_add(more) <= self.max_bytes)
    }
}
