//! The naive log: one file, and everything goes to its end.

use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::disk::{Access, Disk, DiskFile, DiskLock};
use crate::error::{Error, Result};
use crate::format::Format;
use crate::json_lines::JsonLines;
use crate::log::{Log, Reader, Visibility};
use crate::offset::{Offset, Place};
use crate::record::Record;
use crate::recover::{find_end, recover};
use crate::scan::{FileScan, WINDOW_BYTES};

/// The log's file in its directory.
pub const FILE_NAME: &str = "log.jsonl";

/// A log in one file. Appends go to the end; a read starts at the beginning.
#[derive(Debug)]
pub struct NaiveLog<F: Format = JsonLines> {
    file: Arc<dyn DiskFile>,
    format: F,
    /// Where the file's first record starts.
    start: Place,
    /// Behind the last record that was written.
    end: Place,
    watermarks: Arc<Mutex<Watermarks>>,
    /// The frames of one append, and the position where each starts; kept for their memory.
    frames: Vec<u8>,
    starts: Vec<u64>,
    _lock: DiskLock,
}

/// How far the log reaches, for its readers. The lock is held for a copy of four numbers, never while the disk works.
#[derive(Clone, Copy, Debug)]
struct Watermarks {
    written: Place,
    durable: Place,
}

impl<F: Format> NaiveLog<F> {
    /// Opens the log in `disk`, or makes one. All of it is read once, to find its end.
    ///
    /// What a crash left of an append that was never acknowledged is cut away. Anything else that is not a record is
    /// an error, and the file stays as it is.
    pub fn open(disk: &Arc<dyn Disk>, format: F) -> Result<NaiveLog<F>> {
        let lock = lock(disk)?;
        let file = open_or_create(disk)?;
        let end = recover(&file, &format, Place::default(), |_| {})?;
        Ok(NaiveLog::resume(lock, file, format, end))
    }

    /// A log that goes on at `end`, once its file has been recovered up to there.
    pub fn resume(lock: DiskLock, file: Arc<dyn DiskFile>, format: F, end: Place) -> NaiveLog<F> {
        let watermarks = Arc::new(Mutex::new(Watermarks { written: end, durable: end }));
        NaiveLog {
            file,
            format,
            start: Place::default(),
            end,
            watermarks,
            frames: Vec::new(),
            starts: Vec::new(),
            _lock: lock,
        }
    }

    /// The same log in a file whose first record has another offset than 0: one of the segments of stage 4.
    pub fn starting_at(self, base: Offset) -> NaiveLog<F> {
        NaiveLog { start: Place { offset: base, position: 0 }, ..self }
    }

    /// Behind the last record that was written.
    pub fn end(&self) -> Place {
        self.end
    }

    /// The position where each record of the last append starts.
    pub fn starts(&self) -> &[u64] {
        &self.starts
    }

    /// Takes the records from `to` on away, durably. Whoever keeps something that points behind `to` forgets it first.
    pub fn truncate(&mut self, to: Place) -> Result<()> {
        self.end = to;
        *lock_watermarks(&self.watermarks) = Watermarks { written: to, durable: to };
        let cut = self.file.truncate(to.position).and_then(|()| self.file.sync_data());
        cut.map_err(|e| Error::io(format!("cut at byte {}", to.position), self.file.path(), e))
    }

    /// Encodes the records into `frames`. A record that is too large is refused before anything is written.
    fn encode(&mut self, records: &[Record<'_>]) -> Result<()> {
        self.frames.clear();
        self.starts.clear();
        for (record, offset) in records.iter().zip(self.end.offset.0..) {
            record.check_size()?;
            self.starts.push(self.end.position + self.frames.len() as u64);
            self.format.encode(Offset(offset), record, &mut self.frames);
        }
        Ok(())
    }
}

impl<F: Format> Log for NaiveLog<F> {
    type Reader = NaiveReader<F>;

