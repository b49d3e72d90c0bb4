//! Producers of the simulator.

use crate::replica::Millis;

/// How long a producer waits for an answer before it goes on.
pub(crate) const PATIENCE_MS: Millis = 1_000;

/// A producer: one batch at a time, each with a value of its own, and none a second time.
#[derive(Debug, Default)]
pub(crate) struct Producer {
    /// The value that has no answer yet, and since when.
    pub(crate) waits: Option<(u64, Millis)>,
    /// How many of its batches were acknowledged, as far as it has heard.
    pub(crate) acknowledged: u64,
}

impl Producer {
    /// Whether it may send its next batch.
    pub(crate) fn is_free(&self, now: Millis) -> bool {
        self.waits.is_none_or(|(_, since)| now >= since + PATIENCE_MS)
    }
}
