//! A log that gives records up, deleted and compacted, and the mistakes that can be planted into that.
//!
//! It is one file, written anew with every sync and put in the place of the old one by a rename: what is on the disk is
//! always one whole state of the log. Nobody would want to pay for that, but it is easy to believe.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::sync::{Arc, Mutex};

use stage01::{
    Access, Disk, DiskLock, Entry, Error, Log, Offset, Promise, Reader, Record, Result, Scan, Stage, Visibility,
};

/// The one file.
const NAME: &str = "00.log";
const NEW_NAME: &str = "00.log.new";

/// The mistakes. A `Shrinking<{ bug::NONE }>` has none.
pub(crate) mod bug {
    pub(crate) const NONE: u8 = 0;
    /// Deleting takes the record at the limit, too.
    pub(crate) const DELETES_ONE_TOO_MANY: u8 = 1;
    /// Compaction takes the latest record of each key, too.
    pub(crate) const LOSES_THE_LATEST: u8 = 2;
    /// Compaction leaves the oldest value of each key at the offset of the latest.
    pub(crate) const KEEPS_THE_OLDEST_VALUE: u8 = 3;
    /// A lookup of a record that was compacted gives the next one.
    pub(crate) const LOOKS_UP_THE_NEXT: u8 = 4;
    /// Compaction takes the offsets for its own: it closes the gaps.
    pub(crate) const CLOSES_GAPS: u8 = 5;
    /// A read below the start finds nothing, and does not say why.
    pub(crate) const DELETED_IS_NOTHING: u8 = 6;
    /// The checksum of the file is not looked at.
    pub(crate) const NO_CHECKSUM: u8 = 7;
    /// After a failed sync, the log goes on as if nothing had been.
    pub(crate) const GOES_ON_AFTER_A_FAILURE: u8 = 8;
}

/// The log with one mistake in it, or none.
#[derive(Debug)]
pub(crate) struct Shrinking<const BUG: u8>;

impl<const BUG: u8> Stage for Shrinking<BUG> {
    const NAME: &'static str = "shrinking";
    const TITLE: &'static str = "a log that gives records up";
    const KEEPS: &'static [Promise] = &[Promise::SurvivesFailedSync, Promise::DeletesOldData];

    type Log = ShrinkingLog<BUG>;
    type Shared = Mutex<ShrinkingLog<BUG>>;

    fn open(disk: Arc<dyn Disk>) -> Result<ShrinkingLog<BUG>> {
        ShrinkingLog::open(disk)
    }

    fn open_reader(disk: Arc<dyn Disk>) -> Result<ShrinkingReader<BUG>> {
        let held = read_file::<BUG>(&disk)?.ok_or_else(|| io("open", &disk, ErrorKind::NotFound.into()))?;
        Ok(ShrinkingReader(Arc::new(Mutex::new(held))))
    }

    fn share(log: ShrinkingLog<BUG>) -> Mutex<ShrinkingLog<BUG>> {
        Mutex::new(log)
    }

    fn delete_before(log: &mut ShrinkingLog<BUG>, limit: Offset) -> Result<()> {
        log.delete_before(limit)
    }
}

/// What the log holds.
#[derive(Clone, Debug, Default)]
struct Held {
    start: u64,
    next: u64,
    records: Vec<(u64, Record<'static>)>,
}

/// The log: what is written is in memory until the next sync.
#[derive(Debug)]
pub(crate) struct ShrinkingLog<const BUG: u8> {
    disk: Arc<dyn Disk>,
    written: Held,
    reader: ShrinkingReader<BUG>,
    failure: Option<Arc<Error>>,
    _lock: DiskLock,
}

fn io(action: &str, disk: &Arc<dyn Disk>, cause: std::io::Error) -> Error {
    Error::io(action, disk.path().join(NAME), cause)
}

impl<const BUG: u8> ShrinkingLog<BUG> {
    fn open(disk: Arc<dyn Disk>) -> Result<ShrinkingLog<BUG>> {
        let lock = disk.lock().map_err(|_| Error::Locked { path: disk.path().to_owned() })?;
        // Whoever renamed the file may not have come to make that durable.
        disk.sync_directory().map_err(|e| io("sync the directory of", &disk, e))?;
        let written = read_file::<BUG>(&disk)?.unwrap_or_default();
        let reader = ShrinkingReader(Arc::new(Mutex::new(written.clone())));
        Ok(ShrinkingLog { disk, written, reader, failure: None, _lock: lock })
    }

