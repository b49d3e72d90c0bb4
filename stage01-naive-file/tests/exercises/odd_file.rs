//! A file whose reads do what a test wants, and whose readers come to an end.

use std::fmt;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};

use stage01::DiskFile;

/// More reads than any test needs. Whoever asks for more is in a loop that does not end.
const READS_MAX: usize = 5000;

/// How a read is answered: the file behind, the buffer, and the position.
type Answer = dyn Fn(&dyn DiskFile, &mut [u8], u64) -> io::Result<usize> + Send + Sync;

/// A file in front of another one. It answers reads in its own way, and writes down what was asked for; all else is the
/// other's.
pub(crate) struct OddFile {
    inner: Arc<dyn DiskFile>,
    length: Option<u64>,
    answer: Box<Answer>,
    reads: Mutex<Vec<(u64, usize)>>,
}

impl OddFile {
    /// Reads are answered by `answer`.
    pub(crate) fn new(
        inner: Arc<dyn DiskFile>,
        answer: impl Fn(&dyn DiskFile, &mut [u8], u64) -> io::Result<usize> + Send + Sync + 'static,
    ) -> OddFile {
        OddFile { inner, length: None, answer: Box::new(answer), reads: Mutex::default() }
    }

    /// Reads are answered as the file behind does.
    pub(crate) fn honest(inner: Arc<dyn DiskFile>) -> OddFile {
        OddFile::new(inner, |inner, buffer, position| inner.read_at(buffer, position))
    }

    /// The same file, which says that it has `length` bytes.
    pub(crate) fn with_length(self, length: u64) -> OddFile {
        OddFile { length: Some(length), ..self }
    }

    /// Every read until now: its position, and how many bytes it asked for.
    pub(crate) fn reads(&self) -> Vec<(u64, usize)> {
        self.reads.lock().expect("no reader panicked").clone()
    }
}

impl fmt::Debug for OddFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OddFile")
    }
}

impl DiskFile for OddFile {
    fn path(&self) -> &Path {
        self.inner.path()
    }

    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        let count = {
            let mut reads = self.reads.lock().expect("no reader panicked");
            reads.push((position, buffer.len()));
            reads.len()
        };
        assert!(
            count < READS_MAX,
            "a loop without an end: read for the {count}th time, now {} bytes at byte {position}",
            buffer.len()
        );
        (self.answer)(&*self.inner, buffer, position)
    }

    fn write_at(&self, bytes: &[u8], position: u64) -> io::Result<()> {
        self.inner.write_at(bytes, position)
    }

    fn length(&self) -> io::Result<u64> {
        self.length.map_or_else(|| self.inner.length(), Ok)
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.inner.truncate(length)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.inner.sync_data()
    }

    fn os_file(&self) -> Option<&File> {
        None
    }
}
