//! What the tests of the consensus storage share.

#![allow(dead_code)]

use std::sync::Arc;

use openraft::storage::RaftLogStorageExt;
use openraft::{CommittedLeaderId, EntryPayload, LogId};
use stage06::controller::Command;
use stage06::ids::{BrokerEpoch, BrokerId};
use stage06::raft::types::{Entry, StorageError};
use stage06::raft::{LogStore, StateMachine};
use stage06::salt::SaltSource;
use stage06::{Disk, Framed, Result, SegmentOptions};

/// Segments so small that every few operations begin another one.
pub(crate) fn tiny() -> SegmentOptions {
    SegmentOptions { segment_bytes_max: 4096 + 600, ..SegmentOptions::default() }
}

pub(crate) fn open_log(disk: &Arc<dyn Disk>) -> Result<LogStore> {
    LogStore::open(disk, Framed::with_salts(SaltSource::Fixed(7)), tiny())
}

pub(crate) fn open_state(disk: &Arc<dyn Disk>) -> Result<StateMachine> {
    StateMachine::open(disk)
}

pub(crate) fn id(term: u64, index: u64) -> LogId<u64> {
    LogId::new(CommittedLeaderId::new(term, 0), index)
}

/// An entry that registers a broker: one for each place.
pub(crate) fn entry(term: u64, index: u64) -> Entry {
    let command = Command::Register {
        broker: BrokerId(index as u32 % 5),
        incarnation: term * 1000 + index,
        intact_since: 0,
        address: String::new(),
    };
    Entry { log_id: id(term, index), payload: EntryPayload::Normal(command) }
}

/// An entry that fences a broker, or would.
pub(crate) fn fence(term: u64, index: u64) -> Entry {
    let command = Command::Fence { broker: BrokerId(index as u32 % 5), life: BrokerEpoch(index) };
    Entry { log_id: id(term, index), payload: EntryPayload::Normal(command) }
}

/// Appends as openraft does: it goes on when the callback was called.
pub(crate) async fn append(store: &mut LogStore, entries: Vec<Entry>) -> std::result::Result<(), StorageError> {
    store.blocking_append(entries).await
}

/// Runs what waits for nothing but the disk.
pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}
