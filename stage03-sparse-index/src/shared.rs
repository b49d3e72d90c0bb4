//! The index as the writer and all readers of one log share it.

use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use stage02::{Offset, Place};

use crate::index::SparseIndex;
use crate::report::{IndexOrigin, IndexReport};

/// One index, one writer, many readers.
///
/// The lock is held for a binary search or to add an entry, never while the disk works.
#[derive(Debug)]
pub struct SharedIndex {
    origin: IndexOrigin,
    state: RwLock<State>,
    /// Held by whoever replaces the index or cuts the log under it.
    replacing: Mutex<()>,
}

/// The index now, and how many others there were before it.
#[derive(Debug)]
struct State {
    index: SparseIndex,
    rebuilds: u64,
}

/// Entries for the index file.
#[derive(Debug)]
pub struct Unsaved {
    /// The entries, as they lie in the file.
    pub bytes: Vec<u8>,
    /// Which index they are from.
    pub rebuilds: u64,
}

impl SharedIndex {
    /// An index that came from where `origin` says.
    pub fn new(index: SparseIndex, origin: IndexOrigin) -> SharedIndex {
        SharedIndex { origin, state: RwLock::new(State { index, rebuilds: 0 }), replacing: Mutex::new(()) }
    }

    /// See [`SparseIndex::lookup`].
    pub fn lookup(&self, target: Offset) -> Place {
        self.read().index.lookup(target)
    }

    /// See [`SparseIndex::push`]; `positions` are of records in a row, the first of which is `first`.
    pub fn push_all(&self, first: Offset, positions: &[u64]) {
        let mut state = self.write();
        for (&position, offset) in positions.iter().zip(first.0..) {
            state.index.push(Place { offset: Offset(offset), position });
        }
    }

    /// The same for places anywhere behind those that were noted before.
    pub fn push_places(&self, places: impl Iterator<Item = Place>) {
        let mut state = self.write();
        places.for_each(|place| state.index.push(place));
    }

    /// See [`SparseIndex::truncate`].
    pub fn truncate(&self, from: Offset) {
        self.write().index.truncate(from);
    }

    /// An empty index of the same kind.
    pub fn fresh(&self) -> SparseIndex {
        self.read().index.fresh()
    }

    /// Puts `rebuilt`, which has seen the records in front of `end`, in the place of the index. The entries of later
    /// records are taken over: they are the writer's own, added since the log was opened.
    pub fn replace(&self, mut rebuilt: SparseIndex, end: Offset) {
        let mut state = self.write();
        let later = state.index.slot_behind(|place| place.offset < end);
        state.index.places_from(later).for_each(|place| rebuilt.push(place));
        state.index = rebuilt;
        state.rebuilds += 1;
    }

    /// The entries behind the first `saved`, if the index is still the one with number `rebuilds`; else all of them.
    pub fn unsaved(&self, saved: usize, rebuilds: u64) -> Unsaved {
        let state = self.read();
        let slot = if state.rebuilds == rebuilds { saved } else { 0 };
        Unsaved { bytes: state.index.encode_from(slot), rebuilds: state.rebuilds }
    }

    /// Keeps everybody else from replacing the index.
    pub fn lock_replacing(&self) -> MutexGuard<'_, ()> {
        self.replacing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state of the index.
    pub fn report(&self) -> IndexReport {
        let state = self.read();
        IndexReport {
            origin: self.origin.clone(),
            entries: state.index.len(),
            entries_mapped: state.index.mapped_len(),
            rebuilds: state.rebuilds,
        }
    }

    // A panic elsewhere cannot leave an index that lies unnoticed: every entry is checked when it is used.
    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}
