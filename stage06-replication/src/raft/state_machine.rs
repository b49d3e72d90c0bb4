//! The controller as the state machine that openraft replicates.
//!
//! Its state is in memory. What makes it durable is the log; a snapshot only makes the log shorter. So opening takes the
//! snapshot, and openraft applies the committed entries behind it once more.

use std::io::Cursor;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use openraft::storage::RaftStateMachine;
use openraft::{AnyError, EntryPayload, OptionalSend, RaftSnapshotBuilder, StorageIOError};
use stage05::{Disk, Error, Result};
use tokio::sync::watch;

use super::blocking::wait_for_disk;
use super::snapshot_file::{SnapshotFile, StoredSnapshot};
use super::types::{Entry, LogId, Snapshot, SnapshotMeta, StorageError, StoredMembership, TypeConfig};
use crate::controller::{Controller, Reply};

/// What the entries up to one of them have made.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Applied {
    /// The last of them.
    pub last: Option<LogId>,
    /// Who takes part.
    pub membership: StoredMembership,
    /// The controller.
    pub controller: Controller,
}

/// The controller of a node of the consensus.
#[derive(Debug)]
pub struct StateMachine {
    applied: watch::Sender<Applied>,
    snapshots: SharedSnapshots,
}

/// Snapshots are built beside the rest.
#[derive(Clone, Debug)]
struct SharedSnapshots(Arc<Mutex<SnapshotFile>>);

impl SharedSnapshots {
    fn lock(&self) -> MutexGuard<'_, SnapshotFile> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StateMachine {
    /// Opens the state machine with the snapshot in `disk`, if there is one. The log may lie in the same directory.
    ///
    /// # Errors
    ///
    /// Those of [`SnapshotFile::open`]; [`Error::Damaged`] if the snapshot is not a controller's.
    pub fn open(disk: &Arc<dyn Disk>) -> Result<StateMachine> {
        let file = SnapshotFile::open(disk)?;
        let applied = match file.current() {
            Some(stored) => restore(&stored.meta, &stored.data).map_err(|what| Error::Damaged {
                path: file.path(),
                position: 0,
                what,
            })?,
            None => Applied::default(),
        };
        Ok(StateMachine {
            applied: watch::Sender::new(applied),
            snapshots: SharedSnapshots(Arc::new(Mutex::new(file))),
        })
    }

    /// The state as it is and as it becomes, for those who act on it. While it is borrowed, nothing is applied.
    pub fn subscribe(&self) -> watch::Receiver<Applied> {
        self.applied.subscribe()
    }
}

/// The state that a snapshot holds, or what is wrong with it.
fn restore(meta: &SnapshotMeta, data: &[u8]) -> std::result::Result<Applied, String> {
    let controller = serde_json::from_slice(data).map_err(|e| format!("the state is not a controller's: {e}"))?;
    Ok(Applied { last: meta.last_log_id, membership: meta.last_membership.clone(), controller })
}

impl Applied {
    fn apply(&mut self, entry: Entry) -> Reply {
        self.last = Some(entry.log_id);
        match entry.payload {
            EntryPayload::Blank => Reply::Done,
            EntryPayload::Normal(command) => self.controller.apply(&command),
            EntryPayload::Membership(membership) => {
                self.membership = StoredMembership::new(Some(entry.log_id), membership);
                Reply::Done
            }
        }
    }

    /// Equal states make equal snapshots, so the last entry is all that a name has to tell.
    fn meta(&self) -> SnapshotMeta {
        let snapshot_id = self.last.map_or("empty".to_string(), |last| last.to_string());
        SnapshotMeta { last_log_id: self.last, last_membership: self.membership.clone(), snapshot_id }
    }
}

/// Builds a snapshot of the moment in which it was asked for.
#[derive(Debug)]
pub struct SnapshotBuilder {
    applied: Applied,
    snapshots: SharedSnapshots,
}

impl RaftSnapshotBuilder<TypeConfig> for SnapshotBuilder {
    /// Durable before it returns (C3): the entries that it stands for are purged then.
    async fn build_snapshot(&mut self) -> std::result::Result<Snapshot, StorageError> {
        let meta = self.applied.meta();
        let failed = |cause: AnyError| StorageIOError::write_snapshot(Some(meta.signature()), cause);
        let data = serde_json::to_vec(&self.applied.controller).map_err(|e| failed(AnyError::new(&e)))?;
        let stored = StoredSnapshot { meta: meta.clone(), data: data.clone() };
        wait_for_disk(|| self.snapshots.lock().replace(stored)).map_err(|e| failed(AnyError::new(&e)))?;
        Ok(Snapshot { meta, snapshot: Box::new(Cursor::new(data)) })
    }
}

impl RaftStateMachine<TypeConfig> for StateMachine {
    type SnapshotBuilder = SnapshotBuilder;

    async fn applied_state(&mut self) -> std::result::Result<(Option<LogId>, StoredMembership), StorageError> {
        let applied = self.applied.borrow();
        Ok((applied.last, applied.membership.clone()))
    }

    async fn apply<I>(&mut self, entries: I) -> std::result::Result<Vec<Reply>, StorageError>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let mut replies = Vec::new();
        // One notification for all of them.
        self.applied.send_modify(|applied| replies.extend(entries.into_iter().map(|entry| applied.apply(entry))));
        Ok(replies)
    }

    async fn get_snapshot_builder(&mut self) -> SnapshotBuilder {
        SnapshotBuilder { applied: self.applied.borrow().clone(), snapshots: self.snapshots.clone() }
    }

    async fn begin_receiving_snapshot(&mut self) -> std::result::Result<Box<Cursor<Vec<u8>>>, StorageError> {
        Ok(Box::default())
    }

    /// Durable before it is served (C3).
    async fn install_snapshot(
        &mut self,
        meta: &SnapshotMeta,
        snapshot: Box<Cursor<Vec<u8>>>,
    ) -> std::result::Result<(), StorageError> {
        let data = snapshot.into_inner();
        let failed = |cause: AnyError| StorageIOError::write_snapshot(Some(meta.signature()), cause);
        // Before it takes the place of one that can be read.
        let applied = restore(meta, &data).map_err(|what| failed(AnyError::error(what)))?;
        let stored = StoredSnapshot { meta: meta.clone(), data };
        wait_for_disk(|| self.snapshots.lock().replace(stored)).map_err(|e| failed(AnyError::new(&e)))?;
        self.applied.send_replace(applied);
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> std::result::Result<Option<Snapshot>, StorageError> {
        let current = wait_for_disk(|| self.snapshots.lock().current());
        Ok(current
            .map(|stored| Snapshot { meta: stored.meta.clone(), snapshot: Box::new(Cursor::new(stored.data.clone())) }))
    }
}
