//! From frame to frame, up to the first one that is not good, and what is to be known about that place.

use std::path::PathBuf;
use std::sync::Arc;

use stage04::{DiskFile, Error, FormatError, Offset, Place, Result};

use crate::body::BodyCursor;
use crate::decision::Found;
use crate::frame::{FRAME_ALIGNMENT_BYTES, FRAME_HEADER_BYTES, FrameHeader};
use crate::window::Window;

/// A good part of a frame, or why the walk is over.
type Checked<T> = std::result::Result<T, Stop>;

/// A walk over the frames of a file. Both checksums of each frame are checked, and its records are not looked at.
///
/// It differs from a scan in what it says at the end: a scan has a place where the log is known to end, and whatever is
/// wrong in front of it is an error. A walk is there to find that place.
#[derive(Debug)]
pub struct FrameWalk {
    window: Window,
    salt: u64,
    has_gaps: bool,
    next: Place,
}

/// A good frame.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    /// Its header.
    pub header: FrameHeader,
    /// Where it starts, in bytes from the start of the file.
    pub position: u64,
    /// The offset behind its last record.
    pub end: Offset,
}

/// Where the walk is over.
#[derive(Debug)]
pub struct Stop {
    /// What is there.
    pub found: Found,
    /// The same as an error, with all details, for whoever finds that it is one.
    pub error: Error,
}

impl FrameWalk {
    /// A walk that starts at `from`, the start of a frame of a file with this salt.
    pub fn new(file: &Arc<dyn DiskFile>, salt: u64, from: Place) -> Result<FrameWalk> {
        Ok(FrameWalk { window: Window::new(file)?, salt, has_gaps: false, next: from })
    }

    /// The same in a rewritten segment: offsets ascend, and need not follow each other.
    pub fn with_gaps(self) -> FrameWalk {
        FrameWalk { has_gaps: true, ..self }
    }

    /// Behind the last good frame.
    pub fn place(&self) -> Place {
        self.next
    }

    /// The file's length when the walk began.
    pub fn file_bytes(&self) -> u64 {
        self.window.length()
    }

    /// The file, for messages.
    pub fn path(&self) -> PathBuf {
        self.window.file().path().to_owned()
    }

    /// The next frame, or why there is none. Asked again, it says the same.
    ///
    /// # Errors
    ///
    /// Those of the disk alone.
    pub fn step(&mut self) -> Result<Checked<Frame>> {
        let checked = match self.header()? {
            Ok(header) => self.body(header)?,
            Err(stop) => Err(stop),
        };
        let Ok(frame) = checked else { return Ok(checked) };
        self.next = Place { offset: frame.end, position: frame.position + frame.header.frame_bytes() };
        Ok(Ok(frame))
    }

    /// Passes over damage: the next frame is looked for at every place where one may start.
    ///
    /// Returns whether there is one whose records come behind those that were passed.
    pub fn skip_damage(&mut self) -> Result<bool> {
        let damaged = self.next;
        let mut position = damaged.position;
        while position < self.window.length() {
            if let Some(header) = header_at(&mut self.window, self.salt, position)? {
                let found = Place { offset: header.base_offset, position };
                // The frame that is damaged itself would be met again. A good one, in the place of another, is gone on
                // with; but where offsets have gaps, no frame is in the place of another.
                let is_behind = position > damaged.position;
                let is_later = found.offset > damaged.offset && !self.has_gaps;
                if is_later || (found.offset >= damaged.offset && is_behind) {
                    self.next = found;
                    return Ok(true);
                }
            }
            position += FRAME_ALIGNMENT_BYTES;
        }
        Ok(false)
    }

    /// The body of a frame that has passed, again.
    pub fn body_of(&mut self, frame: &Frame) -> Result<&[u8]> {
        self.window.at(frame.position + FRAME_HEADER_BYTES as u64, frame.header.body_bytes as usize)
    }

    fn header(&mut self) -> Result<Checked<FrameHeader>> {
        let Place { offset: expected, position } = self.next;
        let bytes = self.window.at(position, FRAME_HEADER_BYTES)?;
        let header = match bytes.first_chunk() {
            Some(bytes) => FrameHeader::decode(bytes, self.salt, position),
            None if !bytes.is_empty() && bytes.iter().all(|&byte| byte == 0) => Err(FormatError::Zeros),
            None => Err(FormatError::Unfinished { bytes: bytes.len() as u64 }),
        };
        Ok(match header {
            Err(cause @ FormatError::Zeros) => Err(self.stop(Found::Zeros, cause)),
            Err(cause @ FormatError::Unfinished { bytes: 0 }) => Err(self.stop(Found::EndOfFile, cause)),
            Err(cause) => Err(self.stop(Found::BadHeader, cause)),
            Ok(header) if header.has_gaps() && !self.has_gaps => {
                let cause = FormatError::UnknownAttributes { found: header.attributes, known: 0 };
                Err(self.stop(Found::WrongOffset, cause))
            }
            Ok(header) if header.base_offset != expected && (!self.has_gaps || header.base_offset < expected) => {
                let path = self.path();
                let error = Error::OutOfOrder { path, position, expected, found: header.base_offset };
                Err(Stop { found: Found::WrongOffset, error })
            }
            Ok(header) => Ok(header),
        })
    }

    fn body(&mut self, header: FrameHeader) -> Result<Checked<Frame>> {
        let position = self.next.position;
        if let Err(cause) = header.check_fits(self.window.length() - position) {
            return Ok(Err(self.stop(Found::BadBody, cause)));
        }
        // The length has been checked: it is at most that of the file, and that of the largest frame.
        let frame_bytes = header.frame_bytes() as usize;
        let bytes = self.window.at(position, frame_bytes)?;
        let checked = match bytes.get(FRAME_HEADER_BYTES..frame_bytes) {
            Some(body) => header.check_body(body).and_then(|()| end_offset(&header, body)),
            None => Err(FormatError::Unfinished { bytes: bytes.len() as u64 }),
        };
        Ok(match checked {
            Ok(end) => Ok(Frame { header, position, end }),
            Err(cause) => Err(self.stop(Found::BadBody, cause)),
        })
    }

    fn stop(&self, found: Found, cause: FormatError) -> Stop {
        let Place { offset: expected, position } = self.next;
        let path = self.path();
        Stop { found, error: Error::BadFrame { path, position, expected, cause } }
    }
}

/// The offset behind a frame's last record. With gaps, each record has to be asked for its own.
fn end_offset(header: &FrameHeader, body: &[u8]) -> std::result::Result<Offset, FormatError> {
    if let Some(end) = header.end_offset() {
        return Ok(end);
    }
    let body = &body[..header.body_bytes as usize];
    let (mut cursor, mut end) = (BodyCursor::new(header), header.base_offset);
    while let Some((offset, _)) = cursor.next(body)? {
        end = offset.next();
    }
    Ok(end)
}

/// The header at `position`, if there is one that was written to this place of this file.
pub(crate) fn header_at(window: &mut Window, salt: u64, position: u64) -> Result<Option<FrameHeader>> {
    let bytes = window.at(position, FRAME_HEADER_BYTES)?;
    let Some(bytes) = bytes.first_chunk::<FRAME_HEADER_BYTES>() else { return Ok(None) };
    // A body of no bytes or no records is none; most places are dismissed here, without a checksum.
    if bytes[4..8] == [0; 4] || bytes[16..20] == [0; 4] {
        return Ok(None);
    }
    Ok(FrameHeader::decode(bytes, salt, position).ok())
}
