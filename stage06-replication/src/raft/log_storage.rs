//! What openraft asks of a log, answered by [`LogStore`].

use std::fmt::Debug;
use std::io;
use std::ops::RangeBounds;

use openraft::storage::{LogFlushed, RaftLogStorage};
use openraft::{AnyError, ErrorSubject, ErrorVerb, LogState, OptionalSend, RaftLogReader, StorageIOError};

use super::blocking::wait_for_disk;
use super::log_store::{LogStore, SharedView, WriteError};
use super::operation::Operation;
use super::types::{Entry, LogId, NodeId, StorageError, TypeConfig, Vote};

/// The most bytes of entries that are sent to a follower at once, unless one alone has more.
const SENT_BYTES_MAX: usize = 1024 * 1024;

fn write_error(subject: ErrorSubject<NodeId>, cause: &WriteError) -> StorageError {
    StorageIOError::new(subject, ErrorVerb::Write, AnyError::new(cause)).into()
}

impl RaftLogReader<TypeConfig> for SharedView {
    async fn try_get_log_entries<RB: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: RB,
    ) -> Result<Vec<Entry>, StorageError> {
        Ok(self.read().entries(range, usize::MAX))
    }

    async fn limited_get_log_entries(&mut self, start: u64, end: u64) -> Result<Vec<Entry>, StorageError> {
        Ok(self.read().entries(start..end, SENT_BYTES_MAX))
    }
}

impl RaftLogReader<TypeConfig> for LogStore {
    async fn try_get_log_entries<RB: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: RB,
    ) -> Result<Vec<Entry>, StorageError> {
        self.view().try_get_log_entries(range).await
    }

    async fn limited_get_log_entries(&mut self, start: u64, end: u64) -> Result<Vec<Entry>, StorageError> {
        self.view().limited_get_log_entries(start, end).await
    }
}

impl RaftLogStorage<TypeConfig> for LogStore {
    type LogReader = SharedView;

    async fn get_log_state(&mut self) -> Result<LogState<TypeConfig>, StorageError> {
        let view = self.view();
        let view = view.read();
        Ok(LogState { last_purged_log_id: view.purged(), last_log_id: view.last() })
    }

    async fn get_log_reader(&mut self) -> SharedView {
        self.view()
    }

    /// Durable before it returns (C1): a node that forgets its vote may vote for another leader in the same term.
    async fn save_vote(&mut self, vote: &Vote) -> Result<(), StorageError> {
        let saved = wait_for_disk(|| self.write_synced(vec![Operation::Vote(*vote)]));
        saved.map_err(|e| write_error(ErrorSubject::Vote, &e))
    }

    /// Asked for when a node starts. A *committed* vote says that whoever it is for was elected. If that is the node itself,
    /// openraft would lead again at once, in the same term. But up to where its entries are committed it has noted without a
    /// sync, and may have forgotten: it would confirm a read and not show what others were told before. So nobody starts
    /// as elected. The node has voted for itself, that is kept; it stands again, and the first entry of the new term
    /// settles what is committed.
    async fn read_vote(&mut self) -> Result<Option<Vote>, StorageError> {
        Ok(self.view().read().vote().map(|vote| Vote { committed: false, ..vote }))
    }

    /// Not synced: nobody was promised that this node knows of it. If a crash takes it back, the node starts from an
    /// older state and hears of the newer one from the leader; the next sync carries it along.
    async fn save_committed(&mut self, committed: Option<LogId>) -> Result<(), StorageError> {
        let saved = wait_for_disk(|| self.write_unsynced(vec![Operation::Committed(committed)]));
        saved.map_err(|e| write_error(ErrorSubject::Store, &e))
    }

    async fn read_committed(&mut self) -> Result<Option<LogId>, StorageError> {
        Ok(self.view().read().committed())
    }

    /// The callback is the acknowledgement: the leader counts this node as one that has the entries. So they are durable
    /// before it is called (C1).
    async fn append<I>(&mut self, entries: I, callback: LogFlushed<TypeConfig>) -> Result<(), StorageError>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let operations: Vec<Operation> = entries.into_iter().map(Operation::Append).collect();
        match wait_for_disk(|| self.write_synced(operations)) {
            Ok(()) => {
                callback.log_io_completed(Ok(()));
                Ok(())
            }
            Err(cause) => {
                callback.log_io_completed(Err(io::Error::other(cause.to_string())));
                Err(write_error(ErrorSubject::Logs, &cause))
            }
        }
    }

    async fn truncate(&mut self, log_id: LogId) -> Result<(), StorageError> {
        let truncated = wait_for_disk(|| self.write_synced(vec![Operation::TruncateFrom(log_id.index)]));
        truncated.map_err(|e| write_error(ErrorSubject::Log(log_id), &e))
    }

    async fn purge(&mut self, log_id: LogId) -> Result<(), StorageError> {
        let purged = wait_for_disk(|| {
            self.write_synced(vec![Operation::PurgeTo(log_id)])?;
            self.let_go()
        });
        purged.map_err(|e| write_error(ErrorSubject::Log(log_id), &e))
    }
}
