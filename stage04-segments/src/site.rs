//! Where a log's files are, and the few things that are done to a directory of them.

use std::io::ErrorKind;
use std::sync::Arc;

use stage03::{Access, Disk, DiskFile, Error, Result};

use crate::name::TEMPORARY_SUFFIX;

/// The directory of a log, and how closely its segments are indexed.
#[derive(Clone, Debug)]
pub struct Site {
    /// The directory.
    pub disk: Arc<dyn Disk>,
    /// What the log was opened for. With [`Access::Read`], nothing in the directory is changed.
    pub access: Access,
    /// See [`INDEX_INTERVAL_BYTES`](stage03::INDEX_INTERVAL_BYTES).
    pub index_interval_bytes: u64,
}

impl Site {
    /// Opens a file that is there.
    pub fn open(&self, name: &str, access: Access) -> Result<Arc<dyn DiskFile>> {
        self.disk.open(name, access).map_err(|e| Error::io("open", self.disk.path().join(name), e))
    }

    /// Makes an empty file under a temporary name. What had the name is removed.
    pub fn create_temporary(&self, name: &str) -> Result<Arc<dyn DiskFile>> {
        let name = format!("{name}{TEMPORARY_SUFFIX}");
        self.remove(&name)?;
        self.disk.create(&name).map_err(|e| Error::io("create", self.disk.path().join(name), e))
    }

    /// Gives a whole, synced file its name, durably: after a crash it is there with all it has, or not at all.
    /// Returns it, opened for writing.
    pub fn publish(&self, name: &str) -> Result<Arc<dyn DiskFile>> {
        self.give_name(name)?;
        self.sync_directory()?;
        self.open(name, Access::Write)
    }

    /// Gives a whole, synced file its name. Not durable yet; after an error, it has the temporary one.
    pub fn give_name(&self, name: &str) -> Result<()> {
        let rename = self.disk.rename(&format!("{name}{TEMPORARY_SUFFIX}"), name);
        rename.map_err(|e| Error::io("rename a new file to", self.disk.path().join(name), e))
    }

    /// Takes a file's name away, if it is there. Not durable yet.
    pub fn remove(&self, name: &str) -> Result<()> {
        match self.disk.remove(name) {
            Err(e) if e.kind() != ErrorKind::NotFound => Err(Error::io("remove", self.disk.path().join(name), e)),
            _ => Ok(()),
        }
    }

    /// Makes names durable.
    pub fn sync_directory(&self) -> Result<()> {
        self.disk.sync_directory().map_err(|e| Error::io("sync the directory", self.disk.path(), e))
    }

    /// The names of all files.
    pub fn list(&self) -> Result<Vec<String>> {
        self.disk.list().map_err(|e| Error::io("list the directory", self.disk.path(), e))
    }
}
