//! Frames as the storage of a log's segments.

use std::ops::ControlFlow;
use std::sync::Arc;

use stage04::name::Part;
use stage04::{Access, DiskFile, Error, IndexSite, Offset, Place, Result, Sealed, SegmentName, Site, Stamp, Storage};

use crate::cut;
use crate::decision::RecoveryMode;
use crate::frame_file::{FrameFile, Kind, first_place};
use crate::lazy_index::LazyIndex;
use crate::reader::FramedReader;
use crate::recovery::{Recovered, find_newest_end, recover_newest};
use crate::recovery_point::RecoveryPoint;
use crate::rewriter::FrameRewriter;
use crate::salt::SaltSource;
use crate::segment::Segment;
use crate::writer::FramedWriter;

/// Segments of frames.
#[derive(Clone, Debug, Default)]
pub struct Framed {
    /// Where the salts of new segments come from.
    pub salts: SaltSource,
    /// How much damage the newest segment may have when it is opened.
    pub recovery_mode: RecoveryMode,
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
        // The segment in front of this one was sealed, and this one's name is durable: a sync has moved the point.
        RecoveryPoint { start: segment.base, segment: segment.base, durable: end }.write(site)?;
        FramedWriter::new(site, Arc::clone(&file), self.segment(site, segment, file, end, Kind::Newest))
    }

    fn open_newest(&self, site: &Site, segment: &SegmentName, file: Arc<dyn DiskFile>) -> Result<FramedWriter> {
        let new_header = || self.header(segment.base);
        let Recovered { file, end, report, .. } = recover_newest(site, segment, &file, self.recovery_mode, new_header)?;
        let writer = FramedWriter::new(site, Arc::clone(&file), self.segment(site, segment, file, end, Kind::Newest))?;
        Ok(writer.after(report))
    }

    fn read_newest(&self, site: &Site, segment: &SegmentName, file: Arc<dyn DiskFile>) -> Result<FramedReader> {
        let end = find_newest_end(site, segment, &file, self.recovery_mode)?;
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

    fn visit_stamps(
        &self,
        reader: &FramedReader,
        from: Offset,
        visit: &mut dyn FnMut(Stamp) -> ControlFlow<()>,
    ) -> Result<()> {
        cut::visit_stamps(reader, from, visit)
    }

    fn place_to_cut(&self, reader: &FramedReader, offset: Offset) -> Result<Option<Place>> {
        cut::place_to_cut(reader, offset)
    }

    fn before_cut(&self, site: &Site, segment: &SegmentName, cut: Place) -> Result<()> {
        cut::move_point_back(site, segment, cut)
    }
}

impl Framed {
    /// Segments whose salts come from `salts`.
    pub fn with_salts(salts: SaltSource) -> Framed {
        Framed { salts, ..Framed::default() }
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
