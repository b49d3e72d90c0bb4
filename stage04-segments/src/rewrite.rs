//! Putting a rewritten segment in the place of those that it stands for, so that a crash leaves the old ones or the new
//! one, and never a part of either.
//!
//! 1. The new file is written under a temporary name and synced.
//! 2. It gets its name, `{base}-{end}.packed`, and the directory is synced. **This is the moment**: from here on it
//!    counts, and the segments from `base` to `end` do not, whether they are still there or not.
//! 3. Readers that come now see the new segment.
//! 4. The old segments are removed.
//!
//! Kafka needs two names for this (`.cleaned`, then `.swap`), because its new segment has the name of an old one. Ours
//! says which offsets it stands for, and no order of renames is left to get wrong.

use std::ops::Range;
use std::sync::Arc;

use stage03::{DiskFile, Offset, Result};

use crate::directory::open_segment;
use crate::maintenance::Maintenance;
use crate::name::{Part, SegmentName, TEMPORARY_SUFFIX};
use crate::packed::{PackOptions, PackedWriter};
use crate::site::Site;
use crate::storage::Storage;
use crate::view::{SealedSegment, Upkeep, View};

/// The file of a rewritten segment while it is made.
pub(crate) struct Rewriting {
    writer: PackedWriter,
    file: TemporaryFile,
}

impl Rewriting {
    /// Adds bytes of the segment's file.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.writer.write(bytes)
    }
}

/// A file that goes when this is dropped, unless it has got its name before: on a disk that is full, half a segment is
/// in the way of everything that could make room.
struct TemporaryFile {
    site: Site,
    name: SegmentName,
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        // If it stays, the next open removes it.
        let _ = self.site.remove(&format!("{}{TEMPORARY_SUFFIX}", self.name.file(Part::Log)));
    }
}

impl<S: Storage> Maintenance<S> {
    /// Begins a segment that will stand for `offsets`.
    pub(crate) fn begin_rewriting(&self, offsets: Range<Offset>, options: PackOptions) -> Result<Rewriting> {
        let name = SegmentName::rewritten(offsets.start, offsets.end);
        let file: Arc<dyn DiskFile> = self.shared.site.create_temporary(&name.file(Part::Log))?;
        let temporary = TemporaryFile { site: self.shared.site.clone(), name };
        Ok(Rewriting { writer: PackedWriter::new(file, options, offsets.start, offsets.end)?, file: temporary })
    }

    /// Puts the segment in the place of `old`, which are neighbours, and removes them.
    ///
    /// # Errors
    ///
    /// Until the new file has its name, an error leaves everything as it was. From there on it ends all maintenance.
    pub(crate) fn replace(
        &self,
        old: &[Arc<SealedSegment<S>>],
        rewriting: Rewriting,
        largest_timestamp_ms: u64,
        upkeep: &mut Upkeep,
    ) -> Result<()> {
        let Rewriting { writer, file } = rewriting;
        writer.finish(largest_timestamp_ms)?;
        // An index under this name is that of an earlier rewriting, with other positions.
        self.remove_derived(file.name);
        self.shared.site.give_name(&file.name.file(Part::Log))?;
        self.show_instead(old, file.name).map_err(|e| upkeep.fail(e))
    }

    /// Makes a segment that has its name count, and removes those that it stands for.
    fn show_instead(&self, old: &[Arc<SealedSegment<S>>], name: SegmentName) -> Result<()> {
        let site = &self.shared.site;
        site.sync_directory()?;
        let (base, end) = (name.base, name.rewritten_end.unwrap_or(name.base));
        let new = Arc::new(open_segment(site, name, end)?);
        self.shared.change_view(|view| {
            let is_replaced = |segment: &SealedSegment<S>| segment.sealed.end > base && segment.sealed.end <= end;
            let first = view.sealed.partition_point(|segment| segment.sealed.end <= base);
            let mut sealed: Vec<_> = view.sealed.iter().filter(|segment| !is_replaced(segment)).cloned().collect();
            sealed.insert(first, new);
            View { sealed, ..view.clone() }
        });
        for segment in old.iter().filter(|segment| segment.sealed.name != name) {
            site.remove(&segment.sealed.name.file(Part::Log))?;
            self.remove_derived(segment.sealed.name);
        }
        // Once the new segment is deleted in its turn, nothing says any more that these do not count.
        site.sync_directory()
    }
}
