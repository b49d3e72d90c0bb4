//! A log whose syncs wait at a gate, so that a test decides what happens while one is under way.

#![allow(dead_code, missing_docs, unreachable_pub, reason = "each test uses its part of this")]

use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use stage02::{Error, JsonLines, Log, NaiveLog, NaiveReader, Offset, OsDisk, Record, Result};
use tempfile::TempDir;

/// Where syncs wait.
#[derive(Default)]
pub struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    closed: bool,
    arrived: usize,
    appends: usize,
    outcome: Outcome,
}

/// What becomes of the next operations.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub enum Outcome {
    #[default]
    Works,
    AppendFails,
    SyncFails,
    SyncPanics,
}

impl Gate {
    pub fn close(&self) {
        self.state().closed = true;
    }

    pub fn open(&self) {
        self.state().closed = false;
        self.changed.notify_all();
    }

    pub fn set(&self, outcome: Outcome) {
        self.state().outcome = outcome;
    }

    /// Returns when `count` syncs in all have come to the gate.
    pub fn wait_for_syncs(&self, count: usize) {
        drop(self.changed.wait_while(self.state(), |state| state.arrived < count).unwrap());
    }

    pub fn syncs(&self) -> usize {
        self.state().arrived
    }

    /// Writes so far, failed ones included.
    pub fn appends(&self) -> usize {
        self.state().appends
    }

    fn append(&self) -> Outcome {
        let mut state = self.state();
        state.appends += 1;
        state.outcome
    }

    fn pass(&self) -> Outcome {
        let mut state = self.state();
        state.arrived += 1;
        self.changed.notify_all();
        self.changed.wait_while(state, |state| state.closed).unwrap().outcome
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

/// Stage 1's log behind a gate.
pub struct GatedLog {
    log: NaiveLog,
    gate: Arc<Gate>,
}

impl GatedLog {
    pub fn new() -> (GatedLog, Arc<Gate>, TempDir) {
        let directory = tempfile::tempdir().unwrap();
        let gate = Arc::new(Gate::default());
        (GatedLog { log: reopen(&directory), gate: Arc::clone(&gate) }, gate, directory)
    }
}

impl Log for GatedLog {
    type Reader = NaiveReader;

    fn append(&mut self, records: &[Record<'_>]) -> Result<Offset> {
        match self.gate.append() {
            Outcome::AppendFails => Err(Error::io("write", "gated", std::io::Error::other("the disk is gone"))),
            _ => self.log.append(records),
        }
    }

    fn sync(&mut self) -> Result<Offset> {
        match self.gate.pass() {
            Outcome::SyncFails => Err(Error::io("sync", "gated", std::io::Error::other("the disk is gone"))),
            Outcome::SyncPanics => panic!("the test asked for it"),
            _ => self.log.sync(),
        }
    }

    fn next_offset(&self) -> Offset {
        self.log.next_offset()
    }

    fn reader(&self) -> NaiveReader {
        self.log.reader()
    }
}

/// Stage 1's log in a directory.
pub fn reopen(directory: &TempDir) -> NaiveLog {
    let disk: Arc<dyn stage02::Disk> = Arc::new(OsDisk::create(directory.path()).unwrap());
    NaiveLog::open(&disk, JsonLines).unwrap()
}

pub fn text(text: impl Into<String>) -> Record<'static> {
    Record::new(0, text.into().into_bytes())
}
