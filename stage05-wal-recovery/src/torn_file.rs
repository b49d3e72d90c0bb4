//! What recovery cuts from a log is kept: a copy of the bytes in a file beside the segment.
//!
//! ```text
//! 00000000000000001000.torn-8192       the bytes that the segment of record 1000 had from position 8192 on
//! 00000000000000001000.torn-8192.2     the same after the next crash, with other bytes
//! ```
//!
//! The log never reads such a file, and never removes one: they are kept until a person removes them.
//! [`verify`](mod@crate::verify) lists them. Whoever finds after weeks that a cut was a mistake still has the bytes; whoever
//! has understood the crash deletes them, at any time, while the log is open too.

use std::io::ErrorKind;
use std::sync::Arc;

use stage04::name::TEMPORARY_SUFFIX;
use stage04::{Access, Disk, DiskFile, Error, Result, SegmentName, Site};

use crate::window::Window;

/// How much is copied at a time.
const COPY_BYTES: usize = 64 * 1024;

/// The beginning of the names of all files with bytes that were cut from this segment.
fn prefix(segment: &SegmentName) -> String {
    format!("{segment}.torn-")
}

/// The names of all such files in a directory, of any segment.
pub fn torn_files(disk: &Arc<dyn Disk>) -> Result<Vec<String>> {
    let names = disk.list().map_err(|e| Error::io("list the directory", disk.path(), e))?;
    let is_torn = |name: &String| match name.split_once(".torn-") {
        Some((segment, rest)) => {
            let is_segment = SegmentName::parse(&format!("{segment}.log")).is_some();
            is_segment && rest.starts_with(|first: char| first.is_ascii_digit()) && !rest.ends_with(TEMPORARY_SUFFIX)
        }
        None => false,
    };
    Ok(names.into_iter().filter(is_torn).collect())
}

/// Copies the bytes of `file` from `from` up to `to` into a file of their own, durably, and returns its name. If a
/// crash came between an earlier copy and its cut, the copy is there already.
pub fn save(site: &Site, segment: &SegmentName, file: &Arc<dyn DiskFile>, from: u64, to: u64) -> Result<String> {
    remove_unfinished(site, segment)?;
    let first = format!("{}{from}", prefix(segment));
    for number in 1.. {
        let name = if number == 1 { first.clone() } else { format!("{first}.{number}") };
        match site.disk.open(&name, Access::Read) {
            Err(e) if e.kind() == ErrorKind::NotFound => {
                copy(site, &name, file, from, to)?;
                return Ok(name);
            }
            Err(e) => return Err(Error::io("open", site.disk.path().join(&name), e)),
            Ok(saved) if is_copy(&saved, file, from, to)? => {
                // It was synced before it got its name. Whoever gave it may have been killed before that was durable.
                site.sync_directory()?;
                return Ok(name);
            }
            Ok(_) => {}
        }
    }
    unreachable!("a directory has fewer names than there are numbers")
}

/// Takes away what a crash has left of a copy.
fn remove_unfinished(site: &Site, segment: &SegmentName) -> Result<()> {
    let prefix = prefix(segment);
    let unfinished = |name: &String| name.starts_with(&prefix) && name.ends_with(TEMPORARY_SUFFIX);
    site.list()?.iter().filter(|name| unfinished(name)).try_for_each(|name| site.remove(name))
}

fn copy(site: &Site, name: &str, file: &Arc<dyn DiskFile>, from: u64, to: u64) -> Result<()> {
    let target = site.create_temporary(name)?;
    let copied = copy_bytes(file, from, to, &target);
    if copied.is_err() {
        // The error is told; a file that is left in addition is removed the next time.
        let _ = site.remove(&format!("{name}{TEMPORARY_SUFFIX}"));
    }
    copied?;
    site.publish(name).map(drop)
}

fn copy_bytes(file: &Arc<dyn DiskFile>, from: u64, to: u64, target: &Arc<dyn DiskFile>) -> Result<()> {
    let mut window = Window::new(file)?;
    let mut position = from;
    while position < to {
        let bytes = window.at(position, COPY_BYTES.min((to - position) as usize))?;
        if bytes.is_empty() {
            return Err(Error::io(format!("read at byte {position}"), file.path(), ErrorKind::UnexpectedEof.into()));
        }
        let written = target.write_at(bytes, position - from);
        written.map_err(|e| Error::io("write", target.path(), e))?;
        position += bytes.len() as u64;
    }
    target.sync_data().map_err(|e| Error::io("sync", target.path(), e))
}

/// Whether `saved` has the bytes already.
fn is_copy(saved: &Arc<dyn DiskFile>, file: &Arc<dyn DiskFile>, from: u64, to: u64) -> Result<bool> {
    let (mut saved, mut window) = (Window::new(saved)?, Window::new(file)?);
    if saved.length() != to - from {
        return Ok(false);
    }
    let mut position = from;
    while position < to {
        let count = COPY_BYTES.min((to - position) as usize);
        if window.at(position, count)? != saved.at(position - from, count)? {
            return Ok(false);
        }
        position += count as u64;
    }
    Ok(true)
}