    /// Gives up the records in front of `limit`.
    pub(crate) fn delete_before(&mut self, limit: Offset) -> Result<()> {
        let limit = limit.0 + u64::from(BUG == bug::DELETES_ONE_TOO_MANY);
        self.written.start = self.written.start.max(limit.min(self.written.next));
        self.written.records.retain(|(offset, _)| *offset >= self.written.start);
        self.sync().map(drop)
    }

    /// Gives up the records in front of `limit` that have a later one of the same key there.
    pub(crate) fn compact(&mut self, limit: Offset) -> Result<()> {
        let keyed = self.written.records.iter().filter(|(offset, _)| *offset < limit.0);
        let keyed = keyed.filter_map(|(offset, record)| Some((record.key.clone()?, *offset, record.clone())));
        let (mut latest, mut oldest) = (HashMap::new(), HashMap::new());
        for (key, offset, record) in keyed {
            latest.insert(key.clone(), offset);
            oldest.entry(key).or_insert(record);
        }
        self.written.records.retain(|(offset, record)| {
            let latest = record.key.as_ref().and_then(|key| latest.get(key));
            *offset >= limit.0 || latest.is_none_or(|latest| offset == latest && BUG != bug::LOSES_THE_LATEST)
        });
        if BUG == bug::KEEPS_THE_OLDEST_VALUE {
            let kept = self.written.records.iter_mut().filter(|(offset, _)| *offset < limit.0);
            kept.filter_map(|(_, record)| Some((oldest.remove(record.key.as_ref()?)?, record)))
                .for_each(|(oldest, record)| *record = oldest);
        }
        if BUG == bug::CLOSES_GAPS {
            (self.written.start..).zip(&mut self.written.records).for_each(|(offset, record)| record.0 = offset);
        }
        self.sync().map(drop)
    }

    fn write_file(&self) -> std::io::Result<()> {
        match self.disk.remove(NEW_NAME) {
            Err(e) if e.kind() != ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        let file = self.disk.create(NEW_NAME)?;
        file.write_at(encode(&self.written).as_bytes(), 0)?;
        file.sync_data()?;
        self.disk.rename(NEW_NAME, NAME)?;
        self.disk.sync_directory()
    }
}

impl<const BUG: u8> Log for ShrinkingLog<BUG> {
    type Reader = ShrinkingReader<BUG>;

    fn append(&mut self, records: &[Record<'_>]) -> Result<Offset> {
        records.iter().try_for_each(Record::check_size)?;
        if let Some(cause) = &self.failure {
            return Err(Error::Poisoned { cause: Arc::clone(cause) });
        }
        let first = Offset(self.written.next);
        self.written.records.extend((first.0..).zip(records.iter().map(|record| record.clone().into_owned())));
        self.written.next += records.len() as u64;
        Ok(first)
    }

    fn sync(&mut self) -> Result<Offset> {
        if let Some(cause) = &self.failure {
            return Err(Error::Poisoned { cause: Arc::clone(cause) });
        }
        if let Err(cause) = self.write_file() {
            let cause = Arc::new(io("write", &self.disk, cause));
            if BUG != bug::GOES_ON_AFTER_A_FAILURE {
                self.failure = Some(Arc::clone(&cause));
            }
            return Err(Error::Poisoned { cause });
        }
        self.reader.0.lock().unwrap().clone_from(&self.written);
        Ok(self.next_offset())
    }

    fn next_offset(&self) -> Offset {
        Offset(self.written.next)
    }

    fn reader(&self) -> ShrinkingReader<BUG> {
        self.reader.clone()
    }
}

/// A reader of what is durable.
#[derive(Clone, Debug)]
pub(crate) struct ShrinkingReader<const BUG: u8>(Arc<Mutex<Held>>);

impl<const BUG: u8> Reader for ShrinkingReader<BUG> {
    type Scan = ShrinkingScan;

