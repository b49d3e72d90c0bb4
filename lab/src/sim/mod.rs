//! # The simulated disk
//!
//! A disk in memory that forgets, on purpose, whatever was not synced: the page cache as a data structure. Each file
//! has two images, a cached one that reads and writes work on, and a durable one that a power cut leaves; only a sync
//! carries bytes from the one to the other. The directory has the same two, for the names.
//!
//! The disk writes down everything that is done to it. From that [`Trace`] it can say, for every moment, what a kill
//! of the process or a power cut could have left, and hand it out as another disk.
//!
//! In reading order: [`trace`] (what happened), `sparse` (the bytes of a file), `state` (cached, durable, and between),
//! [`fault`] (what can go wrong), `disk` (the operations), `directory` (the same in a part of it), [`replay`] (going back), [`crash_state`] (what is left),
//! `power_cut` and `torn_write` (the two ways of losing unsynced data), `choices` (all of the states, or a sample).

mod choices;
pub mod crash_state;
mod directory;
mod disk;
pub mod fault;
mod power_cut;
pub mod replay;
mod sparse;
mod state;
mod torn_write;
pub mod trace;

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use stage01::Disk;

pub use crash_state::{Crash, CrashState, Lens, Sampling};
pub use fault::{Errno, Fault, Operation, Which};
pub use replay::{Replay, Trace};
pub use state::SECTOR_BYTES;
pub use trace::{Event, FileId, Remarks};

use fault::{Effect, Faults};
use sparse::SparseBytes;
use state::{DiskState, FileState};

/// A disk in memory. Clones are handles of the same disk.
#[derive(Clone, Debug, Default)]
pub struct SimDisk {
    inner: Arc<Mutex<Inner>>,
}

/// What a disk has been asked for since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Operations of every kind, those that failed too.
    pub operations: u64,
    /// Reads that succeeded.
    pub reads: u64,
    /// Bytes that they returned.
    pub bytes_read: u64,
    /// Writes, whole or short.
    pub writes: u64,
    /// Bytes that they put down.
    pub bytes_written: u64,
    /// Data syncs, honest or not.
    pub syncs: u64,
}

#[derive(Debug, Default)]
struct Inner {
    state: DiskState,
    /// The disk as it was before the first event.
    base: Arc<DiskState>,
    events: Vec<Event>,
    faults: Faults,
    counters: Counters,
    space_bytes: Option<u64>,
    /// Whether each directory that anybody has asked for is locked; the disk's own has no name.
    locks: BTreeMap<String, Arc<AtomicBool>>,
}

impl SimDisk {
    /// An empty disk.
    pub fn new() -> SimDisk {
        SimDisk::default()
    }

