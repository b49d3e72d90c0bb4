//! Reading frames one after another out of a file.

use std::ops::Range;
use std::sync::Arc;

use stage04::scan::WINDOW_BYTES;
use stage04::{DiskFile, Entry, Error, FormatError, Offset, Place, Result, Scan};

use crate::body::BodyCursor;
use crate::frame::{FRAME_HEADER_BYTES, FrameHeader};
use crate::spare_window;

/// A scan of one segment, from the start of one frame to an end, through a window that slides over the file.
///
/// For each frame, in this order: its header is read and checked, so that its length can be believed; then its body is
/// read and checked, once; then its records are lent, and they point into the window. The window grows beyond
/// [`WINDOW_BYTES`] only for a frame that needs it, which has at most
/// [`BATCH_BYTES_MAX`](crate::frame::BATCH_BYTES_MAX) bytes of body.
///
/// Nothing moves before it has passed its check, so a scan that met an error meets the same one again.
#[derive(Debug)]
pub struct FrameScan {
    file: Arc<dyn DiskFile>,
    salt: u64,
    has_gaps: bool,
    /// Where the frame starts that is read now or next, and the offset that the next record has, or at least has.
    next: Place,
    /// Where the frames end; the file may be longer.
    end_position: u64,
    /// The offset behind the last record, where that is known.
    end_offset: Option<Offset>,
    /// The header of the next frame, if it has passed.
    header: Option<FrameHeader>,
    /// That frame's records, if its body has passed too.
    open: Option<OpenFrame>,
    pub(crate) window: Vec<u8>,
    /// How much of the window is used for the next read.
    window_bytes: usize,
    /// `window[start..filled]` are the bytes of the file from `next.position` on.
    start: usize,
    filled: usize,
}

/// The records of a frame that has passed its checks.
#[derive(Clone, Debug)]
struct OpenFrame {
    /// Where its body is in the window.
    body: Range<usize>,
    cursor: BodyCursor,
}

impl FrameScan {
    /// A scan of a file with this salt that starts at `from`, which must be the start of a frame, and ends at
    /// `end_position`. The first read asks for `window_bytes`.
    pub fn new(file: Arc<dyn DiskFile>, salt: u64, from: Place, end_position: u64, window_bytes: usize) -> FrameScan {
        FrameScan {
            file,
            salt,
            has_gaps: false,
            next: from,
            end_position,
            end_offset: None,
            header: None,
            open: None,
            window: spare_window::take(),
            window_bytes,
            start: 0,
            filled: 0,
        }
    }

    /// The same scan, where it is known that the records end in front of `offset`. Fewer are an error, and so are more.
    pub fn up_to(mut self, offset: Offset) -> FrameScan {
        self.end_offset = Some(offset);
        self
    }

    /// The same scan of a rewritten segment: its offsets ascend, and need not follow each other.
    pub fn with_gaps(mut self) -> FrameScan {
        self.has_gaps = true;
        self
    }

    /// Behind the last record that was returned: the offset that the next one has (with gaps: at least), and the
    /// position of its frame.
    pub fn place(&self) -> Place {
        self.next
    }

    /// The header of the next frame, or `None` at the end. What follows the header has not been looked at.
    ///
    /// In the middle of a frame, it is that frame's header once more.
    pub fn peek_header(&mut self) -> Result<Option<FrameHeader>> {
        match (&self.header, &self.open) {
            (Some(header), Some(frame)) if frame.cursor.left() == 0 => self.leave(*header),
            (Some(header), _) => return Ok(Some(*header)),
            (None, _) => {}
        }
        let left = self.end_position.saturating_sub(self.next.position);
        if left == 0 {
            return self.check_end().map(|()| None);
        }
        if left < FRAME_HEADER_BYTES as u64 {
            return Err(self.bad_frame(FormatError::Unfinished { bytes: left }));
        }
        self.fill(FRAME_HEADER_BYTES)?;
        let bytes = self.window[self.start..].first_chunk().expect("the window holds a header");
        let header = FrameHeader::decode(bytes, self.salt, self.next.position);
        let header = header.and_then(|header| header.check_fits(left).map(|()| header));
        let header = header.map_err(|cause| self.bad_frame(cause))?;
        self.check_belongs(&header)?;
        self.header = Some(header);
        Ok(self.header)
    }

    /// Passes over the next frame by its header, and returns where it started; `None` at the end. Its body is not
    /// checked, and not even read where the window does not hold it already.
    pub fn pass_frame(&mut self) -> Result<Option<Place>> {
        let Some(header) = self.peek_header()? else { return Ok(None) };
        let place = Place { offset: header.base_offset, position: self.next.position };
        self.next.offset = header.base_offset.plus(header.count.into());
        self.leave(header);
        Ok(Some(place))
    }

    /// Passes over the records in front of `offset`: over whole frames by their headers, where that is possible. In a
    /// frame with gaps, only the records themselves say which they are.
    pub fn skip_to(&mut self, offset: Offset) -> Result<()> {
        while self.next.offset < offset {
            match &mut self.open {
                Some(frame) if frame.cursor.left() > 0 => {
                    let behind = frame.cursor.skip_to(offset, &self.window[frame.body.clone()]);
                    self.next.offset = behind.unwrap_or(self.next.offset);
                    if frame.cursor.left() > 0 {
                        // The one that is wanted, or whatever is wrong: `next` tells.
                        return Ok(());
                    }
                }
                _ => match self.peek_header()? {
                    None => return Ok(()),
                    Some(header) if header.base_offset >= offset => return Ok(()),
                    Some(header) if header.end_offset().is_some_and(|end| end <= offset) => {
                        self.pass_frame()?;
                    }
                    Some(header) => self.open(header)?,
                },
            }
        }
        Ok(())
    }

