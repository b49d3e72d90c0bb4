//! Small stores, and what they have to hold.

use std::collections::BTreeMap;
use std::sync::Arc;

use lab::sim::SimDisk;
use stage05::framed::Framed;
use stage05::header::SEGMENT_HEADER_BYTES;
use stage05::kv::{KvStore, WriteBatch, WriteOptions};
use stage05::salt::SaltSource;
use stage05::{Disk, Error, Offset, SegmentOptions, SegmentedLog};

/// The store of these tests.
pub type Store = KvStore<SegmentedLog<Framed>>;

/// Segments of a few records, checkpoints with blocks of a few entries: a short test crosses every boundary.
pub fn try_open(disk: &Arc<dyn Disk>) -> Result<Store, Error> {
    try_open_with(disk, SegmentOptions::with_segment_bytes(SEGMENT_HEADER_BYTES as u64 + 300))
}

/// Like [`KvStore::open`], with salts that are the same every time.
pub fn try_open_with(disk: &Arc<dyn Disk>, segments: SegmentOptions) -> Result<Store, Error> {
    let wal = SegmentedLog::open(disk, Framed::with_salts(SaltSource::Fixed(5)), segments)?;
    KvStore::over(disk, wal, 64)
}

pub fn open(sim: &SimDisk) -> Store {
    try_open(&sim.disk()).expect("the store opens")
}

/// All that a store holds.
pub type Content = BTreeMap<Vec<u8>, Vec<u8>>;

pub fn content(store: &Store) -> Content {
    store.scan(..).map(|(key, value)| (key.to_vec(), value.to_vec())).collect()
}

/// A batch to be written: keys, and their values, or `None` where a key is deleted.
#[derive(Clone, Debug)]
pub struct Write {
    pub changes: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    pub sync: bool,
}

/// The key that every batch of a [`History`] puts: how many batches there were, itself counted.
pub const COUNT: &[u8] = b"count";

/// What a store held after each of its writes.
#[derive(Clone, Debug)]
pub struct History(Vec<Content>);

impl History {
    pub fn new() -> History {
        History(vec![Content::new()])
    }

    /// How many writes there were.
    pub fn writes(&self) -> u64 {
        self.0.len() as u64 - 1
    }

    pub fn now(&self) -> &Content {
        &self.0[self.0.len() - 1]
    }

    /// Writes to the store and to the model, and holds the offset against the model.
    pub fn write(&mut self, store: &Store, write: &Write) {
        let (batch, offset) = (self.batch(write), self.writes() - 1);
        let written = store.write(batch, WriteOptions { sync: write.sync }).expect("a write");
        assert_eq!(written, Offset(offset), "the offset of write {offset}");
    }

    /// Writes to the model alone: the batch for the store.
    pub fn batch(&mut self, write: &Write) -> WriteBatch {
        let mut content = self.now().clone();
        let mut batch = WriteBatch::new();
        for (key, value) in &write.changes {
            match value {
                Some(value) => {
                    batch.put(key, value);
                    content.insert(key.clone(), value.clone());
                }
                None => {
                    batch.delete(key);
                    content.remove(key);
                }
            }
        }
        let count = (self.writes() + 1).to_string().into_bytes();
        batch.put(COUNT, &count);
        content.insert(COUNT.to_vec(), count);
        self.0.push(content);
        batch
    }

    /// After how many writes the store held this, or an error that says what is not so.
    pub fn place(&self, found: &Content) -> Result<u64, String> {
        let count = found.get(COUNT).map_or("0".into(), |count| String::from_utf8_lossy(count));
        let writes: usize = count.parse().map_err(|_| format!("the count is {count}"))?;
        match self.0.get(writes) {
            Some(content) if content == found => Ok(writes as u64),
            Some(content) => Err(format!("after {writes} writes: found {}\n  expected {}", show(found), show(content))),
            None => Err(format!("the count is {writes} of {} writes", self.writes())),
        }
    }

    /// Forgets the writes behind the first `writes`: they were lost.
    pub fn truncate(&mut self, writes: u64) {
        self.0.truncate(writes as usize + 1);
    }
}

/// For messages.
pub fn show(content: &Content) -> String {
    let text = |bytes: &[u8]| bytes.escape_ascii().to_string();
    content.iter().map(|(key, value)| format!("{}={} ", text(key), text(value))).collect()
}

pub fn put(key: &str, value: &str) -> (Vec<u8>, Option<Vec<u8>>) {
    (key.into(), Some(value.into()))
}

pub fn delete(key: &str) -> (Vec<u8>, Option<Vec<u8>>) {
    (key.into(), None)
}

/// A synced write.
pub fn durable(changes: Vec<(Vec<u8>, Option<Vec<u8>>)>) -> Write {
    Write { changes, sync: true }
}

/// A write that is not synced.
pub fn quick(changes: Vec<(Vec<u8>, Option<Vec<u8>>)>) -> Write {
    Write { changes, sync: false }
}

/// The names of the checkpoints on the disk, finished or not.
pub fn checkpoints(sim: &SimDisk) -> Vec<String> {
    sim.names().into_iter().filter(|name| name.starts_with("checkpoint-")).collect()
}

/// The names of the files of the log.
pub fn segments(sim: &SimDisk) -> Vec<String> {
    sim.names().into_iter().filter(|name| name.ends_with(".log")).collect()
}
