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
    /// The place where a frame should start has only zeros.
    #[error("expected a frame, found zeros")]
    Zeros,
    /// The checksum of a frame's or a segment's header does not fit its bytes. Nothing in it is believed.
    #[error("the header's checksum is {expected:#010x}, its bytes have {found:#010x}")]
    HeaderChecksum {
        /// The checksum in the header.
        expected: u32,
        /// The checksum of the bytes that are there.
        found: u32,
    },
    /// The checksum of a frame's records does not fit their bytes.
    #[error("the body's checksum is {expected:#010x}, its bytes have {found:#010x}")]
    BodyChecksum {
        /// The checksum in the header.
        expected: u32,
        /// The checksum of the bytes that are there.
        found: u32,
    },
    /// The header says that the frame has something that this version does not know.
    #[error("unknown attributes: {found:#010x}, of which {known:#010x} are known")]
    UnknownAttributes {
        /// The attributes that are set.
        found: u32,
        /// The attributes that this version knows.
        known: u32,
    },
    /// The body is longer than it can be.
    #[error("a body of {bytes} bytes, where it can have 1 to {bytes_max}")]
    ImpossibleLength {
        /// The length in the header.
        bytes: u64,
        /// The limit of the format, or what is left of the file: a body within the latter may lack room for its padding.
        bytes_max: u64,
    },
    /// The frame has no records, or more than its body has room for, or more than there are offsets.
    #[error("{count} records from record {base_offset} on in a body of {bytes} bytes")]
    ImpossibleCount {
        /// The number of records in the header.
        count: u32,
        /// The offset of the first one.
        base_offset: Offset,
        /// The length of the body.
        bytes: u32,
    },
    /// What fills a frame up to its end is not zero.
    #[error("expected zeros behind the body, found byte {found:#04x}")]
    Padding {
        /// The first byte that is not zero.
        found: u8,
    },
    /// What is wrong with the frame, and why it is not what a crash left of an append.
    #[error("{cause}; the records in front of {synced_through} were synced, so no crash did this")]
    NotTorn {
        /// The records in front of this one were once known to be durable.
        synced_through: Offset,
        /// What is wrong with the frame.
        cause: Box<FormatError>,
    },
    /// The frame is whole and does not hold a record.
    #[error("{0}")]
    Malformed(String),
}
