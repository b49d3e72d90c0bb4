//! Reading the tablet: from one copy, and where that is damaged, from another.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use stage05::body::BodyCursor;
use stage05::frame_scan::FrameScan;
use stage05::{
    Disk, Entry, Error, Framed, Offset, Reader, Result, Scan, SegmentAt, SegmentOptions, SegmentsFrom, Visibility,
};

use super::copy::Found;
use super::open::too_few;
use super::records::cursor;
use super::{COPIES_MIN, DIRECTORIES};
use crate::tablet_log::TabletReader;

/// A copy that is read, and its directory.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) path: PathBuf,
    pub(super) reader: TabletReader,
}

/// What the writer tells all readers.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// The high watermark: behind the last record that is durable on all in-sync replicas.
    pub(super) high_watermark: AtomicU64,
    /// Behind the last record that the leader has written.
    pub(super) written: AtomicU64,
    /// The copies that have every record in front of the high watermark, the leader first.
    pub(super) sources: RwLock<Arc<[Source]>>,
}

impl Shared {
    fn sources(&self) -> Arc<[Source]> {
        Arc::clone(&self.sources.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A reader of a [`LocalTablet`](super::LocalTablet). Durable is what all in-sync replicas have.
#[derive(Clone, Debug)]
pub struct LocalReader {
    shared: Arc<Shared>,
    visibility: Visibility,
}

impl LocalReader {
    pub(super) fn new(shared: Arc<Shared>) -> LocalReader {
        LocalReader { shared, visibility: Visibility::default() }
    }

    /// Opens the tablet for reading alone: nothing is locked, repaired or written. The reader sees what the next open would
    /// begin with: the newest copy, and of that one also what nobody was promised.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] of kind `NotFound` if there is no tablet. If fewer than two copies can be read: what is wrong with the
    /// first that is damaged, or [`Error::Damaged`] at `root` if they are missing.
    pub fn open(root: &Arc<dyn Disk>, framed: &Framed, options: &SegmentOptions) -> Result<LocalReader> {
        let (mut sources, mut empty, mut missing, mut failure) = (Vec::new(), Vec::new(), Vec::new(), None);
        for (name, path) in DIRECTORIES.into_iter().map(|name| (name, root.path().join(name))) {
            match Found::look(root, name, framed, options) {
                Found::Whole(reader, _) => sources.push(Source { path, reader }),
                Found::Stray(reader) => {
                    empty.push(Source { path, reader });
                    missing.push(name);
                }
                Found::Damaged(error) | Found::Unreadable(error) => failure = failure.or(Some(error)),
                Found::Nothing => missing.push(name),
            }
        }
        let is_nothing = sources.is_empty() && empty.is_empty();
        let has_records = sources.iter().chain(&empty).any(|source| source.reader.end() > Offset(0));
        if sources.len() < COPIES_MIN && !has_records {
            sources.append(&mut empty);
        }
        if sources.len() < COPIES_MIN {
            return Err(failure.unwrap_or_else(|| match is_nothing {
                true => Error::io("open", root.path().join(DIRECTORIES[0]), std::io::ErrorKind::NotFound.into()),
                false => too_few(root, sources.len(), &missing),
            }));
        }
        LocalReader::of(sources)
    }

    /// Reads the newest copy, as far as it goes.
    fn of(mut sources: Vec<Source>) -> Result<LocalReader> {
        let mut lasts = Vec::with_capacity(sources.len());
        for source in &sources {
            lasts.push((source.reader.last_epoch()?, source.reader.end()));
        }
        let newest = (0..sources.len()).max_by_key(|&at| lasts[at]).unwrap_or_default();
        sources.swap(0, newest);
        let end = sources.first().map_or(0, |source| source.reader.end().0);
        let sources = RwLock::new(sources.into());
        let shared = Shared { high_watermark: AtomicU64::new(end), written: AtomicU64::new(end), sources };
        Ok(LocalReader::new(Arc::new(shared)))
    }
}

impl Reader for LocalReader {
    type Scan = LocalScan;

    fn scan(&self, from: Offset) -> Result<LocalScan> {
        let (sources, end) = (self.shared.sources(), self.end());
        let start = sources.first().map_or(Offset(0), |source| source.reader.start());
        if from < start {
            return Err(Error::Deleted { offset: from, start });
        }
        let empty = cursor(from, 0, 0);
        let (body, position) = (Vec::new(), 0);
        Ok(LocalScan { sources, at: 0, place: None, body, cursor: empty, position, next: from, end })
    }

    fn end(&self) -> Offset {
        Offset(match self.visibility {
            Visibility::Durable => self.shared.high_watermark.load(Ordering::Acquire),
            Visibility::Written => self.shared.written.load(Ordering::Acquire),
        })
    }

    fn start(&self) -> Offset {
        self.shared.sources().first().map_or(Offset(0), |source| source.reader.start())
    }

    fn with_visibility(self, visibility: Visibility) -> Self {
        LocalReader { visibility, ..self }
    }
}

/// A scan of the tablet. A batch that one copy cannot give is read from the next: what a checksum refuses is never served,
/// and as long as one copy has it, it is not missed.
#[derive(Debug)]
pub struct LocalScan {
    sources: Arc<[Source]>,
    /// The copy that is read.
    at: usize,
    /// Where in that copy.
    place: Option<(SegmentsFrom<Framed>, FrameScan)>,
    /// The batch whose records are lent.
    body: Vec<u8>,
    cursor: BodyCursor,
    position: u64,
    next: Offset,
    end: Offset,
}

impl LocalScan {
    /// Reads the next batch, from the first copy that can give it.
    fn load(&mut self) -> Result<()> {
        let mut first_error = None;
        for _ in 0..self.sources.len() {
            match self.load_here() {
                Ok(()) => return Ok(()),
                Err(error @ Error::Deleted { .. }) => return Err(error),
                Err(error) => first_error = first_error.or(Some(error)),
            }
            (self.at, self.place) = ((self.at + 1) % self.sources.len(), None);
        }
        let expected = self.next;
        Err(first_error.unwrap_or(Error::Gap { path: PathBuf::new(), expected, found: self.end }))
    }

    /// Reads the batch that holds the record at `next`, from the copy that is read now.
    fn load_here(&mut self) -> Result<()> {
        let Source { path, reader } = &self.sources[self.at];
        let gap = || Error::Gap { path: path.clone(), expected: self.next, found: self.end };
        let (mut segments, mut scan) = match self.place.take() {
            Some(place) => place,
            None => {
                let mut segments = reader.segments_from(self.next)?;
                let SegmentAt { reader, base, .. } = segments.next().ok_or_else(gap)??;
                (segments, reader.scan(self.next.max(base))?)
            }
        };
        loop {
            let Some(header) = scan.peek_header()? else {
                let SegmentAt { reader, base, .. } = segments.next().ok_or_else(gap)??;
                scan = reader.scan(self.next.max(base))?;
                continue;
            };
            if header.end_offset().is_some_and(|end| end <= self.next) {
                scan.pass_frame()?;
                continue;
            }
            let place = scan.place();
            let batch = scan.next_batch()?.ok_or_else(gap)?;
            self.body.clear();
            self.body.extend_from_slice(batch.body);
            (self.position, self.cursor) =
                (place.position, cursor(batch.base_offset, batch.count, batch.base_timestamp_ms));
            self.cursor.skip_to(self.next, &self.body);
            self.place = Some((segments, scan));
            return Ok(());
        }
    }
}

impl Scan for LocalScan {
    fn next(&mut self) -> Result<Option<Entry<'_>>> {
        if self.is_at_end()? {
            return Ok(None);
        }
        match self.cursor.next(&self.body) {
            Ok(Some((offset, record))) => {
                self.next = offset.next();
                Ok(Some(Entry { offset, position: self.position, record }))
            }
            Ok(None) => Ok(None),
            Err(cause) => {
                let path = self.sources[self.at].path.clone();
                Err(Error::BadFrame { path, position: self.position, expected: self.next, cause })
            }
        }
    }

    fn is_at_end(&mut self) -> Result<bool> {
        while self.next < self.end && self.cursor.left() == 0 {
            self.load()?;
        }
        Ok(self.next >= self.end)
    }
}
