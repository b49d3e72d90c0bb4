//! The segments of a log as they lie in its directory, for whoever looks at all of it and changes nothing.

use std::sync::Arc;

use stage04::name::Part;
use stage04::{Access, Disk, DiskFile, Error, Offset, PackedFile, Result, SegmentName};

use crate::decision::Segment;

/// One segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogPart {
    /// Its name.
    pub name: SegmentName,
    /// Whether it is the one that appends go to.
    pub segment: Segment,
    /// Where its records have to end: where the next segment starts, or where its name says. The newest ends anywhere.
    pub end: Option<Offset>,
}

/// The segments in `disk` from the oldest on. Those that a rewritten one stands for are left out: a crash has kept them
/// from being removed.
pub fn parts(disk: &Arc<dyn Disk>) -> Result<Vec<LogPart>> {
    let files = disk.list().map_err(|e| Error::io("list the directory", disk.path(), e))?;
    let logs = files.iter().filter_map(|file| SegmentName::parse(file)).filter(|(_, part)| *part == Part::Log);
    let mut names: Vec<SegmentName> = logs.map(|(name, _)| name).collect();
    names.sort();
    let rewritten: Vec<SegmentName> = names.iter().filter(|name| name.is_rewritten()).copied().collect();
    names.retain(|name| !rewritten.iter().any(|by| stands_for(by, name)));
    let next = |i: usize| names.get(i + 1).map(|next| next.base);
    let part = |(i, name): (usize, &SegmentName)| LogPart {
        name: *name,
        segment: if i + 1 == names.len() && !name.is_rewritten() { Segment::Newest } else { Segment::Sealed },
        end: name.rewritten_end.or(next(i)),
    };
    Ok(names.iter().enumerate().map(part).collect())
}

/// Whether all records of `name` are, or were, in the rewritten segment `by`.
fn stands_for(by: &SegmentName, name: &SegmentName) -> bool {
    let Some(end) = by.rewritten_end else { return false };
    by != name && name.base >= by.base && name.base < end && name.rewritten_end.is_none_or(|name_end| name_end <= end)
}

impl LogPart {
    /// The segment's file, open for reading: if it is packed, as the file that was packed.
    pub fn open(&self, disk: &Arc<dyn Disk>) -> Result<Arc<dyn DiskFile>> {
        let name = self.name.file(Part::Log);
        let file = disk.open(&name, Access::Read).map_err(|e| Error::io("open", disk.path().join(&name), e))?;
        match self.name.is_rewritten() {
            true => PackedFile::open(file).map(|packed| packed as Arc<dyn DiskFile>),
            false => Ok(file),
        }
    }
}
