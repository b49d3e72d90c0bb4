//! A disk that counts what is asked of it.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use stage01::{Access, Disk, DiskFile, DiskLock};

/// A disk around another one that counts the bytes which are read, and every operation that changes something.
///
/// Its files have no operating system's file behind them, so that nobody maps them and reads without being counted.
#[derive(Debug)]
pub struct MeteredDisk {
    inner: Arc<dyn Disk>,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    read_bytes: AtomicU64,
    read_bytes_max: AtomicU64,
    changes: AtomicU64,
}

impl MeteredDisk {
    /// Counts from zero what `inner` is asked for through this disk.
    pub fn new(inner: Arc<dyn Disk>) -> Arc<MeteredDisk> {
        Arc::new(MeteredDisk { inner, counts: Arc::default() })
    }

    /// Bytes that were read since the last call.
    pub fn take_read_bytes(&self) -> u64 {
        self.counts.read_bytes.swap(0, Ordering::Relaxed)
    }

    /// The largest buffer that was handed in for one read.
    pub fn read_bytes_max(&self) -> u64 {
        self.counts.read_bytes_max.load(Ordering::Relaxed)
    }

    /// Operations that change files or names, locks and syncs among them, done or refused.
    pub fn changes(&self) -> u64 {
        self.counts.changes.load(Ordering::Relaxed)
    }
}

impl Counts {
    fn change(&self) {
        self.changes.fetch_add(1, Ordering::Relaxed);
    }
}

impl Disk for MeteredDisk {
    fn path(&self) -> &Path {
        self.inner.path()
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        self.counts.change();
        Ok(Arc::new(MeteredFile { inner: self.inner.create(name)?, counts: Arc::clone(&self.counts) }))
    }

    fn open(&self, name: &str, access: Access) -> io::Result<Arc<dyn DiskFile>> {
        if access == Access::Write {
            self.counts.change();
        }
        Ok(Arc::new(MeteredFile { inner: self.inner.open(name, access)?, counts: Arc::clone(&self.counts) }))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        self.inner.list()
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.counts.change();
        self.inner.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.counts.change();
        self.inner.remove(name)
    }

    fn sync_directory(&self) -> io::Result<()> {
        self.counts.change();
        self.inner.sync_directory()
    }

    fn lock(&self) -> io::Result<DiskLock> {
        self.counts.change();
        self.inner.lock()
    }

    fn directory(&self, name: &str, access: Access) -> io::Result<Arc<dyn Disk>> {
        if access == Access::Write {
            self.counts.change();
        }
        let inner = self.inner.directory(name, access)?;
        Ok(Arc::new(MeteredDisk { inner, counts: Arc::clone(&self.counts) }))
    }
}

#[derive(Debug)]
struct MeteredFile {
    inner: Arc<dyn DiskFile>,
    counts: Arc<Counts>,
}

impl DiskFile for MeteredFile {
    fn path(&self) -> &Path {
        self.inner.path()
    }

    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        self.counts.read_bytes_max.fetch_max(buffer.len() as u64, Ordering::Relaxed);
        let read = self.inner.read_at(buffer, position)?;
        self.counts.read_bytes.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }

    fn write_at(&self, bytes: &[u8], position: u64) -> io::Result<()> {
        self.counts.change();
        self.inner.write_at(bytes, position)
    }

    fn length(&self) -> io::Result<u64> {
        self.inner.length()
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.counts.change();
        self.inner.truncate(length)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.counts.change();
        self.inner.sync_data()
    }

    fn os_file(&self) -> Option<&File> {
        None
    }
}
