//! Records on their way into a file: frames, one behind the other, in one buffer.

use stage04::{Offset, Place, Record};

use crate::body::put_record;
use crate::frame::{FRAME_ALIGNMENT_BYTES, FRAME_HEADER_BYTES, FrameHeader, HAS_GAPS};

/// A frame is full when its body has this many bytes or more.
///
/// Whoever reads one record reads its whole frame, since that is what the checksum covers: a large frame makes every
/// such read slow. A small one spends more of the file on headers, and more of a scan: at this size a header takes 2.7
/// percent.
pub const FRAME_BODY_BYTES: usize = 2048;

/// Makes frames of records whose offsets follow each other. It keeps its memory from one append to the next.
#[derive(Debug, Default)]
pub struct Encoder {
    pub(crate) bytes: Vec<u8>,
    pub(crate) starts: Vec<Place>,
}

impl Encoder {
    /// Encodes the records of one append that begins at `at`, and returns the place behind them. The frames say that
    /// the records in front of `synced_through` are durable.
    ///
    /// The records have passed [`Record::check_size`].
    pub fn encode(&mut self, at: Place, salt: u64, synced_through: Offset, records: &[Record<'_>]) -> Place {
        self.bytes.clear();
        self.starts.clear();
        let mut next = at;
        let mut records = records.iter();
        while let Some(first) = records.next() {
            let mut frame = FrameBuilder::begin(next.offset, first.timestamp_ms, 0, &mut self.bytes);
            frame.push(next.offset, first, &mut self.bytes);
            while frame.body_bytes(&self.bytes) < FRAME_BODY_BYTES
                && let Some(record) = records.next()
            {
                frame.push(frame.next_offset, record, &mut self.bytes);
            }
            self.starts.push(next);
            let offset = frame.next_offset;
            frame.finish(salt, next.position, synced_through, &mut self.bytes);
            next = Place { offset, position: at.position + self.bytes.len() as u64 };
        }
        next
    }

    /// The frames.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Where each frame starts.
    pub fn starts(&self) -> &[Place] {
        &self.starts
    }
}

/// A frame that is being made at the end of a buffer. The header comes last, when all of it is known.
#[derive(Debug)]
pub(crate) struct FrameBuilder {
    /// Where the frame starts in the buffer.
    start: usize,
    base_offset: Offset,
    base_timestamp_ms: u64,
    max_timestamp_ms: u64,
    attributes: u32,
    count: u32,
    /// Behind the last record.
    pub(crate) next_offset: Offset,
}

impl FrameBuilder {
    /// Begins a frame at the end of `buffer`, which begins itself where the alignment of the file does.
    pub(crate) fn begin(base_offset: Offset, base_timestamp_ms: u64, attributes: u32, buffer: &mut Vec<u8>) -> Self {
        let start = buffer.len();
        buffer.extend_from_slice(&[0; FRAME_HEADER_BYTES]);
        FrameBuilder {
            start,
            base_offset,
            base_timestamp_ms,
            max_timestamp_ms: 0,
            attributes,
            count: 0,
            next_offset: base_offset,
        }
    }

    /// Adds a record; the first one has the frame's base offset, the others are behind the one before.
    #[inline]
    pub(crate) fn push(&mut self, offset: Offset, record: &Record<'_>, buffer: &mut Vec<u8>) {
        let has_gaps = self.attributes & HAS_GAPS != 0;
        // `next_offset` is one behind the last record, and the base offset itself in front of the first.
        let gap = has_gaps.then(|| offset.0 - self.next_offset.0 + u64::from(self.count > 0));
        put_record(gap, self.base_timestamp_ms, record, buffer);
        self.max_timestamp_ms = self.max_timestamp_ms.max(record.timestamp_ms);
        self.count += 1;
        self.next_offset = offset.next();
    }

    /// The offset of the first record.
    pub(crate) fn base_offset(&self) -> Offset {
        self.base_offset
    }

    /// How long the body is by now.
    #[inline]
    pub(crate) fn body_bytes(&self, buffer: &[u8]) -> usize {
        buffer.len() - self.start - FRAME_HEADER_BYTES
    }

    /// Ends the frame, which will lie at `position` of a file with this salt: padding, checksums, header.
    pub(crate) fn finish(self, salt: u64, position: u64, synced_through: Offset, buffer: &mut Vec<u8>) {
        let body_start = self.start + FRAME_HEADER_BYTES;
        let mut header = FrameHeader {
            body_bytes: u32::try_from(buffer.len() - body_start).expect("a full frame takes no more records"),
            base_offset: self.base_offset,
            count: self.count,
            epoch: 0,
            synced_through,
            base_timestamp_ms: self.base_timestamp_ms,
            max_timestamp_ms: self.max_timestamp_ms,
            attributes: self.attributes,
            body_crc: 0,
        };
        header.body_crc = header.body_crc_of(&buffer[body_start..]);
        buffer[self.start..body_start].copy_from_slice(&header.encode(salt, position));
        buffer.resize(buffer.len().next_multiple_of(FRAME_ALIGNMENT_BYTES as usize), 0);
    }
}
