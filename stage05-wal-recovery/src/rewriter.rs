//! Writing what compaction keeps: frames with gaps.

use stage04::{Offset, Record, Rewriter};

use crate::encoder::FrameBuilder;
use crate::frame::HAS_GAPS;
use crate::header::{SEGMENT_HEADER_BYTES, SegmentHeader};

/// A frame of a rewritten segment is full when its body has this many bytes or more. Rewritten segments are packed in
/// blocks, and one record costs a whole block, so frames of this size make no read slower.
const REWRITTEN_BODY_BYTES: usize = 16 * 1024;

/// Makes the bytes of a rewritten segment, from its header on.
#[derive(Debug)]
pub struct FrameRewriter {
    header: SegmentHeader,
    /// Where the next frame will lie; 0 until the header was given out.
    position: u64,
    frame: Option<FrameBuilder>,
    /// The bytes of the frame that is not full yet.
    bytes: Vec<u8>,
}

impl FrameRewriter {
    /// The rewriter of a file with this header.
    pub fn new(header: SegmentHeader) -> FrameRewriter {
        FrameRewriter { header, position: 0, frame: None, bytes: Vec::new() }
    }

    /// Gives out the header, if that has not been done.
    fn begin(&mut self, out: &mut Vec<u8>) {
        if self.position == 0 {
            out.extend(self.header.encode());
            self.position = SEGMENT_HEADER_BYTES as u64;
        }
    }

    /// Gives out the frame, if there is one.
    fn flush(&mut self, out: &mut Vec<u8>) {
        if let Some(frame) = self.frame.take() {
            // The segments that are rewritten are sealed: everything in this frame is durable, and more than that.
            let synced_through = frame.base_offset();
            frame.finish(self.header.salt, self.position, synced_through, &mut self.bytes);
            self.position += self.bytes.len() as u64;
            out.append(&mut self.bytes);
        }
    }
}

impl Rewriter for FrameRewriter {
    fn push(&mut self, offset: Offset, record: &Record<'_>, out: &mut Vec<u8>) {
        self.begin(out);
        let begin = |bytes: &mut Vec<u8>| FrameBuilder::begin(offset, record.timestamp_ms, HAS_GAPS, bytes);
        let frame = self.frame.get_or_insert_with(|| begin(&mut self.bytes));
        frame.push(offset, record, &mut self.bytes);
        if frame.body_bytes(&self.bytes) >= REWRITTEN_BODY_BYTES {
            self.flush(out);
        }
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        self.begin(out);
        self.flush(out);
    }
}
