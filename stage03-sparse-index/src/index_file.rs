//! The index file, on its writing side.
//!
//! Nothing here is synced, and no failure goes further than this file. The index is derived: whatever a crash leaves
//! of it is checked before it is believed, and what is lost is computed again.

use std::io::{self, ErrorKind};
use std::sync::Arc;

use stage02::{Access, Disk, DiskFile, Offset};

use crate::entry::ENTRY_BYTES;

/// The index's file in the log's directory.
pub const FILE_NAME: &str = "log.index";

/// What is put behind the name of a new index file until it is whole.
pub const TEMPORARY_SUFFIX: &str = ".new";

/// Where an index lies, and what it is an index of.
#[derive(Clone, Debug)]
pub struct IndexSite {
    /// The directory.
    pub disk: Arc<dyn Disk>,
    /// The name of the index file in it.
    pub name: String,
    /// The offset of the first record in the log's file.
    pub base: Offset,
    /// See [`INDEX_INTERVAL_BYTES`](crate::index::INDEX_INTERVAL_BYTES).
    pub interval_bytes: u64,
}

impl IndexSite {
    /// The index of the one log of a directory.
    pub fn of_log(disk: &Arc<dyn Disk>, interval_bytes: u64) -> IndexSite {
        IndexSite { disk: Arc::clone(disk), name: FILE_NAME.to_string(), base: Offset(0), interval_bytes }
    }

    /// What a new index file is called until it is whole.
    fn temporary_name(&self) -> String {
        format!("{}{TEMPORARY_SUFFIX}", self.name)
    }
}

/// An index file that grows at its end, or gives way to another.
#[derive(Debug)]
pub struct IndexFile {
    site: IndexSite,
    /// None if no file could be made: the index then lives in memory until the log is opened again.
    file: Option<Arc<dyn DiskFile>>,
    /// How many entries the file has.
    entries: usize,
}

impl IndexFile {
    /// A file that has `entries` entries, or no file yet.
    pub fn new(site: IndexSite, file: Option<Arc<dyn DiskFile>>, entries: usize) -> IndexFile {
        IndexFile { site, file, entries }
    }

    /// How many entries the file has.
    pub fn entries(&self) -> usize {
        self.entries
    }

    /// Writes entries behind those that the file has.
    ///
    /// If that fails, the file counts as unchanged, and the next call writes over whatever was left behind. A system in
    /// production would also count the failure and log it once.
    pub fn append(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let end = (self.entries * ENTRY_BYTES) as u64;
        if let Some(file) = &self.file
            && file.write_at(bytes, end).is_ok()
        {
            self.entries += bytes.len() / ENTRY_BYTES;
        }
    }

    /// Puts a file with these entries in the place of the one that is there.
    ///
    /// A new file and a rename, so that the old one, which may be mapped, is never changed (I2), and so that a kill
    /// leaves one of the two and no mixture. A power cut may leave less: without a sync, the name can reach the disk
    /// before the bytes do. What it leaves is then a shorter index, which is true as far as it goes, or one with zeros
    /// in it, which does not pass the check.
    ///
    /// If that fails, there is no file to append to until the log is opened again: the old one has other entries.
    pub fn replace(&mut self, bytes: &[u8]) {
        self.file = self.make(bytes).ok();
        self.entries = bytes.len() / ENTRY_BYTES;
    }

    /// A new file with these entries under the index's name, open for writing. If it cannot be made, the file that had
    /// the name keeps it, and nothing is left under the temporary one.
    fn make(&self, bytes: &[u8]) -> io::Result<Arc<dyn DiskFile>> {
        let IndexSite { disk, name, .. } = &self.site;
        let temporary_name = self.site.temporary_name();
        self.remove_temporary()?;
        let file = disk.create(&temporary_name)?;
        let named = file.write_at(bytes, 0).and_then(|()| disk.rename(&temporary_name, name));
        if named.is_err() {
            self.remove_temporary()?;
        }
        // A handle whose path is the name that the file has now.
        named.and_then(|()| disk.open(name, Access::Write))
    }

    /// Takes away what has the temporary name, if anything does.
    fn remove_temporary(&self) -> io::Result<()> {
        match self.site.disk.remove(&self.site.temporary_name()) {
            Err(e) if e.kind() != ErrorKind::NotFound => Err(e),
            _ => Ok(()),
        }
    }
}
