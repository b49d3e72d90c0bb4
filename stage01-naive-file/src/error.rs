//! Errors that say where: the file, the position, the offset, what was expected and what was found.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::format::FormatError;
use crate::offset::Offset;

/// What the log's operations return.
pub type Result<T> = std::result::Result<T, Error>;

/// Everything that can go wrong in a log. The laboratory's tests match on the variants; people read the text, which is
/// whole: what it says of the cause is not said again by [`std::error::Error::source`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file system refused.
    #[error("{path}: cannot {action}: {cause}", path = path.display())]
    Io {
        /// The operation, as an infinitive: "open", "write at byte 4096". For people: nothing depends on the words.
        action: String,
        /// The file or directory it was tried on.
        path: PathBuf,
        /// What the operating system said.
        cause: io::Error,
    },

    /// The bytes at this place are not a frame of this format.
    #[error("{path}: no record {expected} at byte {position}: {cause}", path = path.display())]
    BadFrame {
        /// The log's file.
        path: PathBuf,
        /// Where the bad frame starts, in bytes from the start of the file.
        position: u64,
        /// The offset of the record that should be here.
        expected: Offset,
        /// What is wrong with the bytes.
        cause: FormatError,
    },

    /// A whole record, but not the one that belongs here.
    #[error("{path}: byte {position} holds record {found}, expected record {expected}", path = path.display())]
    OutOfOrder {
        /// The log's file.
        path: PathBuf,
        /// Where the record starts, in bytes from the start of the file.
        position: u64,
        /// The offset that belongs here.
        expected: Offset,
        /// The offset that the record carries.
        found: Offset,
    },

    /// The file ends before the log does: somebody cut it while it was open.
    #[error("{path}: ends at byte {length}, in front of record {expected} which should reach byte {end}", path = path.display())]
    Truncated {
        /// The log's file.
        path: PathBuf,
        /// Where the file has no more bytes: the position of the read that gave none.
        length: u64,
        /// The position up to which the log was written.
        end: u64,
        /// The first record that is missing.
        expected: Offset,
    },

    /// The record was there, and was deleted by the log's retention.
    #[error("record {offset} was deleted; the log starts at record {start}")]
    Deleted {
        /// The offset that was asked for.
        offset: Offset,
        /// The first record that is still there.
        start: Offset,
    },

    /// Records are missing between two files of the log: a file is gone, or ends too early.
    #[error("{path}: the log has no record {expected}; what follows starts at record {found}", path = path.display())]
    Gap {
        /// The file in front of the gap, or behind it if there is none.
        path: PathBuf,
        /// The first record that is missing.
        expected: Offset,
        /// The first record behind the gap.
        found: Offset,
    },

    /// A file that the log itself made cannot be right as it is.
    #[error("{path}: byte {position}: {what}", path = path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where in it, in bytes from its start.
        position: u64,
        /// What was expected, and what was found.
        what: String,
    },

    /// The record is larger than this log takes. Nothing was written.
    #[error("a record of {bytes} bytes is over the limit of {bytes_max} bytes")]
    RecordTooLarge {
        /// The size of its key and value.
        bytes: usize,
        /// [`RECORD_BYTES_MAX`](crate::record::RECORD_BYTES_MAX).
        bytes_max: usize,
    },

    /// Another log is open for appending in this directory, in this process or in another.
    #[error("{path}: another log is open for appending here", path = path.display())]
    Locked {
        /// The log's directory.
        path: PathBuf,
    },

    /// An earlier write or sync failed, and nobody knows what reached the disk. Reopening is the only cure.
    #[error("the log takes no more records since an earlier operation failed: {cause}")]
    Poisoned {
        /// The first failure.
        cause: Arc<Error>,
    },

    /// A thread panicked while it was writing to the log, and the log is lost with it. Reopening is the only cure.
    #[error("a thread panicked while it was writing to the log")]
    WriterPanicked,
}

impl Error {
    /// An operating system's error, with what was tried and where.
    pub fn io(action: impl Into<String>, path: impl Into<PathBuf>, cause: io::Error) -> Error {
        Error::Io { action: action.into(), path: path.into(), cause }
    }

    /// The failure behind the poison, or the error itself.
    pub fn root(&self) -> &Error {
        match self {
            Error::Poisoned { cause } => cause.root(),
            other => other,
        }
    }
}
