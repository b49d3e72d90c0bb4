//! Appending to the newest segment.

use std::sync::Arc;

use stage04::{DiskFile, Error, IndexFile, IndexReport, Log, Offset, Place, Record, Result, SegmentWriter, Visibility};

use crate::encoder::Encoder;
use crate::reader::FramedReader;
use crate::segment::Segment;

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
    encoder: Encoder,
    index_file: Option<SavedIndex>,
}

/// The index's file, and the number of the index that it was made from.
#[derive(Debug)]
struct SavedIndex {
    file: IndexFile,
    rebuilds: u64,
}

impl FramedWriter {
    /// A writer that goes on at the durable end of a segment.
    pub(crate) fn new(file: Arc<dyn DiskFile>, segment: Segment) -> Result<FramedWriter> {
        let salt = segment.frames.salt()?;
        let end = segment.end(Visibility::Durable);
        Ok(FramedWriter { file, segment: Arc::new(segment), salt, end, encoder: Encoder::default(), index_file: None })
    }

    /// Behind the last record that was written.
    pub fn end(&self) -> Place {
        self.end
    }

    /// The state of the index.
    pub fn index_report(&self) -> IndexReport {
        self.segment.lazy_index.report(&self.segment.frames)
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
        // Before anything is written behind what it knows of: see `LazyIndex`.
        let loaded = self.segment.index();
        let Place { offset, position } = self.end;
        let synced_through = self.segment.end(Visibility::Durable).offset;
        let end = self.encoder.encode(self.end, self.salt, synced_through, records);
        let written = self.file.write_at(self.encoder.bytes(), position);
        written.map_err(|e| Error::io(format!("write at byte {position}"), self.file.path(), e))?;
        self.end = end;
        self.segment.set_written(end);
        loaded.index.push_places(self.encoder.starts());
        Ok(offset)
    }

    fn sync(&mut self) -> Result<Offset> {
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

impl SegmentWriter for FramedWriter {
    fn end_position(&self) -> u64 {
        self.end.position
    }

    fn index_bytes(&self) -> u64 {
        self.segment.lazy_index.bytes()
    }

    /// Makes everything durable, and cuts off the zeros that the file was prepared with.
    fn seal(&mut self) -> Result<()> {
        self.sync()?;
        let position = self.end.position;
        let cut = self.file.truncate(position).and_then(|()| self.file.sync_data());
        cut.map_err(|e| Error::io(format!("cut at byte {position}"), self.file.path(), e))
    }
}
