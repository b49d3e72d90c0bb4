//! Records that are old, too much, or not wanted any more are given up.

use std::time::Duration;

use stage05::Offset;
use stage05::retention::Retention;
use tokio::time::Instant;

use super::Worker;
use crate::broker::clock::unix_time_ms;
use crate::replica::Input;
use crate::replica_log::ReplicaLog;

/// How often retention looks.
const RETENTION_EVERY: Duration = Duration::from_secs(5);

impl Worker {
    /// Gives up what is old or too much, as far as all in-sync replicas have it.
    pub(super) fn retain(&mut self) {
        if self.retention == Retention::default() || self.looked_at_retention.elapsed() < RETENTION_EVERY {
            return;
        }
        self.looked_at_retention = Instant::now();
        match self.maintenance.retain(&self.retention, unix_time_ms(), self.replica.high_watermark()) {
            Ok(_) => self.starts_at(self.log.start()),
            Err(error) => {
                tracing::warn!(tablet = %self.replica.identity().tablet, "nothing is given up: {error}");
            }
        }
    }

    pub(super) fn delete_before(&mut self, limit: Offset) {
        match self.log.delete_before(limit.min(self.replica.high_watermark())) {
            Ok(start) => self.starts_at(start),
            Err(error) => {
                tracing::warn!(tablet = %self.replica.identity().tablet, "nothing is given up: {error}");
            }
        }
    }

    fn starts_at(&mut self, start: Offset) {
        if start > self.replica.log().start {
            self.handle(Input::Deleted(start));
        }
    }
}
