//! The entries of an index file as it was when it was opened, mapped into memory.
//!
//! A map costs nothing to open, however long the index is, and the pages that a search touches stay in memory that
//! the operating system can take back at any time.
//!
//! # Why this is sound
//!
//! This is the one module with `unsafe` code. A file in memory breaks what Rust takes for granted in two ways: its
//! bytes may change under our eyes, and they may vanish.
//!
//! - **They do not change.** An index file only grows (invariant I2): whoever wants different entries makes a new
//!   file and renames it over the old one. The old file lives on, nameless and unchanged, until the last map of it is
//!   gone. Two writers would break this, and the lock on the log's directory keeps the second one out.
//! - **If they change all the same**, because somebody edits the file by hand, no Rust rule is broken: there is no
//!   `&[u8]` into the map. We hold a raw pointer, and every entry is copied out by one volatile read, after which
//!   it is eight bytes of our own. The value may be wrong, and a wrong entry is an ordinary event here (I4).
//! - **The read is in bounds and aligned.** `get` compares the slot with the number of entries that were mapped, which
//!   never grows, and the mapping is as long as that. It starts at a page, so each entry is aligned as a `u64` is.
//! - **The mapping outlives the read.** The map is unmapped by its own drop, and `get` borrows it.
//! - **Vanishing** is what no argument of ours excludes: if another program *cuts* the file, reading a page that is
//!   gone ends this process with SIGBUS. That is a crash, not undefined behaviour, and the log survives a crash. This
//!   program never cuts an index file, not even to truncate the log.
#![allow(unsafe_code)]

use std::io::{self, ErrorKind};

use memmap2::{MmapOptions, MmapRaw};
use stage02::DiskFile;

use crate::entry::{ENTRY_BYTES, IndexEntry};

/// The first entries of an index file, read-only.
#[derive(Debug)]
pub struct StoredEntries {
    source: Source,
    entries: usize,
}

#[derive(Debug)]
enum Source {
    Mapped(MmapRaw),
    /// A file that cannot be mapped: a simulated one, or an empty one.
    Copied(Vec<u8>),
}

impl StoredEntries {
    /// No entries.
    pub fn none() -> StoredEntries {
        StoredEntries { source: Source::Copied(Vec::new()), entries: 0 }
    }

    /// The first `entries` entries of `file`, which has to be that long.
    pub fn open(file: &dyn DiskFile, entries: usize) -> io::Result<StoredEntries> {
        let bytes = entries * ENTRY_BYTES;
        let source = match file.os_file() {
            Some(os_file) if bytes > 0 => Source::Mapped(MmapOptions::new().len(bytes).map_raw_read_only(os_file)?),
            _ => Source::Copied(copy(file, bytes)?),
        };
        Ok(StoredEntries { source, entries })
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.entries
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries == 0
    }

    /// The entry in `slot`.
    ///
    /// # Panics
    ///
    /// If `slot` is not below [`StoredEntries::len`].
    pub fn get(&self, slot: usize) -> IndexEntry {
        assert!(slot < self.entries, "slot {slot} of {}", self.entries);
        let at = slot * ENTRY_BYTES;
        IndexEntry::decode(match &self.source {
            // SAFETY: `slot` is below the number of entries mapped, and `self` keeps the mapping alive. The mapping starts
            // at a page, so that every eighth byte is aligned for a `u64`. Volatile, because the bytes belong to a file:
            // see the head of this module. One number, because eight volatile bytes would be eight loads.
            Source::Mapped(map) => unsafe { map.as_ptr().add(at).cast::<u64>().read_volatile() }.to_ne_bytes(),
            Source::Copied(bytes) => {
                bytes[at..at + ENTRY_BYTES].try_into().expect("a slice of eight bytes is eight bytes")
            }
        })
    }

    /// Forgets the entries from `slot` on. The file stays as it is.
    pub fn truncate(&mut self, slot: usize) {
        self.entries = self.entries.min(slot);
    }

    /// Whether the entries are read from the file's pages.
    pub fn is_mapped(&self) -> bool {
        matches!(self.source, Source::Mapped(_))
    }
}

fn copy(file: &dyn DiskFile, bytes: usize) -> io::Result<Vec<u8>> {
    let mut copied = vec![0; bytes];
    match file.read_at(&mut copied, 0)? {
        read if read == bytes => Ok(copied),
        _ => Err(ErrorKind::UnexpectedEof.into()),
    }
}
