//! Appending what is no record to this stage, by the storage's own means.

use std::sync::atomic::Ordering;

use stage03::{Log, Offset, Result};

use super::SegmentedLog;
use crate::roll::Incoming;
use crate::stamp::Stamp;
use crate::storage::{SegmentWriter, Storage};

impl<S: Storage> SegmentedLog<S> {
    /// Appends by `write`, under the rules of every append: a segment that has no room for what comes is ended first,
    /// and the time index takes note. `write` gets the newest segment's writer, and gives a stamp for each piece that
    /// it wrote.
    ///
    /// Returns the offset of the first record.
    pub fn append_with(
        &mut self,
        incoming: &Incoming,
        write: impl FnOnce(&mut S::Writer) -> Result<Vec<Stamp>>,
    ) -> Result<Offset> {
        self.check_sound()?;
        self.roll_if_due(incoming)?;
        let first = self.newest.next_offset();
        let stamps = write(&mut self.newest)?;
        self.first_timestamp_ms = self.first_timestamp_ms.or(stamps.first().map(|stamp| stamp.first_timestamp_ms));
        self.shared.newest_bytes.store(self.newest.end_position(), Ordering::Relaxed);
        self.times.note_stamps(&stamps);
        self.shared.watch.ring();
        Ok(first)
    }
}
