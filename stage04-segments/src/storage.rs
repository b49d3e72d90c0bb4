//! The seam between this stage and the formats: how the records of one segment lie in its file.
//!
//! Rolling, retention, the time index, compaction and the readers' snapshots are the same whatever a record looks like
//! on disk. What they ask of a segment's file is in these traits, and nothing else: stage 4 answers with the JSON lines
//! and the sparse index of stage 3, stage 5 with frames that have checksums.

use std::fmt::Debug;
use std::ops::ControlFlow;
use std::sync::Arc;

use stage03::{DiskFile, Log, Offset, Place, Reader, Record, Result, Scan};

use crate::name::SegmentName;
use crate::site::Site;
use crate::stamp::{self, Stamp};

/// A way to store segments.
pub trait Storage: Clone + Debug + Send + Sync + 'static {
    /// Appends to the newest segment.
    type Writer: SegmentWriter<Reader = Self::Reader> + Debug;
    /// Reads one segment: the newest, or a sealed one.
    type Reader: Reader + Debug;
    /// Writes the records that compaction keeps.
    type Rewriter: Rewriter;

    /// What the file of a new segment begins with, before it has its name. Empty for a format without a header.
    fn header(&self, base: Offset) -> Result<Vec<u8>>;

    /// Begins a new segment in a file that has its header and nothing else, or zeros behind it. The file and its name
    /// are durable.
    fn start_newest(&self, site: &Site, segment: &SegmentName, file: Arc<dyn DiskFile>) -> Result<Self::Writer>;

    /// Opens the newest segment of a log: finds its end, clears away what a crash left behind it, and makes all of it
    /// durable.
    fn open_newest(&self, site: &Site, segment: &SegmentName, file: Arc<dyn DiskFile>) -> Result<Self::Writer>;

    /// Opens the newest segment for reading alone: nothing is made, cut, written or synced.
    fn read_newest(&self, site: &Site, segment: &SegmentName, file: Arc<dyn DiskFile>) -> Result<Self::Reader>;

    /// Opens a segment that is complete: all bytes of `file` belong to it, and its last record is in front of `end`.
    /// The offsets of a rewritten segment may have gaps. Nothing needs to be read before the first scan.
    fn read_sealed(&self, site: &Site, sealed: &Sealed) -> Result<Self::Reader>;

    /// Begins the file of a rewritten segment that starts at `base`.
    fn rewriter(&self, base: Offset) -> Result<Self::Rewriter>;

    /// Tells `visit` when the records from `from` on were made, until it has seen enough. There is a stamp for each
    /// record, unless the storage keeps records in pieces that it does not take apart.
    fn visit_stamps(
        &self,
        reader: &Self::Reader,
        from: Offset,
        visit: &mut dyn FnMut(Stamp) -> ControlFlow<()>,
    ) -> Result<()> {
        stamp::visit_records(reader, from, visit)
    }

    /// Where the segment can be cut so that the record at `offset` goes, and as few as possible in front of it. `None`
    /// if there is no such record.
    fn place_to_cut(&self, reader: &Self::Reader, offset: Offset) -> Result<Option<Place>> {
        let mut scan = reader.scan(offset)?;
        Ok(scan.next()?.map(|entry| Place { offset: entry.offset, position: entry.position }))
    }

    /// The log is about to be cut at `cut` in this segment, and all in front of that is durable. If the storage has
    /// written down anywhere else that there are more records, it takes that back, durably.
    fn before_cut(&self, _site: &Site, _segment: &SegmentName, _cut: Place) -> Result<()> {
        Ok(())
    }
}

/// A segment that nobody appends to any more.
#[derive(Clone, Debug)]
pub struct Sealed {
    /// Its name, which says whether it was rewritten.
    pub name: SegmentName,
    /// Its bytes. For a rewritten one, those that were packed, not those that the packing takes on disk.
    pub file: Arc<dyn DiskFile>,
    /// The offset behind its last record: where the next segment starts.
    pub end: Offset,
}

/// The writer of the newest segment. Its offsets start at the segment's base.
pub trait SegmentWriter: Log {
    /// Where the segment's last record ends in its file, in bytes.
    fn end_position(&self) -> u64;

    /// Bytes that the segment's index takes.
    fn index_bytes(&self) -> u64;

    /// Ends the segment: every byte of its file that is not a record's is cut off, and what is left is durable. No
    /// record is appended behind this.
    fn seal(&mut self) -> Result<()>;
}

/// Turns records, with gaps between their offsets, into the bytes of a segment's file, header included.
pub trait Rewriter: Send {
    /// Adds a record; bytes that are complete go to `out`.
    fn push(&mut self, offset: Offset, record: &Record<'_>, out: &mut Vec<u8>);

    /// Gives the bytes that are left.
    fn finish(&mut self, out: &mut Vec<u8>);
}
