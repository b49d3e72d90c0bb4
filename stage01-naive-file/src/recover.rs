//! Finding the end of a log in a file, and clearing away what a crash left behind it.

use std::sync::Arc;

use crate::disk::DiskFile;
use crate::error::{Error, Result};
use crate::format::{FRAME_BYTES_MAX, Format};
use crate::log::Scan;
use crate::offset::Place;
use crate::scan::{FileScan, WINDOW_BYTES};

/// Where a log ends in its file, and how many bytes of a torn append follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogEnd {
    /// Behind the last whole record.
    pub place: Place,
    /// Bytes from there to the end of the file, all of them left over from one append that was never acknowledged.
    pub torn_bytes: u64,
}

/// Reads the file from `from`, the start of a frame, to its end, and tells `visit` where each record starts.
///
/// # Errors
///
/// Whatever is neither a record nor the remains of a torn append: the file is damaged, or is not a log.
pub fn find_end<F: Format>(
    file: &Arc<dyn DiskFile>,
    format: &F,
    from: Place,
    mut visit: impl FnMut(Place),
) -> Result<LogEnd> {
    let length = file.length().map_err(|e| Error::io("ask for the length", file.path(), e))?;
    let mut scan = FileScan::new(Arc::clone(file), format.clone(), from, length, WINDOW_BYTES);
    loop {
        let place = scan.place();
        match scan.next() {
            Ok(Some(_)) => visit(place),
            Ok(None) => return Ok(LogEnd { place, torn_bytes: 0 }),
            Err(error @ Error::BadFrame { .. }) => {
                let torn_bytes = length - place.position;
                return match is_torn(file, format, place, torn_bytes)? {
                    true => Ok(LogEnd { place, torn_bytes }),
                    false => Err(error),
                };
            }
            Err(error) => return Err(error),
        }
    }
}

/// Finds the end as [`find_end`] does, cuts a torn append away, and syncs the file: the cut is durable before anything
/// is written behind it, and so is every record before it is shown to a reader. After a kill, the last records may be
/// in the page cache alone.
pub fn recover<F: Format>(
    file: &Arc<dyn DiskFile>,
    format: &F,
    from: Place,
    visit: impl FnMut(Place),
) -> Result<Place> {
    let end = find_end(file, format, from, visit)?;
    let position = end.place.position;
    if end.torn_bytes > 0 {
        file.truncate(position).map_err(|e| Error::io(format!("cut at byte {position}"), file.path(), e))?;
    }
    file.sync_data().map_err(|e| Error::io("sync", file.path(), e))?;
    Ok(end.place)
}

/// Whether the bytes behind `place` are the remains of an append. More bytes than a frame may have never are.
fn is_torn<F: Format>(file: &Arc<dyn DiskFile>, format: &F, place: Place, bytes: u64) -> Result<bool> {
    if bytes > FRAME_BYTES_MAX as u64 {
        return Ok(false);
    }
    let mut tail = vec![0; bytes as usize];
    let read = file.read_at(&mut tail, place.position);
    let read = read.map_err(|e| Error::io(format!("read at byte {}", place.position), file.path(), e))?;
    Ok(format.is_torn_append(&tail[..read], place.offset))
}
