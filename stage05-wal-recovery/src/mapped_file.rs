//! A sealed segment's file, mapped into memory: reading from it is a copy, without a system call.
//!
//! For one record, the system call is half of the work or more. A scan reads 64 KiB at a time and does not notice.
//!
//! # Why this is sound
//!
//! This is the one module of this stage with `unsafe` code. The argument is that of stage 3's map of an index
//! (`stage03/src/map.rs`), with one difference at each end:
//!
//! - **The bytes do not change.** A segment is mapped when it is sealed: its writer has cut it to its last record and
//!   synced it, nobody appends to it any more, and whatever rewrites it makes another file. The lock on the log's
//!   directory keeps a second writer out.
//! - **If they change all the same**, because somebody edits the file by hand or the disk returns something else, no
//!   reference is there to be broken: no `&[u8]` into the map exists, bytes are copied out through a raw pointer, and
//!   only the copy is looked at. The copy may then be any bytes, which is what checksums are for.
//! - **The copy is in bounds.** [`MappedFile::read_at`] cuts every request to the length that was mapped, which never
//!   changes. Bytes need no alignment, and the two sides cannot overlap: the buffer is a `&mut [u8]`.
//! - **The mapping outlives the copy.** It is unmapped by its own drop, and `read_at` borrows it.
//! - **Vanishing.** If another program cuts the file, or the disk cannot read a page, touching that page ends this
//!   process with SIGBUS, where a system call would return an error. That is a crash, not undefined behaviour, and the
//!   log survives a crash. It is the price of a map, and some databases do not pay it; this program never cuts a
//!   sealed segment.
#![allow(unsafe_code)]

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::ptr;
use std::sync::Arc;

use memmap2::{MmapOptions, MmapRaw};
use stage04::DiskFile;

/// A file that will not change any more, read through a map.
#[derive(Debug)]
pub struct MappedFile {
    file: Arc<dyn DiskFile>,
    map: MmapRaw,
}

impl MappedFile {
    /// The same file through a map, or the file itself if it cannot be mapped: a simulated one, a packed one, an empty
    /// one, or one for which the operating system has no room.
    pub fn map_or_keep(file: Arc<dyn DiskFile>) -> Arc<dyn DiskFile> {
        match MappedFile::map(&file) {
            Some(map) => Arc::new(MappedFile { file, map }),
            None => file,
        }
    }

    fn map(file: &Arc<dyn DiskFile>) -> Option<MmapRaw> {
        let length = usize::try_from(file.length().ok()?).ok().filter(|&length| length > 0)?;
        MmapOptions::new().len(length).map_raw_read_only(file.os_file()?).ok()
    }
}

impl DiskFile for MappedFile {
    fn path(&self) -> &Path {
        self.file.path()
    }

    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        let length = self.map.len();
        let start = usize::try_from(position).unwrap_or(length).min(length);
        let bytes = buffer.len().min(length - start);
        // SAFETY: `start + bytes` is at most the length of the mapping, which `self` keeps alive; `bytes` is at most the
        // length of the buffer, which nobody else has. That the file stays as it is: see the head of this module.
        unsafe { ptr::copy_nonoverlapping(self.map.as_ptr().add(start), buffer.as_mut_ptr(), bytes) };
        Ok(bytes)
    }

    fn write_at(&self, _bytes: &[u8], _position: u64) -> io::Result<()> {
        Err(ErrorKind::Unsupported.into())
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.map.len() as u64)
    }

    fn truncate(&self, _length: u64) -> io::Result<()> {
        Err(ErrorKind::Unsupported.into())
    }

    fn sync_data(&self) -> io::Result<()> {
        Err(ErrorKind::Unsupported.into())
    }

    fn os_file(&self) -> Option<&File> {
        self.file.os_file()
    }
}

#[cfg(test)]
mod tests {
    use stage04::{Access, Disk, OsDisk};

    use super::*;

    #[test]
    fn a_map_reads_what_the_file_has_and_ends_where_it_ends() {
        let directory = tempfile::tempdir().unwrap();
        let disk = OsDisk::existing(directory.path()).unwrap();
        disk.create("file").unwrap().write_at(b"sealed bytes", 0).unwrap();
        let mapped = MappedFile::map_or_keep(disk.open("file", Access::Read).unwrap());
        assert!(format!("{mapped:?}").starts_with("MappedFile"), "{mapped:?}");
        for position in 0..20 {
            let mut buffer = [0xee; 5];
            let expected = b"sealed bytes".get(position as usize..).unwrap_or_default();
            let expected = &expected[..expected.len().min(5)];
            assert_eq!(mapped.read_at(&mut buffer, position).unwrap(), expected.len(), "at {position}");
            assert_eq!(&buffer[..expected.len()], expected, "at {position}");
            assert!(buffer[expected.len()..].iter().all(|&byte| byte == 0xee), "at {position}");
        }
        assert_eq!(mapped.read_at(&mut [0; 5], u64::MAX).unwrap(), 0);
    }

    #[test]
    fn an_empty_file_is_read_without_a_map() {
        let directory = tempfile::tempdir().unwrap();
        let file = OsDisk::existing(directory.path()).unwrap().create("file").unwrap();
        assert_eq!(MappedFile::map_or_keep(file).read_at(&mut [0; 5], 0).unwrap(), 0);
    }
}
