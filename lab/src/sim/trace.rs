//! What was done to a simulated disk, one event after another.

use std::fmt;
use std::sync::Arc;

/// A file of a simulated disk, whatever its name is now: what a file system calls an inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(pub(super) usize);

/// One thing that happened. A write that was cut short by an error is the part that was written, then [`Event::Failed`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the fields are what their names say")]
pub enum Event {
    /// A new, empty file.
    Create { file: FileId, name: Arc<str> },
    /// Bytes reached the file's cached image.
    Write { file: FileId, name: Arc<str>, position: u64, bytes: Arc<[u8]> },
    /// The file was cut, or made longer with zeros.
    Truncate { file: FileId, name: Arc<str>, length: u64 },
    /// The file's data became durable.
    SyncData { file: FileId, name: Arc<str> },
    /// The sync failed, and the system took what was unsynced for written: no later sync will carry it.
    ForgetUnsynced { file: FileId, name: Arc<str> },
    /// A file was given another name.
    Rename { from: Arc<str>, to: Arc<str> },
    /// A name was taken away.
    Remove { name: Arc<str> },
    /// All names became durable.
    SyncDirectory,
    /// The names in one of the disk's directories became durable.
    SyncDirectoryOf { directory: Arc<str> },
    /// A bit of the medium turned around by itself.
    FlipBit { file: FileId, name: Arc<str>, bit: u64 },
    /// An operation answered with an error, and did nothing by itself.
    Failed { operation: String, error: String },
    /// A sync of this name (none: of the directory) answered Ok and did nothing.
    Lied { name: Option<Arc<str>> },
    /// A remark of the test.
    Note(String),
    /// This many records in total are acknowledged: their producers have been told that they are durable.
    Acknowledge(u64),
    /// A reader was shown this many records in total as durable.
    Served(u64),
    /// From now on, the records below this offset may be deleted.
    MayDelete(u64),
    /// From now on, of the records below this offset only the latest of each key has to be there.
    MayCompact(u64),
}

/// What the remarks of a test say up to some point: what the log has to hold, and what it need not hold any more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Remarks {
    /// Records that are acknowledged.
    pub acknowledged: u64,
    /// Records that readers were shown as durable.
    pub served: u64,
    /// The records below this offset may be gone.
    pub may_delete: u64,
    /// Of the records below this offset, only the latest of each key has to be there.
    pub may_compact: u64,
}

impl Remarks {
    pub(super) fn note(&mut self, event: &Event) {
        let (remark, said) = match event {
            Event::Acknowledge(records) => (&mut self.acknowledged, *records),
            Event::Served(records) => (&mut self.served, *records),
            Event::MayDelete(limit) => (&mut self.may_delete, *limit),
            Event::MayCompact(limit) => (&mut self.may_compact, *limit),
            _ => return,
        };
        *remark = said.max(*remark);
    }
}

impl Event {
    /// Whether it did something to the files or names, so that a crash before it differs from one after it.
    pub fn is_operation(&self) -> bool {
        let is_remark =
            matches!(self, Event::Note(_) | Event::Acknowledge(_) | Event::Served(_)) || self.is_permission();
        !is_remark && !matches!(self, Event::Failed { .. } | Event::Lied { .. })
    }

    /// Whether it allows the log to hold less: what was missing before it was missing too soon.
    pub fn is_permission(&self) -> bool {
        matches!(self, Event::MayDelete(_) | Event::MayCompact(_))
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::Create { name, .. } => write!(f, "create {name}"),
            Event::Write { name, position, bytes, .. } => {
                write!(f, "write {name} at {position}, {} bytes \"", bytes.len())?;
                write!(f, "{}", bytes[..bytes.len().min(40)].escape_ascii())?;
                f.write_str(if bytes.len() > 40 { "…\"" } else { "\"" })
            }
            Event::Truncate { name, length, .. } => write!(f, "truncate {name} to {length}"),
            Event::SyncData { name, .. } => write!(f, "sync {name}"),
            Event::ForgetUnsynced { name, .. } => write!(f, "sync {name} failed, its unsynced writes are forgotten"),
            Event::Rename { from, to } => write!(f, "rename {from} to {to}"),
            Event::Remove { name } => write!(f, "remove {name}"),
            Event::SyncDirectory => f.write_str("sync the directory"),
            Event::SyncDirectoryOf { directory } => write!(f, "sync the directory {directory}"),
            Event::FlipBit { name, bit, .. } => write!(f, "flip bit {} of byte {} of {name}", bit % 8, bit / 8),
            Event::Failed { operation, error } => write!(f, "{operation} failed: {error}"),
            Event::Lied { name: Some(name) } => write!(f, "sync {name} answered Ok and did nothing"),
            Event::Lied { name: None } => f.write_str("sync of the directory answered Ok and did nothing"),
            Event::Note(note) => write!(f, "# {note}"),
            Event::Acknowledge(records) => write!(f, "acknowledged: {records} records"),
            Event::Served(records) => write!(f, "served as durable: {records} records"),
            Event::MayDelete(limit) => write!(f, "may be deleted: the records below {limit}"),
            Event::MayCompact(limit) => write!(f, "may be compacted: the records below {limit}"),
        }
    }
}
