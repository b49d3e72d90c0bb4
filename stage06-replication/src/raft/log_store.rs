//! Raft's log, vote and committed index in a log of stage 5.
//!
//! Raft's log is cut at both its ends, and a log of this course only grows. So what is written are the operations: an
//! entry, a truncation, a purge, a vote. Memory holds what they come to, and opening carries them out again.

use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use stage05::name::Part;
use stage05::{
    Disk, Error, FormatError, Framed, Log, Offset, Reader, Record, Result, Scan, SegmentAt, SegmentName,
    SegmentOptions, SegmentedLog,
};

use super::operation::Operation;
use super::view::{Misplaced, View};

/// The log of a node of the consensus, on disk. Its promises (**C1** to **C5**) are those of [`raft`](super).
#[derive(Debug)]
pub struct LogStore {
    /// A lock that nobody ever waits for: openraft wants to be able to share what it alone writes to.
    log: Mutex<SegmentedLog<Framed>>,
    view: SharedView,
    /// The write or sync that failed. Nobody knows what of it is on the disk (stage 2).
    failure: Option<Arc<Error>>,
}

/// What the log comes to, for any number of readers. They never wait for the disk.
#[derive(Clone, Debug)]
pub struct SharedView(Arc<RwLock<View>>);

impl SharedView {
    fn new(view: View) -> SharedView {
        SharedView(Arc::new(RwLock::new(view)))
    }

    /// The view of this moment. The log cannot go on while it is held.
    pub fn read(&self) -> RwLockReadGuard<'_, View> {
        // Nothing that holds this lock leaves the view half changed.
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, View> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why operations were not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// They cannot be where they would be: whoever asked for them is mistaken. The log is as it was.
    #[error(transparent)]
    Misplaced(#[from] Misplaced),
    /// An operation is no JSON. The log is as it was.
    #[error("an operation cannot be written down: {0}")]
    NoJson(#[from] serde_json::Error),
    /// One is too large, and the log is as it was; or the disk failed, and the log takes no more.
    #[error(transparent)]
    Log(#[from] Error),
}

impl LogStore {
    /// Opens the log in `disk`, or makes an empty one.
    ///
    /// # Errors
    ///
    /// Those of [`SegmentedLog::open`]; [`Error::BadFrame`] if a record is no operation, or one that cannot be there; and
    /// [`Error::Damaged`] if the entries do not go on from what was purged. Nothing is changed then.
    pub fn open(disk: &Arc<dyn Disk>, framed: Framed, options: SegmentOptions) -> Result<LogStore> {
        let log = SegmentedLog::open(disk, framed, options)?;
        let reader = log.reader();
        let is_late = reader.start() > Offset(0);
        let view = SharedView::new(if is_late { View::late() } else { View::default() });
        for segment in reader.segments_from(reader.start())? {
            replay(disk, &segment?, &view)?;
        }
        view.write().settle().map_err(|(expected, found)| {
            let what = format!("the first entry is {found}, expected {expected}: no purge accounts for those between");
            Error::Damaged { path: path_of(disk, reader.start()), position: 0, what }
        })?;
        Ok(LogStore { log: Mutex::new(log), view, failure: None })
    }

    /// What the log comes to.
    pub fn view(&self) -> SharedView {
        self.view.clone()
    }

    /// Carries out operations: durably, when this returns.
    pub fn write_synced(&mut self, operations: Vec<Operation>) -> std::result::Result<(), WriteError> {
        self.write(operations, true)
    }

    /// Carries out operations that a crash may take back, until the next ones are synced.
    pub fn write_unsynced(&mut self, operations: Vec<Operation>) -> std::result::Result<(), WriteError> {
        self.write(operations, false)
    }

    /// Lets go of the segments that no entry lies in, after a purge.
    ///
    /// What the oldest segments say of votes and purges is said again first, and durable before any of them goes: a log
    /// that starts later must not know less.
    pub fn let_go(&mut self) -> std::result::Result<(), WriteError> {
        let (summary, first) = {
            let view = self.view.read();
            (view.summary(), view.first_offset())
        };
        let at = self.log().next_offset();
        self.write_synced(summary)?;
        let deleted = self.log().delete_before(first.unwrap_or(at).min(at));
        Ok(self.noted(deleted)?)
    }

    fn write(&mut self, operations: Vec<Operation>, synced: bool) -> std::result::Result<(), WriteError> {
        if let Some(cause) = &self.failure {
            return Err(Error::Poisoned { cause: Arc::clone(cause) }.into());
        }
        self.view.read().check(&operations)?;
        let records: Vec<Record<'static>> =
            operations.iter().map(Operation::encode).collect::<serde_json::Result<_>>()?;
        records.iter().try_for_each(Record::check_size)?;
        let written = self.log().append(&records);
        let first = self.noted(written)?;
        if synced {
            let done = self.log().sync();
            self.noted(done)?;
        }
        // Only now: what is read was written, and what a reader sends on is durable.
        for ((operation, record), number) in operations.into_iter().zip(&records).zip(0..) {
            self.view.write().apply(operation, Offset(first.0 + number), record.bytes())?;
        }
        Ok(())
    }

    fn log(&mut self) -> &mut SegmentedLog<Framed> {
        self.log.get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of the error if there is one: this log takes no more, and opening it again is the cure.
    fn noted<T>(&mut self, done: Result<T>) -> Result<T> {
        done.map_err(|error| {
            let cause = Arc::clone(self.failure.insert(Arc::new(error)));
            Error::Poisoned { cause }
        })
    }
}

/// Carries out the operations of a segment once more.
fn replay<R: Reader>(disk: &Arc<dyn Disk>, segment: &SegmentAt<R>, view: &SharedView) -> Result<()> {
    let mut scan = segment.reader.scan(segment.base)?;
    while let Some(entry) = scan.next()? {
        let applied = Operation::decode(&entry.record).and_then(|operation| {
            let applied = view.write().apply(operation, entry.offset, entry.record.bytes());
            applied.map_err(|misplaced| FormatError::Malformed(misplaced.to_string()))
        });
        applied.map_err(|cause| Error::BadFrame {
            path: path_of(disk, segment.base),
            position: entry.position,
            expected: entry.offset,
            cause,
        })?;
    }
    Ok(())
}

fn path_of(disk: &Arc<dyn Disk>, base: Offset) -> std::path::PathBuf {
    disk.path().join(SegmentName::new(base).file(Part::Log))
}