    fn scan(&self, from: Offset) -> Result<ShrinkingScan> {
        let held = self.0.lock().unwrap();
        if from < Offset(held.start) && BUG != bug::DELETED_IS_NOTHING {
            return Err(Error::Deleted { offset: from, start: Offset(held.start) });
        }
        Ok(ShrinkingScan(held.records.iter().filter(|(offset, _)| *offset >= from.0).cloned().rev().collect()))
    }

    fn end(&self) -> Offset {
        Offset(self.0.lock().unwrap().next)
    }

    fn start(&self) -> Offset {
        Offset(self.0.lock().unwrap().start)
    }

    fn with_visibility(self, _: Visibility) -> Self {
        self
    }

    fn read(&self, offset: Offset) -> Result<Option<Record<'static>>> {
        let mut scan = self.scan(offset)?;
        let entry = scan.next()?.filter(|entry| entry.offset == offset || BUG == bug::LOOKS_UP_THE_NEXT);
        Ok(entry.map(|entry| entry.record.into_owned()))
    }
}

/// A scan: the records from the last to the first.
#[derive(Debug)]
pub(crate) struct ShrinkingScan(Vec<(u64, Record<'static>)>);

impl Scan for ShrinkingScan {
    fn next(&mut self) -> Result<Option<Entry<'_>>> {
        Ok(self.0.pop().map(|(offset, record)| Entry { offset: Offset(offset), position: offset, record }))
    }

    fn is_at_end(&mut self) -> Result<bool> {
        Ok(self.0.is_empty())
    }
}

/// FNV-1a.
fn checksum(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

fn encode(held: &Held) -> String {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let mut text = format!("{} {}\n", held.start, held.next);
    for (offset, record) in &held.records {
        let key = record.key.as_ref().map_or("-".to_string(), |key| format!("k{}", hex(key)));
        text += &format!("{offset} {} {key} v{}\n", record.timestamp_ms, hex(&record.value));
    }
    format!("{text}{:016x}", checksum(&text))
}

fn decode<const BUG: u8>(text: &str) -> Option<Held> {
    let (body, sum) = text.split_at_checked(text.len().checked_sub(16)?)?;
    if u64::from_str_radix(sum, 16) != Ok(checksum(body)) && BUG != bug::NO_CHECKSUM {
        return None;
    }
    let hex = |text: &str| {
        let bytes = (0..text.len() / 2).map(|at| u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok());
        bytes.collect::<Option<Vec<u8>>>()
    };
    let mut lines = body.lines();
    let (start, next) = lines.next()?.split_once(' ')?;
    let mut held = Held { start: start.parse().ok()?, next: next.parse().ok()?, records: Vec::new() };
    for line in lines {
        let [offset, timestamp_ms, key, value] = line.split(' ').collect::<Vec<_>>().try_into().ok()?;
        let record = Record::new(timestamp_ms.parse().ok()?, hex(value.strip_prefix('v')?)?);
        let record = match key.strip_prefix('k') {
            Some(key) => record.with_key(hex(key)?),
            None => record,
        };
        held.records.push((offset.parse().ok()?, record));
    }
    Some(held)
}

/// What the file holds, or `None` if there is no file.
fn read_file<const BUG: u8>(disk: &Arc<dyn Disk>) -> Result<Option<Held>> {
    let file = match disk.open(NAME, Access::Read) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(|e| io("open", disk, e))?,
    };
    let mut bytes = vec![0; file.length().map_err(|e| io("ask for the length of", disk, e))? as usize];
    file.read_at(&mut bytes, 0).map_err(|e| io("read", disk, e))?;
    let held = String::from_utf8(bytes).ok().and_then(|text| decode::<BUG>(&text));
    let damaged = || Error::Damaged { path: file.path().to_owned(), position: 0, what: "a wrong checksum".to_string() };
    held.ok_or_else(damaged).map(Some)
}
