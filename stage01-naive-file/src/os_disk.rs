//! The real disk: a directory of the operating system.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fs4::TryLockError;

use crate::disk::{Access, Disk, DiskFile, DiskLock};
use crate::error::{Error, Result};

/// A directory of the operating system.
#[derive(Debug)]
pub struct OsDisk {
    path: PathBuf,
}

impl OsDisk {
    /// The directory at `path`, made durably if it is not there: each new directory's name is synced in its parent.
    pub fn create(path: impl Into<PathBuf>) -> Result<OsDisk> {
        let path = path.into();
        create_directories(&path, &sync_directory).map_err(|e| Error::io("create the directory", &path, e))?;
        Ok(OsDisk { path })
    }

    /// The directory at `path`, which has to exist. Nothing is touched.
    pub fn existing(path: impl Into<PathBuf>) -> Result<OsDisk> {
        let path = path.into();
        fs::read_dir(&path).map_err(|e| Error::io("read the directory", &path, e))?;
        Ok(OsDisk { path })
    }

    fn file(&self, name: &str, options: &OpenOptions) -> io::Result<Arc<dyn DiskFile>> {
        let path = self.path.join(name);
        let file = options.open(&path)?;
        if file.metadata()?.is_dir() {
            return Err(ErrorKind::IsADirectory.into());
        }
        Ok(Arc::new(OsFile { file, path }))
    }
}

impl Disk for OsDisk {
    fn path(&self) -> &Path {
        &self.path
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        self.file(name, OpenOptions::new().read(true).write(true).create_new(true))
    }

    fn open(&self, name: &str, access: Access) -> io::Result<Arc<dyn DiskFile>> {
        self.file(name, OpenOptions::new().read(true).write(access == Access::Write))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            names.extend(entry?.file_name().into_string());
        }
        names.sort();
        Ok(names)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path.join(from), self.path.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path.join(name))
    }

    fn sync_directory(&self) -> io::Result<()> {
        sync_directory(&self.path)
    }

    fn lock(&self) -> io::Result<DiskLock> {
        let directory = File::open(&self.path)?;
        // The standard library has the same since Rust 1.89.
        match fs4::FileExt::try_lock(&directory) {
            Ok(()) => Ok(Box::new(OsLock(directory))),
            Err(TryLockError::WouldBlock) => Err(ErrorKind::WouldBlock.into()),
            Err(TryLockError::Error(e)) => Err(e),
        }
    }

    fn directory(&self, name: &str, access: Access) -> io::Result<Arc<dyn Disk>> {
        let path = self.path.join(name);
        if access == Access::Write {
            create_directories(&path, &sync_directory)?;
            // Whoever made it may have been killed before its name was durable.
            sync_directory(&self.path)?;
        }
        fs::read_dir(&path)?;
        Ok(Arc::new(OsDisk { path }))
    }
}

/// A lock on a directory, given back when it is dropped.
#[derive(Debug)]
struct OsLock(File);

impl Drop for OsLock {
    fn drop(&mut self) {
        // To close the file is not enough: a process that this one is starting just now has a copy of the handle, and
        // the lock, until it runs its program. There is nothing to do about an error; then the close has to do.
        let _ = fs4::FileExt::unlock(&self.0);
    }
}

/// Makes the names in a directory durable. A directory is synced like a file: open it, `fsync`.
fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// `mkdir -p`, where a directory's name is made durable in its parent before anything is put into it.
fn create_directories(path: &Path, sync: &impl Fn(&Path) -> io::Result<()>) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    create_directories(parent, sync)?;
    match fs::create_dir(path) {
        Err(e) if e.kind() == ErrorKind::AlreadyExists && path.is_dir() => {}
        done => done?,
    }
    sync(parent)
}

/// A file of the operating system.
#[derive(Debug)]
struct OsFile {
    file: File,
    path: PathBuf,
}

impl DiskFile for OsFile {
    fn path(&self) -> &Path {
        &self.path
    }

    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.file.read_at(&mut buffer[filled..], position + filled as u64) {
                Ok(0) => break,
                Ok(n) => filled += n,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(filled)
    }

    fn write_at(&self, bytes: &[u8], position: u64) -> io::Result<()> {
        self.file.write_all_at(bytes, position)
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.file.set_len(length)
    }

    fn sync_data(&self) -> io::Result<()> {
        // fdatasync on Linux, F_FULLFSYNC on macOS, where a plain fsync stops at the drive's own cache.
        self.file.sync_data()
    }

    fn os_file(&self) -> Option<&File> {
        Some(&self.file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    /// A child process has copies of all open files from its fork until it runs its program.
    #[test]
    fn a_lock_ends_when_it_is_dropped_whoever_has_a_copy_of_its_file() {
        let directory = tempfile::tempdir().unwrap();
        let disk = OsDisk::existing(directory.path()).unwrap();
        let file = File::open(directory.path()).unwrap();
        let copy = file.try_clone().unwrap();
        fs4::FileExt::try_lock(&file).unwrap();
        assert_eq!(disk.lock().unwrap_err().kind(), ErrorKind::WouldBlock);
        drop(OsLock(file));
        disk.lock().expect("the lock was given back, though its file is still open");
        drop(copy);
    }

    /// Every new directory's name is synced in its parent, the outermost first.
    #[test]
    fn each_new_directory_is_synced_in_its_parent() {
        let root = tempfile::tempdir().unwrap();
        let synced = RefCell::new(Vec::new());
        let record = |path: &Path| {
            synced.borrow_mut().push(path.to_owned());
            Ok(())
        };
        create_directories(&root.path().join("a/b"), &record).unwrap();
        assert_eq!(*synced.borrow(), [root.path().to_owned(), root.path().join("a")]);
    }

    /// The kernel refuses to sync a directory of `/proc`: an answer of Ok would mean that it was never asked.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_directory_sync_reaches_the_kernel() {
        let disk = OsDisk::existing("/proc/self").unwrap();
        assert_eq!(disk.sync_directory().unwrap_err().kind(), ErrorKind::InvalidInput);
    }

    /// Likewise for data: `/dev/null` is a device that cannot be synced.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_data_sync_reaches_the_kernel() {
        let directory = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/dev/null", directory.path().join("null")).unwrap();
        let disk = OsDisk::existing(directory.path()).unwrap();
        let file = disk.open("null", Access::Write).unwrap();
        assert_eq!(file.sync_data().unwrap_err().kind(), ErrorKind::InvalidInput);
    }
}
