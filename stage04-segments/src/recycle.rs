//! Recycling: the file of a segment that is given up becomes the next segment's, and its blocks need not be freed and
//! found again. PostgreSQL does it with its WAL (`wal_recycle`), RocksDB with its own (`recycle_log_file_num`).
//!
//! - **U1** The rename is the removal. The old segment's name becomes [`SPARE`], and the directory is synced as it is for
//!   any deletion. Only then is the file touched: until then, a power cut may bring the old name back.
//! - **U2** Nobody has it. A reader's snapshot never changes (S5), so a file that anybody still holds is removed, and lives
//!   until it is let go. That goes for the readers of this log; it knows of no others.
//! - **U3** Nothing of the old life is seen. [`Preparer`](crate::prepare::Preparer) writes zeros over all of it, and syncs
//!   them, before the file gets a segment's name.
//! - **U4** One is enough. While a spare file waits, other segments are removed. What is left of it at the next open is a
//!   leftover, and removed too.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use stage03::{Access, DiskFile, Error, Result};

use crate::name::{Part, SegmentName};
use crate::options::{PREPARED_BYTES_MAX, Preparation, SegmentOptions};
use crate::site::Site;

/// The file of a segment that was given up, until it becomes the next one's.
pub(crate) const SPARE: &str = "spare";

/// What whoever deletes segments hands to whoever makes them.
#[derive(Debug)]
pub(crate) struct Recycler {
    site: Site,
    /// Smaller files are not worth it: they were cut when they were sealed. None, if nothing is recycled.
    bytes_min: Option<u64>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    spare: Spare,
    /// The files of this life's segments as they were written. A snapshot of the time in which a segment was the newest
    /// holds its file by this handle. Of older segments nobody here knows, so they are not recycled.
    written: BTreeMap<SegmentName, Weak<dyn DiskFile>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Spare {
    #[default]
    None,
    /// A segment has lost its name to it, but perhaps not durably, and perhaps somebody reads it.
    Leaving,
    /// It may be written to.
    Ready,
}

impl Recycler {
    pub(crate) fn new(site: Site, options: &SegmentOptions) -> Recycler {
        let is_on = options.recycle && options.preparation != Preparation::None;
        let bytes_min = is_on.then_some(options.segment_bytes_max.min(PREPARED_BYTES_MAX) / 2);
        Recycler { site, bytes_min, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes the file through which a new segment is written.
    pub(crate) fn note_written(&self, name: SegmentName, file: &Arc<dyn DiskFile>) {
        if self.bytes_min.is_some() {
            self.state().written.insert(name, Arc::downgrade(file));
        }
    }

    /// A segment has got another file, which nobody noted.
    pub(crate) fn forget(&self, name: SegmentName) {
        self.state().written.remove(&name);
    }

    /// Takes a segment's name away: its file becomes the spare one if it can, and is removed otherwise. Not durable yet.
    pub(crate) fn give_up(&self, name: SegmentName, stored_bytes: u64) -> Result<()> {
        let mut state = self.state();
        let is_let_go = state.written.remove(&name).is_some_and(|file| file.strong_count() == 0);
        let is_worth_it = self.bytes_min.is_some_and(|bytes_min| stored_bytes >= bytes_min);
        let file = name.file(Part::Log);
        if is_let_go && is_worth_it && state.spare == Spare::None && self.site.disk.rename(&file, SPARE).is_ok() {
            state.spare = Spare::Leaving;
            return Ok(());
        }
        self.site.remove(&file)
    }

    /// To be called when the name of the segment that was given up is gone durably. `file` is what it was read through
    /// since it was sealed. If a reader still has that, its file is removed, as any other.
    pub(crate) fn settle(&self, file: &Weak<dyn DiskFile>) {
        let mut state = self.state();
        match state.spare {
            Spare::Leaving if file.strong_count() == 0 => state.spare = Spare::Ready,
            Spare::Leaving => {
                state.spare = Spare::None;
                // If it stays, the next open removes it.
                let _ = self.site.remove(SPARE);
            }
            Spare::None | Spare::Ready => {}
        }
    }

    /// The spare file under another name, if there is one. It is full of old bytes.
    pub(crate) fn take(&self, name: &str) -> Result<Option<Arc<dyn DiskFile>>> {
        let mut state = self.state();
        if state.spare != Spare::Ready {
            return Ok(None);
        }
        state.spare = Spare::None;
        let rename = self.site.disk.rename(SPARE, name);
        rename.map_err(|e| Error::io("rename a spare file to", self.site.disk.path().join(name), e))?;
        self.site.open(name, Access::Write).map(Some)
    }

    /// Removes the spare file: no segment comes any more.
    pub(crate) fn close(&self) {
        if std::mem::take(&mut self.state().spare) == Spare::Ready {
            let _ = self.site.remove(SPARE);
        }
    }
}
