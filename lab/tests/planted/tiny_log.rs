//! A tiny log that survives every crash, and the mistakes that can be planted into it.
//!
//! Each opening makes a file of its own, `0000.tiny`, `0001.tiny`, … Only the last one may have a torn tail, so a cut
//! has to be durable before the next file is there. A frame is a header of 20 bytes, then key and value:
//!
//! ```text
//! checksum: u32   key length + 1, 0 for none: u32   value length: u32   timestamp: u64
//! ```

use std::io::ErrorKind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use stage01::{
    Access, Disk, DiskFile, DiskLock, Entry, Error, FormatError, Log, Offset, Promise, Reader, Record, Result, Scan,
    Stage, Visibility,
};

const HEADER_BYTES: usize = 20;

/// The mistakes.
pub(crate) mod bug {
    pub(crate) const NONE: u8 = 0;
    /// The data is never synced.
    pub(crate) const NO_SYNC: u8 = 1;
    /// Another file is synced.
    pub(crate) const SYNC_OF_THE_WRONG_FILE: u8 = 2;
    /// The new file's name is not made durable.
    pub(crate) const NO_DIRECTORY_SYNC: u8 = 3;
    /// An append syncs what came before it, and answers before it is synced itself.
    pub(crate) const ACKNOWLEDGED_BEFORE_THE_SYNC: u8 = 4;
    /// The checksum of zeros is zero, so zeros are a record.
    pub(crate) const ZEROS_ARE_RECORDS: u8 = 5;
    /// A torn tail is cut, and the next file is begun, before the cut is durable.
    pub(crate) const CUT_NOT_SYNCED: u8 = 6;
    /// The cut takes the last good record with it.
    pub(crate) const CUT_TAKES_TOO_MUCH: u8 = 7;
    /// Offsets begin anew in each file.
    pub(crate) const OFFSETS_BEGIN_ANEW: u8 = 8;
    /// A log that is not new takes no records.
    pub(crate) const NO_APPEND_AFTER_REOPENING: u8 = 9;
}

/// The tiny log with one mistake in it, or none.
#[derive(Debug)]
pub(crate) struct Tiny<const BUG: u8>;

impl<const BUG: u8> Stage for Tiny<BUG> {
    const NAME: &'static str = "tiny";
    const TITLE: &'static str = "a tiny log";
    const KEEPS: &'static [Promise] = &[];

    type Log = TinyLog<BUG>;
    type Shared = Mutex<TinyLog<BUG>>;

    fn open(disk: Arc<dyn Disk>) -> Result<TinyLog<BUG>> {
        TinyLog::open(&disk)
    }

    fn open_reader(disk: Arc<dyn Disk>) -> Result<TinyReader> {
        Ok(TinyLog::<BUG>::open(&disk)?.reader())
    }

    fn share(log: TinyLog<BUG>) -> Mutex<TinyLog<BUG>> {
        Mutex::new(log)
    }
}

/// The log. All records are in memory as well.
#[derive(Debug)]
pub(crate) struct TinyLog<const BUG: u8> {
    file: Arc<dyn DiskFile>,
    /// The file that a sync goes to: the same one, but for a mistake.
    synced_file: Arc<dyn DiskFile>,
    position: u64,
    next: Offset,
    reader: TinyReader,
    reopened: bool,
    _lock: DiskLock,
}

impl<const BUG: u8> TinyLog<BUG> {
    fn open(disk: &Arc<dyn Disk>) -> Result<TinyLog<BUG>> {
        let lock = disk.lock().map_err(|e| Error::io("lock", disk.path(), e))?;
        let names = disk.list().map_err(|e| Error::io("list", disk.path(), e))?;
        let (mut records, mut in_last_file) = (Vec::new(), 0);
        for (number, name) in names.iter().enumerate() {
            let file = disk.open(name, Access::Write).map_err(|e| Error::io("open", disk.path(), e))?;
            let last = number + 1 == names.len();
            let found = Self::recover(&file, last)?;
            in_last_file = found.len() as u64;
            records.extend(found);
        }
        let file = create(disk, names.len(), BUG != bug::NO_DIRECTORY_SYNC)?;
        let synced_file = match (BUG == bug::SYNC_OF_THE_WRONG_FILE, names.first()) {
            (true, Some(first)) => disk.open(first, Access::Write).map_err(|e| Error::io("open", disk.path(), e))?,
            _ => Arc::clone(&file),
        };
        let reopened = !names.is_empty();
        let next = if BUG == bug::OFFSETS_BEGIN_ANEW { in_last_file } else { records.len() as u64 };
        let durable = Arc::new(AtomicUsize::new(records.len()));
        let reader = TinyReader { records: Arc::new(Mutex::new(records)), durable };
        Ok(TinyLog { file, synced_file, position: 0, next: Offset(next), reader, reopened, _lock: lock })
    }

