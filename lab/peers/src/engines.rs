//! The engines, behind one small trait: how each is told to keep a value, durably or not.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use anyhow::Result;
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use okaywal::{LogVoid, WriteAheadLog};
use raft_engine::{Config, Engine as RaftEngine, LogBatch};
use rusqlite::Connection;
use stage05::{Log, OsDisk, Record, Stage, Stage05};

/// Something that keeps values.
pub trait Engine: Send + Sync {
    /// Keeps one value; returns when a power cut cannot take it back.
    fn append_durable(&self, value: &[u8]) -> Result<()>;

    /// Keeps many values at once, and leaves it to the operating system when they reach the disk. `None` if the engine
    /// cannot do so.
    fn append_buffered(&self, values: &[Vec<u8>]) -> Option<Result<()>>;

    /// How many values shared a sync so far, on average. `None` if the engine does not say.
    fn values_per_sync(&self) -> Option<f64> {
        None
    }
}

/// What is compared.
pub const NAMES: [&str; 5] = ["stage05", "raft-engine", "okaywal", "fjall", "SQLite, WAL"];

/// Opens the engine with this name in a new directory.
pub fn open(name: &str, directory: &Path) -> Result<Box<dyn Engine>> {
    Ok(match name {
        "stage05" => Box::new(Ours::open(directory)?),
        "raft-engine" => Box::new(Raft::open(directory)?),
        "okaywal" => Box::new(Okay(WriteAheadLog::recover(directory, LogVoid)?)),
        "fjall" => Box::new(Fjall::open(directory)?),
        _ => Box::new(Sqlite::open(directory)?),
    })
}

/// The log of this course, as it comes.
struct Ours(<Stage05 as Stage>::Log);

impl Ours {
    fn open(directory: &Path) -> Result<Ours> {
        Ok(Ours(Stage05::open(Arc::new(OsDisk::create(directory)?))?))
    }
}

impl Engine for Ours {
    fn append_durable(&self, value: &[u8]) -> Result<()> {
        self.0.append(Record::now(value.to_vec()))?;
        Ok(())
    }

    fn append_buffered(&self, values: &[Vec<u8>]) -> Option<Result<()>> {
        let records: Vec<_> = values.iter().map(|value| Record::new(0, value.as_slice())).collect();
        Some(self.0.with_log(|log| log.append(&records)).map(drop).map_err(Into::into))
    }

    fn values_per_sync(&self) -> Option<f64> {
        Some(self.0.stats().records_per_sync())
    }
}

/// TiKV's log engine. One write at a time leads the group, as in ours.
struct Raft {
    engine: RaftEngine,
    next: AtomicU64,
}

impl Raft {
    fn open(directory: &Path) -> Result<Raft> {
        let config = Config { dir: directory.to_string_lossy().into_owned(), ..Config::default() };
        Ok(Raft { engine: RaftEngine::open(config)?, next: AtomicU64::new(0) })
    }

    fn write(&self, values: impl Iterator<Item = Vec<u8>>, sync: bool) -> Result<()> {
        let mut batch = LogBatch::default();
        for value in values {
            // Few keys, so that its table in memory does not grow with the log.
            let key = self.next.fetch_add(1, Ordering::Relaxed) % 4096;
            batch.put(1, key.to_be_bytes().to_vec(), value)?;
        }
        self.engine.write(&mut batch, sync)?;
        Ok(())
    }
}

impl Engine for Raft {
    fn append_durable(&self, value: &[u8]) -> Result<()> {
        self.write(std::iter::once(value.to_vec()), true)
    }

    fn append_buffered(&self, values: &[Vec<u8>]) -> Option<Result<()>> {
        Some(self.write(values.iter().cloned(), false))
    }
}

/// OkayWAL. Every commit is synced; there is no other way.
struct Okay(WriteAheadLog);

impl Engine for Okay {
    fn append_durable(&self, value: &[u8]) -> Result<()> {
        let mut entry = self.0.begin_entry()?;
        entry.write_chunk(value)?;
        entry.commit()?;
        Ok(())
    }

    fn append_buffered(&self, _: &[Vec<u8>]) -> Option<Result<()>> {
        None
    }
}

/// An LSM tree with a write-ahead log: what RocksDB is, in Rust.
struct Fjall {
    database: Database,
    keyspace: Keyspace,
    next: AtomicU64,
}

impl Fjall {
    fn open(directory: &Path) -> Result<Fjall> {
        let database = Database::builder(directory).open()?;
        let keyspace = database.keyspace("log", KeyspaceCreateOptions::default)?;
        Ok(Fjall { database, keyspace, next: AtomicU64::new(0) })
    }

    fn key(&self) -> [u8; 8] {
        self.next.fetch_add(1, Ordering::Relaxed).to_be_bytes()
    }
}

impl Engine for Fjall {
    fn append_durable(&self, value: &[u8]) -> Result<()> {
        self.keyspace.insert(self.key(), value)?;
        Ok(self.database.persist(PersistMode::SyncData)?)
    }

    fn append_buffered(&self, values: &[Vec<u8>]) -> Option<Result<()>> {
        let mut batch = self.database.batch();
        for value in values {
            batch.insert(&self.keyspace, self.key(), value.as_slice());
        }
        Some(batch.commit().map_err(Into::into))
    }
}

/// A database. Its one writer at a time syncs at each commit, and nobody shares that.
struct Sqlite {
    durable: Mutex<Connection>,
    buffered: Mutex<Connection>,
}

impl Sqlite {
    fn open(directory: &Path) -> Result<Sqlite> {
        let connect = |synchronous: &str| -> Result<Mutex<Connection>> {
            let connection = Connection::open(directory.join("log.sqlite"))?;
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(None, "synchronous", synchronous)?;
            Ok(Mutex::new(connection))
        };
        let durable = connect("FULL")?;
        let lock = durable.lock().expect("nobody else has it yet");
        lock.execute("CREATE TABLE log (value BLOB NOT NULL)", [])?;
        drop(lock);
        Ok(Sqlite { durable, buffered: connect("NORMAL")? })
    }
}

const INSERT: &str = "INSERT INTO log (value) VALUES (?1)";

impl Engine for Sqlite {
    fn append_durable(&self, value: &[u8]) -> Result<()> {
        let connection = self.durable.lock().expect("no producer panics");
        connection.prepare_cached(INSERT)?.execute([value])?;
        Ok(())
    }

    fn append_buffered(&self, values: &[Vec<u8>]) -> Option<Result<()>> {
        let mut connection = self.buffered.lock().expect("no producer panics");
        let mut insert = || -> Result<()> {
            let transaction = connection.transaction()?;
            let mut statement = transaction.prepare_cached(INSERT)?;
            for value in values {
                statement.execute([value.as_slice()])?;
            }
            drop(statement);
            Ok(transaction.commit()?)
        };
        Some(insert())
    }
}
