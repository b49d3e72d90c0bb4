//! The map in memory, which RocksDB calls the memtable.
//!
//! It is copied on write: whoever needs it to stand still takes another `Arc` of it. The next write then finds that it
//! is not alone, copies the map once, and goes on with its own. Keys and values are shared, not copied. That is the
//! plainest way to a consistent view, and its price is a pause of that one write, which grows with the number of keys.
//! Redis has the same idea and leaves the copying to `fork`; an engine that must not pause starts a new map and reads
//! both, or keeps many versions of a key.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use stage04::Offset;

use super::batch::{Decoded, Operation};

/// Keys and values, sorted by key.
pub type Map = BTreeMap<Arc<[u8]>, Arc<[u8]>>;

/// The content of a store behind the record in front of `next`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// The keys that have a value.
    pub map: Arc<Map>,
    /// The first record that is not applied.
    pub next: Offset,
}

impl State {
    /// Applies the batch of record `next`. This is the only way in which a map changes, in life and in recovery (K1).
    pub(crate) fn apply(&mut self, batch: &Decoded<'_>) {
        let map = Arc::make_mut(&mut self.map);
        for operation in &batch.operations {
            match *operation {
                Operation::Put { key, value } => drop(map.insert(key.into(), value.into())),
                Operation::Delete { key } => drop(map.remove(key)),
            }
        }
        self.next = self.next.next();
    }
}

/// The state that readers see. The lock is never held while the disk works.
#[derive(Debug)]
pub(crate) struct Table(RwLock<State>);

impl Table {
    pub(crate) fn new(state: State) -> Table {
        Table(RwLock::new(state))
    }

    pub(crate) fn get(&self, key: &[u8]) -> Option<Arc<[u8]>> {
        self.read().map.get(key).cloned()
    }

    /// The state as it is now, and stays.
    pub(crate) fn snapshot(&self) -> State {
        self.read().clone()
    }

    /// Applies a group of batches: readers see all of them or none.
    pub(crate) fn apply(&self, batches: &[Decoded<'_>]) {
        let mut state = self.write();
        batches.iter().for_each(|batch| state.apply(batch));
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}
