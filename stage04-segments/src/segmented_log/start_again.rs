//! Giving all of a log up and beginning it anew elsewhere, for whoever has fallen too far behind.
//!
//! A follower that was away for long may end in front of where the leader's log starts by now. Nothing that it has
//! joins up with what it can get.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use stage03::{Error, Log, Offset, Place, Result};

use super::{SegmentedLog, begin_segment};
use crate::name::{Part, SegmentName};
use crate::storage::{SegmentWriter, Storage};
use crate::times::TimesWriter;
use crate::view::{Shared, View};

impl<S: Storage> SegmentedLog<S> {
    /// Removes every record, and lets the log begin at `base`: that is the offset that the next record will get.
    ///
    /// First the log is cut at its start, then the segment that is left gives way to the new one. A crash before that
    /// leaves the log or a part of it from its start on, as [`SegmentedLog::truncate`] says; one in between leaves no
    /// segment, which opens as an empty log that begins at 0.
    ///
    /// # Errors
    ///
    /// Those of [`SegmentedLog::truncate`].
    pub fn start_again(&mut self, base: Offset) -> Result<()> {
        let shared = Arc::clone(&self.shared);
        let start = shared.view().start();
        self.truncate(start)?;
        let mut upkeep = shared.lock_maintenance()?;
        self.replace_all(&shared, base).map_err(|error| {
            let error = upkeep.fail(error);
            if let Error::Poisoned { cause } = &error {
                self.failure = Some(Arc::clone(cause));
            }
            error
        })?;
        upkeep.clean_until = base;
        Ok(())
    }

    /// Puts an empty segment that starts at `base` in the place of the only one there is, which is as empty.
    fn replace_all(&mut self, shared: &Shared<S>, base: Offset) -> Result<()> {
        let Shared { site, storage, .. } = shared;
        self.newest.seal()?;
        // Without a segment, the log would begin at 0 at the next open.
        storage.before_cut(site, &SegmentName::new(Offset(0)), Place::default())?;
        site.remove(&self.newest_name.file(Part::Log))?;
        site.sync_directory()?;
        (self.newest, self.newest_name) = begin_segment(site, storage, &mut self.preparer, base)?;
        self.preparer.order_next();
        self.times = TimesWriter::new(site, &self.newest_name);
        self.first_timestamp_ms = None;
        shared.newest_bytes.store(self.newest.end_position(), Ordering::Relaxed);
        shared.change_view(|_| View {
            sealed: Vec::new(),
            newest: self.newest.reader(),
            newest_times: self.times.times.clone(),
            newest_name: self.newest_name,
        });
        Ok(())
    }
}
