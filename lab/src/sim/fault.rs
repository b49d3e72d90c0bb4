//! Faults that a simulated disk can be told to have.

use std::io;

/// The kinds of operation that can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the operations of `Disk` and `DiskFile`")]
pub enum Operation {
    /// Each of those below.
    Any,
    Create,
    Open,
    List,
    Rename,
    Remove,
    SyncDirectory,
    Read,
    Write,
    Truncate,
    SyncData,
}

/// The errors that a disk answers with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Errno {
    /// `EIO`: the device failed.
    Io,
    /// `ENOSPC`: the disk is full.
    NoSpace,
}

impl Errno {
    /// The error as the operating system would give it.
    pub fn error(self) -> io::Error {
        // The same numbers on every Unix.
        io::Error::from_raw_os_error(match self {
            Errno::Io => 5,
            Errno::NoSpace => 28,
        })
    }
}

/// Which of the operations a fault hits, counted from the moment when the fault is given to the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Which {
    /// All of them.
    Every,
    /// One; the first is number 1.
    Nth(u64),
}

/// One fault. Give it to a disk with [`SimDisk::inject`](super::SimDisk::inject).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Fault {
    operation: Operation,
    which: Which,
    file: Option<String>,
    pub(super) effect: Effect,
}

/// What the fault does to the operation that it hits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Effect {
    /// An error, and nothing happens.
    Fail(Errno),
    /// A write puts down this many bytes, then gives an error.
    Short { bytes: usize, errno: Errno },
    /// A sync gives an error, and what was unsynced is taken for written.
    Forget,
    /// A sync answers Ok and does nothing.
    Lie,
}

impl Fault {
    /// The operation gives an error and does nothing. A sync that failed like this can be tried again, honestly.
    pub fn fail(operation: Operation, which: Which, errno: Errno) -> Fault {
        Fault { operation, which, file: None, effect: Effect::Fail(errno) }
    }

    /// A write puts down at most `bytes` of its bytes and gives an error.
    pub fn short_write(which: Which, bytes: usize, errno: Errno) -> Fault {
        Fault { operation: Operation::Write, which, file: None, effect: Effect::Short { bytes, errno } }
    }

    /// A data sync fails with `EIO`, and the next one lies: it answers Ok, though the data of the failed one never
    /// reaches the disk unless it is written again. Reads still show it.
    ///
    /// This is what Linux does after a failed write-back: the pages are marked clean, and the error is told once.
    pub fn sync_fails_then_lies(which: Which) -> Fault {
        Fault { operation: Operation::SyncData, which, file: None, effect: Effect::Forget }
    }

    /// A data sync answers Ok and does nothing: a drive that ignores the flush, or a program that forgot the call.
    pub fn lying_sync(which: Which) -> Fault {
        Fault { operation: Operation::SyncData, which, file: None, effect: Effect::Lie }
    }

    /// The same for the sync of the directory.
    pub fn lying_directory_sync(which: Which) -> Fault {
        Fault { operation: Operation::SyncDirectory, which, file: None, effect: Effect::Lie }
    }

    /// The same fault for one file alone; only operations on it are counted. A rename goes by its old name.
    pub fn of_file(self, name: &str) -> Fault {
        Fault { file: Some(name.to_string()), ..self }
    }
}

/// The faults of a disk, and how many operations each of them has seen.
#[derive(Clone, Debug, Default)]
pub(super) struct Faults(Vec<(Fault, u64)>);

impl Faults {
    pub(super) fn add(&mut self, fault: Fault) {
        self.0.push((fault, 0));
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Counts an operation and says what goes wrong with it: the first fault that hits it decides.
    pub(super) fn meet(&mut self, operation: Operation, name: Option<&str>) -> Option<Effect> {
        let mut met = None;
        for (fault, seen) in &mut self.0 {
            let kind = fault.operation == Operation::Any || fault.operation == operation;
            if !kind || fault.file.as_deref().is_some_and(|file| Some(file) != name) {
                continue;
            }
            *seen += 1;
            let hit = fault.which == Which::Every || fault.which == Which::Nth(*seen);
            met = met.or(hit.then_some(fault.effect));
        }
        met
    }
}
