//! The key-value store as a log: what the laboratory does to a log, it does to the store.
//!
//! Record `n` is the value of a key with `n` in it. Another key, `next`, is written in the same batch and says how many
//! records there have been: if a crash took a part of a batch, the two would differ. What is deleted is deleted key by
//! key, and the store's own log is given up at a checkpoint.

use std::sync::{Arc, Mutex};

use lab::sim::SimDisk;
use stage05::kv::{KvScan, WriteBatch, WriteOptions};
use stage05::{Disk, Entry, Error, Log, Offset, Promise, Reader, Record, Result, Scan, Stage, Stage05, Visibility};

use crate::common::{Store, try_open};

/// Stage 5's store, with segments and checkpoint blocks of a few records.
#[derive(Debug)]
pub(crate) struct TinyStore;

/// A store, and the record that comes next.
#[derive(Debug)]
pub(crate) struct StoreLog {
    pub(crate) store: Arc<Store>,
    next: Offset,
}

impl Stage for TinyStore {
    const NAME: &'static str = "stage05, its key-value store";
    const TITLE: &'static str = Stage05::TITLE;
    const KEEPS: &'static [Promise] = Stage05::KEEPS;

    type Log = StoreLog;
    type Shared = Mutex<StoreLog>;

    fn open(disk: Arc<dyn Disk>) -> Result<StoreLog> {
        let store = Arc::new(try_open(&disk)?);
        let next = StoreReader(Arc::clone(&store)).end();
        Ok(StoreLog { store, next })
    }

    fn open_reader(disk: Arc<dyn Disk>) -> Result<StoreReader> {
        Ok(StoreReader(Arc::new(try_open(&disk)?)))
    }

    fn share(log: StoreLog) -> Mutex<StoreLog> {
        Mutex::new(log)
    }

    /// All in one batch: a crash keeps all of these records or none.
    fn delete_before(log: &mut StoreLog, limit: Offset) -> Result<()> {
        let mut batch = WriteBatch::new();
        let start = StoreReader(Arc::clone(&log.store)).start();
        for offset in start.0..limit.0.min(log.next.0) {
            batch.delete(&key(Offset(offset)));
        }
        log.store.write(batch, WriteOptions { sync: false }).map(drop)
    }
}

impl StoreLog {
    fn write(&mut self, record: &Record<'_>, sync: bool) -> Result<Offset> {
        let offset = self.next;
        let mut batch = WriteBatch::new();
        batch.put(&key(offset), &encode(record)).put(NEXT, &offset.next().0.to_be_bytes());
        self.store.write(batch, WriteOptions { sync })?;
        self.next = offset.next();
        Ok(offset)
    }
}

impl Log for StoreLog {
    type Reader = StoreReader;

    fn append(&mut self, records: &[Record<'_>]) -> Result<Offset> {
        let first = self.next;
        records.iter().try_for_each(|record| self.write(record, false).map(drop))?;
        Ok(first)
    }

    fn sync(&mut self) -> Result<Offset> {
        self.store.sync()?;
        Ok(self.next)
    }

    fn append_durable(&mut self, record: &Record<'_>) -> Result<Offset> {
        self.write(record, true)
    }

    fn next_offset(&self) -> Offset {
        self.next
    }

    fn reader(&self) -> StoreReader {
        StoreReader(Arc::clone(&self.store))
    }
}

/// What a store shows.
#[derive(Clone, Debug)]
pub(crate) struct StoreReader(Arc<Store>);

impl Reader for StoreReader {
    type Scan = StoreScan;

    fn scan(&self, from: Offset) -> Result<StoreScan> {
        match self.start() {
            start if from < start => Err(Error::Deleted { offset: from, start }),
            _ => Ok(StoreScan(self.store_scan(from))),
        }
    }

    fn start(&self) -> Offset {
        let first = self.store_scan(Offset(0)).next();
        first.map_or_else(|| self.end(), |(key, _)| offset(&key))
    }

    fn end(&self) -> Offset {
        self.0.get(NEXT).map_or(Offset(0), |next| Offset(number(&next)))
    }

    fn with_visibility(self, _: Visibility) -> StoreReader {
        self
    }
}

impl StoreReader {
    fn store_scan(&self, from: Offset) -> KvScan {
        self.0.scan(&key(from)[..]..&key(Offset(u64::MAX))[..])
    }
}

/// The records of a store, in order.
#[derive(Debug)]
pub(crate) struct StoreScan(KvScan);

impl Scan for StoreScan {
    fn next(&mut self) -> Result<Option<Entry<'_>>> {
        let pair = self.0.next();
        Ok(pair.map(|(key, value)| Entry { offset: offset(&key), position: 0, record: decode(&value) }))
    }

    fn is_at_end(&mut self) -> Result<bool> {
        Ok(self.0.clone().next().is_none())
    }
}

/// Not among the keys of records.
const NEXT: &[u8] = b"next";
const PREFIX: &[u8] = b"record ";

fn key(offset: Offset) -> Vec<u8> {
    [PREFIX, &offset.0.to_be_bytes()].concat()
}

fn offset(key: &[u8]) -> Offset {
    Offset(number(key.strip_prefix(PREFIX).expect("the key of a record")))
}

fn number(bytes: &[u8]) -> u64 {
    u64::from_be_bytes(bytes.try_into().expect("eight bytes"))
}

/// The timestamp, the length of the key and one, or zero without a key, the key and the value.
fn encode(record: &Record<'_>) -> Vec<u8> {
    let key = record.key.as_deref();
    let length = key.map_or(0, |key| key.len() as u64 + 1);
    [&record.timestamp_ms.to_be_bytes()[..], &length.to_be_bytes(), key.unwrap_or_default(), &record.value].concat()
}

fn decode(bytes: &[u8]) -> Record<'static> {
    let (numbers, rest) = bytes.split_at(16);
    let (timestamp_ms, length) = (number(&numbers[..8]), number(&numbers[8..]) as usize);
    match length.checked_sub(1) {
        None => Record::new(timestamp_ms, rest.to_vec()),
        Some(length) => Record::new(timestamp_ms, rest[length..].to_vec()).with_key(rest[..length].to_vec()),
    }
}

/// All that happens to a store: synced writes and others, rolls, deletions, checkpoints that give up the log in front of
/// them, one right behind another, and an end and a beginning.
pub(crate) fn a_stores_life(sim: &SimDisk) {
    let append = |log: &mut StoreLog, count| {
        lab::crash::scenario::append_synced(log, count, sim).expect("the disk takes records");
    };
    let checkpoint = |log: &StoreLog| {
        log.store.checkpoint().expect("a checkpoint");
        sim.acknowledge(log.next.0);
    };
    let mut log = TinyStore::open(sim.disk()).expect("the store opens");
    append(&mut log, 1);
    append(&mut log, 2);
    checkpoint(&log);
    let not_synced = lab::records::records(log.next, 2);
    log.append(&not_synced).expect("the disk takes records");
    sim.may_delete(2);
    TinyStore::delete_before(&mut log, Offset(2)).expect("records are deleted");
    checkpoint(&log);
    checkpoint(&log);
    append(&mut log, 2);
    drop(log);
    let mut log = TinyStore::open(sim.disk()).expect("the store opens again");
    append(&mut log, 1);
    checkpoint(&log);
    append(&mut log, 1);
}
