//! Appending to the newest segment.

use std::path::Path;
use std::sync::Arc;

use stage04::{
    DiskFile, Error, IndexFile, IndexReport, Log, Offset, Place, Record, Result, SegmentWriter, Site, Visibility,
};

use crate::encoder::Encoder;
use crate::reader::FramedReader;
use crate::recovery::RecoveryReport;
use crate::recovery_point::RecoveryPoint;
use crate::segment::Segment;

/// The most zeros that are written ahead: a sync pays for a mebibyte more with about a millisecond, once in a mebibyte of
/// records.
const FILL_BYTES_MAX: u64 = 1024 * 1024;

/// Files are filled in whole pages.
const PAGE_BYTES: u64 = 4096;

/// The writer of one segment of frames.
///
/// - One append is one buffer and one write, of one frame or several.
/// - Each frame says how far the log was durable when it was written: everything in front of the last sync.
/// - The index is kept up as in stage 3: an entry reaches its file after the sync that covers its frame (I1), and no
///   append, sync or seal fails because of it (I3).
#[derive(Debug)]
pub struct FramedWriter {
    file: Arc<dyn DiskFile>,
    segment: Arc<Segment>,
    salt: u64,
    /// Behind the last record that was written.
    end: Place,
    /// The file has bytes up to here, behind the end they are zeros.
    filled: u64,
    encoder: Encoder,
    index_file: Option<SavedIndex>,
    site: Site,
    is_sealed: bool,
    recovery: Option<RecoveryReport>,
}

/// The index's file, and the number of the index that it was made from.
#[derive(Debug)]
struct SavedIndex {
    file: IndexFile,
    rebuilds: u64,
}

impl FramedWriter {
    /// A writer that goes on at the durable end of a segment.
    pub(crate) fn new(site: &Site, file: Arc<dyn DiskFile>, segment: Segment) -> Result<FramedWriter> {
        let salt = segment.frames.salt()?;
        let end = segment.end(Visibility::Durable);
        let filled = file.length().map_err(|e| Error::io("ask for the length", file.path(), e))?;
        Ok(FramedWriter {
            file,
            segment: Arc::new(segment),
            salt,
            end,
            filled,
            encoder: Encoder::default(),
            index_file: None,
            site: site.clone(),
            is_sealed: false,
            recovery: None,
        })
    }

    /// The same writer, of a segment that was recovered.
    pub(crate) fn after(mut self, recovery: RecoveryReport) -> FramedWriter {
        self.recovery = Some(recovery);
        self
    }

    /// What was found and done when the segment was opened. `None` for a segment that was new.
    pub fn recovery(&self) -> Option<&RecoveryReport> {
        self.recovery.as_ref()
    }

    /// Behind the last record that was written.
    pub fn end(&self) -> Place {
        self.end
    }

    /// The segment's file, for messages.
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// Every record in front of this one is durable.
    pub(crate) fn durable_end(&self) -> Offset {
        self.segment.end(Visibility::Durable).offset
    }

    /// The state of the index.
    pub fn index_report(&self) -> IndexReport {
        self.segment.lazy_index.report(&self.segment.frames)
    }

    /// Writes zeros behind the end if the file grew since the last sync. This sync has to write the file's new length
    /// into the file system's journal in any case, and as long as the zeros last, no other one has to: that halves what
    /// a small sync costs. As many zeros as there are records, so that a short log stays short, up to a limit.
    ///
    /// A file system that copies on write gains nothing by it, and loses little.
    fn fill_ahead(&mut self) {
        let Place { position, .. } = self.end;
        if position <= self.filled {
            return;
        }
        let ahead = (position - self.segment.frames.start().position).min(FILL_BYTES_MAX);
        let target = (position + ahead).next_multiple_of(PAGE_BYTES);
        let zeros = vec![0; (target - position) as usize];
        // On a full disk there is no room for zeros. What matters is that the records are there.
        let is_filled = self.file.write_at(&zeros, position).is_ok();
        self.filled = if is_filled { target } else { position };
    }

