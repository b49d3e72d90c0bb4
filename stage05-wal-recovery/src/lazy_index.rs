//! A segment's sparse index, which is loaded when it is first asked.
//!
//! The index is that of stage 3, and so is the trust in it: none. What is new is when it is read. Opening a log with a
//! thousand segments reads no index at all, and opening the newest segment does not either: the first lookup does, or
//! the first append.

use std::io;
use std::sync::{Arc, OnceLock};

use stage04::scan::WINDOW_BYTES;
use stage04::shared::SharedIndex;
use stage04::{
    Access, DiskFile, ENTRY_BYTES, Error, IndexFault, IndexOrigin, IndexReport, IndexSite, Place, Result, SparseIndex,
    StoredEntries,
};

use crate::frame_file::FrameFile;
use crate::frame_scan::FrameScan;

/// An index of the frames in front of a place. Behind it, the writer adds to the index whatever it writes, once it has
/// loaded it itself.
#[derive(Debug)]
pub(crate) struct LazyIndex {
    site: IndexSite,
    access: Access,
    /// Where the segment ended when it was opened.
    opened_to: Place,
    loaded: OnceLock<Loaded>,
}

/// An index, and the file that it came from if that was good.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) index: SharedIndex,
    pub(crate) file: Option<Arc<dyn DiskFile>>,
    /// How many entries the file has.
    pub(crate) stored: usize,
}

impl LazyIndex {
    /// The index at `site` of a segment that ends at `opened_to`. Its file is opened for `access`.
    pub(crate) fn new(site: IndexSite, access: Access, opened_to: Place) -> LazyIndex {
        LazyIndex { site, access, opened_to, loaded: OnceLock::new() }
    }

    pub(crate) fn site(&self) -> &IndexSite {
        &self.site
    }

    /// The index. The first caller loads it, and others wait.
    ///
    /// The file's entries come first; the frames behind its last entry are passed by their headers. If the last entry
    /// lies, or the file is of no use in another way, all frames are. Damage in the segment ends the index: whoever
    /// reads there finds it out.
    pub(crate) fn get(&self, frames: &FrameFile) -> &Loaded {
        self.loaded.get_or_init(|| match self.load(frames) {
            Ok((mut index, file)) => {
                let stored = index.len();
                // What cannot be read now is not indexed, and read without.
                let _ = self.catch_up(frames, &mut index);
                Loaded { index: SharedIndex::new(index, IndexOrigin::Loaded), file: Some(file), stored }
            }
            Err(fault) => {
                let mut index = SparseIndex::new(self.site.base, self.site.interval_bytes);
                let _ = self.catch_up(frames, &mut index);
                Loaded { index: SharedIndex::new(index, IndexOrigin::Rebuilt { fault }), file: None, stored: 0 }
            }
        })
    }

    /// Bytes that the index takes: those of the file, as long as nobody has loaded it.
    pub(crate) fn bytes(&self) -> u64 {
        match self.loaded.get() {
            Some(loaded) => (loaded.index.report().entries * ENTRY_BYTES) as u64,
            None => {
                let file = self.site.disk.open(&self.site.name, Access::Read);
                file.and_then(|file| file.length()).unwrap_or(0)
            }
        }
    }

    pub(crate) fn report(&self, frames: &FrameFile) -> IndexReport {
        self.get(frames).index.report()
    }

    /// The entries of the file, if they could be those of this segment and the last one is.
    fn load(&self, frames: &FrameFile) -> std::result::Result<(SparseIndex, Arc<dyn DiskFile>), IndexFault> {
        let unreadable = |e: io::Error| IndexFault::Unreadable(e.to_string());
        let IndexSite { disk, name, base, interval_bytes } = &self.site;
        let file = disk.open(name, self.access).map_err(|e| match e.kind() {
            io::ErrorKind::NotFound => IndexFault::Missing,
            _ => unreadable(e),
        })?;
        let bytes = file.length().map_err(unreadable)?;
        let (entries, log_bytes) = (bytes / ENTRY_BYTES as u64, self.opened_to.position);
        if bytes % ENTRY_BYTES as u64 != 0 {
            return Err(IndexFault::PartialEntry { bytes });
        }
        if entries > log_bytes / (*interval_bytes).max(1) {
            return Err(IndexFault::TooLong { entries, log_bytes });
        }
        let stored = StoredEntries::open(&*file, entries as usize).map_err(unreadable)?;
        let index = SparseIndex::with_stored(*base, *interval_bytes, stored);
        index.check(log_bytes)?;
        let last = index.last();
        let lands = index.is_empty() || {
            let scan = frames.scan(last, self.opened_to, WINDOW_BYTES);
            scan.and_then(|mut scan| lands(&mut scan, last)).map_err(|e| IndexFault::Unreadable(e.to_string()))?
        };
        match lands {
            true => Ok((index, file)),
            false => Err(IndexFault::WrongLanding { offset: last.offset.0, position: last.position }),
        }
    }

    /// Adds the frames from the last entry on, up to where the segment ended when it was opened.
    fn catch_up(&self, frames: &FrameFile, index: &mut SparseIndex) -> Result<()> {
        let from = if index.is_empty() { frames.start() } else { index.last() };
        let mut scan = frames.scan(from, self.opened_to, WINDOW_BYTES)?;
        while let Some(place) = scan.pass_frame()? {
            if frames.is_worth_an_entry(place) {
                index.push(place);
            }
        }
        Ok(())
    }
}

/// Whether the scan, which starts at `place`, has that frame in front of it: a header that is whole, that belongs to
/// this position of this file, and that carries the offset. The frame is not passed.
///
/// # Errors
///
/// If the file cannot be read at all. That says nothing about the index.
pub(crate) fn lands(scan: &mut FrameScan, place: Place) -> Result<bool> {
    match scan.peek_header() {
        Ok(header) => Ok(header.is_some_and(|header| header.base_offset == place.offset)),
        Err(Error::Io { path, action, cause }) => Err(Error::Io { path, action, cause }),
        Err(_) => Ok(false),
    }
}
