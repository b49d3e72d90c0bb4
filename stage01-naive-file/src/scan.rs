//! Reading frames one after another out of a file.

use std::sync::Arc;

use crate::disk::DiskFile;
use crate::error::{Error, Result};
use crate::format::{FRAME_BYTES_MAX, Format, FormatError};
use crate::log::{Entry, Scan};
use crate::offset::{Offset, Place};

/// How much a scan reads at a time once it is under way: fewer, larger reads; more than this buys nothing.
pub const WINDOW_BYTES: usize = 64 * 1024;

/// A scan of one file, from one place to an end position, through a window that slides over the file.
///
/// The window is the only memory it takes: it starts small or large as its maker wishes, doubles up to
/// [`WINDOW_BYTES`], and grows beyond that only for a frame that needs it, never beyond [`FRAME_BYTES_MAX`].
#[derive(Debug)]
pub struct FileScan<F> {
    file: Arc<dyn DiskFile>,
    format: F,
    /// Where the next frame starts.
    next: Place,
    /// Where the log ends; the file may be longer.
    end_position: u64,
    /// From this position on, a record may carry a later offset than expected: records were taken out in between.
    gaps_from: u64,
    window: Vec<u8>,
    /// `window[start..filled]` are the bytes of the file from `next.position` on.
    start: usize,
    filled: usize,
}

impl<F: Format> FileScan<F> {
    /// A scan that starts at `from`, which must be the start of a frame, and ends at `end_position`. The first read
    /// asks for `window_bytes`.
    pub fn new(file: Arc<dyn DiskFile>, format: F, from: Place, end_position: u64, window_bytes: usize) -> Self {
        let left = end_position.saturating_sub(from.position);
        let window = vec![0; window_bytes.min(usize::try_from(left).unwrap_or(usize::MAX)).max(1)];
        FileScan { file, format, next: from, end_position, gaps_from: u64::MAX, window, start: 0, filled: 0 }
    }

    /// The same scan over a file from which records were taken out, so that offsets grow but not always by one. Only
    /// what starts in front of `position` has to be the record that is expected. Nothing does so before stage 4.
    pub fn with_gaps_from(self, position: u64) -> Self {
        FileScan { gaps_from: position, ..self }
    }

    /// Where the next frame starts: behind the last record that was returned.
    pub fn place(&self) -> Place {
        self.next
    }

    /// Passes over the records in front of `offset`.
    pub fn skip_to(&mut self, offset: Offset) -> Result<()> {
        while self.next.offset < offset && self.next_starts_before(offset)? && self.next()?.is_some() {}
        Ok(())
    }

    /// Whether the next record is one in front of `offset`: certain where there are no gaps, else its frame says it.
    fn next_starts_before(&mut self, offset: Offset) -> Result<bool> {
        if self.next.position < self.gaps_from {
            return Ok(true);
        }
        let Some(length) = self.next_frame_len()? else { return Ok(false) };
        let frame = &self.window[self.start..self.start + length];
        // What is wrong with a frame, `next` tells.
        Ok(self.format.decode(frame).map_or(true, |(found, _)| found < offset))
    }

    /// Whether `offset` may be that of the next record.
    fn belongs_here(&self, offset: Offset) -> bool {
        offset == self.next.offset || (offset > self.next.offset && self.next.position >= self.gaps_from)
    }

    /// The length of the next frame, which starts at `window[start]`, reading on until all of it is there; `None` at the
    /// end.
    fn next_frame_len(&mut self) -> Result<Option<usize>> {
        loop {
            let bytes = &self.window[self.start..self.filled];
            match self.format.frame_len(bytes) {
                Ok(Some(length)) if length <= FRAME_BYTES_MAX => return Ok(Some(length)),
                Ok(None) if bytes.len() < FRAME_BYTES_MAX => {}
                Ok(_) => return Err(self.bad_frame(FormatError::TooLong { bytes_max: FRAME_BYTES_MAX })),
                Err(error) => return Err(self.bad_frame(error)),
            }
            let unread = self.next.position + bytes.len() as u64;
            match (unread < self.end_position, bytes.len() as u64) {
                (true, _) => self.read_on(unread)?,
                (false, 0) => return Ok(None),
                (false, bytes) => return Err(self.bad_frame(FormatError::Unfinished { bytes })),
            }
        }
    }

    /// Slides the window to the next frame and fills it up from the file, where `unread` is the first byte that the
    /// window does not hold. It lies in front of the end.
    fn read_on(&mut self, unread: u64) -> Result<()> {
        let first_read = self.filled == 0;
        self.window.copy_within(self.start..self.filled, 0);
        self.filled -= self.start;
        self.start = 0;
        if !first_read {
            let limit = if self.filled == self.window.len() { FRAME_BYTES_MAX } else { WINDOW_BYTES };
            let wider = (self.window.len() * 2).min(limit).max(self.window.len());
            self.window.resize(wider, 0);
        }
        let left = usize::try_from(self.end_position - unread).unwrap_or(usize::MAX);
        let room = (self.window.len() - self.filled).min(left);
        let target = &mut self.window[self.filled..self.filled + room];
        let read = self.file.read_at(target, unread);
        let read = read.map_err(|e| Error::io(format!("read at byte {unread}"), self.file.path(), e))?;
        if read == 0 {
            return Err(Error::Truncated {
                path: self.file.path().to_owned(),
                length: unread,
                end: self.end_position,
                expected: self.next.offset,
            });
        }
        self.filled += read;
        Ok(())
    }

    /// What is wrong with the next frame, and where that is.
    fn bad_frame(&self, cause: FormatError) -> Error {
        Error::BadFrame {
            path: self.file.path().to_owned(),
            position: self.next.position,
            expected: self.next.offset,
            cause,
        }
    }
}

impl<F: Format> Scan for FileScan<F> {
    fn next(&mut self) -> Result<Option<Entry<'_>>> {
        let Some(length) = self.next_frame_len()? else { return Ok(None) };
        let place = self.next;
        // Nothing moves before the frame has passed, so a scan that met an error meets it again and never steps over.
        let frame = self.start..self.start + length;
        match self.format.decode(&self.window[frame.clone()]) {
            Ok((offset, record)) if self.belongs_here(offset) => {
                self.start = frame.end;
                self.next = Place { offset: offset.next(), position: place.position + length as u64 };
                Ok(Some(Entry { offset, position: place.position, record }))
            }
            Ok((found, _)) => Err(Error::OutOfOrder {
                path: self.file.path().to_owned(),
                position: place.position,
                expected: place.offset,
                found,
            }),
            Err(error) => Err(self.bad_frame(error)),
        }
    }

    fn is_at_end(&mut self) -> Result<bool> {
        Ok(self.next_frame_len()?.is_none())
    }
}