    /// A disk with these files on it, durable.
    pub fn with_files<'a>(files: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> SimDisk {
        let (mut states, mut names) = (Vec::new(), BTreeMap::new());
        for (name, bytes) in files {
            let mut image = SparseBytes::default();
            image.write_at(bytes, 0);
            names.insert(Arc::from(name), FileId(states.len()));
            states.push(Arc::new(FileState::durable(image)));
        }
        SimDisk::at(DiskState::durable(states, names))
    }

    /// A disk in this state, with nothing in its trace.
    fn at(state: DiskState) -> SimDisk {
        let inner = Inner { base: Arc::new(state.clone()), state, ..Inner::default() };
        SimDisk { inner: Arc::new(Mutex::new(inner)) }
    }

    /// The disk as the logs take it.
    pub fn disk(&self) -> Arc<dyn Disk> {
        Arc::new(self.clone())
    }

    /// Everything that was done so far.
    pub fn trace(&self) -> Trace {
        let inner = self.inner();
        Trace::new(Arc::clone(&inner.base), inner.events.clone())
    }

    /// Puts a remark into the trace.
    pub fn note(&self, note: impl Into<String>) {
        self.inner().record(Event::Note(note.into()));
    }

    /// Puts into the trace that `records` records in total are acknowledged now: no crash may take them back.
    pub fn acknowledge(&self, records: u64) {
        self.inner().record(Event::Acknowledge(records));
    }

    /// Puts into the trace that a reader was shown `records` records in total as durable.
    pub fn served(&self, records: u64) {
        self.inner().record(Event::Served(records));
    }

    /// Puts into the trace that the log may delete the records below `limit` from now on, as many of them as it likes.
    pub fn may_delete(&self, limit: u64) {
        self.inner().record(Event::MayDelete(limit));
    }

    /// Puts into the trace that the log may compact the records below `limit` from now on. Of those, only the latest of
    /// each key has to be there; those without a key and any others may be there, too.
    pub fn may_compact(&self, limit: u64) {
        self.inner().record(Event::MayCompact(limit));
    }

    /// Everything that was not synced becomes durable: what the operating system does by itself, sooner or later.
    pub fn write_back(&self) {
        let mut inner = self.inner();
        let unsynced = |file: &FileId| !inner.state.file(*file).unsynced.is_empty();
        let names: Vec<_> = inner.state.names.iter().filter(|(_, file)| unsynced(file)).collect();
        let names: Vec<_> = names.into_iter().map(|(name, file)| (Arc::clone(name), *file)).collect();
        names.into_iter().for_each(|(name, file)| inner.record(Event::SyncData { file, name }));
        inner.record(Event::SyncDirectory);
    }

    /// Gives the disk a fault, besides those that it has.
    pub fn inject(&self, fault: Fault) {
        self.inner().faults.add(fault);
    }

    /// Takes all faults away. What they have spoilt stays spoilt.
    pub fn clear_faults(&self) {
        self.inner().faults.clear();
    }

    /// The disk takes `bytes` bytes in all its files together, then it is full. A write puts down what fits.
    pub fn set_space(&self, bytes: u64) {
        self.inner().space_bytes = Some(bytes);
    }

    /// What the disk was asked for so far.
    pub fn counters(&self) -> Counters {
        self.inner().counters
    }

    /// Bytes that were read so far.
    pub fn bytes_read(&self) -> u64 {
        self.counters().bytes_read
    }

    /// Turns one bit of a file around, in the cache and on the medium. Bit 0 is the lowest of the first byte; a bit
    /// behind the end does nothing.
    ///
    /// # Panics
    ///
    /// If there is no such file.
    pub fn flip_bit(&self, name: &str, bit: u64) {
        let mut inner = self.inner();
        let (name, file) = inner.state.names.get_key_value(name).expect("a file to flip a bit in");
        let event = Event::FlipBit { file: *file, name: Arc::clone(name), bit };
        inner.record(event);
    }

    /// The names in the directory, sorted.
    pub fn names(&self) -> Vec<String> {
        self.inner().state.names.keys().map(|name| name.to_string()).collect()
    }

    /// The content of a file as reads see it.
    pub fn cached(&self, name: &str) -> Option<Vec<u8>> {
        let inner = self.inner();
        inner.state.names.get(name).map(|file| inner.state.file(*file).cached.content())
    }

    /// The content of a file as a power cut would leave it if nothing unsynced survived, or `None` if its name would
    /// be gone.
    pub fn durable(&self, name: &str) -> Option<Vec<u8>> {
        let inner = self.inner();
        inner.state.durable_names.get(name).map(|file| inner.state.file(*file).durable.content())
    }

    /// How long a file is as reads see it, and its last bytes, at most `bytes_max` of them.
    ///
    /// # Panics
    ///
    /// If there is no such file.
    pub fn tail(&self, name: &str, bytes_max: u64) -> (u64, Vec<u8>) {
        let inner = self.inner();
        let image = &inner.state.file(inner.state.names[name]).cached;
        let count = image.length().min(bytes_max);
        (image.length(), image.bytes(image.length() - count, count as usize))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Nothing that holds this lock leaves the disk half changed.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Does what the event says, and writes it down.
    fn record(&mut self, event: Event) {
        self.state.apply(&event, Some(self.events.len()));
        self.events.push(event);
    }

    /// Counts an operation, and says what a fault does to it. A fault that makes it fail outright is the error.
    fn begin(
        &mut self,
        operation: Operation,
        name: Option<&str>,
        words: impl FnOnce() -> String,
    ) -> io::Result<Option<Effect>> {
        self.counters.operations += 1;
        match self.faults.meet(operation, name) {
            Some(Effect::Fail(errno)) => Err(self.failed(words(), errno)),
            effect => Ok(effect),
        }
    }

    /// Writes down that an operation failed, and gives its error.
    fn failed(&mut self, operation: String, errno: Errno) -> io::Error {
        let error = errno.error();
        self.record(Event::Failed { operation, error: error.to_string() });
        error
    }

    /// How many bytes a write at `position` may put down before the disk is full. Bytes that are there already cost
    /// nothing when they are written again.
    fn room(&self, file: FileId, position: u64) -> u64 {
        let Some(space_bytes) = self.space_bytes else { return u64::MAX };
        let again = self.state.file(file).filled.saturating_sub(position);
        again + space_bytes.saturating_sub(self.state.used_bytes())
    }
}
