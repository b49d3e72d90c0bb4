//! Many logs in one data directory: partitions, as Kafka calls them; other systems call them tablets.
//!
//! One log has one writer and one order. Whoever needs more than one disk's or one writer's worth of either has many
//! logs, and decides by a record's key which of them it goes to: all records of a key are in one partition, and in their
//! order. Between partitions there is none.
//!
//! ```text
//! ROOT/orders-0/00000000000000000000.log     the partition "orders-0", a directory with a log of segments
//! ROOT/orders-1/…
//! ROOT/orders-2.deleted/…                    a partition that is gone; its files are on their way out
//! ```

use std::collections::HashMap;
use std::fs;
use std::io::{self, ErrorKind};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use stage03::naive::lock;
use stage03::{Disk, DiskLock, Error, GroupCommit, Options, OsDisk, Result};

use crate::options::SegmentOptions;
use crate::segmented_log::SegmentedLog;
use crate::storage::Storage;

/// The longest name of a partition, in bytes. A file system's limit is 255, and a deleted one needs room for more.
pub const NAME_BYTES_MAX: usize = 200;

/// What is put behind the name of a partition that is deleted, until all its files are gone.
const DELETED_SUFFIX: &str = ".deleted";

/// A partition's log, for any number of threads.
pub type Partition<S> = GroupCommit<SegmentedLog<S>>;

/// The partitions of a data directory of the operating system.
///
/// - Each is open once at most in this process: whoever asks again gets the same log. A lock on the data directory keeps
///   other processes out.
/// - A partition whose deletion has begun never comes back, and neither does a part of it.
#[derive(Debug)]
pub struct Partitions<S: Storage> {
    root: Arc<dyn Disk>,
    storage: S,
    options: SegmentOptions,
    open: Mutex<HashMap<String, Arc<Partition<S>>>>,
    _lock: DiskLock,
}

impl<S: Storage> Partitions<S> {
    /// Opens the data directory `root`, or makes one, durably. No partition is opened yet. What is left of deleted ones
    /// is removed.
    ///
    /// `options` are those of all partitions. Their `jitter_seed` is not used: each takes its own from its name, so that
    /// they do not all begin a segment in the same second.
    ///
    /// # Errors
    ///
    /// [`Error::Locked`] if the data directory is open elsewhere.
    pub fn open(root: impl Into<PathBuf>, storage: S, options: SegmentOptions) -> Result<Partitions<S>> {
        Partitions::of_directory(Arc::new(OsDisk::create(root)?), storage, options)
    }

    fn of_directory(root: Arc<dyn Disk>, storage: S, options: SegmentOptions) -> Result<Partitions<S>> {
        let lock = lock(&root)?;
        let partitions = Partitions { root, storage, options, open: Mutex::default(), _lock: lock };
        // Whoever renamed one may have been killed before that was durable. A power cut could still bring the partition
        // back, and then it must have all its files.
        partitions.sync_names()?;
        for name in partitions.list()? {
            if name.strip_suffix(DELETED_SUFFIX).is_some_and(is_name) {
                partitions.remove_files(&name)?;
            }
        }
        Ok(partitions)
    }

    /// The partition `name`, which is made if it is not there. Its directory is durable before it has a log.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] of kind `InvalidInput` if `name` is not one: 1 to [`NAME_BYTES_MAX`] of the characters `a-z`, `0-9`,
    /// `.`, `_` and `-`, the first a letter or a digit, and not with `.deleted` at its end. Else those of
    /// [`SegmentedLog::open`].
    pub fn create(&self, name: &str) -> Result<Arc<Partition<S>>> {
        self.get_or_open(name, |path| match fs::create_dir(path) {
            Err(e) if e.kind() != ErrorKind::AlreadyExists => Err(e),
            _ => Ok(()),
        })
    }

    /// The partition `name`, which is there.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] of kind `NotFound` if it is not; else as [`Partitions::create`].
    pub fn get(&self, name: &str) -> Result<Arc<Partition<S>>> {
        self.get_or_open(name, |_| Ok(()))
    }

    /// The names of all partitions, sorted.
    pub fn names(&self) -> Result<Vec<String>> {
        let mut names = self.list()?;
        names.retain(|name| is_name(name) && self.root.path().join(name).is_dir());
        Ok(names)
    }