    /// Writes the frames that `encode` makes, from this place on, with this salt, and saying that everything in front of
    /// this offset is durable. It returns the place behind them.
    pub(crate) fn append_frames(
        &mut self,
        encode: impl FnOnce(&mut Encoder, Place, u64, Offset) -> Place,
    ) -> Result<Offset> {
        // Before anything is written behind what it knows of: see `LazyIndex`.
        let loaded = self.segment.index();
        let Place { offset, position } = self.end;
        let synced_through = self.durable_end();
        let end = encode(&mut self.encoder, self.end, self.salt, synced_through);
        let written = self.file.write_at(self.encoder.bytes(), position);
        written.map_err(|e| Error::io(format!("write at byte {position}"), self.file.path(), e))?;
        self.end = end;
        self.segment.set_written(end);
        let starts = self.encoder.starts().iter().copied();
        loaded.index.push_places(starts.filter(|&place| self.segment.frames.is_worth_an_entry(place)));
        Ok(offset)
    }

    /// Writes to the index file what it lacks. Only for frames that are durable (I1).
    fn save_index(&mut self) {
        let loaded = self.segment.index();
        let saved = self.index_file.get_or_insert_with(|| {
            let file = IndexFile::new(self.segment.lazy_index.site().clone(), loaded.file.clone(), loaded.stored);
            // Without a good file, there is nothing to go on with: a number that no index has.
            SavedIndex { file, rebuilds: if loaded.file.is_some() { 0 } else { u64::MAX } }
        });
        let unsaved = loaded.index.unsaved(saved.file.entries(), saved.rebuilds);
        if unsaved.rebuilds == saved.rebuilds {
            saved.file.append(&unsaved.bytes);
        } else {
            saved.rebuilds = unsaved.rebuilds;
            saved.file.replace(&unsaved.bytes);
        }
    }
}

impl Log for FramedWriter {
    type Reader = FramedReader;

    fn append(&mut self, records: &[Record<'_>]) -> Result<Offset> {
        records.iter().try_for_each(Record::check_size)?;
        self.append_frames(|encoder, at, salt, synced_through| encoder.encode(at, salt, synced_through, records))
    }

    fn sync(&mut self) -> Result<Offset> {
        self.fill_ahead();
        self.file.sync_data().map_err(|e| Error::io("sync", self.file.path(), e))?;
        self.segment.set_durable(self.end);
        self.save_index();
        Ok(self.end.offset)
    }

    fn next_offset(&self) -> Offset {
        self.end.offset
    }

    fn reader(&self) -> FramedReader {
        FramedReader::new(Arc::clone(&self.segment))
    }
}

/// A log that is closed properly says how far it is synced, so that the next open has nothing to search, and takes any
/// damage in front of that for what it is.
impl Drop for FramedWriter {
    fn drop(&mut self) {
        let durable = self.segment.end(Visibility::Durable);
        if durable == self.end && !self.is_sealed {
            // Zeros that nobody may ever need. If a power cut brings them back, they are in nobody's way.
            let _ = self.file.truncate(durable.position);
            let segment = self.segment.frames.start().offset;
            // Without it, the next open reads the whole segment, and the frames' own watermarks decide.
            let _ = RecoveryPoint { start: segment, segment, durable }.write(&self.site);
        }
    }
}

impl SegmentWriter for FramedWriter {
    fn end_position(&self) -> u64 {
        self.end.position
    }

    fn index_bytes(&self) -> u64 {
        self.segment.lazy_index.bytes()
    }

    /// Cuts off the zeros that the file was prepared with, and makes everything durable, its length too.
    fn seal(&mut self) -> Result<()> {
        let position = self.end.position;
        self.file.truncate(position).map_err(|e| Error::io(format!("cut at byte {position}"), self.file.path(), e))?;
        // Nothing will be written into more zeros.
        self.filled = position;
        self.is_sealed = true;
        self.sync()?;
        Ok(())
    }
}
