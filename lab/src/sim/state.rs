//! What is on a simulated disk: the cached image of everything, the durable one, and what lies between them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::sparse::SparseBytes;
use super::trace::{Event, FileId};

/// What a disk writes whole or not at all.
pub const SECTOR_BYTES: u64 = 512;

/// The names in a directory.
pub(super) type Names = BTreeMap<Arc<str>, FileId>;

/// A change that has been made in the cache and not synced, and the event of the trace that made it. It has none if
/// it was made before the trace began.
#[derive(Clone, Debug)]
pub(super) struct Unsynced<C> {
    pub(super) event: Option<usize>,
    pub(super) change: C,
}

/// A change to a file.
#[derive(Clone, Debug)]
pub(super) enum FileChange {
    Write { position: u64, bytes: Arc<[u8]> },
    Resize(u64),
}

impl FileChange {
    pub(super) fn apply(&self, image: &mut SparseBytes) {
        match self {
            FileChange::Write { position, bytes } => image.write_at(bytes, *position),
            FileChange::Resize(length) => image.resize(*length),
        }
    }
}

/// A change to the directory. A rename is one change: it survives a crash whole or not at all.
#[derive(Clone, Debug)]
pub(super) enum NameChange {
    Link { name: Arc<str>, file: FileId },
    Rename { from: Arc<str>, to: Arc<str>, file: FileId },
    Unlink { name: Arc<str>, file: FileId },
}

impl NameChange {
    /// The directory of the disk that it is made in, if it is in one. A rename stays where it is.
    pub(super) fn directory(&self) -> Option<&str> {
        let (NameChange::Link { name, .. } | NameChange::Rename { to: name, .. } | NameChange::Unlink { name, .. }) =
            self;
        name.split_once('/').map(|(directory, _)| directory)
    }

    /// Works on any set of names: an earlier change, on which this one was based, may be lost.
    pub(super) fn apply(&self, names: &mut Names) {
        let mut unlink = |name: &Arc<str>, file: &FileId| {
            if names.get(name) == Some(file) {
                names.remove(name);
            }
        };
        match self {
            NameChange::Unlink { name, file } => unlink(name, file),
            NameChange::Link { name, file } => drop(names.insert(Arc::clone(name), *file)),
            NameChange::Rename { from, to, file } => {
                unlink(from, file);
                names.insert(Arc::clone(to), *file);
            }
        }
    }
}

/// One file.
///
/// Invariant: `cached` is `durable` with `unsynced` applied in order, except in the sectors of `forgotten`.
#[derive(Clone, Debug, Default)]
pub(super) struct FileState {
    pub(super) cached: SparseBytes,
    pub(super) durable: SparseBytes,
    pub(super) unsynced: Vec<Unsynced<FileChange>>,
    /// Sectors whose cached content the system takes for durable, though it is not.
    forgotten: BTreeSet<u64>,
    /// How far writes have filled the file. Space that a truncate adds is a hole and takes none.
    pub(super) filled: u64,
}

impl FileState {
    /// A file whose content is durable.
    pub(super) fn durable(image: SparseBytes) -> FileState {
        let filled = image.length();
        FileState { cached: image.clone(), durable: image, filled, ..FileState::default() }
    }

    /// Whether there is nothing that a power cut could change.
    pub(super) fn is_durable(&self) -> bool {
        self.unsynced.is_empty() && self.forgotten.is_empty()
    }

    fn write(&mut self, event: Option<usize>, position: u64, bytes: &Arc<[u8]>) {
        self.cached.write_at(bytes, position);
        self.filled = self.filled.max(position + bytes.len() as u64);
        let change = match self.forgotten.is_empty() || bytes.is_empty() {
            true => FileChange::Write { position, bytes: Arc::clone(bytes) },
            false => self.write_with_forgotten(position, bytes.len() as u64),
        };
        self.unsynced.push(Unsynced { event, change });
    }

    /// A sector is written whole. If a write touches a forgotten one, what was forgotten goes to the disk with it.
    fn write_with_forgotten(&mut self, position: u64, count: u64) -> FileChange {
        let (mut start, mut end) = (position, position + count);
        let (first, last) = (start / SECTOR_BYTES, (end - 1) / SECTOR_BYTES);
        if self.forgotten.contains(&first) {
            start = first * SECTOR_BYTES;
        }
        if self.forgotten.contains(&last) {
            end = ((last + 1) * SECTOR_BYTES).min(self.cached.length());
        }
        self.forgotten.retain(|sector| !(first..=last).contains(sector));
        FileChange::Write { position: start, bytes: self.cached.bytes(start, (end - start) as usize).into() }
    }

    fn truncate(&mut self, event: Option<usize>, length: u64) {
        self.cached.resize(length);
        self.filled = self.filled.min(length);
        self.unsynced.push(Unsynced { event, change: FileChange::Resize(length) });
    }

    fn sync(&mut self) {
        for unsynced in self.unsynced.drain(..) {
            unsynced.change.apply(&mut self.durable);
        }
    }

