//! Finding the end of a log in a file, and clearing away what a crash left behind it.

use std::io::ErrorKind;
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

/// Reads the file from `from`, the start of a frame, to its end, and tells `visit` where each record starts. If the
/// file does not reach to `from`, there is nothing to read: the end is at `from`, and nothing is torn.
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

/// Finds the end as [`find_end`] does, cuts a torn append away, writes the end of the log once more and syncs the file:
/// the cut is durable before anything is written behind it, and so is every record before it is shown to a reader. After
/// a kill, the last records may be in the page cache alone.
///
/// Whoever knows that the records in front of `from` are durable, spares their writing.
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
    write_again(file, from.position.max(position.saturating_sub(UNSYNCED_BYTES_MAX)), position)?;
    file.sync_data().map_err(|e| Error::io("sync", file.path(), e))?;
    Ok(end.place)
}

/// The most bytes that an acknowledged append can have in front of its sync: one group of records, encoded.
const UNSYNCED_BYTES_MAX: u64 = FRAME_BYTES_MAX as u64;

/// Writes `from..to` of the file over itself.
///
/// When a sync has failed, the kernel keeps the pages that did not reach the disk, and counts them as clean: they can be
/// read, and no later sync writes them. If the log before this one ended so, its last records are such pages, and only
/// writing them again makes the sync that follows mean what it says. The same bytes in the same place are safe to
/// write: a power cut in the middle leaves the old ones or the new ones, which are equal.
pub fn write_again(file: &Arc<dyn DiskFile>, from: u64, to: u64) -> Result<()> {
    let mut window = vec![0; WINDOW_BYTES.min(usize::try_from(to - from).unwrap_or(WINDOW_BYTES))];
    let mut position = from;
    while position < to {
        let wanted = window.len().min((to - position) as usize);
        let read = file.read_at(&mut window[..wanted], position);
        let written = read.and_then(|read| match read {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            read => file.write_at(&window[..read], position).map(|()| read),
        });
        position += written.map_err(|e| Error::io(format!("write byte {position} again"), file.path(), e))? as u64;
    }
    Ok(())
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
