//! Frames as the storage of a log's segments.

use std::sync::Arc;

use stage04::name::Part;
use stage04::{
    Access, DiskFile, Error, FormatError, IndexSite, Offset, Place, Result, Scan, Sealed, SegmentName, Site, Storage,
};

use crate::frame_file::{FrameFile, Kind, first_place, read_header};
use crate::frame_scan::FrameScan;
use crate::lazy_index::LazyIndex;
use crate::reader::FramedReader;
use crate::rewriter::FrameRewriter;
use crate::salt::SaltSource;
use crate::segment::Segment;
use crate::writer::FramedWriter;

/// Segments of frames.
#[derive(Clone, Debug, Default)]
pub struct Framed {
    /// Where the salts of new segments come from.
    pub salts: SaltSource,
}

impl Storage for Framed {
    type Writer = FramedWriter;
    type Reader = FramedReader;
    type Rewriter = FrameRewriter;

    fn header(&self, base: Offset) -> Result<Vec<u8>> {
        Ok(self.salts.header(base)?.encode())
    }

    fn start_newest(&self, site: &Site, segment: &SegmentName, file: Arc<dyn DiskFile>) -> Result<FramedWriter> {
        let end = first_place(segment.base);
        FramedWriter::new(Arc::clone(&file), self.segment(site, segment, file, end, Kind::Newest))
    }

    fn open_newest(&self, site: &Site, segment: &SegmentName, file: Arc<dyn DiskFile>) -> Result<FramedWriter> {
        let end = find_end(&file, segment.base)?;
        let cut = file.truncate(end.position).and_then(|()| file.sync_data());
        cut.map_err(|e| Error::io(format!("cut at byte {}", end.position), file.path(), e))?;
        FramedWriter::new(Arc::clone(&file), self.segment(site, segment, file, end, Kind::Newest))
    }

    fn read_newest(&self, site: &Site, segment: &SegmentName, file: Arc<dyn DiskFile>) -> Result<FramedReader> {
        let end = find_end(&file, segment.base)?;
        Ok(FramedReader::new(Arc::new(self.segment(site, segment, file, end, Kind::Newest))))
    }

    fn read_sealed(&self, site: &Site, sealed: &Sealed) -> Result<FramedReader> {
        let file = Arc::clone(&sealed.file);
        let length = file.length().map_err(|e| Error::io("ask for the length", file.path(), e))?;
        let end = Place { offset: sealed.end, position: length };
        let kind = if sealed.name.is_rewritten() { Kind::Rewritten } else { Kind::Sealed };
        let site = Site { access: Access::Read, ..site.clone() };
        Ok(FramedReader::new(Arc::new(self.segment(&site, &sealed.name, file, end, kind))))
    }

    fn rewriter(&self, base: Offset) -> Result<FrameRewriter> {
        Ok(FrameRewriter::new(self.salts.header(base)?))
    }
}

impl Framed {
    /// Segments whose salts come from `salts`.
    pub fn with_salts(salts: SaltSource) -> Framed {
        Framed { salts }
    }

    /// What a writer or reader of the segment needs, where the records in front of `end` are durable.
    pub(crate) fn segment(
        &self,
        site: &Site,
        name: &SegmentName,
        file: Arc<dyn DiskFile>,
        end: Place,
        kind: Kind,
    ) -> Segment {
        let index_site = IndexSite {
            disk: Arc::clone(&site.disk),
            name: name.file(Part::Index),
            base: name.base,
            interval_bytes: site.index_interval_bytes,
        };
        Segment::new(FrameFile::new(file, name.base, kind), LazyIndex::new(index_site, site.access, end), end)
    }
}

/// The place behind the last frame in front of the first header that has only zeros, or in front of the file's end.
fn find_end(file: &Arc<dyn DiskFile>, base: Offset) -> Result<Place> {
    let salt = read_header(&**file, base)?.salt;
    let length = file.length().map_err(|e| Error::io("ask for the length", file.path(), e))?;
    let mut scan = FrameScan::new(Arc::clone(file), salt, first_place(base), length, stage04::scan::WINDOW_BYTES);
    loop {
        match scan.next() {
            Ok(Some(_)) => {}
            Ok(None) | Err(Error::BadFrame { cause: FormatError::Zeros, .. }) => return Ok(scan.place()),
            Err(error) => return Err(error),
        }
    }
}
