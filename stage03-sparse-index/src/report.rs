//! What can be wrong with an index file, and what the log tells about its index.

/// Why an index file is of no use. None of these is an error: the log has all that the index has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IndexFault {
    /// There is none: the log is new, or somebody removed it.
    #[error("there is no index file")]
    Missing,
    /// It cannot be opened or read.
    #[error("the index file cannot be read: {0}")]
    Unreadable(String),
    /// Its length is not a multiple of eight.
    #[error("the index file is {bytes} bytes long, which is not a whole number of entries")]
    PartialEntry {
        /// The file's length.
        bytes: u64,
    },
    /// It has more entries than such a log can have.
    #[error("the index has {entries} entries, too many for a log of {log_bytes} bytes")]
    TooLong {
        /// The number of entries.
        entries: u64,
        /// The log's length.
        log_bytes: u64,
    },
    /// An entry is not behind the one before it by more than the interval. Zeros are found this way.
    #[error("entry {slot} of the index is not an interval behind the entry before it")]
    OutOfOrder {
        /// The entry's number in the file.
        slot: usize,
    },
    /// The last entry points at or beyond the end of the log.
    #[error("the last entry points to byte {position} of a log of {log_bytes} bytes")]
    BeyondLog {
        /// Where the entry points.
        position: u64,
        /// The log's length.
        log_bytes: u64,
    },
    /// The log has another record, or none, where the last entry points.
    #[error("record {offset} does not start at byte {position}, as the last entry says")]
    WrongLanding {
        /// The offset in the entry.
        offset: u64,
        /// Where the entry points.
        position: u64,
    },
}

/// Where the index came from when the log was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IndexOrigin {
    /// From its file; the log was read only behind the last entry.
    Loaded,
    /// From the log, which was read from its start.
    Rebuilt {
        /// What was wrong with the file.
        fault: IndexFault,
    },
}

/// The state of an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexReport {
    /// Where the index came from at open.
    pub origin: IndexOrigin,
    /// How many entries it has now.
    pub entries: usize,
    /// How many of them are read from the mapped file.
    pub entries_mapped: usize,
    /// How often a reader has found a lie since, and rebuilt it.
    pub rebuilds: u64,
}
