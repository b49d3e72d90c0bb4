//! A storage that tells a test when somebody looks at the end of the newest segment.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, ThreadId};

use stage04::{
    DiskFile, IndexedLog, IndexedReader, JsonSegments, Log, Offset, Reader, Record, Result, Sealed, SegmentName,
    SegmentWriter, Site, Storage, Visibility,
};

/// Who has looked, and what there was to see.
type Looks = Receiver<(ThreadId, Offset)>;

/// JSON lines whose readers tell of each look at the end.
#[derive(Clone, Debug)]
pub(crate) struct Watched {
    tell: Sender<(ThreadId, Offset)>,
}

impl Watched {
    /// The storage, and what it tells.
    pub(crate) fn new() -> (Watched, Looks) {
        let (tell, looks) = channel();
        (Watched { tell }, looks)
    }

    fn reader(&self, inner: IndexedReader) -> WatchedReader {
        WatchedReader { inner, tell: self.tell.clone() }
    }
}

impl Storage for Watched {
    type Writer = WatchedWriter;
    type Reader = WatchedReader;
    type Rewriter = <JsonSegments as Storage>::Rewriter;

    fn header(&self, base: Offset) -> Result<Vec<u8>> {
        JsonSegments.header(base)
    }

    fn start_newest(&self, site: &Site, segment: &SegmentName, file: Arc<dyn DiskFile>) -> Result<WatchedWriter> {
        Ok(WatchedWriter { inner: JsonSegments.start_newest(site, segment, file)?, storage: self.clone() })
    }

    fn open_newest(&self, site: &Site, segment: &SegmentName, file: Arc<dyn DiskFile>) -> Result<WatchedWriter> {
        Ok(WatchedWriter { inner: JsonSegments.open_newest(site, segment, file)?, storage: self.clone() })
    }

    fn read_newest(&self, site: &Site, segment: &SegmentName, file: Arc<dyn DiskFile>) -> Result<WatchedReader> {
        Ok(self.reader(JsonSegments.read_newest(site, segment, file)?))
    }

    fn read_sealed(&self, site: &Site, sealed: &Sealed) -> Result<WatchedReader> {
        Ok(self.reader(JsonSegments.read_sealed(site, sealed)?))
    }

    fn rewriter(&self, base: Offset) -> Result<Self::Rewriter> {
        JsonSegments.rewriter(base)
    }
}

/// Writes as JSON lines do.
#[derive(Debug)]
pub(crate) struct WatchedWriter {
    inner: IndexedLog,
    storage: Watched,
}

impl Log for WatchedWriter {
    type Reader = WatchedReader;

    fn append(&mut self, records: &[Record<'_>]) -> Result<Offset> {
        self.inner.append(records)
    }

    fn sync(&mut self) -> Result<Offset> {
        self.inner.sync()
    }

    fn next_offset(&self) -> Offset {
        self.inner.next_offset()
    }

    fn reader(&self) -> WatchedReader {
        self.storage.reader(self.inner.reader())
    }
}

impl SegmentWriter for WatchedWriter {
    fn end_position(&self) -> u64 {
        self.inner.end_position()
    }

    fn index_bytes(&self) -> u64 {
        self.inner.index_bytes()
    }

    fn seal(&mut self) -> Result<()> {
        SegmentWriter::seal(&mut self.inner)
    }
}

/// Reads as JSON lines do, and tells when it is asked for the end.
#[derive(Clone, Debug)]
pub(crate) struct WatchedReader {
    inner: IndexedReader,
    tell: Sender<(ThreadId, Offset)>,
}

impl Reader for WatchedReader {
    type Scan = <IndexedReader as Reader>::Scan;

    fn scan(&self, from: Offset) -> Result<Self::Scan> {
        self.inner.scan(from)
    }

    fn end(&self) -> Offset {
        let end = self.inner.end();
        // The test may have seen enough.
        let _ = self.tell.send((thread::current().id(), end));
        end
    }

    fn with_visibility(self, visibility: Visibility) -> Self {
        WatchedReader { inner: self.inner.with_visibility(visibility), ..self }
    }
}