    fn append(&mut self, records: &[Record<'_>]) -> Result<Offset> {
        self.encode(records)?;
        let Place { offset, position } = self.end;
        let written = self.file.write_at(&self.frames, position);
        written.map_err(|e| Error::io(format!("write at byte {position}"), self.file.path(), e))?;
        self.end = Place { offset: offset.plus(records.len() as u64), position: position + self.frames.len() as u64 };
        lock_watermarks(&self.watermarks).written = self.end;
        Ok(offset)
    }

    fn sync(&mut self) -> Result<Offset> {
        self.file.sync_data().map_err(|e| Error::io("sync", self.file.path(), e))?;
        lock_watermarks(&self.watermarks).durable = self.end;
        Ok(self.end.offset)
    }

    fn next_offset(&self) -> Offset {
        self.end.offset
    }

    fn reader(&self) -> NaiveReader<F> {
        NaiveReader {
            file: Arc::clone(&self.file),
            format: self.format.clone(),
            start: self.start,
            watermarks: Arc::clone(&self.watermarks),
            visibility: Visibility::default(),
            has_gaps: false,
        }
    }
}

/// A reader of a [`NaiveLog`]. Whatever it looks for, it starts at the first byte of the file.
#[derive(Clone, Debug)]
pub struct NaiveReader<F: Format = JsonLines> {
    file: Arc<dyn DiskFile>,
    format: F,
    /// Where the file's first record starts.
    start: Place,
    watermarks: Arc<Mutex<Watermarks>>,
    visibility: Visibility,
    has_gaps: bool,
}

impl<F: Format> NaiveReader<F> {
    /// Opens the log in `disk` for reading alone: nothing is locked, cut, made or synced. The reader sees the records
    /// that are whole now, and does not notice what another process appends later.
    pub fn open(disk: &Arc<dyn Disk>, format: F) -> Result<NaiveReader<F>> {
        let file = disk.open(FILE_NAME, Access::Read);
        let file = file.map_err(|e| Error::io("open", disk.path().join(FILE_NAME), e))?;
        let end = find_end(&file, &format, Place::default(), |_| {})?.place;
        Ok(NaiveReader::up_to(file, format, end))
    }

    /// A reader of the records in front of `end`, where `file` is known to be whole.
    pub fn up_to(file: Arc<dyn DiskFile>, format: F, end: Place) -> NaiveReader<F> {
        let watermarks = Arc::new(Mutex::new(Watermarks { written: end, durable: end }));
        NaiveReader {
            file,
            format,
            start: Place::default(),
            watermarks,
            visibility: Visibility::default(),
            has_gaps: false,
        }
    }

    /// The same reader of a file whose first record has another offset than 0: one of the segments of stage 4.
    pub fn starting_at(self, base: Offset) -> NaiveReader<F> {
        NaiveReader { start: Place { offset: base, position: 0 }, ..self }
    }

    /// The same reader of a file from which records were taken out: see [`FileScan::with_gaps_from`].
    pub fn with_gaps(self) -> NaiveReader<F> {
        NaiveReader { has_gaps: true, ..self }
    }

    /// Where the file's first record starts.
    pub fn start(&self) -> Place {
        self.start
    }

    /// A scan from the record that starts at `from` to the last one that this reader sees now. The first read asks for
    /// `window_bytes`.
    pub fn scan_from(&self, from: Place, window_bytes: usize) -> FileScan<F> {
        let end_position = self.end_place().position;
        let scan = FileScan::new(Arc::clone(&self.file), self.format.clone(), from, end_position, window_bytes);
        match self.has_gaps {
            // Somebody who starts in the middle knows which record is there.
            true => scan.with_gaps_from(if from == self.start { 0 } else { from.position + 1 }),
            false => scan,
        }
    }

    /// How far this reader sees now.
    fn end_place(&self) -> Place {
        let watermarks = *lock_watermarks(&self.watermarks);
        match self.visibility {
            Visibility::Durable => watermarks.durable,
            Visibility::Written => watermarks.written,
        }
    }
}

impl<F: Format> Reader for NaiveReader<F> {
    type Scan = FileScan<F>;

    fn scan(&self, from: Offset) -> Result<FileScan<F>> {
        let mut scan = self.scan_from(self.start, WINDOW_BYTES);
        scan.skip_to(from)?;
        Ok(scan)
    }

    fn end(&self) -> Offset {
        self.end_place().offset
    }

    fn with_visibility(self, visibility: Visibility) -> Self {
        NaiveReader { visibility, ..self }
    }
}

/// Keeps other writers out of the log's directory.
pub fn lock(disk: &Arc<dyn Disk>) -> Result<DiskLock> {
    disk.lock().map_err(|e| match e.kind() {
        ErrorKind::WouldBlock => Error::Locked { path: disk.path().to_owned() },
        _ => Error::io("lock", disk.path(), e),
    })
}

/// The log's file, empty if it is new. Its name is durable when this returns, whoever made it.
pub fn open_or_create(disk: &Arc<dyn Disk>) -> Result<Arc<dyn DiskFile>> {
    let open = || -> io::Result<Arc<dyn DiskFile>> {
        let file = match disk.open(FILE_NAME, Access::Write) {
            Err(e) if e.kind() == ErrorKind::NotFound => disk.create(FILE_NAME)?,
            opened => opened?,
        };
        disk.sync_directory()?;
        Ok(file)
    };
    open().map_err(|e| Error::io("open", disk.path().join(FILE_NAME), e))
}

fn lock_watermarks(watermarks: &Mutex<Watermarks>) -> MutexGuard<'_, Watermarks> {
    // No code that holds this lock can panic; if it did, four numbers are still four numbers.
    watermarks.lock().unwrap_or_else(PoisonError::into_inner)
}
