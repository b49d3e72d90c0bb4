//! Getting an index when a log is opened: from its file if the file can be trusted that far, else from the log.

use std::io::ErrorKind;
use std::sync::Arc;

use stage02::scan::WINDOW_BYTES;
use stage02::{Access, DiskFile, FileScan, Format};

use crate::entry::ENTRY_BYTES;
use crate::index::SparseIndex;
use crate::index_file::IndexSite;
use crate::landing::lands;
use crate::map::StoredEntries;
use crate::report::{IndexFault, IndexOrigin};

/// An index to start with. [`SparseIndex::last`] is where to go on reading the log: the last entry, or the start.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) index: SparseIndex,
    pub(crate) origin: IndexOrigin,
    /// The file that the entries came from, if it was good.
    pub(crate) file: Option<Arc<dyn DiskFile>>,
}

/// The index of the log in `log`, from its file at `site`; without entries if anything about the file is wrong.
///
/// What is checked here is what opening relies on: that the last entry is true, since recovery starts there and may cut
/// what follows. The entries in front of it are looked at for their order only, which costs the index and not the log.
/// Each of them is held against the log when a read uses it (I4).
pub(crate) fn load<F: Format>(site: &IndexSite, access: Access, log: &Arc<dyn DiskFile>, format: &F) -> Loaded {
    match try_load(site, access, log, format) {
        Ok((index, file)) => Loaded { index, origin: IndexOrigin::Loaded, file: Some(file) },
        Err(fault) => {
            let index = SparseIndex::new(site.base, site.interval_bytes);
            Loaded { index, origin: IndexOrigin::Rebuilt { fault }, file: None }
        }
    }
}

/// The index that the file has, and the file, open for `access`; or the first thing that is wrong with it.
///
/// The questions go from the cheap to the expensive: the file's length, then its entries, then the log.
fn try_load<F: Format>(
    site: &IndexSite,
    access: Access,
    log: &Arc<dyn DiskFile>,
    format: &F,
) -> Result<(SparseIndex, Arc<dyn DiskFile>), IndexFault> {
    let unreadable = |e: std::io::Error| IndexFault::Unreadable(e.to_string());
    let file = site.disk.open(&site.name, access).map_err(|e| match e.kind() {
        ErrorKind::NotFound => IndexFault::Missing,
        _ => unreadable(e),
    })?;
    // The index first, then the log: if another process is appending, the log is the one that may be longer.
    let bytes = file.length().map_err(unreadable)?;
    let log_bytes = log.length().map_err(unreadable)?;
    let entries = bytes / ENTRY_BYTES as u64;
    if bytes % ENTRY_BYTES as u64 != 0 {
        return Err(IndexFault::PartialEntry { bytes });
    }
    // Before anything is read: a file that lies about its length must not cost memory.
    if entries > log_bytes / site.interval_bytes.max(1) {
        return Err(IndexFault::TooLong { entries, log_bytes });
    }
    let stored = StoredEntries::open(&*file, entries as usize).map_err(unreadable)?;
    let index = SparseIndex::with_stored(site.base, site.interval_bytes, stored);
    index.check(log_bytes)?;
    check_last(&index, log, format, log_bytes)?;
    Ok((index, file))
}

/// Holds the last entry against the log, which has `log_bytes` bytes. An index without entries cannot lie.
fn check_last<F: Format>(
    index: &SparseIndex,
    log: &Arc<dyn DiskFile>,
    format: &F,
    log_bytes: u64,
) -> Result<(), IndexFault> {
    if index.is_empty() {
        return Ok(());
    }
    let place = index.last();
    let mut scan = FileScan::new(Arc::clone(log), format.clone(), place, log_bytes, WINDOW_BYTES);
    match lands(&mut scan) {
        Ok(true) => Ok(()),
        Ok(false) => Err(IndexFault::WrongLanding { offset: place.offset.0, position: place.position }),
        Err(e) => Err(IndexFault::Unreadable(e.to_string())),
    }
}
