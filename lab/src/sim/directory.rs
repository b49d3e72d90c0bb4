//! A directory of the simulated disk: a part of the disk, whose names have the directory's in front.
//!
//! There is nothing that makes a directory: it is there when something is in it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use stage01::{Access, Disk, DiskFile, DiskLock};

use super::SimDisk;
use super::disk::PATH;
use super::fault::Operation;
use super::trace::Event;

/// A directory of a simulated disk.
#[derive(Clone, Debug)]
pub(super) struct SimDirectory {
    disk: SimDisk,
    name: Arc<str>,
    path: PathBuf,
}

impl SimDirectory {
    pub(super) fn new(disk: &SimDisk, name: &str) -> SimDirectory {
        SimDirectory { disk: disk.clone(), name: name.into(), path: Path::new(PATH).join(name) }
    }

    fn full(&self, name: &str) -> String {
        format!("{}/{name}", self.name)
    }
}

impl Disk for SimDirectory {
    fn path(&self) -> &Path {
        &self.path
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        self.disk.create(&self.full(name))
    }

    fn open(&self, name: &str, access: Access) -> io::Result<Arc<dyn DiskFile>> {
        self.disk.open(&self.full(name), access)
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let mut inner = self.disk.inner();
        inner.begin(Operation::List, None, || format!("list {}", self.name))?;
        let within = |name: &Arc<str>| name.strip_prefix(&*self.name)?.strip_prefix('/').map(str::to_string);
        Ok(inner.state.names.keys().filter_map(within).collect())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.disk.rename(&self.full(from), &self.full(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.disk.remove(&self.full(name))
    }

    fn sync_directory(&self) -> io::Result<()> {
        let mut inner = self.disk.inner();
        let lie = inner.begin(Operation::SyncDirectory, None, || format!("sync of the directory {}", self.name))?;
        let directory = Arc::clone(&self.name);
        inner.record(if lie.is_some() { Event::Lied { name: None } } else { Event::SyncDirectoryOf { directory } });
        Ok(())
    }

    fn lock(&self) -> io::Result<DiskLock> {
        self.disk.lock_directory(&self.name)
    }
}
