//! How records become bytes and back.

use crate::offset::Offset;
use crate::record::Record;

/// The largest frame, in bytes, that a reader believes.
///
/// Without a limit, a file that lies about a frame's length, or never ends one, could make a reader ask for as much
/// memory as the file is long. No writer comes near it: a record has at most
/// [`RECORD_BYTES_MAX`](crate::record::RECORD_BYTES_MAX) bytes, and JSON makes at worst six out of one.
pub const FRAME_BYTES_MAX: usize = 8 * 1024 * 1024;

/// A way to write records down. A record's bytes, with whatever marks its beginning and end, are its *frame*.
///
/// The one type parameter of the log: decoding is the hot path. Everything above it (the index, the segments) knows
/// where frames begin and end, and never looks inside.
pub trait Format: Clone + Send + Sync + 'static {
    /// Appends the frame of one record to `out`.
    fn encode(&self, offset: Offset, record: &Record<'_>, out: &mut Vec<u8>);

    /// The length of the frame at the start of `bytes`, at most all of them, or `None` if it goes on beyond them.
    ///
    /// An error if no frame starts here, told from as few bytes as possible, so that a reader can stop early.
    fn frame_len(&self, bytes: &[u8]) -> Result<Option<usize>, FormatError>;

    /// The record in `frame`, which is one whole frame, and the offset that it carries.
    fn decode<'a>(&self, frame: &'a [u8]) -> Result<(Offset, Record<'a>), FormatError>;

    /// Whether `tail`, the end of a file, could be what a crash left of an append that began at `next`.
    ///
    /// Only such a tail may be cut. Anything else at a file's end is somebody's data.
    fn is_torn_append(&self, tail: &[u8], next: Offset) -> bool;
}

/// What is wrong with a frame.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// The frame's first byte is not one that a frame starts with.
    #[error("expected a frame starting with {expected:?}, found byte {found:#04x}")]
    BadStart {
        /// What a frame starts with.
        expected: char,
        /// The byte that is there.
        found: u8,
    },
    /// The frame does not end within the limit.
    #[error("no end of frame within {bytes_max} bytes")]
    TooLong {
        /// [`FRAME_BYTES_MAX`].
        bytes_max: usize,
    },
    /// The file ends in the middle of the frame.
    #[error("the frame breaks off after {bytes} bytes, without an end mark")]
    Unfinished {
        /// How many bytes of it there are.
        bytes: u64,
    },
    /// The frame is whole and does not hold a record.
    #[error("{0}")]
    Malformed(String),
}
