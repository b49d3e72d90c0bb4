//! Reading what is there, and then waiting for more: what `tail -f` is to a file.

use std::time::Instant;

use stage03::{Entry, Offset, Reader, Result, Scan};

use crate::reader::{SegmentedReader, SegmentedScan};
use crate::storage::Storage;

/// A reader that stays at the end of the log. It sleeps until the writer wakes it, and asks nobody meanwhile.
#[derive(Debug)]
pub struct Follow<S: Storage> {
    reader: SegmentedReader<S>,
    scan: SegmentedScan<S>,
    /// Behind the last record that was returned.
    next: Offset,
}

impl<S: Storage> SegmentedReader<S> {
    /// Follows the log from the record at `from` on. A reader that was opened for reading alone has no writer to wait
    /// for: it comes to its end.
    pub fn follow(&self, from: Offset) -> Result<Follow<S>> {
        Ok(Follow { reader: self.clone(), scan: self.scan(from)?, next: from })
    }
}

impl<S: Storage> Follow<S> {
    /// The next record. If the reader does not see one yet, waits for it, at most until `deadline`. `None` if the time
    /// is up, or if the log was closed and all of it was read.
    ///
    /// # Errors
    ///
    /// [`Error::Deleted`](stage03::Error::Deleted) if retention was quicker than this reader; else those of a scan.
    pub fn next(&mut self, deadline: Option<Instant>) -> Result<Option<Entry<'_>>> {
        while self.scan.is_at_end()? {
            // The records up to there may be gone, compacted away: they must not look like news for ever.
            self.next = self.next.max(self.scan.reached());
            let Follow { reader, next, .. } = self;
            if !reader.shared.watch.wait_until(deadline, || reader.end() > *next) {
                return Ok(None);
            }
            self.scan = self.reader.scan(self.next)?;
        }
        let entry = self.scan.next()?;
        if let Some(entry) = &entry {
            self.next = entry.offset.next();
        }
        Ok(entry)
    }
}
