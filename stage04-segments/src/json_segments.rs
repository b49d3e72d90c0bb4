//! Segments of JSON lines: each is a log of stage 3, with its own base offset.

use std::sync::Arc;

use stage03::{
    Access, DiskFile, Error, Format, IndexOrigin, IndexSite, IndexedLog, IndexedReader, JsonLines, Offset, Record,
    Result,
};

use crate::name::{Part, SegmentName};
use crate::options::PREPARED_BYTES_MAX;
use crate::site::Site;
use crate::storage::{Rewriter, Sealed, SegmentWriter, Storage};

/// The storage of this stage.
#[derive(Clone, Copy, Debug, Default)]
pub struct JsonSegments;

impl Storage for JsonSegments {
    type Writer = IndexedLog;
    type Reader = IndexedReader;
    type Rewriter = LinesOut;

    fn header(&self, _base: Offset) -> Result<Vec<u8>> {
        Ok(Vec::new())
    }

    fn start_newest(&self, site: &Site, segment: &SegmentName, file: Arc<dyn DiskFile>) -> Result<IndexedLog> {
        Ok(IndexedLog::of_new_file(Box::new(()), file, index_site(site, segment), JsonLines))
    }

    fn open_newest(&self, site: &Site, segment: &SegmentName, file: Arc<dyn DiskFile>) -> Result<IndexedLog> {
        // A line never ends in a zero, so zeros at the end are those of a prepared file, or of a torn append, and stage 1
        // knows what to do about the rest. The log then grows again in this file; stage 5 keeps the zeros.
        let length = length_without_zeros(&file)?;
        if length < file.length().map_err(|e| Error::io("ask for the length", file.path(), e))? {
            file.truncate(length).map_err(|e| Error::io("cut zeros off", file.path(), e))?;
        }
        // The lock on the directory is the segmented log's.
        IndexedLog::of_file(Box::new(()), file, index_site(site, segment), JsonLines)
    }

    fn read_newest(&self, site: &Site, segment: &SegmentName, file: Arc<dyn DiskFile>) -> Result<IndexedReader> {
        let length = length_without_zeros(&file)?;
        IndexedReader::of_file(Arc::new(Front { file, length }), &index_site(site, segment), JsonLines)
    }

    fn read_sealed(&self, site: &Site, sealed: &Sealed) -> Result<IndexedReader> {
        let index = index_site(site, &sealed.name);
        let has_gaps = sealed.name.is_rewritten();
        let reader = IndexedReader::of_sealed_file(Arc::clone(&sealed.file), &index, JsonLines, sealed.end, has_gaps)?;
        if site.access == Access::Write && matches!(reader.index_report().origin, IndexOrigin::Rebuilt { .. }) {
            reader.save_index(&index);
        }
        Ok(reader)
    }

    fn rewriter(&self, _base: Offset) -> Result<LinesOut> {
        Ok(LinesOut)
    }
}

impl SegmentWriter for IndexedLog {
    fn end_position(&self) -> u64 {
        self.end().position
    }

    fn index_bytes(&self) -> u64 {
        (self.index_report().entries * stage03::ENTRY_BYTES) as u64
    }

    fn seal(&mut self) -> Result<()> {
        IndexedLog::seal(self)
    }
}

/// Lines carry their offsets, so records with gaps between them are written like any others.
#[derive(Clone, Copy, Debug)]
pub struct LinesOut;

impl Rewriter for LinesOut {
    fn push(&mut self, offset: Offset, record: &Record<'_>, out: &mut Vec<u8>) {
        JsonLines.encode(offset, record, out);
    }

    fn finish(&mut self, _out: &mut Vec<u8>) {}
}

fn index_site(site: &Site, segment: &SegmentName) -> IndexSite {
    IndexSite {
        disk: Arc::clone(&site.disk),
        name: segment.file(Part::Index),
        base: segment.base,
        interval_bytes: site.index_interval_bytes,
    }
}

/// Where the file's last byte that is not zero ends; the end of the file if it is longer than any that we prepare.
fn length_without_zeros(file: &Arc<dyn DiskFile>) -> Result<u64> {
    let mut window = vec![0; 64 * 1024];
    let mut end = file.length().map_err(|e| Error::io("ask for the length", file.path(), e))?;
    if end > PREPARED_BYTES_MAX {
        return Ok(end);
    }
    while end > 0 {
        let start = end.saturating_sub(window.len() as u64);
        let wanted = &mut window[..(end - start) as usize];
        let read = file.read_at(wanted, start);
        let read = read.map_err(|e| Error::io(format!("read at byte {start}"), file.path(), e))?;
        if let Some(last) = wanted[..read].iter().rposition(|&byte| byte != 0) {
            return Ok(start + last as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

/// The front of a file, for somebody who must not look further and may not cut.
#[derive(Debug)]
struct Front {
    file: Arc<dyn DiskFile>,
    length: u64,
}

impl DiskFile for Front {
    fn path(&self) -> &std::path::Path {
        self.file.path()
    }

    fn read_at(&self, buffer: &mut [u8], position: u64) -> std::io::Result<usize> {
        let left = usize::try_from(self.length.saturating_sub(position)).unwrap_or(usize::MAX);
        let count = buffer.len().min(left);
        self.file.read_at(&mut buffer[..count], position)
    }

    fn write_at(&self, _: &[u8], _: u64) -> std::io::Result<()> {
        Err(std::io::ErrorKind::Unsupported.into())
    }

    fn length(&self) -> std::io::Result<u64> {
        Ok(self.length)
    }

    fn truncate(&self, _: u64) -> std::io::Result<()> {
        Err(std::io::ErrorKind::Unsupported.into())
    }

    fn sync_data(&self) -> std::io::Result<()> {
        Err(std::io::ErrorKind::Unsupported.into())
    }

    fn os_file(&self) -> Option<&std::fs::File> {
        None
    }
}
