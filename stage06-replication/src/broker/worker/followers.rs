//! The questions of followers that wait for something new.

use stage05::{Error, Result};
use tokio::time::Instant;

use super::Worker;
use crate::broker::parked::Parked;
use crate::message::FetchResult;
use crate::replica_log::ReplicaLog;

/// The bytes of batches in the answer to a follower, unless one alone has more.
const FETCH_BYTES_MAX: usize = 1024 * 1024;

impl Worker {
    /// Answers followers for whom there is something new, or who have waited long enough.
    pub(super) fn serve_parked(&mut self) {
        let now = Instant::now();
        for parked in std::mem::take(&mut self.parked) {
            let leads = self.replica.leading().is_some()
                && self.replica.state().is_some_and(|state| state.leader_epoch == parked.leader_epoch);
            if leads && parked.from >= self.log.end() && now < parked.until {
                self.parked.push(parked);
                continue;
            }
            let result = if leads { self.read_for(&parked) } else { Ok(FetchResult::NotLeader) };
            match result {
                Ok(result) => parked.answer(result),
                // It is asked again, and the others go on without this follower if that does not help.
                Err(error) => {
                    tracing::error!(tablet = %self.replica.identity().tablet, from = %parked.from, "cannot be read: {error}");
                }
            }
        }
    }

    fn read_for(&self, parked: &Parked) -> Result<FetchResult> {
        let high_watermark = self.replica.high_watermark();
        match self.log.read(parked.from, FETCH_BYTES_MAX) {
            Ok(batches) => Ok(FetchResult::Batches { batches, high_watermark }),
            Err(Error::Deleted { .. }) => Ok(FetchResult::Deleted { start: self.log.start() }),
            Err(error) => Err(error),
        }
    }
}
