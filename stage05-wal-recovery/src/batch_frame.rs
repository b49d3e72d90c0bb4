//! Frames whose body is a producer's batch: what stage 6 keeps in a log.
//!
//! A producer that sends many records at once has them encoded already, and maybe compressed. To unpack them in order
//! to write them down, and to pack them again for every consumer, would be most of a broker's work. So the body of such
//! a frame is the producer's bytes as they came, and the log does not look into it. All that it needs to know is in the
//! header: how many offsets the batch takes, and how old it is. The body's checksum covers just that, and goes with it.
//!
//! A scan of records that meets such a frame says so, as an error: [`FormatError::Malformed`].

use std::ops::Range;

use stage04::{Error, FormatError, Log, Offset, Place, Result, Stamp};

use crate::encoder::Encoder;
use crate::frame::{BATCH_BYTES_MAX, FRAME_ALIGNMENT_BYTES, FrameHeader, IS_BATCH};
use crate::frame_scan::FrameScan;
use crate::writer::FramedWriter;

/// A producer's batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchFrame<'a> {
    /// The offset of its first record.
    pub base_offset: Offset,
    /// The epoch of the leader that gave it that offset.
    pub epoch: u32,
    /// How many records it has, and so how many offsets: at least 1.
    pub count: u32,
    /// The timestamp of the first record, in milliseconds.
    pub base_timestamp_ms: u64,
    /// The largest timestamp.
    pub max_timestamp_ms: u64,
    /// The producer's bytes: at least 1, at most [`BATCH_BYTES_MAX`].
    pub body: &'a [u8],
}

impl BatchFrame<'_> {
    /// Whether it can be a frame.
    ///
    /// # Errors
    ///
    /// What a reader would say of it: an [`FormatError::ImpossibleLength`] or an [`FormatError::ImpossibleCount`].
    pub fn check(&self) -> std::result::Result<(), FormatError> {
        self.header(Offset(0)).map(drop)
    }

    /// The header of its frame.
    fn header(&self, synced_through: Offset) -> std::result::Result<FrameHeader, FormatError> {
        let bytes = self.body.len();
        let Some(body_bytes) = u32::try_from(bytes).ok().filter(|_| bytes <= BATCH_BYTES_MAX) else {
            return Err(FormatError::ImpossibleLength { bytes: bytes as u64, bytes_max: BATCH_BYTES_MAX as u64 });
        };
        let header = FrameHeader {
            body_bytes,
            base_offset: self.base_offset,
            count: self.count,
            epoch: self.epoch,
            synced_through,
            base_timestamp_ms: self.base_timestamp_ms,
            max_timestamp_ms: self.max_timestamp_ms,
            attributes: IS_BATCH,
            body_crc: 0,
        };
        // What a reader would refuse is not written.
        header.check_fields().map(|()| header)
    }
}

impl Encoder {
    /// Encodes batches, each into a frame, as [`Encoder::encode`] does with records.
    fn encode_batches(&mut self, at: Place, salt: u64, batches: &[(FrameHeader, &[u8])]) -> Place {
        self.bytes.clear();
        self.starts.clear();
        let mut next = at;
        for (header, body) in batches {
            let header = FrameHeader { body_crc: header.body_crc_of(body), ..*header };
            self.starts.push(next);
            self.bytes.extend_from_slice(&header.encode(salt, next.position));
            self.bytes.extend_from_slice(body);
            self.bytes.resize(self.bytes.len().next_multiple_of(FRAME_ALIGNMENT_BYTES as usize), 0);
            let offset = next.offset.plus(header.count.into());
            next = Place { offset, position: at.position + self.bytes.len() as u64 };
        }
        next
    }
}

impl FramedWriter {
    /// Writes batches at the end, by one write. They are not durable yet. Returns where each lies and how old it is.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfOrder`] if one does not start where the one in front of it ends, [`Error::BadFrame`] if it can be
    /// no frame: then nothing was written.
    pub fn append_batches(&mut self, batches: &[BatchFrame<'_>]) -> Result<Vec<Stamp>> {
        let (path, position) = (self.path().to_owned(), self.end().position);
        let synced_through = self.durable_end();
        let mut expected = self.next_offset();
        let (mut frames, mut stamps) = (Vec::with_capacity(batches.len()), Vec::with_capacity(batches.len()));
        let mut frame_position = position;
        for batch in batches {
            let found = batch.base_offset;
            if found != expected {
                return Err(Error::OutOfOrder { path, position, expected, found });
            }
            let header = match batch.header(synced_through) {
                Ok(header) => header,
                Err(cause) => return Err(Error::BadFrame { path, position, expected, cause }),
            };
            expected = expected.plus(batch.count.into());
            stamps.push(Stamp {
                last: Offset(expected.0 - 1),
                position: frame_position,
                first_timestamp_ms: batch.base_timestamp_ms,
                max_timestamp_ms: batch.max_timestamp_ms,
            });
            frame_position += header.frame_bytes();
            frames.push((header, batch.body));
        }
        self.append_frames(|encoder, at, salt, _| encoder.encode_batches(at, salt, &frames))?;
        Ok(stamps)
    }
}

impl FrameScan {
    /// The next batch, both of whose checksums hold, or `None` at the end. Its body points into the scan's window.
    ///
    /// A scan from an offset in the middle of a batch begins with that batch.
    ///
    /// # Errors
    ///
    /// [`Error::BadFrame`] if the next frame has records and no batch; else those of every scan.
    pub fn next_batch(&mut self) -> Result<Option<BatchFrame<'_>>> {
        let Some(header) = self.peek_header()? else { return Ok(None) };
        if !header.is_batch() {
            let what = format!("{} records, where a batch was expected", header.count);
            return Err(self.bad_frame(FormatError::Malformed(what)));
        }
        let body: Range<usize> = self.check_body(header)?;
        self.pass_frame()?;
        Ok(Some(BatchFrame {
            base_offset: header.base_offset,
            epoch: header.epoch,
            count: header.count,
            base_timestamp_ms: header.base_timestamp_ms,
            max_timestamp_ms: header.max_timestamp_ms,
            body: &self.window[body],
        }))
    }
}
