//! Opening a directory of segments, whatever a crash has left in it.
//!
//! What may be found besides whole segments, and what becomes of it:
//!
//! | found | left by | done |
//! |---|---|---|
//! | a file with a temporary name | a crash while it was made | removed |
//! | a spare file | a crash behind a deletion | removed |
//! | segments that a rewritten one stands for | a crash behind its rename | removed |
//! | an index whose segment is gone | a crash while a segment was deleted or rewritten | removed |
//! | a newest segment without records | a crash behind a roll | goes on |
//! | a newest segment with a torn end | a crash while it was written | the storage's business |
//! | a hole between two segments | no crash of ours | an error |

use std::collections::BTreeSet;
use std::sync::Arc;

use stage03::{Access, Disk, Error, Offset, Result};

use crate::name::{Part, SegmentName, TEMPORARY_SUFFIX};
use crate::options::SegmentOptions;
use crate::packed::PackedFile;
use crate::prepare::PREPARED;
use crate::recycle::{Recycler, SPARE};
use crate::site::Site;
use crate::storage::{Sealed, Storage};
use crate::times::NewestTimes;
use crate::view::{SealedSegment, Shared, View};

/// The segments of a directory, and what else is there.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    /// From the oldest on; the last one is the newest, and not a rewritten one.
    pub(crate) segments: Vec<SegmentName>,
    /// Files that are of no use any more.
    pub(crate) leftovers: Vec<String>,
}

impl Contents {
    /// Looks at the names alone.
    pub(crate) fn of(site: &Site) -> Result<Contents> {
        Contents::among(site, &site.list()?)
    }

    /// The same for names that were listed before.
    fn among(site: &Site, files: &[String]) -> Result<Contents> {
        let mut found = BTreeSet::new();
        let mut contents = Contents::default();
        for file in files {
            match SegmentName::parse(file) {
                Some((name, Part::Log)) => drop(found.insert(name)),
                _ if is_temporary(file) => contents.leftovers.push(file.clone()),
                _ => {}
            }
        }
        contents.choose(site, found)?;
        for file in files {
            if let Some((name, _)) = SegmentName::parse(file)
                && !contents.segments.contains(&name)
            {
                contents.leftovers.push(file.clone());
            }
        }
        Ok(contents)
    }

    /// Chooses the segments that count: what a rewritten segment stands for gives way to it.
    fn choose(&mut self, site: &Site, found: BTreeSet<SegmentName>) -> Result<()> {
        for name in found {
            if let Some(last) = self.segments.last()
                && let Some(end) = last.rewritten_end
                && name.base < end
                && name.rewritten_end.unwrap_or(name.base) <= end
            {
                continue;
            }
            // The names are sorted by base, and of those with the same base the plain one comes first.
            while let Some(last) = self.segments.last()
                && last.base == name.base
            {
                self.segments.pop();
            }
            self.segments.push(name);
        }
        self.check(site)
    }

    /// Each segment has to end where the next one starts, as far as names tell.
    fn check(&self, site: &Site) -> Result<()> {
        let file = |name: &SegmentName| site.disk.path().join(name.file(Part::Log));
        for pair in self.segments.windows(2) {
            if let Some(end) = pair[0].rewritten_end
                && end != pair[1].base
            {
                return Err(Error::Gap { path: file(&pair[0]), expected: end, found: pair[1].base });
            }
        }
        // A rewritten segment was sealed before, so another one followed it.
        if let Some(last) = self.segments.last()
            && let Some(end) = last.rewritten_end
        {
            let what = format!("the segment that starts at record {end} is missing behind this one");
            return Err(Error::Damaged { path: file(last), position: 0, what });
        }
        Ok(())
    }
}

/// Only files of ours: whatever else has such a name is somebody's.
fn is_temporary(file: &str) -> bool {
    [PREPARED, SPARE].contains(&file)
        || file.strip_suffix(TEMPORARY_SUFFIX).is_some_and(|name| SegmentName::parse(name).is_some())
}

/// Opens all segments but the newest.
pub(crate) fn open_sealed<S: Storage>(site: &Site, segments: &[SegmentName]) -> Result<Vec<Arc<SealedSegment<S>>>> {
    let mut sealed = Vec::with_capacity(segments.len());
    for pair in segments.windows(2) {
        sealed.push(Arc::new(open_segment(site, pair[0], pair[1].base)?));
    }
    Ok(sealed)
}

/// Opens one sealed segment.
pub(crate) fn open_segment<S: Storage>(site: &Site, name: SegmentName, end: Offset) -> Result<SealedSegment<S>> {
    let file = site.open(&name.file(Part::Log), Access::Read)?;
    let stored_bytes = file.length().map_err(|e| Error::io("ask for the length", file.path(), e))?;
    let file = if name.is_rewritten() { PackedFile::open(file)? } else { file };
    Ok(SealedSegment::new(Sealed { name, file, end }, stored_bytes))
}

/// How often a directory is looked at again whose segments change while it is opened.
const ATTEMPTS: usize = 10;

/// Opens the log for reading alone. If another process deletes or rewrites a segment meanwhile, looks again: a directory
/// that changes while it is listed may be shown without the old name and without the new one.
pub(crate) fn open_for_reading<S: Storage>(
    disk: &Arc<dyn Disk>,
    storage: S,
    options: &SegmentOptions,
) -> Result<Shared<S>> {
    let site =
        Site { disk: Arc::clone(disk), access: Access::Read, index_interval_bytes: options.index_interval_bytes };
    let mut attempt = 1;
    loop {
        let files = log_files(&site)?;
        let view = read_view(&site, &storage, &files);
        if attempt == ATTEMPTS || log_files(&site)? == files {
            let recycler = Arc::new(Recycler::new(site.clone(), options));
            let shared = Shared::new(site, storage, view?, recycler);
            // There is no writer here that could wake anybody.
            shared.watch.close();
            return Ok(shared);
        }
        attempt += 1;
    }
}

/// The names of all files with records.
fn log_files(site: &Site) -> Result<Vec<String>> {
    let mut files = site.list()?;
    files.retain(|file| matches!(SegmentName::parse(file), Some((_, Part::Log))));
    Ok(files)
}

fn read_view<S: Storage>(site: &Site, storage: &S, files: &[String]) -> Result<View<S>> {
    let segments = Contents::among(site, files)?.segments;
    let Some(&newest_name) = segments.last() else {
        let name = SegmentName::new(Offset(0)).file(Part::Log);
        return Err(Error::io("open", site.disk.path().join(name), std::io::ErrorKind::NotFound.into()));
    };
    let sealed = open_sealed(site, &segments)?;
    let newest = storage.read_newest(site, &newest_name, site.open(&newest_name.file(Part::Log), Access::Read)?)?;
    let newest_times = NewestTimes::read(site, &newest_name, storage, &newest)?;
    Ok(View { sealed, newest, newest_times, newest_name })
}
