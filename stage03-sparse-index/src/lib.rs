//! # Stage 3: a sparse index
//!
//! Stages 1 and 2 read from the start of the file, whatever they look for. This stage writes down, for one record in
//! every four kilobytes, where it starts. A read then takes one binary search in memory, one read of the file and a
//! short scan, whether the log has ten thousand records or a hundred million.
//!
//! ## What it promises
//!
//! All of stage 2, and one thing more ([`Stage03::KEEPS`](Stage::KEEPS)):
//!
//! - reading one record costs no more than the logarithm of the log's length ([`Promise::FindsInLogTime`]).
//!
//! The index is derived from the log and never evidence about it. It is built anew when it is missing, padded or
//! wrong, and no error of its file fails an append. `tests/lies_at_open.rs` and `tests/lies_in_the_middle.rs` try every
//! way in which an index can lie.
//!
//! ## What it does not promise yet
//!
//! The log is still one file that only grows, and its records still carry no checksum: a flipped bit in a value is
//! served as it is. Opening reads the whole index and the log behind its last entry, so it is quick and still grows
//! with the log; and since the part in front of that entry is not read, damage there is found by whoever reads it.
//! Beyond 4 GiB there are no entries, and reads become scans again, until stage 4 cuts the log into segments.
//!
//! ## Layout on disk
//!
//! ```text
//! DIR/log.jsonl    as in stage 1
//! DIR/log.index    8 bytes for each entry, in ascending order:
//!                  offset u32, position u32, both little-endian
//! ```
//!
//! The first entry belongs to the first record that starts more than 4096 bytes behind the start of the log, the next
//! one to the first that starts more than 4096 bytes behind that, and so on.
//!
//! ## Invariants
//!
//! - **I1** An entry is written to the index file after the sync that made its record durable: the file never runs
//!   ahead of the log.
//! - **I2** An index file only grows. Different entries go into a new file, which takes the old one's name.
//! - **I3** Nothing that happens to the index fails an append, a sync or an open, or changes the log.
//! - **I4** No entry is believed before the record that it points to was seen to carry the entry's offset.
//! - **I5** Which records have entries follows from the log alone: an index that was rebuilt has the same bytes.
//!
//! ## Reading order
//!
//! [`entry`], [`index`], [`map`], [`index_file`], `landing`, `load`, [`shared`], [`reader`], [`indexed_log`], [`report`],
//! [`stage`].

pub mod entry;
pub mod index;
pub mod index_file;
pub mod indexed_log;
pub mod map;
pub mod reader;
pub mod report;
pub mod shared;
pub mod stage;

mod landing;
mod load;

pub use entry::{ENTRY_BYTES, IndexEntry};
pub use index::{INDEX_INTERVAL_BYTES, SparseIndex};
pub use index_file::{IndexFile, IndexSite};
pub use indexed_log::IndexedLog;
pub use map::StoredEntries;
pub use reader::IndexedReader;
pub use report::{IndexFault, IndexOrigin, IndexReport};
pub use stage::Stage03;
pub use stage02::*;
