//! The few things that a log asks of a file system.
//!
//! Everything that the log writes goes through these two traits, and nothing else. That makes the list of promises
//! that we need from an operating system short enough to read, and lets the laboratory stand in for the machine: its
//! simulated disk forgets, on purpose, all that was not synced.
//!
//! Trait objects and not type parameters: a system call costs a hundred times a virtual call, and signatures stay
//! readable.

use std::fmt::Debug;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// What a file is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Reads alone; works in a read-only directory.
    Read,
    /// Reads and writes.
    Write,
}

/// A lock on a directory, held until it is dropped; the death of the process drops it too.
pub type DiskLock = Box<dyn Debug + Send + Sync>;

/// One directory. Names are plain file names in it.
pub trait Disk: Send + Sync + Debug {
    /// The directory, for messages.
    fn path(&self) -> &Path;

    /// Makes an empty file; an error if the name is taken. The name is durable after [`Disk::sync_directory`].
    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>>;

    /// Opens a file that exists; an error of kind `NotFound` otherwise.
    fn open(&self, name: &str, access: Access) -> io::Result<Arc<dyn DiskFile>>;

    /// The names in the directory, sorted.
    fn list(&self) -> io::Result<Vec<String>>;

    /// Gives a file another name, replacing what had it. Durable after [`Disk::sync_directory`].
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Takes a name away. Durable after [`Disk::sync_directory`].
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Makes every create, rename and remove so far durable.
    fn sync_directory(&self) -> io::Result<()>;

    /// Keeps other writers out of the directory; an error of kind `WouldBlock` if one is in already.
    fn lock(&self) -> io::Result<DiskLock>;

    /// The directory `name` in this one. For writing it is made, durably, if it is not there; for reading that is an
    /// error of kind `NotFound`. No log asks for it before stage 6, which keeps copies of a log in several.
    fn directory(&self, name: &str, access: Access) -> io::Result<Arc<dyn Disk>> {
        let _ = (name, access);
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// One file, open. Every operation names its position, so that any number of threads can share the handle.
pub trait DiskFile: Send + Sync + Debug {
    /// The file's path, for messages.
    fn path(&self) -> &Path;

    /// Reads up to `buffer.len()` bytes; fewer only at the end of the file.
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize>;

    /// Writes all of `bytes`. On an error any part of them may have been written.
    fn write_at(&self, bytes: &[u8], position: u64) -> io::Result<()>;

    /// The file's length in bytes.
    fn length(&self) -> io::Result<u64>;

    /// Cuts the file, or extends it with zeros.
    fn truncate(&self, length: u64) -> io::Result<()>;

    /// Makes the content and the length durable: `fdatasync`. Durable means that a power cut does not take it back.
    fn sync_data(&self) -> io::Result<()>;

    /// The operating system's file behind this one, for a read-only memory map; a simulated file has none.
    fn os_file(&self) -> Option<&File>;
}