    /// The data is forgotten. The lengths are not: a file system keeps them in its journal, apart from the data.
    fn forget(&mut self) {
        let mut resizes = Vec::new();
        let mut length = self.durable.length();
        for Unsynced { event, change } in self.unsynced.drain(..) {
            let before = length;
            match change {
                FileChange::Resize(to) => length = to,
                FileChange::Write { bytes, .. } if bytes.is_empty() => {}
                FileChange::Write { position, bytes } => {
                    let end = position + bytes.len() as u64;
                    self.forgotten.extend(position / SECTOR_BYTES..end.div_ceil(SECTOR_BYTES));
                    length = length.max(end);
                }
            }
            if length != before {
                resizes.push(Unsynced { event, change: FileChange::Resize(length) });
            }
        }
        self.unsynced = resizes;
    }

    fn flip_bit(&mut self, bit: u64) {
        self.cached.flip_bit(bit);
        self.durable.flip_bit(bit);
    }
}

/// A whole disk. Files are numbered from 0 and keep their number and their content when their name goes.
///
/// Copies share what is the same in both: a crash state costs what it changes, however many files there are.
#[derive(Clone, Debug, Default)]
pub(super) struct DiskState {
    pub(super) files: Vec<Arc<FileState>>,
    pub(super) names: Arc<Names>,
    pub(super) durable_names: Arc<Names>,
    pub(super) unsynced_names: Vec<Unsynced<NameChange>>,
}

impl DiskState {
    /// A disk on which these files are durable under these names, and nothing else is there.
    pub(super) fn durable(files: Vec<Arc<FileState>>, names: Names) -> DiskState {
        let names = Arc::new(names);
        DiskState { files, durable_names: names.clone(), names, unsynced_names: Vec::new() }
    }

    /// The number that the next file will get.
    pub(super) fn next_file(&self) -> FileId {
        FileId(self.files.len())
    }

    pub(super) fn file(&self, file: FileId) -> &FileState {
        &self.files[file.0]
    }

    fn file_mut(&mut self, file: FileId) -> &mut FileState {
        Arc::make_mut(&mut self.files[file.0])
    }

    /// Bytes that the files with a name take.
    pub(super) fn used_bytes(&self) -> u64 {
        self.names.values().map(|file| self.file(*file).filled).sum()
    }

    /// Does to the disk what the event says. `at` is the event's number in its trace.
    pub(super) fn apply(&mut self, event: &Event, at: Option<usize>) {
        match event {
            Event::Create { file, name } => {
                debug_assert_eq!(*file, self.next_file());
                self.files.push(Arc::default());
                self.change_names(NameChange::Link { name: Arc::clone(name), file: *file }, at);
            }
            Event::Write { file, position, bytes, .. } => self.file_mut(*file).write(at, *position, bytes),
            Event::Truncate { file, length, .. } => self.file_mut(*file).truncate(at, *length),
            Event::SyncData { file, .. } => self.file_mut(*file).sync(),
            Event::ForgetUnsynced { file, .. } => self.file_mut(*file).forget(),
            Event::Rename { from, to } => {
                let change = NameChange::Rename { from: Arc::clone(from), to: Arc::clone(to), file: self.names[from] };
                self.change_names(change, at);
            }
            Event::Remove { name } => {
                let change = NameChange::Unlink { name: Arc::clone(name), file: self.names[name] };
                self.change_names(change, at);
            }
            Event::SyncDirectory => {
                self.durable_names.clone_from(&self.names);
                self.unsynced_names.clear();
            }
            Event::SyncDirectoryOf { directory } => self.sync_directory_of(directory),
            Event::FlipBit { file, bit, .. } => self.file_mut(*file).flip_bit(*bit),
            Event::Failed { .. } | Event::Lied { .. } => {}
            Event::Note(_) | Event::Acknowledge(_) | Event::Served(_) => {}
            Event::MayDelete(_) | Event::MayCompact(_) => {}
        }
    }

    /// The changes of names in `directory` become durable, those in others do not.
    fn sync_directory_of(&mut self, directory: &str) {
        for unsynced in std::mem::take(&mut self.unsynced_names) {
            match unsynced.change.directory() == Some(directory) {
                true => unsynced.change.apply(Arc::make_mut(&mut self.durable_names)),
                false => self.unsynced_names.push(unsynced),
            }
        }
    }

    fn change_names(&mut self, change: NameChange, event: Option<usize>) {
        change.apply(Arc::make_mut(&mut self.names));
        self.unsynced_names.push(Unsynced { event, change });
    }

    /// The same disk for a new trace, in which nothing has happened yet.
    pub(super) fn without_events(mut self) -> DiskState {
        self.unsynced_names.iter_mut().for_each(|unsynced| unsynced.event = None);
        for file in self.files.iter_mut().filter(|file| !file.unsynced.is_empty()) {
            Arc::make_mut(file).unsynced.iter_mut().for_each(|unsynced| unsynced.event = None);
        }
        self
    }
}