    /// Deletes the partition `name` and all its records.
    ///
    /// The directory first gets another name, durably: from then on the partition is gone, whatever happens. The files
    /// are removed behind that, and a crash leaves them to the next open.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] of kind `ResourceBusy` if somebody still has the partition's log, of kind `NotFound` if there is no
    /// such partition.
    pub fn delete(&self, name: &str) -> Result<()> {
        self.check_name(name)?;
        // Held to the end: nobody may open what is on its way out.
        let mut open = self.lock_open();
        if let Some(partition) = open.remove(name) {
            match Arc::try_unwrap(partition) {
                // Whoever wants its last records written is about to lose them all the same.
                Ok(log) => drop(log),
                Err(partition) => {
                    open.insert(name.to_string(), partition);
                    return Err(self.error("delete", name, ErrorKind::ResourceBusy.into()));
                }
            }
        }
        let deleted = format!("{name}{DELETED_SUFFIX}");
        // What an earlier deletion of the same name left would be in the way.
        self.remove_files(&deleted)?;
        self.root.rename(name, &deleted).map_err(|e| self.error("delete", name, e))?;
        self.sync_names()?;
        self.remove_files(&deleted)
    }

    fn get_or_open(&self, name: &str, make: impl FnOnce(&Path) -> io::Result<()>) -> Result<Arc<Partition<S>>> {
        self.check_name(name)?;
        let mut open = self.lock_open();
        if let Some(partition) = open.get(name) {
            return Ok(Arc::clone(partition));
        }
        let path = self.root.path().join(name);
        make(&path).map_err(|e| Error::io("create the directory", &path, e))?;
        let disk: Arc<dyn Disk> = Arc::new(OsDisk::existing(path)?);
        // Also if the directory was there: whoever made it may have been killed before its name was durable.
        self.sync_names()?;
        let options = SegmentOptions { jitter_seed: crc32fast::hash(name.as_bytes()).into(), ..self.options };
        let log = SegmentedLog::open(&disk, self.storage.clone(), options)?;
        let partition = Arc::new(GroupCommit::new(log, Options::default()));
        open.insert(name.to_string(), Arc::clone(&partition));
        Ok(partition)
    }

    fn lock_open(&self) -> MutexGuard<'_, HashMap<String, Arc<Partition<S>>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn list(&self) -> Result<Vec<String>> {
        self.root.list().map_err(|e| Error::io("list the directory", self.root.path(), e))
    }

    fn sync_names(&self) -> Result<()> {
        self.root.sync_directory().map_err(|e| Error::io("sync the directory", self.root.path(), e))
    }

    /// Removes a directory and all that is in it, if it is there.
    fn remove_files(&self, directory: &str) -> Result<()> {
        match fs::remove_dir_all(self.root.path().join(directory)) {
            Err(e) if e.kind() != ErrorKind::NotFound => Err(self.error("remove", directory, e)),
            _ => Ok(()),
        }
    }

    fn check_name(&self, name: &str) -> Result<()> {
        match is_name(name) {
            true => Ok(()),
            false => {
                let cause = io::Error::new(ErrorKind::InvalidInput, format!("{name:?} is no name for a partition"));
                Err(Error::io("find a partition", self.root.path(), cause))
            }
        }
    }

    fn error(&self, action: &str, name: &str, cause: io::Error) -> Error {
        Error::io(action, self.root.path().join(name), cause)
    }
}

/// A name is one plain component of a path, on every file system, in every shell.
fn is_name(name: &str) -> bool {
    let is_allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-');
    name.len() <= NAME_BYTES_MAX
        && name.starts_with(|first: char| first.is_ascii_lowercase() || first.is_ascii_digit())
        && name.bytes().all(is_allowed)
        && !name.ends_with(DELETED_SUFFIX)
}

/// The number of the partition, from 0 to `count - 1`, that the records with this key go to.
///
/// It is the key's CRC-32 (IEEE) modulo `count`, and stays that: whoever writes and whoever reads have to agree on it, in
/// every version and in every language. With another `count`, most keys get another partition, so that a log with keys
/// keeps the number of its partitions. Kafka does the same with murmur2.
pub fn partition_for(key: &[u8], count: NonZeroU32) -> u32 {
    crc32fast::hash(key) % count
}

#[cfg(test)]
mod tests;
