//! A real disk whose user can be killed without killing this process.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use stage01::{Access, Disk, DiskFile, DiskLock};

/// A disk that writes down what is done to it, until it is told to die. From then on it refuses everything: a log that
/// is dropped afterwards cannot tidy up, as it could not if its process had been killed.
#[derive(Clone, Debug)]
pub struct MortalDisk {
    inner: Arc<dyn Disk>,
    /// What is put in front of a file's name in the trace: the name of a directory, if it is one of the disk's.
    within: String,
    life: Arc<AtomicBool>,
    trace: Arc<Mutex<Vec<String>>>,
}

impl MortalDisk {
    /// The same disk, which can die.
    pub fn new(inner: Arc<dyn Disk>) -> MortalDisk {
        MortalDisk { inner, within: String::new(), life: Arc::new(AtomicBool::new(true)), trace: Arc::default() }
    }

    /// Ends the life of all who use this disk, and gives it to the next, with the trace so far.
    pub fn die(&self) -> MortalDisk {
        self.note("-- kill --".to_string());
        self.life.store(false, Ordering::SeqCst);
        MortalDisk { life: Arc::new(AtomicBool::new(true)), ..self.clone() }
    }

    /// Puts a line into the trace.
    pub fn note(&self, line: String) {
        self.trace.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }

    /// What was done so far.
    pub fn trace(&self) -> Vec<String> {
        self.trace.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn alive(&self) -> io::Result<()> {
        match self.life.load(Ordering::SeqCst) {
            true => Ok(()),
            false => Err(io::Error::other("the process was killed")),
        }
    }

    /// Does something to the disk, and writes it down if it succeeds.
    fn act<T>(&self, what: impl FnOnce() -> String, act: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        self.alive()?;
        let done = act()?;
        self.note(what());
        Ok(done)
    }

    fn file(&self, file: Arc<dyn DiskFile>, name: &str) -> Arc<dyn DiskFile> {
        Arc::new(MortalFile { disk: self.clone(), file, name: format!("{}{name}", self.within) })
    }
}

impl Disk for MortalDisk {
    fn path(&self) -> &Path {
        self.inner.path()
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let file = self.act(|| format!("create {}{name}", self.within), || self.inner.create(name))?;
        Ok(self.file(file, name))
    }

    fn open(&self, name: &str, access: Access) -> io::Result<Arc<dyn DiskFile>> {
        self.alive()?;
        Ok(self.file(self.inner.open(name, access)?, name))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        self.alive()?;
        self.inner.list()
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.act(|| format!("rename {}{from} to {to}", self.within), || self.inner.rename(from, to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.act(|| format!("remove {}{name}", self.within), || self.inner.remove(name))
    }

    fn sync_directory(&self) -> io::Result<()> {
        let what = || format!("sync the directory {}", self.within.trim_end_matches('/')).trim_end().to_string();
        self.act(what, || self.inner.sync_directory())
    }

    fn lock(&self) -> io::Result<DiskLock> {
        self.alive()?;
        self.inner.lock()
    }

    fn directory(&self, name: &str, access: Access) -> io::Result<Arc<dyn Disk>> {
        self.alive()?;
        let inner = self.inner.directory(name, access)?;
        Ok(Arc::new(MortalDisk { inner, within: format!("{}{name}/", self.within), ..self.clone() }))
    }
}

#[derive(Debug)]
struct MortalFile {
    disk: MortalDisk,
    file: Arc<dyn DiskFile>,
    name: String,
}

impl DiskFile for MortalFile {
    fn path(&self) -> &Path {
        self.file.path()
    }

    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        self.disk.alive()?;
        self.file.read_at(buffer, position)
    }

    fn write_at(&self, bytes: &[u8], position: u64) -> io::Result<()> {
        let what = || format!("write {} at {position}, {} bytes", self.name, bytes.len());
        self.disk.act(what, || self.file.write_at(bytes, position))
    }

    fn length(&self) -> io::Result<u64> {
        self.disk.alive()?;
        self.file.length()
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.disk.act(|| format!("truncate {} to {length}", self.name), || self.file.truncate(length))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.disk.act(|| format!("sync {}", self.name), || self.file.sync_data())
    }

    fn os_file(&self) -> Option<&File> {
        self.file.os_file()
    }
}
