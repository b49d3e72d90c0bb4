//! openraft's own suite for storages, on this one: on a real disk, on the laboratory's, and with a memory that is thrown
//! away before every call.
//!
//! The suite alone never opens a storage twice, so a storage that writes nothing at all passes it. The third run does not
//! let it.

use std::fmt::Debug;
use std::ops::RangeBounds;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use lab::sim::SimDisk;
use openraft::storage::{LogFlushed, RaftLogStorage, RaftStateMachine};
use openraft::testing::{StoreBuilder, Suite};
use openraft::{LogState, OptionalSend, RaftLogReader};
use stage06::controller::Reply;
use stage06::raft::log_store::SharedView;
use stage06::raft::state_machine::SnapshotBuilder;
use stage06::raft::types::{Entry, LogId, Snapshot, SnapshotMeta, StorageError, StoredMembership, TypeConfig, Vote};
use stage06::raft::{LogStore, StateMachine};
use stage06::{Disk, OsDisk};
use tempfile::TempDir;

use crate::common::{open_log, open_state};

/// The suite sleeps most of the time, so it sleeps three times at once.
#[test]
fn openrafts_suite_passes_on_every_disk_and_without_a_memory() {
    thread::scope(|scope| {
        scope.spawn(|| Suite::test_all(Fresh::OnADisk).unwrap());
        scope.spawn(|| Suite::test_all(Fresh::OnASimulatedDisk).unwrap());
        scope.spawn(the_suite_passes_when_all_memory_is_lost_before_every_call);
    });
}

/// New stores, each on a new disk.
enum Fresh {
    OnADisk,
    OnASimulatedDisk,
}

impl StoreBuilder<TypeConfig, LogStore, StateMachine, Option<TempDir>> for Fresh {
    async fn build(&self) -> Result<(Option<TempDir>, LogStore, StateMachine), StorageError> {
        let (directory, disk): (_, Arc<dyn Disk>) = match self {
            Fresh::OnADisk => {
                let directory = tempfile::tempdir().unwrap();
                let disk = OsDisk::create(directory.path()).unwrap();
                (Some(directory), Arc::new(disk))
            }
            Fresh::OnASimulatedDisk => (None, SimDisk::new().disk()),
        };
        Ok((directory, open_log(&disk).unwrap(), open_state(&disk).unwrap()))
    }
}

fn the_suite_passes_when_all_memory_is_lost_before_every_call() {
    let opened = Arc::new(AtomicU64::new(0));
    Suite::test_all(ForgetfulBuilder(Arc::clone(&opened))).unwrap();
    let opened = opened.load(Ordering::Relaxed);
    assert!(opened > 400, "the files were read {opened} times");
}

struct ForgetfulBuilder(Arc<AtomicU64>);

impl StoreBuilder<TypeConfig, ForgetfulLog, ForgetfulState> for ForgetfulBuilder {
    async fn build(&self) -> Result<((), ForgetfulLog, ForgetfulState), StorageError> {
        let disk = SimDisk::new().disk();
        let log = ForgetfulLog { disk: Arc::clone(&disk), opened: Arc::clone(&self.0) };
        Ok(((), log, ForgetfulState { disk, applied: Vec::new() }))
    }
}

/// A log that is opened for every call, and closed behind it.
#[derive(Clone)]
struct ForgetfulLog {
    disk: Arc<dyn Disk>,
    opened: Arc<AtomicU64>,
}

impl ForgetfulLog {
    fn open(&self) -> LogStore {
        self.opened.fetch_add(1, Ordering::Relaxed);
        open_log(&self.disk).unwrap()
    }
}

impl RaftLogReader<TypeConfig> for ForgetfulLog {
    async fn try_get_log_entries<RB: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: RB,
    ) -> Result<Vec<Entry>, StorageError> {
        self.open().try_get_log_entries(range).await
    }

    async fn limited_get_log_entries(&mut self, start: u64, end: u64) -> Result<Vec<Entry>, StorageError> {
        self.open().limited_get_log_entries(start, end).await
    }
}

impl RaftLogStorage<TypeConfig> for ForgetfulLog {
    type LogReader = SharedView;

    async fn get_log_state(&mut self) -> Result<LogState<TypeConfig>, StorageError> {
        self.open().get_log_state().await
    }

    async fn get_log_reader(&mut self) -> SharedView {
        self.open().get_log_reader().await
    }

    async fn save_vote(&mut self, vote: &Vote) -> Result<(), StorageError> {
        self.open().save_vote(vote).await
    }

    async fn read_vote(&mut self) -> Result<Option<Vote>, StorageError> {
        self.open().read_vote().await
    }

    async fn save_committed(&mut self, committed: Option<LogId>) -> Result<(), StorageError> {
        self.open().save_committed(committed).await
    }

    async fn read_committed(&mut self) -> Result<Option<LogId>, StorageError> {
        self.open().read_committed().await
    }

    async fn append<I>(&mut self, entries: I, callback: LogFlushed<TypeConfig>) -> Result<(), StorageError>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        self.open().append(entries, callback).await
    }

    async fn truncate(&mut self, log_id: LogId) -> Result<(), StorageError> {
        self.open().truncate(log_id).await
    }

    async fn purge(&mut self, log_id: LogId) -> Result<(), StorageError> {
        self.open().purge(log_id).await
    }
}

/// A state machine that is opened for every call, and gets the entries behind its snapshot again, as a node that starts
/// applies them.
struct ForgetfulState {
    disk: Arc<dyn Disk>,
    applied: Vec<Entry>,
}

impl ForgetfulState {
    async fn open(&self) -> StateMachine {
        let mut state = open_state(&self.disk).unwrap();
        let (last, _) = state.applied_state().await.unwrap();
        let behind = self.applied.iter().filter(|entry| Some(entry.log_id) > last);
        state.apply(behind.cloned().collect::<Vec<_>>()).await.unwrap();
        state
    }
}

impl RaftStateMachine<TypeConfig> for ForgetfulState {
    type SnapshotBuilder = SnapshotBuilder;

    async fn applied_state(&mut self) -> Result<(Option<LogId>, StoredMembership), StorageError> {
        self.open().await.applied_state().await
    }

    async fn apply<I>(&mut self, entries: I) -> Result<Vec<Reply>, StorageError>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let entries: Vec<Entry> = entries.into_iter().collect();
        let replies = self.open().await.apply(entries.clone()).await;
        self.applied.extend(entries);
        replies
    }

    async fn get_snapshot_builder(&mut self) -> SnapshotBuilder {
        self.open().await.get_snapshot_builder().await
    }

    async fn begin_receiving_snapshot(&mut self) -> Result<Box<std::io::Cursor<Vec<u8>>>, StorageError> {
        self.open().await.begin_receiving_snapshot().await
    }

    async fn install_snapshot(
        &mut self,
        meta: &SnapshotMeta,
        snapshot: Box<std::io::Cursor<Vec<u8>>>,
    ) -> Result<(), StorageError> {
        self.open().await.install_snapshot(meta, snapshot).await
    }

    async fn get_current_snapshot(&mut self) -> Result<Option<Snapshot>, StorageError> {
        self.open().await.get_current_snapshot().await
    }
}
