//! A packed file: the bytes of a segment in blocks, each with a checksum and compressed where that pays.
//!
//! A segment that was rewritten lies on disk like this. Nobody above notices: a [`PackedFile`] is a
//! [`DiskFile`](stage03::DiskFile) whose bytes are those that went in, so positions, indexes and scans stay what they
//! were. Kafka compresses whole batches of records instead, and then has to unpack a batch to find one record in it.
//! Cutting the *bytes* into blocks of one size leaves the records alone, and the block of a position is a division.
//! SquashFS and zstd's seekable format do the same.
//!
//! # Layout
//!
//! All numbers are little-endian.
//!
//! ```text
//! header, 40 bytes       0 magic "SIXPACK\0"   8 version u32 = 1   12 codec u32   16 base offset u64
//!                       24 end offset u64     32 block_bytes u32   36 crc32 of bytes 0..36
//! blocks, back to back   each holds block_bytes of the segment, the last one what is left
//! table, 16 bytes        0 position of the block u64   8 its length in this file u32   12 crc32 of it as it lies here
//!   for each block
//! trailer, 44 bytes      0 position of the table u64   8 blocks u64   16 length of the segment u64
//!                       24 largest timestamp u64      32 crc32 of the table and of bytes 0..32   36 magic "KCAPXIS\0"
//! ```
//!
//! A block that does not become smaller is stored as it is: its length in the file is then the one that it had. The
//! table comes last because nobody knows it earlier, and the writer never goes back: a file is read from both its ends.
//!
//! # Invariants
//!
//! - **P1** Every byte of the file is covered by a checksum that is checked before the byte is used. A reader gets the
//!   bytes that were packed or an error, and never other bytes.
//! - **P2** Nothing that the file says is taken for granted. What it claims about lengths is held against the length
//!   that it has before memory is asked for: a block cannot claim more than [`EXPANSION_MAX`] times its stored length.
//! - **P3** A read of one byte reads one block.

mod file;
mod layout;
mod writer;

pub use file::PackedFile;
pub use writer::{PackedSizes, PackedWriter};

/// How many bytes of a segment go into one block if nothing else is said.
///
/// Large blocks compress better, small ones make the read of a single record cheap. At 16 KiB, a read unpacks for some
/// ten microseconds.
pub const BLOCK_BYTES: u32 = 16 * 1024;

/// The largest block: a reader needs the memory of one.
pub const BLOCK_BYTES_MAX: u32 = 1024 * 1024;

/// LZ4 never makes more than 255 bytes out of one: a match's length grows by at most 255 for each byte that says it.
/// A block that claims to be longer is damaged, and needs no memory to find out.
pub const EXPANSION_MAX: u64 = 255;

/// What is done to a block before it is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Compression {
    /// Nothing. The blocks still have checksums.
    #[default]
    None,
    /// [LZ4](https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md): little work, most of all for the reader.
    Lz4,
}

/// How a file is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackOptions {
    /// What is done to the blocks.
    pub compression: Compression,
    /// Bytes of the segment in one block, from 1 to [`BLOCK_BYTES_MAX`]; the nearest of these for any other number.
    pub block_bytes: u32,
}

impl Default for PackOptions {
    fn default() -> PackOptions {
        PackOptions { compression: Compression::None, block_bytes: BLOCK_BYTES }
    }
}
