//! Where workloads work: a directory, and the logs in it.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use stage01::{Disk, Log, Offset, OsDisk, Stage};

use super::{BATCH_RECORDS, SMALL_VALUE_BYTES, Sizes};
use crate::records::record_of;

/// A directory for the workloads of one stage. A log that is only read is made once and shared by all who read it.
#[derive(Debug)]
pub struct Site<S> {
    directory: PathBuf,
    sizes: Sizes,
    new_logs: u64,
    read_logs: BTreeMap<u64, PathBuf>,
    stage: PhantomData<S>,
}

impl<S: Stage> Site<S> {
    /// A site in `directory`, which the caller removes when all is done. What is measured there is that directory's
    /// disk: in memory, a sync costs nothing and says nothing.
    pub fn new(directory: &Path, sizes: Sizes) -> Site<S> {
        Site { directory: directory.to_owned(), sizes, new_logs: 0, read_logs: BTreeMap::new(), stage: PhantomData }
    }

    /// How large the workloads are here.
    pub fn sizes(&self) -> &Sizes {
        &self.sizes
    }

    /// The path of a directory that does not exist yet.
    pub(super) fn new_path(&mut self) -> PathBuf {
        self.new_logs += 1;
        self.directory.join(format!("{}-new-{}", S::NAME, self.new_logs))
    }

    /// A new, empty log.
    pub(super) fn new_log(&mut self) -> stage01::Result<S::Log> {
        S::open(Arc::new(OsDisk::create(self.new_path())?))
    }

    /// The disk with a log of `count` small records, closed.
    pub(super) fn log_of(&mut self, count: u64) -> stage01::Result<Arc<dyn Disk>> {
        if let Some(path) = self.read_logs.get(&count) {
            return Ok(Arc::new(OsDisk::existing(path)?));
        }
        let path = self.directory.join(format!("{}-{count}", S::NAME));
        let disk: Arc<dyn Disk> = Arc::new(OsDisk::create(&path)?);
        let mut log = S::open(Arc::clone(&disk))?;
        while log.next_offset().0 < count {
            let first = log.next_offset().0;
            let batch = first..count.min(first + BATCH_RECORDS as u64);
            let batch: Vec<_> = batch.map(|offset| record_of(Offset(offset), SMALL_VALUE_BYTES)).collect();
            log.append(&batch)?;
        }
        log.sync()?;
        self.read_logs.insert(count, path);
        Ok(disk)
    }
}