    /// Makes sure that a frame is open that has a record left; `false` at the end.
    #[inline]
    fn has_record(&mut self) -> Result<bool> {
        if self.open.as_ref().is_some_and(|frame| frame.cursor.left() > 0) {
            return Ok(true);
        }
        match self.peek_header()? {
            None => Ok(false),
            Some(header) => self.open(header).map(|()| true),
        }
    }

    /// Reads and checks the body of the next frame, whose header has passed, and says where it is in the window.
    pub(crate) fn check_body(&mut self, header: FrameHeader) -> Result<Range<usize>> {
        let frame_bytes = header.frame_bytes() as usize;
        self.fill(frame_bytes)?;
        let body_start = self.start + FRAME_HEADER_BYTES;
        let checked = header.check_body(&self.window[body_start..self.start + frame_bytes]);
        checked.map_err(|cause| self.bad_frame(cause))?;
        Ok(body_start..body_start + header.body_bytes as usize)
    }

    /// Opens the next frame, whose header has passed.
    fn open(&mut self, header: FrameHeader) -> Result<()> {
        let body = self.check_body(header)?;
        let cursor = BodyCursor::new(&header).up_to(self.end_offset.unwrap_or(Offset(u64::MAX)));
        self.open = Some(OpenFrame { body, cursor });
        Ok(())
    }

    /// Moves behind the next frame, which has this header.
    fn leave(&mut self, header: FrameHeader) {
        (self.header, self.open) = (None, None);
        self.next.position += header.frame_bytes();
        match self.start + header.frame_bytes() as usize {
            start if start <= self.filled => self.start = start,
            _ => (self.start, self.filled) = (0, 0),
        }
    }

    /// Fills the window until it holds `bytes` bytes from `next.position` on. They lie in front of the end, and whoever
    /// asks for more than a header has a header that says so.
    #[inline]
    fn fill(&mut self, bytes: usize) -> Result<()> {
        while self.filled - self.start < bytes {
            self.read_on(bytes)?;
        }
        Ok(())
    }

    /// Slides the window to the next frame, makes room for `bytes` bytes in it, and reads as much as there is room.
    fn read_on(&mut self, bytes: usize) -> Result<()> {
        let held = self.filled - self.start;
        if held > 0 {
            self.window_bytes = (self.window_bytes * 2).min(WINDOW_BYTES);
        }
        let wanted = self.window_bytes.max(bytes);
        if wanted > self.window.len() {
            self.window.resize(wanted, 0);
        }
        self.window.copy_within(self.start..self.filled, 0);
        (self.start, self.filled) = (0, held);
        let unread = self.next.position + held as u64;
        let left = usize::try_from(self.end_position - unread).unwrap_or(usize::MAX);
        let room = (wanted - self.filled).min(left);
        let read = self.file.read_at(&mut self.window[self.filled..self.filled + room], unread);
        let read = read.map_err(|e| Error::io(format!("read at byte {unread}"), self.file.path(), e))?;
        if read == 0 {
            let (path, end) = (self.file.path().to_owned(), self.end_position);
            return Err(Error::Truncated { path, length: unread, end, expected: self.next.offset });
        }
        self.filled += read;
        Ok(())
    }

    /// Whether the frame is the one that follows.
    fn check_belongs(&self, header: &FrameHeader) -> Result<()> {
        let (expected, found) = (self.next.offset, header.base_offset);
        if header.has_gaps() && !self.has_gaps {
            return Err(self.bad_frame(FormatError::UnknownAttributes { found: header.attributes, known: 0 }));
        }
        if found == expected || (found > expected && self.has_gaps) {
            return self.check_in_front_of_end(header.base_offset.plus(u64::from(header.count) - 1));
        }
        Err(Error::OutOfOrder { path: self.file.path().to_owned(), position: self.next.position, expected, found })
    }

    /// Records behind the segment's end would be in the log twice, for the next segment starts there.
    #[inline]
    fn check_in_front_of_end(&self, offset: Offset) -> Result<()> {
        match self.end_offset {
            Some(end) if offset >= end => Err(Error::Damaged {
                path: self.file.path().to_owned(),
                position: self.next.position,
                what: format!("a frame that reaches to record {offset}, where the records end in front of {end}"),
            }),
            _ => Ok(()),
        }
    }

    /// At the end of the bytes, the records have to end as well. Where some were taken out, nobody can tell.
    fn check_end(&self) -> Result<()> {
        match self.end_offset {
            Some(end) if self.next.offset < end && !self.has_gaps => {
                let path = self.file.path().to_owned();
                Err(Error::Gap { path, expected: self.next.offset, found: end })
            }
            _ => Ok(()),
        }
    }

    /// What is wrong with the next frame, and where that is.
    #[cold]
    pub(crate) fn bad_frame(&self, cause: FormatError) -> Error {
        let Place { offset: expected, position } = self.next;
        Error::BadFrame { path: self.file.path().to_owned(), position, expected, cause }
    }
}

impl Drop for FrameScan {
    fn drop(&mut self) {
        spare_window::give(std::mem::take(&mut self.window));
    }
}

impl Scan for FrameScan {
    #[inline]
    fn next(&mut self) -> Result<Option<Entry<'_>>> {
        if !self.has_record()? {
            return Ok(None);
        }
        let frame = self.open.as_mut().expect("a record that is left is one of a frame");
        match frame.cursor.next(&self.window[frame.body.clone()]) {
            Ok(Some((offset, record))) => {
                self.next.offset = offset.next();
                Ok(Some(Entry { offset, position: self.next.position, record }))
            }
            Ok(None) => Ok(None),
            Err(cause) => Err(self.bad_frame(cause)),
        }
    }

    fn is_at_end(&mut self) -> Result<bool> {
        Ok(!self.has_record()?)
    }
}
