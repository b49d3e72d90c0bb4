//! What a replica knows of its own log: how far it goes, and how far it is safe.

use stage05::Offset;

use crate::batch::Batch;
use crate::epochs::Epochs;
use crate::producers::Producers;

/// When a replica says that it has a record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flush {
    /// When it is durable. What was promised survives a power cut of all replicas at once.
    #[default]
    Sync,
    /// When it is written, and synced some time later: Kafka's default. A power cut takes back what was promised, and
    /// replication covers for it as long as it does not hit too many replicas at once.
    Async,
}

/// The ends of a log.
#[derive(Clone, Debug)]
pub struct LogEnds {
    /// The first record that is still there.
    pub start: Offset,
    /// Behind the last record that was written.
    pub written: Offset,
    /// Everything in front of it is durable.
    pub durable: Offset,
    /// How far the running sync goes, if one is running.
    pub syncing: Option<Offset>,
    /// Where each leader's records start.
    pub epochs: Epochs,
    /// Which batches it has of which producers. `None` until somebody has looked, after an opening or a cut.
    pub producers: Option<Producers>,
    flush: Flush,
}

impl LogEnds {
    /// The ends of a log that was just opened: opening makes all of it durable.
    pub fn opened(start: Offset, end: Offset, epochs: Epochs, flush: Flush) -> LogEnds {
        LogEnds { start, written: end, durable: end, syncing: None, epochs, producers: None, flush }
    }

    /// How far the replica may say that it has the log: to its leader, to its followers, to a client.
    pub fn promised(&self) -> Offset {
        match self.flush {
            Flush::Sync => self.durable,
            Flush::Async => self.written,
        }
    }

    /// Whether a sync is worth starting now. One at a time: what is written meanwhile goes with the next, as in stage 2.
    pub fn wants_sync(&self) -> bool {
        self.syncing.is_none() && self.durable < self.written
    }

    /// A sync starts, for everything that is written by now.
    pub fn begin_sync(&mut self) {
        self.syncing = Some(self.written);
    }

    /// The running sync is over.
    pub fn end_sync(&mut self) {
        if let Some(end) = self.syncing.take() {
            self.durable = self.durable.max(end);
        }
    }

    /// A batch was written at the end.
    pub fn append(&mut self, batch: &Batch) {
        self.epochs.begin(batch.epoch, batch.base_offset);
        if let Some(producers) = &mut self.producers {
            producers.append(batch);
        }
        self.written = batch.end_offset();
    }

    /// The log was cut at `end`. A sync that is still running has covered nothing that will be written there from now
    /// on.
    pub fn truncate(&mut self, end: Offset) {
        self.written = self.written.min(end);
        self.durable = self.durable.min(end);
        self.syncing = self.syncing.map(|covers| covers.min(end));
        self.epochs.truncate(end);
    }
}
