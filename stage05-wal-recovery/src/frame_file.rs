//! The file of one segment: its header, read once, and scans of its frames.

use std::sync::{Arc, OnceLock};

use stage04::{DiskFile, Error, Offset, Place, Result};

use crate::frame_scan::FrameScan;
use crate::header::{SEGMENT_HEADER_BYTES, SegmentHeader};
use crate::mapped_file::MappedFile;

/// A segment's file. Nothing is read before the first scan: a log has many segments, and most of them are never asked.
#[derive(Debug)]
pub(crate) struct FrameFile {
    file: Arc<dyn DiskFile>,
    base: Offset,
    kind: Kind,
    opened: OnceLock<Opened>,
}

/// What may be expected of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The newest segment: it grows.
    Newest,
    /// It does not change any more.
    Sealed,
    /// Nor does this one, and records were taken out of it.
    Rewritten,
}

/// A file whose header has been read.
#[derive(Debug)]
struct Opened {
    /// What to read frames from: the file, or a map of it.
    file: Arc<dyn DiskFile>,
    salt: u64,
}

impl FrameFile {
    pub(crate) fn new(file: Arc<dyn DiskFile>, base: Offset, kind: Kind) -> FrameFile {
        FrameFile { file, base, kind, opened: OnceLock::new() }
    }

    /// Where the first frame starts.
    pub(crate) fn start(&self) -> Place {
        first_place(self.base)
    }

    /// Whether the index has to be told of a frame. Where the first one starts, everybody knows; and an entry for it would
    /// be the only one with the base offset itself, which is what zeros look like.
    pub(crate) fn is_worth_an_entry(&self, place: Place) -> bool {
        place.offset > self.base
    }

    /// The segment's salt.
    pub(crate) fn salt(&self) -> Result<u64> {
        self.opened().map(|opened| opened.salt)
    }

    /// A scan of the frames from `from` up to `end`, which begins with a read of `window_bytes`.
    pub(crate) fn scan(&self, from: Place, end: Place, window_bytes: usize) -> Result<FrameScan> {
        let Opened { file, salt } = self.opened()?;
        let scan = FrameScan::new(Arc::clone(file), *salt, from, end.position, window_bytes).up_to(end.offset);
        Ok(if self.kind == Kind::Rewritten { scan.with_gaps() } else { scan })
    }

    /// Reads the header, the first time. An error is not remembered: a disk may work again.
    fn opened(&self) -> Result<&Opened> {
        if let Some(opened) = self.opened.get() {
            return Ok(opened);
        }
        let file = match self.kind {
            Kind::Newest => Arc::clone(&self.file),
            Kind::Sealed | Kind::Rewritten => MappedFile::map_or_keep(Arc::clone(&self.file)),
        };
        let salt = read_header(&*file, self.base)?.salt;
        Ok(self.opened.get_or_init(|| Opened { file, salt }))
    }
}

/// Where the first frame of a segment starts.
pub fn first_place(base: Offset) -> Place {
    Place { offset: base, position: SEGMENT_HEADER_BYTES as u64 }
}

/// Reads the header of a segment whose first record has the offset `base`.
///
/// # Errors
///
/// [`Error::Damaged`] if it is no header, or that of another segment.
pub fn read_header(file: &dyn DiskFile, base: Offset) -> Result<SegmentHeader> {
    let mut block = [0; SEGMENT_HEADER_BYTES];
    let read = file.read_at(&mut block, 0).map_err(|e| Error::io("read the header", file.path(), e))?;
    let damaged = |what: String| Error::Damaged { path: file.path().to_owned(), position: 0, what };
    let header = SegmentHeader::decode(&block[..read]).map_err(|e| damaged(format!("no segment header: {e}")))?;
    match header.base == base {
        true => Ok(header),
        false => Err(damaged(format!("the header of a segment from record {}, expected record {base}", header.base))),
    }
}
