//! When a checkpoint of the committed offsets is due, and how it is written: a step at a time, between calls.

use stage05::Offset;

use super::log::OffsetsLog;
use super::message::GroupError;
use super::record::OffsetRecord;
use super::reign::{Appended, Reign};

/// How many offsets are written at once.
const PARTS_AT_ONCE: usize = 100;

/// How far a checkpoint has come.
#[derive(Debug)]
pub(super) struct Checkpoint {
    step: Step,
    /// Where the last one began, or was given up.
    since: Offset,
}

#[derive(Debug)]
enum Step {
    /// None is being written.
    None,
    /// Its beginning is on its way.
    Begins,
    /// These are still to be written, of so many.
    Parts(Vec<OffsetRecord>, u64),
    /// Its end is on its way.
    Completes,
}

impl Checkpoint {
    /// The next one is due some way behind this.
    pub(super) fn since(since: Offset) -> Checkpoint {
        Checkpoint { step: Step::None, since }
    }

    /// Whether the log has grown so much that writing everything once more is little beside it.
    fn is_due(&self, applied: Offset, records: u64, last: Option<Offset>) -> bool {
        let since = last.map_or(self.since, |last| last.max(self.since));
        matches!(self.step, Step::None) && applied.0.saturating_sub(since.0) >= records
    }
}

impl<L: OffsetsLog> Reign<L> {
    /// Begins a checkpoint if one is due.
    pub(super) async fn begin_checkpoint(&mut self) {
        let records = self.options.checkpoint_records + 2 * self.offsets.len();
        if self.is_loaded && self.checkpoint.is_due(self.applied, records, self.offsets.begin()) {
            self.checkpoint.step = Step::Begins;
            self.append(&[OffsetRecord::CheckpointBegins], Appended::Checkpoint).await;
        }
    }

    /// A step is done: all in-sync replicas have it, and it has been applied. Each waits for the one before it: a part that
    /// is refused must not be followed by the end.
    pub(super) async fn go_on_with_checkpoint(&mut self, result: Result<(), GroupError>) {
        let step = std::mem::replace(&mut self.checkpoint.step, Step::None);
        if result.is_err() {
            // Whoever reads the log passes over what has no end.
            self.checkpoint.since = self.applied;
            return;
        }
        match step {
            Step::Begins => {
                let parts = self.offsets.parts();
                let count = parts.len() as u64;
                self.write_parts(parts, count).await;
            }
            Step::Parts(parts, count) => self.write_parts(parts, count).await,
            Step::Completes => self.give_up_before().await,
            Step::None => {}
        }
    }

    async fn write_parts(&mut self, mut parts: Vec<OffsetRecord>, count: u64) {
        if parts.is_empty() {
            self.checkpoint.step = Step::Completes;
            return self.append(&[OffsetRecord::CheckpointComplete(count)], Appended::Checkpoint).await;
        }
        let now = parts.split_off(parts.len().saturating_sub(PARTS_AT_ONCE));
        self.checkpoint.step = Step::Parts(parts, count);
        self.append(&now, Appended::Checkpoint).await;
    }

    /// The checkpoint is complete: what is in front of it is not needed any more.
    async fn give_up_before(&mut self) {
        if let Some(begin) = self.offsets.begin() {
            self.checkpoint.since = begin;
            let start = self.log.delete_before(begin).await;
            tracing::info!(begin = begin.0, start = start.0, "a checkpoint of the committed offsets is complete");
        }
    }
}