    /// The records of a file, synced. Only the last file may have a torn tail, which is cut away.
    fn recover(file: &Arc<dyn DiskFile>, last: bool) -> Result<Vec<Record<'static>>> {
        let io = |e| Error::io("recover", file.path(), e);
        let mut bytes = vec![0; file.length().map_err(io)? as usize];
        file.read_at(&mut bytes, 0).map_err(io)?;
        let (mut records, mut starts, mut end) = (Vec::new(), Vec::new(), 0);
        while let Some((record, length)) = decode(&bytes[end..], checksum_basis(BUG)) {
            records.push(record);
            starts.push(end as u64);
            end += length;
        }
        let cut = end < bytes.len();
        if cut && !last {
            let (path, position) = (file.path().to_owned(), end as u64);
            let cause = FormatError::Malformed("neither a record nor the end of the log".to_string());
            return Err(Error::BadFrame { path, position, expected: Offset(records.len() as u64), cause });
        }
        if cut {
            let before_the_last = starts.last().copied().unwrap_or(0);
            let end = if BUG == bug::CUT_TAKES_TOO_MUCH { before_the_last } else { end as u64 };
            file.truncate(end).map_err(io)?;
        }
        if !(cut && BUG == bug::CUT_NOT_SYNCED) {
            file.sync_data().map_err(io)?;
        }
        Ok(records)
    }

    fn write(&mut self, records: &[Record<'_>]) -> Result<Offset> {
        let mut frames = Vec::new();
        records.iter().for_each(|record| encode(record, checksum_basis(BUG), &mut frames));
        self.file.write_at(&frames, self.position).map_err(|e| Error::io("write", self.file.path(), e))?;
        self.position += frames.len() as u64;
        self.reader.records.lock().unwrap().extend(records.iter().map(|record| record.clone().into_owned()));
        let first = self.next;
        self.next = first.plus(records.len() as u64);
        Ok(first)
    }
}

impl<const BUG: u8> Log for TinyLog<BUG> {
    type Reader = TinyReader;

    fn append(&mut self, records: &[Record<'_>]) -> Result<Offset> {
        if BUG == bug::NO_APPEND_AFTER_REOPENING && self.reopened {
            return Err(Error::io("append", self.file.path(), ErrorKind::Unsupported.into()));
        }
        if BUG == bug::ACKNOWLEDGED_BEFORE_THE_SYNC {
            self.file.sync_data().map_err(|e| Error::io("sync", self.file.path(), e))?;
        }
        self.write(records)
    }

    fn sync(&mut self) -> Result<Offset> {
        if BUG != bug::NO_SYNC && BUG != bug::ACKNOWLEDGED_BEFORE_THE_SYNC {
            self.synced_file.sync_data().map_err(|e| Error::io("sync", self.synced_file.path(), e))?;
        }
        let written = self.reader.records.lock().unwrap().len();
        self.reader.durable.store(written, Ordering::Relaxed);
        Ok(self.next)
    }

    fn next_offset(&self) -> Offset {
        self.next
    }

    fn reader(&self) -> TinyReader {
        self.reader.clone()
    }
}

fn create(disk: &Arc<dyn Disk>, number: usize, sync: bool) -> Result<Arc<dyn DiskFile>> {
    let file = disk.create(&format!("{number:04}.tiny"));
    let file = file.map_err(|e| Error::io("create a file", disk.path(), e))?;
    if sync {
        disk.sync_directory().map_err(|e| Error::io("sync", disk.path(), e))?;
    }
    Ok(file)
}

/// A reader of what the log has in memory.
#[derive(Clone, Debug)]
pub(crate) struct TinyReader {
    records: Arc<Mutex<Vec<Record<'static>>>>,
    durable: Arc<AtomicUsize>,
}

impl Reader for TinyReader {
    type Scan = TinyScan;

    fn scan(&self, from: Offset) -> Result<TinyScan> {
        let records = self.records.lock().unwrap()[..self.end().0 as usize].to_vec();
        Ok(TinyScan { records, next: from.0 as usize })
    }

    fn end(&self) -> Offset {
        Offset(self.durable.load(Ordering::Relaxed) as u64)
    }

    fn with_visibility(self, _: Visibility) -> TinyReader {
        self
    }
}

/// A scan of them.
#[derive(Debug)]
pub(crate) struct TinyScan {
    records: Vec<Record<'static>>,
    next: usize,
}

impl Scan for TinyScan {
    fn next(&mut self) -> Result<Option<Entry<'_>>> {
        let at = self.next;
        self.next += 1;
        let record = self.records.get(at).cloned();
        Ok(record.map(|record| Entry { offset: Offset(at as u64), position: 0, record }))
    }

    fn is_at_end(&mut self) -> Result<bool> {
        Ok(self.next >= self.records.len())
    }
}

fn checksum_basis(bug: u8) -> u32 {
    if bug == bug::ZEROS_ARE_RECORDS { 0 } else { 0x811c_9dc5 }
}

/// FNV-1a.
fn checksum(bytes: &[u8], basis: u32) -> u32 {
    bytes.iter().fold(basis, |sum, &byte| (sum ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

fn encode(record: &Record<'_>, basis: u32, out: &mut Vec<u8>) {
    let key_field = record.key.as_ref().map_or(0, |key| key.len() as u32 + 1);
    let mut body = Vec::new();
    body.extend(key_field.to_le_bytes());
    body.extend((record.value.len() as u32).to_le_bytes());
    body.extend(record.timestamp_ms.to_le_bytes());
    body.extend(record.key.as_deref().unwrap_or_default());
    body.extend(&*record.value);
    out.extend(checksum(&body, basis).to_le_bytes());
    out.extend(body);
}

/// The record at the start of `bytes` and its frame's length, or `None` if there is no whole one.
fn decode(bytes: &[u8], basis: u32) -> Option<(Record<'static>, usize)> {
    let field = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    let (sum, key_field, value_bytes) = (field(0)?, field(4)? as usize, field(8)? as usize);
    let timestamp_ms = u64::from_le_bytes(bytes.get(12..HEADER_BYTES)?.try_into().ok()?);
    let value_start = HEADER_BYTES + key_field.saturating_sub(1);
    let frame = bytes.get(..value_start + value_bytes)?;
    if checksum(&frame[4..], basis) != sum {
        return None;
    }
    let record = Record::new(timestamp_ms, frame[value_start..].to_vec());
    let key = frame[HEADER_BYTES..value_start].to_vec();
    Some((if key_field > 0 { record.with_key(key) } else { record }, frame.len()))
}
