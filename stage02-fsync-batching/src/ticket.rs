//! The receipt for a record that was handed in.

use std::fmt;
use std::sync::Arc;

use stage01::{Log, Offset, Result};

use crate::desk::Desk;

/// A record's place in the queue. Dropping it loses nothing: the record is written all the same, and nobody hears of it.
#[must_use = "the record is not durable before `wait` has returned"]
pub struct Ticket<L: Log> {
    pub(crate) desk: Arc<Desk<L>>,
    pub(crate) offset: Offset,
    pub(crate) group: u64,
}

impl<L: Log> Ticket<L> {
    /// The offset that the record has if [`Ticket::wait`] succeeds.
    pub fn offset(&self) -> Offset {
        self.offset
    }

    /// Waits for the answer, which means what the log's [`Durability`](crate::Durability) says.
    ///
    /// # Errors
    ///
    /// [`Error::Poisoned`](stage01::Error::Poisoned) if the log failed first. Whether the record is in the log is then
    /// unknown until it is reopened.
    pub fn wait(self) -> Result<Offset> {
        self.desk.wait(self.desk.hold(), self.offset, self.group)
    }
}

impl<L: Log> fmt::Debug for Ticket<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket").field("offset", &self.offset).finish_non_exhaustive()
    }
}
