//! The simulated disk as a [`Disk`]: every operation goes through the faults, does its work and leaves an event.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use stage01::{Access, Disk, DiskFile, DiskLock};

use super::directory::SimDirectory;
use super::fault::{Effect, Errno, Operation};
use super::trace::{Event, FileId};
use super::{Inner, SimDisk};

/// Where every simulated disk says that it is.
pub(super) const PATH: &str = "/sim";

/// `EBADF`: what a write gets from a file that was opened for reading.
const BAD_FILE_DESCRIPTOR: i32 = 9;

impl Disk for SimDisk {
    fn path(&self) -> &Path {
        Path::new(PATH)
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let mut inner = self.inner();
        inner.begin(Operation::Create, Some(name), || format!("create {name}"))?;
        if inner.state.names.contains_key(name) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        let (file, name) = (inner.state.next_file(), Arc::from(name));
        inner.record(Event::Create { file, name: Arc::clone(&name) });
        Ok(self.handle(file, name, Access::Write))
    }

    fn open(&self, name: &str, access: Access) -> io::Result<Arc<dyn DiskFile>> {
        let mut inner = self.inner();
        inner.begin(Operation::Open, Some(name), || format!("open {name}"))?;
        let (name, file) = inner.state.names.get_key_value(name).ok_or(ErrorKind::NotFound)?;
        Ok(self.handle(*file, Arc::clone(name), access))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let mut inner = self.inner();
        inner.begin(Operation::List, None, || "list".to_string())?;
        // Of what lies in a directory, the directory's name.
        let first = |name: &Arc<str>| name.split('/').next().unwrap_or_default().to_string();
        let mut names: Vec<String> = inner.state.names.keys().map(first).collect();
        names.dedup();
        Ok(names)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut inner = self.inner();
        inner.begin(Operation::Rename, Some(from), || format!("rename {from} to {to}"))?;
        if !inner.state.names.contains_key(from) {
            return Err(ErrorKind::NotFound.into());
        }
        if from != to {
            inner.record(Event::Rename { from: from.into(), to: to.into() });
        }
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut inner = self.inner();
        inner.begin(Operation::Remove, Some(name), || format!("remove {name}"))?;
        if !inner.state.names.contains_key(name) {
            return Err(ErrorKind::NotFound.into());
        }
        inner.record(Event::Remove { name: name.into() });
        Ok(())
    }

    fn sync_directory(&self) -> io::Result<()> {
        let mut inner = self.inner();
        let lie = inner.begin(Operation::SyncDirectory, None, || "sync of the directory".to_string())?;
        inner.record(if lie.is_some() { Event::Lied { name: None } } else { Event::SyncDirectory });
        Ok(())
    }

    fn lock(&self) -> io::Result<DiskLock> {
        self.lock_directory("")
    }

    fn directory(&self, name: &str, access: Access) -> io::Result<Arc<dyn Disk>> {
        let is_within = |file: &Arc<str>| file.split_once('/').is_some_and(|(directory, _)| directory == name);
        match access == Access::Write || self.inner().state.names.keys().any(is_within) {
            true => Ok(Arc::new(SimDirectory::new(self, name))),
            false => Err(ErrorKind::NotFound.into()),
        }
    }
}

/// The lock on a simulated directory.
#[derive(Debug)]
struct SimLock(Arc<AtomicBool>);

impl Drop for SimLock {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

impl SimDisk {
    /// Takes the lock of a directory, of which the disk's own has no name.
    pub(super) fn lock_directory(&self, name: &str) -> io::Result<DiskLock> {
        let locked = Arc::clone(self.inner().locks.entry(name.to_string()).or_default());
        match locked.swap(true, Ordering::SeqCst) {
            true => Err(ErrorKind::WouldBlock.into()),
            false => Ok(Box::new(SimLock(locked))),
        }
    }

    fn handle(&self, id: FileId, name: Arc<str>, access: Access) -> Arc<dyn DiskFile> {
        let path = Path::new(PATH).join(&*name);
        Arc::new(SimFile { disk: self.clone(), id, name, path, access })
    }
}

/// An open file. Like a file descriptor, it does not notice when the file's name changes or goes.
#[derive(Debug)]
struct SimFile {
    disk: SimDisk,
    id: FileId,
    /// The name under which it was opened.
    name: Arc<str>,
    path: PathBuf,
    access: Access,
}

impl SimFile {
    fn check_writable(&self) -> io::Result<()> {
        match self.access {
            Access::Write => Ok(()),
            Access::Read => Err(io::Error::from_raw_os_error(BAD_FILE_DESCRIPTOR)),
        }
    }

    fn begin(&self, inner: &mut Inner, operation: Operation, verb: &str) -> io::Result<Option<Effect>> {
        inner.begin(operation, Some(&self.name), || format!("{verb} {}", self.name))
    }
}

impl DiskFile for SimFile {
    fn path(&self) -> &Path {
        &self.path
    }

    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        let mut inner = self.disk.inner();
        self.begin(&mut inner, Operation::Read, "read")?;
        let read = inner.state.file(self.id).cached.read_at(buffer, position);
        inner.counters.reads += 1;
        inner.counters.bytes_read += read as u64;
        Ok(read)
    }

    fn write_at(&self, bytes: &[u8], position: u64) -> io::Result<()> {
        self.check_writable()?;
        let mut inner = self.disk.inner();
        let effect = self.begin(&mut inner, Operation::Write, "write")?;
        let (mut count, mut error) = (bytes.len(), None);
        if let Some(Effect::Short { bytes: most, errno }) = effect {
            (count, error) = (count.min(most), Some(errno));
        }
        let room = inner.room(self.id, position);
        if count as u64 > room {
            (count, error) = (room as usize, Some(Errno::NoSpace));
        }
        inner.counters.writes += 1;
        inner.counters.bytes_written += count as u64;
        if count > 0 {
            let (name, written) = (Arc::clone(&self.name), bytes[..count].into());
            inner.record(Event::Write { file: self.id, name, position, bytes: written });
        }
        match error {
            None => Ok(()),
            Some(errno) => Err(inner.failed(format!("write {} at {position}", self.name), errno)),
        }
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.disk.inner().state.file(self.id).cached.length())
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.check_writable()?;
        let mut inner = self.disk.inner();
        self.begin(&mut inner, Operation::Truncate, "truncate")?;
        inner.record(Event::Truncate { file: self.id, name: Arc::clone(&self.name), length });
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut inner = self.disk.inner();
        let (file, name) = (self.id, Arc::clone(&self.name));
        let effect = self.begin(&mut inner, Operation::SyncData, "sync")?;
        inner.counters.syncs += 1;
        match effect {
            Some(Effect::Lie) => inner.record(Event::Lied { name: Some(name) }),
            Some(Effect::Forget) => {
                inner.record(Event::ForgetUnsynced { file, name });
                return Err(Errno::Io.error());
            }
            _ => inner.record(Event::SyncData { file, name }),
        }
        Ok(())
    }

    fn os_file(&self) -> Option<&File> {
        None
    }
}
